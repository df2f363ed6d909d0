"""Observers of the coloured circles, and the coordinate bias beside CoordConv."""

import pytest
import torch

from spatialbias.datasets import load
from spatialbias.layers import CoordConv2d
from spatialbias.probes import circles, counterpart


@pytest.fixture(scope="module")
def drawn():
    return circles.scenes(2000, size=64)


def test_visible_pixels_are_the_labelled_ones():
    there, labels = circles.scenes(60), load("circles", n_train=60, n_test=1).train.target
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
    best = {}
    for axis in "xy":
        for who, belief in circles.beliefs(drawn, axis).items():
            far, near = circles.trade_off(drawn, belief, axis)
            best[f"{axis} {who}"] = float((far + near).max() / 2)
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


def test_slopes_move_by_the_stated_factors():
    paces = counterpart.paces((1, 3), size=32, filters=32)
    assert paces.loc[1, "one step of SGD"] == pytest.approx(4, rel=0.05) and paces.loc[
        3, "one step of SGD"
    ] == pytest.approx(36, rel=0.15)
    assert paces["one step of Adam"].tolist() == pytest.approx([2, 18], rel=0.01)
