"""What the result pages of the CoordConv chapter draw: every run as a dot, curves, time to success,
and the search for settings.

On this data results are often all or nothing, so runs are shown one by one; means hide two heaps.
"""

from collections.abc import Iterable, Sequence
from math import comb

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from scipy.stats import binomtest

from spatialbias.datasets.not_so_clevr import SPLITS
from spatialbias.figures.numbers import power
from spatialbias.plots.charts import arms_in, write_labels
from spatialbias.plots.style import INK, blank, canvas, colour, label, marker, split_name
from spatialbias.statistics import kaplan_meier

SUCCESS = 1.0 - 1e-9  # every held-out position
LOOKS = (
    "falling rate",
    "rate 0.0001",
    "rate 0.001",
    "rate 0.01",
    "long, rate 0.01",
    "no coordinates",
    "average pooling",
    "with ReLU",
    "average pooling, ReLU",
    "strided",
)  # arms of several figures keep their colour and marker, wherever they stand


def splits_in(frame: pd.DataFrame) -> list[str]:
    return [split for split in SPLITS if split in set(frame["split"])]


def heaps(
    values: Sequence[float], low: float, high: float, bins: int = 40, most: float = 0.38
) -> np.ndarray:
    """Offsets that stack runs of nearly the same value on top of each other, centred on their
    row.
    """
    where = np.clip(
        ((np.asarray(values, float) - low) / max(high - low, 1e-12) * bins).astype(int), 0, bins
    )
    offsets = np.zeros(len(where))
    for one in np.unique(where):
        members = np.flatnonzero(where == one)
        step = min(0.11, 2 * most / max(len(members) - 1, 1))
        offsets[members] = step * (np.arange(len(members)) - (len(members) - 1) / 2)
    return offsets


