"""How many runs of the CoordConv chapter do what: by the corner held out, once trained, computed
once more; right at any number of runs.
"""

from collections.abc import Iterable

import pandas as pd

from spatialbias.figures.numbers import NOTHING, points, power, said, span
from spatialbias.figures.places import SUCCESS
from spatialbias.figures.places_tables import DEAD, rows_of, unlearnt
from spatialbias.figures.starts import FOUND
from spatialbias.plots.style import split_name
from spatialbias.statistics import paired, sign_test
from spatialbias.studies import Results

CORNERS = (
    "bottom right, as published",
    "bottom left",
    "top left",
    "top right",
)  # turns of the held-out quadrant, by replicate
RUN = ["split", "replicate"]


def both(frame: pd.DataFrame, **where) -> pd.DataFrame:
    """Scores of runs on the positions trained on and held out, one row a run."""
    return (
        rows_of(frame, **where)
        .pivot_table(index=RUN, columns="part", values="value")
        .reindex(columns=["train", "test"])
        .dropna()
    )


def left_over(frame: pd.DataFrame, **where) -> str:
    """What is missing where a run misses held-out positions: training, or a rule that carries
    over.
    """
    runs = both(frame, **where)
    if runs.empty:
        return NOTHING
    fitted, missed = (runs["train"] >= SUCCESS).sum(), runs.loc[runs["test"] < SUCCESS, "test"]
    text = f"{fitted} of {len(runs)} runs name every position that they were trained on"
    if len(missed):
        text += f"; {len(missed)} miss held-out ones, {100 * (1 - missed.max()):.0f} % to {100 * (1 - missed.min()):.0f} % of them"
    if fitted == len(runs) and len(missed):
        text += ". What is left, then, is not lack of time but a rule that does not carry over"
    return text + "."


def lost(frame: pd.DataFrame, knowing: dict[str, float], **where) -> str:
    """Runs whose held-out error is at least half of what knowing nothing costs (`knowing`: by
    split): "12 of 20".
    """
    rows = rows_of(frame, part="test", **where)
    return (
        f"{(rows['value'] >= rows['split'].map(knowing) / 2).sum()} of {len(rows)}"
        if len(rows)
        else NOTHING
    )


def courses(curves: pd.DataFrame, arm: str, gap: int = 20) -> pd.DataFrame:
    """The course of every run of an arm: its least error, its last, and the one `gap` epochs before
    (columns best, last, before).
    """
    table = curves[curves["arm"] == arm].pivot_table(index=RUN, columns="epoch", values="score")
    if table.empty:
        return pd.DataFrame(columns=["best", "last", "before"], dtype=float)
    last = table.columns.max()
    before = max((epoch for epoch in table.columns if epoch <= last - gap), default=last)
    return pd.DataFrame({"best": table.min(axis=1), "last": table[last], "before": table[before]})


def lost_again(curves: pd.DataFrame, arm: str) -> str:
    """How many runs had once found the pixel (mean error below half a pixel) and err by more than
    that at the end.
    """
    runs = courses(curves, arm)
    if runs.empty:
        return NOTHING
    gone = runs[(runs["best"] < FOUND) & (runs["last"] >= FOUND)]
    course = (
        f" (at best {power(gone['best'].min())} pixels, at the end {span(gone['last'], '.1f')})"
        if len(gone)
        else ""
    )
    return f"{len(gone)} of {len(runs)} erred by less than half a pixel at an earlier epoch and no longer at the end{course}"


def ends(curves: pd.DataFrame, right: pd.DataFrame, arm: str) -> str:
    """What became of an arm's runs: how many name every held-out position at the end, had found
    them and lost them, never found them, and where the error is still falling. right: share of
    positions with both coordinates right.
    """
    runs = courses(curves, arm)
    if runs.empty:
        return NOTHING
    named = both(right, arm=arm)["test"].reindex(runs.index) >= SUCCESS
    never, near = runs.loc[runs["best"] >= FOUND, "best"], (runs["last"] < FOUND) & ~named
    text = f"{named.sum()} of {len(runs)} runs name every held-out position at the end; {lost_again(curves, arm)}; "
    text += (
        f"{len(never)} never came below half a pixel"
        + f" (at best {span(never, '.1f')})" * bool(len(never))
    )
    text += f"; {near.sum()} err by less at the end, but miss positions" * bool(near.any())
    falling = (runs["last"] < 0.9 * runs["before"]).sum()
    return f"{text}. In {falling} of {len(runs)} the error fell by a tenth or more over the last 20 epochs."


def changed(frame: pd.DataFrame, arm: str, rival: str) -> str:
    """Paired difference of held-out scores between two arms on one split."""
    return points(paired(rows_of(frame, part="test"), arm, rival))


def comparing(frame: pd.DataFrame, kinds: dict[str, str]) -> str:
    """What the four combinations of question and address (each in x and y or in the Fourier code)
    say together.
    """
    scores = {
        kind: both(frame, arm=kinds[kind]).mean() for kind in ("first", "both", "fourier", "asked")
    }
    if any(score.isna().any() for score in scores.values()):
        return "Not all four combinations of question and address are on record yet."
    if any(score["train"] < 0.9 for score in scores.values()):
        return "Not every combination has learnt what it was shown, so what carries over cannot be told from them."
    shares = {kind: score["test"] / score["train"] for kind, score in scores.items()}
    least, most = min(shares["first"], shares["both"]), max(shares["fourier"], shares["asked"])
    if most < 0.5 < least:
        return (
            "Question and address can each be written as x and y or as sines of them. Both combinations that write the two alike carry "
            "over, both that do not are lost: this fits a comparison, and neither knowledge of places nor a straight line alone (two of "
            "the four combinations were added afterwards: exploration)."
        )
    if least > 0.5:
        return "Both combinations that write question and address alike carry over; of those that do not, at least one carries over, too."
    return "Writing question and address alike is not enough: at least one combination that does so is lost."


