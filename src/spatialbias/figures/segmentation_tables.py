"""Numbers and tables of the coordinate bias's result pages: mean recalls, differences in words,
scores by class, rates.

usual: how many replicates the page says that its numbers have; a number tells its n where it has
another.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from spatialbias.datasets.circles import CLASSES
from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.plots.style import label
from spatialbias.statistics import mean_interval, paired
from spatialbias.studies import Results
from spatialbias.studies.coordbias import LEARNING_RATES, suitable

CALLED = {  # in a sentence
    "vanilla": "the plain network",
    "coordinate bias": "the coordinate bias",
    "vanilla, as released": "the plain network as released",
    "coordinate bias, as released": "the coordinate bias as released",
    "vanilla, circular padding": "the same with circular padding",
}
GROUPS = {
    "yellow, mean of both sides": (1, 2),
    CLASSES[3]: (3,),
}  # of `scores`: classes averaged in a run
SCORES = {"recall": "recall", "precision": "precision", "iou": "overlap"}


def network(arm: str) -> str:
    """Whose colour and published value an arm has: the same network under either protocol."""
    return arm.removesuffix(", as released")


def part(
    frame: pd.DataFrame, name: str, arm: str | None = None, of: int | None = None
) -> pd.DataFrame:
    """Rows of one part of the measure `segmentation`: of one arm, of one class (or cell)."""
    rows = frame[
        (frame["measure"] == "segmentation") & (frame["at"] == "stop") & (frame["part"] == name)
    ]
    rows = rows if arm is None else rows[rows["arm"] == arm]
    return rows if of is None else rows[rows["x"] == of]


def mean_recall(
    frame: pd.DataFrame, classes: Sequence[int] = (1, 2, 3), name: str = "recall"
) -> pd.DataFrame:
    """arm, replicate, value: the mean recall (or other part of the measure) over some classes, of
    the replicates that have them all.
    """
    rows = part(frame, name)
    rows = rows[rows["x"].isin(classes)].pivot_table(
        index=["arm", "replicate"], columns="x", values="value"
    )
    rows = rows.reindex(columns=[float(c) for c in classes]).dropna()
    return rows.mean(axis=1).rename("value").reset_index()


@torch.no_grad()
def window(network: torch.nn.Module, side: int = 128) -> int:
    """How many columns of a picture a pixel's answer can depend on, at most: those whose loss it
    feels. A value that is not a number passes through every layer, whatever the weights. The
    network takes (B, 3, H, W), H and W multiples of 8.
    """
    pictures = torch.zeros(side, 3, 8, side)
    pictures[range(side), :, :, range(side)] = torch.nan  # of picture j, column j
    felt = (
        network.eval()(pictures).isnan().any(1).any(1)
    )  # (column that is lost, column that is answered)
    return int(
        felt[:, side // 2 - 4 : side // 2 + 4].sum(0).max()
    )  # mid-picture, in every phase of the three poolings


def precision(results: Results) -> str:
    """In which precision the networks were trained, by their records."""
    found = [
        name
        for name in ("bf16", "fp32")
        if any(f" {name} " in numerics for numerics in results.numerics())
    ]
    texts = {"bf16": "bf16 products with fp32 weights", "fp32": "single precision"}
    return " or ".join(texts[name] for name in found) or NOTHING


def recall(
    frame: pd.DataFrame, arm: str, classes: Sequence[int] = (1, 2, 3), usual: int | None = None
) -> str:
    """An arm's mean recall over some classes, as text."""
    rows = mean_recall(frame, classes)
    values = rows.loc[rows["arm"] == arm, "value"]
    return said(values, n=len(values) != usual)


def lead(
    frame: pd.DataFrame,
    arm: str,
    rival: str,
    classes: Sequence[int] = (1, 2, 3),
    usual: int | None = None,
) -> str:
    """The difference of two arms in it, paired over replicates, as text."""
    values = paired(mean_recall(frame, classes), arm, rival)
    return points(values, n=len(values) != usual)


def place(
    frame: pd.DataFrame,
    arm: str,
    rival: str,
    classes: Sequence[int] = (1, 2, 3),
    usual: int | None = None,
) -> str:
    """Where an arm lies beside a rival in it, chosen by the 95 % interval: "below the coordinate
    bias (-37.3 points …)".
    """
    values, name = paired(mean_recall(frame, classes), arm, rival), CALLED.get(rival, label(rival))
    if values.empty:
        return f"{NOTHING} beside {name}"
    _, low, high, n = mean_interval(values)
    word = (
        "beside"
        if n < 2
        else "above"
        if low > 0
        else "below"
        if high < 0
        else "not told apart from"
    )
    return f"{word} {name} ({points(values, n=n != usual)})"


def rates_said(results: Results) -> str:
    """The sign of the headline's difference at every rate of the tuning records, and whether a
    network's least loss lies at the end of the list, in words.
    """
    frame = results.frame()
    groups = {
        rate: paired(mean_recall(group), "coordinate bias", "vanilla")
        for rate, group in frame.groupby("learning_rate")
    }
    means = {
        rate: 100 * difference.mean() for rate, difference in groups.items() if len(difference)
    }
    if not means:
        return NOTHING
    good, low, high = sum(m > 0 for m in means.values()), min(means.values()), max(means.values())
    said = f"the difference is positive at {good} of {len(means)} rate{'s' * (len(means) > 1)} (from {low:+.0f} to {high:+.0f} points)"
    losses = part(frame, "loss").groupby(["arm", "learning_rate"])["value"].mean()
    at_edge = [
        label(arm)
        for arm in LEARNING_RATES
        if arm in losses and losses[arm].idxmin() in (min(means), max(means))
    ]
    return said + (
        f"; the least loss of {' and '.join(at_edge)} lies at the end of the list"
        if len(means) > 1 and at_edge
        else ""
    )


