"""What the page `coordconv/classification` says in words chosen by its counts of runs that name
every held-out position.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from spatialbias.figures.numbers import NOTHING, rows_of, said
from spatialbias.figures.places import SUCCESS, best_after
from spatialbias.figures.places_runs import CORNERS, both
from spatialbias.plots.style import label

PUBLISHED = 64  # pixels, the side of the sources' canvas


def counted(values: Iterable[float]) -> tuple[int, int]:
    """Runs that name every position, and runs."""
    values = np.asarray(list(values), float)
    return int((values >= SUCCESS).sum()), len(values)


def groups(frame: pd.DataFrame, arm: str = "coordconv") -> dict[str, tuple[int, int]]:
    """Perfect runs, and runs, of the uniform split, of the source's own corner, and of the other
    three.
    """
    rows = rows_of(frame, arm=arm, part="test").drop_duplicates(["split", "replicate"])
    corner = rows[rows["split"].str.endswith("quadrant")]
    theirs = corner["replicate"] % len(CORNERS) == 0
    found = {
        "uniform": rows[rows["split"].str.endswith("uniform")],
        "theirs": corner[theirs],
        "others": corner[~theirs],
    }
    return {name: counted(one["value"]) for name, one in found.items()}


def published_setting(
    full: pd.DataFrame, small: pd.DataFrame, size: int = PUBLISHED
) -> dict[str, str]:
    """Counts on a canvas of the source's size (`full`, of `size` pixels) and on ours, and whether
    "perfect" is of its setting, of the layer, or of neither.
    """
    there, here = groups(full), groups(small)
    texts = {
        f"{where}_{name}": f"{k} of {n}" if n else NOTHING
        for where, found in (("full", there), ("small", here))
        for name, (k, n) in found.items()
    }
    theirs, elsewhere = (
        [there[name] for name in ("uniform", "theirs")],
        [*here.values(), there["others"]],
    )
    if size != PUBLISHED:
        said_ = f"None of this is on the sources' canvas of {PUBLISHED} pixels, so it says nothing of what they published."
    elif any(n == 0 for _, n in [*theirs, *here.values()]):
        said_ = "What that makes of “perfect” is open until all of these are on record."
    elif any(k < n for k, n in theirs):
        said_ = "So “perfect” did not come out in every run even in the published setting."
    elif all(k == n for k, n in elsewhere):
        said_ = "So “perfect” describes the layer, as far as these runs go."
    else:
        said_ = "So “perfect” describes the published setting, not the layer."
    return texts | {"setting": said_}


def pair(frame: pd.DataFrame, arm: str, names: tuple[str, str] = (CORNERS[1], CORNERS[3])) -> str:
    """Perfect runs in two corners that exchanging x and y turns into each other, apart and
    together.
    """
    rows = rows_of(frame, arm=arm, part="test")
    rows = rows[rows["split"].str.endswith("quadrant")]
    apart = [
        counted(rows.loc[rows["replicate"] % len(CORNERS) == CORNERS.index(name), "value"])
        for name in names
    ]
    if not all(n for _, n in apart):
        return NOTHING
    each = " and ".join(f"{k} of {n} ({name})" for (k, n), name in zip(apart, names))
    return f"{each}, together {sum(k for k, _ in apart)} of {sum(n for _, n in apart)}"


def unfinished(frame: pd.DataFrame, **where) -> str:
    """Of the runs that miss held-out positions, how many miss some that they were trained on, too:
    "5 of 6".
    """
    runs = both(frame, **where)
    missed = runs[runs["test"] < SUCCESS]
    return f"{(missed['train'] < SUCCESS).sum()} of {len(missed)}" if len(runs) else NOTHING


def searched(scores: pd.DataFrame, trials: pd.DataFrame, arm: str) -> str:
    """What searching by training loss does for an arm, and what the setting that fits best names of
    the positions held out.
    """
    on = ["arm", "split", "replicate"]
    rows = rows_of(scores, arm=arm, part="test").merge(trials[[*on, "loss"]], on=on)
    fitted = rows_of(scores, arm=arm, part="train")
    if len(rows) < 2 or fitted.empty:
        return f"What more search does for {label(arm)} is {NOTHING}."
    held = rows.set_index(on)["value"]
    chosen = 100 * best_after(rows["loss"].fillna(np.inf), rows["value"])
    best = fitted.loc[fitted["value"].idxmax()]
    gain = chosen[-1] - chosen[0]
    name = ("the " if arm == "deconv" else "") + label(arm)
    does = (
        f"does little for {name}"
        if abs(gain) < 1
        else f"makes {name} {'better' if gain > 0 else 'worse'}"
    )
    return (
        f"More search by training loss {does}: of the held-out positions one setting names {chosen[0]:.1f} % on average, the best of "
        f"{len(rows)} names {chosen[-1]:.1f} %; the setting that names most of the positions trained on ({100 * best['value']:.1f} %) "
        f"names {100 * held[tuple(best[on])]:.1f} %."
    )


def worst(frame: pd.DataFrame, network: str = "coordconv names") -> int:
    """The replicate in which a network names least of the held-out quadrant; 0 if none is on
    record.
    """
    rows = rows_of(frame, arm=network, part="test")
    rows = rows[rows["split"].str.endswith("quadrant")]
    return int(rows.loc[rows["value"].idxmin(), "replicate"]) if len(rows) else 0


def shown(frame: pd.DataFrame, replicate: int, arms: dict[str, str]) -> str:
    """Which corner a replicate holds out, and what each arm names there: for a caption. arms: {arm:
    its name}.
    """
    rows = frame[frame["split"].str.endswith("quadrant") & (frame["replicate"] == replicate)]
    parts = [
        f"{name} {100 * value:.1f} %"
        for arm, name in arms.items()
        for value in rows_of(rows, arm=arm, part="test")["value"][:1]
    ]
    corner = CORNERS[replicate % len(CORNERS)].partition(",")[0]
    return f"replicate {replicate}, in which the quadrant at the {corner} is held out; named of it: {', '.join(parts) or NOTHING}"


def without(frame: pd.DataFrame, **where) -> str:
    """The measure `coordinates_off` in words: held-out score as trained, with the coordinates'
    weights at zero, with x and y exchanged.
    """
    told, zeroed, exchanged = (
        said(rows_of(frame, part=part, **where)["value"], n=False)
        for part in ("told", "zeroed", "exchanged")
    )
    return (
        f"{zeroed} instead of {told} with their weights at zero, {exchanged} with x and y exchanged"
    )
