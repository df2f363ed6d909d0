"""What a type checker knows of a program that uses the public names: never `Any`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import spatialbias

USER = """
from typing import assert_type

import torch
from torch import nn

from spatialbias import datasets, models
from spatialbias.evidence import Answer, Effect, effect
from spatialbias.layers import (
    CoordBiasConv2d,
    CoordConv2d,
    LocallyConnected2d,
    LRLC2d,
    ModFC,
    coordinate_grid,
)
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.sweep import sweep
from spatialbias.trials import Trial, run

conv = CoordConv2d(64, 128, (3, 5), stride=2, padding=(1, 2), padding_mode="circular", radius=True)
assert_type(conv, CoordConv2d)
assert_type(conv.weight, torch.Tensor)
assert_type(CoordConv2d.from_conv(nn.Conv2d(3, 4, 3)), CoordConv2d)
assert_type(CoordBiasConv2d(64, 128, 3, padding="same", groups=2), CoordBiasConv2d)
assert_type(CoordBiasConv2d.from_conv(nn.Conv2d(3, 4, 3)), CoordBiasConv2d)
assert_type(LocallyConnected2d(64, 128, 3, input_size=16), LocallyConnected2d)
assert_type(LocallyConnected2d.from_conv(nn.Conv2d(3, 4, 3), input_size=16), LocallyConnected2d)
assert_type(LRLC2d(64, 128, 3, input_size=(16, 16), rank=4, weights="row_col"), LRLC2d)
assert_type(ModFC(64, 200), ModFC)
assert_type(coordinate_grid(4, 5), torch.Tensor)

assert_type(models.build("coordinet", size=8, width=12), nn.Module)
assert_type(models.names(), list[str])
data = datasets.load("digits")
assert_type(data, datasets.Data)
assert_type(data.train.inputs, tuple[torch.Tensor, ...])

trial = Trial(model="fully_connected", dataset="digits", n_train=30, loss="cross_entropy", role="tuning")
assert_type(trial, Trial)
assert_type(trial.key, str)
assert_type(trial.loss, str)
record, states = run(trial)
assert_type(states, dict[str, dict[str, torch.Tensor]])
records = sweep([trial], ("accuracy",), Store("there", None), workers=1)
assert_type(list(records), list[str])

plan = study("coordinet.few_samples").plan("paper", n_train=390)
assert_type(plan.trials, list[Trial])
lead = effect(plan.sweep(missing="show").frame(), "simple_cnn", "coordinet", n_train=390)
assert_type(lead, Effect)
assert_type(lead.mean, float)
assert_type(lead.above(0), Answer)

CoordConv2d("64", 128, 3)  # type: ignore[arg-type]
trial.nothing  # type: ignore[attr-defined]
coordinate_grid(4, 5).nothing  # type: ignore[attr-defined]
"""


@pytest.mark.slow
def test_a_user_s_program_has_types(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    package = Path(spatialbias.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--warn-unused-ignores", "user.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(package)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
