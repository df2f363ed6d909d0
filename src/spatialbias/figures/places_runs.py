"""How many runs of the CoordConv chapter do what: by the corner held out, once trained, computed once more; right at any number of runs."""

import pandas as pd

from spatialbias.figures.numbers import NOTHING, points, power, said, span
from spatialbias.figures.places import SUCCESS
from spatialbias.figures.places_tables import DEAD, rows_of, unlearnt
from spatialbias.figures.starts import FOUND
from spatialbias.figures.style import split_name
from spatialbias.statistics import paired, sign_test

CORNERS = ("bottom right, as published", "bottom left", "top left", "top right")  # turns of the held-out quadrant, by replicate
RUN = ["split", "replicate"]


def both(frame: pd.DataFrame, **where) -> pd.DataFrame:
    """Scores of runs on the positions trained on and held out, one row a run."""
    return rows_of(frame, **where).pivot_table(index=RUN, columns="part", values="value").reindex(columns=["train", "test"]).dropna()


def left_over(frame: pd.DataFrame, **where) -> str:
    """What is missing where a run misses held-out positions: training, or a rule that carries over."""
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
    """Runs whose held-out error is at least half of what knowing nothing costs (`knowing`: by split): "12 of 20"."""
    rows = rows_of(frame, part="test", **where)
    return f"{(rows['value'] >= rows['split'].map(knowing) / 2).sum()} of {len(rows)}" if len(rows) else NOTHING


def courses(curves: pd.DataFrame, arm: str, gap: int = 20) -> pd.DataFrame:
    """The course of every run of an arm: its least error, its last, and the one `gap` epochs before (columns best, last, before)."""
    table = curves[curves["arm"] == arm].pivot_table(index=RUN, columns="epoch", values="score")
    if table.empty:
        return pd.DataFrame(columns=["best", "last", "before"], dtype=float)
    last = table.columns.max()
    before = max((epoch for epoch in table.columns if epoch <= last - gap), default=last)
    return pd.DataFrame({"best": table.min(axis=1), "last": table[last], "before": table[before]})


def lost_again(curves: pd.DataFrame, arm: str) -> str:
    """How many runs had once found the pixel (mean error below half a pixel) and err by more than that at the end."""
    runs = courses(curves, arm)
    if runs.empty:
        return NOTHING
    gone = runs[(runs["best"] < FOUND) & (runs["last"] >= FOUND)]
    course = f" (at best {power(gone['best'].min())} pixels, at the end {span(gone['last'], '.1f')})" if len(gone) else ""
    return f"{len(gone)} of {len(runs)} erred by less than half a pixel at an earlier epoch and no longer at the end{course}"


def ends(curves: pd.DataFrame, right: pd.DataFrame, arm: str) -> str:
    """What became of an arm's runs: how many name every held-out position at the end, had found them and lost them, never found
    them, and where the error is still falling. right: share of positions with both coordinates right."""
    runs = courses(curves, arm)
    if runs.empty:
        return NOTHING
    named = both(right, arm=arm)["test"].reindex(runs.index) >= SUCCESS
    never, near = runs.loc[runs["best"] >= FOUND, "best"], (runs["last"] < FOUND) & ~named
    text = f"{named.sum()} of {len(runs)} runs name every held-out position at the end; {lost_again(curves, arm)}; "
    text += f"{len(never)} never came below half a pixel" + f" (at best {span(never, '.1f')})" * bool(len(never))
    text += f"; {near.sum()} err by less at the end, but miss positions" * bool(near.any())
    falling = (runs["last"] < 0.9 * runs["before"]).sum()
    return f"{text}. In {falling} of {len(runs)} the error fell by a tenth or more over the last 20 epochs."


def changed(frame: pd.DataFrame, arm: str, rival: str) -> str:
    """Paired difference of held-out scores between two arms on one split."""
    return points(paired(rows_of(frame, part="test"), arm, rival))


def comparing(frame: pd.DataFrame, kinds: dict[str, str]) -> str:
    """What the four combinations of question and address (each in x and y or in the Fourier code) say together."""
    scores = {kind: both(frame, arm=kinds[kind]).mean() for kind in ("first", "both", "fourier", "asked")}
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


def again(frame: pd.DataFrame, other: pd.DataFrame, **where) -> str:
    """Of runs that both frames hold, how many name every held-out position in one of them only."""
    one, two = (both(f, **where)["test"] >= SUCCESS for f in (frame, other))
    shared = one.index.intersection(two.index)
    return f"{(one[shared] != two[shared]).sum()} of {len(shared)}" if len(shared) else NOTHING


def signs(frame: pd.DataFrame, arm: str, rival: str) -> str:
    """Held-out positions, run by run: how often an arm names more than its rival, fewer, or as many, and the exact sign test of it."""
    gaps = paired(rows_of(frame, part="test"), arm, rival)
    if gaps.empty:
        return NOTHING
    wins, losses, ties, p = sign_test(gaps)
    return f"more in {wins}, fewer in {losses}, as many in {ties} (exact sign test: p = {p:.2g})"


def listed(frame: pd.DataFrame) -> pd.DataFrame:
    """Every run by itself: positions named of those trained on and held out, in per cent."""
    runs = both(frame).reset_index()
    shown = {"split": runs["split"].map(split_name), "replicate": runs["replicate"]}
    sides = {"trained on": "train", "held out": "test"}
    return pd.DataFrame(shown | {name: [f"{100 * v:.1f} %" for v in runs[part]] for name, part in sides.items()})


def learnt(frame: pd.DataFrame, **where) -> dict[str, str]:
    """How many runs answer every position trained on, those runs' score at positions held out, how many are dead (less than 5 %
    even where they were trained), and the held-out score of the others."""
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
    """How many runs name every position of the held-out quadrant, by the corner in which it lies. arms: {arm: its column's name}."""
    rows = rows_of(frame, part="test")
    rows = rows[rows["split"].str.endswith("quadrant")]
    table = []
    for turn, corner in enumerate(CORNERS):
        here = rows[rows["replicate"] % len(CORNERS) == turn]
        hits = {name: here.loc[here["arm"] == arm, "value"] >= SUCCESS for arm, name in arms.items()}
        counts = {name: f"{hit.sum()} of {len(hit)}" if len(hit) else "–" for name, hit in hits.items()}
        table.append({"held-out quadrant": corner} | counts)
    return pd.DataFrame(table)


def corners_said(frame: pd.DataFrame, arm: str) -> dict[str, str]:
    """The same of one arm in words: in the corner that the source held out, and in the other three."""
    rows = rows_of(frame, part="test", arm=arm)
    rows = rows[rows["split"].str.endswith("quadrant")]
    theirs = rows["replicate"] % len(CORNERS) == 0
    return {
        name: f"{(some >= SUCCESS).sum()} of {len(some)}" if len(some) else NOTHING
        for name, some in (("corner_theirs", rows.loc[theirs, "value"]), ("corner_others", rows.loc[~theirs, "value"]))
    }


def best_setting(frame: pd.DataFrame, arm: str) -> str:
    """The best held-out score among an arm's random settings, and its learning rate."""
    rows = rows_of(frame, part="test", arm=arm)
    if rows.empty:
        return NOTHING
    best = rows.loc[rows["value"].idxmax()]
    return f"{100 * best['value']:.1f} % (rate {best['learning_rate']:.3g})"
