"""Where CoordConv's search for a lit pixel looks before it has learnt anything, and what becomes of
it.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialbias.figures.numbers import NOTHING, rows_of, span
from spatialbias.plots.style import INK, blank, canvas, split_name

FOUND = 0.5  # pixels of error


def coordinates(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a run and coordinate: split, replicate, coordinate ("x" or "y"), start and end (share
    of held-out pictures whose lit pixel is in view of the maximum), error in pixels. frame: measure
    `in_view`.
    """
    parts = frame["part"].str.split(", ", expand=True).reindex(columns=[0, 1])
    rows = frame.assign(coordinate=parts[0], what=parts[1])
    table = rows.pivot_table(
        index=["split", "replicate", "coordinate"], columns="what", values="value"
    )
    return table.reindex(columns=["start", "end", "error"]).reset_index()


def outcomes(found: pd.DataFrame, least: float = 0.1) -> dict[str, str]:
    """How many coordinates are found (error below half a pixel): in all; of those in view of the
    maximum at the end, and of the others; of those in view in a share of `least` or more at the
    start, and of the others.
    """
    good = found["error"] < FOUND
    groups = {
        "all": good | ~good,
        "followed": found["end"] >= 0.5,
        "lost": found["end"] < 0.5,
        "seen": found["start"] >= least,
        "unseen": found["start"] < least,
    }
    return {name: f"{int(good[rows].sum())} of {int(rows.sum())}" for name, rows in groups.items()}


def by_found(found: pd.DataFrame, score: pd.DataFrame, arm: str = "coordconv") -> str:
    """The errors of an arm's runs by how many of their coordinates are found: "both: 0.00–0.01
    pixels (3 runs), …", split by split.
    """
    if found.empty:
        return NOTHING
    number = (found["error"] < FOUND).groupby([found["split"], found["replicate"]]).sum()
    errors = rows_of(score, arm=arm, part="test").set_index(["split", "replicate"])["value"]
    parts = []
    for split in dict.fromkeys(found["split"]):
        kinds = []
        for k, name in ((2, "both"), (1, "one"), (0, "none")):
            runs = number[(number == k) & (number.index.get_level_values("split") == split)].index
            values = errors[errors.index.isin(runs)]
            if len(values):
                kinds.append(
                    f"{name}: {span(values, '.1f')} pixels ({len(values)} run{'s' * (len(values) > 1)})"
                )
        parts.append(f"{split_name(split)} split, {', '.join(kinds)}")
    return "; ".join(parts)


def crowds(
    x: np.ndarray, y: np.ndarray, wide: float = 8.0, tall: float = 0.25
) -> list[tuple[float, float, int]]:
    """Where marks lie on top of each other: the middle of every heap of three or more, and how many
    they are. y: logarithms to base 10.
    """
    left, heaps = list(range(len(x))), []
    while left:
        first = left[0]
        heap = [k for k in left if abs(x[k] - x[first]) <= wide and abs(y[k] - y[first]) <= tall]
        left = [k for k in left if k not in heap]
        if len(heap) > 2:
            heaps.append((float(x[heap].max()), float(np.mean(y[heap])), len(heap)))
    return heaps


def figure(found: pd.DataFrame) -> Figure:
    """Error of each coordinate over the share of pictures whose lit pixel is in view, before
    training and after. Where three or more lie on one spot, their number.
    """
    if found.empty:
        return blank()
    drawing, axes = canvas(2, height=2.7)
    for ax, when, title in zip(
        axes, ("start", "end"), ("in view before training", "in view after training"), strict=True
    ):
        for mark, (split, rows) in zip("o^sD", found.groupby("split", sort=False)):
            for name, ink in (("x", "#009e73"), ("y", "#0072b2")):
                one = rows[rows["coordinate"] == name]
                ax.plot(
                    100 * one[when],
                    np.maximum(one["error"], 1e-3),
                    linestyle="",
                    marker=mark,
                    color=ink,
                    markerfacecolor="none",
                    clip_on=False,
                    label=f"{name}, {split_name(split)}",
                )
        known = found.dropna(subset=[when, "error"])
        for x, y, n in crowds(
            100 * known[when].to_numpy(), np.log10(np.maximum(known["error"].to_numpy(), 1e-3))
        ):
            ax.annotate(
                f"{n}",
                (x, 10**y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=INK,
            )
        ax.axhline(FOUND, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        ax.set(
            yscale="log", title=title, xlabel="lit pixel in view (% of pictures)", xlim=(-5, 105)
        )
    axes[0].set_ylabel("error of the coordinate (pixels)")
    axes[1].legend(fontsize=7.5, labelcolor="linecolor", loc="center")
    return drawing
