"""Faults in the built HTML: what a reader would stumble over, and what would not work offline."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

# What fetches, per element: (element, attribute). Links in `a` only lead away when they are
# clicked.
RESOURCES = (
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("source", "src"),
    ("video", "src"),
    ("video", "poster"),
    ("audio", "src"),
    ("track", "src"),
    ("input", "src"),
    ("image", "href"),
    ("use", "href"),
)
FETCHING_LINKS = set(
    "stylesheet preload prefetch modulepreload preconnect dns-prefetch icon manifest".split()
)
# In a script: an address that is loaded as code or style rather than merely mentioned.
LOADED = re.compile(
    r"""(?:\bfrom|\bimport|\bimport\s*\(|\.src\s*=|\.href\s*=|fetch\s*\(|paths\s*:\s*\{[^}]*:)\s*["'`](?:https?:)?//[^"'`\s]+"""
)
IN_STYLE = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])((?:https?:)?//[^"')\s]+)""")
DRAWS = re.compile(r"<(?:path|use|text|image|circle|rect|line|polyline|polygon|ellipse)\b")
# What an object says of itself where it should have been drawn.
UNDRAWN = re.compile(
    r"<(?:Figure size|Axes|matplotlib\.|IPython\.|ipywidgets\.|function |module )[^>]*>"
)
EXPLORER = "spatialbias-explorer"
FAILED_OUTPUT = ".output.traceback, .output.error, .output.stderr, .system-message, .problematic"


class Fault(NamedTuple):
    page: str
    kind: str  # image | figure | output | widget | link | anchor | foreign
    detail: str

    def __str__(self) -> str:
        return f"{self.page}: {self.kind}: {self.detail}"


def check(site: str | Path) -> list[Fault]:
    """Every fault of a built site, in the order of its pages; an empty list means that none was
    found.

    Looked for: missing or broken images, empty figures, failed cells and warnings shown as output,
    widgets that need a kernel, links and anchors that lead nowhere inside the site, and anything
    fetched from another host.
    """
    _blank.cache_clear()  # the site may have been built again
    _anchors.cache_clear()
    site = Path(site)
    files = [
        path
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.relative_to(site).parts
    ]
    if not files:
        return [Fault(".", "link", f"no page in {site}")]
    faults = [fault for path in files for fault in _check_page(site, path)]
    for path in sorted(site.rglob("*.css")):
        text = path.read_text(encoding="utf-8", errors="replace")
        faults += [
            Fault(_name(site, path), "foreign", address) for address in IN_STYLE.findall(text)
        ]
    return faults


def _check_page(site: Path, path: Path) -> list[Fault]:
    soup = _soup(path)
    found: list[tuple[str, str]] = []

    for element, attribute in RESOURCES:
        for tag in soup.find_all(element):
            address = tag.get(attribute) or tag.get(f"xlink:{attribute}")
            if element == "img" and not address:
                found.append(("image", "an image without a source"))
            if address:
                found += _check_resource(site, path, element, address)
    for tag in soup.find_all("link", href=True):
        if FETCHING_LINKS & set(tag.get("rel", ())):
            found += _check_resource(site, path, "link", tag["href"])
    for tag in soup.find_all(srcset=True):
        for part in tag["srcset"].split(","):
            found += _check_resource(site, path, "image", part.split()[0])
    for tag in soup.find_all("script", src=False):
        found += [("foreign", loaded) for loaded in LOADED.findall(tag.get_text())]
        if "widget-view" in tag.get("type", ""):
            found.append(
                ("widget", "an ipywidget, which needs a kernel; show a picture in its place")
            )
    for tag in soup.find_all("style"):
        found += [("foreign", address) for address in IN_STYLE.findall(tag.get_text())]
    for tag in soup.find_all(style=True):
        found += [("foreign", address) for address in IN_STYLE.findall(tag["style"])]

    for tag in soup.select(FAILED_OUTPUT):
        found.append(("output", " ".join(tag.get_text().split())[:200] or "an empty error"))
    for tag in soup.select(".cell_output"):
        if not tag.select(FAILED_OUTPUT) and "Traceback (most recent call last)" in tag.get_text():
            found.append(("output", "a traceback among the outputs"))
        if undrawn := UNDRAWN.search(tag.get_text()):
            found.append(("figure", f"text in place of what should be shown: {undrawn[0]}"))
    for tag in soup.find_all("figure"):
        if not tag.find(
            ["img", "svg", "object", "video", "canvas", "table", "pre", "div", "iframe"]
        ):
            found.append(("figure", f"figure {tag.get('id', '')} shows nothing"))
    for tag in soup.find_all("svg"):
        if tag.find_parent(
            ["figure", "div"], class_=["cell_output", "figure"]
        ) and not DRAWS.search(str(tag)):
            found.append(("figure", "an inline SVG that draws nothing"))

    for tag in soup.find_all("a", href=True):
        found += _check_link(site, path, tag["href"])
    return [Fault(_name(site, path), kind, detail) for kind, detail in dict.fromkeys(found)]


def _check_resource(site: Path, page: Path, element: str, address: str) -> list[tuple[str, str]]:
    parts = urlsplit(address)
    if parts.netloc or parts.scheme in ("http", "https", "ftp"):
        return [("foreign", address)]
    if parts.scheme or not parts.path:  # data:, blob:, or a fragment of this page
        return []
    target = _resolve(site, page, parts.path)
    if not target.is_file():
        return [("image" if element in ("img", "image") else "link", f"{address} is missing")]
    if element in ("img", "image", "object"):
        return [("figure", f"{address} {what}") for what in _blank(target)]
    return []


def _check_link(site: Path, page: Path, address: str) -> list[tuple[str, str]]:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address in ("", "#"):
        return []
    target = _resolve(site, page, parts.path) if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return [("link", f"{address} leads nowhere")]
    anchors = _anchors(target) if parts.fragment and target.suffix == ".html" else None
    if anchors and "=" in parts.fragment and EXPLORER in anchors:
        return []  # a state of the explorer there
    if anchors is not None and unquote(parts.fragment) not in anchors:
        return [("anchor", f"{address} names no place on its page")]
    return []


@cache
def _blank(path: Path) -> list[str]:
    if path.suffix == ".svg":
        drawing = path.read_text(encoding="utf-8", errors="replace")
        body = re.sub(r"<(defs|clipPath|style|metadata)\b.*?</\1>", "", drawing, flags=re.DOTALL)
        # A canvas alone is one path: the background that matplotlib draws for every figure.
        return [] if len(DRAWS.findall(body)) > 1 else ["draws nothing"]
    if path.suffix in (".png", ".jpg", ".jpeg", ".gif", ".webp"):
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as picture:
                extrema = picture.convert("RGBA").getextrema()
        except (UnidentifiedImageError, OSError):
            return ["is not a readable image"]
        return ["is of one colour"] if all(low == high for low, high in extrema) else []
    return []


@cache
def _anchors(path: Path) -> set[str]:
    soup = _soup(path)
    named = soup.find_all("a", attrs={"name": True})
    places = {tag["id"] for tag in soup.find_all(id=True)} | {tag["name"] for tag in named}
    return places | ({EXPLORER} if soup.find(class_=EXPLORER) else set())


def _resolve(site: Path, page: Path, address: str) -> Path:
    """The file that an address means; what leaves the site counts as missing, for the site may be
    moved or served.
    """
    base = site if address.startswith("/") else page.parent
    target = (base / unquote(address).lstrip("/")).resolve()
    return target if target.is_relative_to(site.resolve()) else site / "outside the site"


def _soup(path: Path):
    from bs4 import BeautifulSoup

    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def _name(site: Path, path: Path) -> str:
    return path.relative_to(site).as_posix()
