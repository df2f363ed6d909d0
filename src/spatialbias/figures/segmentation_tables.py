"""Numbers and tables of the coordinate bias's result pages: mean recalls, scores by class, rates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from spatialbias.datasets.circles import CLASSES
from spatialbias.figures import circles
from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.figures.style import label
from spatialbias.statistics import mean_interval, paired
from spatialbias.studies import Results
from spatialbias.studies.coordbias import LEARNING_RATES


def network(arm: str) -> str:
    """Whose colour and published value an arm has: the same network under either protocol."""
    return arm.removesuffix(", as released")


def part(frame: pd.DataFrame, name: str, arm: str | None = None, of: int | None = None) -> pd.DataFrame:
    """Rows of one part of the measure `segmentation`: of one arm, of one class (or cell)."""
    rows = frame[(frame["measure"] == "segmentation") & (frame["at"] == "stop") & (frame["part"] == name)]
    rows = rows if arm is None else rows[rows["arm"] == arm]
    return rows if of is None else rows[rows["x"] == of]


def mean_recall(frame: pd.DataFrame, classes: Sequence[int] = (1, 2, 3)) -> pd.DataFrame:
    """arm, replicate, value: the mean recall over some classes, of the replicates that have them all."""
    rows = part(frame, "recall")
    rows = rows[rows["x"].isin(classes)].pivot_table(index=["arm", "replicate"], columns="x", values="value")
    rows = rows.reindex(columns=[float(c) for c in classes]).dropna()
    return rows.mean(axis=1).rename("value").reset_index()


@torch.no_grad()
def window(network: torch.nn.Module, side: int = 128) -> int:
    """How many columns of a picture a pixel's answer can depend on, at most: those whose loss it feels. A value that is not a
    number passes through every layer, whatever the weights. The network takes (B, 3, H, W), H and W multiples of 8."""
    pictures = torch.zeros(side, 3, 8, side)
    pictures[range(side), :, :, range(side)] = torch.nan  # of picture j, column j
    felt = network.eval()(pictures).isnan().any(1).any(1)  # (column that is lost, column that is answered)
    return int(felt[:, side // 2 - 4 : side // 2 + 4].sum(0).max())  # mid-picture, in every phase of the three poolings


def precision(results: Results) -> str:
    """In which precision the networks were trained, by their records."""
    found = [name for name in ("bf16", "fp32") if any(f" {name} " in numerics for numerics in results.numerics())]
    texts = {"bf16": "bf16 products with fp32 weights", "fp32": "single precision"}
    return " or ".join(texts[name] for name in found) or NOTHING


def recall(frame: pd.DataFrame, arm: str, classes: Sequence[int] = (1, 2, 3)) -> str:
    """An arm's mean recall over some classes, as text."""
    rows = mean_recall(frame, classes)
    return said(rows.loc[rows["arm"] == arm, "value"])


def lead(frame: pd.DataFrame, arm: str, rival: str, classes: Sequence[int] = (1, 2, 3)) -> str:
    """The difference of two arms in it, paired over replicates, as text."""
    return points(paired(mean_recall(frame, classes), arm, rival))


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


def guessing(frame: pd.DataFrame, arm: str, drawn: circles.Scenes, images: int) -> str:
    """How many of an arm's runs tell the sides of yellow circles better than luck lets the best of as many guessers, in words."""
    runs = mean_recall(frame, (1, 2))
    runs = runs.loc[runs["arm"] == arm, "value"]
    if runs.empty:
        return NOTHING
    beyond = luck(drawn, images, len(runs))
    above = int((runs > beyond).sum())
    found = "none" if not above else "all" if above == len(runs) else above
    return f"of {len(runs)} run{'s' * (len(runs) > 1)} {found} beyond {beyond:.1%} (the best: {runs.max():.1%})"


def bargain(frame: pd.DataFrame, arm: str, drawn: circles.Scenes, background: float) -> str:
    """An arm's recall of red and the background that it keeps, beside what an observer of colour alone could keep; in words."""
    red, ground = (part(frame, "recall", arm, k)["value"].mean() for k in (3, 0))
    if red != red:
        return NOTHING
    return f"{red:.1%} of red and {ground:.1%} of the background (by colour alone: {circles.kept(drawn, background, 'colour', red):.1%})"


