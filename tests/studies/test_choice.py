"""The tuned settings in the code are the ones that the shipped tuning records choose."""

import pytest

from spatialbias import paths
from spatialbias.store import Store
from spatialbias.studies import Results, study
from spatialbias.studies.coordinet import choose
from spatialbias.studies.coordinet_arms import LEARNING_RATES, RIDGE


def test_rates_are_what_the_shipped_tuning_records_choose(tmp_path):
    store, chosen = Store(tmp_path, paths.shipped_results()), {}
    for name in ("tuning", "averaging_tuning", "padding_tuning", "unmodulated_tuning"):
        results = study(f"coordinet.{name}").plan("paper").sweep(store)
        if not results.present:
            pytest.skip(f"no records of coordinet.{name} are shipped")
        assert results.missing == 0
        chosen |= choose(results)
    assert chosen.pop("kernel_ridge") == (RIDGE["gamma"], RIDGE["ridge"])
    assert chosen == {arm: rate for arm, rate in LEARNING_RATES.items() if arm != "kernel_ridge"}


def synthetic(settings):
    """Results with made-up accuracies: {rate: [(accuracy, epochs, reason), …]}."""
    plan = study("coordinet.tuning").plan("paper", arms="coordinet", learning_rates=tuple(settings))
    records = {}
    for _, trial in plan.labelled:
        value, epoch, reason = settings[trial.learning_rate][trial.replicate]
        records[trial.key] = {
            "rows": [{"measure": "accuracy", "at": "stop", "value": value}],
            "stop": {"epoch": epoch, "reason": reason},
        }
    return Results(plan, records)


def test_within_one_standard_error_the_fastest_wins():
    best, near, far = (
        [(v, e, "loss") for v in values]
        for values, e in (((0.30, 0.32, 0.34), 40), ((0.31, 0.31, 0.32), 10), ((0.20, 0.2, 0.2), 1))
    )
    assert choose(synthetic({1e-3: best, 3e-3: near, 1e-2: far})) == {"coordinet": 3e-3}


def test_a_rate_with_a_failed_trial_comes_last():
    sound = [(v, 40, "loss") for v in (0.30, 0.32, 0.34)]
    failed = [(0.31, 10, "loss"), (0.31, 10, "loss"), (0.32, 10, "cap")]
    assert choose(synthetic({1e-3: sound, 3e-3: failed})) == {"coordinet": 1e-3}