def suited(results: Results) -> str:
    """Which rates suit on these records, whether the rates taken are among them, and which the rule
    (the smallest that suits) would take
    instead: sentences that the records choose.
    """
    frame, found = results.frame(), suitable(results)
    arms = [arm for arm in LEARNING_RATES if arm in found]
    if not arms:
        return f"Which of them suit is {NOTHING}."
    lists = "; ".join(
        f"{CALLED[arm]} {', '.join(f'{rate:g}' for rate in found[arm])}" for arm in arms
    )
    tried = {
        arm
        for arm in arms
        if LEARNING_RATES[arm] in set(frame.loc[frame["arm"] == arm, "learning_rate"])
    }
    lost = [CALLED[arm] for arm in arms if arm in tried and LEARNING_RATES[arm] not in found[arm]]
    untried = [CALLED[arm] for arm in arms if arm not in tried]
    then = [f"the rate of {' and '.join(lost)} no longer does"] if lost else []
    then += (
        [f"the rate of {' and '.join(untried)} is not among those tried here"] if untried else []
    )
    text = f"On the records below these suit: {lists}{'; ' + '; '.join(then) if then else ', so the rates taken still do'}."
    for arm in (a for a in arms if a in tried and min(found[a]) != LEARNING_RATES[a]):
        rate = min(found[arm])
        difference = paired(
            mean_recall(frame[frame["learning_rate"] == rate]), "coordinate bias", "vanilla"
        )
        gap = (
            f", at which the difference is {points([difference.mean()], n=False)}"
            if len(difference)
            else ""
        )
        text += f" By that rule {CALLED[arm]} would now take {rate:g}{gap}."
    return text


def price(results: Results) -> str:
    """What the choice of rates by loss cost in mean recall on the tuning images, by network, in
    words; means, without intervals.
    """
    frame, texts = results.frame(), []
    recall = pd.concat(
        [
            mean_recall(group).assign(learning_rate=rate)
            for rate, group in frame.groupby("learning_rate")
        ]
        or [frame]
    )
    recall, loss = (
        rows.groupby(["arm", "learning_rate"])["value"].mean()
        for rows in (recall, part(frame, "loss"))
    )
    for arm, rate in LEARNING_RATES.items():
        if (arm, rate) not in recall or (arm, rate) not in loss:
            continue
        best = recall[arm].idxmax()
        if best == rate:
            texts.append(f"{CALLED[arm]} has its highest recall at the chosen {rate:g}")
        else:
            less = 100 * (recall[arm][best] - recall[arm][rate])
            texts.append(
                f"{CALLED[arm]} has {less:.1f} points less recall at the chosen {rate:g} than at {best:g}, "
                f"at a loss of {loss[arm][rate]:.3f} instead of {loss[arm][best]:.3f}"
            )
    return "; ".join(texts) or NOTHING


def scores(
    frame: pd.DataFrame, arms: Sequence[str], groups: Mapping[str, Sequence[int]] = GROUPS
) -> pd.DataFrame:
    """Recall, precision and overlap (intersection over union) in per cent, median [least, greatest
    run]: a row a network, and beside each other the groups of classes. How many runs there are is
    told where networks differ in it.
    """
    cells: dict[tuple[str, str], list[str]] = {("", "network"): [label(arm) for arm in arms]}
    runs = dict.fromkeys(arms, 0)
    for name, classes in groups.items():
        for score, head in SCORES.items():
            rows = mean_recall(frame, classes, score)
            values = {arm: 100 * rows.loc[rows["arm"] == arm, "value"] for arm in arms}
            runs = {arm: max(runs[arm], len(values[arm])) for arm in arms}
            cells[name, head] = [_median(values[arm]) for arm in arms]
    if len(set(runs.values())) > 1:
        cells["", "n"] = list(runs.values())
    return pd.DataFrame(cells)


def _median(values: pd.Series) -> str:
    ends = f" [{values.min():.1f},\u00a0{values.max():.1f}]" if len(values) > 1 else ""
    return f"{values.median():.1f}{ends}" if len(values) else NOTHING


def by_rate(results: Results) -> pd.DataFrame:
    """What each learning rate gave on the tuning images, and the sign of the headline's difference
    there.
    """
    frame, rows = results.frame(), []
    for rate, group in frame.groupby("learning_rate"):
        row, recall = {"learning rate": f"{rate:g}"}, mean_recall(group)
        for arm in LEARNING_RATES:
            chosen = " ✓" if LEARNING_RATES[arm] == rate else ""
            loss = part(group, "loss", arm)["value"].dropna()
            row[f"loss, {label(arm)}"] = f"{loss.mean():.3f}{chosen}" if len(loss) else "–"
            row[f"recall, {label(arm)} (%)"] = (
                f"{100 * m:.1f}"
                if (m := recall.loc[recall["arm"] == arm, "value"].mean()) == m
                else "–"
            )
        difference = paired(recall, "coordinate bias", "vanilla")
        row["difference (points)"] = f"{100 * difference.mean():+.1f}" if len(difference) else "–"
        rows.append(row | {"n": group["replicate"].nunique()})
    return pd.DataFrame(rows)
