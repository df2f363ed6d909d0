"""What every learning rate gave, for the page `appendix/tuning`: one panel a network, every trial a
dot.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.plots.charts import CHANCE
from spatialbias.plots.style import INK, blank, canvas, colour, label, marker


def by_rate(frame: pd.DataFrame, chosen: Mapping[str, str]) -> Figure:
    """frame: rows of `accuracy` (columns arm, learning_rate, value). chosen: the rate of each arm
    as text, ringed; chance is dotted.
    """
    frame = frame.dropna(subset=["value"])
    arms = list(dict.fromkeys(frame["arm"]))
    if not arms:
        return blank()
    figure, axes = canvas(len(arms), columns=min(len(arms), 4), height=1.7)
    ticks = sorted(frame["learning_rate"].unique())
    for k, (arm, ax) in enumerate(zip(arms, axes, strict=True)):
        rows, ink = frame[frame["arm"] == arm], colour(arm, k)
        mean = 100 * rows.groupby("learning_rate")["value"].mean()
        ax.plot(
            rows["learning_rate"],
            100 * rows["value"],
            linestyle="",
            marker=marker(arm, k),
            markersize=3.5,
            color=ink,
            alpha=0.6,
        )
        ax.plot(mean.index, mean, color=ink, linewidth=1.4)
        best = [rate for rate in mean.index if f"{rate:g}" == chosen.get(arm)]
        ax.plot(
            best,
            mean[best],
            linestyle="",
            marker="o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor=INK,
        )
        ax.axhline(CHANCE, color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(label(arm), color=ink)
        ax.set_xscale("log")
        tens = [
            f"{rate:g}" if set(f"{rate:g}") <= set("0.1") else "" for rate in ticks
        ]  # the names of all would touch
        ax.set_xticks(ticks, tens, fontsize=8)
        ax.minorticks_off()
        ax.label_outer()
        if k + 4 >= len(arms):  # none below it
            ax.set_xlabel("learning rate")
            ax.tick_params(labelbottom=True)
    figure.supylabel(
        "accuracy on tuning images (%)", fontsize=axes[0].xaxis.label.get_size(), color=INK
    )
    return figure
