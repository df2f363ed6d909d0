"""From a claim and the records of its study to a verdict.

In condition c the estimand is the mean paired difference over replicates, p_c its one-sided t-test against "mean <= τ",
q_c against "mean >= τ′" (τ, τ′: claim.py). Against several rivals p_c is the largest p-value and q_c the Bonferroni
minimum. "In at least k of m conditions" is a partial conjunction of p, its opposite one of q; each verdict errs with
probability .025 at most.

Failed fits (stop reason "cap" or "diverged") stay in. Wherever there is one, the failure count and an exact sign test
are shown. Above 5 % of an arm in any condition no verdict about means is given, because t-tests break on mixtures:
`undecided`. With fewer than 20 replicates a single failed fit is above 5 %. A success rate counts failed fits by their
value and is exempt.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spatialbias import statistics as st
from spatialbias.claims.claim import (
    COLUMNS,
    REDUCERS,
    TRENDS,
    WORDS,
    Claim,
    Comparison,
    Finding,
    Published,
    Selector,
    Verdict,
    label_of,
    selection,
)

FAILED = ("cap", "diverged")
TOLERATED = 0.05  # share of failed fits in an arm up to which its mean is still judged
MARGINS = (0.02, 0.05)  # where "large margin" is judged as well


class JudgeError(ValueError):
    """The records cannot be judged as they are: not current, of mixed numerics classes, ambiguous or incomplete."""


@dataclass(frozen=True)
class _Contrast:
    """The differences of complete pairs (by replicate) in one condition against one rival, and the rows behind them."""

    condition: str
    rival: str
    differences: pd.Series
    rows: pd.DataFrame
    recorded: int = 0
    unpaired: tuple[int, ...] = ()

    def keep(self, replicates: Iterable[int]) -> "_Contrast":
        rows = self.rows[self.rows["replicate"].isin(list(replicates))]
        return replace(self, differences=self.differences.loc[list(replicates)], rows=rows)


_Groups = list[list[_Contrast]]  # per condition, the contrast with each rival; a trend is one condition


class _Outcome(NamedTuple):
    word: str
    reason: str
    p_hold: float = math.nan
    p_fail: float = math.nan


def judge(claim: Claim, frame: pd.DataFrame | None) -> Verdict:
    """Judge one claim on a tidy frame with the columns `COLUMNS`, one row a measured value; None is an empty frame.

    Rows of other studies are ignored; of more complete replicates than declared the first n are used. Raises
    JudgeError, naming the replicates, if a used record is not current, if the records of a pair are of different
    numerics classes, if a run leaves several values or a sound run none, or if the frame lacks a column.
    """
    frame = pd.DataFrame(columns=COLUMNS) if frame is None else frame
    if missing := [column for column in COLUMNS if column not in frame]:
        raise JudgeError(f"{claim.id}: the frame lacks the columns {', '.join(missing)}")
    frame = frame[frame["study"] == claim.study]
    contrasts = [[_contrast(claim, frame, c, rival) for rival in claim.rivals or ("",)] for c in claim.conditions]
    if all(contrast.rows.empty for group in contrasts for contrast in group):
        return Verdict(claim=claim, word="not run", reason=f"no records yet; they cost about {claim.cost:g} core-hours")
    contrasts = _first_n(claim, contrasts)
    trends = [_trend(claim, by_condition) for by_condition in zip(*contrasts)] if claim.rule in TRENDS else []
    tested = [trends] if trends else contrasts
    findings = tuple(_finding(claim, contrast) for group in contrasts for contrast in group)
    margins = MARGINS if claim.rule == "large margin" else ()
    return Verdict(
        claim=claim,
        **_outcome(claim, findings, tested, claim.tau)._asdict(),
        findings=findings,
        trend=tuple(_finding(claim, contrast) for contrast in trends),
        margins={margin: _outcome(claim, findings, tested, (margin, margin)).word for margin in margins},
        published=tuple(_compare(claim, frame, published) for published in claim.published),
        notes=tuple(_notes(claim, [contrast for group in contrasts for contrast in group], findings)),
    )


def _measure(claim: Claim, frame: pd.DataFrame, *selections: dict[str, Any]) -> tuple[pd.Series, pd.DataFrame]:
    """One number per replicate (nan where a failed fit left none), and the rows behind; later selections go first."""
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
    what = f"{claim.id} ({', '.join(str(wanted) for wanted in chosen.values() if wanted is not None)})"
    lost = rows["value"].isna()
    if (sound := rows[lost & ~rows["stop_reason"].isin(FAILED)]).size:
        raise JudgeError(f"{what}: no value in replicates {_names(sound)}, though their fits did not fail")
    if (twice := rows[rows.duplicated(["replicate", "x"], keep=False)]).size:
        several = twice.groupby(["replicate", "x"])[COLUMNS].nunique(dropna=False).gt(1).any()
        differing = ", ".join(several.index[several]) or "nothing"
        raise JudgeError(f"{what}: several values in replicates {_names(twice)}; they differ in {differing}")
    if (len(points) == 1) == bool(v.reduce):
        raise JudgeError(f"{what}: a reducer needs several x, no reducer a single one; here are {len(points)}")
    curves = rows.assign(value=rows["value"].mask(lost, np.inf)).pivot(index="replicate", columns="x", values="value")
    curves = curves.reindex(columns=needed).dropna().replace(np.inf, np.nan)  # incomplete curves go, lost values stay
    if v.baseline is not None:
        curves = curves.sub(curves[v.baseline], axis=0)
    numbers = curves[points[0]] if v.reduce is None else pd.Series(REDUCERS[v.reduce](curves[points]), curves.index)
    return numbers.sort_index(), rows


def _contrast(claim: Claim, frame: pd.DataFrame, condition: dict[str, Any], rival: Selector) -> _Contrast:
    series, rows = [], []
    for arm in (claim.arm, rival) if claim.rivals else (claim.arm,):
        numbers, behind = _measure(claim, frame, condition, selection(arm))
        series.append((claim.values.sign * numbers).fillna(-np.inf))  # a lost value is worse than any other
        rows.append(behind.assign(side=label_of(arm) or "arm", condition=condition["label"]))
    differences = st.paired_differences(*series) if claim.rivals else series[0]
    if claim.rule == "success rate":
        differences = (differences >= claim.values.sign * claim.values.success).astype(float)
    rows = pd.concat(rows)
    unpaired = tuple(sorted(set(rows["replicate"]) - set(differences.index)))
    return _Contrast(condition["label"], label_of(rival), differences, rows, len(differences), unpaired)


def _first_n(claim: Claim, groups: _Groups) -> _Groups:
    """The first n complete replicates of each contrast; for a trend, those that are complete in all conditions."""
    used = []
    for group in groups:
        used.append([])
        for which, contrast in enumerate(group):
            indices = [other[which].differences.index for other in groups] if claim.rule in TRENDS else []
            complete = [r for r in contrast.differences.index if all(r in index for index in indices)]
            used[-1].append(contrast.keep(complete[: claim.n]))
            _refuse(claim, contrast.condition, used[-1][-1].rows)
    return used


def _trend(claim: Claim, contrasts: tuple[_Contrast, ...]) -> _Contrast:
    """All conditions made into one number per replicate: their slope, or the second minus the first."""
    rows = pd.concat([contrast.rows for contrast in contrasts])
    if not claim.rivals:  # the conditions are then what is compared
        _refuse(claim, "all conditions", rows)
    table = pd.concat([contrast.differences for contrast in contrasts], axis=1).replace([np.inf, -np.inf], np.nan)
    if claim.rule == "slope":
        label = f"slope over {contrasts[0].condition} … {contrasts[-1].condition}"
        numbers = st.slope([condition["position"] for condition in claim.conditions], table)
    else:
        label = f"{contrasts[1].condition} minus {contrasts[0].condition}"
        numbers = table.iloc[:, 1] - table.iloc[:, 0]
    recorded = min(contrast.recorded for contrast in contrasts)
    return _Contrast(label, contrasts[0].rival, pd.Series(numbers, table.index), rows, recorded)


def _refuse(claim: Claim, where: str, rows: pd.DataFrame) -> None:
    if (stale := rows[~rows["current"].astype(bool)]).size:
        raise JudgeError(f"{claim.id} ({where}): records not current, replicates {_names(stale)}; run them again")
    classes = rows.groupby("replicate")["numerics"].nunique(dropna=False)
    if (mixed := rows[rows["replicate"].isin(classes.index[classes > 1])]).size:
        names = " and ".join(sorted(set(mixed["numerics"])))
        raise JudgeError(f"{claim.id} ({where}): {names} mixed in the pairs of replicates {_names(mixed)}")


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(str(replicate) for replicate in sorted(set(rows["replicate"])))


def _p_and_q(rule: str, d: pd.Series, tau: tuple[float, float]) -> tuple[float, float]:
    if rule == "success rate":
        return float(st.p_rate_above(d.sum(), len(d), tau[0])), float(st.p_rate_below(d.sum(), len(d), tau[1]))
    if rule == "level":
        return float(st.p_inside(d, tau[0])), float(st.p_outside(d, tau[1]))
    p, q = float(st.p_above(d, tau[0])), float(st.p_below(d, tau[1]))
    return (q, p) if rule == "no improvement" else (p, q)


def _finding(claim: Claim, contrast: _Contrast) -> Finding:
    d, rows = contrast.differences, contrast.rows
    p, q = _p_and_q(claim.rule, d, claim.tau) if len(d) else (1.0, 1.0)
    mean, low, high, n = st.mean_interval(d)
    if claim.rule == "success rate" and n:
        low, high = st.clopper_pearson(int(d.sum()), n)
    fits = rows.drop_duplicates(["side", "condition", "replicate"])
    failed = fits["stop_reason"].isin(FAILED).groupby(fits["side"]).sum().astype(int).to_dict()
    sign = st.sign_test(d) if sum(failed.values()) and claim.rule != "success rate" else None
    return Finding(
        condition=contrast.condition, rival=contrast.rival, mean=mean, low=low, high=high, n=n, p=p, q=q,
        recorded=contrast.recorded, failed=failed, sign=sign,
    )  # fmt: skip


def _outcome(claim: Claim, findings: tuple[Finding, ...], tested: _Groups, tau: tuple[float, float]) -> _Outcome:
    """The verdict at (τ, τ′)."""
    fewest = min(len(contrast.differences) for group in tested for contrast in group)
    if fewest < claim.n:
        return _Outcome(f"undecided ({fewest} of {claim.n})", f"{fewest} complete replicates of the {claim.n} declared")
    if claim.rule != "success rate" and any(max(f.failed.values()) > TOLERATED * f.n for f in findings):
        return _Outcome("undecided", "over 5 % of an arm's fits failed, so no mean is judged: see the sign tests")
    pairs = [[_p_and_q(claim.rule, contrast.differences, tau) for contrast in group] for group in tested]
    p = [max(p for p, _ in group) for group in pairs]
    q = [min(1.0, len(group) * min(q for _, q in group)) for group in pairs]
    m = len(tested)
    k = WORDS[claim.word](m)
    p_hold, p_fail = float(st.partial_conjunction(p, k)), float(st.partial_conjunction(q, m - k + 1))
    holds, fails = p_hold <= st.ALPHA, p_fail <= st.ALPHA
    shown = f"p_hold = {p_hold:.2g}, p_fail = {p_fail:.2g}; the limit is {st.ALPHA}"
    if holds and fails:
        word, reason = "holds (negligible)", "a difference is shown, and shown to be negligible"
    elif holds:
        word, reason = "holds", f"shown in at least {k} of {m} conditions"
    elif fails:
        word, reason = "fails", f"shown to be untrue in at least {m - k + 1} of {m} conditions"
    else:
        word, reason = "undecided", "neither shown nor refuted"
    return _Outcome(word, f"{reason} ({shown})", p_hold, p_fail)


def _compare(claim: Claim, frame: pd.DataFrame, published: Published) -> Comparison:
    condition = next(c for c in claim.conditions if published.condition in (c["label"], ""))
    arms = [published.arm] if published.arm else [claim.arm, *claim.rivals[:1]]
    measured = [_measure(claim, frame, condition, selection(arm), published.select) for arm in arms]
    numbers = measured[0][0] if len(arms) == 1 else st.paired_differences(measured[0][0], measured[1][0])
    numbers = numbers.iloc[: claim.n]
    rows = pd.concat([rows for _, rows in measured])
    _refuse(claim, f"beside the published {published.value:g}", rows[rows["replicate"].isin(numbers.index)])
    _, low, high, n = st.prediction_interval(numbers)
    inside = None if math.isnan(low) else low <= published.value <= high
    return Comparison(published=published, low=low, high=high, n=n, inside=inside)


def _notes(claim: Claim, contrasts: list[_Contrast], findings: tuple[Finding, ...]) -> Iterable[str]:
    if (most := max(contrast.recorded for contrast in contrasts)) > claim.n:
        yield f"up to {most} replicates are on record; the first {claim.n} are used, as declared"
    for contrast in contrasts:
        if contrast.unpaired:
            yield f"{contrast.condition}: incomplete, left out: replicates {', '.join(map(str, contrast.unpaired))}"
    for finding in findings:
        for arm, count in finding.failed.items():
            if count:
                yield f"{finding.condition}: {count} of {finding.n} fits of {arm} failed"
