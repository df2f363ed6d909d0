"""The tuned rates in the code suit the shipped tuning records."""

import pytest

from spatialbias import paths
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.studies.coordbias import ARMS, LEARNING_RATES, OWN_RATES, suitable, trial


@pytest.mark.parametrize(
    ("name", "rates"), [("tuning", LEARNING_RATES), ("marks_tuning", OWN_RATES)]
)
def test_rates_suit_the_shipped_tuning_records(tmp_path, name, rates):
    store = Store(tmp_path, paths.shipped_results())
    results = study(f"coordbias.{name}").plan("paper").sweep(store)
    if results.missing:
        pytest.skip("its records are not shipped")
    for arm, found in suitable(results).items():
        assert rates[arm] in found, arm


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