def look(arm: str, position: int) -> tuple[str, str]:
    """Colour and marker of an arm, the same in every figure for those of `LOOKS`."""
    position = LOOKS.index(arm) if arm in LOOKS else position
    return colour(arm, position), marker(arm, position + (position // 8 if arm in LOOKS else 0))


def decades(axis) -> None:
    """Ticks of a logarithmic axis as plain numbers; at 1, 2 and 5 where the span is short."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,), numticks=8))
    axis.set_major_formatter(
        FuncFormatter(
            lambda value, _: f"{value:g}" if value >= 1e-4 else power(value).removeprefix("1·")
        )
    )
    axis.set_minor_locator(NullLocator())


def swarm(
    frame: pd.DataFrame,
    order: Iterable[str] | None = None,
    *,
    xlabel: str = "positions named (%)",
    unit: float = 100.0,
    log: bool = False,
    counted: float | None = SUCCESS,
    lines: dict[str, float | dict[str, float]] | None = None,
    width: float = 7.2,
) -> Figure:
    """Every run as a dot, one row an arm, one panel a split; held-out positions filled, those
    trained on hollow and grey below them.

    frame: rows of `score` (columns arm, split, replicate, part, value). counted: at the right, how
    many of the runs reach this value (None: leaves that out). lines: dashed references with their
    names, one for all panels or one a split. log: for errors. width: in inches; below 5 names are
    broken at their commas, so that a phone shows the whole.
    """
    arms = arms_in(frame, order)
    if not arms:
        return blank()
    cells = splits_in(frame)
    figure, axes = canvas(len(cells), height=0.75 + 0.42 * len(arms), width=width)
    shown = np.maximum(unit * frame["value"].dropna().to_numpy(float), 1e-3 if log else -np.inf)
    if len(shown):
        shown = np.r_[
            shown,
            [
                v
                for line in (lines or {}).values()
                for v in (line.values() if isinstance(line, dict) else [line])
            ],
        ]
    low, high = (
        (np.log10([shown.min(), shown.max()]) if log else (0.0, unit)) if len(shown) else (0.0, 1.0)
    )
    if log and high - low < 0.3:
        low, high = low - 0.2, high + 0.2
    for cell, ax in zip(cells, axes, strict=True):
        for k, arm in enumerate(arms):
            ink, style = look(arm, k)
            rows = frame[(frame["arm"] == arm) & (frame["split"] == cell)].dropna(subset=["value"])
            for part, shift, fill in (("test", 0.0, True), ("train", 0.34, False)):
                values = unit * rows.loc[rows["part"] == part, "value"].sort_values().to_numpy(
                    float
                )
                values = np.maximum(values, 1e-3) if log else values
                place = (
                    k
                    + shift
                    + heaps(np.log10(values) if log else values, low, high) * (1 if fill else 0.3)
                )
                ax.plot(
                    values,
                    place,
                    linestyle="",
                    marker=style if fill else "o",
                    markersize=4.2 if fill else 2.6,
                    color=ink if fill else INK,
                    markerfacecolor=None if fill else "none",
                    alpha=0.75,
                    clip_on=False,
                    markeredgewidth=0.4 if fill else 0.6,
                )
            values = rows.loc[rows["part"] == "test", "value"]
            if counted is not None and len(values):
                ax.annotate(
                    f"{int((values >= counted).sum())} of {len(values)}",
                    (1, k),
                    xycoords=("axes fraction", "data"),
                    xytext=(7, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                    color=ink,
                    annotation_clip=False,
                )
        ax.set_yticks(
            range(len(arms)),
            [label(arm).replace(", ", ",\n") if width < 5 else label(arm) for arm in arms],
        )
        ax.set_ylim(len(arms) - 0.4, -0.5)
        ax.grid(axis="y", visible=False)
        if log:
            ax.set_xscale("log")
            ax.set_xlim(10 ** (low - 0.08), 10 ** (high + 0.08))
            decades(ax.xaxis)
            ax.tick_params(axis="x", labelsize=7.5)
        else:
            ax.set_xlim(-0.03 * unit, 1.03 * unit)
        for name, value in (lines or {}).items():
            value = value[cell] if isinstance(value, dict) else value
            ax.axvline(value, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
            ax.annotate(
                name,
                (value, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                fontsize=7.5,
                ha="center",
            )
        ax.set_title(split_name(cell), pad=14 if lines else 6)
        ax.set_xlabel(xlabel)
    return figure


def rates(frame: pd.DataFrame, order: Iterable[str] | None = None) -> pd.DataFrame:
    """Rows for `plots.forest`: the share of runs that answer every held-out position, with Clopper
    and Pearson's interval.
    """
    rows = []
    for split in splits_in(frame):
        for arm in arms_in(frame, order):
            values = frame.loc[
                (frame["arm"] == arm) & (frame["split"] == split) & (frame["part"] == "test"),
                "value",
            ].dropna()
            if n := len(values):
                hits = int((values >= SUCCESS).sum())
                low, high = binomtest(hits, n).proportion_ci()
                rows.append(
                    {
                        "label": f"{label(arm)}, {split_name(split)}",
                        "mean": hits / n,
                        "low": low,
                        "high": high,
                        "n": n,
                        "arm": arm,
                    }
                )
    return pd.DataFrame(rows, columns=["label", "mean", "low", "high", "n", "arm"])


def curves(
    frame: pd.DataFrame,
    panels: str = "split",
    order: Iterable[str] | None = None,
    *,
    ylabel: str = "held-out positions named (%)",
    unit: float = 100.0,
    log: bool = False,
    columns: int = 2,
    height: float = 2.7,
) -> Figure:
    """Score by epoch: every run thin, the median of runs thick. One panel for each value of
    `panels` ("split" or "arm").
    """
    frame = frame.dropna(subset=["score"])
    arms = arms_in(frame, order)
    if not arms:
        return blank()
    cells = splits_in(frame) if panels == "split" else arms
    figure, axes = canvas(
        len(cells), columns=min(columns, len(cells)), height=height, share_x=panels == "split"
    )
    for number, (cell, ax) in enumerate(zip(cells, axes, strict=True)):
        ends = {}
        for k, arm in enumerate(arms):
            rows = frame[(frame[panels] == cell) & (frame["arm"] == arm)]
            if rows.empty:
                continue
            ink, style = look(arm, k)
            for _, one in rows.groupby(["split", "replicate"]):
                one = one.sort_values("epoch")
                ax.plot(one["epoch"], unit * one["score"], color=ink, alpha=0.3, linewidth=0.7)
            middle = unit * rows.groupby("epoch")["score"].median()
            ax.plot(
                middle.index,
                middle,
                color=ink,
                linewidth=2,
                marker=style if len(middle) < 4 else None,
            )
            ends[arm] = (middle.index[-1], middle.iloc[-1])
        ax.set_title(split_name(cell) if panels == "split" else label(cell))
        if log:
            ax.set_yscale("log")
            decades(ax.yaxis)
        else:
            ax.set_ylim(-0.04 * unit, 1.06 * unit)
        ax.label_outer()
        if number + columns >= len(cells):  # none below it
            ax.set_xlabel("epoch")
            ax.tick_params(labelbottom=True)
        if panels == "split" and ax is axes[-1]:
            write_labels(ax, ends, LOOKS if ends.keys() <= set(LOOKS) else arms)
    figure.supylabel(
        ylabel, fontsize=axes[0].xaxis.label.get_size(), color=INK
    )  # once: low rows have no room for one each
    return figure


def successes(curves: pd.DataFrame) -> pd.DataFrame:
    """Time to success of every run: columns arm, split, replicate, epoch, seen, until. Success is
    the first epoch from which on every held-out position is named until training ends; a run
    without it is censored at its last epoch (`seen` is False).
    """
    rows = []
    for (arm, split, replicate), one in curves.dropna(subset=["score"]).groupby(
        ["arm", "split", "replicate"], sort=False
    ):
        one = one.sort_values("epoch")
        held = (
            (one["score"] >= SUCCESS).to_numpy()[::-1].cumprod()[::-1].astype(bool)
        )  # right here and ever after
        seen = bool(held[-1])
        epoch = int(one["epoch"].to_numpy()[held.argmax() if seen else -1])
        rows.append(
            {
                "arm": arm,
                "split": split,
                "replicate": replicate,
                "epoch": epoch,
                "seen": seen,
                "until": int(one["epoch"].max()),
            }
        )
    return pd.DataFrame(rows, columns=["arm", "split", "replicate", "epoch", "seen", "until"])


def time_to_success(times: pd.DataFrame, order: Iterable[str] | None = None) -> Figure:
    """Share of runs that have succeeded for good by an epoch (1 - Kaplan and Meier's estimate),
    with 95 % bands; ticks: censored runs.
    """
    arms = arms_in(times, order)
    if not arms:
        return blank()
    cells = splits_in(times)
    figure, axes = canvas(len(cells), height=2.8)
    for cell, ax in zip(cells, axes, strict=True):
        ends = {}
        for k, arm in enumerate(arms):
            rows = times[(times["split"] == cell) & (times["arm"] == arm)]
            if rows.empty:
                continue
            table, ink, last = (
                kaplan_meier(rows["epoch"], rows["seen"]),
                colour(arm, k),
                int(rows["until"].max()),
            )
            x = [0, *table["time"], last]
            done, low, high = (
                100 * (1 - np.r_[1, table[c], table[c].iloc[-1] if len(table) else 1])
                for c in ("surviving", "high", "low")
            )
            ax.fill_between(x, low, high, step="post", color=ink, alpha=0.15, linewidth=0)
            ax.step(x, done, where="post", color=ink)
            for epoch, left in rows.loc[~rows["seen"], "epoch"].value_counts().items():
                y = done[np.searchsorted(x[:-1], epoch, side="right") - 1]
                ax.plot(epoch, y, marker="|", color=ink, markersize=9, linestyle="")
                ax.annotate(
                    f"{left} not",
                    (epoch, y),
                    xytext=(0, 7),
                    textcoords="offset points",
                    fontsize=7.5,
                    color=ink,
                    ha="right",
                )
            ends[arm] = (last, float(done[-1]))
        ax.set(title=split_name(cell), xlabel="epoch", ylim=(-4, 106))
        if ax is axes[0]:
            ax.set_ylabel("runs that have succeeded (%)")
        if ax is axes[-1]:
            write_labels(ax, ends, arms)
    return figure


def best_after(order: Sequence[float], values: Sequence[float]) -> np.ndarray:
    """Expected value of the draw that is least in `order` among k random ones of n, for k = 1 … n:
    exact, over all choices of k.
    """
    ranked = np.asarray(values, float)[np.argsort(np.asarray(order, float), kind="stable")]
    n = len(ranked)
    return np.array(
        [
            sum(comb(n - 1 - i, k - 1) * v for i, v in enumerate(ranked)) / comb(n, k)
            for k in range(1, n + 1)
        ]
    )


def search(scores: pd.DataFrame, trials: pd.DataFrame) -> Figure:
    """Left: held-out score of each random configuration against its rate. Right: of the best of k,
    chosen by training loss (lines) or by the held-out positions themselves (dashed), which nobody
    may do. One row a split.
    """
    held = scores[scores["part"] == "test"].merge(
        trials[["arm", "split", "replicate", "loss"]], on=["arm", "split", "replicate"]
    )
    held["loss"] = held["loss"].fillna(np.inf)  # a fit that diverged has none, and is not chosen
    arms, cells = arms_in(held, ("coordconv", "deconv")), splits_in(held)
    if not arms:
        return blank()
    figure, axes = canvas(2 * len(cells), columns=2, height=2.7, share_x=False)
    for j, cell in enumerate(cells):
        (each, best), ends = axes[2 * j : 2 * j + 2], {}
        for k, arm in enumerate(arms):
            rows = held[(held["split"] == cell) & (held["arm"] == arm)]
            if rows.empty:
                continue
            ink, style, n = colour(arm, k), marker(arm, k), np.arange(1, len(rows) + 1)
            each.plot(
                rows["learning_rate"],
                100 * rows["value"],
                linestyle="",
                marker=style,
                color=ink,
                alpha=0.75,
            )
            chosen, known = (
                best_after(rows["loss"], rows["value"]),
                best_after(-rows["value"], rows["value"]),
            )
            best.plot(n, 100 * chosen, color=ink, marker=style if len(n) < 3 else None)
            best.plot(n, 100 * known, color=ink, linewidth=1, linestyle=(0, (4, 2)))
            ends[arm] = (n[-1], 100 * chosen[-1])
        each.set(
            xscale="log",
            xlabel="learning rate",
            title=f"{split_name(cell)}, setting by setting",
            ylim=(-4, 106),
        )
        each.set_ylabel("held out, named (%)")
        best.set(xlabel="settings tried, k", title=f"{split_name(cell)}, the best of k")
        best.xaxis.set_major_locator(MaxNLocator(integer=True))
        write_labels(best, ends, arms)
    return figure
