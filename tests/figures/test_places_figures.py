"""What the result pages of the CoordConv chapter draw and say: right at any number of runs, and
with none.
"""

import math

import numpy as np
import pandas as pd
import pytest

from spatialbias.figures import places, places_maps, starts
from spatialbias.figures import places_tables as numbers
from spatialbias.plots.charts import write_labels
from spatialbias.plots.style import canvas
from spatialbias.studies import study
from spatialbias.trials import Trial

COLUMNS = ["arm", "split", "replicate", "part", "x", "value", "learning_rate"]


def written(figure):
    figure.draw_without_rendering()
    return " ".join(
        text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
    )


def scores(runs: dict, part="test") -> pd.DataFrame:
    rows = [
        (arm, split, r, part, None, v, 10.0 ** -(r + 1))
        for (arm, split), values in runs.items()
        for r, v in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def course(arm: str, *scores_: float, split="quadrant", replicate=0) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "arm": arm,
                "split": split,
                "replicate": replicate,
                "epoch": e,
                "loss": 1.0,
                "score": s,
            }
            for e, s in enumerate(scores_, 1)
        ]
    )


EMPTY = scores({})


@pytest.mark.parametrize("n", [1, 2, 20])
def test_every_run_is_a_dot_and_perfect_runs_are_counted(n):
    figure = places.swarm(
        scores({("coordconv", "quadrant"): [1.0] * n, ("deconv", "quadrant"): [0.999] * n})
    )
    text = written(figure)
    assert f"{n} of {n}" in text and f"0 of {n}" in text
    dots = [line for line in figure.axes[0].lines if line.get_marker() in "^s"]
    assert sorted(len(line.get_xdata()) for line in dots) == [n, n]


def test_heaps_keep_to_their_row():
    offsets = places.heaps([1.0] * 30 + [0.0], 0, 1)
    assert np.abs(offsets).max() < 0.4 and offsets[-1] == 0 and len(set(offsets[:30])) == 30


def test_rates_have_exact_intervals():
    found = places.rates(
        scores({("coordconv", "uniform"): [1, 1, 1, 0.99], ("deconv", "uniform"): [0.5]})
    ).set_index("arm")
    assert found.loc["coordconv", "mean"] == 0.75 and found.loc[
        "coordconv", "low"
    ] == pytest.approx(0.194, abs=1e-3)
    assert tuple(found.loc["deconv", ["mean", "n"]]) == (0, 1) and found.loc[
        "deconv", "high"
    ] == pytest.approx(0.975)


def test_success_must_last_and_failures_are_censored():
    runs = pd.concat(
        [
            course("coordconv", 0, 1, 0.5, 1, 1),
            course("deconv", 1, 1, 0.9),
            course("constant rate", 1, 1),
        ]
    )
    found = places.successes(runs).set_index("arm")[["epoch", "seen"]].to_dict("index")
    assert found == {
        "coordconv": {"epoch": 4, "seen": True},
        "deconv": {"epoch": 3, "seen": False},
        "constant rate": {"epoch": 1, "seen": True},
    }
    assert "1 not" in written(places.time_to_success(places.successes(runs)))


def test_the_best_of_k_is_exact():
    assert places.best_after([3, 1, 2], [0.0, 0.9, 0.6]) == pytest.approx(
        [0.5, (0.9 * 2 + 0.6) / 3, 0.9]
    )
    assert places.best_after([1.0], [0.3]).tolist() == [0.3]


def test_a_search_is_judged_by_training_loss():
    found = scores({(arm, "uniform"): [0.0, 1.0] for arm in ("coordconv", "deconv")})
    trials = found[["arm", "split", "replicate"]].assign(loss=[0.1, 0.2, 0.2, np.nan])
    lines = places.search(found, trials).axes[1].lines
    assert [line.get_ydata()[-1] for line in lines] == [0, 100, 0, 100]


def test_errors_lie_where_the_places_are():
    frame = pd.DataFrame(
        [
            ("deconv names", "quadrant", 0, part, 5 * 16 + 9.0, v, 0.1)
            for part, v in (("test", 3.0),)
        ],
        columns=COLUMNS,
    )
    picture = places_maps.error_maps(frame, "names", 16).axes[0].images[0].get_array()
    assert picture[5, 9] == 3 and np.isnan(np.asarray(picture.filled(np.nan))).sum() == 255


def test_the_brightness_of_a_perfect_square_is_a_step():
    shown = [
        (f"{8},{7}", y * 16 + x, float(abs(x - 8) <= 4 and abs(y - 7) <= 4))
        for y in range(16)
        for x in range(16)
    ]
    frame = pd.DataFrame(
        [("deconv draws", "quadrant", 0, part, x, v, 0.1) for part, x, v in shown], columns=COLUMNS
    )
    around = places_maps.brightness(frame, 16).set_index("distance")["value"]
    assert (around.loc[[0, 1, 2, 3, 4]] == 1).all() and (around.loc[[5, 6, 7, 8]] == 0).all()
    assert "(8, 7)" in written(places_maps.pictures(frame, "draws", "quadrant", 16))
    both = pd.concat(
        [
            frame,
            frame.assign(arm="coordconv draws, as many steps"),
            frame.assign(arm="coordconv names"),
        ]
    )
    assert "CoordConv,\nas many steps" in written(
        places_maps.pictures(both, "draws", "quadrant", 16)
    )
    assert (
        len(places_maps.edges(places_maps.brightness(both, 16)).legends[0].texts)
        == 2
        == len(places_maps.error_maps(both, "draws", 16).axes) - 1
    )


