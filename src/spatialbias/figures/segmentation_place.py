"""What a network knows of place from yellow, in numbers that no guesser can buy: the mean of the
recalls right and left, for calling all of it one side gives a half. (From red: segmentation_red.)
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialbias.claims import Verdict
from spatialbias.figures import circles
from spatialbias.figures.numbers import NOTHING, listed, points, said
from spatialbias.figures.segmentation import UNTOLD, look
from spatialbias.figures.segmentation_tables import CALLED, mean_recall
from spatialbias.plots.charts import names_above
from spatialbias.plots.style import INK, blank, canvas, label
from spatialbias.statistics import mean_interval, paired

RAMPS = (
    "coordinate bias",
    "CoordConv",
    "coordinate bias, batch norm",
)  # told by ramps; UNTOLD are told nothing, or noise
MARKED = ("fixed random maps",)  # every pixel, in no order
GROUPS = {"ramps": RAMPS, "marked": MARKED, "untold": UNTOLD}
GIVEN = dict(
    zip(UNTOLD, ("nothing", "noise", "more width", "norms", "another padding"), strict=True)
)  # what they get instead


def yellow(frame: pd.DataFrame) -> pd.DataFrame:
    """arm, replicate, value: the mean of the two yellow recalls."""
    return mean_recall(frame, (1, 2))


def ends(frame: pd.DataFrame, arms: Sequence[str]) -> str:
    """The least and the greatest run of some networks in it, as text: "from 49.2 to 51.0 % (50
    runs)".
    """
    rows = yellow(frame)
    values = 100 * rows.loc[rows["arm"].isin(arms), "value"]
    if values.empty:
        return NOTHING
    return (
        f"from {values.min():.1f} to {values.max():.1f} % ({len(values)} runs)"
        if len(values) > 1
        else f"{values.iloc[0]:.1f} % (1 run)"
    )


def told(frame: pd.DataFrame) -> str:
    """It in every run of those told by ramps, of those told nothing, and of those with a mark in no
    order: one sentence.
    """
    rows, texts = yellow(frame), []
    given = [GIVEN[arm] for arm in UNTOLD if arm in set(rows["arm"])]
    for name, start in (
        ("ramps", "told by ramps"),
        ("untold", f"given {listed(given, 'or')}"),
        ("marked", "with fixed random maps"),
    ):
        values = 100 * rows.loc[rows["arm"].isin(GROUPS[name]), "value"]
        if len(values):
            reach = (
                f"each of {len(values)} runs gives {values.min():.1f} to"
                if len(values) > 1
                else "the only run gives"
            )
            texts.append(f"{start}, {reach} {values.max():.1f} %")
    if not texts:
        return f"What networks know of yellow's side is {NOTHING}"
    text = "; ".join([f"{texts[0]} of yellow pixels their side", *texts[1:], "guessing gives 50 %"])
    return text[0].upper() + text[1:]


def slight(frame: pd.DataFrame) -> str:
    """What follows for the side if the interval of zero padding's worth in it lies within a point:
    a clause, or nothing.
    """
    _, low, high, n = mean_interval(paired(yellow(frame), "vanilla", "vanilla, circular padding"))
    return (
        ", so for the side its zero padding is worth less than a point, if anything"
        if n > 1 and max(-low, high) < 0.01
        else ""
    )


def luck(drawn: circles.Scenes, images: int, runs: int, draws: int = 1000) -> float:
    """The mean of the two yellow recalls that the best of some runs stays below, 95 times in 100,
    if each guesses the side of every circle by itself, on so many images. (A run that speckles its
    circles with both sides, or always says one, strays less.)
    """
    random, found = np.random.default_rng(0), []
    right, weight = (
        (drawn.x > drawn.size // 2).numpy(),
        (drawn.visible * drawn.yellow).double().numpy(),
    )
    for _ in range(draws):
        some = random.integers(len(weight), size=images)
        w, side, guess = (
            weight[some],
            right[some],
            random.integers(2, size=(images, 3)).astype(bool),
        )
        recalls = [
            (w * (side == s) * (guess == s)).sum() / max((w * (side == s)).sum(), 1.0)
            for s in (True, False)
        ]
        found.append(sum(recalls) / 2)
    return float(np.quantile(found, 0.95 ** (1 / runs)))


def guessing(frame: pd.DataFrame, arm: str, drawn: circles.Scenes, images: int) -> str:
    """Whether an arm tells the sides of yellow circles better than luck lets the best of as many
    guessers, in a phrase.
    """
    runs = _runs(frame, arm)
    if runs.empty:
        return NOTHING
    above = int((runs > luck(drawn, images, len(runs))).sum())
    found = "all" if above == len(runs) else above
    phrase = (
        f"in {found} of {len(runs)} runs more than guessing gives"
        if above
        else "no more than guessing gives"
    )
    return phrase.replace("all of 1 runs", "its only run")


def counted(
    frame: pd.DataFrame, protocols: Mapping[str, str], drawn: circles.Scenes, images: int
) -> str:
    """How far luck reaches, and how many of a network's runs go beyond it: a sentence, or one for
    each number of runs. protocols: words for an arm, such as "as released".
    """
    found = {words: runs for words, arm in protocols.items() if len(runs := _runs(frame, arm))}
    sentences = []
    for n in dict.fromkeys(map(len, found.values())):
        most, owns = luck(drawn, images, n), []
        for words, runs in ((words, runs) for words, runs in found.items() if len(runs) == n):
            above = int((runs > most).sum())
            owns.append(
                f"{above or 'none'} {'go' if above > 1 else 'goes'} beyond {words} (the best: {runs.max():.1%})"
            )
        guessers = (
            f"{n} runs that toss a coin for every circle would, 95 times in 100, all stay"
            if n > 1
            else ("A run that tosses a coin for every circle would, 95 times in 100, stay")
        )
        sentences.append(
            f"{guessers} below {most:.1%}; of the plain network's, {' and '.join(owns)}."
        )
    return " ".join(sentences) or f"How often the plain network goes beyond luck is {NOTHING}."


def _runs(frame: pd.DataFrame, arm: str) -> pd.Series:
    rows = yellow(frame)
    return rows.loc[rows["arm"] == arm, "value"]


def share(frame: pd.DataFrame, usual: int | None = None) -> str:
    """What fixed random maps bring in it, of what ramps bring (both over the plain network): a
    sentence chosen by the intervals. A share is given only where the maps' own mean is beyond what
    guessing gives.
    """
    rows = yellow(frame)
    own, mark, ramps = (
        rows.loc[rows["arm"] == MARKED[0], "value"],
        *(paired(rows, arm, "vanilla") for arm in (*MARKED, RAMPS[0])),
    )
    if own.empty:
        return f"What fixed maps bring in yellow is {NOTHING}."
    _, low, high, n = mean_interval(own)
    text = f"Their own mean in yellow, {said(own, n=n != usual)}, is"
    if n < 2:
        return f"{text} of one run: too few to tell it from guessing."
    if low <= 0.5:
        return (
            f"{text} {'what' if high >= 0.5 else 'less than'} guessing gives: in these runs a mark in no order brings nothing that can "
            "be told from luck."
        )
    if not mean_interval(ramps).low > 0 or mark.empty:
        return f"{text} more than guessing gives; what the ramps bring is not shown by these runs, so no share of it can be given."
    part = points(mark / ramps.mean(), "%", n=len(mark) != usual)
    return (
        f"{text} more than guessing gives: of what the ramps bring there, a mark that is unique to every pixel, but in no order, "
        f"brings {part}."
    )


def directed(reading: str, verdict: Verdict | None) -> str:
    """A reading that says "more than a point away from", with the direction that the verdict's
    contrast has.
    """
    found = verdict.findings[0].mean if verdict and verdict.findings else np.nan
    return (
        reading.replace("a point away from", f"a point {'below' if found < 0 else 'above'}")
        if found == found
        else reading
    )


def unbought(frame: pd.DataFrame, beyond: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """Both numbers by network: mean, 95 % interval and single runs; lines: what guessing gives, and
    what colour alone keeps.
    """
    arms = [arm for arm in arms if arm in set(yellow(frame)["arm"]) | set(beyond["arm"])]
    if not arms:
        return blank()
    counts = frame.groupby("arm")["replicate"].nunique()
    names = (
        [label(arm) for arm in arms]
        if counts[arms].nunique() == 1
        else [f"{label(arm)}  (n = {counts[arm]})" for arm in arms]
    )
    figure, axes = canvas(2, height=max(0.8 + 0.36 * len(arms), 1.6), width=6.4, share_x=False)
    panels = (
        (yellow(frame), 50.0, "mean of the two yellow recalls (%)"),
        (beyond, 0.0, "background kept beyond colour (points)"),
    )
    for ax, (rows, line, name) in zip(axes, panels):
        for k, arm in enumerate(arms):
            values, style = 100 * rows.loc[rows["arm"] == arm, "value"], look(arm)
            mean, low, high, _ = mean_interval(values)
            ax.plot(
                [line] * 2,
                [k - (0.15 if ax is axes[0] else 0.6), k + 0.4],
                color=INK,
                linewidth=1,
                linestyle=(0, (3, 1.5)),
            )
            ax.plot(
                values,
                np.full(len(values), k),
                marker="|",
                color=style["color"],
                alpha=0.4,
                linestyle="",
                markersize=8,
            )
            ax.plot([low, high], [k, k], color=style["color"], linewidth=3, solid_capstyle="round")
            ax.plot(mean, k, markersize=6, **style)
        ax.set(xlabel=name, ylim=(len(arms) - 0.5, -0.75))
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(arms)), names)
    axes[0].set_xlim(0, 103)  # which leaves the names a place of their own
    names_above(axes[0])
    return figure


def again(
    frame: pd.DataFrame,
    other: pd.DataFrame,
    usual: int | None = None,
    arms: Sequence[str] = ("vanilla", "coordinate bias"),
) -> str:
    """The same trials trained in two numerics classes: the first's mean recall of three classes
    minus the second's, in words.
    """
    keys, texts, farthest = ["arm", "replicate"], [], 0.0
    one, two = (
        mean_recall(f).merge(f[[*keys, "numerics"]].drop_duplicates(), on=keys)
        for f in (frame, other)
    )
    both = one.merge(two, on=keys, suffixes=("", " again"))
    both = both[(both["numerics"] != both["numerics again"]) & both["arm"].isin(arms)]
    if both.empty:
        return "here no trial was trained in two classes"
    both["value"] -= both["value again"]
    for arm in (a for a in arms if a in set(both["arm"])):
        values = both.loc[both["arm"] == arm, "value"]
        texts.append(f"{CALLED.get(arm, label(arm))} {points(values, n=len(values) != usual)}")
        farthest = max(farthest, both["value"].abs().max())
    return f"{'; '.join(texts)} (a single run at most {100 * farthest:.1f} points)"
