"""The built site as a reader meets it: opened from disk, offline, on a desk and on a phone, by day
and by night.
"""

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def documents(site):
    return [
        p
        for p in sorted(site.rglob("*.html"))
        if "_static" not in p.parts and p.name != "genindex.html"
    ]


def visit(browser, path, viewport=DESK, scheme="light"):
    """Open a page from disk, or an address; return it and the list, still growing, of what it
    complained of.
    """
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.set_default_timeout(120_000)  # other work may share the machine
    said = []
    page.on(
        "console",
        lambda m: said.append(f"console: {m.text}") if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("requestfailed", lambda r: said.append(f"failed: {r.url}"))
    inside = ("file:", "data:", "blob:", "http://127.0.0.1:")
    page.on(
        "request",
        lambda r: None if r.url.startswith(inside) else said.append(f"left the site: {r.url}"),
    )
    page.goto(path if isinstance(path, str) else path.as_uri(), wait_until="load")
    page.wait_for_timeout(300)
    return page, said


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_complains_leaves_the_site_or_overflows(site, browser, viewport, scheme):
    complaints = {}
    for path in documents(site):
        page, said = visit(browser, path, viewport, scheme)
        wider = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wider > 1:
            said.append(f"{wider} px too wide")
        page.close()
        if said:
            complaints[path.name] = said
    assert complaints == {}


def test_no_page_complains_where_it_is_served(site, addresses, browser):
    complaints = {}
    for path in documents(site):
        name = path.relative_to(site).as_posix()
        page, said = visit(browser, f"{addresses['http']}/{name}")
        page.close()
        if said:
            complaints[name] = said
    assert complaints == {}


def test_every_page_names_its_icon(site):
    """Browsers ask the server's root for one otherwise."""
    for path in documents(site):
        assert re.search(r'<link rel="(shortcut )?icon"', path.read_text("utf-8")), path


def test_the_explorer_s_page_takes_15_megabytes_at_most(site, browser):
    """With the theme, and with the networks where npm could be had."""
    page = browser.new_page()
    asked = set()
    page.on("request", lambda request: asked.add(unquote(urlsplit(request.url).path)))
    page.goto((site / "book" / "explorer.html").as_uri())
    page.locator("[data-host][data-shown]").nth(1).wait_for(timeout=120_000)
    page.close()
    sizes = {path: Path(path).stat().st_size for path in asked if Path(path).is_file()}
    assert sum(sizes.values()) <= 15e6, sizes


def test_every_icon_is_drawn(site, browser):
    """Font Awesome draws a question mark in motion where it has no icon of a name."""
    page, _ = visit(browser, site / "index.html")
    icons = page.locator("svg[data-icon]")
    icons.first.wait_for(state="attached")
    assert icons.count() >= 5
    assert page.locator("svg[data-icon] animate").count() == 0
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<i class=\"fa-solid fa-ghost\"></i>')"
    )
    page.locator("svg[data-icon=ghost] animate").first.wait_for(state="attached")
    page.close()


def test_the_first_figure_is_within_one_screen_of_the_top(site, browser):
    low = {}
    for path in documents(site):
        page, _ = visit(browser, path)
        top = page.evaluate(
            """(() => {
                const h1 = document.querySelector('.bd-article h1 + .cell + blockquote, .bd-article h1 + blockquote');
                const figure = document.querySelector('.bd-article .cell_output img');
                return h1 && figure ? figure.getBoundingClientRect().top + window.scrollY : 0 })()"""
        )
        page.close()
        if top > DESK["height"]:
            low[path.name] = top
    assert low == {}


def test_figures_are_transparent_and_unfiltered_in_the_dark(site, browser):
    for path in documents(site):
        page, _ = visit(browser, path, scheme="dark")
        page.wait_for_function(
            "document.documentElement.dataset.theme !== 'auto'", timeout=20_000
        )  # the theme's script sets it
        assert page.evaluate("document.documentElement.dataset.theme") in (
            "dark",
            None,
        )  # None: a redirect
        styles = page.evaluate(
            """[...document.querySelectorAll('.bd-article img[src$=".svg"]')].map(e => getComputedStyle(e))
               .map(s => [s.backgroundColor, s.filter])"""
        )
        page.close()
        assert all(style == ["rgba(0, 0, 0, 0)", "none"] for style in styles), path


def test_the_text_can_be_read_by_day_and_by_night(site, browser):
    contrast = """() => {
        const rgb = c => { const x = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
            x.fillStyle = c; x.fillRect(0, 0, 1, 1); return [...x.getImageData(0, 0, 1, 1).data] };
        const light = c => rgb(c).slice(0, 3).map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
        const page = light(getComputedStyle(document.body).backgroundColor);
        return ['.bd-article h1', '.bd-article p', '.bd-article p a', '.bd-links a', '.bd-footer-content p']
            .map(s => document.querySelector(s)).filter(e => e)
            .map(e => light(getComputedStyle(e).color))
            .map(l => (Math.max(l, page) + .05) / (Math.min(l, page) + .05)) }"""
    for scheme in ("light", "dark"):
        page, _ = visit(browser, site / "book" / "index.html", scheme=scheme)
        ratios = page.evaluate(contrast)
        page.close()
        assert len(ratios) >= 3 and min(ratios) >= 4.5, (scheme, ratios)


def test_formulas_are_drawn_without_a_network(site, browser):
    for path in documents(site):
        page, _ = visit(browser, path)
        if page.locator(".bd-article .math").count():
            page.wait_for_selector("mjx-container svg")
            assert page.locator("mjx-merror, [data-mml-node='merror']").count() == 0, path
        page.close()


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_the_search_finds_words_and_shows_where(addresses, browser, scheme):
    page, said = visit(browser, f"{addresses[scheme]}/book/index.html")
    assert page.locator(".search-button-field:visible").count() == 1
    page.locator(".search-button-field:visible").click()
    page.keyboard.type("recall")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li p.context")
    page.wait_for_function("document.querySelector('.search-summary').innerText.includes('found')")
    found = page.locator("#search-results li")
    contexts = [text.lower() for text in found.locator("p.context").all_inner_texts()]
    assert len(contexts) == found.count() > 1 and sum("recall" in c for c in contexts) > 1
    first = found.first.locator("a")
    title = first.inner_text()
    first.click()
    page.wait_for_selector(f".bd-article h1:has-text({json.dumps(title)})")
    assert said == []
    page.close()


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_page_s_notebook_is_downloaded(addresses, browser, scheme):
    page, said = visit(browser, f"{addresses[scheme]}/book/coordinet/shifts.html")
    page.get_by_label("Download this page").click()
    with page.expect_download() as download:
        page.locator("a[download$='.ipynb']").click()
    assert download.value.suggested_filename == "coordinet-shifts.ipynb"
    notebook = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and "spatialbias" in "".join(notebook["cells"][0]["source"])
    page.close()
