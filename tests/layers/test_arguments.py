"""What all convolution-like layers refuse, with one voice: the argument is named, and what is
allowed.
"""

import numpy as np
import pytest
import torch

from spatialbias.layers import (
    CoordBiasConv2d,
    CoordConv2d,
    LocallyConnected2d,
    ModFC,
    coordinate_grid,
)

LAYERS = {
    "coordconv": (CoordConv2d, {}),
    "coordbias": (CoordBiasConv2d, {}),
    "local": (LocallyConnected2d, {"input_size": (7, 6)}),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("argument", "value", "allowed"),
    [
        ("in_channels", 0, "positive"),
        ("in_channels", -1, "positive"),
        ("out_channels", 0, "positive"),
        ("out_channels", 4.0, "positive"),
        ("kernel_size", 0, "at least 1"),
        ("kernel_size", (3, 3, 3), "two of them"),
        ("kernel_size", 3.0, "whole number"),
        ("stride", 0, "at least 1"),
        ("stride", (1, 0), "at least 1"),
        ("stride", (1, 1, 1), "two of them"),
        ("stride", "2", "whole number"),
        ("dilation", 0, "at least 1"),
        ("dilation", (1,), "two of them"),
        ("padding", -1, "at least 0"),
        ("padding", (-1, 2), "'same' or 'valid'"),
        ("padding", (1, 1, 1), "two of them"),
        ("dtype", torch.complex64, "floating"),
        ("dtype", torch.int64, "floating"),
    ],
)
def test_what_cannot_work_is_refused_at_construction(layer, argument, value, allowed):
    kind, options = LAYERS[layer]
    with pytest.raises(ValueError, match=f"^{argument}=.*{allowed}"):
        kind(
            **(
                {"in_channels": 2, "out_channels": 3, "kernel_size": 3}
                | {argument: value}
                | options
            )
        )


@pytest.mark.parametrize("layer", LAYERS)
def test_lists_and_numpy_s_numbers_are_numbers(layer):
    kind, options = LAYERS[layer]
    made = kind(2, np.int64(3), [3, np.int64(2)], np.int64(2), [0, 1], **options)
    assert made(torch.randn(1, 2, 7, 6)).shape == (1, 3, 3, 4)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
def test_a_grid_without_pixels_is_refused(size):
    with pytest.raises(ValueError, match=f"height={size[0]}, width={size[1]}.*at least 1"):
        coordinate_grid(*size)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_a_grid_of_whole_numbers_is_refused(dtype):
    with pytest.raises(ValueError, match="^dtype=.*floating"):
        coordinate_grid(1, 4, dtype)


@pytest.mark.parametrize(
    "options", [{"in_features": 0}, {"out_features": -1}, {"dtype": torch.complex64}]
)
def test_modfc_refuses_them_too(options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))}="):
        ModFC(**({"in_features": 4, "out_features": 3} | options))
