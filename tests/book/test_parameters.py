"""What a page says to parameters that it cannot have, and when it is stopped: one message, before
any work.
"""

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace

import nbformat
import pytest
import yaml

from spatialbias.book.page import Page
from spatialbias.book.pages import pages
from spatialbias.book.parameters import PageError, Stopped, check_value
from spatialbias.datasets.files import DataMissing
from spatialbias.studies.study import UNASKED, Results
from tests.book.smoke import ROOT


def cells(page: str) -> list[str]:
    notebook = nbformat.read(ROOT / f"{page}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def parameters(page: str) -> list[str]:
    return [line.targets[0].id for line in ast.parse(cells(page)[0]).body]


@pytest.fixture
def idle(monkeypatch):
    """Nothing is read or trained."""
    monkeypatch.setattr(sys.modules["spatialbias.studies.study"], "sweep", forbidden)
    monkeypatch.delenv("SPATIALBIAS_PROFILE", raising=False)


def forbidden(*_, **__):
    raise AssertionError("work was begun")


@pytest.mark.parametrize(
    "page, name", [(page, name) for page in pages(ROOT) for name in parameters(page)]
)
def test_every_parameter_of_every_page_is_checked_before_any_work(page, name, idle):
    first, second = cells(page)[:2]
    if "Page(" not in second:
        pytest.skip("it shows no records")
    space = {}
    exec(first, space)
    space[name] = "wrong"
    with pytest.raises(PageError, match=f"{name}.*'wrong'") as caught:
        exec(second, space)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value, allowed, said",
    [
        (4, range(1, 32, 2), "kernel=4: a whole number from 1 to 31 in steps of 2 is expected"),
        (0, range(1, 9), "from 1 to 8 is"),
        (3.0, range(1, 9), "kernel=3.0"),
        (True, range(1, 9), "kernel=True"),
        ([3], range(1, 9), "kernel=\\[3\\]"),
        (1, (True, False), "kernel=1: one of True, False is expected"),
    ],
)
def test_a_page_s_own_parameter_is_refused_in_a_line(value, allowed, said):
    with pytest.raises(PageError, match=said):
        check_value("kernel", value, allowed)


def test_what_is_allowed_passes():
    check_value("kernel", 3, range(1, 32, 2))
    check_value("kernel", None, range(1, 32, 2))
    check_value("radius", False, (True, False))


def test_a_page_that_is_stopped_says_so_in_a_line(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["spatialbias.studies.study"], "sweep", interrupted)
    page = Page("coordinet/few_samples")
    with pytest.raises(KeyboardInterrupt) as caught:
        page.frame("coordinet.few_samples")
    assert isinstance(caught.value, Stopped)
    (line,) = caught.value._render_traceback_()
    assert "coordinet.few_samples" in line and "kept" in line
    assert caught.value.__suppress_context__


def test_a_page_looks_at_what_papermill_injected(monkeypatch):
    ran = {"In": ["", "profile = 'paper'\nn_train = None", "# Parameters\nn_trian = 390\n"]}
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(user_ns=ran))
    with pytest.raises(PageError, match="no parameter 'n_trian'.*'n_train' meant"):
        Page("coordinet/few_samples")


def test_a_parameter_reaches_every_study_that_the_page_shows(monkeypatch):
    """Whatever the page sets itself; what a study does not have is another's."""
    planned = []
    module = sys.modules["spatialbias.studies.study"]
    monkeypatch.setattr(module.Plan, "sweep", lambda plan, **_: planned.append(plan))
    monkeypatch.setattr(Page, "_with_data", lambda self, plan, given: plan)
    page = Page("coordinet/shifts", n_train=50, replicates=1, dataset="mnist", size=16)
    for name in ("coordinet.rotation", "coordinet.crop_controls", "coordinet.mnist"):
        page.study(name)
    page.study("coordinet.other_data", ("accuracy",), arms=("coordinet",), n_train=(97, 195))
    for plan in planned:
        assert {(t.n_train, t.replicate, t.dataset) for t in plan.trials} == {(50, 0, "mnist")}
    page.study("coordconv.where_to_look")
    assert {t.dataset_args["size"] for t in planned[-1].trials} == {16}
    assert {arm for arm, _ in planned[3].labelled} == {"coordinet"}


