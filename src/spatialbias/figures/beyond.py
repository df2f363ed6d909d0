"""What the page `coordinet/beyond_the_grid` shows: other resolutions, subsets of the pixels, a
fovea, a lens.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.figures.coordinet import curve, panels, sizes
from spatialbias.figures.numbers import NOTHING, listed, points, said
from spatialbias.plots.charts import CHANCE, arms_in
from spatialbias.plots.style import canvas, label
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
    return panels(
        arms,
        lines,
        lambda arm, part: curve(frame, measure, arm, part),
        xlabel,
        doubled if log else None,
        marked=True,
    )


def together(frame: pd.DataFrame, measure: str) -> str:
    """Which parts of a measure lie one upon the other, network by network; for the caption."""
    frame, found = frame[(frame["measure"] == measure) & (frame["at"] == "stop")], []
    for arm in arms_in(frame, NETWORKS):
        groups: list[dict[str, pd.Series]] = []
        for part, rows in frame[frame["arm"] == arm].groupby("part", sort=False):
            line = rows.groupby("x")["value"].mean()
            home = next(
                (
                    g
                    for g in groups
                    if all((line - other).abs().max() <= TOGETHER for other in g.values())
                ),
                None,
            )
            groups.append({part: line}) if home is None else home.update({part: line})
        for group in groups:
            if len(group) > 1:
                apart, quoted = pd.concat(group, axis=1), [f"“{PARTS[part][0]}”" for part in group]
                most = (apart.max(axis=1) - apart.min(axis=1)).max()
                found.append(
                    f"{listed(quoted)} ({label(arm)}; {100 * most:.1f} points apart at most)"
                )
    return (
        f"Lines that coincide, or nearly: {'; '.join(found)}."
        if found
        else "No two lines of a panel coincide."
    )


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
    axes[1].scatter(
        places[:, 0], -places[:, 1], s=areas.numpy() * 9, c=colours, marker="s", linewidths=0
    )
    axes[1].set_title(f"{len(places)} pixels of three sizes")
    axes[1].set_aspect("equal")
    for ax in axes:
        ax.set_axis_off()
    return figure


def grid_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """Accuracies on the foveated picture, on parts of one, and what a lens and knowing it do; for
    the prose.
    """
    rows = frame[(frame["measure"] == "foveated") & (frame["at"] == "stop")]
    numbers = {"N": sizes(frame)}
    for key, arm, shown in (
        ("coordinet", "coordinet", "full filled direct weighted"),
        ("cnn", "simple_cnn", "full filled"),
    ):
        for part in shown.split():
            numbers[f"{key}_{part}"] = said(
                rows[(rows["arm"] == arm) & (rows["part"] == part)]["value"]
            )
    told, straight = (
        at(frame, "warps", "coordinet", "told", *LENSES),
        at(frame, "warps", "coordinet", "straightened", *LENSES),
    )
    ahead = {
        share: at(frame, "subsets", "fully_connected", "filled", share)
        - at(frame, "subsets", "coordinet", "weighted", share)
        for share in (0.25, 1.0)
    }
    return numbers | {
        "told": points(told - straight),
        "strongest": f"{LENSES[-1]:g}",
        "warped_cnn": said(at(frame, "warps", "simple_cnn", "warped", LENSES[-1])),
        "warped_coordinet": said(at(frame, "warps", "coordinet", "warped", LENSES[-1])),
        "quarter_gap": points(ahead[0.25]),
        "all_gap": points(ahead[1.0]),
        "quarter_weighted": said(at(frame, "subsets", "coordinet", "weighted", 0.25)),
        "quarter_filled": said(at(frame, "subsets", "fully_connected", "filled", 0.25)),
        "lens": lens(frame),
        "built_in": built_in(at(frame, "sizes", "coordinet", "weighted, unmodulated", 32.0)),
    }


def at(frame: pd.DataFrame, measure: str, arm: str, part: str, *places: float) -> pd.Series:
    """The mean over places, by replicate."""
    found = frame[
        (frame["measure"] == measure)
        & (frame["at"] == "stop")
        & (frame["arm"] == arm)
        & (frame["part"] == part)
    ]
    return found[found["x"].isin(places)].groupby("replicate")["value"].mean()


def _by_interval(difference: pd.Series, above: str, below: str, neither: str) -> str:
    """One of three, by where the 95 % interval of a difference lies."""
    _, low, high, _ = mean_interval(difference.dropna())
    return above if low > 0 else below if high < 0 else neither


def lens(frame: pd.DataFrame) -> str:
    """What Coordinet's lead over the simple CNN says of lenses: whether a network that is not told
    has it as well, and what is left of it without a lens; for the prose.
    """
    told, cnn = (
        at(frame, "warps", "coordinet", "told", *LENSES),
        at(frame, "warps", "simple_cnn", "straightened", *LENSES),
    )
    straight = at(frame, "warps", "fully_connected", "straightened", *LENSES)
    without = at(frame, "warps", "coordinet", "warped", 0.0) - at(
        frame, "warps", "simple_cnn", "warped", 0.0
    )
    if told.empty or cnn.empty or straight.empty:
        return f"What lenses do is {NOTHING}."
    also = _by_interval(
        straight - cnn,
        "beats the simple CNN, too",
        "is behind the simple CNN",
        "is not told apart from the simple CNN",
    )
    beside = _by_interval(
        told - straight, "is ahead of it", "is behind it", "is not told apart from it"
    )
    change = _by_interval(
        told - cnn - without,
        "a lens adds to it",
        "a lens takes from it",
        "a lens is not shown to change it",
    )
    start = (
        "The last verdict says little of lenses. "
        if "too" in also and "ahead" not in beside
        else ""
    )
    return (
        f"{start}The fully connected network, on the straightened picture, {also} ({points(straight - cnn)}); Coordinet, told, "
        f"{beside} ({points(told - straight)}). Coordinet's lead over the simple CNN is {points(told - cnn, n=False)} with a lens and "
        f"{points(without)}, without: {change}."
    )


def built_in(alone: pd.Series) -> str:
    """What the pixel path does without the modulator's vectors, and what the page tests then; for
    the prose. alone: accuracies.
    """
    _, low, _, n = mean_interval(alone)
    if not n:
        return f"What the pixel path does without its vectors is {NOTHING}."
    if n < 2:
        return f"Without its vectors the pixel path is right on {said(alone)}; one class in ten is guessed."
    if low > CHANCE / 100:
        return f"Without its vectors the pixel path does better than guessing: it is right on {said(alone)}."
    follows = "So this page tests the modulator more than the pixels."
    return f"Without its vectors the pixel path guesses: it is right on {said(alone)}. {follows}"


def fair(trials: pd.DataFrame) -> str:
    """Whether networks trained without a modulator reach the loss, which a fair test would need;
    trials: of `coordinet.ablations`.
    """
    plain = trials[trials["arm"] == "no modulation"]
    if plain.empty:
        return "no such network is on record"
    reached = int((plain["stop_reason"] == "loss").sum())
    return (
        f"of the {len(plain)} such network{'s' * (len(plain) > 1)} on record, {reached} reached the loss within the "
        f"{plain['epochs'].max():.0f} epochs given"
    )
