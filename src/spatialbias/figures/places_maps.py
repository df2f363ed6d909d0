"""The canvas of Not-so-Clevr as the networks of the CoordConv chapter see it: errors place by
place, what they draw, and how sharply.
"""

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from spatialbias.figures.maps import bare
from spatialbias.figures.places import splits_in
from spatialbias.plots.charts import arms_in
from spatialbias.plots.style import INK, blank, canvas, colour, label, split_name

HEAT = LinearSegmentedColormap.from_list(
    "heat", ["#8080801e", "#e69f00", "#d55e00", "#7a1f00"]
)  # nothing takes the page's background
SQUARE = 9  # side of the squares drawn


def spoken(arm: str) -> str:
    """The network of an arm "<network> names" or "<network> draws, <how it was trained>"."""
    return label(arm.replace(" names", "").replace(" draws", ""))


def chosen(frame: pd.DataFrame, word: str, replicate: int = 0) -> pd.DataFrame:
    """One replicate of the arms that "names", or that "draws"."""
    return frame[frame["arm"].str.contains(rf"\b{word}\b") & (frame["replicate"] == replicate)]


def error_maps(frame: pd.DataFrame, word: str, size: int, replicate: int = 0) -> Figure:
    """Every place of the canvas: how far off the answer is (classification, pixels) or what the
    picture lacks (rendering, 1 - IOU). Dots mark held-out places. One row a network, one column a
    split; of one split, networks side by side. frame: measure `canvas`.
    word: the arms of the study are "<network> names" and "<network> draws".
    """
    frame = chosen(frame, word, replicate)
    arms, splits = arms_in(frame), splits_in(frame)
    if not arms:
        return blank()
    columns = len(splits) if len(splits) > 1 else len(arms)
    wide = (3.8, 6.2, 7.2)[min(columns, 3) - 1]
    figure, axes = canvas(
        len(arms) * len(splits), columns=columns, height=2.8 if columns < 3 else 2.6, width=wide
    )
    limit = 1.0 if word == "draws" else max(float(frame["value"].quantile(0.99)), 1.0)
    for ax, (arm, split) in zip(axes, ((a, s) for a in arms for s in splits)):
        rows = frame[(frame["arm"] == arm) & (frame["split"] == split)]
        picture = np.full((size, size), np.nan)
        index = rows["x"].to_numpy(int)
        picture[index // size, index % size] = (
            1 - rows["value"] if word == "draws" else rows["value"]
        )
        drawn = ax.imshow(picture, cmap=HEAT, vmin=0, vmax=limit, interpolation="none")
        out = rows.loc[rows["part"] == "test", "x"].to_numpy(int)
        ax.plot(out % size, out // size, linestyle="", marker=".", markersize=2.2, color=INK)
        edge = SQUARE // 2
        ax.set(xlim=(edge - 1, size - edge), ylim=(size - edge, edge - 1))
        bare(
            ax,
            f"{spoken(arm)}, {split_name(split)}"
            if len(splits) > 1
            else spoken(arm).replace(", ", ",\n"),
            8.5,
        )
    bar = figure.colorbar(
        drawn,
        ax=axes,
        label="1 − intersection over union"
        if word == "draws"
        else "distance from the truth (pixels)",
        extend="neither" if word == "draws" else "max",
        aspect=30 if columns < 3 else 18,
        pad=0.02,
        shrink=0.7,
    )
    bar.outline.set_linewidth(0.4)
    return figure


def pictures(frame: pd.DataFrame, word: str, split: str, size: int, replicate: int = 0) -> Figure:
    """What each network draws for some held-out places of a split, one row a network; the truth as
    a ring (classification) or an outline (rendering).

    frame: measure `picture`; brightness in [0, 1].
    """
    frame = chosen(frame[frame["split"] == split], word, replicate)
    arms, places = arms_in(frame), list(dict.fromkeys(frame["part"]))
    if not arms:
        return blank()
    figure, axes = canvas(
        len(arms) * len(places), columns=len(places), height=7.4 / max(len(places), 3), width=7.0
    )
    for ax, (arm, place) in zip(axes, ((a, p) for a in arms for p in places)):
        rows = frame[(frame["arm"] == arm) & (frame["part"] == place)]
        picture = np.zeros(size * size)
        picture[rows["x"].to_numpy(int)] = rows["value"]
        ax.imshow(picture.reshape(size, size), cmap=HEAT, vmin=0, vmax=1, interpolation="none")
        x, y = map(int, place.split(","))
        if word == "names":
            ax.plot(
                x,
                y,
                marker="o",
                markersize=9,
                markerfacecolor="none",
                markeredgecolor=INK,
                markeredgewidth=1.1,
            )
        else:
            ax.add_patch(
                Rectangle(
                    (x - SQUARE / 2, y - SQUARE / 2),
                    SQUARE,
                    SQUARE,
                    fill=False,
                    edgecolor=INK,
                    linewidth=1.1,
                )
            )
        bare(ax, f"({x}, {y})" if arm == arms[0] else "", 8.5)
        if place == places[0]:
            ax.set_ylabel(spoken(arm).replace(", ", ",\n"), color=colour(arm.split()[0]), size=9)
    figure.suptitle(split_name(split), x=0, ha="left", size=10, color=INK)
    return figure


def brightness(frame: pd.DataFrame, size: int) -> pd.DataFrame:
    """Brightness around the truth: columns arm, split, part (the place), distance (of a pixel from
    the centre, the larger of its two coordinates' distances; the square ends between 4 and 5) and
    value, the mean over such pixels. Renderings only, replicate 0.
    """
    rows = chosen(frame, "draws").copy()
    if rows.empty:
        return pd.DataFrame(columns=["arm", "split", "part", "distance", "value"])
    place = rows["part"].str.split(",", expand=True).astype(int)
    index = rows["x"].astype(int)
    rows["distance"] = np.maximum((index % size - place[0]).abs(), (index // size - place[1]).abs())
    return (
        rows.groupby(["arm", "split", "part", "distance"], sort=False)["value"].mean().reset_index()
    )


def edges(around: pd.DataFrame, most: int = 12) -> Figure:
    """How sharply the drawn squares end: mean brightness by distance from the true centre, thin for
    every picture, and the truth dashed grey. Arms of one network differ in their dashes.
    """
    arms, splits = arms_in(around), splits_in(around)
    if not arms:
        return blank()
    figure, axes = canvas(len(splits), height=2.7, width=7.2 if len(splits) > 1 else 4.6)
    for ax, split in zip(axes, splits):
        ax.step(
            [0, SQUARE / 2, SQUARE / 2, most],
            [100, 100, 0, 0],
            color=INK,
            linewidth=1,
            linestyle=(0, (4, 2)),
            where="post",
        )
        for k, arm in enumerate(arms):
            rows = around[
                (around["arm"] == arm) & (around["split"] == split) & (around["distance"] <= most)
            ]
            network = arm.split()[0]
            ink, dash = (
                colour(network, k),
                ("-", (0, (6, 2)), (0, (1, 1)))[
                    [a for a in arms if a.split()[0] == network].index(arm) % 3
                ],
            )
            for _, one in rows.groupby("part"):
                one = one.sort_values("distance")
                ax.plot(one["distance"], 100 * one["value"], color=ink, linewidth=0.7, alpha=0.4)
            mean = 100 * rows.groupby("distance")["value"].mean()
            ax.plot(mean.index, mean, color=ink, linestyle=dash, label=spoken(arm))
        ax.set(
            title=split_name(split), xlabel="distance from the true centre (pixels)", ylim=(-4, 106)
        )
    axes[0].set_ylabel("brightness (%)")
    handles = dict(zip(*axes[-1].get_legend_handles_labels()[::-1]))
    figure.legend(
        handles.values(),
        handles,
        labelcolor="linecolor",
        fontsize=8.5,
        loc="outside lower left",
        ncols=2,
    )
    return figure
