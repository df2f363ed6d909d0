"""From a tidy frame to an effect, and what an effect answers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spatialbias.evidence import Answer, Effect, EvidenceError, effect, every

BORNE, CONTRA, OPEN = Answer.BORNE_OUT, Answer.CONTRADICTED, Answer.NOT_SHOWN


def frame(values: dict[str, list[float]], **columns) -> pd.DataFrame:
    """Accuracies by arm and replicate."""
    rows = [
        {"arm": arm, "replicate": r, "value": value}
        for arm, several in values.items()
        for r, value in enumerate(several)
    ]
    fixed = {"measure": "accuracy", "at": "stop", "part": "", "x": None, "stop_reason": "loss"}
    return pd.DataFrame(rows).assign(**fixed, numerics="cpu", current=True, **columns)


PAIRS = frame({"a": [0.31, 0.34, 0.36, 0.33], "b": [0.30, 0.32, 0.33, 0.32]})


def test_an_effect_is_the_paired_difference_in_points_with_students_interval():
    found = effect(PAIRS, "a", "b")
    differences = np.array([1.0, 2.0, 3.0, 1.0])
    low, high = stats.t.interval(0.95, 3, differences.mean(), stats.sem(differences))
    assert found.mean == pytest.approx(1.75) and found.n == 4
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert f"{found:.1f}" == "1.8" and str(found) == "+1.8 [+0.2, +3.3], n = 4"


def test_effects_are_subtracted_replicate_by_replicate():
    alone = effect(PAIRS, "a") - effect(PAIRS, "b")
    pair = effect(PAIRS, "a", "b")
    assert (alone.mean, alone.low, alone.n) == pytest.approx((pair.mean, pair.low, pair.n))
    assert (-pair).high == pytest.approx(-pair.low)


@pytest.mark.parametrize(
    "low, high, above, below, level",
    [(1, 3, BORNE, CONTRA, OPEN), (-3, -1, CONTRA, BORNE, OPEN), (-1, 1, OPEN, OPEN, BORNE)]
    + [(2.5, 3, BORNE, CONTRA, CONTRA), (np.nan, np.nan, OPEN, OPEN, OPEN)],
)
def test_an_answer_is_an_interval_against_a_margin(low, high, above, below, level):
    found = Effect((low + high) / 2, low, high, 10, pd.Series(dtype=float))
    assert (found.above(0), found.below(0), found.level(2)) == (above, below, level)


def test_failed_fits_show_nothing():
    rows = PAIRS.assign(stop_reason=["cap", *["loss"] * 7])
    assert effect(PAIRS, "a", "b").above(0) is BORNE
    assert effect(rows, "a", "b").above(0) is OPEN


def test_several_answers_are_as_good_as_the_worst():
    assert every([BORNE, BORNE]) is BORNE
    assert every([BORNE, OPEN]) is OPEN and every([OPEN, CONTRA]) is CONTRA and every([]) is OPEN
    with pytest.raises(TypeError, match="not on True"):
        every([True])


def test_successes_are_counted_with_an_exact_interval():
    found = effect(frame({"a": [1.0] * 14 + [0.2] * 6}), "a", success=1.0)
    assert found.count == 14 and found.mean == pytest.approx(70) and f"{found.low:.1f}" == "45.7"
    assert found.above(40) is BORNE and found.above(80) is OPEN


def test_pairs_of_two_numerics_classes_and_ambiguous_rows_are_refused():
    with pytest.raises(EvidenceError, match="mixed in the pairs of replicates 1"):
        effect(PAIRS.assign(numerics=["x", "y", *"xx", *"xxxx"]), "a", "b")
    with pytest.raises(EvidenceError, match="several values in replicates 0"):
        effect(pd.concat([PAIRS, PAIRS[:1].assign(value=0.9)]), "a", "b")


def test_nothing_selected_shows_nothing():
    found = effect(PAIRS, "a", "c")
    assert found.n == 0 and found.above(0) is OPEN
