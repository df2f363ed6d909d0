"""Building the book: the real one under `smoke`, and tiny ones with planted faults."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

from spatialbias.book.build import BuildError, build
from spatialbias.book.check import check
from spatialbias.book.pages import contents, pages
from spatialbias.book.parameters import PageError
from spatialbias.book.theme import follow_theme
from tests.book import smoke


def test_every_document_is_built(site):
    assert (site / "index.html").is_file()
    assert all((site / f"{document}.html").is_file() for document in contents(smoke.ROOT))


def test_the_book_has_no_fault(site):
    assert check(site) == []


def test_executed_pages_give_the_same_output_again(site):
    executed = smoke.WORK / "executed"
    if not pages(smoke.ROOT):
        pytest.skip("the book has no page yet")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "--nbval-current-env",
        "-q",
        "--no-header",
    ]
    command += [
        "-c",
        os.devnull,
        "--rootdir",
        str(executed),
        "-p",
        "no:cacheprovider",
        str(executed),
    ]
    environment = {**os.environ, **smoke.environment(), "SPATIALBIAS_PROFILE": "smoke"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_a_tiny_book_is_built_whole_and_only_the_book(tiny_book, capsys):
    draw = "import matplotlib.pyplot as plt\n%config InlineBackend.figure_formats = ['svg']\nplt.plot([1, 2]);"
    root = tiny_book(
        draw, "import ipywidgets\nipywidgets.IntSlider()", prose="# A page\n\n$x^2$ is a formula."
    )
    (root / "STRAY.md").write_text("# not the book")
    (root / "out" / "_static").mkdir(parents=True)
    (root / "out" / "stale.html").write_text("an older page")
    index = build("smoke", out=root / "out", root=root)
    page = (root / "out" / "book" / "work" / "page.html").read_text()
    assert index.is_file() and str(index) in capsys.readouterr().out
    assert not (root / "out" / "stale.html").exists() and not list((root / "out").rglob("STRAY*"))
    assert "mathjax/tex-svg-full.js" in page and "IntSlider(" not in page.replace("ipywidgets.", "")
    (figure,) = (root / "out" / "_images").glob("*.svg")
    assert "prefers-color-scheme: dark" in figure.read_text()
    # A second build without execution takes the page from the first.
    (root / "book" / "work" / "page.ipynb").touch()
    assert build("smoke", out=root / "out", execute=False, root=root) == index


def test_pages_never_executed_are_left_out_and_named(tiny_book, capsys):
    root = tiny_book()
    index = build("smoke", execute=False, root=root)
    assert index.is_file() and not (index.parent / "book" / "work" / "page.html").exists()
    assert "left out, never executed under smoke: book/work/page" in capsys.readouterr().out


def test_a_warning_fails_the_build(tiny_book):
    root = tiny_book(index="# Index\n\n[nowhere](nowhere.md)", prose="# A page\n\n{doc}`nowhere`")
    with pytest.raises(
        BuildError,
        match="(?s)index.md.*nowhere.*page.ipynb: cell 1, about line \\d: WARNING: .*nowhere",
    ):
        build("smoke", root=root)
    assert not (root / "_build" / "html").exists()


def test_a_fault_in_the_html_fails_the_build(tiny_book):
    root = tiny_book(
        "from IPython.display import HTML\nHTML('<img src=\"https://example.org/x.png\">')"
    )
    with pytest.raises(BuildError, match="foreign: https://example.org/x.png"):
        build("smoke", root=root)


def test_wrong_requests_are_refused_first(tiny_book):
    root = tiny_book()
    (root / "precious").mkdir()
    (root / "precious" / "thesis.tex").write_text("")
    with pytest.raises(BuildError, match="holds no earlier book"):
        build("smoke", out=root / "precious", root=root)
    with pytest.raises(BuildError, match="cannot hold the book"):
        build("smoke", out=root, root=root)
    with pytest.raises(PageError, match="profile is 'papr'"):
        build("papr", root=root)
    with pytest.raises(PageError, match="no page 'rotation'"):
        build("smoke", pages=["rotation"], root=root)
    (root / "book" / "index.md").unlink()
    with pytest.raises(BuildError, match="_toc.yml names book/index, which does not exist"):
        build("smoke", root=root)
    assert not (root / "_build").exists()


def test_figures_exchange_their_inks_in_the_dark():
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><path style="fill: #ffffff"/><path style="stroke: #0072b2"/></svg>'
    dark = follow_theme(svg)
    assert 'fill: #ffffff"] , ' not in dark and "#121212" in dark  # white becomes the page
    assert "#0072b2" in dark.replace(svg, "") and follow_theme(dark) == dark
    assert follow_theme("no figure") == "no figure"


def test_a_first_page_that_is_a_notebook_is_executed_with_any_other(tiny_book, monkeypatch):
    root, chosen = tiny_book(), []
    (root / "book" / "index.md").unlink()
    shutil.copy(root / "book" / "work" / "page.ipynb", root / "book" / "index.ipynb")

    def execute(root, pages, *rest):
        chosen.extend(pages)
        raise PageError("far enough")

    monkeypatch.setattr("spatialbias.book.pages.execute", execute)
    with pytest.raises(PageError, match="far enough"):
        build("smoke", pages=["work/page"], root=root)
    assert chosen == ["book/index", "book/work/page"]


def test_a_copy_of_the_project_is_not_built_with_the_original_s_code(tiny_book):
    root = tiny_book("open('executed', 'w').close()")
    (root / "src" / "spatialbias" / "__init__.py").touch()
    with pytest.raises(BuildError, match=f"{root}.*would run with the code of.*spatialbias.*pip"):
        build("smoke", root=root)
    assert not (root / "executed").exists()


def test_a_notebook_is_downloaded_and_says_what_it_belongs_to(tiny_book):
    root = tiny_book("1 + 1")
    build("smoke", root=root)
    html = root / "_build" / "html"
    link = BeautifulSoup(
        (html / "book" / "work" / "page.html").read_text(), "html.parser"
    ).select_one("a[href$='.ipynb']")
    assert link.has_attr("download") and not link.has_attr("target")
    first = json.loads((html / "_sources" / "book" / "work" / "page.ipynb").read_text())["cells"][0]
    said = "".join(first["source"])
    assert "package `spatialbias`" in said and "book/work/page.ipynb" in said and "pip" in said
