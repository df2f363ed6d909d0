"""The picture on the first page: one result of each chapter, a panel each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.plots.charts import line, write_labels
from spatialbias.plots.style import INK, blank, colour, label, marker, use
from spatialbias.statistics import mean_interval
from spatialbias.studies.coordinet_arms import NETWORKS

PHOTOGRAPHS = (*NETWORKS, "pooled_cnn")


def headlines(
    photographs: pd.DataFrame, places: Mapping[str, pd.DataFrame], sides: pd.DataFrame
) -> Figure:
    """Accuracy over N; places never trained on, by how they were held out; sides of yellow circles.

    photographs: tidy test accuracies. places: {title of a group: rows of arm, replicate and value}.
    sides: rows of arm and value.
    """
    use()
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    figure.get_layout_engine().set(hspace=0.06)
    few, naming, telling = figure.subplot_mosaic(
        [["few", "few"], ["naming", "telling"]], height_ratios=(1.25, 1)
    ).values()
    ends = {
        arm: line(
            few,
            photographs[photographs["arm"] == arm],
            "n_train",
            arm,
            reference=arm == "pooled_cnn",
        )
        for arm in PHOTOGRAPHS
    }
    ends = {arm: end for arm, end in ends.items() if end}
    if ends:
        ticks = sorted(photographs["n_train"].unique())
        few.set_xscale("log", base=2)
        few.set_xticks(ticks, [f"{n:g}" for n in ticks])
        few.minorticks_off()
        write_labels(few, ends, PHOTOGRAPHS)
    else:
        blank(few)
    few.set_title("What does a photograph show?")
    few.set_xlabel("photographs trained on")
    few.set_ylabel("right answers on new ones (%)")
    runs(
        naming,
        [
            (f"{label(arm)},\n{group}", arm, rows.loc[rows["arm"] == arm, "value"])
            for group, rows in places.items()
            for arm in ("coordconv", "deconv")
        ],
    )
    naming.set_title("Which pixel do two numbers name?")
    naming.set_xlabel("places named right, of those held out (%)")
    runs(
        telling,
        [
            (name, arm, sides.loc[sides["arm"] == arm, "value"])
            for name, arm in (
                ("coordinate bias", "coordinate bias"),
                ("random maps", "fixed random maps"),
                ("plain network", "vanilla"),
            )
        ],
    )
    telling.axvline(50, color=INK, linewidth=0.8, linestyle=":")
    put = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "xytext": (3, -8)}
    telling.annotate("guessing", (50, 1), fontsize=7.5, color=INK, **put)
    telling.set_title("Left or right?")
    telling.set_xlabel("yellow pixels told right (%)")
    return figure


def runs(axes: Axes, rows: list[tuple[str, str, pd.Series]]) -> None:
    """One line a group of runs, given as (name, arm, fractions): a faint mark each, their mean and
    its 95 % interval.
    """
    rows = [row for row in rows if len(row[2].dropna())]
    if not rows:
        blank(axes)
        return
    for k, (_, arm, values) in enumerate(rows):
        values = 100 * values.dropna()
        mean, low, high, _ = mean_interval(values)
        ink = colour(arm, 5)
        axes.plot(values, np.full(len(values), k), "|", color=ink, alpha=0.45, markersize=11)
        axes.plot(
            np.clip([low, high], 0, 100), [k, k], color=ink, linewidth=3, solid_capstyle="round"
        )
        axes.plot(mean, k, marker=marker(arm, 5), markersize=7, color=ink)
    axes.set_yticks(
        range(len(rows)), [f"{name} (n = {len(values.dropna())})" for name, _, values in rows]
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-4, 104)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
