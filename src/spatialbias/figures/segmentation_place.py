"""What a network knows of place, in numbers that no guesser can buy: yellow of both sides, and background kept beside red found.

For yellow it is the mean of the recalls right and left: calling all of it one side gives a half. For red it is the background
that is kept beyond what an observer keeps who sees colour alone and calls as much red low, by lot, in the same test images.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialbias.claims import Verdict
from spatialbias.claims.coordbias import VANILLA
from spatialbias.figures import circles
from spatialbias.figures.numbers import NOTHING, points
from spatialbias.figures.segmentation import UNTOLD, look
from spatialbias.figures.segmentation_tables import CALLED, mean_recall, part
from spatialbias.figures.style import INK, blank, canvas, label
from spatialbias.statistics import mean_interval, paired

RAMPS = ("coordinate bias", "CoordConv", "coordinate bias, batch norm")  # told by ramps; UNTOLD are told nothing, or noise
MARKED = ("fixed random maps",)  # every pixel, in no order
GROUPS = {"ramps": RAMPS, "marked": MARKED, "untold": UNTOLD}


# ------------------------------------------------------------------------------------------------------------- yellow


def yellow(frame: pd.DataFrame) -> pd.DataFrame:
    """arm, replicate, value: the mean of the two yellow recalls."""
    return mean_recall(frame, (1, 2))


def ends(frame: pd.DataFrame, arms: Sequence[str]) -> str:
    """The least and the greatest run of some networks in it, as text: "from 49.2 to 51.0 % (50 runs)"."""
    rows = yellow(frame)
    values = 100 * rows.loc[rows["arm"].isin(arms), "value"]
    if values.empty:
        return NOTHING
    return f"from {values.min():.1f} to {values.max():.1f} % ({len(values)} runs)" if len(values) > 1 else f"{values.iloc[0]:.1f} % (1 run)"


def luck(drawn: circles.Scenes, images: int, runs: int, draws: int = 1000) -> float:
    """The mean of the two yellow recalls that the best of some runs stays below, 95 times in 100, if each guesses the side of every
    circle by itself, on so many images. (A run that speckles its circles with both sides, or always says one, strays less.)"""
    random, found = np.random.default_rng(0), []
    right, weight = (drawn.x > drawn.size // 2).numpy(), (drawn.visible * drawn.yellow).double().numpy()
    for _ in range(draws):
        some = random.integers(len(weight), size=images)
        w, side, guess = weight[some], right[some], random.integers(2, size=(images, 3)).astype(bool)
        recalls = [(w * (side == s) * (guess == s)).sum() / max((w * (side == s)).sum(), 1.0) for s in (True, False)]
        found.append(sum(recalls) / 2)
    return float(np.quantile(found, 0.95 ** (1 / runs)))


def guessing(frame: pd.DataFrame, arm: str, drawn: circles.Scenes, images: int) -> tuple[str, str]:
    """Whether an arm tells the sides of yellow circles better than luck lets the best of as many guessers: in a phrase, and counted."""
    runs = yellow(frame)
    runs = runs.loc[runs["arm"] == arm, "value"]
    if runs.empty:
        return NOTHING, NOTHING
    beyond = luck(drawn, images, len(runs))
    above = int((runs > beyond).sum())
    found = "none" if not above else "all" if above == len(runs) else above
    phrase = f"in {found} of {len(runs)} runs more than guessing gives" if above else "no more than guessing gives"
    return phrase.replace("all of 1 runs", "its only run"), (
        f"of {len(runs)} run{'s' * (len(runs) > 1)} {found} beyond {beyond:.1%} (the best: {runs.max():.1%})")


def share(frame: pd.DataFrame) -> str:
    """What fixed random maps bring in it, of what ramps bring (both over the plain network), a sentence chosen by the interval."""
    mark, ramps = (paired(yellow(frame), arm, "vanilla") for arm in (*MARKED, RAMPS[0]))
    if not mean_interval(ramps).low > 0 or mark.empty:
        return "What the ramps bring in yellow is not shown by these runs, so no share of it can be given."
    part = points(mark / ramps.mean(), "%")
    return f"So of what the ramps bring in yellow, a mark that is unique to every pixel, but in no order, brings {part} (exploration)."


def directed(reading: str, verdict: Verdict | None) -> str:
    """A reading that says "more than a point away from", with the direction that the verdict's contrast has."""
    found = verdict.findings[0].mean if verdict and verdict.findings else np.nan
    return reading.replace("a point away from", f"a point {'below' if found < 0 else 'above'}") if found == found else reading


# ---------------------------------------------------------------------------------------------------------------- red


def background(drawn: circles.Scenes) -> float:
    """The share of all pixels that is labelled background."""
    return 1 - float((drawn.visible * (drawn.kind > 0)).sum()) / (len(drawn.x) * drawn.size**2)