def test_numbers_at_any_n():
    assert numbers.said([]) == "not on record" and numbers.said([0.5]) == "50.0 %, n = 1"
    assert (
        numbers.said([1.0, 0.9]) == "95.0 % [31.5, 100.0], n = 2"
        and numbers.said([0.2, 0.1], "") == "0.15 [0.00, 0.79], n = 2"
    )
    assert numbers.said([1.0, 1.0], "pixels") == "1.00 pixels [1.00, 1.00], n = 2"
    assert (
        numbers.rate_said(EMPTY) == "not on record"
        and numbers.rate_said(scores({("deconv", "uniform"): [1.0, 1.0]}))
        == "2 of 2 runs (16 % to 100 %)"
    )


def test_the_error_after_the_first_epoch():
    curves = pd.concat(
        [course("slow", first, 3.0, replicate=r) for r, first in enumerate((900.0, 1000.0, 5000.0))]
    )
    assert (
        numbers.first_said(curves, "slow") == "1,000 pixels"
        and numbers.first_said(curves, "fast") == "not on record"
    )


@pytest.mark.parametrize(
    "train, test, words",
    [
        (1.0, 0.9, "learnt, and carried over"),
        (0.95, 0.5, "learnt, and carried over in part"),
        (0.9, 0.09, "learnt, and lost beyond"),
        (0.5, 0.5, "not learnt to the end"),
        (0.05, 0.0, "nothing learnt"),
    ],
)
def test_what_was_learnt_and_what_carried_over_in_words(train, test, words):
    frame = pd.concat(
        [
            scores({("a code", "quadrant"): [value] * 2}, part)
            for part, value in (("train", train), ("test", test))
        ]
    )
    assert (
        numbers.carried(frame, arm="a code") == words
        and numbers.carried(frame, arm="another") == "not on record"
    )
    found = numbers.codes(frame, {"a code": "x and y", "another": "nothing"})
    assert found[["row", "what it is told", "in words"]].values.tolist() == [
        ["a code", "x and y", words]
    ] and not {"split", "n"} & set(found)


def test_with_no_records_figures_say_so_and_tables_are_empty():
    curves = course("coordconv")
    for figure in (
        places.swarm(EMPTY),
        places.search(EMPTY, EMPTY.assign(loss=0.0)),
        places_maps.error_maps(EMPTY, "names", 16),
        places_maps.pictures(EMPTY, "draws", "uniform", 16),
        places_maps.edges(places_maps.brightness(EMPTY, 16)),
        places.curves(
            pd.DataFrame(columns=["arm", "split", "replicate", "epoch", "loss", "score"])
        ),
        places.time_to_success(
            pd.DataFrame(columns=["arm", "split", "replicate", "epoch", "seen", "until"])
        ),
    ):
        assert "not on record yet" in written(figure)
    assert (
        curves.empty
        and places.rates(EMPTY).empty
        and numbers.both_sides(EMPTY).empty
        and numbers.untold(EMPTY).empty
        and numbers.codes(EMPTY, {}).empty
    )


def test_parameters_are_counted_on_the_modules():
    found = numbers.sizes(
        {"CoordConv": ("coordconv_classifier", {}), "largest": ("deconv", {"kernel": 4, "mul": 3})},
        "CoordConv",
    )
    assert found["parameters"].tolist() == ["7,553", "1,632,001"] and found[
        "times CoordConv"
    ].tolist() == ["1.0", "216.1"]


def test_knowing_nothing_costs_pixels():
    assert 5 < numbers.always_the_mean(32) < 24
    assert numbers.always_the_mean(32, "uniform") < numbers.always_the_mean(32)
    assert (
        numbers.always_the_mean(32, answer=15.5) < numbers.always_the_mean(32)
        and numbers.mean_place(32) == "(13.77, 13.77)"
    )


def test_half_precision_merges_pixels():
    found = numbers.told_apart(32)
    assert found["bf16"] < found["fp32"] <= found["pixels"] == 1024


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_names_at_the_ends_of_lines_keep_apart(scale):
    figure, (ax,) = canvas(1)
    ax.set(yscale=scale, ylim=(1, 100))
    ends = {"deconv": (5, 10.0), "coordconv": (5, 10.5), "no coordinates": (4, 90.0)}
    write_labels(ax, ends, ["coordconv", "deconv", "no coordinates"], gap=20)
    deconv, coordconv, alone = ax.texts
    assert [text.get_text() for text in ax.texts] == [
        "deconvolution",
        "CoordConv",
        "no coordinates",
    ]
    assert {text.xy[0] for text in ax.texts} == {5} and alone.xyann[1] == pytest.approx(0)
    apart = np.ptp(ax.transData.transform([(5, 10.0), (5, 10.5)])[:, 1]) * 72 / figure.dpi
    assert coordconv.xyann[1] - deconv.xyann[1] == pytest.approx(20 - apart)  # in points
    assert coordconv.xyann[1] == pytest.approx(-deconv.xyann[1]), "both make way"
    assert [text.arrow_patch is not None for text in ax.texts] == [True, True, False], (
        "what was moved is tied to its line"
    )


