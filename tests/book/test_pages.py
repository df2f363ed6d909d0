"""Which pages there are, their parameters, and running them. The real pages are held to the book's
own rules.
"""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from spatialbias.book import pages, parameters
from spatialbias.book.parameters import PageError
from tests.book.smoke import ROOT

PAGES = pages.pages(ROOT)


def notebook(source: str):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    return nbformat.v4.new_notebook(cells=[cell])


def code_cells(page: str):
    return [
        c
        for c in nbformat.read(ROOT / f"{page}.ipynb", as_version=4).cells
        if c.cell_type == "code"
    ]


@pytest.mark.parametrize("document", pages.contents(ROOT))
def test_every_line_of_the_contents_is_a_file(document):
    assert (ROOT / f"{document}.ipynb").is_file() != (ROOT / f"{document}.md").is_file()


def test_every_notebook_is_in_the_contents():
    there = {
        path.relative_to(ROOT).with_suffix("").as_posix()
        for path in (ROOT / "book").rglob("*.ipynb")
    }
    assert there - {name for name in there if ".ipynb_checkpoints" in name} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_committed_without_outputs(page):
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(page))


@pytest.mark.parametrize("page", PAGES)
def test_the_first_code_cell_holds_the_parameters(page):
    assert "parameters" in code_cells(page)[0].metadata.get("tags", ())
    assert (
        sum(line.startswith("profile = ") for line in code_cells(page)[0].source.splitlines()) == 1
    )


def test_the_profile_is_shown_where_it_is_declared():
    first = notebook('# Change these.\nprofile = "quick"\nn_train = None  # images')
    changed = parameters.with_profile(first, "smoke")
    assert (
        changed.cells[0].source == '# Change these.\nprofile = "smoke"\nn_train = None  # images'
        and "quick" in first.cells[0].source
    )


def test_a_page_notices_what_papermill_only_warns_of():
    parameters.check_parameters(
        ["n_train = None", "# Parameters\nn_train = 390\n", "%matplotlib inline"]
    )
    with pytest.raises(PageError, match="no parameter 'n_trian'"):
        parameters.check_parameters(["", "n_train = None", "# Parameters\nn_trian = 390\n"])


def test_pages_are_found_by_any_part_of_their_path(tiny_book):
    root = tiny_book()
    assert (
        pages.choose(root, None)
        == pages.choose(root, ["page"])
        == pages.choose(root, ["book/work/page.ipynb"])
    )
    with pytest.raises(PageError, match="no page 'pgae'"):
        pages.choose(root, ["pgae"])


def test_a_wrong_profile_stops_everything_before_execution(tiny_book):
    root = tiny_book("open('executed', 'w').close()")
    with pytest.raises(PageError, match="profile is 'fast'"):
        pages.execute(root, ["book/work/page"], root / "done", "fast")
    assert not (root / "executed").exists()


def test_papermill_itself_is_stopped_by_the_page(tiny_book):
    papermill = pytest.importorskip("papermill")
    root = tiny_book(
        "from spatialbias.book.parameters import check_parameters\ncheck_parameters()", "1 / 0"
    )
    path = root / "book" / "work" / "page.ipynb"
    with pytest.raises(papermill.PapermillExecutionError, match="no parameter 'n_trian'"):
        papermill.execute_notebook(
            str(path), None, {"n_trian": 390}, kernel_name="python3", progress_bar=False
        )


def test_a_failing_page_is_named_with_its_cell_and_error(tiny_book):
    root = tiny_book("value = 0", "1 / value")
    with pytest.raises(PageError) as raised:
        pages.execute(root, ["book/work/page"], root / "done", "smoke")
    said = str(raised.value)
    assert (
        "page book/work/page failed in cell 4" in said
        and "1 / value" in said
        and "ZeroDivisionError" in said
    )
    assert not list((root / "done").rglob("*.ipynb"))


def test_a_dead_kernel_is_reported_with_its_page(tiny_book):
    root = tiny_book("import os\nos._exit(1)")
    with pytest.raises(PageError, match="page book/work/page failed: its kernel died"):
        pages.execute(root, ["book/work/page"], root / "done", "smoke")


FIGURE = """import os, sys
from matplotlib.figure import Figure
from spatialbias import plots
plots.use()
print(profile, os.environ['SPATIALBIAS_PROFILE'])
print('hm', file=sys.stderr)
figure = Figure()
figure.subplots().set_title("a title")
figure"""
SLIDER = "import ipywidgets\nipywidgets.IntSlider()"


def executed(root, page="book/work/page"):
    pages.execute(root, [page], root / "done", "smoke", say=lambda text: None)
    return (root / "done" / f"{page}.ipynb").read_text()


def test_equal_runs_give_equal_files(tiny_book):
    """With figures and widgets; no times, no paths, nothing that went to the terminal."""
    root = tiny_book(FIGURE, SLIDER)
    first = executed(root)
    for word in ("papermill", str(root), "hm\\n", "<dc:date>"):
        assert word not in first
    assert "smoke smoke" in first and "image/svg+xml" in first and "widget-view" in first
    assert executed(root) == first


