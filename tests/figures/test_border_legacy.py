"""What a network sees of the border: counted by hand where that is easy."""

import pytest
import torch
from torch import nn

from spatialbias.datasets import Data
from spatialbias.explorer.networks import NONE, Network
from spatialbias.figures import border
from spatialbias.models import build


def test_ways_are_counted_as_by_hand():
    one = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Flatten())
    line = torch.tensor(
        [1.0, 2, 3, 2, 1], dtype=torch.float64
    )  # windows of 3 in a row of 5 that hold each pixel
    torch.testing.assert_close(border.ways(one, 5), line[:, None] * line)
    strided = nn.Sequential(nn.Conv2d(1, 1, 3, stride=2))
    assert border.ways(strided, 5)[0].tolist() == [1, 1, 2, 1, 1]
    padded = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    assert border.ways(padded, 4)[0, 0] == 4 and border.ways(padded, 4)[1, 1] == 9


def test_the_simple_cnn_hardly_meets_its_corners():
    found = border.way_numbers()
    assert found["ways_corner"] == "1" and found["ways_most"].endswith("million")
    assert (
        float(found["ways_outside"].split()[0]) < 0.1 and found["ways_there"] == "21 %"
    )  # per cent
    assert (
        float(border.way_numbers(name="strided_cnn", key="small")["small_outside"].split()[0]) > 1
    )


def test_shares_of_an_even_map_are_areas():
    outside, inner = border.shares(torch.ones(32, 32))
    assert inner == 0.25 and outside == pytest.approx(1 - torch.pi / 4, abs=0.01)


def test_reliance_lies_where_the_network_looks():
    torch.manual_seed(0)
    data = Data(NONE, NONE, "made up", ("a", "b"), "", (0.5,) * 3, (0.25,) * 3)
    images = torch.randint(
        0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    cnn = border.reliance(Network(build("simple_cnn").requires_grad_(False), data), images)
    fc = border.reliance(Network(build("fully_connected").requires_grad_(False), data), images)
    assert (
        cnn.sum().item() == pytest.approx(1)
        and border.shares(cnn)[0] < 0.01 < 0.1 < border.shares(fc)[0]
    )


def test_without_networks_nothing_is_said():
    assert set(border.seen({}).values()) == {border.NOTHING, "0"}


@pytest.mark.parametrize(
    "share, text", [(0.000006, "0.0006 %"), (0.917, "92 %"), (0.0123, "1 %"), (0.0, "0 %")]
)
def test_shares_are_written_briefly(share, text):
    assert border._percent(share) == text
