"""A small Sphinx extension: what the rendered book needs beyond Jupyter Book's settings.

Widgets need a kernel. In the rendered page their output gives way to what stands beside it: the
explorer's page, a picture, or nothing. A page that shows the explorer gets its scripts, and the site
the networks that they run.

Images are described for those who do not see them: by what is written in the drawing, its axes and
curves, and by their caption.

Figures follow the page from light to dark. A figure is an SVG file in an `img`, so the page's
stylesheet cannot reach into it, but its own stylesheet is told by the page whether the page is
dark. In dark mode black and grey inks trade places with white, and hues too dark to be read are
mixed with white; embedded photographs stay what they are.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path

from spatialbias.book import kernel, numbers, run, search, terms

WIDGET = "application/vnd.jupyter.widget-view+json"
MARK = "spatialbias-dark"
EXPLORER = 'class="spatialbias-explorer" data-shared'
INK = re.compile(r"(?:fill|stroke)\s*[:=]\s*\"?(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3}|black|white)\b")
TEXT = re.compile(r"(?s)<text\b[^>]*>(.*?)</text>")
ICON = re.compile(
    r'"?([a-z0-9-]+)"?:\[\d+,\d+,(\[[^\]]*\]),"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?'
)  # in Font Awesome's script: a name, its other names, a drawing
PAGE = 18  # grey level of the theme's dark page


def setup(app):
    from docutils import nodes
    from sphinx.transforms.post_transforms import SphinxPostTransform

    class DropWidgets(SphinxPostTransform):
        default_priority = 3  # just before myst-nb picks one form of each output

        def run(self, **kwargs):
            for bundle in list(self.document.findall(nodes.container)):
                if bundle.get("nb_element") != "mime_bundle":
                    continue
                kinds = [form.get("mime_type") for form in bundle.children]
                if WIDGET in kinds:
                    bundle.children = [
                        f
                        for f in bundle.children
                        if f.get("mime_type") not in (WIDGET, "text/plain")
                    ]

    class NameImages(SphinxPostTransform):
        default_priority = 5  # just after it

        def run(self, **kwargs):
            for image in self.document.findall(nodes.image):
                if not image.get("alt"):
                    image["alt"] = described(image, Path(self.app.srcdir))

    app.add_transform(numbers.transform())
    kernel.stop_at_ctrl_c()
    app.add_post_transform(DropWidgets)
    app.add_post_transform(NameImages)
    app.add_post_transform(terms.transform(app))
    app.add_config_value("moved_pages", {}, "html")
    app.connect("html-page-context", _add_explorer)
    app.connect("html-page-context", _add_run)
    app.connect("build-finished", _darken_figures)
    app.connect("build-finished", _write_explorer)
    app.connect("build-finished", _name_controls)
    app.connect("build-finished", _fewer_icons)
    app.connect("build-finished", _redirect)
    app.connect("build-finished", _mend)
    app.connect("build-finished", search.write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


MISNAMED = {  # what others write into the pages that a screen reader stumbles over
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    "<div class='scroll'>": "<div class='scroll' tabindex='0'>",  # reached without a mouse
}


def _mend(app, exception):
    """A notebook is downloaded, not shown as text. Names that differ from what is seen go."""
    if exception is not None:
        return
    sources = Path(app.outdir) / "_sources"
    for path in sorted(Path(app.outdir).rglob("*.html")):
        text = path.read_text("utf-8")
        changed = run.with_downloads(text, sources)
        for theirs, ours in MISNAMED.items():
            changed = changed.replace(theirs, ours)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
    for path in sources.rglob("*.ipynb"):
        path.unlink()  # they lie in the pages


def described(image, folder: Path) -> str:
    """What an image shows, in words: those written in the drawing, and its caption's."""
    from docutils import nodes

    cell = image
    while cell.parent is not None and "cell" not in cell.get("classes", ()):
        cell = cell.parent
    caption = next(image.parent.findall(nodes.caption), None) or numbers.caption_below(cell)
    drawing = folder / image["uri"]
    written = labels(drawing.read_text("utf-8")) if drawing.suffix == ".svg" else []
    parts = [f"Drawn with the words: {'; '.join(written)}."] if written else []
    parts += [re.sub(r"^(Figure|Table) \d+ ", "", caption.astext())] if caption else []
    return " ".join(parts) or "what the cell above draws"


def labels(svg: str) -> list[str]:
    """What is written in a drawing, without repetitions and numbers: axes, curves, panels."""
    texts = (html.unescape(re.sub(r"<[^>]*>", "", t)) for t in TEXT.findall(svg))
    return list(dict.fromkeys(t.strip() for t in texts if re.search(r"[^\W\d_]{2}", t)))


