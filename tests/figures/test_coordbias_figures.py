"""The figures of the coordinate-bias pages: what they draw is what the layers and the data set
do.
"""

import numpy as np
import pytest
import torch
from torch import nn

from spatialbias.datasets import load
from spatialbias.figures import circles, coordbias, counterpart
from spatialbias.layers import CoordBiasConv2d, CoordConv2d
from spatialbias.plots import style


@pytest.fixture(scope="module")
def data():
    return load("circles", n_train=60, n_test=1)


@pytest.fixture(scope="module")
def drawn():
    return circles.scenes(2000, size=64)


def test_the_construction_ends_in_the_image_itself(data):
    figure, image = circles.construction(5)
    assert torch.equal(image, data.train.inputs[0][5])
    assert "labels" in figure.axes[-1].get_title()


def test_visible_pixels_are_the_labelled_ones(data):
    there, labels = circles.scenes(60), data.train.target
    for k in (1, 2, 3):
        assert int((there.visible * (there.kind == k)).sum()) == int((labels == k).sum())


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("observer", ["colour", "size", "edge", "scene"])
def test_beliefs_are_as_often_true_as_they_say(drawn, axis, observer):
    belief = circles.beliefs(drawn, axis)[observer]
    far = ((drawn.x if axis == "x" else drawn.y) > 32).float()
    assert ((belief >= 0) & (belief <= 1)).all()
    for low, high in ((0, 0.2), (0.2, 0.45), (0.45, 0.55), (0.55, 0.8), (0.8, 1.01)):
        which = (belief >= low) & (belief < high)
        if which.sum() > 200:
            assert float(far[which].mean()) == pytest.approx(float(belief[which].mean()), abs=0.06)


def test_who_sees_more_does_no_worse(drawn):
    _, best = circles.observers(drawn, 0.86)
    assert best["x colour"] == best["x size"] == best["y colour"] == pytest.approx(0.5)
    assert (
        best["y colour"] < best["y size"] < best["y edge"] < 1
        and best["x colour"] < best["x scene"] < 1
    )


@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1},
        {"padding": 2, "dilation": 2},
        {"stride": 2, "padding": 1},
        {"padding_mode": "replicate", "padding": 1},
    ],
)
def test_the_counterpart_of_coordconv_is_equal_inside(options):
    theirs = CoordConv2d(2, 4, 3, dtype=torch.float64, **options)
    ours, x = (
        counterpart.counterpart(theirs, 15, 12),
        torch.randn(2, 2, 15, 12, dtype=torch.float64),
    )
    where = counterpart.inside(theirs, 15, 12)
    torch.testing.assert_close(ours(x)[..., where], theirs(x)[..., where])
    assert 0 < where.float().mean() < 1 and ((ours(x) - theirs(x)).abs()[..., ~where] > 1e-6).any()


def test_a_kernel_s_slope_is_twice_its_sum():
    theirs = CoordConv2d(1, 4, 5, padding=2, dtype=torch.float64)
    torch.testing.assert_close(
        counterpart.counterpart(theirs, 20, 20).coordinate_bias,
        2 * theirs.weight[:, 1:].sum((2, 3)),
    )


def test_extra_parameters_are_the_published_ones():
    table = coordbias.encoder()
    assert table["coordinate bias"].sum() == 1792 and table["CoordConv"].sum() == 16128
    assert coordbias.extra(3) == {"coordinate bias": 2, "CoordConv": 18, "CoordConv with r": 27}


def test_slopes_move_by_the_stated_factors():
    paces = counterpart.paces((1, 3), size=32, filters=32)
    assert paces.loc[1, "one step of SGD"] == pytest.approx(4, rel=0.05) and paces.loc[
        3, "one step of SGD"
    ] == pytest.approx(36, rel=0.15)
    assert paces["one step of Adam"].tolist() == pytest.approx([2, 18], rel=0.01)


def test_batch_norm_removes_the_constant_and_rescales_the_ramp(data):
    profiles, found = coordbias.normalised(data.train.inputs[0][:8])
    assert found["constant"] < 1e-9 and found["identity"] < 1e-9
    assert np.ptp(profiles["after"]["with a ramp"]) > np.ptp(profiles["after"]["convolution"])
    without, norm = coordbias.gradients(data.train.inputs[0][:8], data.train.target[:8]).to_dict(
        "records"
    )
    assert norm["b"] < 1e-9 < without["b"] and norm["b_x, b_y"] > 1e-3


def test_terms_add_up_and_are_drawn(data):
    layer, image = CoordBiasConv2d(3, 3, 1), data.train.inputs[0][0]
    found = coordbias.terms(layer, image[None] / 255)
    torch.testing.assert_close(sum(list(found.values())[:3]), found["sum"])
    torch.testing.assert_close(found["convolution + b"], nn.Conv2d.forward(layer, image / 255))
    for figure in (
        coordbias.composition(layer, image, data.train.target[0], list(data.classes[1:])),
        coordbias.worked_example(),
    ):
        figure.draw_without_rendering()


def test_what_layers_cost_in_time_is_said_from_the_benchmarks():
    def run(*values):
        rows = [
            {
                "part": "layers",
                "name": f"{kind}, {precision}",
                "value": value + 0.1 * (precision == "bf16"),
                "n": 25,
            }
            for kind, value in zip(("CoordConv2d", "CoordBiasConv2d", "concatenated"), values)
            for precision in ("fp32", "bf16")
        ]
        return {
            "machine": {},
            "rows": [*rows, {"part": "start", "name": "help", "value": 1.0, "n": 5}],
        }

    said = coordbias.speed(
        {"amx": run(1.08, 1.09, 1.6), "avx2": run(1.02, 0.98, 1.3)}, {"amx": "AMX (tiles)"}
    )
    assert (
        "take 1.09 and 1.08 times as long as a plain convolution (AMX; avx2: 0.98 and 1.02)" in said
    )
    assert (
        "; what is slow is concatenating the coordinates, 1.60 or 1.30 times." in said
        and "up to 1.19, 1.18 and 1.70 times" in said
        and "of 25 rounds" in said
    )
    assert "what is slow" not in coordbias.speed({"amx": run(1.5, 1.09, 1.2)}, {})
    for nothing in ({}, {"amx": {"rows": []}}):
        assert (
            coordbias.speed(nothing, {}) == "What they cost in time, as layers, is not on record."
        )


def test_published_marks_have_their_network_s_shape(drawn):
    figure, _ = circles.observers(drawn, 0.86)
    hollow = [
        line.get_marker()
        for ax in figure.axes
        for line in ax.lines
        if line.get_markerfacecolor() == "none"
    ]
    assert hollow == [style.MARKERS["vanilla"], style.MARKERS["coordinate bias"]] * 2


def test_paces_borrow_no_network_s_colour():
    figure = counterpart.paces_figure(counterpart.paces((1, 3), size=16, filters=8))
    assert not {line.get_color() for line in figure.axes[0].lines} & set(style.COLOURS.values()) - {
        style.INK
    }
