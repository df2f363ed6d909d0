"""Paired statistics over replicates: intervals, one-sided tests and their partial conjunction.

Everything here knows numbers only, no records and no claims. Tests reduce over one axis (the last
by default), so that a simulation of many experiments is one call. A sample that holds a value that
is not finite proves nothing: its intervals are nan and its p-values 1.

Sources: Clopper and Pearson 1934 (rates); Schuirmann 1987 (two one-sided tests); Benjamini and
Heller 2008, "Screening for partial conjunction hypotheses" (at least k of m, in its Bonferroni
form, valid under any dependence between conditions); Kaplan and Meier 1958 (time to an event, with
runs that end before it).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

ALPHA = 0.025  # one-sided level of every verdict; its two-sided intervals are at 95 %
TINY = 1e-12  # differences this small are rounding: accuracies come in steps of 1e-4


class Interval(NamedTuple):
    """A mean with the ends of its interval, in the unit of the values, and the number of values
    behind it.
    """

    mean: float
    low: float
    high: float
    n: int


class SignTest(NamedTuple):
    """How many differences lie above, below and at the threshold, and the exact two-sided p-value
    of the first two.
    """

    wins: int
    losses: int
    ties: int
    p: float


def paired_differences(arm: pd.Series, rival: pd.Series) -> pd.Series:
    """arm - rival for the replicates (the index) that both have, in order of replicate.

    Raises ValueError if a replicate occurs twice.
    """
    for series in (arm, rival):
        if series.index.has_duplicates:
            raise ValueError(
                f"replicates occur twice: {sorted(set(series.index[series.index.duplicated()]))}"
            )
    common = arm.index.intersection(rival.index).sort_values()
    return arm.loc[common] - rival.loc[common]


def _interval(values: ArrayLike, level: float, single_run: bool) -> Interval:
    values = np.asarray(values, float)
    n = values.size
    if n == 0 or not np.isfinite(values).all():
        return Interval(np.nan, np.nan, np.nan, n)
    mean = float(values.mean())
    if n < 2:
        return Interval(mean, np.nan, np.nan, n)
    scale = values.std(ddof=1) * np.sqrt(1 / n + single_run)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * scale)
    return Interval(mean, mean - half, mean + half, n)


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean with Student's two-sided interval; the ends are nan for fewer than two values."""
    return _interval(values, level, single_run=False)


def prediction_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Where one further run falls with probability `level`, if runs are normal: mean ± t·s·√(1 +
    1/n).
    """
    return _interval(values, level, single_run=True)


def kaplan_meier(times: ArrayLike, seen: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    """Share of runs to which an event has not happened yet, where some were only watched until
    `times` (`seen` is False).

    One row for each time with an event: time, at_risk, events, surviving and its interval (low,
    high) by Greenwood's variance of log(-log), which keeps it in [0, 1]; the ends are nan where
    nothing survives.
    """
    times, seen = np.asarray(times, float), np.asarray(seen, bool)
    at = np.unique(times[seen])
    at_risk = np.array(
        [(times >= t).sum() for t in at], int
    )  # a run that ends at t was watched at t
    events = np.array([(seen & (times == t)).sum() for t in at], int)
    surviving = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(np.cumsum(events / (at_risk * (at_risk - events)))) / np.abs(
            np.log(surviving)
        )
        width = np.exp(stats.norm.ppf((1 + level) / 2) * deviation)
        low, high = (
            np.where(surviving > 0, surviving**power, np.nan) for power in (width, 1 / width)
        )
    return pd.DataFrame(
        {
            "time": at,
            "at_risk": at_risk,
            "events": events,
            "surviving": surviving,
            "low": low,
            "high": high,
        }
    )


def p_rate_above(successes: ArrayLike, n: int, rate: float) -> np.ndarray:
    """Exact one-sided p-value against "the success rate is at most `rate`"; at most .025 where the
    bound passes.
    """
    return stats.binom.sf(np.asarray(successes) - 1, n, rate)


def p_rate_below(successes: ArrayLike, n: int, rate: float) -> np.ndarray:
    """Exact one-sided p-value against "the success rate is at least `rate`"."""
    return stats.binom.cdf(successes, n, rate)


def p_above(differences: ArrayLike, threshold: float = 0.0, axis: int = -1) -> np.ndarray:
    """One-sided t-test p-value against "mean <= threshold", reduced over `axis`.

    Fewer than two values, or a value that is not finite, give 1. Equal values have no spread to
    divide by: they are tested as n signs, which gives 2^-n when they lie above the threshold and 1
    otherwise (at the threshold too).
    """
    d = np.moveaxis(np.asarray(differences, float), axis, -1)
    n = d.shape[-1]
    if n < 2:
        return np.ones(d.shape[:-1])[()]
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = d.mean(-1) - threshold
        spread = d.std(-1, ddof=1)
        p = stats.t.sf(gap * np.sqrt(n) / spread, n - 1)
        flat = spread <= TINY * np.maximum(1, np.abs(d).max(-1))
    p = np.where(flat, np.where(gap > TINY, 0.5**n, 1.0), p)
    return np.where(np.isfinite(d).all(-1), p, 1.0)[()]


def p_below(differences: ArrayLike, threshold: float = 0.0, axis: int = -1) -> np.ndarray:
    """One-sided t-test p-value against "mean >= threshold"; the mirror image of `p_above`."""
    return p_above(-np.asarray(differences, float), -threshold, axis)


def p_inside(differences: ArrayLike, margin: float) -> np.ndarray:
    """Two one-sided tests: p-value against "the mean is at least `margin` away from zero"."""
    return np.maximum(p_above(differences, -margin), p_below(differences, margin))


def p_outside(differences: ArrayLike, margin: float) -> np.ndarray:
    """p-value against "the mean lies within ±margin": the smaller of two one-sided tests,
    doubled.
    """
    smaller = np.minimum(p_above(differences, margin), p_below(differences, -margin))
    return np.minimum(1.0, 2 * smaller)


def sign_test(differences: ArrayLike, threshold: float = 0.0) -> SignTest:
    """Exact two-sided sign test of "as often above the threshold as below"; ties (and nan) are left
    out.

    Infinite differences count: a fit that left no value loses to one that did.
    """
    gap = np.asarray(differences, float) - threshold
    wins, losses = int((gap > TINY).sum()), int((gap < -TINY).sum())
    p = float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return SignTest(wins, losses, gap.size - wins - losses, p)


def partial_conjunction(p: ArrayLike, k: int) -> np.ndarray:
    """p-value of "at least k of the m conditions are true": (m - k + 1) · p_(k), at most 1.

    p: p-values of the m conditions along the last axis. For the opposite verdict, "fewer than k
    are", pass the opposite p-values and m - k + 1: that gives k · q_(m - k + 1). Raises ValueError
    unless 1 <= k <= m.
    """
    p = np.asarray(p, float)
    m = p.shape[-1]
    if not 1 <= k <= m:
        raise ValueError(f"k must lie between 1 and the {m} conditions, not {k}")
    return np.minimum(1.0, (m - k + 1) * np.sort(p, -1)[..., k - 1])[()]


def slope(positions: ArrayLike, values: ArrayLike) -> np.ndarray:
    """Least-squares slope of each replicate: values (..., m) at m positions -> (...), in values per
    unit of position.

    Raises ValueError for fewer than two distinct positions.
    """
    x = np.asarray(positions, float)
    x = x - x.mean()
    if np.ptp(x) <= TINY:
        raise ValueError("a slope needs at least two distinct positions")
    return np.asarray(values, float) @ x / (x @ x)
