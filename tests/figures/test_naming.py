"""What the pages of naming and finding a pixel say in words, from made-up scores: every way it may
come out.
"""

import numpy as np
import pandas as pd
import pytest

from spatialbias.figures import finding, naming, starts

NOTHING = "not on record"


def scores(arm, pairs, split="quadrant"):
    """pairs: (trained on, held out) of each replicate."""
    return pd.DataFrame([{"arm": arm, "split": split, "replicate": r, "part": part, "value": value, "learning_rate": 0.1, "measure": "score"}
                         for r, pair in enumerate(pairs) for part, value in zip(("train", "test"), pair)])  # fmt: skip


def runs(uniform, quadrant):
    return pd.concat(
        [
            scores("coordconv", [(1, v) for v in uniform], "uniform"),
            scores("coordconv", [(1, v) for v in quadrant]),
        ]
    )


EMPTY = runs([1], [1])[:0]


@pytest.mark.parametrize("full, small, told", [
    (((1, 1), (1, 0.3)), ((1, 0.9), (1, 0.5)), "describes the published setting, not the layer"),
    (((1, 1), (1, 1)), ((1, 1), (1, 1)), "describes the layer"),
    (((1, 0.9), (1, 1)), ((1, 1), (1, 1)), "did not come out in every run even in the published setting"),
    (((1,), (1,)), ((1,), (1,)), "is open until all of these are on record"),
])  # fmt: skip
def test_perfect_is_of_its_setting_of_the_layer_or_of_neither(full, small, told):
    assert told in naming.published_setting(runs(*full), runs(*small))["setting"]


def test_another_canvas_says_nothing_of_the_published_one():
    assert (
        "says nothing of what they published"
        in naming.published_setting(runs([1], [1, 1]), runs([1], [1, 1]), 16)["setting"]
    )


def test_perfect_runs_are_counted_by_group():
    found = naming.published_setting(runs([1, 1, 0.9], [1, 0.2]), runs([1], [1, 1, 0, 0, 0.5]))
    assert {k: v for k, v in found.items() if k != "setting"} == {
        "full_uniform": "2 of 3",
        "full_theirs": "1 of 1",
        "full_others": "0 of 1",
        "small_uniform": "1 of 1",
        "small_theirs": "1 of 2",
        "small_others": "1 of 3",
    }
    assert set(naming.published_setting(EMPTY, EMPTY).values()) - {NOTHING} == {
        "What that makes of “perfect” is open until all of these are on record."
    }


def test_two_corners_that_are_alike_are_told_apart_and_together():
    frame = scores("a", [(1, 1), (1, 1), (1, 0), (1, 0), (1, 1), (1, 0.5)])
    assert (
        naming.pair(frame, "a") == "1 of 2 (bottom left) and 0 of 1 (top right), together 1 of 3"
        and naming.pair(frame, "b") == NOTHING
    )


def test_runs_that_were_not_done():
    frame = scores("a", [(1, 1), (1, 0.5), (0.9, 0.5)])
    assert (
        naming.unfinished(frame, arm="a") == "1 of 2"
        and naming.unfinished(frame, arm="b") == NOTHING
    )


@pytest.mark.parametrize("pairs, losses, told", [
    ([(0.7, 0.0), (0.5, 0.4), (0.1, 0.2)], (1, 2, 3), "makes the deconvolution worse: of the held-out positions one setting names 20.0 % on average, the best of 3 names 0.0 %; "
     "the setting that names most of the positions trained on (70.0 %) names 0.0 %."),
    ([(0.7, 0.9), (0.5, 0.0), (0.1, 0.0)], (1, 2, None), "makes the deconvolution better"),
    ([(0.7, 0.3), (0.5, 0.3)], (1, 2), "does little for the deconvolution"),
])  # fmt: skip
def test_what_more_search_does(pairs, losses, told):
    frame = scores("deconv", pairs, "uniform")
    trials = pd.DataFrame(
        [
            {"arm": "deconv", "split": "uniform", "replicate": r, "loss": loss}
            for r, loss in enumerate(losses)
        ]
    )
    assert told in naming.searched(frame, trials, "deconv") and NOTHING in naming.searched(
        frame, trials, "coordconv"
    )