def rates_said(results: Results) -> str:
    """The sign of the headline's difference at every rate of the tuning records, and whether a network's least loss lies at the end
    of the list, in words."""
    frame = results.frame()
    groups = {rate: paired(mean_recall(group), "coordinate bias", "vanilla") for rate, group in frame.groupby("learning_rate")}
    means = {rate: 100 * difference.mean() for rate, difference in groups.items() if len(difference)}
    if not means:
        return NOTHING
    good, low, high = sum(m > 0 for m in means.values()), min(means.values()), max(means.values())
    said = f"the difference is positive at {good} of {len(means)} rate{'s' * (len(means) > 1)} (from {low:+.0f} to {high:+.0f} points)"
    losses = part(frame, "loss").groupby(["arm", "learning_rate"])["value"].mean()
    at_edge = [label(arm) for arm in LEARNING_RATES if arm in losses and losses[arm].idxmin() in (min(means), max(means))]
    return said + (f"; the least loss of {' and '.join(at_edge)} lies at the end of the list" if len(means) > 1 and at_edge else "")


def pace(results: Results, arm: str, rival: str) -> str:
    """One arm's time to train over another's, median over replicates in one numerics class, as text."""
    seconds = results.trials().set_index(["replicate", "numerics"])
    one, other = (seconds.loc[seconds["arm"] == a, "seconds"] for a in (arm, rival))
    ratios = (one / other).dropna()
    return f"{ratios.median():.2f} (n = {len(ratios)})" if len(ratios) else NOTHING


def scores(frame: pd.DataFrame, arms: Sequence[str], classes: Sequence[int] = (1, 2, 3)) -> pd.DataFrame:
    """Recall, precision and intersection over union in per cent, mean [95 %], by class and network."""
    rows = []
    for k in classes:
        for arm in arms:
            found = {name: part(frame, name, arm, k)["value"].dropna() for name in ("recall", "precision", "iou")}
            texts = {name: said(values).removesuffix(f", n = {len(values)}").replace(" %", "") for name, values in found.items()}
            rows.append({"class": CLASSES[k], "network": label(arm), **texts, "n": len(found["recall"])})
    return pd.DataFrame(rows).rename(columns={"iou": "intersection over union"})


def by_rate(results: Results) -> pd.DataFrame:
    """What each learning rate gave on the tuning images, and the sign of the headline's difference there."""
    frame, rows = results.frame(), []
    for rate, group in frame.groupby("learning_rate"):
        row, recall = {"learning rate": f"{rate:g}"}, mean_recall(group)
        for arm in LEARNING_RATES:
            chosen = " ✓" if LEARNING_RATES[arm] == rate else ""
            loss = part(group, "loss", arm)["value"].dropna()
            row[f"loss, {label(arm)}"] = f"{loss.mean():.3f}{chosen}" if len(loss) else "–"
            row[f"recall, {label(arm)} (%)"] = f"{100 * m:.1f}" if (m := recall.loc[recall["arm"] == arm, "value"].mean()) == m else "–"
        difference = paired(recall, "coordinate bias", "vanilla")
        row["difference (points)"] = f"{100 * difference.mean():+.1f}" if len(difference) else "–"
        rows.append(row | {"n": group["replicate"].nunique()})
    return pd.DataFrame(rows)


def against(frame: pd.DataFrame, arms: Sequence[str], rival: str) -> pd.DataFrame:
    """Differences in the mean recall to one arm, paired, as rows for `plots.forest`."""
    rows, recall = [], mean_recall(frame)
    for arm in (a for a in arms if a != rival):
        mean, low, high, n = mean_interval(paired(recall, arm, rival))
        if n:
            rows.append({"label": label(arm), "mean": mean, "low": low, "high": high, "n": n})
    return pd.DataFrame(rows, columns=["label", "mean", "low", "high", "n"])
