import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spatialbias.layers import CoordConv2d

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def concatenating(layer: CoordConv2d, x: torch.Tensor) -> torch.Tensor:
    """The layer by its definition: coordinates computed pixel by pixel, and one convolution over
    everything.
    """
    H, W = x.shape[-2:]
    rows = [
        [
            (2 * j / (W - 1) - 1 if W > 1 else 0.0, 2 * i / (H - 1) - 1 if H > 1 else 0.0)
            for j in range(W)
        ]
        for i in range(H)
    ]
    grid = torch.tensor(rows, dtype=x.dtype).permute(2, 0, 1)  # (2, H, W)
    if layer.radius:
        grid = torch.cat((grid, (grid[:1] ** 2 + grid[1:] ** 2).sqrt()))
    everything = torch.cat((x, grid.expand(*x.shape[:-3], -1, -1, -1)), -3)
    plain = nn.Conv2d(
        everything.shape[-3],
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
        dtype=x.dtype,
    )
    plain.load_state_dict(
        layer.state_dict()
    )  # same names and shapes: a concatenating implementation's weights load
    return torch.func.functional_call(plain, dict(layer.named_parameters()), everything)


@st.composite
def layers_and_maps(draw):
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    same = draw(st.booleans()) and all(r % 2 == 0 for r in reach)
    stride = 1 if same else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = "same" if same else (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    margin = [r // 2 for r in reach] if same else list(padding)
    H, W = (draw(st.integers(max(r + 1 - 2 * m, m + 1, 1), 9)) for r, m in zip(reach, margin))
    layer = CoordConv2d(
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        kernel,
        stride,
        padding,
        dilation,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(PADDING_MODES)),
        radius=draw(st.booleans()),
        dtype=torch.float64,
    )
    shape = (
        (layer.in_channels, H, W)
        if draw(st.booleans())
        else (draw(st.integers(0, 3)), layer.in_channels, H, W)
    )
    return layer, torch.randn(shape, dtype=torch.float64, requires_grad=True)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(layers_and_maps())
def test_equals_the_concatenating_form_in_values_and_gradients(drawn):
    layer, x = drawn
    ours, theirs = layer(x), concatenating(layer, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-9)
    upstream = torch.randn_like(theirs)
    inputs = [x, *layer.parameters()]
    for a, b in zip(
        torch.autograd.grad(ours, inputs, upstream), torch.autograd.grad(theirs, inputs, upstream)
    ):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_single_precision_agrees_to_1e_5(memory_format):
    layer = CoordConv2d(8, 6, 3, padding=1, radius=True).to(memory_format=memory_format)
    x = torch.randn(4, 8, 14, 6).contiguous(memory_format=memory_format)
    ours, theirs = layer(x), concatenating(layer, x)
    assert ours.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    upstream = torch.randn_like(x[:, :6])
    ours, theirs = (torch.autograd.grad(y, layer.weight, upstream)[0] for y in (ours, theirs))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=2e-5)


def test_zero_coordinate_weights_are_a_plain_convolution():
    layer, plain = CoordConv2d(3, 5, 3, padding=1), nn.Conv2d(3, 5, 3, padding=1)
    with torch.no_grad():
        layer.weight[:, :3], layer.weight[:, 3:] = plain.weight, 0
        layer.bias.copy_(plain.bias)
    x = torch.randn(2, 3, 7, 5)
    assert torch.equal(layer(x), plain(x))


def test_the_tutorial_s_walkthrough():
    """[8, 28, 30, 3] in, and what it appends: x over the 30 columns, y over the 28 rows."""
    x, y = CoordConv2d(3, 16, 1).coordinates(28, 30, torch.float32, "cpu")
    assert x[5, 0] == -1 and x[5, 29] == 1 and y[0, 7] == -1 and y[27, 7] == 1
    assert CoordConv2d(3, 16, 1)(torch.rand(8, 3, 28, 30)).shape == (8, 16, 28, 30)


def test_the_radius_is_centred_on_the_map():
    r = CoordConv2d(1, 1, 1, radius=True).coordinates(13, 7, torch.float64, "cpu")[2]
    assert r[6, 3] == 0 and r[0, 0] == r[12, 6] == 2**0.5 and r.max() == r[0, 0]


@pytest.mark.parametrize("radius", [False, True])
def test_number_of_parameters(radius):
    c, c_out, k, d = 5, 7, 3, 3 if radius else 2
    layer = CoordConv2d(c, c_out, k, radius=radius)
    assert layer.weight.shape == (c_out, c + d, k, k) and layer.in_channels == c
    assert sum(p.numel() for p in layer.parameters()) == (c + d) * c_out * k**2 + c_out


