"""From the records of a claim's study to what is tested: differences of complete pairs, condition
by condition.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from spatialbias import statistics as st
from spatialbias.claims.claim import COLUMNS, TRENDS, Claim, Selector, label_of
from spatialbias.evidence import EvidenceError, numbers, refuse, selection


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
        chosen |= {column: value for column, value in more.items() if column in COLUMNS}
    try:
        return numbers(frame, baseline=v.baseline, reduce=v.reduce, **chosen)
    except EvidenceError as error:
        raise EvidenceError(f"{claim.id}: {error}") from None


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
    if claim.rule == "success rate":  # of runs, or of pairs in which the arm is better by so much
        enough = claim.values.success * (1 if claim.rivals else claim.values.sign)
        differences = (differences >= enough).astype(float)
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
            refuse(f"{claim.id} ({contrast.condition})", used[-1][-1].rows)
    return used


def trend_of(claim: Claim, contrasts: tuple[Contrast, ...]) -> Contrast:
    """All conditions made into one number per replicate: their slope, or the second minus the
    first.
    """
    rows = pd.concat([contrast.rows for contrast in contrasts])
    if not claim.rivals:  # the conditions are then what is compared
        refuse(f"{claim.id} (all conditions)", rows)
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
