"""Pictures and maps over positions: bare axes; zero clear, blue below it and orange above; the
classes of a segmented image in their colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.image import AxesImage

from spatialbias.plots.style import COLOURS, INK

if TYPE_CHECKING:  # what is drawn may be a tensor; drawing needs no torch
    from torch import Tensor

CLASSES = (INK, "#e69f00", "#56b4e9", "#d55e00")  # right and left differ in lightness too
FAINT = 0.16  # how strongly background is drawn

# Zero is nearly clear: it takes the page's own background, light or dark.
DIVERGING = LinearSegmentedColormap.from_list(
    "diverging",
    [
        (0, 0.45, 0.7, 1),
        (0.34, 0.71, 0.91, 0.55),
        (0.5, 0.5, 0.5, 0.04),
        (0.9, 0.62, 0, 0.55),
        (0.84, 0.37, 0, 1),
    ],
)
MARKED = LinearSegmentedColormap.from_list(
    "marked", [INK + "14", COLOURS["fully_connected"]]
)  # of pictures of nought and one


def bare(ax: Axes, title: str = "", size: float = 8) -> None:
    """Axes of a picture: a thin frame and a title, no ticks, no grid."""
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set(visible=True, linewidth=0.5, alpha=0.5)
    ax.set_title(title, size=size, loc="center")


def plane(
    ax: Axes,
    values: Tensor | np.ndarray,
    title: str = "",
    limit: float | None = None,
    cmap=DIVERGING,
    numbers: bool = False,
) -> AxesImage:
    """One map (H, W) of values from -limit to limit (default: the largest), or from 0 with another
    `cmap` such as MARKED.

    numbers: write them in, where there are few.
    """
    values = np.asarray(values.detach() if hasattr(values, "detach") else values)
    limit = limit or float(np.abs(values).max()) or 1.0
    drawn = ax.imshow(
        values, cmap=cmap, vmin=-limit if cmap is DIVERGING else 0, vmax=limit, interpolation="none"
    )
    bare(ax, title)
    for (i, j), value in np.ndenumerate(values if numbers else np.empty((0, 0))):
        strong = abs(value) > 0.6 * limit
        ax.text(
            j,
            i,
            f"{value:g}".replace("-", "−"),
            ha="center",
            va="center",
            size=8.5,
            color="black" if strong else INK,
            weight="bold",
        )
    return drawn


def picture(ax: Axes, image: Tensor, title: str = "") -> None:
    """An image (3, H, W) of 8 bits."""
    ax.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
    bare(ax, title)


def classes(ax: Axes, label: Tensor, title: str = "", image: Tensor | None = None) -> None:
    """The class (H, W) of every pixel in its colour. With the image, dotted: rims of red circles,
    which may count as background.
    """
    palette = np.array([to_rgba(ink, FAINT if k == 0 else 1) for k, ink in enumerate(CLASSES)])
    ax.imshow(palette[label.numpy()], interpolation="none")
    red = None if image is None else ((image[0] == 255) & (image[1] == 0)).numpy()
    if red is not None and red.any():
        ax.contour(red, levels=[0.5], colors=CLASSES[3], linewidths=0.8, linestyles="dotted")
    bare(ax, title)