def test_starts_as_the_concatenating_convolution_does():
    torch.manual_seed(1)
    plain = nn.Conv2d(5, 4, 3)
    torch.manual_seed(1)
    layer = CoordConv2d(3, 4, 3)
    assert torch.equal(layer.weight, plain.weight) and torch.equal(layer.bias, plain.bias)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_dtypes(dtype):
    layer = CoordConv2d(4, 3, 3, padding=1, dtype=torch.float64)
    x = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    low = copy.deepcopy(layer).to(dtype)(x.to(dtype))
    assert low.dtype == dtype
    torch.testing.assert_close(low.double(), layer(x), rtol=0, atol=16 * torch.finfo(dtype).eps)


def test_autocast_trains_in_bfloat16_with_single_precision_weights():
    layer, x = CoordConv2d(4, 3, 3, padding=1), torch.randn(2, 4, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), layer(x), rtol=0.05, atol=0.05)
    out.float().square().sum().backward()
    assert layer.weight.grad.dtype == torch.float32 and layer.weight.grad[:, 4:].abs().sum() > 0


def test_an_empty_batch_passes_through_with_zero_gradients():
    layer = CoordConv2d(2, 3, 3, padding=1)
    out = layer(torch.empty(0, 2, 5, 4))
    assert out.shape == (0, 3, 5, 4)
    out.sum().backward()
    assert layer.weight.grad.eq(0).all()


def test_state_round_trip():
    layer, other = CoordConv2d(2, 3, 3, radius=True), CoordConv2d(2, 3, 3, radius=True)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(1, 2, 6, 5)
    assert set(layer.state_dict()) == {"weight", "bias"} and torch.equal(layer(x), other(x))


def test_per_example_gradients_through_vmap():
    layer, x = (
        CoordConv2d(2, 3, 3, padding=1).double(),
        torch.randn(4, 2, 5, 6, dtype=torch.float64),
    )
    parameters = dict(layer.named_parameters())

    def loss(parameters, image):
        return torch.func.functional_call(layer, parameters, image).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)["weight"]
    whole = torch.autograd.grad(layer(x).square().sum(), layer.weight)[0]
    torch.testing.assert_close(each.sum(0), whole)


def test_export_keeps_the_batch_dynamic():
    layer = CoordConv2d(2, 3, 3, padding=1, radius=True).eval()
    program = torch.export.export(
        layer, (torch.randn(2, 2, 8, 6),), dynamic_shapes=({0: torch.export.Dim("B")},)
    )
    x = torch.randn(5, 2, 8, 6)
    torch.testing.assert_close(program.module()(x), layer(x))


def test_compiles_with_gradients():
    layer, x = CoordConv2d(2, 3, 3, padding=1), torch.randn(2, 2, 8, 6)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))
    ours, theirs = (
        torch.autograd.grad(f(x).square().sum(), layer.weight)[0] for f in (compiled, layer)
    )
    torch.testing.assert_close(ours, theirs)


def test_onnx(tmp_path):
    pytest.importorskip("onnxscript")
    layer = CoordConv2d(2, 3, 3, padding=1).eval()
    torch.onnx.export(layer, (torch.randn(1, 2, 8, 6),), tmp_path / "layer.onnx", dynamo=True)
    assert (tmp_path / "layer.onnx").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 2}, "CoordBiasConv2d"),
        ({"padding_mode": "mirror"}, "padding_mode"),
        ({"padding": "same", "stride": 2}, "same"),
        ({"padding": "full"}, "padding"),
    ],
)
def test_what_is_unsupported_raises_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        CoordConv2d(4, 4, 3, **arguments)


def test_no_copy_of_the_input_is_made():
    """The second term costs one image's worth, not one a batch: counted in multiply-adds."""
    from torch.utils.flop_counter import FlopCounterMode

    def flops(layer, x):
        with FlopCounterMode(display=False) as counter:
            layer(x)
        return counter.get_total_flops()

    x = torch.randn(8, 16, 12, 12)
    plain, ours = (
        flops(nn.Conv2d(16, 16, 3, padding=1), x),
        flops(CoordConv2d(16, 16, 3, padding=1), x),
    )
    assert ours - plain == plain // 8 * 2 // 16
    assert F.mse_loss(CoordConv2d(16, 16, 3, padding=1)(x), x).isfinite()
