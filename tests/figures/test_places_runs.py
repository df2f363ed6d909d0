"""How many runs do what, from made-up scores."""

import pandas as pd
import pytest

from spatialbias.figures import places_runs as runs

NOTHING = "not on record"


def scores(arm, pairs, split="quadrant"):
    """pairs: (trained on, held out) of each replicate."""
    return pd.DataFrame([{"arm": arm, "split": split, "replicate": r, "part": part, "value": value, "learning_rate": 0.01 * (r + 1)}
                         for r, pair in enumerate(pairs) for part, value in zip(("train", "test"), pair)])  # fmt: skip


def test_what_is_left_over_is_time_or_a_rule():
    assert "not lack of time" in runs.left_over(scores("a", [(1, 1), (1, 0.9)]))
    unfinished = runs.left_over(scores("a", [(1, 1), (0.8, 0.7)]))
    assert (
        unfinished
        == "1 of 2 runs name every position that they were trained on; 1 miss held-out ones, 30 % to 30 % of them."
    )
    assert (
        runs.left_over(scores("a", [])[:0].reindex(columns=scores("a", [(1, 1)]).columns))
        == NOTHING
    )


def test_dead_runs_are_counted_apart():
    frame = pd.concat(
        [scores("a", [(1, 0.9), (0, 0), (0.5, 0.4)]), scores("b", [(1, 0.5), (1, 0.5), (1, 0.5)])]
    )
    said = runs.learnt(frame, arm="a")
    assert (said["learnt"], said["dead"]) == ("1 of 3", "1 of 3") and said["alive_test"].startswith(
        "65.0 %"
    )
    assert (
        runs.alive_lead(frame, "a", "b").startswith("+15.0 points")
        and runs.alive_lead(frame, "a", "c") == NOTHING
    )


def test_corners_are_those_of_the_turns():
    frame = scores("a", [(1, 1), (1, 1), (1, 0), (1, 0), (1, 0.5)])
    table = runs.by_corner(frame, {"a": "plain", "b": "none"}).set_index("held-out quadrant")
    assert table["plain"].to_dict() == {
        "bottom right, as published": "1 of 2",
        "top left": "0 of 1",
        "bottom left or top right": "1 of 2",
    }
    assert set(table["none"]) == {"–"}
    listed = runs.listed(pd.concat([frame, scores("a", [(1, 0.25), (1, 0.5)], "uniform")]))
    assert listed["corner held out"].tolist() == ["–", *runs.CORNERS] and listed[
        "runs"
    ].tolist() == [2, 2, 1, 1, 1]
    assert listed["held out"].tolist() == [
        "25.0–50.0 %",
        "50.0–100.0 %",
        "100.0 %",
        "0.0 %",
        "0.0 %",
    ]


def test_runs_are_compared_one_by_one():
    one = scores("a", [(1, 1), (1, 0.5), (1, 1)])
    assert runs.signs(
        pd.concat([one, scores("b", [(1, 0.5), (1, 0.5), (1, 1)])]), "a", "b"
    ).startswith("more in 1, fewer in 0, as many in 2")
    assert (
        runs.lost(one, {"quadrant": 1.0}) == "3 of 3"
        and runs.best_setting(one, "a") == "100.0 % (rate 0.01)"
    )


@pytest.mark.parametrize(
    "held, told",
    [
        ((0.9, 0.9, 0.1, 0.1), "this fits a comparison"),
        ((0.9, 0.9, 0.1, 0.9), "at least one carries over, too"),
        ((0.9, 0.1, 0.1, 0.1), "is not enough"),
        ((0.9, 0.9, 0.1, None), "Not all four"),
    ],
)
def test_four_combinations_say_whether_places_are_compared(held, told):
    kinds = dict(zip(("first", "both", "fourier", "asked"), "abcd"))
    frame = pd.concat(
        [scores(arm, [(1.0, value)] * 2) for arm, value in zip("abcd", held) if value is not None]
    )
    assert told in runs.comparing(frame, kinds)


def test_what_has_not_learnt_is_not_compared():
    kinds = dict(zip(("first", "both", "fourier", "asked"), "abcd"))
    assert "Not every combination has learnt" in runs.comparing(
        pd.concat([scores(arm, [(0.5, 0.5)]) for arm in "abcd"]), kinds
    )


def test_runs_that_found_the_pixel_and_lost_it_are_counted_apart():
    courses = [(9.0, 0.4, 0.1), (9.0, 0.00004, 11.5), (9.0, 8.0, 8.0), (9.0, 0.6, 0.3)]
    curves = pd.DataFrame([{"arm": "a", "split": "quadrant", "replicate": r, "epoch": epoch, "score": score}
                           for r, course in enumerate(courses) for epoch, score in zip((1, 10, 30), course)])  # fmt: skip
    right = scores("a", [(1, 1), (0, 0), (0, 0), (1, 0.9)])
    lost = "1 of 4 erred by less than half a pixel at an earlier epoch and no longer at the end (at best 4·10⁻⁵ pixels, at the end 11.5)"
    assert runs.lost_again(curves, "a") == lost and runs.lost_again(
        curves, "b"
    ) == NOTHING == runs.ends(curves, right, "b")
    assert runs.ends(curves, right, "a") == (
        f"1 of 4 runs name every held-out position at the end; {lost}; 1 never came below half a pixel (at best 8.0); 1 err by less at the "
        "end, but miss positions. In 2 of 4 the error fell by a tenth or more over the last 20 epochs."
    )
    assert "0 of 4 erred" in runs.lost_again(curves[curves["epoch"] == 1], "a")
