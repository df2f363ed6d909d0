"""The coordinate bias beside CoordConv: how far one layer can be the other, and how fast each learns
a slope. Computed from the layers themselves, in float64.
"""

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.layers import CoordBiasConv2d, CoordConv2d
from spatialbias.layers.coordbias import unit_grid


def inside(layer: nn.Conv2d, height: int, width: int) -> Tensor:
    """Which positions of the output (H', W') have a window that touches no padding."""
    kernel = torch.ones(1, 1, *layer.kernel_size)
    full = F.conv2d(
        torch.ones(1, 1, height, width), kernel, None, layer.stride, layer.padding, layer.dilation
    )
    return full[0, 0] == kernel.numel()


@torch.no_grad()
def counterpart(layer: CoordConv2d, height: int, width: int) -> CoordBiasConv2d:
    """The coordinate-bias layer that is closest to a CoordConv layer on maps of one size: equal
    inside, if it has no r.

    Slopes and constant are fitted to the response to an empty picture, at the positions whose
    windows touch no padding.
    """
    response = layer(layer.weight.new_zeros(1, layer.in_channels, height, width))[
        0
    ]  # (C_out, H', W'), bias included
    where = inside(layer, height, width)
    ones = torch.ones_like(response[:1])
    basis = torch.cat((unit_grid(*response.shape[1:], response.dtype, "cpu"), ones))  # X, Y, 1
    fit = torch.linalg.lstsq(basis[:, where].T, response[:, where].T).solution.T  # (C_out, 3)
    ours = CoordBiasConv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        padding_mode=layer.padding_mode,
        dtype=response.dtype,
    )
    ours.weight.copy_(layer.weight[:, : layer.in_channels])
    ours.coordinate_bias.copy_(fit[:, :2])
    ours.bias.copy_(fit[:, 2])
    return ours


@torch.no_grad()
def differences(
    kernel: int = 3, size: int = 16, seed: int = 0
) -> tuple[dict[str, Tensor], CoordConv2d, CoordBiasConv2d]:
    """CoordConv's response to an empty picture, its counterpart's, and what is left under several
    paddings and with r: (H', W') each.
    """
    maps = {}
    for what, options in {
        "zeros": {},
        "replicate": {"padding_mode": "replicate"},
        "none": {"padding": 0},
        "r": {"radius": True},
    }.items():
        torch.manual_seed(seed)
        options = {"padding": kernel // 2, **options}
        theirs = CoordConv2d(1, 1, kernel, dtype=torch.float64, **options)
        ours, empty = (
            counterpart(theirs, size, size),
            torch.zeros(1, 1, size, size, dtype=torch.float64),
        )
        maps[what] = theirs(empty)[0, 0] - ours(empty)[0, 0]
        if what == "zeros":
            maps = {"CoordConv": theirs(empty)[0, 0], "its counterpart": ours(empty)[0, 0], **maps}
            pair = theirs, ours
    return maps, *pair


def paces(
    kernels: tuple[int, ...] = (1, 3, 5, 7), size: int = 64, filters: int = 256
) -> pd.DataFrame:
    """CoordConv's slopes relative to the coordinate bias's, median over filters: their size at the
    start, and their first step.

    Both get the same gradient on their output: noise, and a ramp that asks for a slope.
    """
    rows = {}
    for kernel in kernels:
        torch.manual_seed(0)
        wanted = (
            unit_grid(size, size, torch.float64, "cpu")[0]
            - 0.5
            + 0.1 * torch.randn(1, filters, size, size, dtype=torch.float64)
        )
        empty, found = torch.zeros(1, 1, size, size, dtype=torch.float64), {}
        for kind in (CoordBiasConv2d, CoordConv2d):
            for optimiser in (torch.optim.SGD, torch.optim.Adam):
                torch.manual_seed(1)
                layer = kind(1, filters, kernel, padding=kernel // 2, dtype=torch.float64)
                before = _slopes(layer, size)
                (layer(empty) * wanted).mean().backward()
                optimiser(layer.parameters(), lr=1e-3).step()
                found[kind, optimiser] = float((_slopes(layer, size) - before).abs().median())
            start = kind(
                64, filters, kernel, padding=kernel // 2, dtype=torch.float64
            )  # as many inputs as layers have
            found[kind, "start"] = float(_slopes(start, size).std())
        names = {
            "one step of SGD": torch.optim.SGD,
            "one step of Adam": torch.optim.Adam,
            "at the start": "start",
        }
        rows[kernel] = {
            name: found[CoordConv2d, what] / found[CoordBiasConv2d, what]
            for name, what in names.items()
        }
    return pd.DataFrame(rows).T


def _slopes(layer: nn.Conv2d, size: int) -> Tensor:
    """b_x of every filter: for CoordConv that of its counterpart."""
    return (
        (counterpart(layer, size, size) if isinstance(layer, CoordConv2d) else layer)
        .coordinate_bias[:, 0]
        .detach()
        .clone()
    )
