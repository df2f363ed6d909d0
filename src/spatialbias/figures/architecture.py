"""A Coordinet before it is trained, for the page `coordinet/architecture`: drawn from the module
itself, its costs and its codes.
"""

import copy
import math

import numpy as np
import pandas as pd
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from spatialbias.figures.maps import plane
from spatialbias.layers import coordinate_grid
from spatialbias.models import build
from spatialbias.models.coordinet import Encoding
from spatialbias.plots.style import COLOURS, INK, SPARE, canvas, label, use

ROUND = "round,pad=0,rounding_size=1"
LENGTHS = LinearSegmentedColormap.from_list(
    "lengths", [SPARE[0] + "00", SPARE[0]]
)  # of what has no sign
GREEN, BLUE, RED = COLOURS["coordinet"], COLOURS["simple_cnn"], COLOURS["fully_connected"]


# ------------------------------------------------------------------------------------------------------
# sizes and costs


def costs(model: nn.Module, images: Tensor) -> dict[str, tuple[int, int]]:
    """(parameters, multiply-adds an image) of the whole model ("") and of each submodule by name,
    matrix products and convolutions only.
    """
    model = copy.deepcopy(model).float()
    model.folded = False  # count the layers as the source writes them
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(images[:1])
    root, counted = type(model).__name__, counter.get_flop_counts()
    return {
        name: (
            sum(p.numel() for p in part.parameters()),
            sum(counted.get(f"{root}.{name}" if name else root, {}).values()) // 2,
        )
        for name, part in model.named_modules()
    }


def company(model: nn.Module, images: Tensor) -> pd.DataFrame:
    """Coordinet beside the networks that it is compared with: parameters, multiply-adds an image,
    how often a weight is used.
    """
    shared = {
        "fully_connected": "nothing: each pixel has weights of its own",
        "simple_cnn": "one small window of weights, at every place",
        "coordinet": "the path of one pixel, by all pixels; in the modulator nothing",
    }
    shape = {"channels": images.shape[1], "size": images.shape[2]}
    rows = []
    for name, what in shared.items():
        parameters, products = costs(
            model if name == "coordinet" else build(name, **shape), images
        )[""]
        rows.append(
            {
                "network": label(name),
                "parameters": f"{parameters:,}",
                "multiply-adds an image (millions)": f"{products / 1e6:.1f}",
                "uses of a weight, mean": f"{products / parameters:.0f}",
                "what is shared": what,
            }
        )
    return pd.DataFrame(rows)


