"""What records say: from a tidy frame to an effect, for claims and pages alike, and the answer that an
effect gives to a statement.

    lead = effect(frame, "simple_cnn", "fully_connected", measure="rotation", x=TURNS, n_train=390)
    f"{lead:.1f} points"        # the mean
    lead.above(0)               # borne out, contradicted or not shown
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from spatialbias import statistics as st

FAILED = ("cap", "diverged")  # stop reasons of a fit that did not reach its loss
TOLERATED = 0.05  # share of failed fits in an arm up to which its mean is still judged


class EvidenceError(ValueError):
    """The records cannot be read as asked: not current, of mixed numerics classes, ambiguous or
    incomplete.
    """


class Answer(StrEnum):
    """What records say to a statement."""

    BORNE_OUT = "borne out"
    CONTRADICTED = "contradicted"
    NOT_SHOWN = "not shown"


def every(answers: Iterable[Answer]) -> Answer:
    """Of several answers: any contradicted, contradicted; any not shown, or none at all, not shown.

    Raises TypeError for anything but an Answer: a bare comparison of means has no interval.
    """
    answers = list(answers)
    if wrong := [answer for answer in answers if not isinstance(answer, Answer)]:
        raise TypeError(f"a statement rests on answers of effects or verdicts, not on {wrong[0]!r}")
    if Answer.CONTRADICTED in answers:
        return Answer.CONTRADICTED
    return Answer.NOT_SHOWN if Answer.NOT_SHOWN in answers or not answers else Answer.BORNE_OUT


@dataclass(frozen=True)
class Effect:
    """A mean over runs, or a mean paired difference, with its 95 % interval; a rate likewise. Effects
    can be subtracted, pair by pair, and formatted: `f"{lead:.1f} points"`.
    """

    mean: float
    low: float
    high: float
    n: int
    runs: pd.Series = field(repr=False, compare=False)  # one number a replicate
    failed: float = 0.0  # largest share of failed fits in an arm

    @classmethod
    def of(cls, runs: pd.Series, failed: float = 0.0) -> Effect:
        """Mean with Student's interval."""
        return cls(*st.mean_interval(runs), runs, failed)

    @classmethod
    def rate(cls, successes: pd.Series) -> Effect:
        """Share of successful runs, per cent, with Clopper and Pearson's interval."""
        n, count = len(successes), int(successes.sum())
        if not n:
            return cls(np.nan, np.nan, np.nan, 0, successes)
        low, high = binomtest(count, n).proportion_ci()
        return cls(100 * count / n, 100 * low, 100 * high, n, successes)

    @property
    def count(self) -> int:
        """How many runs succeeded, of a rate."""
        return int(self.runs.sum())

    def above(self, x: float = 0.0) -> Answer:
        """Whether the whole interval lies above x; contradicted where it lies below."""
        return self._answer(self.low > x, self.high < x)

    def below(self, x: float = 0.0) -> Answer:
        """Whether the whole interval lies below x; contradicted where it lies above."""
        return self._answer(self.high < x, self.low > x)

    def level(self, margin: float) -> Answer:
        """Whether the whole interval lies within ±margin; contradicted where it lies outside."""
        return self._answer(
            -margin < self.low and self.high < margin, self.low > margin or self.high < -margin
        )

    def _answer(self, shown: bool, refuted: bool) -> Answer:
        if self.failed > TOLERATED:
            return Answer.NOT_SHOWN
        if shown:
            return Answer.BORNE_OUT
        return Answer.CONTRADICTED if refuted else Answer.NOT_SHOWN

    def __sub__(self, other: Effect) -> Effect:
        """The paired difference of two effects, over the replicates that both have."""
        differences = st.paired_differences(self.runs, other.runs)
        return Effect.of(differences, max(self.failed, other.failed))

    def __neg__(self) -> Effect:
        return Effect.of(-self.runs, self.failed)

    def __add__(self, other: Effect) -> Effect:
        return self - -other

    def __format__(self, form: str) -> str:
        """The mean; without a format, mean, interval and n."""
        return format(self.mean, form) if form else str(self)

    def __str__(self) -> str:
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}], n = {self.n}"


