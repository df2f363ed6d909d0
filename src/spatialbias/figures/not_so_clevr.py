"""What the page `coordconv/not_so_clevr` shows: examples, splits, and how far the held-out places
lie from the others.
"""

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.spatial import Delaunay, cKDTree
from torch import Tensor

from spatialbias.datasets import not_so_clevr
from spatialbias.figures.coordconv import HELD_OUT, PLAIN, TOLD
from spatialbias.figures.maps import MARKED, bare, plane
from spatialbias.plots.style import INK, canvas

SPLIT = ListedColormap(["#00000000", PLAIN + "66", HELD_OUT])  # no centre, trained on, held out


def example(size: int, square: int, x: int, y: int) -> Figure:
    """What one centre is in each task: what the network is given on the left, what it must answer
    on the right.
    """
    centre = torch.tensor([[x, y]])
    point, patch = (not_so_clevr.draw(centre, size, size, side)[0, 0] for side in (1, square))
    named = f"(x, y) = ({x}, {y})"
    fraction = f"({x / size:.4f}, {y / size:.4f})"
    rows = (
        ("classification", named, point, f"which of {size**2:,} pixels?"),
        ("regression", point, fraction, ""),
        ("rendering", named, patch, f"all {size**2:,} pixels"),
    )
    figure, axes = canvas(6, columns=2, height=1.75, width=4.6)
    for (task, given, sought, note), left, right in zip(rows, axes[::2], axes[1::2]):
        for ax, what in ((left, given), (right, sought)):
            if isinstance(what, str):
                ax.text(0.5, 0.5, what, ha="center", va="center", size=10, transform=ax.transAxes)
                ax.set_box_aspect(1)
                ax.set_axis_off()
            else:
                plane(ax, what, note if ax is right else f"{size} × {size} pixels", 1.0, MARKED)
                if what is point:
                    ax.plot(
                        x, y, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=INK
                    )
        left.text(
            -0.2,
            0.5,
            task,
            rotation=90,
            ha="right",
            va="center",
            transform=left.transAxes,
            weight="bold",
        )
        right.annotate(
            "",
            (-0.08, 0.5),
            (-0.48, 0.5),
            xycoords="axes fraction",
            arrowprops={"arrowstyle": "-|>", "color": INK},
        )
    return figure


def splits(cases: list[tuple[str, str, int]], size: int, square: int, columns: int) -> Figure:
    """Maps of centres trained on (blue) and held out (orange), with their numbers, of (title,
    split, replicate).
    """
    figure, axes = canvas(len(cases), columns=columns, height=7.2 / columns + 0.35)
    for ax, (title, split, replicate) in zip(axes, cases):
        centres, held_out = sides(split, size, square, replicate)
        picture = torch.zeros(size, size)
        picture[centres[:, 1], centres[:, 0]] = 1.0 + held_out.float()
        ax.imshow(picture.numpy(), cmap=SPLIT, vmin=0, vmax=2, interpolation="none")
        bare(ax, f"{title}\n{int((~held_out).sum()):,} + {int(held_out.sum()):,}", 8.5)
    return figure


def sides(split: str, size: int, square: int, replicate: int = 0) -> tuple[Tensor, Tensor]:
    """All centres (N, 2) and which are held out (N,)."""
    centres = not_so_clevr.positions(size, size, square, rows_first=split.startswith("tutorial"))
    return centres, not_so_clevr.hold_out(centres, size, size, split, replicate)


def distances(split: str, size: int, square: int, replicate: int = 0) -> dict:
    """What the held-out centres have in common with the others: "distance" (N_test,) to the nearest
    in pixels; shares "column" and "row" of held-out centres whose x, or y, is trained on; "inside":
    in the convex hull of the others; "target": whose pixel is trained on.
    """
    centres, held_out = sides(split, size, square, replicate)
    train, test = centres[~held_out].numpy(), centres[held_out].numpy()
    hull = Delaunay(train).find_simplex(test) >= 0
    return {
        "distance": cKDTree(train).query(test)[0],
        "column": np.isin(test[:, 0], train[:, 0]).mean(),
        "row": np.isin(test[:, 1], train[:, 1]).mean(),
        "inside": hull.mean(),
        "target": np.isin(test @ (1, size), train @ (1, size)).mean(),
    }


def met(one: dict) -> str:
    """Whether the columns and rows of held-out centres are known from training, of `distances`; for
    the prose.
    """
    if one["column"] == one["row"] == 1:
        return "every column and every row of the held-out places has been seen in training"
    return f"of the held-out places {one['column']:.0%} stand in a column, and {one['row']:.0%} in a row, that was seen in training"


def how_far(found: dict[str, dict]) -> Figure:
    """For each split: the share of held-out centres that lie at most so far from the nearest centre
    trained on.
    """
    figure, (ax,) = canvas(1, height=2.7, width=6.4)
    for (name, one), ink, dash in zip(
        found.items(), (PLAIN, HELD_OUT, TOLD), ("-", (0, (5, 2)), (0, (1, 1)))
    ):
        far = np.sort(one["distance"])
        ax.step(
            np.r_[0, far],
            100 * np.arange(len(far) + 1) / len(far),
            where="post",
            color=ink,
            linestyle=dash,
            label=name,
        )
    ax.set(
        xlabel="distance to the nearest centre trained on (pixels)",
        ylabel="held-out centres (%)",
        ylim=(0, 103),
        xlim=(0, None),
    )
    ax.legend(loc="lower right")
    return figure
