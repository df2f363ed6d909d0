"""The numbers of the Coordinet chapter's prose, from made-up frames."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spatialbias import components
from spatialbias.figures import beyond, coordinet, crops, other_data, rotation

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
    numbers = rotation.numbers(frame)
    assert numbers["turn_coordinet"].startswith("-12.0") and numbers["corners_coordinet"].startswith("-10.0")
    assert numbers["inside_coordinet"].startswith("-3.0") and numbers["turned_coordinet"].startswith("19.5 %")
    assert numbers["quarter_coordinet"].startswith("-11.0") and numbers["disc_coordinet"].startswith("20.5 %")
    assert numbers["corners_simple_cnn"] == numbers["abstain"] == numbers["quarter_gap_coordinet"] == NOTHING


@pytest.mark.parametrize("corner, said", [(0.2, "more than turning"), (0.3, "about what turning")])
def test_costs_that_do_not_add_up_are_not_shared_out(corner, said):
    turns = dict.fromkeys((float(a) for a in range(10, 90, 10)), 0.2)
    found = (rows("coordinet", "rotation", {0.0: 0.3, **turns}) + rows("coordinet", "rotation_masked", {0.0: corner, **turns})
             + rows("coordinet", "quarter_turns", {0.0: 0.3, 90.0: 0.2, 270.0: 0.2}))
    frame = pd.DataFrame(found).assign(value=lambda f: f["value"] + 0.003 * (f["replicate"] * (f["x"] == 90) * (f["measure"] == "quarter_turns")))
    text = rotation.numbers(frame)["sum"]
    assert said in text and ("neither can be given a share" in text) == (corner == 0.2)
    assert NOTHING in rotation.summed(frame[frame["replicate"] == 0])


def test_references_are_drawn_only_where_they_are_as_many():
    few = pd.DataFrame(rows("simple_cnn", "rotation", {0.0: 0.3}) + rows("pooled_cnn", "rotation", {0.0: 0.4}) + rows("kernel_ridge", "rotation", {0.0: 0.3}))
    few = few[(few["arm"] != "kernel_ridge") | (few["replicate"] == 0)]
    assert set(rotation.counted(few)["arm"]) == {"simple_cnn", "pooled_cnn"} and rotation.counted(few.iloc[:0]).empty


def test_trials_that_did_not_reach_the_loss_are_named():
    def results(*reasons):
        return SimpleNamespace(trials=lambda: pd.DataFrame(
            [{"key": str(k), "arm": "simple_cnn", "n_train": 97, "stop_reason": why} for k, why in enumerate(reasons)],
            columns=["key", "arm", "n_train", "stop_reason"]))

    assert coordinet.reached(results("loss", "solved"), results("loss")) == "All 2 trials reached loss 0.1."
    assert coordinet.reached(results("loss", "cap")) == "Of 2 trials 1 reached loss 0.1; the others: 1 of simple CNN at N = 97, which stopped at the cap."
    assert coordinet.reached(results()) == "No trial is on record."


def test_the_controls_are_drawn_with_quarter_turns_beside_them():
    turns = {float(a): 0.2 for a in range(0, 90, 10)}
    frame = pd.DataFrame([row for arm in rotation.ARMS for measure in ("rotation", "rotation_masked") for row in rows(arm, measure, turns)]
                         + rows("coordinet", "quarter_turns", {0.0: 0.3, 90.0: 0.2, 180.0: 0.2, 270.0: 0.2}))
    axes = rotation.controls(frame).axes
    assert [ax.get_title("left") for ax in axes] == ["Coordinet", "simple CNN", "fully connected", "pooled CNN"]
    assert [t.get_text() for t in axes[-1].get_xticklabels()] == ["0", "40", "80", "90", "180", "270"]
    assert len(rotation.controls(frame[frame["arm"] != "pooled_cnn"]).axes) == 3
    rotation.controls(frame.iloc[:0])


def test_crops_say_what_blur_and_centring_do():
    frame = pd.DataFrame(
        [row for measure, cost in (("resized_crop", 0.05), ("resized_crop_exact", 0.04), ("crop_blur", 0.01))
         for row in rows("simple_cnn", measure, {float(size): 0.3 - cost * (size == 23) for size in range(23, 33)})])
    numbers = crops.crop_numbers(frame)
    assert [numbers[f"{name}_simple_cnn"][:4] for name in ("crop", "exact", "blur")] == ["-5.0", "-4.0", "-1.0"]
    assert numbers["cut"] == "48%" and numbers["shrunk_coordinet"] == NOTHING and "not told" in numbers["shrunk_least"]


def cropped(costs, sizes=(195, 390), measure="resized_crop"):
    """{network: {N: what the smallest crop costs, in two replicates}}"""
    found = []
    for arm, by_n in costs.items():
        for n, (one, two) in by_n.items():
            both = rows(arm, measure, {float(size): 0.3 for size in range(23, 33)}, n_train=n)
            found += [row | {"value": row["value"] - (row["x"] == 23) * (two if row["replicate"] else one)} for row in both]
    return pd.DataFrame(found)


def test_what_a_crop_costs_stands_beside_what_it_cost_the_source():
    frame = cropped({"simple_cnn": {390: (0.05, 0.05), 97: (0.02, 0.02)}})
    table = crops.costs(frame, {"simple_cnn": [[0.2] * 10, [0.15] * 9 + [0.2]]}, (195, 390))
    assert table["N"].to_list() == [97, 390] and table["change, published"].to_list() == ["–", "-5.0 points"]
    assert table["kept above chance, published"].to_list() == ["–", "50 %"] and table["change, ours"][1].startswith("-5.0 points")
    assert table["kept above chance, ours"][1].startswith("76 %")  # 15 of 20 points and 16 of 21
    guessing = crops.costs(frame.assign(value=frame["value"] - 0.21), {"simple_cnn": [[0.2] * 10, [0.05] * 10]}, (195, 390))
    assert set(guessing["kept above chance, ours"]) == {"–"} and guessing["kept above chance, published"][1] == "–"
    other = crops.costs(frame.assign(dataset="digits"), {"simple_cnn": [[0.2] * 10] * 2}, (195, 390))
    assert set(other["change, published"]) == {"–"}


def test_who_loses_more_is_said_n_by_n():
    more, less = crops.by_size(cropped({"simple_cnn": {195: (0.01, 0.01), 390: (0.05, 0.05)}, "coordinet": {195: (0.05, 0.051), 390: (0.01, 0.011)}})).split("; ")[:2]
    assert more == "Coordinet loses more points than the simple CNN at N = 195" and less.startswith("Coordinet loses fewer")
    both = crops.by_size(cropped({"simple_cnn": {195: (0.01, 0.05), 390: (0.01, 0.05)}, "coordinet": {195: (0.05, 0.01), 390: (0.05, 0.01)}}))
    assert both.startswith("The two are not told apart at N = 195, 390;") and "a change with N is not shown" in both and "exploration" in both
    assert "no one answer" in crops.by_size(cropped({"simple_cnn": {195: (0.01, 0.01), 390: (0.09, 0.09)}, "coordinet": {195: (0.05, 0.05), 390: (0.01, 0.011)}}))
    assert crops.by_size(cropped({"simple_cnn": {195: (0.01, 0.01)}})) == ""


def test_the_least_loss_is_named_only_if_it_is_shown():
    frame = cropped({"simple_cnn": {390: (0.01, 0.01)}, "coordinet": {390: (0.05, 0.051)}, "fully_connected": {390: (0.06, 0.061)}})
    assert crops.least(frame, "resized_crop", 23.0, 32.0).endswith("is the simple CNN (its interval against both others excludes zero)")
    frame = cropped({"simple_cnn": {390: (0.01, 0.09)}, "coordinet": {390: (0.05, 0.051)}, "fully_connected": {390: (0.06, 0.061)}})
    assert crops.least(frame, "resized_crop", 23.0, 32.0) == "which network loses least is not told"


@pytest.mark.parametrize("ours, reading", [
    ((-0.01, -0.011), "in the published direction"), ((0.01, 0.011), "the other way"), ((0.001, -0.001), "do not explain"),
    ((0.02, -0.02), "nothing follows")])
def test_a_zigzag_is_held_against_the_published_one(ours, reading):
    odd = {float(size): 0.3 for size in range(23, 33)}
    found = [row | {"value": row["value"] + (row["x"] in crops.ODD) * ours[row["replicate"]]} for row in rows("simple_cnn", "resized_crop", odd)]
    frame = pd.DataFrame(found + rows("simple_cnn", "resized_crop_exact", odd))
    source = [[0.3 - 0.05 * (size in crops.ODD) for size in range(23, 33)]]
    another = [[0.3 - 0.051 * (size in crops.ODD) for size in range(23, 33)]]
    numbers = crops.zigzag_numbers(frame, {"simple_cnn": source, "coordinet": another}, (390,))
    assert numbers["zigzag_published"].startswith("-5.05 points [") and numbers["zigzag_curves"] == "2"
    assert reading in numbers["zigzag_reading"]
    assert "at N = 390: -5.00 points" in numbers["zigzag_run"]
    elsewhere = crops.zigzag_numbers(frame.assign(dataset="mnist"), {"simple_cnn": source}, (390,))
    assert elsewhere["zigzag_run"] == "" and "nothing follows" in elsewhere["zigzag_reading"]


def test_what_the_notice_counts_is_named():
    def results(missing):
        study = SimpleNamespace(measures=("accuracy",))
        labelled = [(arm, SimpleNamespace(key=f"{arm} {n}", n_train=n)) for arm in ("simple_cnn", "kernel_ridge") for n in (97, 195)]
        full = {"measured": {"accuracy": components.MEASURES["accuracy"]}}
        return SimpleNamespace(plan=SimpleNamespace(labelled=labelled, study=study),
                               records={t.key: full for arm, t in labelled if not {arm, t.key} & set(missing)})

    assert crops.uncounted(results(())) == ""
    assert "kernel ridge: reference" in crops.uncounted(results(["kernel_ridge"]))
    assert crops.uncounted(results(["kernel_ridge", "simple_cnn"])).endswith("of simple CNN, kernel ridge.")
    assert crops.uncounted(results(["kernel_ridge 195"])).startswith("The trials that the box counts as missing are of kernel ridge at N = 195: ref")


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
    assert numbers["alone_most"] == NOTHING and "not on record" in numbers["scale"] and numbers["lens_lead"] == NOTHING
    path = pd.DataFrame(rows("coordinet", "sizes", {16.0: 0.1, 64.0: 0.12}, part="weighted, unmodulated"))
    assert beyond.grid_numbers(path)["alone_most"] == "12.5 %"


@pytest.mark.parametrize("lead, said", [((0.05, 0.051), "adds to"), ((-0.05, -0.051), "takes from"), ((0.05, -0.05), "not shown to change")])
def test_a_lead_behind_the_lens_is_weighed_against_that_without(lead, said):
    def shifted(values):
        return [row | {"value": row["value"] + lead[row["replicate"]]} for row in values]

    frame = pd.DataFrame(
        shifted(rows("coordinet", "warps", dict.fromkeys(beyond.LENSES, 0.3), part="told")) + rows("coordinet", "warps", {0.0: 0.3}, part="warped")
        + rows("simple_cnn", "warps", dict.fromkeys(beyond.LENSES, 0.3), part="straightened") + rows("simple_cnn", "warps", {0.0: 0.3}, part="warped"))
    assert said in beyond.grid_numbers(frame)["lens_adds"]
    assert "one replicate" in beyond.grid_numbers(frame[frame["replicate"] == 0])["lens_adds"]


def test_lines_that_coincide_are_named():
    near = pd.DataFrame(rows("coordinet", "sizes", {16.0: 0.3, 64.0: 0.3}, part="direct") + rows("coordinet", "sizes", {16.0: 0.302, 64.0: 0.3}, part="weighted")
                        + rows("coordinet", "sizes", {16.0: 0.1, 64.0: 0.1}, part="weighted, unmodulated"))
    assert "“pixels as they are, plain sum” and “pixels as they are, weighted” (Coordinet; 0.2 points" in beyond.together(near, "sizes")
    assert "no modulation" not in beyond.together(near, "sizes") and "hardly matters" in beyond.grid_numbers(near)["scale"]
    far = near.assign(value=near["value"] + 0.05 * (near["part"] == "direct"))
    assert beyond.together(far, "sizes").startswith("No two lines") and "points apart" in beyond.grid_numbers(far)["scale"]


def test_other_images_stand_beside_each_other():
    angles = {0.0: 0.6, **{float(a): 0.5 for a in range(10, 90, 10)}}
    frames = []
    for dataset, gap in (("mnist", 0.1), ("fashion_mnist", -0.2)):
        one = pd.DataFrame(rows("simple_cnn", "rotation", angles) + rows("simple_cnn", "rotation_masked", {a: v - 0.05 for a, v in angles.items()})
                           + rows("simple_cnn", "accuracy", {None: 0.5 + gap}) + rows("fully_connected", "accuracy", {None: 0.5})
                           + rows("simple_cnn", "accuracy", {None: 0.9}, at="published"))  # fmt: skip
        frames.append(one.assign(dataset=dataset))
    both = other_data.beside(*frames)
    changes = other_data.turning(both).set_index(["data", "change (points)"])["simple CNN"]
    assert [changes["MNIST", text][:4] for text in other_data.COSTS.values()] == ["-10.", "-5.0", "-10."]
    fc = both[both["measure"] == "rotation"].assign(arm="fully_connected", value=lambda rows: rows["value"] - 0.2 * (rows["x"] > 0))
    table = other_data.steadier(pd.concat([both, fc])).set_index("data")
    assert table["minus fully connected"].str[:5].tolist() == ["+20.0"] * 2 and table["n"].tolist() == ["2", "2"]
    leads = other_data.leads(both[both["measure"] == "accuracy"]).set_index("data")
    assert leads["simple CNN − fully connected"].str[:5].to_dict() == {"MNIST": "+10.0", "Fashion-MNIST": "-20.0"}
    assert set(leads["simple CNN − Coordinet"]) == {NOTHING}
    assert other_data.order(both[both["measure"] == "accuracy"]) == (
        "Fashion-MNIST (N = 390): fully connected, simple CNN; MNIST (N = 390): simple CNN, fully connected")
