"""Not-so-Clevr: a square on an empty canvas, named by its centre, drawn, or sought; every position
occurs exactly once.

Source: Liu et al. 2018, "An intriguing failing of convolutional neural networks and the CoordConv
solution", section 4; the splits as the released generator, the tutorial (D'Cruz 2019) and the
paper's text make them.
"""

import math

import numpy as np
import torch
from torch import Tensor

from spatialbias.components import one_of
from spatialbias.datasets.batch import Batch, Data

TASKS = ("classification", "regression", "rendering")
SPLITS = ("uniform", "quadrant", "tutorial_uniform", "tutorial_quadrant", "text_uniform")
UNITS = ("pixels", "fraction", "centred")


def load(
    task: str = "classification",
    split: str = "uniform",
    size: int = 64,
    square: int = 9,
    replicate: int = 0,
    units: str = "",
    peak: float = 1.0,
    width: int = 0,
) -> Data:
    """One task on one split. A 9x9 square on a 64x64 canvas has 56 x 56 = 3136 centres, from 4 to
    59 in both axes.

    Args:
        task: "classification": centre (x, y) -> index y * width + x of its pixel. "rendering":
            centre -> picture of the square, (1, size, width) of 0 and `peak`. "regression": picture
            of the centre's pixel -> centre. "size", ours, which needs no place: picture of the
            square (0) or of one four pixels narrower (1), each at every centre -> which of the two.
        split: "uniform", each example held out with probability 1/4 (2368 to train, 768 to test),
            and "quadrant", both coordinates beyond half the canvas (2407, 729), as released;
            "tutorial_uniform" (2352, 784) and "tutorial_quadrant", both coordinates at or beyond
            half (2352, 784); "text_uniform", 80 % and 20 % (2508, 628).
        size: height of the canvas in pixels, at most 1024, and its width unless `width` is given.
        square: side of the square, odd.
        replicate: 0 is the published split. Others redraw a uniform split, or turn the held-out
            quadrant by quarter
            turns: bottom right, bottom left, top left, top right.
        units: of the centre: "pixels" (whole numbers; published for classification and rendering,
            hence the default there), "fraction" of the canvas (default for regression, as released)
            or "centred" in [-1, 1].
        peak: brightness of the drawn pixel or square. The tutorial's regression uses 1000; the
            released generator's grey squares, 128 / 255, are why its own IOU could not exceed
            0.502.

    Raises:
        ValueError: for an unknown task, split or unit, or a square that is even or does not fit the
            canvas.
    """
    check(task, split, size, square, replicate, units, peak, width)
    height, width = size, width or size

    centres = positions(height, width, square, rows_first=split.startswith("tutorial"))  # (N, 2)
    held_out = hold_out(centres, height, width, split, replicate)
    named = in_units(
        centres, height, width, units or ("fraction" if task == "regression" else "pixels")
    )
    if task == "regression":
        inputs, target = peak * draw(centres, height, width, 1), named
    elif task == "size":
        sides = (square, max(square - 4, 1))
        inputs = peak * torch.cat([draw(centres, height, width, side) for side in sides])
        target = torch.arange(2).repeat_interleave(len(centres))
        held_out = held_out.repeat(2)
    elif task == "rendering":
        inputs, target = named, peak * draw(centres, height, width, square)
    else:
        inputs, target = named, centres[:, 1] * width + centres[:, 0]
    examples = Batch((inputs,), target)
    return Data(examples[~held_out], examples[held_out], "not_so_clevr", source="generated")


def check(
    task: str,
    split: str,
    size: int,
    square: int,
    replicate: int,
    units: str,
    peak: float,
    width: int,
) -> None:
    """Raise ValueError for arguments that `load` does not take."""
    one_of((*TASKS, "size"), task=task)
    one_of(SPLITS, split=split)
    one_of((*UNITS, ""), units=units)
    height, width = size, width or size
    if square % 2 == 0 or not 0 < square < min(height, width) or max(height, width) > 1024:
        raise ValueError(
            f"square={square}: it must be odd and smaller than the canvas of {height}x{width} pixels (at most 1024)"
        )
    if replicate < 0 or not 0 < peak < math.inf:
        raise ValueError(
            f"replicate={replicate}, peak={peak}: a number from 0 and a positive brightness are expected"
        )


def positions(height: int, width: int, square: int, rows_first: bool = False) -> Tensor:
    """Every centre (x, y) of a square that lies inside the canvas: (N, 2), x in the outer loop, as
    released, or y.
    """
    x, y = (torch.arange(square // 2, side - square // 2) for side in (width, height))
    return torch.cartesian_prod(y, x).flip(1) if rows_first else torch.cartesian_prod(x, y)


def draw(centres: Tensor, height: int, width: int, square: int) -> Tensor:
    """Pictures of squares, (N, 1, height, width) of zeros and ones; with `square=1`, of their
    centres.
    """
    columns = (torch.arange(width) - centres[:, :1]).abs() <= square // 2  # (N, W)
    rows = (torch.arange(height) - centres[:, 1:]).abs() <= square // 2  # (N, H)
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()


def in_units(centres: Tensor, height: int, width: int, units: str) -> Tensor:
    """Pixel coordinates (N, 2) as floats in one of `UNITS`."""
    sides = torch.tensor([width, height])
    return {
        "pixels": centres.float(),
        "fraction": centres / sides,
        "centred": 2 * centres / (sides - 1) - 1,
    }[units]


def hold_out(centres: Tensor, height: int, width: int, split: str, replicate: int = 0) -> Tensor:
    """Which examples are for testing: (N,) of bool."""
    N = len(centres)
    if (
        split == "uniform"
    ):  # NumPy's old generator, one draw an example: with this seed, the released split exactly
        return torch.from_numpy(np.random.RandomState(20202 + replicate).random_sample(N) < 0.25)
    if split == "tutorial_uniform":
        tested = np.random.RandomState(replicate).permutation(N)[N - N // 4 :]
    elif split == "text_uniform":  # scikit-learn's way, as ports of the code have it
        tested = np.random.RandomState(replicate).permutation(N)[: -(-N // 5)]
    else:
        x, y = centres.unbind(1)
        x = width - 1 - x if replicate % 4 in (1, 2) else x
        y = height - 1 - y if replicate % 4 in (2, 3) else y
        first = (
            1 if split == "quadrant" else 0
        )  # released: beyond half; tutorial: at half or beyond
        return (2 * x >= width + first) & (2 * y >= height + first)
    held_out = torch.zeros(N, dtype=torch.bool)
    held_out[torch.from_numpy(tested)] = True
    return held_out
