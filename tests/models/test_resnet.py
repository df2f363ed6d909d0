"""ResNet-50 with our layers."""

import pytest
import torch

from spatialbias.layers import CoordConv2d, LRLC2d
from spatialbias.models.resnet import KINDS, PLACES, resnet


def parameters(*arguments, **options) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in resnet(*arguments, **options).parameters())


def test_what_is_replaced_and_what_is_inserted():
    with torch.device("meta"):
        plain = resnet("convolution", "conv5", size=64)
        replaced, inserted = (resnet("lrlc", place, rank=2, size=224) for place in PLACES[::-1])
    found = [m for m in replaced.modules() if isinstance(m, LRLC2d)]
    assert [m.input_size for m in found] == [(14, 14), (7, 7), (7, 7)]
    assert [m.output_size for m in found] == [(7, 7)] * 3
    assert [m.input_size for m in inserted.modules() if isinstance(m, LRLC2d)] == [(28, 28)]
    assert sum(p.numel() for p in plain.parameters()) == 25_557_032  # torchvision's
    with torch.device("meta"):
        told = resnet("coordconv", "conv5")
    assert sum(isinstance(m, CoordConv2d) for m in told.modules()) == 3


@pytest.mark.parametrize("place", PLACES)
def test_a_wide_network_has_the_parameters_of_a_low_rank_one(place):
    low, wide = (parameters(kind, place, rank=2) for kind in ("lrlc", "wide"))
    assert abs(wide / low - 1) < 0.002
    assert low > 1.05 * parameters("convolution", place)


def test_a_wide_conv5_is_not_twice_as_wide():
    """The next 1x1 layer grows with it."""
    with torch.device("meta"):
        widths = {block.conv2.out_channels for block in resnet("wide", "conv5", rank=2).layer4}
    assert widths == {866}  # 1.69 times 512


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns(kind, place):
    model = resnet(kind, place, size=64, classes=5)
    out = model(torch.randn(2, 3, 64, 64))
    out.square().sum().backward()
    assert out.shape == (2, 5) and all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    "arguments", [{"kind": "dense"}, {"place": "conv4"}, {"rank": 0}, {"size": -1}]
)
def test_what_there_is_not_is_refused(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}="):
        resnet(**arguments)
