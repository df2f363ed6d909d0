"""What is only read or planned needs no torch: it takes seconds to import."""

import subprocess
import sys

import pytest

REPORT = "\nprint(sorted({'torch', 'torchvision'} & set(sys.modules)), file=sys.stderr)"
PLAN = """
from spatialbias.studies import study
plan = study("coordconv.classification").plan()
"""
CASES = {
    "a plan": PLAN,
    "its records": PLAN + "plan.sweep().frame()",
    "a figure": PLAN
    + "from spatialbias import plots; plots.use()\nfrom matplotlib.figure import Figure",
    "a page": "from spatialbias.book.page import Page",
    "the ledger": "from spatialbias.claims import ledger; ledger()",
    "what the command line says is on record": (
        "from spatialbias.cli import main; main(['results', 'status', 'coordinet'])"
    ),
    "data sets by name": "from spatialbias.datasets import files; files.complete('mnist')",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_without_torch(code):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{REPORT}"], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


def test_training_needs_no_torchvision():
    """Only pictures that are resampled do."""
    code = (
        "from spatialbias.trials import Trial; from spatialbias.run import run;"
        "run(Trial(model='simple_cnn', dataset='digits', n_train=5, max_epochs=1), measures=())"
    )
    report = "\nprint('torchvision' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{report}"], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr
