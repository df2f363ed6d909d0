"""The learning rates in the code are the ones that the shipped tuning records choose."""

import pytest

from spatialbias import paths
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.studies.lrlc import choose
from spatialbias.studies.lrlc_arms import LEARNING_RATES


@pytest.mark.parametrize("name", LEARNING_RATES)
def test_rates_are_what_the_shipped_tuning_records_choose(name, tmp_path):
    results = study(f"lrlc.{name}").plan("paper").sweep(Store(tmp_path, paths.shipped_results()))
    if not results.present:
        pytest.skip(f"no records of lrlc.{name} are shipped")
    assert results.missing == 0
    assert choose(results) == LEARNING_RATES[name]


def trials(name: str) -> dict:
    """Of the first replicate, by arm and number of images."""
    labelled = study(f"lrlc.{name}").plan("paper").labelled
    return {(arm, t.n_train): t.model_dump() for arm, t in labelled if t.replicate == 0}


def changed(trial: dict, other: dict) -> set:
    return {key for key in trial if trial[key] != other[key]}


def test_what_is_compared_with_the_dial_differs_in_what_it_is_named_for():
    dial = trials("sharing_dial")
    for (arm, n), trial in trials("dial_permuted").items():
        assert changed(trial, dial[arm.removesuffix(", permuted"), n]) == {"dataset_args"}
    for key, trial in trials("dial_longer").items():
        assert changed(trial, dial[key]) == {"max_epochs"}
        assert trial["max_epochs"] == 4 * dial[key]["max_epochs"]


def test_at_every_size_of_the_dial_networks_make_about_as_many_steps():
    steps = {
        t["max_epochs"] * -(-n // t["batch_size"]) for (_, n), t in trials("sharing_dial").items()
    }
    assert 550 < min(steps) and max(steps) < 850


def test_networks_that_keep_positions_have_rates_of_their_own():
    why, dial = trials("why"), trials("sharing_dial")
    chosen = LEARNING_RATES["flat_tuning"]
    assert why["K = 4, flattened", 4000]["learning_rate"] == chosen["K = 4, flattened"]
    assert why["wide, flattened", 4000]["learning_rate"] == chosen["convolution, flattened"]
    between = {dial[f"{place}, flattened", 97]["learning_rate"] for place in ("K = 2", "K = 4")}
    assert between == {LEARNING_RATES["dial_tuning"]["K = 4, flattened"]}