def diagram(model: nn.Module, image: Tensor) -> Figure:
    """The flow of data through a Coordinet with modulation by the image, its sizes and costs;
    `image` (C, H, W) uint8 is drawn in.
    """
    figure, (ax,) = canvas(1, height=3.7)
    ax.set(xlim=(0, 100), ylim=(0, 51))
    ax.set_axis_off()
    cost = costs(model, torch.zeros(1, model.channels, model.size, model.size))
    count, E, L = model.size**2, model.path[0].in_features, len(model.path)
    small = 8 if L < 5 else 6.8

    def box(x, y, w, h, ink, title, *lines, size=8.0):
        ax.add_patch(
            FancyBboxPatch(
                (x, y), w, h, boxstyle=ROUND, facecolor=ink + "22", edgecolor=ink, linewidth=1.2
            )
        )
        ax.text(
            x + w / 2,
            y + h - 1.4,
            title,
            ha="center",
            va="top",
            color=ink,
            weight="bold",
            size=size + 0.7,
        )
        ax.text(
            x + w / 2,
            y + h - 4.9,
            "\n".join(lines),
            ha="center",
            va="top",
            size=size,
            linespacing=1.4,
        )

    def arrow(*points, ink=INK):
        for a, b in zip(points, points[1:]):
            last = b is points[-1]
            ax.add_patch(
                FancyArrowPatch(
                    a,
                    b,
                    arrowstyle="-|>" if last else "-",
                    mutation_scale=8,
                    color=ink,
                    linewidth=1.1,
                    shrinkA=0,
                    shrinkB=0,
                )
            )

    def million(products):
        return f"{products / 1e6:,.0f} M" if products >= 1e8 else f"{products / 1e6:.2g} M"

    def sizes(network):
        maps = [part for part in network if isinstance(part, nn.Linear)]
        return " → ".join(
            f"{n}" for n in (maps[0].in_features, *(part.out_features for part in maps))
        )

    # The picture, and one of its pixels
    ax.imshow(
        image.expand(3, -1, -1).permute(1, 2, 0).numpy(),
        extent=(1, 16, 30, 47),
        interpolation="none",
        aspect="auto",
    )
    x, y = (
        1 + 15 * (round(model.size * 0.4) + 0.5) / model.size,
        47 - 17 * (round(model.size * 0.6) + 0.5) / model.size,
    )
    ax.add_patch(
        Rectangle((x - 0.6, y - 0.7), 1.2, 1.4, facecolor="none", edgecolor=RED, linewidth=1.6)
    )
    ax.text(
        8.5,
        47.6,
        f"{model.channels} × {model.size} × {model.size}",
        ha="center",
        va="bottom",
        size=8,
    )
    # The modulator's way
    start, stop = 20.5, 79.0
    box(
        start,
        34,
        stop - start,
        13,
        BLUE,
        "modulator: sees the whole image, fully connected",
        sizes(model.modulator),
        f"{cost['modulator'][0]:,} parameters",
        f"{million(cost['modulator'][1])} multiply-adds",
    )
    arrow((16.3, 40.5), (start, 40.5), ink=BLUE)
    # One pixel's way
    ax.add_patch(
        FancyBboxPatch(
            (0, 3.6),
            stop + 0.8,
            21.2,
            boxstyle=ROUND,
            facecolor="none",
            edgecolor=GREEN,
            linestyle=(0, (4, 3)),
        )
    )
    ax.text(
        1,
        2.8,
        f"for each of {count:,} pixels, alone, with the same weights",
        color=GREEN,
        size=8.5,
        va="top",
    )
    kind = {"embedding": "table"}.get(model.encoding.kind, model.encoding.kind)
    box(
        1,
        6,
        16,
        15.5,
        RED,
        "one pixel",
        f"value: {model.channels}",
        f"{kind} code: {E - model.channels}",
        f"together: {E}",
    )
    arrow((x, y - 0.7), (x, 21.5), ink=RED)
    gap = 2.2
    w = (stop - 1 - start - gap * (L - 1)) / L
    for k, layer in enumerate(model.path):
        left, (parameters, products) = start + k * (w + gap), cost[f"path.{k}"]
        box(
            left,
            6,
            w,
            15.5,
            GREEN,
            f"ModFC {k + 1}",
            f"{layer.in_features} → {layer.out_features}",
            f"{parameters:,}",
            million(products),
            size=small,
        )
        arrow((17 if k == 0 else left - gap, 13.5), (left, 13.5))
        arrow((left + w / 2, 34), (left + w / 2, 21.5), ink=BLUE)
        ax.text(
            left + w / 2 + 0.8, 29.4, f"$m_{{{k + 1}}}$: {model.sizes[k]}", size=small, va="center"
        )
    # The sum and the decoder
    ax.text(89.5, 13.5, "Σ", ha="center", va="center", size=18, color=GREEN)
    ax.text(90, 9.6, f"{count:,} votes\nof length √{model.width}", ha="center", va="top", size=8)
    arrow((stop - 1, 13.5), (87, 13.5))
    box(
        82,
        24,
        17.5,
        15.5,
        INK,
        "decoder",
        sizes(model.decoder),
        f"{cost['decoder'][0]:,}",
        million(cost["decoder"][1]),
    )
    arrow((89.5, 16.8), (89.5, 24))
    arrow((89.5, 39.5), (89.5, 44))
    ax.text(89.5, 44.6, "class", ha="center", va="bottom", size=9, weight="bold")
    return figure


# ------------------------------------------------------------------------------------------------------------
# the codes


