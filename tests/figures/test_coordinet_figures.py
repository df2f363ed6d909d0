"""The numbers of the Coordinet chapter's prose, from made-up frames."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spatialbias import components
from spatialbias.figures import coordinet, crops, other_data, rotation

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
        + rows("coordinet", "quarter_turns", {0.0: 0.3, 90.0: 0.18, 180.0: 0.5, 270.0: 0.2})
    )
    (row,) = rotation.costs(frame).to_dict("records")
    assert (
        row["upright"].startswith("30.5 %")
        and row["n"] == "2"
        and row["turned and back"] == NOTHING
    )
    changed = {name: row[name].split()[0] for name in rotation.CHANGES}
    assert (
        list(changed.values())[:3] == ["-10.0", "-11.0", "-12.0"]
        and changed["turned inside the disc"] == "-3.0"
    )
    numbers = rotation.numbers(frame)
    assert numbers["abstain"] == NOTHING and numbers["steadier"] == numbers["resampled"] == ""


def turned(levels, n_train=390, upright=0.3, measure="rotation"):
    """{network: accuracy of each replicate when turned}"""
    found = [
        row
        for arm in levels
        for row in rows(
            arm, measure, {0.0: upright, **dict.fromkeys(rotation.ANGLES, 0.2)}, n_train=n_train
        )
    ]
    return [
        row | {"value": levels[row["arm"]][row["replicate"]] if row["x"] else row["value"]}
        for row in found
    ]


def test_who_leads_when_turned_is_said_n_by_n():
    level, ahead, unclear = (0.2, 0.21), (0.25, 0.261), (0.15, 0.25)
    frame = pd.DataFrame(
        turned({"fully_connected": level, "simple_cnn": unclear, "coordinet": ahead}, 195)
        + turned({"fully_connected": level, "simple_cnn": ahead, "coordinet": ahead}, 390)
    )
    text = rotation.by_size(frame)
    assert (
        "network, ahead at N = 390, not told apart at N = 195 (-0.5 [" in text
        and "+5.1 [" in text
        and "n = 2, at N = 195, 390; shifting by" in text
    )
    assert "Upright, it is not told apart at N = 195, 390." in text and text.endswith(
        "Coordinet is against it ahead at N = 195, 390."
    )
    one = rotation.by_size(frame[(frame["n_train"] == 390) & (frame["replicate"] == 0)])
    assert (
        "(+5.0 points, n = 1, at N = 390)" in one
        and "per doubling" not in one
        and NOTHING in rotation.by_size(frame.iloc[:0])
    )


@pytest.mark.parametrize(
    "cnn, said",
    [
        ((0.1, 0.111), "the least accurate"),
        ((0.5, 0.511), "the most accurate"),
        ((0.1, 0.5), "not shown to be the most"),
    ],
)
def test_the_cnn_is_placed_among_the_three_at_quarter_turns(cnn, said):
    levels = {"fully_connected": (0.2, 0.21), "simple_cnn": cnn, "coordinet": (0.22, 0.23)}
    frame = pd.DataFrame(
        [
            row | {"value": levels[arm][row["replicate"]]}
            for arm in levels
            for row in rows(arm, "quarter_turns", dict.fromkeys((0.0, 90.0, 270.0), 0.2))
        ]
    )
    assert f"the simple CNN is {said}" in rotation.at_quarter_turns(frame)
    assert rotation.at_quarter_turns(frame[frame["arm"] != "coordinet"]) == ""


@pytest.mark.parametrize(
    "back, said",
    [
        ((0.1, 0.111), "is resampling"),
        ((0.25, 0.261), "not all that it loses"),
        ((0.1, 0.3), "not told apart"),
    ],
)
def test_what_resampling_costs_is_weighed_against_a_small_turn(back, said):
    frame = pd.DataFrame(
        turned({"pooled_cnn": (0.2, 0.21)}) + turned({"pooled_cnn": back}, measure="rotation_back")
    )
    assert said in rotation.resampled(
        frame
    ) and "n = 2; turned by 10°, by -10.0" in rotation.resampled(frame)
    assert rotation.resampled(frame[frame["measure"] == "rotation"]) == ""


def test_what_the_cnn_loses_less_is_told_with_and_without_corners():
    levels = {"fully_connected": (0.2, 0.21), "simple_cnn": (0.25, 0.26), "coordinet": (0.2, 0.21)}
    quarter = [
        row
        for arm in levels
        for row in rows(arm, "quarter_turns", dict.fromkeys((0.0, 90.0, 270.0), 0.2))
    ]
    text = rotation.steadier(pd.DataFrame(turned(levels) + quarter))
    assert (
        "the fully connected network and Coordinet is +5.0 [" in text
        and "at quarter turns +0.0 [" in text
    )
    assert rotation.steadier(pd.DataFrame(quarter)) == ""


def test_answers_below_chance_are_named():
    low = pd.DataFrame(
        turned({"fully_connected": (0.05, 0.052), "simple_cnn": (0.05, 0.15)})
    ).assign(dataset="Fashion-MNIST")
    assert rotation.astray(low).startswith(
        "Right less often than by chance at 80°: on Fashion-MNIST the fully connected network (5.1 %"
    )
    assert (
        "CNN" not in rotation.astray(low)
        and rotation.astray(low[low["arm"] == "simple_cnn"]) == rotation.astray(low.iloc[:0]) == ""
    )


def test_lines_that_repeat_or_lack_replicates_are_left_out():
    def line(n_train, what, change, n):
        return {
            "data": "MNIST",
            "N": n_train,
            "change (points)": what,
            "simple CNN": change,
            "n": n,
        }

    turn, corners, inside = other_data.COSTS.values()
    table = pd.DataFrame(
        [
            line(97, turn, "-9", "10"),
            line(97, corners, "+0", "10"),
            line(97, inside, "-9", "10"),
            line(390, turn, "-8", "10"),
            line(390, corners, "+0", "1"),
            line(390, inside, "-7", "10"),
        ]
    )
    assert rotation.distinct(table)["change (points)"].to_list() == [
        "turned, in the disc or not",
        corners,
        turn,
        inside,
    ]
    assert (
        len(rotation.distinct(table.assign(n="1"))) == 5 and rotation.distinct(table.iloc[:0]).empty
    )


@pytest.mark.parametrize("corner, said", [(0.2, "more than turning"), (0.3, "about what turning")])
def test_costs_that_do_not_add_up_are_not_shared_out(corner, said):
    turns = dict.fromkeys((float(a) for a in range(10, 90, 10)), 0.2)
    found = (
        rows("coordinet", "rotation", {0.0: 0.3, **turns})
        + rows("coordinet", "rotation_masked", {0.0: corner, **turns})
        + rows("coordinet", "quarter_turns", {0.0: 0.3, 90.0: 0.2, 270.0: 0.2})
    )
    frame = pd.DataFrame(found).assign(
        value=lambda f: (
            f["value"]
            + 0.003 * (f["replicate"] * (f["x"] == 90) * (f["measure"] == "quarter_turns"))
        )
    )
    text = rotation.numbers(frame)["sum"]
    assert said in text and ("neither can be given a share" in text) == (corner == 0.2)
    assert NOTHING in rotation.summed(frame[frame["replicate"] == 0])


def test_references_are_drawn_only_where_they_are_as_many():
    few = pd.DataFrame(
        rows("simple_cnn", "rotation", {0.0: 0.3})
        + rows("pooled_cnn", "rotation", {0.0: 0.4})
        + rows("kernel_ridge", "rotation", {0.0: 0.3})
    )
    few = few[(few["arm"] != "kernel_ridge") | (few["replicate"] == 0)]
    assert (
        set(rotation.counted(few)["arm"]) == {"simple_cnn", "pooled_cnn"}
        and rotation.counted(few.iloc[:0]).empty
    )


def test_trials_that_did_not_reach_the_loss_are_named():
    def results(*reasons):
        return SimpleNamespace(
            trials=lambda: pd.DataFrame(
                [
                    {"key": str(k), "arm": "simple_cnn", "n_train": 97, "stop_reason": why}
                    for k, why in enumerate(reasons)
                ],
                columns=["key", "arm", "n_train", "stop_reason"],
            )
        )

    assert (
        coordinet.reached(results("loss", "solved"), results("loss"))
        == "All 2 trials reached loss 0.1."
    )
    assert (
        coordinet.reached(results("loss", "cap"))
        == "Of 2 trials 1 reached loss 0.1; the others: 1 of simple CNN at N = 97, which stopped at the cap."
    )
    assert coordinet.reached(results()) == "No trial is on record."


def test_the_controls_are_drawn_with_quarter_turns_beside_them():
    turns = {float(a): 0.2 for a in range(0, 90, 10)}
    frame = pd.DataFrame(
        [
            row
            for arm in rotation.ARMS
            for measure in ("rotation", "rotation_masked")
            for row in rows(arm, measure, turns)
        ]
        + rows("coordinet", "quarter_turns", {0.0: 0.3, 90.0: 0.2, 180.0: 0.2, 270.0: 0.2})
    )
    axes = rotation.controls(frame).axes
    assert [ax.get_title("left") for ax in axes] == [
        "Coordinet",
        "simple CNN",
        "fully connected",
        "pooled CNN",
    ]
    assert [t.get_text() for t in axes[-1].get_xticklabels()] == [
        "0",
        "40",
        "80",
        "90",
        "180",
        "270",
    ]
    assert len(rotation.controls(frame[frame["arm"] != "pooled_cnn"]).axes) == 3
    rotation.controls(frame.iloc[:0])


def test_crops_say_what_blur_and_centring_do():
    frame = pd.DataFrame(
        [
            row
            for measure, cost in (
                ("resized_crop", 0.05),
                ("resized_crop_exact", 0.04),
                ("crop_blur", 0.01),
            )
            for row in rows(
                "simple_cnn",
                measure,
                {float(size): 0.3 - cost * (size == 23) for size in range(23, 33)},
            )
        ]
    )
    numbers = crops.crop_numbers(frame, frame.iloc[:0])
    assert (
        numbers["crop"] == f"-5.0 [-5.0, -5.0], {NOTHING} and {NOTHING} points, n = 2"
        and numbers["shrunk"] == NOTHING
    )
    assert "not told" in numbers["shrunk_least"]
    again = frame.assign(
        value=frame["value"] - 0.01 * (frame["x"] == 23)
    )  # the same trials in another class: its table's numbers
    assert crops.crop_numbers(frame, again)["crop"].startswith("-6.0") and crops.crop_numbers(
        frame, again.assign(n_train=97)
    )["crop"].startswith("-5.0")
    assert crops.blur(frame) == (
        "Blur alone costs the simple CNN something (-1.0 [-1.0, -1.0] points, n = 2); the rest is the border that is "
        "lost, 48% of the area, and the enlargement of what is left."
    )
    dear = frame.assign(value=frame["value"] + 0.02 * (frame["x"] == 23) * frame["replicate"])
    assert (
        crops.blur(dear).startswith("Blur alone costs none of the three")
        and crops.blur(frame.iloc[:0]) == ""
    )
    assert crops.blur(frame[frame["replicate"] == 0]).startswith(
        "Blur alone changes them by -1.0 points, n = 1"
    )


def test_a_network_that_pads_is_told_as_far_as_it_is_on_record():
    step = {float(size): 0.3 - 0.06 * (size < 32) for size in range(23, 33)}
    frame = pd.DataFrame(
        rows("pooled_cnn", "resized_crop", step)
        + rows("simple_cnn", "resized_crop", dict.fromkeys(step, 0.2))
    )
    blurred = pd.DataFrame(
        rows("pooled_cnn", "crop_blur", step) + rows("pooled_cnn", "scaling", step)
    )
    none = pd.DataFrame(rows("simple_cnn", "crop_blur", step))
    text = crops.padded(frame, none)
    assert (
        "to 31, changes its accuracy by -6.0" in text
        and "(the simple CNN: +0.0" in text
        and "Blur" not in text
    )
    assert "So resampling" in crops.padded(
        frame, blurred
    ) and "Shrunk to 23 in a black frame" in crops.padded(frame, blurred)
    assert crops.padded(none, none) == ""
    drawn = [
        ax.get_title("left") for ax in coordinet.crop_controls(pd.concat([none, blurred])).axes
    ]
    assert (
        drawn
        == ["simple CNN", "pooled CNN"]
        == [*drawn[:1], *(ax.get_title("left") for ax in coordinet.crop_controls(blurred).axes)]
    )
    coordinet.crop_controls(frame)  # none of them controlled


def test_trials_trained_again_are_owned_up_to():
    def results(numerics, more=0.0):
        rows_ = rows("simple_cnn", "accuracy", {0.0: 0.2 + more})
        return SimpleNamespace(frame=lambda: pd.DataFrame(rows_).assign(numerics=numerics))

    assert crops.again(results("one"), results("one")) == ""
    text = crops.again(results("one"), results("two", 0.004))
    assert "trained again on a second kind of processor" in text and "up to 0.4 points" in text


def cropped(costs, sizes=(195, 390), measure="resized_crop"):
    """{network: {N: what the smallest crop costs, in two replicates}}"""
    found = []
    for arm, by_n in costs.items():
        for n, (one, two) in by_n.items():
            both = rows(arm, measure, {float(size): 0.3 for size in range(23, 33)}, n_train=n)
            found += [
                row
                | {"value": row["value"] - (row["x"] == 23) * (two if row["replicate"] else one)}
                for row in both
            ]
    return pd.DataFrame(found)


def test_what_a_crop_costs_stands_beside_what_it_cost_the_source():
    frame = cropped({"simple_cnn": {390: (0.05, 0.05), 97: (0.02, 0.02)}})
    table = crops.costs(frame, {"simple_cnn": [[0.2] * 10, [0.15] * 9 + [0.2]]}, (195, 390))
    assert table["N"].to_list() == [97, 390] and table["change, published"].to_list() == [
        "–",
        "-5.0",
    ]
    assert (
        table["kept above chance, published"].to_list() == ["–", "50 %"]
        and table["change, ours (points)"][1] == "-5.0 [-5.0, -5.0]"
        and table["n"][1] == 2
    )
    assert table["kept above chance, ours"][1].startswith("76 %")  # 15 of 20 points and 16 of 21
    guessing = crops.costs(
        frame.assign(value=frame["value"] - 0.21),
        {"simple_cnn": [[0.2] * 10, [0.05] * 10]},
        (195, 390),
    )
    assert (
        set(guessing["kept above chance, ours"]) == {"–"}
        and guessing["kept above chance, published"][1] == "–"
    )
    other = crops.costs(
        frame.assign(dataset="digits"), {"simple_cnn": [[0.2] * 10] * 2}, (195, 390)
    )
    assert set(other["change, published"]) == {"–"}


def test_who_loses_more_is_said_n_by_n():
    more, less = crops.by_size(
        cropped(
            {
                "simple_cnn": {195: (0.01, 0.01), 390: (0.05, 0.05)},
                "coordinet": {195: (0.05, 0.051), 390: (0.01, 0.011)},
            }
        )
    ).split("; ")[:2]
    assert more == "Coordinet loses more points than the simple CNN at N = 195" and less.startswith(
        "Coordinet loses fewer"
    )
    both = crops.by_size(
        cropped(
            {
                "simple_cnn": {195: (0.01, 0.05), 390: (0.01, 0.05)},
                "coordinet": {195: (0.05, 0.01), 390: (0.05, 0.01)},
            }
        )
    )
    assert (
        both.startswith("The two are not told apart at N = 195, 390;")
        and "a change with N is not shown" in both
    )
    assert "no one answer" in crops.by_size(
        cropped(
            {
                "simple_cnn": {195: (0.01, 0.01), 390: (0.09, 0.09)},
                "coordinet": {195: (0.05, 0.05), 390: (0.01, 0.011)},
            }
        )
    )
    assert crops.by_size(cropped({"simple_cnn": {195: (0.01, 0.01)}})) == ""


def test_the_least_loss_is_named_only_if_it_is_shown():
    frame = cropped(
        {
            "simple_cnn": {390: (0.01, 0.01)},
            "coordinet": {390: (0.05, 0.051)},
            "fully_connected": {390: (0.06, 0.061)},
        }
    )
    assert crops.least(frame, "resized_crop", 23.0, 32.0).endswith(
        "is the simple CNN (its interval against both others excludes zero)"
    )
    frame = cropped(
        {
            "simple_cnn": {390: (0.01, 0.09)},
            "coordinet": {390: (0.05, 0.051)},
            "fully_connected": {390: (0.06, 0.061)},
        }
    )
    assert crops.least(frame, "resized_crop", 23.0, 32.0) == "which network loses least is not told"


@pytest.mark.parametrize(
    "ours, reading",
    [
        ((-0.01, -0.011), "in the published direction"),
        ((0.01, 0.011), "the other way"),
        ((0.001, -0.001), "do not explain"),
        ((0.02, -0.02), "nothing follows"),
    ],
)
def test_a_zigzag_is_held_against_the_published_one(ours, reading):
    odd = {float(size): 0.3 for size in range(23, 33)}
    found = [
        row | {"value": row["value"] + (row["x"] in crops.ODD) * ours[row["replicate"]]}
        for row in rows("simple_cnn", "resized_crop", odd)
    ]
    frame = pd.DataFrame(found + rows("simple_cnn", "resized_crop_exact", odd))
    source = [[0.3 - 0.05 * (size in crops.ODD) for size in range(23, 33)]]
    another = [[0.3 - 0.051 * (size in crops.ODD) for size in range(23, 33)]]
    numbers = crops.zigzag_numbers(frame, {"simple_cnn": source, "coordinet": another}, (390,))
    assert (
        numbers["zigzag_published"].startswith("-5.05 points [") and numbers["zigzag_curves"] == "2"
    )
    assert reading in numbers["zigzag_reading"]
    assert "at N = 390: -5.00 points" in numbers["zigzag_run"]
    elsewhere = crops.zigzag_numbers(frame.assign(dataset="mnist"), {"simple_cnn": source}, (390,))
    assert elsewhere["zigzag_run"] == "" and "nothing follows" in elsewhere["zigzag_reading"]


def test_what_the_notice_counts_is_named():
    def results(missing):
        study = SimpleNamespace(measures=("accuracy",))
        labelled = [
            (arm, SimpleNamespace(key=f"{arm} {n}", n_train=n))
            for arm in ("simple_cnn", "kernel_ridge")
            for n in (97, 195)
        ]
        full = {"measured": {"accuracy": components.MEASURES["accuracy"]}}
        return SimpleNamespace(
            plan=SimpleNamespace(labelled=labelled, study=study),
            records={t.key: full for arm, t in labelled if not {arm, t.key} & set(missing)},
        )

    assert crops.uncounted(results(())) == ""
    assert "kernel ridge: reference" in crops.uncounted(results(["kernel_ridge"]))
    assert crops.uncounted(results(["kernel_ridge", "simple_cnn"])).endswith(
        "of simple CNN, kernel ridge."
    )
    assert crops.uncounted(results(["kernel_ridge 195"])).startswith(
        "The trials that the box counts as missing are of kernel ridge at N = 195: ref"
    )


def test_late_trials_are_counted_where_most_of_them_are():
    def epochs(arm, n_train, value):
        return {
            "arm": arm,
            "measure": "epochs",
            "at": "stop",
            "value": value,
            "n_train": n_train,
            "replicate": 0,
        }

    frame = pd.DataFrame(
        [
            epochs("simple_cnn", 195, 120),
            epochs("simple_cnn", 390, 100),
            epochs("coordinet", 195, 30),
        ]
        + [
            row
            for arm, value in (("simple_cnn", 0.2), ("coordinet", 0.25))
            for at, more in (("stop", 0.01), ("published", 0))
            for row in rows(
                arm, "accuracy", {np.nan: value + more * (arm == "simple_cnn")}, at, n_train=195
            )
        ]
    )
    found = coordinet.late(frame, "simple_cnn", "coordinet", 390)
    assert found["late"] == "1 of simple CNN at N = 195" and found["late_n"] == "195"
    assert found["late_capped"].startswith("-5.0") and found["late_stop"].startswith("-4.0")
    none = coordinet.late(frame[frame["value"] < 110], "simple_cnn", "coordinet", 390)
    assert none["late"] == "none" and none["late_n"] == "390" and none["late_stop"] == NOTHING


def test_the_best_arm_is_named():
    frame = pd.DataFrame(
        rows("simple_cnn", "accuracy", {np.nan: 0.2})
        + rows("pooled_cnn", "accuracy", {np.nan: 0.4})
    )
    assert (
        coordinet.best(frame, 390).startswith("pooled CNN, 40.5 %")
        and coordinet.best(frame, 97) == NOTHING
    )


def test_published_runs_outside_are_counted():
    def run(value, inside):
        return SimpleNamespace(
            published=SimpleNamespace(value=value), low=0.3, high=0.4, inside=inside
        )

    verdict = SimpleNamespace(
        published=[run(0.2, False), run(0.35, True), run(0.5, False), run(0.1, None)]
    )
    assert coordinet.against_published([verdict, None]) == {
        "published": "3",
        "outside": "2",
        "below": "1",
    }
    assert set(coordinet.against_published([None]).values()) == {NOTHING}


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
    assert [changes["MNIST", text][:4] for text in other_data.COSTS.values()] == [
        "-10.",
        "-5.0",
        "-10.",
    ]
    fc = both[both["measure"] == "rotation"].assign(
        arm="fully_connected", value=lambda rows: rows["value"] - 0.2 * (rows["x"] > 0)
    )
    table = other_data.steadier(pd.concat([both, fc])).set_index("data")
    assert table["minus fully connected"].str[:5].tolist() == ["+20.0"] * 2 and table[
        "n"
    ].tolist() == ["2", "2"]
    leads = other_data.leads(both[both["measure"] == "accuracy"]).set_index("data")
    assert leads["simple CNN − fully connected"].str[:5].to_dict() == {
        "MNIST": "+10.0",
        "Fashion-MNIST": "-20.0",
    }
    assert set(leads["simple CNN − Coordinet"]) == {NOTHING}
    assert other_data.order(both[both["measure"] == "accuracy"]) == (
        "Fashion-MNIST (N = 390): fully connected, simple CNN; MNIST (N = 390): simple CNN, fully connected"
    )