def between(frame: pd.DataFrame, kinds: dict[str, str]) -> str:
    """Whether two rows in which question and address are neither alike nor foreign to each other
    carry over less than the one and more than the other.
    """
    scores = {
        kind: both(frame, arm=kinds[kind]).mean()
        for kind in ("first", "fourier", "asked", "third", "radius")
    }
    if any(score.isna().any() or score["train"] < 0.9 for score in scores.values()):
        return "Not all of these rows have learnt what they were shown, so they say nothing of it."
    shares = {kind: score["test"] / score["train"] for kind, score in scores.items()}
    fits = [
        max(shares["fourier"], shares["asked"]) < shares[kind] < shares["first"]
        for kind in ("third", "radius")
    ]
    how = "Both fit" if all(fits) else "One of them fits" if any(fits) else "Neither fits"
    return f"{how} “the less alike, the less carries over”; neither was designed to test it."


def ended(every: Iterable[Results]) -> str:
    """How the trials of some studies ended; those that they share count once."""
    trials = pd.concat([one.trials() for one in every]).drop_duplicates("key")
    lost, early = ((trials["stop_reason"] == why).sum() for why in ("diverged", "loss"))
    if trials.empty:
        return "No trial is on record yet."
    return (f"{lost} of {len(trials)} trials diverged" if lost else "No trial diverged") + (
        f"; {early} stopped early."
        if early
        else "; the others ran all their epochs."
        if lost
        else "; all ran their epochs."
    )


def signs(frame: pd.DataFrame, arm: str, rival: str) -> str:
    """Held-out positions, run by run: how often an arm names more than its rival, fewer, or as
    many, and the exact sign test of it.
    """
    gaps = paired(rows_of(frame, part="test"), arm, rival)
    if gaps.empty:
        return NOTHING
    wins, losses, ties, p = sign_test(gaps)
    return f"more in {wins}, fewer in {losses}, as many in {ties} (exact sign test: p = {p:.2g})"


def listed(frame: pd.DataFrame) -> pd.DataFrame:
    """Positions named of those trained on and held out, in per cent, the least and the most of all
    runs: one row a split and corner.
    """
    runs = both(frame).reset_index().sort_values(["split", "replicate"], ascending=[False, True])
    corners = [
        CORNERS[r % len(CORNERS)] if split.endswith("quadrant") else "–"
        for split, r in zip(runs["split"], runs["replicate"])
    ]
    rows = []
    for (split, corner), some in runs.assign(corner=corners).groupby(
        ["split", "corner"], sort=False
    ):
        sides = {
            name: f"{span(100 * some[part], '.1f')} %"
            for name, part in (("trained on", "train"), ("held out", "test"))
        }
        rows.append(
            {"split": split_name(split), "corner held out": corner, "runs": len(some), **sides}
        )
    return pd.DataFrame(
        rows, columns=["split", "corner held out", "runs", "trained on", "held out"]
    )


def learnt(frame: pd.DataFrame, **where) -> dict[str, str]:
    """How many runs answer every position trained on, those runs' score at positions held out, how
    many are dead (less than 5 % even where they were trained), and the held-out score of the
    others.
    """
    runs = both(frame, **where)
    if runs.empty:
        return dict.fromkeys(("learnt", "learnt_test", "dead", "alive_test"), NOTHING)
    right = runs["train"] >= SUCCESS
    return {
        "learnt": f"{right.sum()} of {len(runs)}",
        "learnt_test": said(runs.loc[right, "test"]),
        "dead": unlearnt(frame, **where),
        "alive_test": said(runs.loc[runs["train"] >= DEAD, "test"]),
    }


def alive_lead(frame: pd.DataFrame, arm: str, rival: str) -> str:
    """Held-out score of an arm minus its rival's, in the replicates in which neither is dead."""
    one, two = (both(frame, arm=name) for name in (arm, rival))
    gaps = one.loc[one["train"] >= DEAD, "test"] - two.loc[two["train"] >= DEAD, "test"]
    return points(gaps.dropna()) if len(gaps.dropna()) else NOTHING


def by_corner(frame: pd.DataFrame, arms: dict[str, str]) -> pd.DataFrame:
    """How many runs name every position of the held-out quadrant, by the corner in which it lies;
    two corners that are each other's with x and y exchanged make one row. arms: {arm: its column's
    name}.
    """
    rows = rows_of(frame, part="test")
    rows = rows[rows["split"].str.endswith("quadrant")]
    table = []
    for turns in ((0,), (2,), (1, 3)):
        here = rows[(rows["replicate"] % len(CORNERS)).isin(turns)]
        hits = {
            name: here.loc[here["arm"] == arm, "value"] >= SUCCESS for arm, name in arms.items()
        }
        counts = {
            name: f"{hit.sum()} of {len(hit)}" if len(hit) else "–" for name, hit in hits.items()
        }
        table.append({"held-out quadrant": " or ".join(CORNERS[turn] for turn in turns)} | counts)
    return pd.DataFrame(table)


def best_setting(frame: pd.DataFrame, arm: str) -> str:
    """The best held-out score among an arm's random settings, and its learning rate."""
    rows = rows_of(frame, part="test", arm=arm)
    if rows.empty:
        return NOTHING
    best = rows.loc[rows["value"].idxmax()]
    return f"{100 * best['value']:.1f} % (rate {best['learning_rate']:.3g})"
