"""What the page `coordbias/layer` shows: a ramp added to a convolution, drawn and measured with the
layers themselves.

Everything is computed from the modules that are handed in or built here; identities in float64.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from spatialbias.figures.circles import INKS, label_image, picture
from spatialbias.figures.counterpart import OURS, THEIRS, inside, over_kernels
from spatialbias.figures.maps import plane
from spatialbias.layers import CoordBiasConv2d, CoordConv2d
from spatialbias.layers.coordbias import unit_grid
from spatialbias.models import build
from spatialbias.plots.style import COLOURS, INK, SPARE, canvas

PLAIN = COLOURS["simple_cnn"]


@torch.no_grad()
def terms(layer: CoordBiasConv2d, x: Tensor) -> dict[str, Tensor]:
    """The summands of the layer's response to (1, C, H, W) and the response itself: (C_out, H', W')
    each.
    """
    plain, total = nn.Conv2d.forward(layer, x)[0], layer(x)[0]
    ramps = layer.coordinate_bias[..., None, None] * layer.coordinates(
        *plain.shape[1:], plain.dtype, "cpu"
    )  # (C_out, 2, H', W')
    return {"convolution + b": plain, "$b_x X$": ramps[:, 0], "$b_y Y$": ramps[:, 1], "sum": total}


def composition(
    layer: CoordBiasConv2d, image: Tensor, label: Tensor, names: list[str], limit: float = 1.0
) -> Figure:
    """One row a filter: the response of the convolution, the two ramps, their sum, and where it is
    positive. `names` are classes.

    First column: the picture (3, H, W) of 8 bits, its labels, and the answer, the class of the
    filter that is positive. Colours are full from ±limit: what matters lies near zero, and the
    background far below.
    """
    found = terms(layer, image[None].float() / 255)
    figure, axes = canvas(18, columns=6, height=1.3)
    grid = np.array(axes).reshape(3, 6)
    best = found["sum"].max(0)
    answer = torch.where(best.values > 0, best.indices + 1, 0)
    picture(grid[0, 0], image, "picture")
    label_image(grid[1, 0], label, image, "its labels")
    label_image(grid[2, 0], answer, image, "the answer")
    for k, row in enumerate(grid):
        for ax, (title, maps) in zip(row[1:5], found.items()):
            plane(ax, maps[k], title if k == 0 else "", limit)
        label_image(
            row[5], torch.where(found["sum"][k] > 0, k + 1, 0), image, "sum > 0" if k == 0 else ""
        )
        row[1].set_ylabel(names[k], color=INKS[k + 1], size=8.5)
    return figure


def recalls(answer: Tensor, label: Tensor, classes: int) -> list[float]:
    """Of the pixels of each class, the share that is answered rightly."""
    return [float((answer[label == k] == k).float().mean()) for k in range(classes)]


def worked_example(seed: int = 3) -> Figure:
    """The source's example with small whole numbers: 7x7x3, two 3x3 kernels, stride 3, padding 1,
    so a map of 3x3x2.
    """
    generator = torch.Generator().manual_seed(seed)
    layer = CoordBiasConv2d(3, 2, 3, stride=3, padding=1)
    image = torch.randint(0, 3, (1, 3, 7, 7), generator=generator).float()
    with torch.no_grad():
        layer.weight.copy_(torch.randint(-1, 2, layer.weight.shape, generator=generator))
        layer.bias.copy_(torch.tensor([1.0, 0.0]))
        layer.coordinate_bias.copy_(torch.tensor([[4.0, 0.0], [2.0, -6.0]]))
    found = terms(layer, image)
    figure, axes = canvas(10, columns=5, height=1.6, share_x=False, share_y=False)
    limit = max(float(v.abs().max()) for v in found.values())
    plane(axes[0], torch.zeros(7, 7), "input: 7 × 7 × 3")
    axes[0].add_patch(Rectangle((-0.5, -0.5), 7, 7, facecolor=INK, alpha=0.2))
    for low in (-1.5, 1.5, 4.5):  # the windows of one row of the map, which reach into the padding
        axes[0].add_patch(
            Rectangle(
                (low, -1.5),
                3,
                3,
                facecolor="none",
                edgecolor=PLAIN,
                linewidth=1,
                linestyle=(0, (3, 2)),
            )
        )
        axes[0].plot(
            (0, 3, 6), (low + 1.5,) * 3, linestyle="", marker="s", markersize=4, color=PLAIN
        )
    axes[0].set(xlim=(-1.8, 7.8), ylim=(7.8, -1.8))
    axes[5].set_axis_off()
    axes[5].text(
        0.5,
        0.5,
        "two filters,\none a row",
        ha="center",
        va="center",
        transform=axes[5].transAxes,
        size=8.5,
    )
    for k, row in enumerate((axes[1:5], axes[6:])):
        by_x, by_y = (f"{v:g}".replace("-", "−") for v in layer.coordinate_bias[k].tolist())
        titles = ("convolution + b", f"{by_x} · X", f"{by_y} · Y", "sum")
        for ax, title, maps in zip(row, titles, found.values()):
            plane(ax, maps[k] + 0.0, title, limit, numbers=True)
    return figure


# ------------------------------------------------------------------------------------------------------------------
# sizes


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def extra(kernel: int, **options) -> dict[str, float]:
    """Parameters more than a plain convolution, a filter, counted in layers of 8 filters."""
    plain = count(nn.Conv2d(4, 8, kernel))
    layers = {
        "coordinate bias": CoordBiasConv2d(4, 8, kernel),
        "CoordConv": CoordConv2d(4, 8, kernel),
        "CoordConv with r": CoordConv2d(4, 8, kernel, radius=True),
    }
    return {name: (count(layer) - plain) / 8 for name, layer in layers.items()}


def sizes(kernels: tuple[int, ...] = (1, 3, 5, 7, 9, 11)) -> Figure:
    """Extra parameters a filter against the kernel size K."""
    rows = pd.DataFrame([extra(k) for k in kernels], index=kernels)
    return over_kernels(
        rows,
        {"coordinate bias": OURS, "CoordConv": THEIRS, "CoordConv with r": THEIRS},
        "extra parameters\nper filter",
    )


def encoder(size: int = 128) -> pd.DataFrame:
    """The encoder of the source's network, layer by layer: what either way of telling positions
    adds, and where they can differ.
    """
    convolutions = {
        kind: [
            m for m in build("vgg9_fcn", layer=kind).stages.modules() if isinstance(m, nn.Conv2d)
        ]
        for kind in ("conv", "coordbias", "coordconv")
    }
    rows = []
    for k, (plain, ours, theirs) in enumerate(zip(*convolutions.values())):
        side = size // 2 ** (k // 2)
        edge = 1 - float(inside(plain, side, side).float().mean())
        rows.append(
            {
                "layer": k + 1,
                "channels": f"{plain.in_channels} → {plain.out_channels}",
                "map": f"{side} × {side}",
                "coordinate bias": count(ours) - count(plain),
                "CoordConv": count(theirs) - count(plain),
                "positions at the border": f"{edge:.1%}",
            }
        )
    return pd.DataFrame(rows)


def speed(runs: Mapping[str, dict], names: Mapping[str, str]) -> str:
    """What layers cost in time, as multiples of a plain convolution's, in sentences. From
    `figures.benchmarks`: records, names of processors.
    """
    kinds = ("CoordBiasConv2d", "CoordConv2d", "concatenated")
    rows = {
        name: {row["name"]: row for row in run["rows"] if row["part"] == "layers"}
        for name, run in runs.items()
    }
    rows = {
        name: found
        for name, found in rows.items()
        if {f"{kind}, fp32" for kind in kinds} <= set(found)
    }
    if not rows:
        return "What they cost in time, as layers, is not on record."
    single = {
        names.get(name, name).partition(" (")[0]: [
            found[f"{kind}, fp32"]["value"] for kind in kinds
        ]
        for name, found in rows.items()
    }
    (first, (ours, theirs, joined)), *others = single.items()
    also = "".join(f"; {name}: {a:.2f} and {b:.2f}" for name, (a, b, _) in others)
    apart = " or ".join(f"{c:.2f}" for *_, c in single.values())
    slow = "what is slow is " * all(c > max(a, b) for a, b, c in single.values())
    everything = [row for found in rows.values() for row in found.values()]
    most = [
        max(row["value"] for row in everything if row["name"].startswith(kind)) for kind in kinds
    ]
    rounds = " or ".join(map(str, dict.fromkeys(row["n"] for row in everything)))
    return (
        f"As layers, in single precision, the coordinate bias and our CoordConv take {ours:.2f} and {theirs:.2f} times as long as a "
        f"plain convolution ({first}{also}); {slow}concatenating the coordinates, {apart} times. Over precisions and memory layouts "
        f"the three take up to {most[0]:.2f}, {most[1]:.2f} and {most[2]:.2f} times as long (medians of {rounds} rounds, "
        "forwards and backwards)."
    )


# ---------------------------------------------------------------------------------------------------------------
# batch norm


def normalised(
    images: Tensor, slope: float = 1.0, seed: int = 0
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, float]]:
    """One filter's mean response by column, before and after batch norm: as it is, with a constant,
    and with a ramp. And identities.
    """
    torch.manual_seed(seed)
    layer = CoordBiasConv2d(3, 1, 3, padding=1, dtype=torch.float64)
    x, norm, responses = images.double() / 255, nn.BatchNorm2d(1, affine=False).double(), {}
    with torch.no_grad():
        for name, b, b_x in (
            ("convolution", 0, 0),
            ("with a constant", slope, 0),
            ("with a ramp", 0, slope),
        ):
            layer.bias.fill_(b)
            layer.coordinate_bias.copy_(torch.tensor([[b_x, 0.0]]))
            responses[name] = layer(x)
        after = {name: norm(out) for name, out in responses.items()}
        deviation = {
            name: float((out.var(unbiased=False) + norm.eps).sqrt())
            for name, out in responses.items()
        }
        left = (
            deviation["with a ramp"] * after["with a ramp"]
            - deviation["convolution"] * after["convolution"]
        )
        ramp = slope * (unit_grid(*x.shape[2:], torch.float64, "cpu")[0] - 0.5)
    found = {
        "constant": float((after["with a constant"] - after["convolution"]).abs().max()),
        "deviation": deviation["with a ramp"],
        "slope": slope / deviation["with a ramp"],
        "identity": float((left - ramp).abs().max()),
    }
    profiles = {
        when: {name: out.mean((0, 1, 2)).numpy() for name, out in maps.items()}
        for when, maps in (("before", responses), ("after", after))
    }
    return profiles, found


def norm_figure(profiles: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Left: before batch norm; right: after it."""
    figure, axes = canvas(2, height=2.7, share_y=False)
    styles = {
        "convolution": (PLAIN, "-", 3.6),
        "with a constant": (SPARE[3], (0, (4, 3)), 1.6),
        "with a ramp": (OURS, "-", 1.8),
    }
    for ax, (when, lines) in zip(axes, profiles.items()):
        for name, values in lines.items():
            ink, dash, width = styles[name]
            ax.plot(
                np.linspace(0, 1, len(values)),
                values,
                color=ink,
                linestyle=dash,
                linewidth=width,
                label=name,
                alpha=0.5 if name == "convolution" else 1,
            )
        ax.set(xlabel="X (column)", title=f"{when} batch norm")
    axes[0].set_ylabel("mean response")
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        fontsize=8.5,
        labelcolor="linecolor",
    )
    return figure


def gradients(images: Tensor, labels: Tensor, seed: int = 0) -> pd.DataFrame:
    """Largest gradient of the bias and of the coordinate bias, without and with batch norm; four
    filters are the classes' logits.
    """
    rows = []
    for name, norm in (("none", nn.Identity()), ("batch norm", nn.BatchNorm2d(4))):
        torch.manual_seed(seed)
        layer = CoordBiasConv2d(3, 4, 3, padding=1).double()
        F.cross_entropy(norm.double()(layer(images.double() / 255)), labels).backward()
        rows.append(
            {
                "norm": name,
                "b": float(layer.bias.grad.abs().max()),
                "b_x, b_y": float(layer.coordinate_bias.grad.abs().max()),
            }
        )
    return pd.DataFrame(rows)
