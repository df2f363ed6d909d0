"""Numbers and small tables of the CoordConv chapter, right at any number of runs."""

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from spatialbias.datasets import not_so_clevr
from spatialbias.figures.numbers import NOTHING, rows_of, said
from spatialbias.figures.places import SUCCESS, splits_in
from spatialbias.models import build
from spatialbias.plots.charts import arms_in
from spatialbias.plots.style import label, split_name

TUTORIAL = {  # published by the tutorial, single runs at 64 pixels [I]: (network, split) -> (train, test, epochs)
    ("coordconv", "tutorial_uniform"): (1.0, 1.0, 100),
    ("coordconv", "tutorial_quadrant"): (1.0, 1.0, 100),
    ("deconv", "tutorial_uniform"): (1.0, 0.858, 200),
    ("deconv", "tutorial_quadrant"): (1.0, 0.0, 200),
}
DEAD = 0.05  # of the positions trained on: less, and a run has not begun to learn


def rate_said(frame: pd.DataFrame, part: str = "test", **where) -> str:
    """How many runs answer every position held out (or of another part): "17 of 20 runs (62 % to 97
    %)", Clopper and Pearson's interval at 95 %.
    """
    values = rows_of(frame, part=part, **where)["value"]
    if not len(values):
        return NOTHING
    hits = int((values >= SUCCESS).sum())
    low, high = binomtest(hits, len(values)).proportion_ci()
    return f"{hits} of {len(values)} run{'s' * (len(values) > 1)} ({100 * low:.0f} % to {100 * high:.0f} %)"


def both_sides(
    frame: pd.DataFrame, unit: str = "%", parts=("train", "test"), names=("trained on", "held out")
) -> pd.DataFrame:
    """One row a network and split: mean and interval of the positions trained on and held out; n is
    in the last column.
    """
    rows = []
    for split in splits_in(frame):
        for arm in arms_in(frame):
            values = [rows_of(frame, arm=arm, split=split, part=part)["value"] for part in parts]
            if len(values[-1]):
                texts = {name: said(v, unit, n=False) for name, v in zip(names, values)}
                rows.append(
                    {
                        "network": label(arm),
                        "split": split_name(split),
                        **texts,
                        "n": len(values[-1]),
                    }
                )
    return pd.DataFrame(rows, columns=["network", "split", *names, "n"])


def first_said(curves: pd.DataFrame, arm: str) -> str:
    """The median error of an arm's runs after the first epoch, in whole pixels."""
    values = curves[(curves["arm"] == arm) & (curves["epoch"] == 1)]["score"].dropna()
    return f"{values.median():,.0f} pixels" if len(values) else NOTHING


def unlearnt(frame: pd.DataFrame, **where) -> str:
    """In how many runs even the positions trained on score less than `DEAD`: "8 of 10"."""
    values = rows_of(frame, part="train", **where)["value"]
    return f"{int((values < DEAD).sum())} of {len(values)}" if len(values) else NOTHING


