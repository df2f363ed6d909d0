"""What the page `coordconv/rendering` says of CoordConv's painter: whether it draws once it learns,
and what keeps it from learning.
"""

import math
from collections.abc import Sequence

import pandas as pd
import torch

from spatialbias.figures.numbers import NOTHING, said
from spatialbias.figures.places_runs import both
from spatialbias.figures.places_tables import DEAD
from spatialbias.run import initialised
from spatialbias.statistics import mean_interval
from spatialbias.studies import Results
from spatialbias.trials import Trial


def answer(frame: pd.DataFrame, arm: str, rival: str) -> str:
    """Whether an arm's squares overlap the true ones better than its rival's, once it has begun to
    learn, and how many runs never do.
    """
    ours, theirs = both(frame, arm=arm), both(frame, arm=rival)
    alive = ours[ours["train"] >= DEAD]
    gaps = (alive["test"] - theirs["test"]).dropna()
    if gaps.empty and len(ours) and len(theirs):
        return f"None of CoordConv’s {len(ours)} runs has begun to learn, so its squares cannot be compared with a deconvolution’s."
    if gaps.empty:
        return "Whether CoordConv draws better than a deconvolution in a quadrant that neither has seen is not on record yet."
    _, low, high, n = mean_interval(gaps)
    how = (
        "better than"
        if low > 0
        else "less than"
        if high < 0
        else "no better and no worse, as far as our runs tell, than"
    )
    how = how if n > 1 else "(one run) beside"
    never = len(ours) - len(alive)
    end = (
        f"{never} of its {len(ours)} runs never do"
        if never
        else f"all of its {len(ours)} runs do"
        if n > 1
        else "its one run does"
    )
    text = (
        f"In a quadrant that neither has seen, CoordConv’s squares overlap the true ones {how} a deconvolution’s once it has begun to "
        f"learn: {said(alive['test'])}, against {said(theirs['test'])}."
    )
    return f"{text} But {end}." if never else f"{text} And {end}."


def condition(
    few: pd.DataFrame, many: pd.DataFrame, arms: tuple[str, str], steps: tuple[int, int, int]
) -> str:
    """After how many steps that was, and how many runs are dead after fewer. arms: of both frames;
    steps: few, many, and the sources'.
    """
    dead = [both(frame, arm=arm)["train"] < DEAD for frame, arm in zip((few, many), arms)]
    if dead[0].empty or dead[1].empty:
        return ""
    close = abs(steps[1] - steps[2]) <= 0.1 * steps[2]
    beside = (
        "about as many as the sources took" if close else f"where the sources took {steps[2]:,}"
    )
    start = "The condition is time: that" if dead[0].mean() > dead[1].mean() else "That"
    return (
        f"{start} is after {steps[1]:,} steps, {beside}; after {steps[0]:,}, {dead[0].sum()} of {len(dead[0])} runs of CoordConv draw "
        "hardly a square even where they were trained."
    )


@torch.no_grad()
def slope(trial: Trial) -> float:
    """The logit that a fresh painter of kernel 1 gives to a pixel that holds all of the softmax.
    Its biases start at zero, so a pixel's logit is this number times its share of the softmax.
    """
    return float(initialised(trial).paint(torch.ones(1, 1, 1, 1)))


def runs(results: Results, arm: str) -> pd.DataFrame:
    """One row a run of an arm: replicate, slope before training, loss at the end, and whether it is
    dead.
    """
    scores = results.frame()
    scores = scores[
        (scores["measure"] == "score") & (scores["at"] == "stop") & (scores["part"] == "train")
    ]
    there = [(t, record["stop"]["loss"]) for name, t, record in results.present if name == arm]
    rows = [
        {
            "split": t.dataset_args["split"],
            "replicate": t.replicate,
            "slope": slope(t),
            "loss": loss,
        }
        for t, loss in there
    ]
    found = pd.DataFrame(rows, columns=["split", "replicate", "slope", "loss"])
    found = found.merge(
        scores.loc[scores["arm"] == arm, ["split", "replicate", "value"]], on=["split", "replicate"]
    )
    return found.assign(dead=found.pop("value") < DEAD)


def by_slope(found: pd.DataFrame) -> str:
    """How the dead runs of `runs` lie among all by the slope at which they started: "the 3 steepest
    of 10".
    """
    dead, others = (found.loc[found["dead"] == which, "slope"] for which in (True, False))
    if found.empty:
        return NOTHING
    if dead.empty:
        return f"none of {len(found)} is dead, at slopes {_listed(others)}"
    if others.empty:
        return f"all of {len(found)} are dead, at slopes {_listed(dead)}"
    steepest = dead.min() > others.max()
    what = f"{len(dead)} of {len(found)}"
    if steepest:
        what = (
            f"exactly the {len(dead)} steepest of {len(found)}"
            if len(dead) > 1
            else f"the steepest of {len(found)}"
        )
    return f"the dead are {what} (slope {_listed(dead)}; the others {_listed(others)})"


def blind_loss(size: int, square: int = 9) -> float:
    """Mean cross-entropy a pixel of answering, everywhere and always, the share of pixels that are
    white.
    """
    share = square**2 / size**2
    return -share * math.log(share) - (1 - share) * math.log(1 - share)


def blind(found: Sequence[pd.DataFrame], size: int) -> str:
    """Whether the dead of `runs` end where that answer ends; for the prose."""
    losses, known = (
        pd.concat([one.loc[one["dead"], "loss"] for one in found]).dropna(),
        blind_loss(size),
    )
    if losses.empty:
        return "No run is dead here."
    span = "–".join(dict.fromkeys(f"{v:.4f}" for v in (losses.min(), losses.max())))
    if (losses - known).abs().max() < 1e-3:
        return (
            f"A dead run says the same everywhere: its loss at the end ({span}) is what it costs to answer, at every pixel, the share "
            f"of white ones ({known:.4f}). That is what is left to a painter in which a whole layer of ReLUs is silent: no gradient "
            "passes it to the part that finds the place, so nothing can wake it."
        )
    return f"The dead runs end at a loss of {span}; to answer, at every pixel, the share of white ones costs {known:.4f}."


def _listed(slopes: pd.Series) -> str:
    return " to ".join(dict.fromkeys(f"{v:+.2f}" for v in (slopes.min(), slopes.max()))).replace(
        "-", "−"
    )