def effect(
    frame: pd.DataFrame,
    arm: str | dict[str, Any] = "",
    rival: str | dict[str, Any] | None = None,
    *,
    measure: str = "accuracy",
    at: str = "stop",
    x: float | Iterable[float] | None = None,
    baseline: float | None = None,
    reduce: str | None = None,
    scale: float = 100.0,
    success: float | None = None,
    **columns: Any,
) -> Effect:
    """The effect of one arm, or of an arm minus a rival, paired over replicates.

    Args:
        frame: tidy values, as `Results.frame` gives them.
        arm, rival: an arm's label, or columns with the values that they must have
            (`{"part": "test"}`).
        measure, at: what was measured, and at which protocol's end.
        x: the point of a curve (degrees of a turn, pixels of a crop); several are averaged unless
            `reduce` says otherwise.
        baseline: subtract the curve's value at this point.
        reduce: what makes one number of a curve: "mean", "area" (divided by the span) or "slope".
        scale: what values are multiplied with; 100 makes points of fractions.
        success: count the runs whose value reaches it, instead of averaging.
        columns: what both must have (`n_train=390, split="quadrant"`).

    Returns:
        Mean, interval, n and the runs behind. An empty selection gives an effect with n = 0, whose
        answers are "not shown".

    Raises:
        EvidenceError: if a run leaves several values, or a sound run none; for records that are not
            current, and pairs of mixed numerics classes.
    """
    several = x is not None and np.ndim(x) > 0
    how = {"x": tuple(x) if several else x, "baseline": baseline}
    how["reduce"] = reduce or ("mean" if several else None)
    sides, behind = [], []
    for one in (arm,) if rival is None else (arm, rival):
        chosen = {"measure": measure, "at": at, **columns, **selection(one)}
        values, rows = numbers(frame, **{**how, **chosen})
        sides.append(values)
        behind.append(rows)
    if success is not None:
        return Effect.rate(sides[0] >= success)
    refuse("effect", pd.concat(behind))
    failed = max((rows["stop_reason"].isin(FAILED).mean() if len(rows) else 0.0) for rows in behind)
    runs = sides[0] if rival is None else st.paired_differences(*sides)
    return Effect.of(scale * runs.dropna(), failed)


def selection(arm: str | dict[str, Any]) -> dict[str, Any]:
    """The columns and values that an arm stands for; "" selects nothing."""
    return ({"arm": arm} if arm else {}) if isinstance(arm, str) else dict(arm)


def _area(curves: pd.DataFrame) -> np.ndarray:
    x = curves.columns.to_numpy(float)
    return np.trapezoid(curves.to_numpy(), x, axis=1) / np.ptp(x)


# curves (replicates x sorted x) -> one number a replicate; an area is divided by its span
REDUCERS: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {
    "area": _area,
    "mean": lambda curves: curves.to_numpy().mean(axis=1),
    "slope": lambda curves: st.slope(curves.columns.to_numpy(float), curves.to_numpy()),
}


def numbers(
    frame: pd.DataFrame,
    *,
    x: float | tuple[float, ...] | None = None,
    baseline: float | None = None,
    reduce: str | None = None,
    **columns: Any,
) -> tuple[pd.Series, pd.DataFrame]:
    """One number a replicate (nan where a failed fit left none), and the rows behind.

    columns: the values that columns must have (None: any). x: the point of a curve or, with
    `reduce`, the points (None: all there are). baseline: subtract the curve's value there.
    Raises EvidenceError if a run leaves several values, or a sound run none.
    """
    rows = frame
    for column, wanted in columns.items():
        if wanted is not None:
            rows = rows[rows[column] == wanted]
    rows = rows.assign(x=rows["x"].astype(float).fillna(0.0), value=rows["value"].astype(float))
    points = sorted(set(rows["x"])) if x is None else list(np.atleast_1d(x))
    needed = points if baseline is None else sorted({*points, baseline})
    rows = rows[rows["x"].isin(needed)]
    if rows.empty:
        return pd.Series(dtype=float), rows
    what = ", ".join(str(wanted) for wanted in columns.values() if wanted is not None)
    lost = rows["value"].isna()
    if (sound := rows[lost & ~rows["stop_reason"].isin(FAILED)]).size:
        raise EvidenceError(
            f"{what}: no value in replicates {replicates(sound)}, though their fits did not fail"
        )
    if (twice := rows[rows.duplicated(["replicate", "x"], keep=False)]).size:
        several = twice.groupby(["replicate", "x"]).nunique(dropna=False).gt(1).any()
        differing = ", ".join(several.index[several]) or "nothing"
        raise EvidenceError(
            f"{what}: several values in replicates {replicates(twice)}; they differ in {differing}"
        )
    if (len(points) == 1) == bool(reduce):
        raise EvidenceError(
            f"{what}: a reducer needs several x, no reducer a single one; here are {len(points)}"
        )
    curves = rows.assign(value=rows["value"].mask(lost, np.inf))
    curves = curves.pivot(index="replicate", columns="x", values="value")
    # incomplete curves go, lost values stay
    curves = curves.reindex(columns=needed).dropna().replace(np.inf, np.nan)
    if baseline is not None:
        curves = curves.sub(curves[baseline], axis=0)
    if reduce is None:
        return curves[points[0]].sort_index(), rows
    return pd.Series(REDUCERS[reduce](curves[points]), curves.index).sort_index(), rows


def refuse(what: str, rows: pd.DataFrame) -> None:
    """Raise EvidenceError if rows are not current, or if those of a replicate are of several
    numerics classes.
    """
    if (stale := rows[~rows["current"].astype(bool)]).size:
        raise EvidenceError(
            f"{what}: records not current, replicates {replicates(stale)}; run them again"
        )
    classes = rows.groupby("replicate")["numerics"].nunique(dropna=False)
    if (mixed := rows[rows["replicate"].isin(classes.index[classes > 1])]).size:
        names = " and ".join(sorted(set(mixed["numerics"])))
        raise EvidenceError(f"{what}: {names} mixed in the pairs of replicates {replicates(mixed)}")


def replicates(rows: pd.DataFrame) -> str:
    """The replicates of some rows, for a message."""
    return ", ".join(str(replicate) for replicate in sorted(set(rows["replicate"])))
