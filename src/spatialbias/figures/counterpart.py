"""The coordinate bias beside CoordConv, for the page `coordbias/layer`: how far one can be the
other, and how fast each learns a slope.

Everything is computed from the layers themselves; identities in float64.
"""

import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from spatialbias.figures.maps import plane
from spatialbias.layers import CoordBiasConv2d, CoordConv2d
from spatialbias.layers.coordbias import unit_grid
from spatialbias.plots.style import INK, SPARE, canvas, colour

OURS, THEIRS = (
    colour("coordbias"),
    colour("CoordConv"),
)  # as beside each other on the other pages of the chapter


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


def relation(maps: dict[str, Tensor]) -> Figure:
    """The maps of `differences`, on one scale."""
    titles = {
        "zeros": "difference,\nzero padding",
        "replicate": "difference,\nreplicated border",
        "none": "difference,\nno padding",
        "r": "difference,\nzeros, and r",
    }
    figure, axes = canvas(6, columns=3, height=2.0, share_x=False, share_y=False)
    limit = max(float(v.abs().max()) for v in maps.values())
    for ax, (name, values) in zip(axes, maps.items()):
        drawn = plane(ax, values, titles.get(name, f"{name},\nzero padding"), limit)
    bar = figure.colorbar(drawn, ax=axes, label="response to an empty picture", aspect=28, pad=0.02)
    bar.outline.set_linewidth(0.4)
    return figure


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


def paces_figure(rows: pd.DataFrame) -> Figure:
    inks = dict(
        zip(rows.columns, (SPARE[0], SPARE[1], INK))
    )  # ways to step, and no network's colours
    return over_kernels(rows, inks, "CoordConv's slope,\nrelative to ours")


def over_kernels(rows: pd.DataFrame, inks: dict[str, str], ylabel: str) -> Figure:
    """A line a column over the kernel size K, on a logarithmic axis."""
    figure, (ax,) = canvas(1, height=2.7, width=6.4)
    for (name, ink), mark in zip(inks.items(), "os^"):
        ax.plot(
            rows.index,
            rows[name],
            color=ink,
            marker=mark,
            linestyle=(0, (4, 2)) if name.endswith("r") else "-",
        )
        ax.annotate(
            name,
            (rows.index[-1], rows[name].iloc[-1]),
            xytext=(7, 0),
            textcoords="offset points",
            color=ink,
            va="center",
            size=8.5,
            annotation_clip=False,
        )
    ax.set_yscale("log")
    ax.set_xticks(rows.index)
    ticks = [
        t
        for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
        if 0.7 * rows.min().min() <= t <= 1.4 * rows.max().max()
    ]
    ax.set_yticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="kernel size K", ylabel=ylabel)
    return figure
