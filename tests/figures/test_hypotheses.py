"""The sentences and the figure of the page on the two hypotheses: right whatever the verdicts."""

from types import SimpleNamespace

import pandas as pd
import pytest

from spatialbias.figures import ablations, coordinet, hypotheses, other_data
from spatialbias.plots.style import colour

FOUND = {
    name: f"<{name}>"
    for name in ("cnn_loses", "places", "sharing", "pooling", "unshared_pooling", "pooled_sharing")
}
CLAIMS = (
    "h2_cnn_needs_places",
    "h2_places_help",
    "h1_sharing",
    "h1_invariance",
    "averaging_unshared",
    "sharing_averaged",
)


@pytest.mark.parametrize(
    "kind, pays, used",
    [
        ("holds", "Averaging over positions pays", "does use neighbourhood"),
        ("fails", "does not pay", "Coordinet cannot testify"),
        ("undecided", "is not decided to pay", "is not decided"),
        ("not-run", "is not decided to pay", "is not decided"),
    ],
)
def test_the_opening_is_chosen_by_the_verdicts(kind, pays, used):
    kinds = dict.fromkeys(CLAIMS, kind)
    first, second = hypotheses.opening(kinds, FOUND), hypotheses.arrangement(kinds, FOUND)
    assert (
        pays in first
        and used in second
        and all(number in first + second for number in FOUND.values())
    )


def test_fits_that_failed_are_told():
    rows = [
        {"arm": arm, "stop_reason": why, "loss": loss, "epochs": 300}
        for arm, why, loss in (
            ("no modulation", "cap", 0.19),
            ("no modulation, random places", "cap", 0.69),
            ("coordinet", "loss", 0.1),
        )
    ]
    text = hypotheses.unfitted(
        frame := pd.DataFrame(rows), ("no modulation", "no modulation, random places")
    )
    assert (
        text.startswith("Of 2 such runs 2 stopped at the cap of 300 epochs")
        and "no modulation 0.19; no modulation, random places 0.69" in text
    )
    assert hypotheses.unfitted(frame, ("coordinet",)) == ""
    accuracy = frame.assign(replicate=0, value=[0.3, 0.2, 0.3], n_train=390)
    shown = hypotheses.contrasts(
        accuracy, {"alone": (("true − random", "no modulation", "no modulation, random places"),)}
    )
    assert any(
        "(loss not reached)" in label.get_text() for label in shown.axes[0].get_yticklabels()
    )


def test_rates_are_compared():
    assert (
        hypotheses.equally_fast({"a": 1e-3, "b": 3e-3})
        == "their learning rates differ (a 0.001; b 0.003)"
    )
    assert "are the same" in hypotheses.equally_fast({"a": 1e-3, "b": 1e-3})


def test_variants_are_hollow_in_their_parents_colour():
    frame = pd.DataFrame(
        [
            {"arm": arm, "replicate": r, "value": 0.3 + r / 100}
            for r in (0, 1)
            for arm in ("simple_cnn", "shared, pooled", "simple_cnn, permuted", "no modulation")
        ]
    )
    (ax,) = hypotheses.accuracies(
        frame, ("simple_cnn", "shared, pooled", "simple_cnn, permuted", "no modulation")
    ).axes
    assert [t.get_text().split("  ")[0] for t in ax.get_yticklabels()] == [
        "simple CNN",
        "simple CNN, permuted",
        "shared, pooled",
        "no modulation",
    ]
    faces = [one.get_markerfacecolor() for one in ax.lines if one.get_marker() in "o^"]
    assert faces[0] == colour("simple_cnn") and faces[1] == "none" == faces[3]
    hypotheses.accuracies(frame.iloc[:0], ())


def epochs(arm, n_train, value):
    return {"arm": arm, "measure": "epochs", "at": "stop", "value": value, "n_train": n_train}


def test_where_training_takes_longest_its_last_batch_is_told():
    frame = pd.DataFrame(
        [
            epochs(arm, n, e)
            for arm in ("simple_cnn", "coordinet")
            for n, e in ((97, 10), (195, 30), (390, 20))
        ]
    )
    text = coordinet.longest(frame, 64)
    assert (
        "at N = 195 by all networks" in text
        and "195 = 3·64 + 3, so one step in 4 is taken on 3 images" in text
    )
    assert "not tested" not in coordinet.longest(
        frame.replace({"value": {10: 40}}), 64
    )  # 97 = 64 + 33: half a batch
    assert coordinet.longest(frame[frame["n_train"] == 97], 64) == ""


@pytest.mark.parametrize(
    "reasons, said",
    [
        ((), "no run"),
        (("cap",), "only run of Coordinet v1 stopped at the cap (9 epochs)"),
        (("loss",), "reached the loss"),
        (("cap", "loss"), "Of 2 runs of Coordinet v1 1 stopped at the cap"),
        (("loss", "loss"), "none stopped"),
    ],
)
def test_how_the_first_version_ended_is_said(reasons, said):
    rows = pd.DataFrame(
        [{"arm": "coordinet_v1", "stop_reason": why, "epochs": 9} for why in reasons],
        columns=["arm", "stop_reason", "epochs"],
    )
    assert said in other_data.first_version(SimpleNamespace(trials=lambda: rows))


def test_variants_still_to_be_made_are_named():
    frame = pd.DataFrame(
        [
            {"arm": arm, "replicate": r}
            for arm, n in (("coordinet", 3), ("raw coordinates", 3), ("two layers", 1))
            for r in range(n)
        ]
    )
    text = ablations.varied(frame, ("coordinet", "raw coordinates", "two layers", "late fusion"))
    assert (
        text == "Each stands on n = 3, but for two layers (n = 1). Not on record yet: late fusion."
    )
    assert ablations.varied(frame.iloc[:0], ("coordinet",)) == "No variant is on record yet."


def test_variants_are_sorted_by_what_their_intervals_say():
    values = {
        "coordinet": (0.30, 0.31, 0.32),
        "two layers": (0.25, 0.26, 0.28),
        "six layers": (0.30, 0.32, 0.31),
        "no modulation": (0.2, 0.2, 0.2),
    }
    rows = [
        {
            "arm": arm,
            "n_train": 390,
            "replicate": r,
            "value": v,
            "stop_reason": "cap" if arm == "no modulation" else "loss",
        }
        for arm, some in values.items()
        for r, v in enumerate(some)
    ]
    text = ablations.missed(frame := pd.DataFrame(rows))
    assert (
        "Of 2 variants" in text
        and "worse is two layers (-4.7 points" in text
        and "1 cannot be told apart" in text
    )
    labels = [t.get_text() for t in ablations.variants(frame).axes[0].get_yticklabels()]
    assert (
        "no modulation (never fitted)" in labels
        and "depth and sum" in labels
        and "two layers" in labels
    )
    assert (
        ablations.missed(frame[frame["replicate"] == 0])
        == "No variant has been repeated often enough to say."
    )
