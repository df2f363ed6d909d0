"""What the pages on rendering and on the sources' remarks say in words, from made-up runs; every
sentence is chosen by its numbers.
"""

import math

import pandas as pd
import pytest
import torch

from spatialbias.figures import painters, remarks
from spatialbias.figures import places_runs as runs
from spatialbias.run import initialised
from spatialbias.studies import study
from tests.figures.test_places_runs import scores


def errors(arm, values):
    rows = [
        {"arm": arm, "split": "quadrant", "replicate": r, "part": "test", "value": v}
        for r, v in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["arm", "split", "replicate", "part", "value"])


@pytest.mark.parametrize(
    "ours, theirs, told",
    [
        (
            [(1, 0.9), (1, 0.8), (1, 0.8), (0, 0)],
            [(1, 0.3)] * 4,
            ("better than", "1 of its 4 runs never do"),
        ),
        ([(1, 0.1), (1, 0.12)], [(1, 0.3)] * 2, ("less than", "all of its 2 runs do")),
        ([(1, 0.3), (1, 0.31)], [(1, 0.31), (1, 0.3)], ("no better and no worse",)),
        ([(1, 0.9)], [(1, 0.3)], ("(one run) beside", "its one run does")),
        ([(0, 0)], [(1, 0.3)], ("None of CoordConv’s 1 runs has begun",)),
        ([(1, 1)], [], ("not on record yet",)),
    ],
)
def test_the_answer_leaves_out_dead_runs_and_counts_them(ours, theirs, told):
    text = painters.answer(
        pd.concat([scores("a", ours), scores("b", theirs)] if theirs else [scores("a", ours)]),
        "a",
        "b",
    )
    assert all(words in text for words in told), text


@pytest.mark.parametrize(
    "few, many, told",
    [
        (
            [(0, 0), (0, 0)],
            [(1, 1), (0, 0)],
            "The condition is time: that is after 7,540 steps, about as many as the sources took; after 1,450, 2 of 2 runs",
        ),
        ([(1, 0), (1, 0)], [(1, 1), (0, 0)], "That is after 7,540 steps"),
    ],
)
def test_time_is_the_condition_where_fewer_steps_leave_more_runs_dead(few, many, told):
    assert painters.condition(
        scores("a", few), scores("b", many), ("a", "b"), (1450, 7540, 7550)
    ).startswith(told)
    assert "where the sources took 9,000;" in painters.condition(
        scores("a", few), scores("b", many), ("a", "b"), (1450, 7540, 9000)
    )
    assert not painters.condition(
        scores("a", few), scores("b", many), ("a", "c"), (1450, 7540, 7550)
    )


def test_a_fresh_painter_is_a_straight_line():
    trial = study("coordconv.rendering").plan("smoke", arms="coordconv").trials[0]
    paint, share = initialised(trial).paint, torch.linspace(0, 1, 5).view(5, 1, 1, 1)
    torch.testing.assert_close(paint(share), painters.slope(trial) * share)


@pytest.mark.parametrize(
    "dead, told",
    [
        (
            (False, True, True),
            "the dead are exactly the 2 steepest of 3 (slope +1.50 to +2.00; the others −1.00)",
        ),
        (
            (False, False, True),
            "the dead are the steepest of 3 (slope +2.00; the others −1.00 to +1.50)",
        ),
        ((True, False, True), "the dead are 2 of 3 (slope −1.00 to +2.00; the others +1.50)"),
        ((False,) * 3, "none of 3 is dead, at slopes −1.00 to +2.00"),
        ((True,) * 3, "all of 3 are dead, at slopes −1.00 to +2.00"),
    ],
)
def test_dead_runs_are_sought_among_the_steepest(dead, told):
    assert painters.by_slope(pd.DataFrame({"slope": (-1.0, 1.5, 2.0), "dead": dead})) == told


def test_a_dead_painter_answers_the_share_of_white_pixels():
    share = 81 / 256
    known = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert painters.blind_loss(16) == pytest.approx(known)
    found = pd.DataFrame({"loss": [known, 0.1], "dead": [True, False]})
    assert painters.blind([found], 16).startswith("A dead run says the same everywhere")
    assert "The dead runs end at a loss of 0.1000" in painters.blind(
        [found.assign(dead=[False, True])], 16
    )
    assert painters.blind([found.assign(dead=False)], 16) == "No run is dead here."


def test_without_records_nothing_is_said_of_slopes():
    empty = (
        study("coordconv.as_many_steps")
        .plan("paper", replicates=1, arms="coordconv painter, as many steps", size=16)
        .sweep(missing="show")
    )
    found = painters.runs(empty, "coordconv painter, as many steps")
    assert (
        found.empty
        and painters.by_slope(found) == "not on record"
        and painters.blind([found], 16) == "No run is dead here."
    )
    assert runs.ended([empty]) == "No trial is on record yet."


RATES = ("rate 0.0001", ("rate 0.001", "rate 0.01"), ("3,900", "750"))


@pytest.mark.parametrize(
    "slow, told",
    [
        ([0.1, 0.2, 9.0], "slow rather than hopeless"),
        ([9.0, 8.0, 7.0], "finds nothing"),
        ([0.1, 8.0, 7.0], "does arrive, if less often"),
    ],
)
def test_a_slow_rate_is_judged_by_how_many_runs_arrive(slow, told):
    many = pd.concat(
        [
            errors("rate 0.0001", slow),
            errors("rate 0.001", [0.1, 0.1, 0.8]),
            errors("rate 0.01", [0.2, 0.1, 0.3]),
        ]
    )
    said = remarks.rates_counted(many, errors("rate 0.0001", [3.0, 5.0]), *RATES)
    text = said["rates"]
    assert (
        told in text
        and told in said["rates_short"]
        and text.endswith("; after 750 steps the best of its runs erred by 3.0 pixels.")
    )
    assert (
        "2 of 3 at 0.001 and 3 of 3 at 0.01 err by less than half a pixel" in text
        and "3 of 3 and 3 of 3 by less than one" in text
    )
    assert (
        "not on record"
        in remarks.rates_counted(many[:0], errors("rate 0.0001", []), *RATES)["rates"]
    )


def test_an_average_answers_the_mean_place_or_the_centre():
    assert "the mean position that it was trained on (it errs by 12.0 pixels" in remarks.averaging(
        errors("a", [11.9, 12.1]), "a", 12.1, 9.7
    )
    assert remarks.averaging(errors("a", [9.7]), "a", 12.1, 9.7).startswith(
        "With an average it errs by 9.7 pixels"
    )
    assert "not on record" in remarks.averaging(errors("a", [1.0]), "b", 12.1, 9.7)


@pytest.mark.parametrize(
    "third, radius, told",
    [
        (0.5, 0.7, "Both fit"),
        (0.5, 0.99, "One of them fits"),
        (0.01, 0.99, "Neither fits"),
        (None, 0.7, "Not all"),
    ],
)
def test_rows_between_alike_and_not_alike(third, radius, told):
    kinds = {"first": "a", "fourier": "b", "asked": "c", "third": "d", "radius": "e"}
    held = {"a": 0.9, "b": 0.05, "c": 0.1, "d": third, "e": radius}
    frame = pd.concat(
        [scores(arm, [(1.0, value)]) for arm, value in held.items() if value is not None]
    )
    assert runs.between(frame, kinds).startswith(told)