def test_steps_are_counted_batch_by_batch():
    trial = Trial(
        model="coordconv_classifier",
        model_args={"size": 32},
        dataset="not_so_clevr",
        dataset_args={"split": "quadrant", "size": 32},
        batch_size=16,
        max_epochs=50,
    )
    assert numbers.steps(trial) == 50 * math.ceil(455 / 16)
    assert numbers.steps(trial, 64) == 50 * math.ceil(2407 / 16)
    assert (
        numbers.steps_by_split(study("coordconv.rendering").plan("paper").sweep(missing="show"))
        == "1,400 (uniform) and 1,450 (quadrant)"
    )
    assert numbers.steps_tutorial() == 73 * 50


def test_arms_of_several_figures_keep_their_looks():
    assert places.look("rate 0.01", 0) == places.look("rate 0.01", 7) and places.look(
        "a", 0
    ) != places.look("a", 1)
    assert len({places.look(arm, 0) for arm in places.LOOKS}) == len(places.LOOKS)


def test_epochs_are_told_below_the_last_panel_of_every_column():
    curves = pd.concat([course(arm, 0.1, 0.2) for arm in "abcd"])
    axes = places.curves(curves, "arm", "abcd", columns=3).axes
    assert [bool(ax.get_xlabel()) for ax in axes[:4]] == [False, True, True, True]
    assert [ax.xaxis.get_tick_params()["labelbottom"] for ax in axes[:4]] == [
        False,
        True,
        True,
        True,
    ]


def test_the_fate_of_coordinates():
    values = {
        "x, start": 0.5,
        "x, end": 1.0,
        "x, error": 0.01,
        "y, start": 0.0,
        "y, end": 0.0,
        "y, error": 6.0,
    }
    frame = pd.DataFrame(
        [
            {"split": "uniform", "replicate": 3, "part": part, "value": value}
            for part, value in values.items()
        ]
    )
    found = starts.coordinates(frame)
    assert found[["coordinate", "start", "end", "error"]].values.tolist() == [
        ["x", 0.5, 1.0, 0.01],
        ["y", 0.0, 0.0, 6.0],
    ]
    assert starts.outcomes(found) == {
        "all": "1 of 2",
        "followed": "1 of 1",
        "lost": "0 of 1",
        "seen": "1 of 1",
        "unseen": "0 of 1",
    }
    assert "before training" in written(starts.figure(found))
    assert "not on record" in written(starts.figure(starts.coordinates(frame[:0])))


def test_runs_that_have_not_learnt_are_counted():
    frame = scores(
        {("coordconv", "uniform"): [0.0, 0.04, 0.9], ("deconv", "uniform"): [1.0]}, "train"
    )
    assert (
        numbers.unlearnt(frame, arm="coordconv") == "2 of 3"
        and numbers.unlearnt(frame, arm="deconv") == "0 of 1"
    )
    assert numbers.unlearnt(EMPTY) == "not on record"


def test_runs_that_were_right_and_are_worse_at_the_end():
    courses = [
        (9.0, 0.5, 0.7, 0.9),
        (9.0, 0.5, 0.4, 0.2),
        (9.0, 0.1, 0.1, 12.5),
        (9.0, 8.0, 1.0, 0.1),
    ]
    curves = pd.concat([course("long", *scores_, replicate=r) for r, scores_ in enumerate(courses)])
    assert numbers.faded(curves, "long", 1.0, 12.0) == (
        "of 3 runs that err by less than 1 pixel after epoch 2, 2 err by more after epoch 4, "
        "and 1 by as much as knowing nothing"
    )
    assert numbers.faded(curves, "short", 1.0, 12.0) == "not on record"


def test_a_narrow_figure_breaks_its_names():
    frame = scores({("average pooling, ReLU", "quadrant"): [0.5]})
    assert "average pooling,\nReLU" in written(
        places.swarm(frame, width=4.2)
    ) and "average pooling, ReLU" in written(places.swarm(frame))


def test_a_reference_may_differ_from_panel_to_panel():
    frame = scores({("coordconv", split): [3.0] for split in ("uniform", "quadrant")})
    figure = places.swarm(
        frame,
        unit=1.0,
        log=True,
        counted=None,
        lines={"knowing nothing": {"uniform": 9.4, "quadrant": 12.1}},
    )
    assert [
        [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == "--"]
        for axis in figure.axes
    ] == [[9.4], [12.1]]