def _redirect(app, exception):
    """Old addresses of renamed pages lead to the new ones."""
    for old, new in app.config.moved_pages.items() if exception is None else ():
        target, page = Path(app.outdir) / f"{new}.html", Path(app.outdir) / f"{old}.html"
        if target.is_file() and not page.is_file():
            to = os.path.relpath(target, page.parent).replace(os.sep, "/")
            page.write_text(
                f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Moved</title>'
                '<link rel="icon" href="data:,">'
                f'<meta http-equiv="refresh" content="0; url={to}"><a href="{to}">moved here</a>',
                encoding="utf-8",
            )


def _add_explorer(app, page, template, context, doctree):
    from spatialbias.explorer.site import SCRIPTS

    if EXPLORER in context.get("body", ""):
        for script in SCRIPTS:
            app.add_js_file(f"explorer/{script}")


def _add_run(app, page, template, context, doctree):
    """Each notebook ends with how it is run; the search page gets the pages' texts."""
    source = Path(app.env.doc2path(page)) if doctree is not None else Path()
    if source.suffix == ".ipynb":
        context["body"] += run.fold(page, source.read_text("utf-8"))
    if page == "search":
        app.add_js_file(search.SCRIPT, loading_method="defer")


def _write_explorer(app, exception):
    from spatialbias.explorer import site

    pages = Path(app.outdir).rglob("*.html")
    if exception is None and any(EXPLORER in path.read_text("utf-8") for path in pages):
        site.write(Path(app.outdir) / "_static" / "explorer")


def _name_controls(app, exception):
    """What a control is called must contain what it shows: the theme's search button and its switch
    for the dark break this.
    """
    for path in Path(app.outdir).rglob("*.html") if exception is None else ():
        text = path.read_text(encoding="utf-8")
        named = text.replace(' title="Search" aria-label="Search"', ' title="Search"')
        hidden = '<span class="visually-hidden">Color mode</span>'
        named = re.sub(
            r'(theme-switch-button[^>]*) aria-label="Color mode"([^>]*>)', rf"\1\2{hidden}", named
        )
        if named != text:
            path.write_text(named, encoding="utf-8")


def _fewer_icons(app, exception):
    """Of Font Awesome's two thousand icons, 1.5 MB that every page loads, those that are used."""
    scripts = Path(app.outdir) / "_static" / "scripts"
    icons = scripts / "fontawesome.js"
    if exception is not None or not icons.is_file():
        return
    users = [*Path(app.outdir).rglob("*.html"), *set(scripts.glob("*.js")) - {icons}]
    used = {
        name for path in users for name in re.findall(r"\bfa-([a-z0-9-]+)", path.read_text("utf-8"))
    }

    def kept(icon: re.Match) -> str:
        return icon[0] if used & {icon[1], *re.findall(r'"([^"]+)"', icon[2])} else ""

    icons.write_text(ICON.sub(kept, icons.read_text("utf-8")), encoding="utf-8")


def _darken_figures(app, exception):
    if exception is None:
        for path in sorted((Path(app.outdir) / "_images").glob("*.svg")):
            text = path.read_text(encoding="utf-8")
            path.write_text(follow_theme(text), encoding="utf-8")


def follow_theme(svg: str) -> str:
    """The SVG text with a style sheet that exchanges its inks where the page is dark."""
    start = re.search(r"<svg\b[^>]*>", svg)
    if start is None or MARK in svg:
        return svg
    rules = ["svg { fill: #e8e8e8 }"]  # ink that nobody named is black
    for ink in sorted(set(INK.findall(svg))):
        other = _exchanged(ink)
        if other:
            for what in ("fill", "stroke"):
                rules.append(
                    f'[style*="{what}: {ink}"], [{what}="{ink}"] {{ {what}: {other} !important }}'
                )
    style = (
        f'<style id="{MARK}">@media (prefers-color-scheme: dark) {{ {" ".join(rules)} }}</style>'
    )
    return svg[: start.end()] + style + svg[start.end() :]


def _exchanged(ink: str) -> str | None:
    """The colour that takes an ink's place on a dark page, or None where it may stay."""
    from matplotlib.colors import to_rgb

    rgb = [round(255 * level) for level in to_rgb(ink)]
    if (
        max(rgb) - min(rgb) <= 24
    ):  # neutral: black becomes a soft white, white the page's dark, greys in between
        grey = round(232 - (232 - PAGE) * sum(rgb) / 3 / 255)
        return "#" + 3 * f"{grey:02x}"
    lighter = rgb
    for _ in range(20):  # a hue: mixed with white until it can be read
        if (_luminance(lighter) + 0.05) / (_luminance([PAGE] * 3) + 0.05) >= 4.5:
            break
        lighter = [level + (255 - level) * 0.06 for level in lighter]
    return None if lighter is rgb else "#" + "".join(f"{round(level):02x}" for level in lighter)


def _luminance(rgb: list[float]) -> float:
    """Relative luminance, as WCAG defines it for contrast."""
    linear = [
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
