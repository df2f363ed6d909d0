"""The worked claim of the appendix says what the judge says."""

from types import SimpleNamespace

import pytest

from spatialbias.claims import judge
from spatialbias.legacy import worked
from tests.claims.test_judge import ONE, pair

FIELDS = {"p_hold": 1.0, "p_fail": 1.0, "reason": ""}


def verdict(word, *pq, claim="usually"):
    findings = [
        SimpleNamespace(
            condition=f"N = {k}", rival=rival, p=p, q=q, n=10, mean=0.01, low=0.0, high=0.02
        )
        for k, rivals in enumerate(pq)
        for rival, (p, q) in zip(("coordinet", "fully_connected"), rivals)
    ]
    return SimpleNamespace(
        **FIELDS
        | {
            "word": word,
            "claim": SimpleNamespace(word=claim, tau=(0.03, 0.03)),
            "findings": findings,
        }
    )


FOUR = [
    ((0.2, 0.4), (0.3, 0.9)),
    ((0.01, 0.9), (0.02, 0.9)),
    ((1e-6, 1.0), (0.001, 1.0)),
    ((0.5, 0.002), (0.4, 0.3)),
]


def test_the_largest_p_and_the_bonferroni_minimum_of_q_stand_for_a_condition():
    rows = worked.conditions(verdict("undecided", *FOUR))
    assert rows["p"].to_list() == [0.3, 0.02, 0.001, 0.5] and rows["q"].to_list() == pytest.approx(
        [0.8, 1, 1, 0.004]
    )
    assert worked.shown(verdict("undecided", *FOUR))["q"].to_list() == ["0.8", "1", "1", "0.004"]


@pytest.mark.parametrize(
    "word, end",
    [
        ("holds", "The first is at most .025, so the claim holds."),
        ("fails", "The second is at most .025, so the claim fails."),
        ("undecided", "Neither is at most .025, so the claim is undecided."),
        ("holds (negligible)", "shown to be negligible."),
    ],
)
def test_the_steps_follow_the_rule_to_the_verdict(word, end):
    said = worked.steps(verdict(word, *FOUR))
    assert said.startswith(
        "“Usually” asks for k = 3 of m = 4 conditions. The third smallest p is 0.3, so the p-value of “holds” is 2 × 0.3 = 0.6."
    )
    assert (
        "The second smallest q is 0.8, so the p-value of “fails” is 3 × 0.8 = 2.4, cut to 1."
        in said
        and said.endswith(end)
    )


def test_the_numbers_are_the_judges_own():
    found = judge(ONE, pair(0.05))
    rows = worked.conditions(found)
    assert (
        found.word == "holds"
        and rows["p"].max() == pytest.approx(found.p_hold)
        and "so the claim holds" in worked.steps(found)
    )
    worked.picture(found).draw_without_rendering()


def test_where_no_p_value_is_due_the_reason_is_said():
    none = judge(ONE, None)
    assert (
        worked.steps(none).startswith("No p-value is due: no complete replicate yet")
        and worked.conditions(none).empty
    )
    assert worked.steps(judge(ONE, pair(0.05, n=3))).startswith(
        "No p-value is due: 3 complete replicates of the 10 declared"
    )
    assert "cannot be judged" in worked.steps(None)
    worked.picture(None).draw_without_rendering()
