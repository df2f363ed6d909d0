"""The two terms of a coordinate layer, its work and its ramp."""

import pytest
import torch

from spatialbias.layers import CoordConv2d
from spatialbias.probes import ramp


@pytest.mark.parametrize("radius", [False, True])
def test_the_two_terms_and_the_long_way_are_the_layer(radius):
    layer = CoordConv2d(3, 4, 3, stride=2, padding=1, radius=radius, dtype=torch.float64)
    x = torch.randn(5, 3, 9, 7, dtype=torch.float64)
    features, position = ramp.terms(layer, 9, 7, x)
    assert position.shape == (1, *layer(x).shape[1:])
    torch.testing.assert_close(features + position, layer(x))
    torch.testing.assert_close(ramp.concatenated(layer, x), layer(x))


def test_a_ramp_stays_a_ramp_except_at_padded_borders():
    layer = CoordConv2d(1, 1, 3, padding=1, dtype=torch.float64)
    response = ramp.terms(layer, 9, 12)[1][0, 0]
    assert ramp.off_plane(response, 1) < 1e-12 < ramp.off_plane(response, 0)


def test_a_radius_is_no_ramp():
    layer = CoordConv2d(1, 1, 1, radius=True, dtype=torch.float64)
    assert ramp.off_plane(ramp.terms(layer, 9, 12)[1][0, 0], 0) > 0.01


def test_once_for_the_batch_is_less_work_than_for_every_image():
    layer, x = CoordConv2d(3, 4, 3, padding=1), torch.zeros(8, 3, 6, 6)
    assert ramp.multiply_adds(layer, x) < ramp.multiply_adds(ramp.concatenated, layer, x)
