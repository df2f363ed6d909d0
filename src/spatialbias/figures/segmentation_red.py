"""What a network knows of place from red, in points that no guesser can buy: the background that it
keeps beyond what an observer keeps who sees colour alone and calls as much red low, by lot, in the
same test images.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from spatialbias.claims.coordbias import VANILLA
from spatialbias.figures import circles
from spatialbias.figures.numbers import NOTHING
from spatialbias.figures.segmentation_tables import part
from spatialbias.plots.style import label
from spatialbias.statistics import mean_interval, paired


def background(drawn: circles.Scenes) -> float:
    """The share of all pixels that is labelled background."""
    return 1 - float((drawn.visible * (drawn.kind > 0)).sum()) / (len(drawn.x) * drawn.size**2)


def beyond_colour(frame: pd.DataFrame, images: int, size: int) -> pd.DataFrame:
    """arm, replicate, value: the background's recall minus that of an observer of colour at the
    same recall of red, a run.

    images, size: of the test images, which are those of the run's own replicate.
    """
    rows = (
        part(frame, "recall")
        .pivot_table(index=["arm", "replicate"], columns="x", values="value")
        .reindex(columns=[0.0, 3.0])
        .dropna()
    )
    drawn = {
        r: circles.scenes(images, size, int(r), part=1) for r in rows.index.unique("replicate")
    }
    upper = {
        r: circles.upper_red(one, background(one)) for r, one in drawn.items()
    }  # by lot, it loses that share of them
    values = [row[0.0] - (1 - upper[r] * row[3.0]) for (_, r), row in rows.iterrows()]
    return pd.DataFrame(
        {
            "arm": rows.index.get_level_values("arm"),
            "replicate": rows.index.get_level_values("replicate"),
            "value": np.array(values, float),
        }
    )


def excess(beyond: pd.DataFrame, arm: str, usual: int | None = None) -> str:
    """An arm's values of `beyond_colour`, as text."""
    return _fine(beyond.loc[beyond["arm"] == arm, "value"], usual)


def change(beyond: pd.DataFrame, arm: str, rival: str, usual: int | None = None) -> str:
    """The difference of two arms in it, paired over replicates, as text."""
    return _fine(paired(beyond, arm, rival), usual)


def _fine(values: pd.Series, usual: int | None) -> str:
    """Points with two digits, for these differences are small."""
    mean, low, high, n = mean_interval(values)
    interval = f" [{100 * low:+.2f}, {100 * high:+.2f}]" if n > 1 else ""
    return f"{100 * mean:+.2f} points{interval}{f', n = {n}' * (n != usual)}" if n else NOTHING


def beyond_size(beyond: pd.DataFrame, drawn: circles.Scenes, arms: Sequence[str]) -> str:
    """What it is worth at most to see a circle's size, which is no place, and whose 95 % interval
    lies above that: two sentences.
    """
    colour, size = (
        circles.trade_off(drawn, circles.beliefs(drawn, "y")[observer], "y")
        for observer in ("colour", "size")
    )
    recalls = np.linspace(0, 1, 201)
    most = circles.upper_red(drawn, background(drawn)) * float(
        np.max(np.interp(recalls, *size) - np.interp(recalls, *colour))
    )
    intervals = {arm: mean_interval(beyond.loc[beyond["arm"] == arm, "value"]) for arm in arms}
    above = [label(arm) for arm, found in intervals.items() if found.n > 1 and found.low > most]
    who = (
        f"Above that, with the whole interval: {'; '.join(above)}"
        if above
        else "No interval lies above that"
    )
    return f"To see a circle's size, without any place, is worth up to {100 * most:.2f} points of it. {who}."


def of_red(beyond: pd.DataFrame, arm: str) -> str:
    """Whether a network shows knowledge of place in its answers to red, a predicate chosen by the
    95 % interval.
    """
    _, low, high, n = mean_interval(beyond.loc[beyond["arm"] == arm, "value"])
    if n < 2:
        return "has too few runs on record to tell"
    if low > 0:
        return "keeps more than colour can, so something tells it more"
    return f"{'keeps less than' if high < 0 else 'is not told apart from'} an observer of colour, and so shows no knowledge of place"


def of_reds(beyond: pd.DataFrame, arm: str = "vanilla") -> str:
    """The same for both protocols, a sentence; told once where both say the same."""
    ours, released = of_red(beyond, arm), of_red(beyond, f"{arm}, as released")
    if ours == released:
        return f"In our protocol and as released alike, the plain network {ours}."
    return f"In our protocol the plain network {ours}; as released it {released}."


def published_excess(
    drawn: circles.Scenes, ground: float, kept: float = circles.RECALLS["vanilla"][0]
) -> str:
    """The background that the published plain network kept beyond an observer of colour, as text;
    drawn: scenes like its own.
    """
    return f"{100 * (kept - circles.kept(drawn, ground, 'colour', VANILLA[2])):+.2f} points"


def repeated(beyond: pd.DataFrame, arm: str) -> str:
    """Whether our runs repeat what is inferred from the published background (that more than colour
    is seen), in words.
    """
    _, low, _, n = mean_interval(beyond.loc[beyond["arm"] == arm, "value"])
    if n < 2:
        return "whether ours repeat it, an interval of two runs or more must tell"
    return "ours, as released, repeat it" if low > 0 else "ours, as released, do not repeat it"
