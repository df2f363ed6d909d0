"""Every fault that check() promises to find, planted alone in a site that is otherwise sound."""

import pytest
from PIL import Image

from spatialbias.book.check import check

SOUND = """<html><head><link rel="stylesheet" href="_static/book.css"></head><body id="top">
<a href="other.html#there">there</a> <a href="#top">up</a> <a href="https://example.org/">a source</a>
<figure><img src="_images/plot.svg"></figure> <img src="_images/photo.png"> <img src="data:image/png;base64,AA=="> {}
</body></html>"""
PLOT = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0"/><path d="M 0 0 L 1 1"/></svg>'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_images").mkdir()
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "book.css").write_text("body { color: black }")
    (tmp_path / "_images" / "plot.svg").write_text(PLOT)
    photo = Image.new("RGB", (2, 1))
    photo.putpixel((0, 0), (255, 0, 0))
    photo.save(tmp_path / "_images" / "photo.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "_images" / "black.png")
    (tmp_path / "_images" / "torn.png").write_bytes(b"\x89PNG")
    (tmp_path / "_images" / "empty.svg").write_text(PLOT.replace('<path d="M 0 0 L 1 1"/>', ""))
    (tmp_path / "other.html").write_text('<p id="there">here</p>')
    (tmp_path / "index.html").write_text(SOUND.format(""))
    return tmp_path


def test_a_sound_site_has_no_fault(site):
    assert check(site) == []


def test_no_site_at_all_is_a_fault(tmp_path):
    assert len(check(tmp_path)) == 1


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ('<img src="_images/missing.png">', "image"),
        ("<img>", "image"),
        ('<img src="../outside.png">', "image"),
        ('<img src="_images/black.png">', "figure"),
        ('<img src="_images/torn.png">', "figure"),
        ('<img src="_images/empty.svg">', "figure"),
        ('<figure id="f"><figcaption>nothing</figcaption></figure>', "figure"),
        (
            '<div class="cell_output"><div class="output traceback"><pre>ZeroDivisionError</pre></div></div>',
            "output",
        ),
        (
            '<div class="cell_output"><div class="output stderr"><pre>UserWarning</pre></div></div>',
            "output",
        ),
        ('<div class="cell_output"><pre>Traceback (most recent call last):</pre></div>', "output"),
        (
            '<div class="cell_output"><pre>&lt;Figure size 792x462 with 1 Axes&gt;</pre></div>',
            "figure",
        ),
        ('<script type="application/vnd.jupyter.widget-view+json">{}</script>', "widget"),
        ('<a href="missing.html">x</a>', "link"),
        ('<a href="other.html#missing">x</a>', "anchor"),
        ('<a href="#missing">x</a>', "anchor"),
        ('<script src="missing.js"></script>', "link"),
        ('<script src="https://cdn.example.org/x.js"></script>', "foreign"),
        ('<script src="//cdn.example.org/x.js"></script>', "foreign"),
        ('<script type="module">import x from "https://cdn.example.org/x.js"</script>', "foreign"),
        ('<script>fetch("https://example.org/data.json")</script>', "foreign"),
        ('<link rel="preconnect" href="https://fonts.example.org">', "foreign"),
        ('<img src="http://example.org/x.png">', "foreign"),
        ("<style>@import 'https://fonts.example.org/x.css';</style>", "foreign"),
        ('<p style="background: url(https://example.org/x.png)">x</p>', "foreign"),
        ('<iframe src="https://example.org"></iframe>', "foreign"),
    ],
)
def test_a_planted_fault_is_found(site, planted, kind):
    (site / "index.html").write_text(SOUND.format(planted))
    faults = check(site)
    assert [(fault.page, fault.kind) for fault in faults] == [("index.html", kind)], faults


def test_a_style_sheet_that_leaves_the_site_is_found(site):
    (site / "_static" / "book.css").write_text(
        "@font-face { src: url(https://fonts.example.org/x.woff2) }"
    )
    assert [fault.kind for fault in check(site)] == ["foreign"]