def test_a_reader_s_own_settings_do_not_reach_the_pages(tiny_book, tmp_path, monkeypatch):
    """Another kernel of that name, a profile of IPython, a startup file, a matplotlibrc."""
    code = "1 + 1\n2 + 2\nimport sys; sys.executable"
    root = tiny_book(FIGURE, code)
    plain = executed(root)
    assert sys.executable in plain and "'text/plain'" not in plain
    home = tmp_path / "home"
    kernel = home / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "x"}))
    startup = home / "ipython" / "profile_default" / "startup" / "00.py"
    startup.parent.mkdir(parents=True)
    startup.write_text("print('good morning')")
    (startup.parents[1] / "ipython_config.py").write_text(
        "c.InteractiveShell.ast_node_interactivity = 'all'"
    )
    (home / "matplotlibrc").write_text("text.usetex: True\nfont.size: 40\nsavefig.dpi: 30\n")
    (home / "startup.py").write_text("print('good evening')")
    monkeypatch.setenv("JUPYTER_PATH", str(home / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    monkeypatch.setenv("MATPLOTLIBRC", str(home / "matplotlibrc"))
    monkeypatch.setenv("PYTHONSTARTUP", str(home / "startup.py"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert executed(root) == plain


SWEEP = """from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial
few = {"model": "fully_connected", "dataset": "digits", "n_train": 20, "max_epochs": 1}
trials = [Trial(**few, replicate=r) for r in range(2)]
len(sweep(trials, (), Store("work", None), precision="fp32"))"""


def test_whoever_executes_a_page_sees_how_far_its_training_is(tiny_book, monkeypatch):
    papermill = pytest.importorskip("papermill")
    monkeypatch.setenv("SPATIALBIAS_WORKERS", "0")
    root = tiny_book(SWEEP)
    path = root / "book" / "work" / "page.ipynb"
    done = papermill.execute_notebook(
        str(path), None, kernel_name="python3", progress_bar=False, cwd=root
    )
    outputs = done.cells[-1].outputs
    said = "".join(one.text for one in outputs if one.get("name") == "stderr")
    assert "0/2" in said and "2/2" in said
    assert not any(pages.WIDGET in one.get("data", {}) for one in outputs)


def test_ctrl_c_in_a_page_is_said_in_a_few_lines(tiny_book):
    root = tiny_book("open('here', 'w').close()\nimport time; time.sleep(300)")
    (root / "src" / "spatialbias").rmdir()
    command = [sys.executable, "-m", "spatialbias", "book", "--profile", "smoke"]
    build = subprocess.Popen(
        command,
        env=os.environ | {"SPATIALBIAS_PROJECT": str(root)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.time() + 100
    while not (root / "here").exists() and time.time() < end:
        time.sleep(0.1)
    os.killpg(build.pid, signal.SIGINT)  # as a terminal does: to all that run in it
    _, said = build.communicate(timeout=60)
    assert build.returncode == 130 and "goes on from here" in said
    assert len(said.splitlines()) < 6, said


def beside(tiny_book, first: str, second: str):
    """A book of two pages that wait for each other (not for ever) before they do what they are
    told; each leaves its kernel's number.
    """
    root = tiny_book(
        "import os, pathlib, time\npathlib.Path(f'{os.getpid()}.here').touch()\nend = time.time() + 60\n"
        "while len(list(pathlib.Path('.').glob('*.here'))) < 2 and time.time() < end: time.sleep(0.05)",
        first,
    )
    work = root / "book" / "work"
    (work / "other.ipynb").write_text((work / "page.ipynb").read_text().replace(first, second))
    return root


def gone(root, seconds: float = 30.0) -> bool:
    """Whether the kernels that left their numbers end in so many seconds."""
    end, kernels = time.time() + seconds, [int(path.stem) for path in root.glob("*.here")]
    while any(os.path.exists(f"/proc/{kernel}") for kernel in kernels) and time.time() < end:
        time.sleep(0.2)
    return len(kernels) == 2 and not any(os.path.exists(f"/proc/{kernel}") for kernel in kernels)


def test_two_pages_run_at_once_and_are_said_when_done(tiny_book, monkeypatch):
    monkeypatch.setattr(pages, "cores", lambda: 2)
    root, said = (
        beside(tiny_book, "assert len(list(pathlib.Path('.').glob('*.here'))) == 2", "mine = 1"),
        [],
    )
    pages.execute(
        root, ["book/work/page", "book/work/other"], root / "done", "smoke", say=said.append
    )
    assert said[:2] == ["[1/2] book/work/page (smoke)", "[2/2] book/work/other (smoke)"]
    assert {line.rpartition(":")[0] for line in said[2:]} == {
        "[1/2] book/work/page",
        "[2/2] book/work/other",
    }
    assert {path.stem for path in (root / "done").rglob("*.ipynb")} == {"page", "other"} and gone(
        root
    )


def test_a_failing_page_stops_the_one_beside_it(tiny_book, monkeypatch):
    monkeypatch.setattr(pages, "cores", lambda: 2)
    root = beside(tiny_book, "time.sleep(300)", "1 / 0")
    with pytest.raises(PageError, match="page book/work/other failed"):
        pages.execute(
            root,
            ["book/work/page", "book/work/other"],
            root / "done",
            "smoke",
            say=lambda text: None,
        )
    assert not list((root / "done").rglob("*.ipynb")) and gone(root)


def test_pages_end_with_whoever_executes_them(tiny_book):
    root = beside(tiny_book, "time.sleep(300)", "time.sleep(301)")
    call = (
        f"from pathlib import Path; from spatialbias.book import pages; pages.cores = lambda: 2; r = Path({str(root)!r})\n"
        "if __name__ == '__main__': pages.execute(r, ['book/work/page', 'book/work/other'], r / 'done', 'smoke')"
    )
    (root / "run.py").write_text(call)
    parent = subprocess.Popen(
        [sys.executable, str(root / "run.py")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.time() + 60
    while len(list(root.glob("*.here"))) < 2 and time.time() < end:
        time.sleep(0.2)
    parent.kill()
    parent.wait()
    assert gone(root)
