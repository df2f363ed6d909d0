"""Statistics: values computed by hand, then the error rates on which every verdict rests, by
simulation.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spatialbias import statistics as st

SIMULATIONS = 20_000
# A true rate of .025 gives, in 20,000 simulations, more than .030 with probability 3e-6 (4.5
# standard errors of .0011).
WORST = 0.030


def test_pairs_are_complete_and_in_order():
    arm = pd.Series([3.0, 1.0, 2.0], index=[2, 0, 1])
    rival = pd.Series([1.0, 0.5], index=[0, 2])
    assert st.paired_differences(arm, rival).to_dict() == {0: 0.0, 2: 2.5}
    with pytest.raises(ValueError, match="twice"):
        st.paired_differences(pd.Series([1.0, 2.0], index=[0, 0]), rival)


def test_intervals_by_hand():
    # values 1, 2, 3: mean 2, s = 1, t(.975; 2) = 4.302653
    mean, low, high, n = st.mean_interval([1, 2, 3])
    assert (mean, n) == (2.0, 3) and high - mean == pytest.approx(4.302653 / np.sqrt(3), abs=1e-6)
    assert low == pytest.approx(2 * mean - high)
    assert st.prediction_interval([1, 2, 3]).high - 2 == pytest.approx(
        4.302653 * np.sqrt(4 / 3), abs=1e-6
    )


def test_intervals_of_small_and_broken_samples():
    assert np.isnan(st.mean_interval([]).mean)
    assert st.mean_interval([0.5])[0] == 0.5 and np.isnan(st.mean_interval([0.5]).low)
    assert np.isnan(st.mean_interval([0.5, np.nan]).mean) and np.isnan(
        st.prediction_interval([0.1, -np.inf]).low
    )
    assert st.mean_interval([0.5, 0.5, 0.5])[:3] == (0.5, 0.5, 0.5)


def test_prediction_interval_covers_one_further_run():
    draws = np.random.default_rng(0).normal(size=(2000, 11))
    inside = [
        low <= run[-1] <= high
        for run in draws
        for _, low, high, _ in [st.prediction_interval(run[:-1])]
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)  # 4 standard errors


def test_kaplan_meier_by_hand():
    # events at 1 and 3, runs that end without one at 2 and 4: S = 3/4, then 3/4 * 1/2
    found = st.kaplan_meier([1, 2, 3, 4], [True, False, True, False])
    assert (
        found["time"].tolist() == [1, 3]
        and found["at_risk"].tolist() == [4, 2]
        and found["events"].tolist() == [1, 1]
    )
    assert found["surviving"].tolist() == pytest.approx([0.75, 0.375])
    # Greenwood: 1/(4*3) = 1/12; log(-log) deviation sqrt(1/12)/|log .75|
    power = np.exp(1.959964 * np.sqrt(1 / 12) / -np.log(0.75))
    assert found.loc[0, ["low", "high"]].tolist() == pytest.approx(
        [0.75**power, 0.75 ** (1 / power)], abs=1e-6
    )


def test_kaplan_meier_at_its_ends():
    assert st.kaplan_meier([5, 5], [False, False]).empty and st.kaplan_meier([], []).empty
    gone = st.kaplan_meier([2, 2, 3], [True, True, True])
    assert gone["surviving"].tolist() == pytest.approx([1 / 3, 0]) and np.isnan(
        gone["low"].iloc[-1]
    )
    tie = st.kaplan_meier(
        [2, 2], [True, False]
    )  # a run that ends at 2 was still watched when the other succeeded
    assert tie["surviving"].tolist() == [0.5]


@pytest.mark.parametrize("successes", [0, 15, 19, 20])
def test_rate_p_values_agree_with_the_bounds(successes):
    low, high = stats.binomtest(successes, 20).proportion_ci()
    for rate in (0.05, 0.5, 0.8, 0.95):
        assert (st.p_rate_above(successes, 20, rate) <= 0.025) == (low >= rate)
        assert (st.p_rate_below(successes, 20, rate) <= 0.025) == (high <= rate)


def test_p_values_by_hand_and_against_scipy():
    # differences 1, 2, 3 against 0: t = 2 √3 = 3.4641 on 2 degrees of freedom, p = ½ (1 - t / √(t²
    # + 2)) = .03709
    assert st.p_above([1, 2, 3]) == pytest.approx(0.5 * (1 - np.sqrt(12 / 14)), abs=1e-12)
    assert st.p_below([1, 2, 3], 4) == pytest.approx(st.p_above([1, 2, 3]))
    d = np.random.default_rng(1).normal(0.1, 1, (6, 4, 9))
    expected = stats.ttest_1samp(d, 0.3, axis=1, alternative="greater").pvalue
    np.testing.assert_allclose(st.p_above(d, 0.3, axis=1), expected)
    np.testing.assert_allclose(st.p_below(d, 0.3, axis=1), 1 - expected)


def test_equal_differences_are_tested_as_signs():
    ten = np.full(10, 0.31) - 0.28  # 3 points, up to rounding
    assert st.p_above(ten, 0.0) == 2.0**-10 and st.p_below(ten, 0.0) == 1.0
    assert (
        st.p_above(ten, 0.03) == 1.0 and st.p_below(ten, 0.03) == 1.0
    )  # at the threshold: no evidence either way
    assert st.p_above(np.full(5, 0.02)) > st.ALPHA  # five equal runs are not enough
    rounding = 0.5 + np.array([0, 1e-16, -1e-16, 1e-16])
    assert st.p_above(rounding) == 2.0**-4


def test_too_few_or_broken_values_prove_nothing():
    assert st.p_above([0.5]) == st.p_below([0.5]) == st.p_above([]) == 1.0
    for lost in (np.nan, np.inf, -np.inf):
        assert st.p_above([0.5, 0.6, lost]) == st.p_below([0.5, 0.6, lost]) == 1.0
    assert st.p_above(np.zeros((3, 1))).tolist() == [1.0] * 3


def test_sign_test_by_hand():
    assert st.sign_test([1, 1, 1, 1, 1, -1, 0]) == (5, 1, 1, pytest.approx(2 * 7 / 64))
    assert st.sign_test([0.02, 0.04], 0.03)[:3] == (1, 1, 0)
    assert st.sign_test([np.inf, -np.inf, np.nan])[:3] == (1, 1, 1)
    assert st.sign_test([0, 0]).p == 1.0


def test_partial_conjunction_by_hand():
    p = [0.2, 0.001, 0.01, 0.03]
    assert st.partial_conjunction(p, 4) == 0.2  # all: the largest
    assert st.partial_conjunction(p, 3) == pytest.approx(2 * 0.03)
    assert st.partial_conjunction(p, 1) == pytest.approx(4 * 0.001)  # any: Bonferroni
    assert st.partial_conjunction([0.5, 0.6], 1) == 1.0
    assert st.partial_conjunction([p, p[::-1]], 2).tolist() == pytest.approx([0.03, 0.03])
    for k in (0, 5):
        with pytest.raises(ValueError, match="between 1 and the 4"):
            st.partial_conjunction(p, k)


def test_equivalence_by_hand():
    d = np.array([-0.002, 0.002, 0.001, -0.001, 0.0, 0.001])
    assert st.p_inside(d, 0.01) < 1e-4 and st.p_outside(d, 0.01) == 1.0
    assert st.p_outside(d + 0.05, 0.01) == pytest.approx(2 * st.p_above(d + 0.05, 0.01), rel=1e-9)
    assert st.p_outside(d - 0.05, 0.01) == pytest.approx(st.p_outside(0.05 - d, 0.01))
    assert st.p_inside(d + 0.05, 0.01) > 0.99


def test_slope_by_hand():
    assert st.slope([0, 1, 2], [[1, 3, 5], [0, 3, 0], [2, 2, 2]]).tolist() == pytest.approx(
        [2, 0, 0]
    )
    assert st.slope([1, 2, 4], [1, 2, 4]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="two distinct positions"):
        st.slope([3, 3], [[1, 2]])


def _conditions(m: int, n: int, means: list[float], seed: int, sd: float = 0.03) -> np.ndarray:
    """Paired differences (simulation, condition, replicate), correlated by .5 between the
    conditions of a replicate.
    """
    rng = np.random.default_rng(seed)
    shared, own = rng.normal(size=(SIMULATIONS, 1, n)), rng.normal(size=(SIMULATIONS, m, n))
    return np.asarray(means)[:, None] + sd * np.sqrt(0.5) * (shared + own)


@pytest.mark.parametrize("n", [5, 10, 30])
@pytest.mark.parametrize(("m", "k"), [(1, 1), (4, 1), (4, 3), (4, 4), (6, 4), (6, 6)])
def test_error_rates_under_the_least_favourable_null(m, k, n):
    tau, tau_fail = 0.0, 0.01
    # not quite k conditions above τ: k - 1 hugely, the others exactly at τ
    d = _conditions(m, n, [1.0] * (k - 1) + [tau] * (m - k + 1), seed=100 * m + 10 * k + n)
    holds = st.partial_conjunction(st.p_above(d, tau), k) <= st.ALPHA
    assert holds.mean() <= WORST
    # the mirror image: k conditions exactly at τ′, the others hugely below it
    d = _conditions(m, n, [-1.0] * (m - k) + [tau_fail] * k, seed=100 * m + 10 * k + n + 1)
    fails = st.partial_conjunction(st.p_below(d, tau_fail), m - k + 1) <= st.ALPHA
    assert fails.mean() <= WORST
    if k == m:  # then the bound is sharp: a test that never decided would pass the lines above
        assert holds.mean() >= 0.020


def test_an_uncorrected_conjunction_would_be_caught():
    d = _conditions(4, 10, [0.0] * 4, seed=7)
    assert (np.sort(st.p_above(d), -1)[:, 0] <= st.ALPHA).mean() > 2 * WORST


@pytest.mark.parametrize("n", [5, 10, 30])
def test_error_rates_of_level(n):
    at_margin = _conditions(1, n, [0.01], seed=n, sd=0.005)[:, 0]
    assert (st.p_inside(at_margin, 0.01) <= st.ALPHA).mean() <= WORST
    assert (st.p_outside(at_margin, 0.01) <= st.ALPHA).mean() <= WORST


def test_power_of_verdicts(record_property):
    """At 3 points, a spread of 3 and n = 20, "usually" of four conditions is decided nearly always;
    at n = 5 rarely.
    """
    found = {}
    for n in (5, 10, 20, 30):
        d = _conditions(4, n, [0.03] * 4, seed=n)
        found[n] = round(float((st.partial_conjunction(st.p_above(d), 3) <= st.ALPHA).mean()), 3)
        record_property(f"power at n = {n}", found[n])
    print("power of 'usually better', 4 conditions, effect 3 points, spread 3 points:", found)
    assert found[5] < 0.5 and found[10] > 0.5 and found[20] > 0.95 and found[30] > 0.99


def test_stuck_runs_break_the_t_test():
    """Why failed fits bar a verdict about means: with 10 % of an arm stuck the t-test errs far more
    often than .025.
    """
    rng = np.random.default_rng(5)
    stuck = rng.random((SIMULATIONS, 10)) < 0.10
    d = (
        rng.normal(0, 0.005, (SIMULATIONS, 10)) + 0.02 - 0.2 * stuck
    )  # the true mean difference is 0
    assert (st.p_above(d) <= st.ALPHA).mean() > 0.3
