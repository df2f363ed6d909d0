"""What the page on pixels off the grid says, from made-up frames."""

import pandas as pd
import pytest

from spatialbias.figures import beyond

NOTHING = "not on record"


def rows(arm, measure, part, values, n=3):
    """values: {x: accuracy}; each further replicate a tenth of a point higher."""
    return [{"arm": arm, "measure": measure, "at": "stop", "part": part, "x": x, "value": value + 0.001 * r, "replicate": r,
             "n_train": 390} for x, value in values.items() for r in range(n)]  # fmt: skip


def warped(told=0.28, straight=0.28, fc=0.30, cnn=0.25, without=(0.30, 0.25)):
    lenses = dict.fromkeys(beyond.LENSES)
    return pd.DataFrame([
        *rows("coordinet", "warps", "told", dict.fromkeys(lenses, told)), *rows("coordinet", "warps", "straightened", dict.fromkeys(lenses, straight)),
        *rows("fully_connected", "warps", "straightened", dict.fromkeys(lenses, fc)), *rows("simple_cnn", "warps", "straightened", dict.fromkeys(lenses, cnn)),
        *(row for arm, value in zip(("coordinet", "simple_cnn"), without) for row in rows(arm, "warps", "warped", {0.0: value}))])  # fmt: skip


@pytest.mark.parametrize("told, said", [(0.29, "+1.0 points"), (0.27, "-1.0 points")])
def test_knowing_a_lens_is_weighed_against_undoing_it(told, said):
    numbers = beyond.grid_numbers(warped(told))
    assert (
        numbers["told"].startswith(said)
        and numbers["quarter_gap"] == numbers["coordinet_full"] == NOTHING
    )
    assert NOTHING in numbers["built_in"] and numbers["N"] == "390"


@pytest.mark.parametrize(
    "change, hollow, said",
    [
        (
            {},
            True,
            (
                "beats the simple CNN, too (+5.0",
                "told, is behind it (-2.0",
                "is +3.0 points",
                "+5.0 points [+5.0, +5.0], n = 3, without: a lens takes from it",
            ),
        ),
        (
            {"told": 0.31, "without": (0.25, 0.25)},
            False,
            ("too (+5.0", "told, is ahead of it (+1.0", "a lens adds to it"),
        ),
        (
            {"fc": 0.25, "told": 0.25, "without": (0.25, 0.25)},
            False,
            (
                "is not told apart from the simple CNN",
                "told, is not told apart from it",
                "not shown to change it",
            ),
        ),
    ],
)
def test_a_lead_that_an_untold_network_has_too_says_little_of_lenses(change, hollow, said):
    text = beyond.lens(warped(**change))
    assert text.startswith("The last verdict says little of lenses. ") == hollow and all(
        part in text for part in said
    ), text


def test_a_lens_that_is_not_on_record_is_no_lens():
    frame = warped()
    assert NOTHING in beyond.lens(frame[frame["arm"] != "fully_connected"])
    one = beyond.lens(frame[frame["replicate"] == 0])
    assert (
        "is not told apart from the simple CNN" in one and "not shown to change it" in one
    )  # one replicate tells nothing


def test_a_quarter_of_the_pixels_is_a_paired_difference():
    frame = pd.DataFrame(
        [
            *rows("coordinet", "subsets", "weighted", {0.25: 0.18, 1.0: 0.3}),
            *rows("fully_connected", "subsets", "filled", {0.25: 0.26, 1.0: 0.31}),
        ]
    )
    numbers = beyond.grid_numbers(frame)
    assert (
        numbers["quarter_gap"].startswith("+8.0 points")
        and numbers["all_gap"].startswith("+1.0 points")
        and "n = 3" in numbers["all_gap"]
    )


@pytest.mark.parametrize(
    "values, said",
    [
        ((0.1, 0.101, 0.099), "guesses: it is right on 10.0 %"),
        ((0.2, 0.21, 0.2), "better than guessing: it is right on 20.3 %"),
        ((0.2,), "is right on 20.0 %, n = 1; one class in ten"),
        ((), NOTHING),
    ],
)
def test_what_the_path_does_alone_is_held_against_guessing(values, said):
    text = beyond.built_in(pd.Series(values, dtype=float))
    assert said in text and ("tests the modulator" in text) == ("path guesses" in text)


def test_networks_without_a_modulator_are_counted():
    trials = pd.DataFrame(
        {
            "arm": ["coordinet", "no modulation", "no modulation"],
            "stop_reason": ["loss", "cap", "loss"],
            "epochs": [20, 300, 250],
        }
    )
    assert (
        beyond.fair(trials)
        == "of the 2 such networks on record, 1 reached the loss within the 300 epochs given"
    )
    assert beyond.fair(trials[:2]).startswith(
        "of the 1 such network on record, 0 reached"
    ) and "no such network" in beyond.fair(trials[:1])


def test_lines_that_coincide_are_named():
    near = pd.DataFrame(
        [
            *rows("coordinet", "sizes", "direct", {16.0: 0.3, 64.0: 0.3}),
            *rows("coordinet", "sizes", "weighted", {16.0: 0.302, 64.0: 0.3}),
            *rows("coordinet", "sizes", "weighted, unmodulated", {16.0: 0.1, 64.0: 0.1}),
        ]
    )
    said = beyond.together(near, "sizes")
    assert (
        "“pixels as they are, plain sum” and “pixels as they are, weighted” (Coordinet; 0.2 points"
        in said
        and "no modulation" not in said
    )
    far = near.assign(value=near["value"] + 0.05 * (near["part"] == "direct"))
    assert beyond.together(far, "sizes").startswith("No two lines")
