"""Every run as a dot: for results that fall into heaps (solved or not), of which a mean describes
no run.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.plots.charts import arms_in
from spatialbias.plots.style import INK, canvas, colour, label, marker

FLOOR = 1e-3  # smaller errors are drawn here on a logarithmic axis


def stacked(values: Sequence[float], low: float, high: float, bins: int = 40) -> np.ndarray:
    """Offsets in [-0.3, 0.3] that stack runs of nearly the same value on top of each other."""
    span = max(high - low, 1e-12)
    where = np.clip(((np.asarray(values, float) - low) / span * bins).astype(int), 0, bins)
    offsets = np.zeros(len(where))
    for one in np.unique(where):
        members = np.flatnonzero(where == one)
        step = min(0.11, 0.6 / max(len(members) - 1, 1))
        offsets[members] = step * (np.arange(len(members)) - (len(members) - 1) / 2)
    return offsets


def runs(
    frame: pd.DataFrame,
    arms: Sequence[str] | Mapping[str, str],
    *,
    xlabel: str = "positions named (%)",
    unit: float = 100.0,
    log: bool = False,
    success: float | None = 1.0,
    reference: tuple[str, float] | None = None,
    title: str = "",
    width: float = 3.4,
    limits: tuple[float, float] | None = None,
    like: str | Mapping[str, str] = "",
) -> Figure:
    """One row an arm: filled dots are runs on held-out positions, small hollow ones below them the
    same runs on those trained on.

    frame: one value a run (columns arm, part "test" or "train", value). arms: in order, or with
    their names. success: count at the right the runs whose held-out value reaches it. reference:
    the name and value of a dashed line. log: a logarithmic axis, of errors. limits: of the axis. like: the network whose
    colour and marker all rows take, or those that have one of another's.
    """
    names = dict(arms) if isinstance(arms, Mapping) else {arm: label(arm) for arm in arms}
    rows = arms_in(frame, names)
    looks = {arm: like or arm if isinstance(like, str) else like.get(arm, arm) for arm in rows}
    figure, (ax,) = canvas(1, width=width, height=0.75 + 0.38 * len(rows))
    low, high = limits or ((FLOOR, 20.0) if log else (0.0, unit))
    for k, arm in enumerate(rows):
        for part, filled in (("test", True), ("train", False)):
            chosen = frame[frame["arm"].eq(arm) & frame["part"].eq(part)].dropna(subset=["value"])
            values = np.sort(np.clip(unit * chosen["value"].to_numpy(float), low, high))
            ends = (np.log10(values), np.log10(low), np.log10(high)) if log else (values, low, high)
            place = k + stacked(*ends) * (0.8 if filled else 0.3)
            _dots(ax, values, place, looks[arm], k, filled)
            if filled and success is not None and len(values):
                count = f"{int((chosen['value'] >= success).sum())} of {len(values)}"
                at = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
                ax.annotate(count, (1, k), xytext=(9, 0), va="center", fontsize=8, **at)
    ax.set_yticks(range(len(rows)), [names[arm] for arm in rows])
    ax.set(ylim=(len(rows) - 0.35, -0.55), xlabel=xlabel)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, pad=14 if reference else 6)
    if log:
        ax.set_xscale("log")
        ax.set_xticks([t for t in (0.001, 0.01, 0.1, 1, 10) if low <= t <= high])
        ax.xaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    edge = (0.8 * low, 1.25 * high) if log else (low - 0.03 * unit, high + 0.03 * unit)
    ax.set_xlim(*edge)
    if reference:
        ax.axvline(reference[1], color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        at = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate(reference[0], (reference[1], 1), xytext=(3, 2), fontsize=7.5, ha="right", **at)
    return figure


def _dots(ax: Axes, x, y, arm: str, position: int, filled: bool) -> None:
    ink = colour(arm, position) if filled else INK
    look = {"marker": marker(arm, position), "markersize": 4.4, "markeredgewidth": 0.4}
    if not filled:
        look = {"marker": "o", "markersize": 2.6, "markerfacecolor": "none"}
        look["markeredgewidth"], y = 0.6, y + 0.36
    ax.plot(x, y, linestyle="", color=ink, alpha=0.8, clip_on=False, **look)
