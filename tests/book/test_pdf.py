"""The book as one PDF, printed from a tiny site of two pages."""

import unicodedata

import pytest

from spatialbias.book import pdf
from spatialbias.book.build import build
from spatialbias.book.parameters import BuildError

PAGE = """<!doctype html><html lang="en"><head><title>Tiny</title>
<link rel="stylesheet" href="{up}_static/book.css"></head><body><p class="logo__title">A tiny book</p>
<article class="bd-article"><section id="{name}"><h1>{title}<a class="headerlink" href="#x">#</a></h1>
{body}</section></article></body></html>"""
FIRST = """<p>See <a href="work/page.html#place">there</a>, <a href="gone.html">gone</a> and
<a href="work/page.html#turn=40">a state</a>.</p><details class="fold run"><summary>Run this page</summary>
<p>papermill</p></details>"""
SECOND = """<p><img src="../_images/red.png" alt="red"> <a href="../index.html">back</a></p>
<div class="spatialbias-mover">It needs scripts.<button>press me</button></div>
<details class="claim"><summary>A claim</summary><div>its details</div></details>
<p style="break-before: page" id="place">The place.</p>"""


@pytest.fixture
def site(tmp_path):
    from PIL import Image

    site = tmp_path / "site"
    for folder in ("_static/mathjax", "_images", "book/work"):
        (site / folder).mkdir(parents=True)
    (site / "_static" / "book.css").touch()
    script = "MathJax.startup = { promise: Promise.resolve() };"
    (site / "_static" / "mathjax" / "tex-svg-full.js").write_text(script)
    Image.new("RGB", (40, 20), (200, 0, 0)).save(site / "_images" / "red.png")
    first = PAGE.format(up="../", name="first", title="The first page", body=FIRST)
    second = PAGE.format(
        up="../../", name="second", title="The second page", body=SECOND.replace("../_", "../../_")
    )
    (site / "book" / "index.html").write_text(first)
    (site / "book" / "work" / "page.html").write_text(second)
    return site


def test_two_pages_become_one_document(site, tmp_path):
    pypdf = pytest.importorskip("pypdf")
    pytest.importorskip("playwright.sync_api")
    if pdf.program() is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    out = tmp_path / "out" / "book.pdf"
    parts = [("", ["book/index"]), ("A part", ["book/work/page"])]
    assert pdf.write(site, parts, out) == 5  # cover, contents, the first, and two of the second
    reader = pypdf.PdfReader(out)
    texts = (
        unicodedata.normalize("NFKC", page.extract_text()) for page in reader.pages
    )  # ligatures
    cover, contents, first, second, place = texts
    assert "A tiny book" in cover and "A part" in contents
    assert contents.split("The first page")[1].split()[0] == "3"
    assert contents.split("The second page")[1].split()[0] == "4"
    assert "The first page" in first and "#" not in first and "papermill" not in first
    assert "A claim" in second and "details" not in second and "press me" not in second
    assert "in the book itself it answers" in second and "The place." in place
    assert len(reader.pages[3].images) == 2  # the figure, and what stands for what moves
    assert [entry.title for entry in reader.outline] == ["The first page", "The second page"]
    leads = [
        reader.get_destination_page_number(reader.named_destinations[link.get_object()["/Dest"]])
        for page in reader.pages
        for link in page.get("/Annots", ())
    ]
    assert leads == [2, 3, 4, 3, 2]  # from the contents, to the place, the state, and back
    assert [path.name for path in out.parent.iterdir()] == ["book.pdf"]


def test_without_chromium_nothing_is_begun(tiny_book, monkeypatch):
    root = tiny_book("open('executed', 'w').close()")
    monkeypatch.setattr(pdf, "program", lambda: None)
    pytest.importorskip("pypdf")
    with pytest.raises(BuildError, match="printed by Chromium, which is not here .*apt-get"):
        build("smoke", root=root, pdf=True)
    assert not (root / "executed").exists()
