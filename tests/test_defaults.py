"""A program's own default dtype and device change neither data nor trials."""

import pytest
import torch

from spatialbias import datasets
from spatialbias.run import run
from spatialbias.training import Execution
from spatialbias.trials import Trial


@pytest.mark.parametrize("changed", ["dtype", "device"])
def test_a_trial_is_the_same_under_other_defaults(changed):
    trial = Trial(
        model="coordinet",
        model_args={"width": 4, "layers": 1},
        dataset="digits",
        n_train=8,
        max_epochs=1,
        curve_images=0,
    )
    wanted = run(trial, Execution(), ())[1]["stop"]
    datasets._load.cache_clear()
    if changed == "dtype":
        torch.set_default_dtype(torch.float64)
    else:
        torch.set_default_device("meta")
    try:
        found = run(trial, Execution(), ())[1]["stop"]
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