def test_the_replicate_that_is_drawn_is_the_worst():
    drawn = pd.concat(
        [
            scores("coordconv names", [(1, 1), (1, 0.4), (1, 0.7)]),
            scores("coordconv names", [(1, 0)], "uniform"),
        ]
    )
    assert naming.worst(drawn) == 1 and naming.worst(EMPTY) == 0
    assert naming.shown(drawn, 1, {"coordconv names": "by CoordConv"}) == (
        "replicate 1, in which the quadrant at the bottom left is held out; named of it: by CoordConv 40.0 %"
    )
    assert naming.shown(drawn, 5, {"coordconv names": "by CoordConv"}).endswith(
        f"named of it: {NOTHING}"
    )


def test_coordinates_taken_away_in_words():
    frame = pd.DataFrame(
        [
            {"arm": "a", "split": "quadrant", "part": part, "value": value}
            for part, value in (("told", 1), ("zeroed", 0), ("exchanged", 0.5))
        ]
    )
    assert (
        naming.without(frame, arm="a")
        == "0.0 % instead of 100.0 % with their weights at zero, 50.0 % with x and y exchanged"
    )


def test_three_ways_to_count_stand_in_one_table():
    right = pd.concat(
        [
            scores("coordconv", [(1, 0.5)] * 2),
            scores("coordconv", [(1, 0.75)] * 2).replace(
                {"train": "train, single", "test": "test, single"}
            ),
        ]
    )
    found = finding.counts(right, scores("coordconv", [(0.25, 4.0)] * 2), ("coordconv", "deconv"))
    cells = [cell.partition("</td>")[0] for cell in found.split("<td>")[1:]]
    assert cells[:2] == ["CoordConv", "quadrant"] and [
        cell.replace("\u00a0", " ") for cell in cells[2:]
    ] == [
        "75.0 % [75.0, 75.0]<br><small>100.0 %</small>",
        "50.0 % [50.0, 50.0]<br><small>100.0 %</small>",
        "4.00 [4.00, 4.00]<br><small>0.25</small>",
    ]
    assert (
        finding.repeats(right) == "2"
        and finding.repeats(EMPTY) == NOTHING
        and "<tbody></tbody>" in finding.counts(EMPTY, EMPTY, ())
    )


@pytest.mark.parametrize(
    "built, told",
    [
        ((7, 8, 9), "take the weaker one"),
        ((3, 2, 1), "take the stronger rival"),
        ((5, 4, 6), "is not settled"),
    ],
)
def test_which_rival_is_the_weaker(built, told):
    frame = pd.concat(
        [
            scores("built", [(0, v) for v in built]),
            scores("other", [(0, v) for v in (5.0, 5.1, 5.2)]),
        ]
    )
    assert told in finding.weaker(frame, "built", "other", "quadrant")


def test_a_gap_in_pixels_is_counted_replicate_by_replicate():
    frame = pd.concat([scores("built", [(0, 6), (0, 8), (0, 4)]), scores("other", [(0, 5)] * 3)])
    assert (
        finding.gap(frame, "built", "other", "quadrant")
        == "+1.00 pixels [-3.97, +5.97], n = 3, larger in 2 of 3 replicates"
    )
    assert finding.gap(frame, "built", "other", "uniform") == NOTHING
    assert finding.lead(
        frame.replace({"test": "test, single"}), "built", "other", "quadrant"
    ).startswith("+100.0 points")


def test_errors_of_runs_by_how_many_coordinates_are_found():
    found = pd.DataFrame([{"split": "quadrant", "replicate": r, "coordinate": c, "start": 0, "end": 0, "error": e}
                          for r, pair in enumerate([(0.1, 0.2), (0.1, 8.0), (0.2, 8.0), (9.0, 8.0)]) for c, e in zip("xy", pair)])  # fmt: skip
    score = scores("coordconv", [(0, 0.2), (0, 8.0), (0, 8.3), (0, 12.0)])
    assert (
        starts.by_found(found, score)
        == "quadrant split, both: 0.2 pixels (1 run), one: 8.0–8.3 pixels (2 runs), none: 12.0 pixels (1 run)"
    )
    assert starts.by_found(found[:0], score) == NOTHING


def test_marks_on_one_spot_are_counted():
    x, y = np.array([0.0, 1.0, 2.0, 90.0, 91.0, 0.0]), np.array([0.9, 0.9, 0.8, 0.9, 0.9, -3.0])
    assert (
        starts.crowds(x, y) == [(2.0, pytest.approx(0.8667, abs=1e-4), 3)]
        and starts.crowds(x[:0], y[:0]) == []
    )
