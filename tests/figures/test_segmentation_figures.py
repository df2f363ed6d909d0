"""The figures and tables of the segmentation pages: right with many runs, with one, with none, and
with any arms missing.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from torch import nn

from spatialbias.datasets import load
from spatialbias.figures import circles, coordbias_verdicts, segmentation
from spatialbias.figures import segmentation_place as knows
from spatialbias.figures import segmentation_red as red
from spatialbias.figures import segmentation_tables as numbers
from spatialbias.figures.segmentation import PROTOCOLS
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.studies.coordbias import HEADLINE, QUESTIONS

COLUMNS = "arm replicate learning_rate measure at part x value epochs".split()


def frame(arms, replicates, level=0.6):
    """What trained networks might leave: recalls about `level`, of the coordinate bias higher."""
    random, rows = np.random.default_rng(0), []
    for arm in arms:
        for r in range(replicates):
            base = {
                "arm": arm,
                "replicate": r,
                "learning_rate": 1e-3,
                "measure": "segmentation",
                "at": "stop",
                "epochs": 2,
            }
            recall = np.clip(
                [0.99, *(level + 0.3 * arm.startswith("coord") + random.normal(0, 0.03, 3))], 0, 1
            )
            for name in ("recall", "precision", "iou"):
                rows += [
                    {**base, "part": name, "x": float(k), "value": v} for k, v in enumerate(recall)
                ]
            cells = np.where(np.eye(4, dtype=bool), recall[:, None], (1 - recall[:, None]) / 3)
            rows += [
                {**base, "part": "confusion", "x": float(k), "value": v}
                for k, v in enumerate(cells.flat)
            ]
            rows.append(
                {**base, "part": "loss", "x": None, "value": float(random.uniform(0.05, 0.2))}
            )
    return pd.DataFrame(rows, columns=COLUMNS).astype({"x": float, "value": float})


def curves(arms, replicates):
    rows = [
        {"arm": a, "replicate": r, "epoch": e, "loss": 0.3 / e + 0.01 * r}
        for a in arms
        for r in range(replicates)
        for e in (1, 2)
    ]
    return pd.DataFrame(rows, columns=["arm", "replicate", "epoch", "loss"])


@pytest.fixture(scope="module")
def drawn():
    return circles.scenes(300, size=64)


@pytest.fixture(scope="module")
def data():
    return load("circles", n_train=8, n_test=4, size=32)


SOME = [(HEADLINE, 3), (HEADLINE, 1), (HEADLINE[1:2], 2), (HEADLINE[2:], 1), ((), 0)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("arms", "replicates"), SOME)
def test_every_figure_is_drawn_with_what_there_is(arms, replicates, drawn):
    found = frame(arms, replicates)
    figures = [
        segmentation.recalls(found),
        segmentation.sides(found, PROTOCOLS, drawn),
        segmentation.confusions(found),
        segmentation.losses(curves(arms, replicates), found, 600),
        segmentation.bars(numbers.mean_recall(found), HEADLINE),
        knows.unbought(found, red.beyond_colour(found, 5, 32), HEADLINE),
    ]
    for figure in figures:
        figure.draw_without_rendering()
    said = sum(
        text.get_text() == "not on record yet"
        for figure in figures
        for ax in figure.axes
        for text in ax.texts
    )
    assert (said == 0) == (set(arms) >= set(HEADLINE))


@pytest.mark.filterwarnings("error")
def test_all_questions_are_drawn(drawn):
    found = frame(QUESTIONS, 2)
    beyond = red.beyond_colour(found, 5, 32)
    assert sorted(arm for group in knows.GROUPS.values() for arm in group) == sorted(QUESTIONS)
    for figure in (
        segmentation.bars(numbers.mean_recall(found), QUESTIONS),
        knows.unbought(found, beyond, QUESTIONS),
        segmentation.sides(found, {"all": QUESTIONS}, drawn, published=False),
    ):
        figure.draw_without_rendering()
    assert set(segmentation.UNTOLD) < set(QUESTIONS)
    assert len(
        {(segmentation.look(a)["color"], segmentation.look(a)["marker"]) for a in QUESTIONS}
    ) == len(QUESTIONS)


def test_answers_are_the_records_pixels(data):
    truth = data.test.target
    rows = [
        {
            "arm": arm,
            "replicate": 0,
            "measure": "segmented",
            "part": str(k),
            "x": float(i),
            "value": float(v),
        }
        for arm in HEADLINE[:2]
        for k in range(len(truth))
        for i, v in enumerate(truth[k].flatten().tolist())
    ]
    figure = segmentation.answers(pd.DataFrame(rows), data, 1)
    figure.draw_without_rendering()
    titles = [ax.get_title(loc="center") for ax in figure.axes]
    assert sum("100.0%" in t for t in titles) == 2
    assert sum(t.get_text() == "not on record yet" for ax in figure.axes for t in ax.texts) == 2


def test_a_mean_recall_needs_every_class():
    found = frame(HEADLINE[:2], 3)
    gone = found[~((found["part"] == "recall") & (found["x"] == 2) & (found["replicate"] == 1))]
    assert sorted(numbers.mean_recall(gone)["replicate"].unique()) == [0, 2]
    one = numbers.part(found, "recall", "vanilla")
    assert numbers.mean_recall(found, (1, 2))["value"].iloc[-3] == pytest.approx(
        one[one["x"].isin([1, 2]) & (one["replicate"] == 0)]["value"].mean()
    )


@pytest.mark.parametrize(
    "classes, words",
    [
        (["cpu amx bf16 torch 2"], "bf16 products with fp32 weights"),
        (["cpu avx2 fp32 torch 2"], "single precision"),
        (["cpu a fp32 t", "cuda b bf16 t"], "bf16 products with fp32 weights or single precision"),
        ([], numbers.NOTHING),
    ],
)
def test_the_precision_is_that_of_the_records(classes, words):
    assert numbers.precision(SimpleNamespace(numerics=lambda: dict.fromkeys(classes, 1))) == words


def test_texts_say_what_is_missing():
    found = frame(HEADLINE[:1], 1)
    assert numbers.recall(found, "vanilla").endswith("n = 1") and "nan" not in numbers.recall(
        found, "vanilla"
    )
    assert numbers.lead(found, "coordinate bias", "vanilla") == numbers.NOTHING
    assert (
        numbers.place(found, "coordinate bias", "vanilla")
        == "not on record beside the plain network"
    )
    table = numbers.scores(found, HEADLINE[:2])
    assert (
        len(table) == 2
        and (table.iloc[1, 1:-1] == numbers.NOTHING).all()
        and table["", "n"].tolist() == [1, 0]
    )


def test_scores_are_medians_with_the_least_and_the_greatest_run():
    found = frame(HEADLINE[:1], 3)
    runs = 100 * numbers.mean_recall(found, (1, 2))["value"]
    table = numbers.scores(found, HEADLINE[:1])
    assert (
        table["yellow, mean of both sides", "recall"][0]
        == f"{runs.median():.1f} [{runs.min():.1f},\u00a0{runs.max():.1f}]"
    )
    assert ("", "n") not in table and table["", "network"].tolist() == ["vanilla"]


def test_an_n_is_told_where_it_is_not_the_usual_one():
    found = frame(QUESTIONS, 3)
    for said in (
        numbers.recall(found, "vanilla", usual=3),
        numbers.lead(found, "CoordConv", "vanilla", usual=3),
        numbers.place(found, "CoordConv", "vanilla", usual=3),
        knows.share(found, 3),
        knows.again(found.assign(numerics="a"), found.assign(numerics="b"), 3),
    ):
        assert "n = " not in said and "[" in said
    for said in (
        numbers.recall(found, "vanilla", usual=4),
        numbers.lead(found, "CoordConv", "vanilla"),
        numbers.place(found, "CoordConv", "vanilla", usual=4),
    ):
        assert "n = 3" in said
    figures = [
        knows.unbought(found, red.beyond_colour(found, 5, 32), QUESTIONS),
        segmentation.bars(numbers.mean_recall(found), QUESTIONS),
    ]
    uneven = found[(found["arm"] != "CoordConv") | (found["replicate"] > 0)]
    figures += [
        knows.unbought(uneven, red.beyond_colour(uneven, 5, 32), QUESTIONS),
        segmentation.bars(numbers.mean_recall(uneven), QUESTIONS),
    ]
    told = [
        any("n = 2" in text.get_text() for text in figure.axes[0].get_yticklabels())
        for figure in figures
    ]
    assert told == [False, False, True, True]
    assert red.excess(red.beyond_colour(found, 5, 32), "vanilla", 3).endswith("]")


def test_a_place_is_named_only_where_the_interval_allows():
    found = frame(("vanilla", "coordinate bias"), 4)
    assert numbers.place(found, "coordinate bias", "vanilla").startswith(
        "above the plain network (+"
    )
    assert numbers.place(found, "vanilla", "coordinate bias").startswith(
        "below the coordinate bias (-"
    )
    twin = pd.concat(
        [
            found[found["arm"] == "vanilla"],
            frame(("CoordConv",), 4).assign(replicate=lambda rows: 3 - rows["replicate"]),
        ]
    )
    assert numbers.place(twin, "vanilla", "CoordConv").startswith("not told apart from CoordConv (")
    assert numbers.place(frame(HEADLINE[:2], 1), "coordinate bias", "vanilla").startswith(
        "beside the plain network (+"
    )


@pytest.mark.parametrize("name", ["coordbias.tuning", "coordbias.open_questions"])
def test_tables_of_an_empty_store(name, tmp_path):
    results = study(name).plan("paper").sweep(Store(tmp_path, tmp_path), missing="show")
    assert numbers.by_rate(results).empty
    assert numbers.price(results) == numbers.NOTHING


def test_published_values_are_the_claims():
    assert segmentation.PUBLISHED_LOSS == {
        "vanilla": (0.126, 0.118),
        "coordinate bias": (0.021, 0.012),
    }
    assert [len(v) for v in circles.RECALLS.values()] == [4, 4]


def test_without_zeros_the_border_reaches_less_far():
    found = segmentation.border(64)
    assert (found["zeros"] > 1e-9).mean() > (found["circular"] > 1e-9).mean() > 0
    segmentation.border_figure(found).draw_without_rendering()


@pytest.mark.parametrize(("layers", "width"), [
    ([nn.Conv2d(3, 4, 5, padding=2)], 5),
    ([nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3, padding=1), nn.Upsample(scale_factor=2)], 8),
])  # fmt: skip
def test_the_window_is_what_an_answer_can_depend_on(layers, width):
    assert numbers.window(nn.Sequential(*layers), side=32) == width


def test_guessing_in_words():
    made = frame(("vanilla", "coordinate bias"), 3, level=0.5)
    sides = made["x"].isin([1.0, 2.0]) & (made["part"] == "recall") & (made["arm"] == "vanilla")
    made.loc[sides, "value"] = [0.9, 0.1, 0.2, 0.8, 0.6, 0.5]
    drawn = circles.scenes(200, 32)
    assert (
        knows.luck(drawn, 1000, 1) < knows.luck(drawn, 1000, 10) < 0.54 < knows.luck(drawn, 20, 3)
    )
    few, many = (
        knows.counted(made, {"in our protocol": "vanilla"}, drawn, images) for images in (20, 4000)
    )
    assert (
        few.startswith(
            "3 runs that toss a coin for every circle would, 95 times in 100, all stay below"
        )
        and "none goes beyond in our protocol (the best" in few
    )
    assert "; of the plain network's, 1 goes beyond in our protocol (the best: 55.0%)." in many
    assert [knows.guessing(made, "vanilla", drawn, images) for images in (20, 4000)] == [
        "no more than guessing gives",
        "in 1 of 3 runs more than guessing gives",
    ]
    single = made[made["replicate"] == 2]
    assert (
        knows.guessing(single, "vanilla", drawn, 9000) == "in its only run more than guessing gives"
    )
    assert knows.counted(single, {"here": "vanilla"}, drawn, 9000).startswith(
        "A run that tosses a coin"
    )
    both = knows.counted(
        pd.concat([made, single.assign(arm="wider vanilla")]),
        {"here": "vanilla", "there": "wider vanilla"},
        drawn,
        4000,
    )
    assert (
        both.count("coin") == 2 and "beyond here" in both and "beyond there" in both
    )  # another n, another bound
    assert knows.guessing(
        made, "CoordConv", drawn, 20
    ) == "not on record" and "not on record" in knows.counted(
        made, {"here": "CoordConv"}, drawn, 20
    )
    assert (
        knows.ends(made, ("vanilla",)) == "from 50.0 to 55.0 % (3 runs)"
        and knows.ends(made, ()) == "not on record"
    )


def test_a_share_of_the_gain_is_given_only_to_marks_that_do_better_than_guessing():
    three = ("vanilla", "coordinate bias", "fixed random maps")
    assert "of what the ramps bring there, a mark that is unique" in knows.share(frame(three, 4))
    assert "no share of it can be given" in knows.share(
        frame(three[1:], 4)
    ) and "too few to tell it" in knows.share(frame(three, 1))
    assert knows.share(frame(three[:2], 4)) == "What fixed maps bring in yellow is not on record."
    luck = frame(three, 4, level=0.5)
    yellow = (
        (luck["part"] == "recall") & (luck["arm"] == "fixed random maps") & luck["x"].isin([1, 2])
    )
    luck.loc[yellow, "value"] = [0.9, 0.1, 0.2, 0.82, 0.6, 0.4, 0.51, 0.47]
    assert (
        "is what guessing gives" in knows.share(luck)
        and "brings nothing that can be told from luck" in knows.share(luck)
        and "share" not in knows.share(luck)
    )
    luck.loc[yellow, "value"] -= 0.09
    assert "is less than guessing gives" in knows.share(luck)


def test_the_opening_tells_what_each_group_gets():
    found = frame(QUESTIONS, 2)
    said = knows.told(found)
    assert said.startswith("Told by ramps, each of 6 runs gives ") and said.endswith(
        "; guessing gives 50 %"
    )
    assert (
        "; given nothing, noise, more width, norms or another padding, each of 10 runs gives "
        in said
        and "; with fixed random maps, each of 2 runs" in said
    )
    assert knows.told(frame(("CoordConv", "wider vanilla"), 1)).startswith(
        "Told by ramps, the only run gives"
    ) and "; given more width, the only run" in knows.told(frame(("CoordConv", "wider vanilla"), 1))
    assert knows.told(frame((), 0)) == "What networks know of yellow's side is not on record"


def test_zero_padding_is_said_to_be_worth_little_only_where_shown():
    found = frame(("vanilla",), 3)
    twin = pd.concat([found, found.assign(arm="vanilla, circular padding")])
    assert "less than a point, if anything" in knows.slight(twin)
    far = twin.assign(value=twin["value"] - 0.02 * (twin["arm"] == "vanilla"))
    assert (
        knows.slight(far) == knows.slight(found) == knows.slight(twin[twin["replicate"] == 0]) == ""
    )


def test_who_lies_above_an_observer_of_size(drawn):
    rows = [
        (arm, r, v + r / 1e4)
        for arm, v in (("vanilla", 0.0), ("CoordConv", 0.03))
        for r in range(3)
    ]
    beyond = pd.DataFrame(rows, columns=["arm", "replicate", "value"])
    said = red.beyond_size(beyond, drawn, ("vanilla", "CoordConv", "coordinate bias"))
    assert said.startswith(
        "To see a circle's size, without any place, is worth up to 0."
    ) and said.endswith("Above that, with the whole interval: CoordConv.")
    assert red.beyond_size(beyond, drawn, ("vanilla",)).endswith("No interval lies above that.")


def test_a_direction_is_said_of_a_distance():
    reading = "It ends more than a point away from CoordConv."
    below = SimpleNamespace(findings=(SimpleNamespace(mean=-0.2),))
    assert knows.directed(reading, below) == "It ends more than a point below CoordConv."
    assert (
        knows.directed(reading, None)
        == knows.directed(reading, SimpleNamespace(findings=()))
        == reading
    )


def test_the_test_images_scenes_are_the_labelled_ones():
    there, labels = (
        circles.scenes(30, 64, seed=3, part=1),
        load("circles", n_train=1, n_test=30, seed=3, size=64).test.target,
    )
    assert all(
        int((there.visible * (there.kind == k)).sum()) == int((labels == k).sum())
        for k in (1, 2, 3)
    )
    assert red.background(there) == pytest.approx(float((labels == 0).float().mean()))


def test_an_observer_of_colour_keeps_nothing_beyond_colour():
    rows = []
    for r, recall in enumerate((0.0, 0.4, 1.0)):
        drawn = circles.scenes(50, 64, seed=r, part=1)
        kept = circles.kept(drawn, red.background(drawn), "colour", recall)
        for arm, more in (("vanilla", 0.0), ("coordinate bias", 0.01)):
            base = {
                "arm": arm,
                "replicate": r,
                "measure": "segmentation",
                "at": "stop",
                "part": "recall",
            }
            rows += [base | {"x": 0.0, "value": kept + more}, base | {"x": 3.0, "value": recall}]
    beyond = red.beyond_colour(pd.DataFrame(rows), 50, 64)
    assert beyond.loc[beyond["arm"] == "vanilla", "value"].abs().max() < 1e-9
    assert (
        red.excess(beyond, "coordinate bias")
        == "+1.00 points [+1.00, +1.00], n = 3"
        == red.change(beyond, "coordinate bias", "vanilla")
    )
    assert red.of_red(beyond, "coordinate bias").startswith(
        "keeps more than colour can"
    ) and red.repeated(beyond, "coordinate bias").endswith(" repeat it")
    assert (
        red.of_red(beyond, "CoordConv") == "has too few runs on record to tell"
        and red.excess(beyond, "CoordConv") == "not on record"
    )
    alike = pd.concat(
        [beyond, beyond[beyond["arm"] == "vanilla"].assign(arm="vanilla, as released")]
    )
    assert red.of_reds(alike).startswith(
        "In our protocol and as released alike, the plain network "
    )
    assert "; as released it has too few runs" in red.of_reds(beyond)
    less = beyond.assign(value=beyond["value"] - 0.02)
    assert red.of_red(less, "vanilla").startswith("keeps less than an observer of colour")
    noise = beyond.assign(value=[0.01, 0, 0, 0, -0.01, 0])
    assert red.of_red(noise, "vanilla").startswith(
        "is not told apart"
    ) and "do not repeat it" in red.repeated(noise, "vanilla")


def test_trials_trained_in_two_classes_are_compared():
    one, two = (frame(HEADLINE[:2], 3).assign(numerics=name) for name in "ab")
    two.loc[two["arm"] == "vanilla", "value"] -= 0.1
    said = knows.again(one, two)
    assert (
        said.startswith("the plain network +10.0 points")
        and "; the coordinate bias +0.0 points" in said
        and said.endswith("(a single run at most 10.0 points)")
    )
    assert (
        knows.again(one, one)
        == knows.again(one, two[:0])
        == "here no trial was trained in two classes"
    )


def test_yellow_contrasts_of_the_chapter_in_words():
    said = coordbias_verdicts.unguessed(frame(HEADLINE, 3), frame(QUESTIONS, 3))
    assert (
        said.startswith("the coordinate bias is above the plain network (+")
        and "above the plain network as released (+" in said
    )
    assert said.endswith(" (n = 3)")
    uneven = coordbias_verdicts.unguessed(frame(HEADLINE, 3), frame(QUESTIONS, 2))
    assert uneven.count("n = 2") == 2 and uneven.endswith("(n = 3 unless said)")
    assert (
        coordbias_verdicts.unguessed(frame((), 0), frame((), 0)).count("not on record beside") == 4
    )


def test_the_sign_at_every_rate_and_an_edge_are_said():
    rates = pd.concat(
        [frame(HEADLINE[:2], 2).assign(learning_rate=rate) for rate in (1e-3, 1e-2, 1e-1)]
    )
    losses = rates["part"] == "loss"
    rates.loc[losses, "value"] = [
        {"vanilla": 0.1, "coordinate bias": abs(np.log10(rate) + 2) + 0.1}[arm]
        - 0.02 * rate * (arm == "vanilla")
        for arm, rate in zip(
            rates.loc[losses, "arm"], rates.loc[losses, "learning_rate"], strict=True
        )
    ]
    said = numbers.rates_said(SimpleNamespace(frame=lambda: rates))
    assert said.startswith("the difference is positive at 3 of 3 rates (from +") and said.endswith(
        "; the least loss of vanilla lies at the end of the list"
    )
    losses = rates["part"] == "recall"
    rates.loc[losses & (rates["learning_rate"] == 0.1), "value"] = 1.0
    priced = numbers.price(SimpleNamespace(frame=lambda: rates))
    assert (
        priced.startswith("the plain network has ")
        and "less recall at the chosen 0.01 than at 0.1, at a loss of 0.100 instead of 0.098"
        in priced
    )
    assert "the coordinate bias" not in priced  # its chosen rate is not among these


def test_what_the_rule_would_take_now_is_said_where_it_differs():
    rates = pd.concat(
        [frame(HEADLINE[:2], 2).assign(learning_rate=rate) for rate in (1e-3, 3e-3, 1e-2)]
    )
    lost = rates["part"] == "loss"

    def said(vanilla, told):
        losses = {("vanilla", rate): loss for rate, loss in zip((1e-3, 3e-3, 1e-2), vanilla)} | {
            ("coordinate bias", rate): loss for rate, loss in zip((1e-3, 3e-3, 1e-2), told)
        }
        rates.loc[lost, "value"] = [
            losses[key]
            for key in zip(rates.loc[lost, "arm"], rates.loc[lost, "learning_rate"], strict=True)
        ]
        return numbers.suited(SimpleNamespace(frame=lambda: rates))

    as_taken = said((0.3, 0.3, 0.1), (0.3, 0.1, 0.1))
    assert (
        as_taken
        == "On the records below these suit: the plain network 0.01; the coordinate bias 0.003, 0.01, so the rates taken still do."
    )
    moved = said((0.3, 0.1, 0.1), (0.3, 0.1, 0.1))
    assert (
        "so the rates taken still do. By that rule the plain network would now take 0.003, at which the difference is +"
        in moved
        and moved.endswith(" points.")
    )
    gone = said((0.1, 0.3, 0.3), (0.3, 0.1, 0.1))
    assert (
        "; the rate of the plain network no longer does." in gone
        and "the plain network would now take 0.001" in gone
    )
    elsewhere = numbers.suited(SimpleNamespace(frame=lambda: rates[rates["learning_rate"] == 1e-3]))
    assert (
        elsewhere.endswith(
            "the rate of the plain network and the coordinate bias is not among those tried here."
        )
        and "By that rule" not in elsewhere
    )
    assert (
        numbers.suited(SimpleNamespace(frame=lambda: rates[:0]))
        == "Which of them suit is not on record."
    )


def test_numbers_in_cells_stand_out():
    assert [segmentation.readable("#0072b2", share) for share in (0.0, 0.4, 1.0)] == [
        "black",
        "black",
        "white",
    ]
    assert (
        segmentation.readable("#ffffff", 1.0) == "black"
        and segmentation.readable("#000000", 1.0) == "white"
    )


def test_every_picture_has_panels_of_one_size(data):
    figures = [
        segmentation.answers(pd.DataFrame(columns=[*COLUMNS]), data, number) for number in (0, 1)
    ]
    for figure in figures:
        figure.draw_without_rendering()
    assert len({tuple(np.round(figure.axes[0].get_position().size, 6)) for figure in figures}) == 1
    key = circles.key()
    assert (
        not any(figure.legends for figure in figures)
        and len(key.legends[0].get_texts()) == 4
        and key.axes
    )
