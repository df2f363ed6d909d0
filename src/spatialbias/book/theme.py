"""A small Sphinx extension: what the rendered book needs beyond Jupyter Book's settings.

Widgets need a kernel. In the rendered page their output gives way to what stands beside it: the
explorer's page, a picture, or nothing. A page that shows the explorer gets its scripts, and the site
the networks that they run.

Images are described for those who do not see them: by their caption, for want of better words.

Figures follow the page from light to dark. A figure is an SVG file in an `img`, so the page's
stylesheet cannot reach into it, but its own stylesheet is told by the page whether the page is
dark. In dark mode black and grey inks trade places with white, and hues too dark to be read are
mixed with white; embedded photographs stay what they are.
"""

from __future__ import annotations

import json
import os
import re
from importlib.metadata import metadata
from pathlib import Path

from spatialbias.book import terms

WIDGET = "application/vnd.jupyter.widget-view+json"
NOTEBOOK = re.compile(r'(<a href="[^"]*_sources/[^"]*\.ipynb")\s+target="_blank"')
MARK = "spatialbias-dark"
EXPLORER = 'class="spatialbias-explorer"'
INK = re.compile(r"(?:fill|stroke)\s*[:=]\s*\"?(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3}|black|white)\b")
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

    def caption_below(image):
        """The paragraph in italics that follows the cell of an image."""
        cell = image
        while cell.parent is not None and "cell" not in cell.get("classes", ()):
            cell = cell.parent
        below = cell.next_node(nodes.paragraph, descend=False, siblings=True)
        starts = below is not None and below.children
        return below if starts and isinstance(below.children[0], nodes.emphasis) else None

    class NameImages(SphinxPostTransform):
        default_priority = 5  # just after it

        def run(self, **kwargs):
            for image in self.document.findall(nodes.image):
                if not image.get("alt"):
                    figure = image.parent if isinstance(image.parent, nodes.figure) else None
                    caption = next(figure.findall(nodes.caption), None) if figure else None
                    caption = caption or caption_below(image)
                    image["alt"] = caption.astext() if caption else "what the cell above draws"

    app.add_post_transform(DropWidgets)
    app.add_post_transform(NameImages)
    app.add_post_transform(terms.transform(app))
    app.add_config_value("moved_pages", {}, "html")
    app.connect("html-page-context", _add_explorer)
    app.connect("build-finished", _darken_figures)
    app.connect("build-finished", _write_explorer)
    app.connect("build-finished", _name_controls)
    app.connect("build-finished", _redirect)
    app.connect("build-finished", _name_downloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


MISNAMED = {  # what others write into the pages that a screen reader stumbles over
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    "<div class='scroll'>": "<div class='scroll' tabindex='0'>",  # reached without a mouse
}


def _name_downloads(app, exception):
    """A notebook is downloaded, not shown as text; and it says which package it needs. Names that
    differ from what is seen go.
    """
    if exception is not None:
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        text = path.read_text("utf-8")
        changed = NOTEBOOK.sub(r"\1 download", text)
        for theirs, ours in MISNAMED.items():
            changed = changed.replace(theirs, ours)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
    for path in sorted((Path(app.outdir) / "_sources").rglob("*.ipynb")):
        page = path.relative_to(Path(app.outdir) / "_sources").as_posix()
        path.write_text(_with_origin(path.read_text("utf-8"), page), encoding="utf-8")


def _with_origin(notebook: str, page: str) -> str:
    """A notebook's text with a first cell that says what it belongs to."""
    content = json.loads(notebook)
    if any(cell.get("id") == "origin" for cell in content["cells"]):
        return notebook
    about = metadata("spatialbias")
    urls = [entry.partition(", ")[2] for entry in about.get_all("Project-URL") or ()]
    where = f" ({urls[0]})" if urls else ""
    cell = {
        "cell_type": "markdown",
        "id": "origin",
        "metadata": {},
        "source": [
            f"This is the page `{page}` of *{about['Summary']}*, package `spatialbias` "
            f"{about['Version']}, as it was executed. To run it, open it in a copy of the project's "
            f"repository{where} after `pip install -e '.[book]'` there."
        ],
    }
    content["cells"].insert(0, cell)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _redirect(app, exception):
    """Old addresses of renamed pages lead to the new ones."""
    for old, new in app.config.moved_pages.items() if exception is None else ():
        target, page = Path(app.outdir) / f"{new}.html", Path(app.outdir) / f"{old}.html"
        if target.is_file() and not page.is_file():
            to = os.path.relpath(target, page.parent).replace(os.sep, "/")
            page.write_text(
                f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Moved</title>'
                f'<meta http-equiv="refresh" content="0; url={to}"><a href="{to}">moved here</a>',
                encoding="utf-8",
            )


def _add_explorer(app, page, template, context, doctree):
    from spatialbias.explorer.site import SCRIPTS

    if EXPLORER in context.get("body", ""):
        for script in SCRIPTS:
            app.add_js_file(f"explorer/{script}")


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
