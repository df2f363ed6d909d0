"""The numbers of the Coordinet chapter's prose, from made-up frames."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spatialbias.figures import beyond, coordinet, other_data

NOTHING = "not on record"


def rows(arm, measure, values, at="stop", part="", n_train=390):
    """values: {x: accuracy}; two replicates, the second a point higher."""
    return [{"arm": arm, "measure": measure, "at": at, "part": part, "x": x, "value": value + 0.01 * r, "replicate": r, "n_train": n_train,
             "dataset": "cifar10"} for x, value in values.items() for r in (0, 1)]  # fmt: skip


def test_corners_turn_and_quarter_turns_are_told_apart():
    turns = range(10, 90, 10)
    frame = pd.DataFrame(
        rows("coordinet", "rotation", {0.0: 0.3, **{float(a): 0.18 for a in turns}})
        + rows("coordinet", "rotation_masked", {0.0: 0.2, **{float(a): 0.17 for a in turns}})
        + rows("coordinet", "quarter_turns", {0.0: 0.3, 90.0: 0.18, 180.0: 0.5, 270.0: 0.2}))
    numbers = coordinet.rotation_numbers(frame)
    assert numbers["turn_coordinet"].startswith("-12.0") and numbers["corners_coordinet"].startswith("-10.0")
    assert numbers["inside_coordinet"].startswith("-3.0") and numbers["quarter_coordinet"].startswith("19.5 %")
    assert numbers["corners_simple_cnn"] == NOTHING and numbers["abstain"] == NOTHING


def test_crops_say_what_blur_and_centring_do():
    frame = pd.DataFrame(
        [row for measure, cost in (("resized_crop", 0.05), ("resized_crop_exact", 0.04), ("crop_blur", 0.01))
         for row in rows("simple_cnn", measure, {float(size): 0.3 - cost * (size == 23) for size in range(23, 33)})])
    numbers = coordinet.crop_numbers(frame)
    assert [numbers[f"{name}_simple_cnn"][:4] for name in ("crop", "exact", "blur")] == ["-5.0", "-4.0", "-1.0"]


def test_late_trials_are_counted_where_most_of_them_are():
    def epochs(arm, n_train, value):
        return {"arm": arm, "measure": "epochs", "at": "stop", "value": value, "n_train": n_train, "replicate": 0}

    frame = pd.DataFrame([epochs("simple_cnn", 195, 120), epochs("simple_cnn", 390, 100), epochs("coordinet", 195, 30)]
                         + [row for arm, value in (("simple_cnn", 0.2), ("coordinet", 0.25)) for at, more in (("stop", 0.01), ("published", 0))
                            for row in rows(arm, "accuracy", {np.nan: value + more * (arm == "simple_cnn")}, at, n_train=195)])
    found = coordinet.late(frame, "simple_cnn", "coordinet", 390)
    assert found["late"] == "1 of simple CNN at N = 195" and found["late_n"] == "195"
    assert found["late_capped"].startswith("-5.0") and found["late_stop"].startswith("-4.0")
    none = coordinet.late(frame[frame["value"] < 110], "simple_cnn", "coordinet", 390)
    assert none["late"] == "none" and none["late_n"] == "390" and none["late_stop"] == NOTHING


def test_the_best_arm_is_named():
    frame = pd.DataFrame(rows("simple_cnn", "accuracy", {np.nan: 0.2}) + rows("pooled_cnn", "accuracy", {np.nan: 0.4}))
    assert coordinet.best(frame, 390).startswith("pooled CNN, 40.5 %") and coordinet.best(frame, 97) == NOTHING


def test_published_runs_outside_are_counted():
    def run(value, inside):
        return SimpleNamespace(published=SimpleNamespace(value=value), low=0.3, high=0.4, inside=inside)

    verdict = SimpleNamespace(published=[run(0.2, False), run(0.35, True), run(0.5, False), run(0.1, None)])
    assert coordinet.against_published([verdict, None]) == {"published": "3", "outside": "2", "below": "1"}
    assert set(coordinet.against_published([None]).values()) == {NOTHING}


@pytest.mark.parametrize("told, said", [(0.29, "+1.0"), (0.27, "-1.0")])
def test_knowing_a_lens_is_weighed_against_undoing_it(told, said):
    lenses = (0.25, 0.5, 1.0)
    frame = pd.DataFrame(
        rows("coordinet", "warps", dict.fromkeys(lenses, told), part="told")
        + rows("coordinet", "warps", dict.fromkeys(lenses, 0.28), part="straightened")
        + rows("coordinet", "warps", {0.0: 0.3}, part="warped") + rows("simple_cnn", "warps", {0.0: 0.25}, part="warped"))
    numbers = beyond.grid_numbers(frame)
    assert numbers["told"].startswith(said) and numbers["without_lens"].startswith("+5.0") and numbers["alone"] == NOTHING
    assert numbers["alone_most"] == NOTHING
    path = pd.DataFrame(rows("coordinet", "sizes", {16.0: 0.1, 64.0: 0.12}, part="weighted, unmodulated"))
    assert beyond.grid_numbers(path)["alone_most"] == "12.5%"


def test_other_images_stand_beside_each_other():
    angles = {0.0: 0.6, **{float(a): 0.5 for a in range(10, 90, 10)}}
    frames = []
    for dataset, gap in (("mnist", 0.1), ("fashion_mnist", -0.2)):
        one = pd.DataFrame(rows("simple_cnn", "rotation", angles) + rows("simple_cnn", "rotation_masked", {a: v - 0.05 for a, v in angles.items()})
                           + rows("simple_cnn", "accuracy", {None: 0.5 + gap}) + rows("fully_connected", "accuracy", {None: 0.5})
                           + rows("simple_cnn", "accuracy", {None: 0.9}, at="published"))  # fmt: skip
        frames.append(one.assign(dataset=dataset))
    both = other_data.beside(*frames)
    changes = other_data.turning(both).set_index(["data", "change"])["simple CNN"]
    assert [changes["MNIST", text][:4] for text in other_data.COSTS.values()] == ["-10.", "-5.0", "-10."]
    leads = other_data.leads(both[both["measure"] == "accuracy"]).set_index("data")
    assert leads["simple CNN − fully connected"].str[:5].to_dict() == {"MNIST": "+10.0", "Fashion-MNIST": "-20.0"}
    assert set(leads["simple CNN − Coordinet"]) == {NOTHING}
