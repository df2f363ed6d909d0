"""The tuned rates in the code are the ones that the shipped tuning records choose."""

import pytest

from spatialbias import paths
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.studies.coordbias import ARMS, LEARNING_RATES, choose, trial


def test_rates_are_what_the_shipped_tuning_records_choose(tmp_path):
    results = study("coordbias.tuning").plan("paper").sweep(Store(tmp_path, paths.shipped_results()))
    if not results.present:
        pytest.skip("no tuning records are shipped")
    assert results.missing == 0 and choose(results) == LEARNING_RATES


def test_who_takes_which_rate():
    p = study("coordbias.open_questions").plan("smoke").parameters
    rates = {arm: trial(p, arm, 0).learning_rate for arm in ARMS}
    told = {"coordinate bias", "CoordConv", "fixed random maps", "redrawn random maps", "coordinate bias, batch norm"}
    for arm, rate in rates.items():
        if arm.endswith("as released"):
            assert rate == 1e-3  # the source's, and its optimiser
        else:
            assert rate == LEARNING_RATES["coordinate bias" if arm in told else "vanilla"], arm
