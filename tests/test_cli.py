"""The command line: help at once, one message for bad input, and a dry run that trains nothing."""

import subprocess
import sys

import pytest

from spatialbias import cli

TIMED = """
import resource, sys
from spatialbias.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    status = end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(status, used.ru_utime + used.ru_stime, *({{"torch", "pandas", "numpy"}} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [[], ["sweep"], ["results"], ["data"], ["book"]], ids=" ".join)
def test_help_at_once_and_without_torch(command):
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(arguments=[*command, "--help"])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    status, seconds, *heavy = done.stderr.split()
    assert done.stdout.startswith("usage: spatialbias") and status == "0"
    assert not heavy and float(seconds) < 0.5


def test_import_of_the_package_leaves_torch_alone():
    code = "import sys, spatialbias, spatialbias.components, spatialbias.paths; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        == "False\n"
    )


def test_nothing_asked_shows_what_there_is(capsys):
    assert cli.main([]) == 2 and "sweep" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["coordinet.few_samples", "-p", "epochs", "3"],
            ["coordinet.few_samples", "'epochs'", "max_epochs"],
        ),
        (["coordinet.few_samples", "-p", "replicates", "many"], ["replicates='many'", "integer"]),
        (["coordinet.few_samples", "-p", "replicates", "0"], ["replicates=0", "1"]),
        (["coordinet.few_samples", "-p", "n_train", "3.5"], ["n_train", "3.5", "integer"]),
        (["coordinet.few_samples", "-p", "n_train", "{}"], ["n_train", "{}"]),
        (["coordinet.few_samples", "-p", "n_train", "70000"], ["n_train", "70000", "60000"]),
        (["coordinet.few_samples", "-p", "n_train", "47000"], ["n_train=47000", "45000"]),
        (["coordinet.few_samples", "-p", "dataset", "imagenet"], ["dataset='imagenet'", "cifar10"]),
        (["coordinet.few_samples", "-p", "arms", "resnet"], ["arms='resnet'", "simple_cnn"]),
        (["coordinet.few_samples", "-p", "arms", "[]"], ["arms=()", "simple_cnn"]),
        (["coordinet.few_samples", "-p", "n_train", "true"], ["n_train=True", "integer"]),
        (["coordinet.few_samples", "-p", "profile", "paper"], ["--profile paper"]),
        (["coordinet.few_samples", "-p", "self", "1"], ["'self'", "replicates"]),
        (["coordinet.nothing"], ["'coordinet.nothing'", "coordinet.few_samples"]),
        (["--workers", "0", "--profile", "smoke", "coordinet.other_data"], ["workers=0", "1"]),
        (["coordinet.reproduce", "--gpu"], ["--gpu", "--dask"]),
    ],
)
def test_a_wrong_parameter_stops_with_one_message(capsys, arguments, words):
    assert cli.main(["sweep", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and message.startswith("spatialbias: ")
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "arguments",
    [
        ["sweep", "--profile", "huge"],
        ["sweep", "--bogus"],
        ["results", "burn"],
        ["nonsense"],
        ["sweep", "--workers", "two"],
        ["results", "verify", "--sample", "-3"],
        ["results", "verify", "--max-seconds", "nan"],
    ],
)
def test_a_wrong_option_exits_2(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2 and "usage" in capsys.readouterr().err


def test_a_store_that_cannot_be_written_is_said_in_one_line(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SPATIALBIAS_STORE", str(tmp_path / "file"))
    monkeypatch.setenv("SPATIALBIAS_WORKERS", "0")
    asked = [
        "sweep",
        "coordinet.reproduce",
        "--profile",
        "smoke",
        "-p",
        "arms",
        "fully_connected",
        "-p",
        "max_epochs",
        "1",
        "-p",
        "n_train",
        "7",
    ]
    assert cli.main(asked) == 2
    assert "file" in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setenv("SPATIALBIAS_WORKERS", "many")
    assert cli.main(asked) == 2 and "SPATIALBIAS_WORKERS='many'" in capsys.readouterr().err


def test_a_dry_run_counts_and_trains_nothing(capsys, monkeypatch, tmp_path):
    from spatialbias.studies.study import Plan

    monkeypatch.setattr(Plan, "sweep", lambda *a, **k: pytest.fail("it trained"))
    monkeypatch.setattr("spatialbias.paths.shipped_results", lambda: tmp_path / "nothing shipped")
    assert cli.main(["sweep", "coordinet.other_data", "--profile", "smoke", "--dry-run"]) == 0
    assert (
        capsys.readouterr().out
        == "coordinet.other_data: 4 trials, 4 to train or measure (cost unknown: nothing like them on record)\n"
    )
    assert not (tmp_path / "store").exists()
    assert cli.main(["sweep", "coordinet", "--profile", "paper", "--dry-run"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(
        [s for s in _names() if s.startswith("coordinet.")]
    )


def _names():
    from spatialbias import studies

    return studies.names()


def test_parameters_are_read_as_json_where_they_can_be(monkeypatch):
    from spatialbias.studies.study import Plan

    plans = []
    monkeypatch.setattr(Plan, "estimate", lambda self, store=None: plans.append(self) or (0, None))
    cli.main(
        [
            "sweep",
            "coordinet.few_samples",
            "-p",
            "n_train",
            "[97, 195]",
            "-p",
            "arms",
            "coordinet",
            "-p",
            "replicates",
            "2",
        ]
    )
    assert (
        plans[0].parameters.n_train == (97, 195)
        and plans[0].parameters.arms == ("coordinet",)
        and len(plans[0].trials) == 4
    )


def test_ctrl_c_says_that_nothing_is_lost(monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_sweep", interrupted)
    assert cli.main(["sweep"]) == 130 and "kept" in capsys.readouterr().err


def test_missing_data_is_a_message_and_a_status(monkeypatch, capsys, tmp_path):
    from spatialbias import datasets

    datasets._load.cache_clear()
    monkeypatch.setenv("SPATIALBIAS_DATA", str(tmp_path))
    monkeypatch.setenv("SPATIALBIAS_OFFLINE", "1")
    assert cli.main(["data", "mnist", "fashion_mnist"]) == 1
    said = capsys.readouterr().err
    assert "mnist: mnist is not in" in said and "fashion_mnist: fashion_mnist is not in" in said


@pytest.mark.parametrize("command", [["book"], ["results", "status"], ["sweep"], ["data"]])
def test_outside_the_project_it_says_where_to_go(capsys, monkeypatch, tmp_path, command):
    monkeypatch.setattr("spatialbias.paths.project", lambda: tmp_path)
    for variable in ("SPATIALBIAS_STORE", "SPATIALBIAS_DATA", "SPATIALBIAS_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(tmp_path) in said and "SPATIALBIAS_PROJECT" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, advice", [("distributed.client", "[dask]"), ("papermill", "[book]"), ("winreg", None)]
)
def test_what_is_not_installed_is_advised_where_we_know_it(capsys, monkeypatch, name, advice):
    def missing(options):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(cli, "_data", missing)
    assert cli.main(["data"]) == 2
    said = capsys.readouterr().err
    assert (advice in said) if advice else ("pip" not in said)


@pytest.mark.parametrize("how", ["done", "stopped", "failed"])
def test_what_is_done_is_packed_however_a_sweep_ends(monkeypatch, how):
    from spatialbias import results

    packed = []

    def sweep_one(plan, *_):
        if how != "done":
            raise KeyboardInterrupt if how == "stopped" else RuntimeError("no")

    monkeypatch.setattr(cli, "_sweep_one", sweep_one)
    monkeypatch.setattr(
        results, "pack", lambda studies, options: packed.append((len(studies), options.pending))
    )
    status = cli.main(["sweep", "coordinet.reproduce", "--pack"])
    assert status == {"done": 0, "stopped": 130, "failed": 2}[how] and packed == [(1, True)]
    cli.main(["sweep", "coordinet.reproduce"])
    assert len(packed) == 1


STOPPED = """
import os, signal, sys
from spatialbias import cli
from spatialbias.studies.study import Plan
Plan.sweep = lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM)
sys.exit(cli.main(["sweep", "coordinet.reproduce", "-p", "n_train", "20"]))
"""


def test_sigterm_stops_a_sweep_as_ctrl_c_does():
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True)
    assert done.returncode == 130 and "kept" in done.stderr
