"""Measures of networks whose filters differ from place to place."""

import pytest
import torch

from spatialbias import datasets, measures, models, training
from spatialbias.measures import local
from spatialbias.trials import Trial


def subject(**arguments) -> measures.Subject:
    torch.manual_seed(0)
    model = models.build("local_cnn", channels=1, size=40, classes=2, width=4, **arguments).eval()
    data = datasets.load("faces", n_train=1, n_test=50)
    trial = Trial(model="local_cnn", dataset="faces")
    return measures.Subject(model, trial, data, data.test, training.Execution())


def test_networks_without_combining_weights_say_nothing():
    assert list(local.shuffled_weights(subject())) == []
    assert list(local.combining_weights(subject(layer="local"))) == []
    assert list(local.combining_weights(subject(layer="lrlc", rank=2, weights="input"))) == []


@pytest.mark.parametrize("weights", ["row_col", "table", "input"])
def test_weights_are_changed_within_and_come_back(weights):
    layer = subject(layer="lrlc", rank=3, weights=weights).model[6]
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 4, 36, 36)
    own, out = layer.combining_weights(x), layer(x)
    with local.reweighted([layer], local.shuffled):
        moved = layer.combining_weights(x)
        assert not torch.allclose(layer(x), out)
    assert not torch.equal(moved, own)
    assert torch.equal(moved.flatten(-2).sort(-1).values, own.flatten(-2).sort(-1).values)
    torch.testing.assert_close(moved.sum(-3), torch.ones_like(moved.sum(-3)))
    with local.reweighted([layer], local.averaged):
        assert layer.combining_weights(x).std((-2, -1)).max() < 1e-6
    assert torch.equal(layer.combining_weights(x), own) and torch.equal(layer(x), out)


def test_a_network_with_uniform_weights_does_not_care():
    rows = list(local.shuffled_weights(subject(layer="lrlc", rank=3)))
    assert [row["part"] for row in rows] == ["own", "shuffled", "averaged"]
    assert len({row["value"] for row in rows}) == 1


def test_one_row_a_bank_and_position():
    asked = subject(layer="lrlc", rank=2)
    torch.nn.init.normal_(asked.model[6].row_logits)
    rows = list(local.combining_weights(asked))
    assert len(rows) == 2 * 34 * 34 and {row["part"] for row in rows} == {"0", "1"}
    weights = asked.model[6].combining_weights().detach()
    assert rows[34 * 34 + 35]["value"] == pytest.approx(float(weights[1, 1, 1]))