def encodings(size: int, frequencies: int = 16) -> dict[str, Encoding]:
    """One of each kind, those with parameters as they are before training (from a fixed seed)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {
            kind: Encoding(kind, frequencies, size=size)
            for kind in ("sine", "raw", "fourier", "embedding")
        }


@torch.no_grad()
def codes(size: int = 32, frequencies: int = 16) -> Figure:
    """Above: slots of the sine code for x, slow to fast; below: its length (on a scale of its own),
    a slot for y, slots of other codes.
    """
    grid, kinds = coordinate_grid(size, size).permute(1, 2, 0), encodings(size, frequencies)
    maps = {kind: code(grid).numpy() for kind, code in kinds.items()}  # (H, W, features)
    c = kinds["sine"].c.numpy() / math.pi
    chosen = np.unique(np.linspace(0, frequencies - 1, 6).round().astype(int))
    figure, axes = canvas(2 * len(chosen), columns=len(chosen), height=1.42)
    for ax, k in zip(axes, chosen):
        plane(ax, maps["sine"][..., k], f"sin({c[k]:.3g}π x)", 1)
    middle = chosen[len(chosen) // 2]
    rest = [
        (maps["sine"][..., frequencies + middle], f"sin({c[middle]:.3g}π y)", 1),
        (maps["raw"][..., 0], "raw x", 1),
        *((maps["fourier"][..., k], f"Fourier slot {k + 1}\n(untrained)", 1) for k in (0, 1)),
        (maps["embedding"][..., 0], "table slot 1\n(untrained)", None),
    ]
    for ax, (values, title, limit) in zip(axes[len(chosen) + 1 :], rest):
        plane(ax, values, title, limit)
    ax, length = (
        axes[len(chosen)],
        np.linalg.norm(maps["sine"], axis=2),
    )  # no signed number: a scale of its own
    drawn = plane(ax, length, "length of the\nwhole sine code", cmap=LENGTHS)
    bar = figure.colorbar(drawn, cax=ax.inset_axes([0, -0.13, 1, 0.06]), orientation="horizontal")
    bar.ax.tick_params(labelsize=7, length=2, pad=1)
    bar.outline.set_linewidth(0.4)
    return figure


@torch.no_grad()
def similarities(size: int = 32, frequencies: int = 16) -> dict[str, Tensor]:
    """Dot products between the codes of all pixels, (P, P), in units of the mean squared length of
    a code.
    """
    grid = coordinate_grid(size, size).flatten(1).t()
    products = {}
    for kind, encoding in encodings(size, frequencies).items():
        code = encoding(grid)
        products[kind] = code @ code.t() / code.square().sum(1).mean()
    return products


def by_distance(product: Tensor, size: int) -> np.ndarray:
    """The mean of a (P, P) matrix over the pairs of pixels that lie 0, 1, 2, … pixels apart
    (rounded).
    """
    y, x = np.divmod(np.arange(size * size), size)
    apart = np.hypot(x[:, None] - x, y[:, None] - y).round().astype(int).ravel()
    return (np.bincount(apart, product.numpy().ravel()) / np.bincount(apart))[:size]


def similarity(size: int = 32, frequencies: int = 16) -> Figure:
    """How much the codes of two pixels have in common: with one pixel (maps), and on average over
    distance (lines).
    """
    products = similarities(size, frequencies)
    use()
    figure = Figure(figsize=(7.2, 2.75), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    row, column = size // 4, round(size * 0.3)
    names = {
        "sine": ("sine", GREEN),
        "raw": ("raw", SPARE[1]),
        "fourier": ("Fourier", SPARE[0]),
        "embedding": ("table", SPARE[3]),
    }
    for ax, (kind, (name, _)) in zip(left.subplots(2, 2).flat, names.items()):
        plane(ax, products[kind][row * size + column].view(size, size).numpy(), name, 1.5)
        ax.plot(column, row, marker="+", color=INK, markersize=7)
    ax = right.subplots()
    for kind, (name, ink) in names.items():
        line = by_distance(products[kind], size)
        ax.plot(line, color=ink)
        k, rise = {
            "sine": (size - 6, -13),
            "raw": (size // 3, 4),
            "fourier": (size - 6, 5),
            "embedding": (1, 4),
        }[kind]
        ax.annotate(
            name, (k, line[k]), xytext=(2, rise), textcoords="offset points", color=ink, size=8.5
        )
    ax.axhline(0, color=INK, linewidth=0.8, linestyle=":")
    ax.set(xlabel="distance (pixels)", ylabel="dot product of codes (1: itself)")
    return figure