def faded(curves: pd.DataFrame, arm: str, right: float, lost: float) -> str:
    """Of an arm's runs that err by less than `right` half-way, how many err more at the end, and
    how many by `lost` or more.
    """
    table = curves[curves["arm"] == arm].pivot_table(
        index=["split", "replicate"], columns="epoch", values="score"
    )
    if table.empty:
        return NOTHING
    last = table.columns.max()
    half = max(epoch for epoch in table.columns if epoch <= max(last // 2, 1))
    table = table[table[half] < right]
    worse, gone = ((table[last] > limit).sum() for limit in (table[half], lost))
    return (
        f"of {len(table)} runs that err by less than {right:g} pixel{'s' * (right != 1)} after epoch {half}, {worse} err by more "
        f"after epoch {last}, and {gone} by as much as knowing nothing"
    )


def carried(frame: pd.DataFrame, **where) -> str:
    """Whether what was learnt at the positions trained on is found at those held out, in words, by
    mean accuracies: learnt is nine in ten of those trained on; carried over, nine tenths of that;
    lost, a tenth of it or less.
    """
    train, test = (rows_of(frame, part=part, **where)["value"].mean() for part in ("train", "test"))
    if np.isnan(train) or np.isnan(test):
        return NOTHING
    if train < 0.9:
        return "nothing learnt" if train < 0.1 else "not learnt to the end"
    if test <= 0.1 * train:
        return "learnt, and lost beyond"
    return "learnt, and carried over" + " in part" * bool(test < 0.9 * train)


def codes(frame: pd.DataFrame, told: dict[str, str]) -> pd.DataFrame:
    """One row an arm of `told` (what its layers are told) and split: accuracies on both sides, and
    what they amount to. A column for the split, or for n, only where rows differ in it.
    """
    rows, columns = (
        [],
        ["row", "split", "what it is told", "trained on", "held out", "n", "in words"],
    )
    for split in splits_in(frame):
        for arm, what in told.items():
            values = [
                rows_of(frame, arm=arm, split=split, part=part)["value"]
                for part in ("train", "test")
            ]
            if len(values[1]):
                texts = {
                    name: said(v, n=False).replace(" ", "\u00a0")
                    for name, v in zip(("trained on", "held out"), values)
                }
                rows.append(
                    {
                        "row": arm,
                        "split": split_name(split),
                        "what it is told": what,
                        **texts,
                        "n": len(values[1]),
                        "in words": carried(frame, arm=arm, split=split),
                    }
                )
    table = pd.DataFrame(rows, columns=columns)
    return table.drop(columns=[name for name in ("split", "n") if table[name].nunique() <= 1])


def untold(frame: pd.DataFrame, unit: str = "%") -> pd.DataFrame:
    """The measure `coordinates_off` as a table: the score as told, with the coordinates' weights at
    zero, with x and y exchanged.
    """
    return both_sides(
        frame,
        unit,
        ("told", "zeroed", "exchanged"),
        ("as trained", "weights at zero", "first two exchanged"),
    )


def per_epoch(split: str, size: int, batch: int = 32) -> int:
    """Steps of the optimiser in an epoch of a split on a canvas of `size` pixels."""
    return -(-len(not_so_clevr.load(split=split, size=size).train) // batch)


def tutorial(frame: pd.DataFrame, trials: pd.DataFrame, size: int) -> pd.DataFrame:
    """The tutorial's table beside ours, in its protocol on our canvas, in per cent: every one of
    our runs lies within the range given. The last column: steps of the optimiser, theirs and
    ours.
    """
    rows = []
    for (arm, split), (*published, epochs) in TUTORIAL.items():
        ours = [
            rows_of(frame, arm=arm, split=split, part=part)["value"] for part in ("train", "test")
        ]
        ran = trials.loc[(trials["arm"] == arm) & (trials["split"] == split), "epochs"]
        spans = [
            f"{100 * v.mean():.1f} ({100 * v.min():.1f}–{100 * v.max():.1f})" if len(v) else NOTHING
            for v in ours
        ]
        steps_ours = f"{int(ran.median()) * per_epoch(split, size):,}" if len(ran) else "–"
        rows.append(
            {
                "network": label(arm),
                "split": split.removeprefix("tutorial_"),
                "train, published": f"{100 * published[0]:g}",
                "train, ours": spans[0],
                "test, published": f"{100 * published[1]:g}",
                "test, ours": spans[1],
                "steps": f"{epochs * per_epoch(split, 64):,} / {steps_ours}",
            }
        )
    return pd.DataFrame(rows)


def sizes(networks: dict[str, tuple[str, dict]], base: str) -> pd.DataFrame:
    """Parameters counted on the modules themselves: {name: (model, arguments)}; and how many times
    those of `base`.
    """
    with torch.random.fork_rng(devices=[]):
        found = {
            name: sum(p.numel() for p in build(model, **arguments).parameters())
            for name, (model, arguments) in networks.items()
        }
    return pd.DataFrame(
        [
            {"network": name, "parameters": f"{n:,}", f"times {base}": f"{n / found[base]:.1f}"}
            for name, n in found.items()
        ]
    )


def parameters(results, arm: str, rival: str) -> str:
    """The parameters of an arm's network as it is trained here, and how many times its rival's."""
    trials = dict(reversed(results.plan.labelled))
    if not {arm, rival} <= trials.keys():
        return NOTHING
    with torch.random.fork_rng(devices=[]):
        counts = [
            sum(p.numel() for p in build(t.model, **t.model_args).parameters())
            for t in (trials[arm], trials[rival])
        ]
    return f"{counts[0]:,} parameters, {counts[0] / counts[1]:.0f} times {label(rival)}'s"


def settings(results, arm: str) -> str:
    """Kernel and width of a deconvolution: "kernel 3, width × 2"."""
    args = next((t.model_args for name, t in results.plan.labelled if name == arm), None)
    return f"kernel {args['kernel']}, width × {args['mul']}" if args else NOTHING


def schedule(results, arm: str = "deconv", epochs: int = 1000, runs: int = 324) -> dict[str, str]:
    """What the released schedule would take at the pace on record: one run, and the sweep over both
    splits, on our canvas; and how many times as much there is to compute on the sources' canvas.
    """
    trials = results.trials()
    trials = trials[trials["arm"] == arm]
    size = results.plan.parameters.size
    here, there = (len(not_so_clevr.positions(side, side, 9)) * side**2 for side in (size, 64))
    texts = dict.fromkeys(("epoch_seconds", "run_hours", "sweep_days"), NOTHING)
    if len(trials):
        pace = float((trials["seconds"] / trials["epochs"]).median())
        hours = pace * epochs / 3600
        texts = {
            "epoch_seconds": f"{pace:.2g} s",
            "run_hours": f"{hours:.2g} hours",
            "sweep_days": f"{2 * runs * hours / 24:.2g} days",
        }
    return {
        **texts,
        "ratio_64": f"{there / here:.0f}",
        "deconv_epochs": str(int(trials["epochs"].median())) if len(trials) else "fewer",
    }


def always_the_mean(
    size: int, split: str = "quadrant", replicates: int = 1, answer: float | None = None
) -> float:
    """Error in pixels, over held-out positions, of an answer that takes no notice of the picture:
    the mean position trained on; or `answer` pixels for both coordinates.
    """
    found = []
    for replicate in range(replicates):
        data = not_so_clevr.load("regression", split, size=size, replicate=replicate)
        always = data.train.target.mean(0) if answer is None else answer / size
        found.append(float((data.test.target - always).norm(dim=1).mean()) * size)
    return float(np.mean(found))


def mean_place(size: int, split: str = "quadrant") -> str:
    """The mean position trained on in replicate 0, in pixels: "(13.77, 13.77)"."""
    x, y = (size * not_so_clevr.load("regression", split, size=size).train.target.mean(0)).tolist()
    return f"({x:.2f}, {y:.2f})"


@torch.no_grad()
def told_apart(size: int = 64, seed: int = 0) -> dict[str, int]:
    """Into how many values a fresh classifier's answers to one centre fall, pixel by pixel, in fp32
    and under bf16 autocast.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build("coordconv_classifier", size=size)
    centre = torch.tensor([[size - 5.0, size - 5.0]])
    with torch.autocast("cpu", torch.bfloat16):
        coarse = network(centre)
    return {"pixels": size**2, "fp32": len(network(centre).unique()), "bf16": len(coarse.unique())}


def steps_by_split(results, size: int | None = None) -> str:
    """Steps of a study's first network on each of its splits: "1,400 (uniform) and 1,450
    (quadrant)"; on another canvas.
    """
    trials = {
        trial.dataset_args["split"]: trial
        for _, trial in results.plan.labelled[: len(results.plan.parameters.splits)]
    }
    return " and ".join(
        f"{steps(trials[split], size):,} ({split_name(split)})"
        for split in results.plan.parameters.splits
    )


def steps_tutorial(epochs: int = 50, size: int = 64, batch: int = 32) -> int:
    """Steps of the tutorial's epochs, in full batches: it drops the last short one."""
    return (
        len(not_so_clevr.load("regression", "tutorial_quadrant", size=size).train) // batch * epochs
    )


def steps(trial, size: int | None = None) -> int:
    """Steps of the optimiser in all epochs of a trial; of the same epochs on another canvas."""
    args = trial.dataset_args | ({"size": size} if size else {})
    return -(-len(not_so_clevr.load(**args).train) // trial.batch_size) * trial.max_epochs
