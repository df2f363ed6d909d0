"""The book as one PDF, printed by Chromium from the built site: its pages one after the other, in
light, behind a table of contents that knows the numbers of the pages.

What folds on the site is left out (code, records and how a page is run: they are there for who has
the book); the details of a claim stand in the ledger of its chapter. In place of what moves stands a
picture of it.
"""

from __future__ import annotations

import base64
import contextlib
import html
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from spatialbias.book.parameters import BuildError

HERE = Path(__file__).parent
PATIENCE = 120_000  # milliseconds that the explorer and the formulas may take
MARGIN = {"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"}
SCALE = 0.85  # panels that stand beside each other on the site do so on paper
FOOT = (
    '<div style="width: 100%; text-align: center; font: 8pt sans-serif; color: #55595f">'
    '<span class="pageNumber"></span></div>'
)
LEFT_OUT = (
    "script, noscript, button, .headerlink, .fold, details.hide, .prev-next-footer, "
    "[data-mime-type='application/vnd.jupyter.widget-view+json']"
)
LEDGER = "/claims"  # where the details of a claim are printed
MOVES = "[class^='spatialbias-']"  # what draws itself, and answers
SETTLED = """[...document.querySelectorAll(".spatialbias-explorer")].every((host) => {
    const state = host.shadowRoot?.querySelector("[data-shown]")?.dataset;
    return state && !(state.round && !state.settled) })"""
CONTROLS = (
    "input, select, .controls, .note { display: none !important } "
    "button { border: 0 !important; background: none !important } "  # a network's name is one
    ":host { display: block; padding-bottom: 1.5rem }"
)
ABOUT = (
    "Printed from the book, which can be run: there each page has its code, its records, and the "
    "command that makes it again, and networks answer in the explorer."
)
MATHJAX = """
<script>MathJax = { options: { processHtmlClass: "math" } }</script>
<script src="{site}/_static/mathjax/tex-svg-full.js"></script>
"""


def needs() -> str:
    """The path of Chromium. Raises BuildError if it, or a package that drives it, is not here."""
    try:
        import playwright.sync_api  # noqa: F401
        import pypdf  # noqa: F401
    except ModuleNotFoundError as error:
        raise BuildError(f"the PDF needs {error.name}; pip install '.[pdf]' brings it") from None
    found = program()
    if found is None:
        raise BuildError(
            "the PDF is printed by Chromium, which is not here (Debian: apt-get install chromium)"
        )
    return found


