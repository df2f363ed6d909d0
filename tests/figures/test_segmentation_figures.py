"""The figures and tables of the segmentation pages: right with many runs, with one, with none, and with any arms missing."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from torch import nn

from spatialbias.claims import ledger
from spatialbias.datasets import load
from spatialbias.figures import circles, coordbias_verdicts, segmentation
from spatialbias.figures import segmentation_place as knows
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
            base = {"arm": arm, "replicate": r, "learning_rate": 1e-3, "measure": "segmentation", "at": "stop", "epochs": 2}
            recall = np.clip([0.99, *(level + 0.3 * arm.startswith("coord") + random.normal(0, 0.03, 3))], 0, 1)
            for name in ("recall", "precision", "iou"):
                rows += [{**base, "part": name, "x": float(k), "value": v} for k, v in enumerate(recall)]
            cells = np.where(np.eye(4, dtype=bool), recall[:, None], (1 - recall[:, None]) / 3)
            rows += [{**base, "part": "confusion", "x": float(k), "value": v} for k, v in enumerate(cells.flat)]
            rows.append({**base, "part": "loss", "x": None, "value": float(random.uniform(0.05, 0.2))})
    return pd.DataFrame(rows, columns=COLUMNS).astype({"x": float, "value": float})


def curves(arms, replicates):
    rows = [{"arm": a, "replicate": r, "epoch": e, "loss": 0.3 / e + 0.01 * r} for a in arms for r in range(replicates) for e in (1, 2)]
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
    figures = [segmentation.recalls(found), segmentation.sides(found, PROTOCOLS, drawn), segmentation.confusions(found),
               segmentation.losses(curves(arms, replicates), found, 600), segmentation.bars(numbers.mean_recall(found), HEADLINE),
               knows.unbought(found, knows.beyond_colour(found, 5, 32), HEADLINE)]
    for figure in figures:
        figure.draw_without_rendering()
    said = sum(text.get_text() == "not on record yet" for figure in figures for ax in figure.axes for text in ax.texts)
    assert (said == 0) == (set(arms) >= set(HEADLINE))


@pytest.mark.filterwarnings("error")
def test_all_questions_are_drawn(drawn):
    found = frame(QUESTIONS, 2)
    beyond = knows.beyond_colour(found, 5, 32)
    assert sorted(arm for group in knows.GROUPS.values() for arm in group) == sorted(QUESTIONS)
    for figure in (segmentation.bars(numbers.mean_recall(found), QUESTIONS), knows.unbought(found, beyond, QUESTIONS), segmentation.sides(found, {"all": QUESTIONS}, drawn, published=False)):
        figure.draw_without_rendering()
    assert set(segmentation.UNTOLD) < set(QUESTIONS)
    assert len({(segmentation.look(a)["color"], segmentation.look(a)["marker"]) for a in QUESTIONS}) == len(QUESTIONS)


def test_answers_are_the_records_pixels(data):
    truth = data.test.target
    rows = [{"arm": arm, "replicate": 0, "measure": "segmented", "part": str(k), "x": float(i), "value": float(v)}
            for arm in HEADLINE[:2] for k in range(len(truth)) for i, v in enumerate(truth[k].flatten().tolist())]
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
    assert numbers.mean_recall(found, (1, 2))["value"].iloc[-3] == pytest.approx(one[one["x"].isin([1, 2]) & (one["replicate"] == 0)]["value"].mean())


@pytest.mark.parametrize("classes, words", [(["cpu amx bf16 torch 2"], "bf16 products with fp32 weights"), (["cpu avx2 fp32 torch 2"], "single precision"),
                                            (["cpu a fp32 t", "cuda b bf16 t"], "bf16 products with fp32 weights or single precision"), ([], numbers.NOTHING)])
def test_the_precision_is_that_of_the_records(classes, words):
    assert numbers.precision(SimpleNamespace(numerics=lambda: dict.fromkeys(classes, 1))) == words


def test_texts_say_what_is_missing():
    found = frame(HEADLINE[:1], 1)
    assert numbers.recall(found, "vanilla").endswith("n = 1") and "nan" not in numbers.recall(found, "vanilla")
    assert numbers.lead(found, "coordinate bias", "vanilla") == numbers.NOTHING
    assert numbers.place(found, "coordinate bias", "vanilla") == "not on record beside the plain network"
    table = numbers.scores(found, HEADLINE[:2])
    assert len(table) == 8 and (table.loc[table["network"] == "coordinate bias", "recall"] == numbers.NOTHING).all()


def test_scores_are_medians_with_the_least_and_the_greatest_run():
    found = frame(HEADLINE[:1], 3)
    runs = 100 * numbers.mean_recall(found, (1, 2))["value"]
    row = numbers.scores(found, HEADLINE[:1]).iloc[0]
    assert row["recall"] == f"{runs.median():.1f} [{runs.min():.1f}, {runs.max():.1f}]" and row["n"] == 3


def test_a_place_is_named_only_where_the_interval_allows():
    found = frame(("vanilla", "coordinate bias"), 4)
    assert numbers.place(found, "coordinate bias", "vanilla").startswith("above the plain network (+")
    assert numbers.place(found, "vanilla", "coordinate bias").startswith("below the coordinate bias (-")
    twin = pd.concat([found[found["arm"] == "vanilla"], frame(("CoordConv",), 4).assign(replicate=lambda rows: 3 - rows["replicate"])])
    assert numbers.place(twin, "vanilla", "CoordConv").startswith("not told apart from CoordConv (")
    assert numbers.place(frame(HEADLINE[:2], 1), "coordinate bias", "vanilla").startswith("beside the plain network (+")


@pytest.mark.parametrize("name", ["coordbias.tuning", "coordbias.open_questions"])
def test_tables_of_an_empty_store(name, tmp_path):
    results = study(name).plan("paper").sweep(Store(tmp_path, tmp_path), missing="show")
    assert numbers.by_rate(results).empty
    assert numbers.price(results) == numbers.NOTHING


def test_published_values_are_the_claims():
    assert segmentation.PUBLISHED_LOSS == {"vanilla": (0.126, 0.118), "coordinate bias": (0.021, 0.012)}
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
    assert knows.luck(drawn, 1000, 1) < knows.luck(drawn, 1000, 10) < 0.54 < knows.luck(drawn, 20, 3)
    (phrase, few), (more, many) = (knows.guessing(made, "vanilla", drawn, images) for images in (20, 4000))
    assert few.startswith("of 3 runs none beyond") and many.startswith("of 3 runs 1 beyond 5") and many.endswith("(the best: 55.0%)")
    assert (phrase, more) == ("no more than guessing gives", "in 1 of 3 runs more than guessing gives")
    assert knows.guessing(made[made["replicate"] == 2], "vanilla", drawn, 9000)[0] == "in its only run more than guessing gives"
    assert knows.guessing(made, "CoordConv", drawn, 20) == ("not on record", "not on record")
    assert knows.ends(made, ("vanilla",)) == "from 50.0 to 55.0 % (3 runs)" and knows.ends(made, ()) == "not on record"


def test_the_share_of_a_mark_and_a_direction_are_said_only_where_shown():
    three = ("vanilla", "coordinate bias", "fixed random maps")
    assert "(exploration)" in knows.share(frame(three, 4)) and "not shown" in knows.share(frame(three, 1)) and "not shown" in knows.share(frame(three[:2], 4))
    reading = "It ends more than a point away from CoordConv."
    below = SimpleNamespace(findings=(SimpleNamespace(mean=-0.2),))
    assert knows.directed(reading, below) == "It ends more than a point below CoordConv."
    assert knows.directed(reading, None) == knows.directed(reading, SimpleNamespace(findings=())) == reading


def test_the_test_images_scenes_are_the_labelled_ones():
    there, labels = circles.scenes(30, 64, seed=3, part=1), load("circles", n_train=1, n_test=30, seed=3, size=64).test.target
    assert all(int((there.visible * (there.kind == k)).sum()) == int((labels == k).sum()) for k in (1, 2, 3))
    assert knows.background(there) == pytest.approx(float((labels == 0).float().mean()))


def test_an_observer_of_colour_keeps_nothing_beyond_colour():
    rows = []
    for r, recall in enumerate((0.0, 0.4, 1.0)):
        drawn = circles.scenes(50, 64, seed=r, part=1)
        kept = circles.kept(drawn, knows.background(drawn), "colour", recall)
        for arm, more in (("vanilla", 0.0), ("coordinate bias", 0.01)):
            base = {"arm": arm, "replicate": r, "measure": "segmentation", "at": "stop", "part": "recall"}
            rows += [base | {"x": 0.0, "value": kept + more}, base | {"x": 3.0, "value": recall}]
    beyond = knows.beyond_colour(pd.DataFrame(rows), 50, 64)
    assert beyond.loc[beyond["arm"] == "vanilla", "value"].abs().max() < 1e-9
    assert knows.excess(beyond, "coordinate bias") == "+1.00 points [+1.00, +1.00], n = 3" == knows.change(beyond, "coordinate bias", "vanilla")
    assert knows.of_red(beyond, "coordinate bias").startswith("keeps more than colour can") and knows.repeated(beyond, "coordinate bias").endswith(" repeat it")
    assert knows.of_red(beyond, "CoordConv") == "has too few runs on record to tell" and knows.excess(beyond, "CoordConv") == "not on record"
    less = beyond.assign(value=beyond["value"] - 0.02)
    assert knows.of_red(less, "vanilla").startswith("keeps less than an observer of colour")
    noise = beyond.assign(value=[0.01, 0, 0, 0, -0.01, 0])
    assert knows.of_red(noise, "vanilla").startswith("is not told apart") and "do not repeat it" in knows.repeated(noise, "vanilla")


def test_trials_trained_in_two_classes_are_compared():
    one, two = (frame(HEADLINE[:2], 3).assign(numerics=name) for name in "ab")
    two.loc[two["arm"] == "vanilla", "value"] -= 0.1
    said = knows.again(one, two)
    assert said.startswith("the plain network +10.0 points") and "; the coordinate bias +0.0 points" in said and said.endswith("(a single run at most 10.0 points)")
    assert knows.again(one, one) == knows.again(one, two[:0]) == "here no trial was trained in two classes"


@pytest.mark.parametrize("result", ["holds", "fails", "undecided", "not-run"])
def test_what_follows_is_chosen_by_the_verdicts(result):
    claims = [claim for claim in ledger() if claim.work == "coordbias"]
    rivals = set(coordbias_verdicts.RIVALS)
    kinds = {claim.id: "fails" if claim.id in rivals else result for claim in claims}
    verdicts = {name: SimpleNamespace(findings=(SimpleNamespace(mean=-0.3),)) for name in kinds}
    assert coordbias_verdicts.refuted(verdicts, kinds) == list(coordbias_verdicts.RIVALS.values())
    said = coordbias_verdicts.explained(verdicts, kinds)
    assert ("that brings the gain" in said) == (result == "holds")
    tally = coordbias_verdicts.tally(claims, kinds)
    assert tally.startswith("Of the source's 2 results 2 ") and "; of its 4 open questions" in tally and "; of our own 3 statements" in tally
    open_ = coordbias_verdicts.left_open(kinds, frame((), 0))
    assert ("leave nothing open" in open_) == (result != "undecided") and "runs not on record." in open_
    better = verdicts | {"coordbias.any_mark": SimpleNamespace(findings=(SimpleNamespace(mean=0.3),))}
    assert "2 of 3 rival explanations" in coordbias_verdicts.explained(better, kinds) or result == "fails"
    assert set(kinds) == set(coordbias_verdicts.SUBJECTS)


def test_yellow_contrasts_of_the_chapter_in_words():
    said = coordbias_verdicts.unguessed(frame(HEADLINE, 3), frame(QUESTIONS, 3))
    assert said.startswith("the coordinate bias is above the plain network (+") and "above the plain network as released (+" in said
    assert coordbias_verdicts.unguessed(frame((), 0), frame((), 0)).count("not on record beside") == 4


def test_the_sign_at_every_rate_and_an_edge_are_said():
    rates = pd.concat([frame(HEADLINE[:2], 2).assign(learning_rate=rate) for rate in (1e-3, 1e-2, 1e-1)])
    losses = rates["part"] == "loss"
    rates.loc[losses, "value"] = [{"vanilla": 0.1, "coordinate bias": abs(np.log10(rate) + 2) + 0.1}[arm] - 0.02 * rate * (arm == "vanilla")
                                  for arm, rate in zip(rates.loc[losses, "arm"], rates.loc[losses, "learning_rate"], strict=True)]
    said = numbers.rates_said(SimpleNamespace(frame=lambda: rates))
    assert said.startswith("the difference is positive at 3 of 3 rates (from +") and said.endswith("; the least loss of vanilla lies at the end of the list")
    losses = rates["part"] == "recall"
    rates.loc[losses & (rates["learning_rate"] == 0.1), "value"] = 1.0
    priced = numbers.price(SimpleNamespace(frame=lambda: rates))
    assert priced.startswith("the plain network has ") and "less recall at the chosen 0.01 than at 0.1, at a loss of 0.100 instead of 0.098" in priced
    assert "the coordinate bias" not in priced  # its chosen rate is not among these
