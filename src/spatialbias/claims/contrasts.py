"""From the records of a claim's study to what is tested: differences of complete pairs, condition
by condition.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from spatialbias import statistics as st
from spatialbias.claims.claim import COLUMNS, REDUCERS, TRENDS, Claim, Selector, label_of, selection

FAILED = ("cap", "diverged")


class JudgeError(ValueError):
    """The records cannot be judged as they are: not current, of mixed numerics classes, ambiguous
    or incomplete.
    """


@dataclass(frozen=True)
class Contrast:
    """The differences of complete pairs (by replicate) in one condition against one rival, and the
    rows behind them.
    """

    condition: str
    rival: str
    differences: pd.Series
    rows: pd.DataFrame
    recorded: int = 0
    unpaired: tuple[int, ...] = ()

    def keep(self, replicates: Iterable[int]) -> "Contrast":
        rows = self.rows[self.rows["replicate"].isin(list(replicates))]
        return replace(self, differences=self.differences.loc[list(replicates)], rows=rows)


Groups = list[
    list[Contrast]
]  # per condition, the contrast with each rival; a trend is one condition


def measured(
    claim: Claim, frame: pd.DataFrame, *selections: dict[str, Any]
) -> tuple[pd.Series, pd.DataFrame]:
    """One number per replicate (nan where a failed fit left none), and the rows behind; later
    selections go first.
    """
    v = claim.values
    chosen = {"measure": v.measure, "at": v.at, "part": v.part, "x": v.x}
    for more in selections:
        chosen |= more
    points = chosen.pop("x")
    rows = frame
    for column, wanted in chosen.items():
        if wanted is not None and column in COLUMNS:
            rows = rows[rows[column] == wanted]
    rows = rows.assign(x=rows["x"].astype(float).fillna(0.0), value=rows["value"].astype(float))
    points = sorted(set(rows["x"])) if points is None else list(np.atleast_1d(points))
    needed = points if v.baseline is None else sorted({*points, v.baseline})
    rows = rows[rows["x"].isin(needed)]
    if rows.empty:
        return pd.Series(dtype=float), rows
    what = (
        f"{claim.id} ({', '.join(str(wanted) for wanted in chosen.values() if wanted is not None)})"
    )
    lost = rows["value"].isna()
    if (sound := rows[lost & ~rows["stop_reason"].isin(FAILED)]).size:
        raise JudgeError(
            f"{what}: no value in replicates {_names(sound)}, though their fits did not fail"
        )
    if (twice := rows[rows.duplicated(["replicate", "x"], keep=False)]).size:
        several = twice.groupby(["replicate", "x"])[COLUMNS].nunique(dropna=False).gt(1).any()
        differing = ", ".join(several.index[several]) or "nothing"
        raise JudgeError(
            f"{what}: several values in replicates {_names(twice)}; they differ in {differing}"
        )
    if (len(points) == 1) == bool(v.reduce):
        raise JudgeError(
            f"{what}: a reducer needs several x, no reducer a single one; here are {len(points)}"
        )
    curves = rows.assign(value=rows["value"].mask(lost, np.inf)).pivot(
        index="replicate", columns="x", values="value"
    )
    curves = (
        curves.reindex(columns=needed).dropna().replace(np.inf, np.nan)
    )  # incomplete curves go, lost values stay
    if v.baseline is not None:
        curves = curves.sub(curves[v.baseline], axis=0)
    numbers = (
        curves[points[0]]
        if v.reduce is None
        else pd.Series(REDUCERS[v.reduce](curves[points]), curves.index)
    )
    return numbers.sort_index(), rows


def contrast_of(
    claim: Claim, frame: pd.DataFrame, condition: dict[str, Any], rival: Selector
) -> Contrast:
    series, rows = [], []
    for arm in (claim.arm, rival) if claim.rivals else (claim.arm,):
        numbers, behind = measured(claim, frame, condition, selection(arm))
        series.append(
            (claim.values.sign * numbers).fillna(-np.inf)
        )  # a lost value is worse than any other
        rows.append(behind.assign(side=label_of(arm) or "arm", condition=condition["label"]))
    differences = st.paired_differences(*series) if claim.rivals else series[0]
    if claim.rule == "success rate":
        differences = (differences >= claim.values.sign * claim.values.success).astype(float)
    rows = pd.concat(rows)
    unpaired = tuple(sorted(set(rows["replicate"]) - set(differences.index)))
    return Contrast(
        condition["label"], label_of(rival), differences, rows, len(differences), unpaired
    )


def first_n(claim: Claim, groups: Groups) -> Groups:
    """The first n complete replicates of each contrast; for a trend, those that are complete in all
    conditions.
    """
    used = []
    for group in groups:
        used.append([])
        for which, contrast in enumerate(group):
            indices = (
                [other[which].differences.index for other in groups] if claim.rule in TRENDS else []
            )
            complete = [
                r for r in contrast.differences.index if all(r in index for index in indices)
            ]
            used[-1].append(contrast.keep(complete[: claim.n]))
            refuse(claim, contrast.condition, used[-1][-1].rows)
    return used


def trend_of(claim: Claim, contrasts: tuple[Contrast, ...]) -> Contrast:
    """All conditions made into one number per replicate: their slope, or the second minus the
    first.
    """
    rows = pd.concat([contrast.rows for contrast in contrasts])
    if not claim.rivals:  # the conditions are then what is compared
        refuse(claim, "all conditions", rows)
    table = pd.concat([contrast.differences for contrast in contrasts], axis=1).replace(
        [np.inf, -np.inf], np.nan
    )
    if claim.rule == "slope":
        label = f"slope over {contrasts[0].condition} … {contrasts[-1].condition}"
        numbers = st.slope([condition["position"] for condition in claim.conditions], table)
    else:
        label = f"{contrasts[1].condition} minus {contrasts[0].condition}"
        numbers = table.iloc[:, 1] - table.iloc[:, 0]
    recorded = min(contrast.recorded for contrast in contrasts)
    return Contrast(label, contrasts[0].rival, pd.Series(numbers, table.index), rows, recorded)


def refuse(claim: Claim, where: str, rows: pd.DataFrame) -> None:
    if (stale := rows[~rows["current"].astype(bool)]).size:
        raise JudgeError(
            f"{claim.id} ({where}): records not current, replicates {_names(stale)}; run them again"
        )
    classes = rows.groupby("replicate")["numerics"].nunique(dropna=False)
    if (mixed := rows[rows["replicate"].isin(classes.index[classes > 1])]).size:
        names = " and ".join(sorted(set(mixed["numerics"])))
        raise JudgeError(
            f"{claim.id} ({where}): {names} mixed in the pairs of replicates {_names(mixed)}"
        )


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(str(replicate) for replicate in sorted(set(rows["replicate"])))