def beyond_colour(frame: pd.DataFrame, images: int, size: int) -> pd.DataFrame:
    """arm, replicate, value: the background's recall minus that of an observer of colour at the same recall of red, a run.

    images, size: of the test images, which are those of the run's own replicate.
    """
    rows = part(frame, "recall").pivot_table(index=["arm", "replicate"], columns="x", values="value").reindex(columns=[0.0, 3.0]).dropna()
    drawn = {r: circles.scenes(images, size, int(r), part=1) for r in rows.index.unique("replicate")}
    upper = {r: circles.upper_red(one, background(one)) for r, one in drawn.items()}  # by lot, it loses that share of them
    values = [row[0.0] - (1 - upper[r] * row[3.0]) for (_, r), row in rows.iterrows()]
    return pd.DataFrame({"arm": rows.index.get_level_values("arm"), "replicate": rows.index.get_level_values("replicate"),
                         "value": np.array(values, float)})


def excess(beyond: pd.DataFrame, arm: str) -> str:
    """An arm's values of `beyond_colour`, as text."""
    return _fine(beyond.loc[beyond["arm"] == arm, "value"])


def change(beyond: pd.DataFrame, arm: str, rival: str) -> str:
    """The difference of two arms in it, paired over replicates, as text."""
    return _fine(paired(beyond, arm, rival))


def _fine(values: pd.Series) -> str:
    """Points with two digits, for these differences are small."""
    mean, low, high, n = mean_interval(values)
    interval = f" [{100 * low:+.2f}, {100 * high:+.2f}]" if n > 1 else ""
    return f"{100 * mean:+.2f} points{interval}, n = {n}" if n else NOTHING


def of_red(beyond: pd.DataFrame, arm: str) -> str:
    """Whether a network shows knowledge of place in its answers to red, a predicate chosen by the 95 % interval."""
    _, low, high, n = mean_interval(beyond.loc[beyond["arm"] == arm, "value"])
    if n < 2:
        return "has too few runs on record to tell"
    if low > 0:
        return "keeps more than colour can, so something tells it more"
    return f"{'keeps less than' if high < 0 else 'is not told apart from'} an observer of colour, and so shows no knowledge of place"


def published_excess(drawn: circles.Scenes, ground: float, kept: float = circles.RECALLS["vanilla"][0]) -> str:
    """The background that the published plain network kept beyond an observer of colour, as text; drawn: scenes like its own."""
    return f"{100 * (kept - circles.kept(drawn, ground, 'colour', VANILLA[2])):+.2f} points"


def repeated(beyond: pd.DataFrame, arm: str) -> str:
    """Whether our runs repeat what is inferred from the published background (that more than colour is seen), in words."""
    _, low, _, n = mean_interval(beyond.loc[beyond["arm"] == arm, "value"])
    if n < 2:
        return "whether ours repeat it, an interval of two runs or more must tell"
    return "ours, as released, repeat it" if low > 0 else "ours, as released, do not repeat it"


# --------------------------------------------------------------------------------------------------------------- both


def unbought(frame: pd.DataFrame, beyond: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """Both numbers by network: mean, 95 % interval and single runs; lines: what guessing gives, and what colour alone keeps."""
    arms = [arm for arm in arms if arm in set(yellow(frame)["arm"]) | set(beyond["arm"])]
    if not arms:
        return blank()
    figure, axes = canvas(2, height=max(0.8 + 0.27 * len(arms), 1.6), share_x=False)
    panels = ((yellow(frame), 50.0, "mean of the two yellow recalls (%)"), (beyond, 0.0, "background kept beyond colour (points)"))
    for ax, (rows, line, name) in zip(axes, panels):
        ax.axvline(line, color=INK, linewidth=1, linestyle=(0, (4, 2)))
        for k, arm in enumerate(arms):
            values, style = 100 * rows.loc[rows["arm"] == arm, "value"], look(arm)
            mean, low, high, _ = mean_interval(values)
            ax.plot(values, np.full(len(values), k), marker="|", color=style["color"], alpha=0.4, linestyle="", markersize=8)
            ax.plot([low, high], [k, k], color=style["color"], linewidth=3, solid_capstyle="round")
            ax.plot(mean, k, markersize=6, **style)
        ax.set(xlabel=name, ylim=(len(arms) - 0.5, -0.5))
        ax.grid(axis="y", visible=False)
    counts = frame.groupby("arm")["replicate"].nunique()
    axes[0].set_yticks(range(len(arms)), [f"{label(arm)}  (n = {counts[arm]})" for arm in arms])
    return figure


def again(frame: pd.DataFrame, other: pd.DataFrame, arms: Sequence[str] = ("vanilla", "coordinate bias")) -> str:
    """The same trials trained in two numerics classes: the first's mean recall of three classes minus the second's, in words."""
    keys, texts, farthest = ["arm", "replicate"], [], 0.0
    one, two = (mean_recall(f).merge(f[[*keys, "numerics"]].drop_duplicates(), on=keys) for f in (frame, other))
    both = one.merge(two, on=keys, suffixes=("", " again"))
    both = both[(both["numerics"] != both["numerics again"]) & both["arm"].isin(arms)]
    if both.empty:
        return "here no trial was trained in two classes"
    both["value"] -= both["value again"]
    for arm in (a for a in arms if a in set(both["arm"])):
        texts.append(f"{CALLED.get(arm, label(arm))} {points(both.loc[both['arm'] == arm, 'value'])}")
        farthest = max(farthest, both["value"].abs().max())
    return f"{'; '.join(texts)} (a single run at most {100 * farthest:.1f} points)"