@pytest.mark.slow
def test_ctrl_c_ends_jupyter_book_with_the_page_that_it_executes(tiny_book):
    root = tiny_book("open('../../1.here', 'a').close()\nimport time; time.sleep(100)")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n"
        "  - file: book/work/page\n  - file: book/work/other\n"
    )
    source = (root / "book" / "work" / "page.ipynb").read_text()
    (root / "book" / "work" / "other.ipynb").write_text(source.replace("1.here", "2.here"))
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "."]
    build = subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    end = time.time() + 100
    while not list(root.glob("*.here")) and time.time() < end:
        time.sleep(0.1)
    os.killpg(build.pid, signal.SIGINT)
    _, said = build.communicate(timeout=60)
    assert len(list(root.glob("*.here"))) == 1
    assert build.returncode == 130 and said.count("stopped; the same command") == 1
    assert "Traceback" not in said


# ------------------------------------------------------------------------------- what pages show

COMMAND = re.compile(r"^papermill book/(\S+)\.ipynb out\.ipynb (.+?)(?:\s+#.*)?$", re.M)


def shown(page: str) -> list[dict]:
    """The parameters of each papermill command in a page's text."""
    notebook = nbformat.read(ROOT / f"{page}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    commands = []
    for named, options in COMMAND.findall(text):
        assert f"book/{named}" == page, "a page shows how it itself is run"
        words = shlex.split(options)
        given = {}
        while words:
            option = words.pop(0)
            if option == "-y":
                given |= yaml.safe_load(words.pop(0))
            else:
                assert option == "-p", option
                name = words.pop(0)
                given[name] = yaml.safe_load(words.pop(0))
        commands.append(given)
    return commands


@pytest.mark.parametrize(
    "page, given", [(page, given) for page in pages(ROOT) for given in shown(page)]
)
def test_a_shown_command_takes_its_parameters_and_minutes_on_two_cores(page, given, monkeypatch):
    """Studies of the page's first cells are planned; one that `Plan.sweep` would refuse on two
    cores would stop a reader.
    """
    monkeypatch.delenv("SPATIALBIAS_PROFILE", raising=False)
    monkeypatch.setattr(Page, "_with_data", lambda self, plan, given: plan)
    planned = []

    def planning(plan, **_):
        planned.append(plan)
        return Results(plan, {})

    monkeypatch.setattr(sys.modules["spatialbias.studies.study"].Plan, "sweep", planning)
    assert set(given) <= set(parameters(page))
    first, second = cells(page)[:2]
    space = {}
    exec(first, space)
    space |= given
    with suppress(KeyError, ValueError, IndexError):  # of empty frames; a PageError comes first
        exec(second, space)
    for plan in planned:
        count, hours = plan.estimate()
        assert hours is None or hours * 3600 / 2 <= UNASKED, (plan.study.name, count, hours)


def test_a_claim_alone_trains_nothing_under_other_parameters(idle):
    page = Page("coordinet/few_samples", n_train=50, replicates=1)
    assert page.verdict("coordinet.path_used").word == "not run"
    with pytest.raises(AssertionError, match="work was begun"):  # what the page shows is trained
        page.frame("coordinet.few_samples")


def test_where_images_are_missing_and_digits_are_too_few_both_are_said(monkeypatch):
    def missing(name):
        raise DataMissing(f"{name} is nowhere")

    monkeypatch.delenv("SPATIALBIAS_PROFILE", raising=False)
    monkeypatch.setattr("spatialbias.datasets.images.available", missing)
    page = Page("coordinet/few_samples", n_train=30_000, replicates=1)
    with pytest.raises(PageError, match="cifar10 is nowhere.*digits has"):
        page.frame("coordinet.few_samples")