def program() -> str | None:
    """Chromium, or Chrome, as this machine has it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def started(chromium: str) -> Iterator:
    """A browser without its own talk to the network."""
    from playwright.sync_api import sync_playwright

    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet.append("--no-sandbox")  # Chromium's sandbox refuses root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield browser
        browser.close()


def write(site: Path, parts: list[tuple[str, list[str]]], out: Path) -> int:
    """Print the built site as one PDF; the number of its pages.

    parts: captions ("" for none) and the documents under them, as paths without suffix.
    """
    chromium, site = needs(), site.resolve()
    documents = [document for _, chapters in parts for document in chapters]
    out.parent.mkdir(parents=True, exist_ok=True)
    composed = out.with_suffix(".print.html")
    with started(chromium) as browser:
        try:
            pictures = {d: _pictures(browser, site / f"{d}.html") for d in documents}
            composed.write_text(_compose(site, parts, pictures), encoding="utf-8")
            page = browser.new_page(color_scheme="light")
            page.set_default_timeout(PATIENCE)
            page.goto(composed.as_uri(), wait_until="load")
            page.wait_for_function("document.fonts.status === 'loaded'")
            page.evaluate("MathJax.startup.promise.then(() => true)")
            _print(page, out)
            numbers = _numbers(out)  # of the first printing: numbers take no room of their own
            page.evaluate(
                """(numbers) => document.querySelectorAll(".overview .at").forEach((at) => {
                   at.textContent = numbers[at.dataset.of] ?? "" })""",
                numbers,
            )
            _print(page, out)
        finally:
            composed.unlink(missing_ok=True)
    return _count(out)


def _print(page, out: Path) -> None:
    page.pdf(
        path=out,
        format="A4",
        margin=MARGIN,
        scale=SCALE,
        print_background=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOT,
        outline=True,
        tagged=True,
    )


def _numbers(path: Path) -> dict[str, str]:
    """On which page each place of the PDF lies."""
    import pypdf

    reader = pypdf.PdfReader(path)
    return {
        name.removeprefix("/"): str(reader.get_destination_page_number(place) + 1)
        for name, place in reader.named_destinations.items()
    }


def _count(path: Path) -> int:
    import pypdf

    return len(pypdf.PdfReader(path).pages)


def _pictures(browser, path: Path) -> list[str]:
    """Pictures of what moves on a page, without its controls, as addresses that hold them."""
    if "spatialbias-" not in path.read_text("utf-8"):
        return []
    page = browser.new_page(
        viewport={"width": 1100, "height": 1600}, device_scale_factor=2, color_scheme="light"
    )
    page.set_default_timeout(PATIENCE)
    page.goto(path.as_uri(), wait_until="load")
    page.wait_for_function(SETTLED)
    hosts = page.locator(f".bd-article {MOVES}")
    hosts.evaluate_all(
        """(hosts, css) => hosts.forEach((host) => { const style = document.createElement("style");
           style.textContent = css; (host.shadowRoot ?? host).append(style) })""",
        CONTROLS,
    )
    page.wait_for_timeout(500)  # until it is laid out and drawn anew
    pictures = [base64.b64encode(host.screenshot(type="png")).decode() for host in hosts.all()]
    page.close()
    return [f"data:image/png;base64,{picture}" for picture in pictures]


# ------------------------------------------------------------------------------------- one document


def _compose(site: Path, parts: list[tuple[str, list[str]]], pictures: dict[str, list[str]]) -> str:
    """The site's pages as one HTML document."""
    from bs4 import BeautifulSoup

    first = BeautifulSoup((site / f"{parts[0][1][0]}.html").read_text("utf-8"), "html.parser")
    title = first.select_one(".logo__title")
    title = title.get_text().strip() if title else first.title.get_text()
    about = [p.get_text().strip() for p in first.select(".footer-items p, .footer-item > p")]
    styles = "".join(
        f'<link rel="stylesheet" href="{(site / parts[0][1][0]).parent.joinpath(address).resolve().as_uri()}">'
        for link in first.select("link[rel=stylesheet]")
        if (address := urlsplit(link["href"]).path)
    )
    there = {document: _slug(document) for _, chapters in parts for document in chapters}
    listed, bodies = [], []
    for caption, chapters in parts:
        listed += [f"<li class='part'>{html.escape(caption)}</li>"] if caption else []
        for document in chapters:
            article = _article(site, document, there, pictures.get(document, []))
            name = article.h1.get_text() if article.h1 else document
            listed.append(
                f"<li><a href='#{there[document]}'>{html.escape(name)}</a>"
                f"<span class='at' data-of='{there[document]}'></span></li>"
            )
            bodies.append(
                f"<div class='chapter' id='{there[document]}'>{article.decode_contents()}</div>"
            )
    return f"""<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>{html.escape(title)}</title>{styles}<style>{(HERE / "print.css").read_text("utf-8")}</style>
{MATHJAX.replace("{site}", site.as_uri())}</head>
<body><main class="bd-content"><article class="bd-article book">
<header class="cover"><p class="title">{html.escape(title)}</p>
{"".join(f"<p>{html.escape(line)}</p>" for line in dict.fromkeys(about))}<p>{ABOUT}</p></header>
<nav class="overview"><p class="title">Contents</p><ul>{"".join(listed)}</ul></nav>
{"".join(bodies)}</article></main></body></html>"""


def _slug(document: str) -> str:
    return document.removeprefix("book/").replace("/", "-")


def _article(site: Path, document: str, there: dict[str, str], pictures: list[str]):
    """A page's article, its places and links renamed for a document of many pages."""
    from bs4 import BeautifulSoup

    path = site / f"{document}.html"
    soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    for host, picture in zip(article.select(MOVES), pictures, strict=True):
        image = soup.new_tag("img", src=picture, alt=host.get_text())
        image["class"] = "stand-in"
        note = soup.new_tag("p", attrs={"class": "stand-in"})
        note.string = "As it opens; in the book itself it answers."
        host.replace_with(image, note)
    for tag in article.select(LEFT_OUT):
        tag.decompose()
    if not document.endswith(LEDGER):
        for tag in article.select("details.claim > div"):
            tag.decompose()
    for fold in article.find_all("details"):
        fold["open"] = ""
    slug = there[document]
    for tag in article.find_all(id=True):
        tag["id"] = f"{slug}--{tag['id']}"
    for image in article.find_all("img"):
        if not image["src"].startswith("data:"):
            image["src"] = (path.parent / unquote(image["src"])).resolve().as_uri()
    for link in article.find_all("a", href=True):
        address = _within(link["href"], PurePosixPath(document), there)
        if address is None:
            link.unwrap()
        else:
            link["href"] = address
    return article


def _within(address: str, page: PurePosixPath, there: dict[str, str]) -> str | None:
    """Where a link of a page leads in a document of many pages; None if nowhere."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https", "mailto"):
        return address
    if parts.scheme:
        return None
    target = os.path.normpath(page.parent / unquote(parts.path)) if parts.path else f"{page}.html"
    slug = there.get(re.sub(r"\.html$", "", target))
    if slug is None:
        return None
    plain = parts.fragment and "=" not in parts.fragment  # else a state of the explorer there
    return f"#{slug}--{parts.fragment}" if plain else f"#{slug}"
