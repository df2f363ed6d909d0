"""The figures and tables of the segmentation pages: right with many runs, with one, with none, and with any arms missing."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from torch import nn

from spatialbias.datasets import load
from spatialbias.figures import circles, segmentation
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
               segmentation.differences(found, HEADLINE, "coordinate bias")]
    for figure in figures:
        figure.draw_without_rendering()
    said = sum(text.get_text() == "not on record yet" for figure in figures for ax in figure.axes for text in ax.texts)
    assert (said == 0) == (set(arms) >= set(HEADLINE))


@pytest.mark.filterwarnings("error")
def test_all_questions_are_drawn(drawn):
    found = frame(QUESTIONS, 2)
    for figure in (segmentation.bars(numbers.mean_recall(found), QUESTIONS), segmentation.sides(found, {"all": QUESTIONS}, drawn, published=False)):
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
    table = numbers.scores(found, HEADLINE[:2])
    assert len(table) == 6 and (table.loc[table["network"] == "coordinate bias", "recall"] == numbers.NOTHING).all()


@pytest.mark.parametrize("name", ["coordbias.tuning", "coordbias.open_questions"])
def test_tables_of_an_empty_store(name, tmp_path):
    results = study(name).plan("paper").sweep(Store(tmp_path, tmp_path), missing="show")
    assert numbers.by_rate(results).empty
    assert numbers.pace(results, "CoordConv", "coordinate bias") == numbers.NOTHING


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


def test_guessing_a_bargain_and_the_rates_in_words():
    made = frame(("vanilla", "coordinate bias"), 3, level=0.5)
    sides = made["x"].isin([1.0, 2.0]) & (made["part"] == "recall") & (made["arm"] == "vanilla")
    made.loc[sides, "value"] = [0.9, 0.1, 0.2, 0.8, 0.6, 0.5]
    drawn = circles.scenes(200, 32)
    assert numbers.luck(drawn, 1000, 1) < numbers.luck(drawn, 1000, 10) < 0.54 < numbers.luck(drawn, 20, 3)
    few, many = (numbers.guessing(made, "vanilla", drawn, images) for images in (20, 4000))
    assert few.startswith("of 3 runs none beyond") and many.startswith("of 3 runs 1 beyond 5") and many.endswith("(the best: 55.0%)")
    assert numbers.guessing(made, "CoordConv", drawn, 20) == "not on record"
    said = numbers.bargain(made, "coordinate bias", drawn, 0.8)
    assert "of red and 99.0% of the background (by colour alone: 9" in said
    assert circles.kept(drawn, 0.8, "colour", 0.0) == pytest.approx(1.0)
    assert circles.kept(drawn, 0.8, "colour", 1.0) < 0.99
    assert numbers.bargain(made, "CoordConv", drawn, 0.8) == "not on record"


def test_the_sign_at_every_rate_and_an_edge_are_said():
    rates = pd.concat([frame(HEADLINE[:2], 2).assign(learning_rate=rate) for rate in (1e-3, 1e-2, 1e-1)])
    losses = rates["part"] == "loss"
    rates.loc[losses, "value"] = [{"vanilla": 0.1, "coordinate bias": abs(np.log10(rate) + 2) + 0.1}[arm] - 0.02 * rate * (arm == "vanilla")
                                  for arm, rate in zip(rates.loc[losses, "arm"], rates.loc[losses, "learning_rate"], strict=True)]
    said = numbers.rates_said(SimpleNamespace(frame=lambda: rates))
    assert said.startswith("the difference is positive at 3 of 3 rates (from +") and said.endswith("; the least loss of vanilla lies at the end of the list")
