"""The learning rates in the code are the ones that the shipped tuning records choose."""

import pytest

from spatialbias import paths
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.studies.lrlc import LEARNING_RATES, choose


@pytest.mark.parametrize("name", LEARNING_RATES)
def test_rates_are_what_the_shipped_tuning_records_choose(name, tmp_path):
    results = study(f"lrlc.{name}").plan("paper").sweep(Store(tmp_path, paths.shipped_results()))
    if not results.present:
        pytest.skip(f"no records of lrlc.{name} are shipped")
    assert results.missing == 0
    assert choose(results) == LEARNING_RATES[name]
