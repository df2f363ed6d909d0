"""The training script, on a tiny folder in ImageNet's layout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spatialbias import imagenet

SOURCE = Path(imagenet.__file__).parents[1]
SMALL = (
    "--size 64 --workers 0 --precision fp32 --norm frozen --warm-up 0 --rank 2 --kind input "
    "--place conv5 --rate 0.05"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes, dark and bright, of eight and four images."""
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2)):
        for name, grey in (("dark", 60), ("bright", 190)):
            (root / part / name).mkdir(parents=True)
            for k in range(count):
                pixels = grey + random.normal(0, 20, (72, 80, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                    root / part / name / f"{k}.png"
                )
    return root


def trained(folder, out, *more) -> tuple[list[dict], dict]:
    log = imagenet.train(
        imagenet.arguments(["--data", str(folder), "--out", str(out), *SMALL, *more])
    )
    return log, torch.load(out / "checkpoint.pt", weights_only=True)["model"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_resuming_changes_nothing(folder, tmp_path):
    """Two processes of two images a step, stopped after the first epoch and taken up again, against
    one process of four.
    """
    alone, weights = trained(folder, tmp_path / "one", "--batch", "4", "--epochs", "2")
    assert alone[1]["loss"] < alone[0]["loss"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["--master_port", str(20_000 + os.getpid() % 20_000), "-m", "spatialbias.imagenet"]
    command += ["--data", str(folder), "--out", str(tmp_path / "two"), *SMALL]
    command += ["--batch", "2", "--epochs", "2"]
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=500)
    state = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)
    for ours, theirs in zip(alone, state["log"]):
        assert ours == pytest.approx(theirs, abs=1e-3)
    for name, value in weights.items():
        torch.testing.assert_close(state["model"][name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(folder, tmp_path, monkeypatch):
    whole, weights = trained(folder, tmp_path / "whole", "--batch", "4", "--epochs", "2")
    once = imagenet.one_epoch

    def breaks(options, model, optimiser, batches, epoch, *rest):
        if epoch:
            raise KeyboardInterrupt
        return once(options, model, optimiser, batches, epoch, *rest)

    monkeypatch.setattr(imagenet, "one_epoch", breaks)
    with pytest.raises(KeyboardInterrupt):
        trained(folder, tmp_path / "broken", "--batch", "4", "--epochs", "2")
    monkeypatch.setattr(imagenet, "one_epoch", once)
    again, resumed = trained(folder, tmp_path / "broken", "--batch", "4", "--epochs", "2")
    assert again == whole
    assert all(torch.equal(resumed[name], value) for name, value in weights.items())
    with pytest.raises(SystemExit, match="name another --out"):
        trained(folder, tmp_path / "broken", "--batch", "4", "--epochs", "3")


def test_an_image_is_cropped_by_its_number_and_epoch_alone(folder):
    data = imagenet.Cropped(folder / "train", 32, True, 0)
    first = data[3][0]
    torch.manual_seed(99)
    assert torch.equal(data[3][0], first)
    data.epoch = 1
    assert not torch.equal(data[3][0], first)


def test_a_missing_folder_is_one_clear_sentence(tmp_path):
    options = imagenet.arguments(["--data", str(tmp_path / "nowhere"), *SMALL])
    with pytest.raises(SystemExit, match=r"nowhere/train is missing: --data must name a folder"):
        imagenet.train(options)
    (tmp_path / "train").mkdir()
    with pytest.raises(SystemExit, match="holds no images of classes"):
        imagenet.train(imagenet.arguments(["--data", str(tmp_path), *SMALL]))


def test_the_rate_rises_and_falls():
    options = imagenet.arguments(
        ["--data", ".", "--warm-up", "5", "--epochs", "90", "--batch", "64"]
    )
    rates = [imagenet.rate(options, epoch, 4) for epoch in (0, 2.5, 5, 47.5, 90)]
    assert rates == pytest.approx([0, 0.05, 0.1, 0.05, 0])
    assert json.dumps(imagenet.settings(options))
