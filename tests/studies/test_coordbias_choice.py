"""The tuned rates in the code suit the shipped tuning records."""

import pytest

from spatialbias import paths
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.studies.coordbias import ARMS, LEARNING_RATES, suitable, trial


def test_rates_suit_the_shipped_tuning_records(tmp_path):
    results = (
        study("coordbias.tuning").plan("paper").sweep(Store(tmp_path, paths.shipped_results()))
    )
    if not results.present:
        pytest.skip("no tuning records are shipped")
    assert results.missing == 0
    found = suitable(results)
    assert found.keys() == LEARNING_RATES.keys() and all(
        LEARNING_RATES[arm] in rates for arm, rates in found.items()
    )


def test_who_takes_which_rate():
    p = study("coordbias.open_questions").plan("smoke").parameters
    rates = {arm: trial(p, arm, 0).learning_rate for arm in ARMS}
    told = {
        "coordinate bias",
        "CoordConv",
        "fixed random maps",
        "redrawn random maps",
        "coordinate bias, batch norm",
    }
    for arm, rate in rates.items():
        if arm.endswith("as released"):
            assert rate == 1e-3  # the source's, and its optimiser
        else:
            assert rate == LEARNING_RATES["coordinate bias" if arm in told else "vanilla"], arm
