"""What a stranger's training loop does to a layer: dtypes that do not fit, weights that change
between forward and backward, many gradients at once, shapes without data.
"""

import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from spatialbias.layers import CoordBiasConv2d, CoordConv2d, LocallyConnected2d, LRLC2d, ModFC, lrlc
from spatialbias.layers.modfc import folded_path

MAP = {"input_size": (6, 5)}
TIED = {
    "local": lambda **o: LocallyConnected2d(2, 3, 3, **MAP, **o),
    "fixed": lambda **o: LRLC2d(2, 3, 3, rank=5, **MAP, **o),
    "looking": lambda **o: LRLC2d(2, 3, 3, rank=2, weights="input", **MAP, **o),
}
CONVERT = {
    "CoordConv2d": CoordConv2d.from_conv,
    "CoordBiasConv2d": CoordBiasConv2d.from_conv,
    "LocallyConnected2d": lambda conv: LocallyConnected2d.from_conv(conv, **MAP),
}
tied = pytest.mark.parametrize("build", TIED.values(), ids=TIED)
convert = pytest.mark.parametrize("convert", CONVERT.values(), ids=CONVERT)


@tied
@pytest.mark.parametrize("batch", [2, 40])  # computed at once and row by row
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64])
def test_maps_of_another_dtype_are_refused_rather_than_answered_with_zeros(build, batch, dtype):
    x = torch.ones(batch, 2, 6, 5, dtype=dtype)
    with pytest.raises(
        ValueError, match=f"maps are {dtype} and this layer's weights torch.float32"
    ):
        build()(x)


@tied
def test_under_autocast_floating_maps_may_differ_from_the_weights(build):
    layer, x = build(), torch.randn(2, 2, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x.bfloat16()).dtype == torch.bfloat16
        with pytest.raises(ValueError, match="int64"):
            layer(x.long())


@convert
@pytest.mark.parametrize(
    "other", [CoordBiasConv2d(2, 3, 3), CoordConv2d(2, 3, 3), nn.ConvTranspose2d(3, 3, 3)]
)
def test_only_a_convolution_is_converted(convert, other):
    with pytest.raises(ValueError, match=type(other).__name__):
        convert(other)


@convert
@pytest.mark.parametrize(
    "change", [parametrizations.weight_norm, lambda c: prune.l1_unstructured(c, "weight", 0.5)]
)
def test_a_convolution_with_computed_weights_is_converted(convert, change):
    conv, x = change(nn.Conv2d(2, 3, 3)), torch.randn(2, 2, 6, 5)
    torch.testing.assert_close(convert(conv)(x), conv(x))


def test_weights_that_change_before_the_backward_pass_are_noticed():
    weights = [torch.randn(8, 8).requires_grad_() for _ in range(3)]
    total = folded_path(torch.randn(2, 5, 8), torch.ones(2, 3, 8), weights).sum()
    with torch.no_grad():
        weights[1].mul_(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


@tied
@pytest.mark.parametrize("batch", [1, 34])
def test_many_gradients_at_once_are_those_of_one_after_another(build, batch):
    torch.manual_seed(0)
    layer = build(dtype=torch.float64)
    x = torch.randn(batch, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    inputs, ways = [x, *layer.parameters()], torch.randn(3, *y.shape, dtype=y.dtype)
    options = {"retain_graph": True, "allow_unused": True}
    together = torch.autograd.grad(y, inputs, ways, is_grads_batched=True, **options)
    for k, way in enumerate(ways):
        for many, one in zip(together, torch.autograd.grad(y, inputs, way, **options), strict=True):
            assert (many is None) == (one is None)
            if one is not None:
                torch.testing.assert_close(many[k], one)


@tied
@pytest.mark.parametrize("batch", [1, 34])
def test_gradients_with_a_graph_are_those_without(build, batch):
    """Weights that look at the input are computed from it: no way is counted twice."""
    layer = build(dtype=torch.float64)
    x = torch.randn(batch, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    total, inputs = layer(x).square().sum(), [x, *layer.parameters()]
    options = {"retain_graph": True, "allow_unused": True}
    torch.testing.assert_close(
        torch.autograd.grad(total, inputs, create_graph=True, **options),
        torch.autograd.grad(total, inputs, **options),
    )


def test_the_folded_path_says_that_it_takes_one_gradient_at_a_time():
    weights = [torch.randn(4, 4, requires_grad=True) for _ in range(2)]
    total = folded_path(torch.randn(2, 3, 4), None, weights)
    with pytest.raises(RuntimeError, match="folded=False"):
        torch.autograd.grad(total, weights, torch.ones(2, *total.shape), is_grads_batched=True)


@pytest.mark.parametrize("batch", [2, 40])
@tied
def test_shapes_are_told_without_data(build, batch):
    out = build(device="meta")(torch.empty(batch, 2, 6, 5, device="meta"))
    assert out.is_meta and out.shape == (batch, 3, 4, 3)
    assert ModFC(4, 3, device="meta")(torch.empty(2, 5, 4, device="meta")).shape == (2, 5, 3)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_leaves_doubles_alone(half):
    x, m = torch.randn(2, 5, 16).double(), torch.randn(2, 16).double()
    layer, weights = ModFC(16, 16).double(), [torch.randn(16, 16).double() for _ in range(2)]
    expected = layer(x, m), folded_path(x, None, weights)
    with torch.autocast("cpu", half):
        found = layer(x, m), folded_path(x, None, weights)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_without_gradients_responses_are_not_kept(monkeypatch):
    """Of four micro-batches none but the last is alive when the next is computed."""
    seen = []

    def conv2d(*arguments):
        assert all(old() is None for old in seen[:-1])
        out = F_conv2d(*arguments)
        seen.append(weakref.ref(out))
        return out

    F_conv2d, layer = F.conv2d, LRLC2d(2, 3, 3, rank=2, **MAP)
    x = torch.randn(4 * lrlc.MICRO_BATCH, 2, 6, 5)
    expected = layer(x)
    monkeypatch.setattr(F, "conv2d", conv2d)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), expected)
    assert len(seen) == 4


def test_combining_weights_of_one_map_are_those_of_a_batch_of_one():
    layer, x = TIED["looking"](), torch.randn(2, 6, 5)
    torch.testing.assert_close(layer.combining_weights(x), layer.combining_weights(x[None]))
    with pytest.raises(ValueError, match="6, 5"):
        layer.combining_weights(torch.randn(2, 5, 6))


@pytest.mark.parametrize("size", [0, (0, 8), (8, -1)])
def test_a_map_without_pixels_is_refused(size):
    with pytest.raises(ValueError, match="input_size"):
        LocallyConnected2d(1, 1, 3, padding=2, input_size=size)
