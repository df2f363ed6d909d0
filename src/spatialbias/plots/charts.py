"""The book's plots, from tidy frames: mean and 95 % band over replicates, faint single replicates,
labels at the lines.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from spatialbias.plots.style import INK, canvas, colour, label, marker
from spatialbias.statistics import mean_interval

CHANCE = 10.0  # per cent, of the ten-class sets


def arms_in(frame: pd.DataFrame, order: Iterable[str] | None = None) -> list[str]:
    """The arms of a frame, in the order given (default: that of first appearance)."""
    there = list(dict.fromkeys(frame["arm"]))
    return there if order is None else [arm for arm in order if arm in there]


def carried(curves: pd.DataFrame) -> pd.DataFrame:
    """Training curves on one set of epochs: a replicate that has stopped keeps its last score.
    Epochs without a score go.
    """
    curves = curves.dropna(subset=["score"])
    parts = []
    for n_train, group in curves.groupby("n_train"):
        epochs = sorted(
            e for e in group["epoch"].unique() if e <= 20 or e % 5 == 0 or e == group["epoch"].max()
        )
        for (arm, replicate), one in group.groupby(["arm", "replicate"]):
            score = one.set_index("epoch")["score"].sort_index()
            own = [e for e in epochs if e <= max(group.loc[group["arm"] == arm, "epoch"])]
            score = score.reindex(sorted({*own, *score.index})).ffill().reindex(own)
            parts.append(
                pd.DataFrame(
                    {
                        "n_train": n_train,
                        "arm": arm,
                        "replicate": replicate,
                        "epoch": own,
                        "score": score.to_numpy(),
                    }
                )
            )
    return pd.concat(parts) if parts else curves


def line(
    axes: Axes,
    frame: pd.DataFrame,
    x: str,
    arm: str,
    position: int = 0,
    reference: bool = False,
) -> tuple[float, float] | None:
    """One arm's mean, band and replicates over column `x`; returns where the line ends. `reference`
    draws it thin, without a band.
    """
    frame = frame.dropna(subset=["value"])
    if frame.empty:
        return None
    ink = colour(arm, position)
    if not reference:
        for _, one in frame.groupby("replicate"):
            one = one.sort_values(x)
            axes.plot(one[x], 100 * one["value"], color=ink, alpha=0.13, linewidth=0.7)
    mean = pd.DataFrame(
        [{x: at} | mean_interval(group["value"])._asdict() for at, group in frame.groupby(x)]
    )
    if not reference:
        axes.fill_between(
            mean[x], 100 * mean["low"], 100 * mean["high"], color=ink, alpha=0.18, linewidth=0
        )
    axes.plot(
        mean[x],
        100 * mean["mean"],
        color=ink,
        linewidth=1.1 if reference else 1.8,
        linestyle=(0, (4, 2)) if reference else "-",
        marker=None if len(mean) > 12 or x == "epoch" else marker(arm, position),
        markersize=3 if reference else 5,
    )
    return float(mean[x].iloc[-1]), float(100 * mean["mean"].iloc[-1])


def write_labels(axes: Axes, ends: Mapping[str, tuple[float, float]], arms: Sequence[str]) -> None:
    """Write each line's name at its right end, moved apart where they would overlap, and then tied
    to it by a thin line.

    ends: where each line ends. arms: in the order of their colours.
    """
    if not ends:
        return
    scale = axes.yaxis.get_transform()  # of a logarithmic axis the logarithm
    low, high = scale.transform(axes.get_ylim())
    points = axes.get_window_extent().height * 72 / axes.figure.dpi / (high - low)
    order = sorted(ends, key=lambda arm: ends[arm][1])
    own = points * scale.transform(np.array([ends[arm][1] for arm in order]))
    steps = 10 * np.arange(len(order))  # points between names, at least
    moved = (
        isotonic_regression(own - steps).x + steps - own
    )  # the least moves that leave each name its room
    right = max(x for x, _ in ends.values())
    thread = {"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3, "relpos": (0, 0.5)}
    for arm, move in zip(order, moved, strict=True):
        ink = colour(arm, arms.index(arm))
        tied = abs(move) > 3 and ends[arm][0] == right
        axes.annotate(
            label(arm),
            (right, ends[arm][1]),
            xytext=(13 if tied else 7, move),
            textcoords="offset points",
            color=ink,
            va="center",
            fontsize=8.5,
            arrowprops=thread | {"color": ink} if tied else None,
            annotation_clip=False,
        )


def panel(
    frame: pd.DataFrame,
    x: str,
    arms: Sequence[str],
    *,
    xlabel: str,
    ylabel: str = "test accuracy (%)",
    chance: float | None = CHANCE,
    references: Sequence[str] = (),
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """One narrow panel of lines over `x`, named at their ends: two stand beside each other in the
    book, and below each other on a telephone. Arms with fewer runs than the first are left out.
    """
    figure, (ax,) = canvas(1, width=3.4, height=2.7)
    runs = frame.groupby("arm")["replicate"].nunique()
    arms = [arm for arm in arms if runs.get(arm, 0) == runs.get(arms[0], 0) > 0]
    ends = {}
    for k, arm in enumerate(arms):
        if end := line(ax, frame[frame["arm"] == arm], x, arm, k, arm in references):
            ends[arm] = end
    if chance is not None:
        ax.axhline(chance, color=INK, linewidth=0.8, linestyle=":")
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=ylim)
    write_labels(ax, ends, arms)
    return figure


def interval(ax: Axes, effect, y: float, arm: str, **look) -> None:
    """An effect as a mark with its interval, at height y, in the colour of an arm. look: of the
    mark, in place of the arm's: `color`, `marker`, `markersize`; `label`, for a legend.
    """
    look = {"color": colour(arm), "marker": marker(arm), "markersize": 5} | look
    ends = [effect.low, effect.high]
    ax.plot(ends, [y, y], color=look["color"], linewidth=2.4, solid_capstyle="round")
    ax.plot(effect.mean, y, linestyle="", **look)


def name_rows(ax: Axes, names: Iterable[str], line_at: float | None = None) -> None:
    """Name the rows 0, 1, … of a figure at its left, from the top down, in short lines: so the
    figure can be narrow enough for its letters to be read on a phone. line_at: x of a line through
    all rows.
    """
    names = [textwrap.fill(name, 20) for name in names]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    if line_at is not None:
        ax.axvline(line_at, color=INK, linewidth=1, zorder=1)
