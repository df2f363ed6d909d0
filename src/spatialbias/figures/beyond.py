"""What the page `coordinet/beyond_the_grid` shows: other resolutions, subsets of the pixels, a fovea, a lens."""

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.figures.coordinet import NETWORKS, shade, sizes
from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.figures.plots import CHANCE, arms_in
from spatialbias.figures.style import INK, blank, canvas, colour, label, marker

PARTS = {  # how each part of a "beyond the grid" measure is drawn and named
    "resized": ("resized back to the training size", (0, (5, 2))),
    "direct": ("pixels as they are, plain sum", (0, (1, 1.5))),
    "weighted": ("pixels as they are, weighted", "-"),
    "weighted, unmodulated": ("weighted, no modulation", (0, (4, 1, 1, 1))),
    "filled": ("missing pixels filled with the mean", (0, (5, 2))),
    "warped": ("as seen through the lens", (0, (1, 1.5))),
    "straightened": ("straightened first", (0, (5, 2))),
    "told": ("as seen, told the true places", "-"),
}


def parts(frame: pd.DataFrame, measure: str, xlabel: str, log: bool = False) -> Figure:
    """A measure with parts over x: one panel a network, one dash a part."""
    frame = frame[(frame["measure"] == measure) & (frame["at"] == "stop")]
    arms = arms_in(frame, NETWORKS)
    figure, axes = canvas(max(len(arms), 1), width=7.6, height=3.0)
    for ax, arm in zip(axes, arms, strict=False):
        for part, rows in frame[frame["arm"] == arm].groupby("part", sort=False):
            table = rows.pivot_table(index="replicate", columns="x", values="value")
            shade(ax, table, colour(arm))
            ax.plot(
                table.columns,
                100 * table.mean(),
                color=colour(arm),
                linestyle=PARTS[part][1],
                marker=marker(arm),
                markersize=3.5,
                linewidth=1.6,
            )
        ax.axhline(CHANCE, color=INK, linewidth=0.8, linestyle=":")
        if log:
            ax.set_xscale("log", base=2)
            sides = sorted(frame["x"].dropna().unique())
            ax.set_xticks(sides, [f"{x:g}" for x in sides])
            ax.minorticks_off()
        ax.set_title(label(arm), color=colour(arm))
        ax.set_xlabel(xlabel)
    axes[0].set_ylabel("test accuracy (%)")
    if not arms:
        return blank()
    names = [p for p in PARTS if p in set(frame["part"])]
    handles = [axes[0].plot([], [], color=INK, linestyle=PARTS[p][1])[0] for p in names]
    figure.legend(handles, [PARTS[p][0] for p in names], loc="outside lower center", ncols=2, fontsize=8)
    return figure


def fovea() -> Figure:
    """One sample image in full, as its foveated pixels, and how the areas lie."""
    from spatialbias import shifts
    from spatialbias.explorer.samples import samples

    images, _, _ = samples()
    chosen = images[[24]]
    values, places, areas = shifts.foveate(chosen)
    figure, axes = canvas(2, width=5.6, height=2.8, share_x=False, share_y=False)
    axes[0].imshow(chosen[0].permute(1, 2, 0).numpy())
    axes[0].set_title(f"{chosen.shape[2] * chosen.shape[3]} pixels")
    colours = (values[0].t() / 255).numpy()
    axes[1].scatter(places[:, 0], -places[:, 1], s=areas.numpy() * 9, c=colours, marker="s", linewidths=0)
    axes[1].set_title(f"{len(places)} pixels of three sizes")
    axes[1].set_aspect("equal")
    for ax in axes:
        ax.set_axis_off()
    return figure


def _most(frame: pd.DataFrame) -> str:
    """The best mean accuracy of the pixel path without modulation, at any resolution."""
    rows = frame[(frame["measure"] == "sizes") & (frame["at"] == "stop") & (frame["part"] == "weighted, unmodulated")]
    means = rows.groupby("x")["value"].mean()
    return f"{means.max():.1%}" if len(means) else NOTHING


def grid_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """Accuracies on the foveated picture, of the path alone, and what knowing a lens is worth; for the prose."""
    rows = frame[(frame["measure"] == "foveated") & (frame["at"] == "stop")]
    numbers = {"N": sizes(frame)}
    for key, arm in (("coordinet", "coordinet"), ("cnn", "simple_cnn")):
        for part in ("full", "filled", "direct", "weighted"):
            numbers[f"{key}_{part}"] = said(rows[(rows["arm"] == arm) & (rows["part"] == part)]["value"])

    def at(measure: str, arm: str, part: str, *places: float) -> pd.Series:
        """The mean over places, by replicate."""
        found = frame[(frame["measure"] == measure) & (frame["at"] == "stop") & (frame["arm"] == arm) & (frame["part"] == part)]
        return found[found["x"].isin(places)].groupby("replicate")["value"].mean()

    lenses = (0.25, 0.5, 1.0)
    told, straight = at("warps", "coordinet", "told", *lenses), at("warps", "coordinet", "straightened", *lenses)
    return numbers | {
        "alone": said(at("sizes", "coordinet", "weighted, unmodulated", 32.0)),
        "alone_most": _most(frame),
        "told": points(told - straight),
        "without_lens": points(at("warps", "coordinet", "warped", 0.0) - at("warps", "simple_cnn", "warped", 0.0)),
        "quarter_weighted": said(at("subsets", "coordinet", "weighted", 0.25)),
        "quarter_filled": said(at("subsets", "fully_connected", "filled", 0.25)),
    }
