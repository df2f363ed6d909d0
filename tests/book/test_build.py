"""Building the book: the real one under `smoke`, and tiny ones with planted faults."""

import base64
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from bs4 import BeautifulSoup

from spatialbias import __version__
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


def test_a_page_leads_on_and_back_and_says_what_it_cites(site):
    names = contents(smoke.ROOT)
    for before, name, after in zip([None, *names], names, [*names[1:], None], strict=False):
        page = BeautifulSoup((site / f"{name}.html").read_text(), "html.parser")
        for side, other in (("left-prev", before), ("right-next", after)):
            link = page.select_one(f".prev-next-area a.{side}")
            there = link and (site / name).parent.joinpath(link["href"]).resolve()
            assert there == (other and (site / f"{other}.html").resolve()), name
        cited = page.select(".bibtex-citation a")
        assert all(len(link["title"]) > 40 for link in cited), name


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


def downloaded(page):
    """The notebook that a page offers: its name and its content."""
    link = BeautifulSoup(page.read_text(), "html.parser").select_one("a[download$='.ipynb']")
    assert not link.has_attr("target")
    kind, data = link["href"].split(",")
    assert kind == "data:application/x-ipynb+json;base64"
    return link["download"], json.loads(base64.b64decode(data))


def test_a_page_offers_its_notebook_and_says_how_it_is_run(tiny_book):
    root = tiny_book("1 + 1", parameters='profile = "quick"\nn_train = 390')
    build("smoke", root=root)
    page = root / "_build" / "html" / "book" / "work" / "page.html"
    name, notebook = downloaded(page)
    assert name == "work-page.ipynb"
    said = "".join(notebook["cells"][0]["source"])
    assert f"`spatialbias` {__version__}" in said and "book/work/page.ipynb" in said
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    fold = BeautifulSoup(page.read_text(), "html.parser").select_one("details.run")
    assert fold.pre.text == "papermill book/work/page.ipynb out.ipynb -p profile smoke"
    assert "n_train = 390" in fold.text
    assert not list((root / "_build" / "html" / "_sources").rglob("*.ipynb"))


def test_a_downloaded_notebook_runs_from_any_folder(site, tmp_path):
    papermill = pytest.importorskip("papermill")
    name, notebook = downloaded(site / "book" / "coordbias" / "circles.html")
    (tmp_path / name).write_text(json.dumps(notebook))
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in smoke.environment().items():
            patch.setenv(variable, value)
        patch.delenv("SPATIALBIAS_PROJECT")
        papermill.execute_notebook(
            tmp_path / name, None, kernel_name="python3", progress_bar=False, cwd=tmp_path
        )


def test_figures_tables_and_equations_are_numbered_and_referred_to(tiny_book):
    draw = "from matplotlib.figure import Figure\nfrom spatialbias import plots\nplots.use()\nfigure = Figure()\nfigure.subplots().set_xlabel('epoch')\nfigure"
    table = "from IPython.display import HTML\nHTML('<table><tr><td>1</td></tr></table>')"
    root = tiny_book(index="# Index\n\n[](work/page.ipynb#figure-2) stands elsewhere.")
    path = root / "book" / "work" / "page.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for source in (draw, "*The first.*", draw, "*The second.*", table, "*A table.*", draw, "No."):
        make = nbformat.v4.new_markdown_cell if source[-1] in "*." else nbformat.v4.new_code_cell
        notebook.cells.append(make(source))
    text = "$$x = 1$$\n\n[](#figure-2), [the table](#table-1) and [](#equation-1)."
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))
    nbformat.write(notebook, path)
    html = build("smoke", root=root).parent
    page = BeautifulSoup((html / "book" / "work" / "page.html").read_text(), "html.parser")
    captions = [page.find(id=name).text for name in ("figure-1", "figure-2", "table-1")]
    assert captions == ["Figure 1 The first.", "Figure 2 The second.", "Table 1 A table."]
    assert page.find(id="figure-3") is None and "(1)" in page.find(id="equation-1").text
    links = {a.text: a["href"] for a in page.select("article p > a")}
    assert links["Figure 2"] == "#figure-2" and links["Equation 1"] == "#equation-1"
    assert links["the table"] == "#table-1"
    index = BeautifulSoup((html / "book" / "index.html").read_text(), "html.parser")
    assert index.select_one("article p > a")["href"] == "work/page.html#figure-2"
    first = page.select_one("article img")["alt"]
    assert first == "Drawn with the words: epoch. The first."
