"""What the page `coordinet/beyond_the_grid` shows: other resolutions, subsets of the pixels, a fovea, a lens."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.figures.coordinet import curve, panels, sizes
from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.figures.plots import arms_in
from spatialbias.figures.style import canvas, label
from spatialbias.statistics import mean_interval
from spatialbias.studies.coordinet_arms import NETWORKS

LENSES = (0.25, 0.5, 1.0)  # strengths
TOGETHER = 0.01  # lines that are nowhere farther apart look like one: a point

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
    sides = sorted(frame["x"].dropna().unique())

    def doubled(ax: Axes, arm: str) -> None:
        ax.set_xscale("log", base=2)
        ax.set_xticks(sides, [f"{x:g}" for x in sides])
        ax.minorticks_off()

    lines = {part: look for part, look in PARTS.items() if part in set(frame["part"])}
    arms = arms_in(frame, NETWORKS[::-1])  # Coordinet first: a phone shows it first
    return panels(arms, lines, lambda arm, part: curve(frame, measure, arm, part), xlabel, doubled if log else None, marked=True)


def together(frame: pd.DataFrame, measure: str) -> str:
    """Which parts of a measure lie one upon the other, network by network; for the caption."""
    frame, found = frame[(frame["measure"] == measure) & (frame["at"] == "stop")], []
    for arm in arms_in(frame, NETWORKS):
        groups: list[dict[str, pd.Series]] = []
        for part, rows in frame[frame["arm"] == arm].groupby("part", sort=False):
            line = rows.groupby("x")["value"].mean()
            home = next((g for g in groups if all((line - other).abs().max() <= TOGETHER for other in g.values())), None)
            groups.append({part: line}) if home is None else home.update({part: line})
        for group in groups:
            if len(group) > 1:
                apart, quoted = pd.concat(group, axis=1), [f"“{PARTS[part][0]}”" for part in group]
                names = " and ".join((", ".join(quoted[:-1]), quoted[-1]))
                found.append(f"{names} ({label(arm)}; {100 * (apart.max(axis=1) - apart.min(axis=1)).max():.1f} points apart at most)")
    return f"Lines that coincide, or nearly: {'; '.join(found)}." if found else "No two lines of a panel coincide."


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
    return f"{100 * means.max():.1f} %" if len(means) else NOTHING


def grid_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """Accuracies on the foveated picture, on parts of one, of the path alone, and what knowing a lens is worth; for the prose."""
    rows = frame[(frame["measure"] == "foveated") & (frame["at"] == "stop")]
    numbers = {"N": sizes(frame)}
    for key, arm, shown in (("coordinet", "coordinet", "full filled direct weighted"), ("cnn", "simple_cnn", "full filled")):
        for part in shown.split():
            numbers[f"{key}_{part}"] = said(rows[(rows["arm"] == arm) & (rows["part"] == part)]["value"])

    def at(measure: str, arm: str, part: str, *places: float) -> pd.Series:
        """The mean over places, by replicate."""
        found = frame[(frame["measure"] == measure) & (frame["at"] == "stop") & (frame["arm"] == arm) & (frame["part"] == part)]
        return found[found["x"].isin(places)].groupby("replicate")["value"].mean()

    told, straight = at("warps", "coordinet", "told", *LENSES), at("warps", "coordinet", "straightened", *LENSES)
    behind = told - at("warps", "simple_cnn", "straightened", *LENSES)
    without = at("warps", "coordinet", "warped", 0.0) - at("warps", "simple_cnn", "warped", 0.0)
    return numbers | {
        "alone": said(at("sizes", "coordinet", "weighted, unmodulated", 32.0)),
        "alone_most": _most(frame),
        "told": points(told - straight),
        "lens_lead": points(behind),
        "without_lens": points(without),
        "lens_adds": _adds(behind - without),
        "strongest": f"{LENSES[-1]:g}",
        "warped_cnn": said(at("warps", "simple_cnn", "warped", LENSES[-1])),
        "warped_coordinet": said(at("warps", "coordinet", "warped", LENSES[-1])),
        "all_weighted": said(at("subsets", "coordinet", "weighted", 1.0)),
        "quarter_weighted": said(at("subsets", "coordinet", "weighted", 0.25)),
        "quarter_drawn": said(at("subsets", "coordinet", "filled", 0.25)),
        "quarter_filled": said(at("subsets", "fully_connected", "filled", 0.25)),
        "scale": _scale(frame),
    }


def _adds(gain: pd.Series) -> str:
    """Whether a lens adds to a lead, by the interval."""
    _, low, high, n = mean_interval(gain.dropna())
    if n < 2:
        return "one replicate does not tell whether the lens adds to that"
    told = "adds to its lead" if low > 0 else "takes from its lead" if high < 0 else "is not shown to change its lead"
    return f"the lens {told} ({points(gain)})"


def _scale(frame: pd.DataFrame) -> str:
    """What the number of pixels and the scale of their sum matter to the answer, by how far the lines lie apart."""
    apart = []
    for measure, parts in (("sizes", ("resized", "direct", "weighted")), ("subsets", ("filled", "direct", "weighted"))):
        rows = frame[(frame["measure"] == measure) & (frame["at"] == "stop") & (frame["arm"] == "coordinet") & frame["part"].isin(parts)]
        table = rows.pivot_table(index="x", columns="part", values="value")
        apart += [(table.max(axis=1) - table.min(axis=1)).max()] if len(table) else []
    if not apart:
        return f"How far the sums lie apart is {NOTHING}."
    far = f"{100 * max(apart):.1f} points"
    if max(apart) > TOGETHER:
        return f"Summed plainly, weighted, or drawn on the training grid, the same pixels give accuracies up to {far} apart."
    return (f"Summed plainly, weighted, or drawn on the training grid, the same pixels give the same accuracy (within {far}). The number "
            "of pixels hardly matters, for the decoder, but for its biases, answers alike to a sum and to a longer one. And where the "
            "modulator's picture is spoiled, all three ways of treating the pixels fall alike.")
