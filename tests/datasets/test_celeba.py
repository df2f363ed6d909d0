"""CelebA, where the reader has it: which faces, cut where, and what is said where it is not."""

import pytest
import torch

from spatialbias import cli, components, datasets
from spatialbias.datasets.files import DataDamaged, DataMissing, available
from spatialbias.studies import study
from tests.datasets import celeba_folder


@pytest.fixture
def folder(tmp_path):
    celeba_folder.write(tmp_path)
    with celeba_folder.readable(tmp_path):
        yield tmp_path


def test_the_standard_splits_cut_to_the_middle(folder):
    data = datasets.load("celeba")
    (train,), (test,) = data.train.inputs, data.test.inputs
    assert data.train.target.tolist() == [1, 0, 0, 1] and data.test.target.tolist() == [0, 1]
    assert data.classes[1] == "male" and train.shape == (4, 3, 32, 32)
    assert train[:, 2, 16, 16].tolist() == [20 + 30 * k for k in (0, 1, 3, 6)]
    # The two ramps run over all of the square, from a corner where both are darkest: nothing of the
    # black around it is in.
    ramp = test[0, :2].float()
    assert ramp.min() >= 20 and ramp[0, -1].min() > 150 and ramp[1, :, -1].min() > 150
    torch.testing.assert_close(ramp[0], ramp[1].t(), rtol=0, atol=1)


def test_moved_on_a_canvas_as_the_studies_ask(folder):
    trial = study("lrlc.translated").plan(dataset="celeba", replicates=1).trials[1]
    assert trial.model_args["classes"] == 2 and trial.model_args["size"] == 40
    assert "channels" not in trial.model_args or trial.model_args["channels"] == 3
    moved = datasets.load(trial.dataset, **trial.dataset_args).train.inputs[0]
    assert moved.shape[2:] == (40, 40) and (moved[:, 0] > 0).sum((1, 2)).eq(32 * 32).all()


def test_what_is_not_there_is_said_and_never_fetched(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SPATIALBIAS_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match="never fetched: torchvision.datasets.CelebA"):
        available("celeba")
    assert cli.main(["data", "celeba"]) == 1 and "never fetched" in capsys.readouterr().err
    (tmp_path / "celeba").mkdir()
    with pytest.raises(DataDamaged, match="cannot be read"):
        datasets.load("celeba")


def test_who_asks_for_all_sets_is_not_asked_for_this_one(monkeypatch, capsys):
    asked = []

    def load(name):
        asked.append(name)
        raise ValueError("not now")

    monkeypatch.setattr(datasets, "load", load)
    cli.main(["data"])
    assert set(asked) == set(components.SHAPES) - {"celeba"}
