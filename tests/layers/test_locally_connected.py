import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spatialbias.layers import LocallyConnected2d

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def by_position(layer: LocallyConnected2d, x: torch.Tensor) -> torch.Tensor:
    """By its definition: at each position, the output of a convolution with that position's
    weights.
    """
    H, W = layer.output_size
    out = torch.empty(len(x), layer.out_channels, H, W, dtype=x.dtype)
    conv = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
        dtype=x.dtype,
    )
    for i in range(H):
        for j in range(W):
            weights = {"weight": layer.weight[i, j]} | (
                {"bias": layer.bias[i, j]} if layer.bias is not None else {}
            )
            out[:, :, i, j] = torch.func.functional_call(conv, weights, x)[:, :, i, j]
    return out


@st.composite
def layers_and_maps(draw):
    kernel, dilation = ((draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    same = draw(st.booleans()) and all(r % 2 == 0 for r in reach)
    stride = 1 if same else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = "same" if same else (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    margin = [r // 2 for r in reach] if same else list(padding)
    H, W = (draw(st.integers(max(r + 1 - 2 * m, m + 1), 7)) for r, m in zip(reach, margin))
    layer = LocallyConnected2d(
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        kernel,
        stride,
        padding,
        dilation,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(PADDING_MODES)),
        dtype=torch.float64,
        input_size=(H, W),
    )
    return layer, torch.randn(
        draw(st.integers(0, 3)), layer.in_channels, H, W, dtype=torch.float64, requires_grad=True
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(layers_and_maps())
def test_equals_its_definition_in_values_and_gradients(drawn):
    layer, x = drawn
    ours, theirs = layer(x), by_position(layer, x)
    torch.testing.assert_close(ours, theirs)
    inputs, upstream = [x, *layer.parameters()], torch.randn_like(theirs)
    for a, b in zip(
        torch.autograd.grad(ours, inputs, upstream), torch.autograd.grad(theirs, inputs, upstream)
    ):
        torch.testing.assert_close(a, b)


def test_large_batches_go_row_by_row_to_the_same_end():
    layer = LocallyConnected2d(3, 5, (3, 2), (2, 1), 1, input_size=(9, 7), dtype=torch.float64)
    x = torch.randn(40, 3, 9, 7, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(40, 5, 5, 8, dtype=torch.float64)
    whole = torch.autograd.grad(layer(x), [x, *layer.parameters()], upstream)
    halves = torch.cat((layer(x[:20]), layer(x[20:])))
    torch.testing.assert_close(layer(x), halves)
    for a, b in zip(whole, torch.autograd.grad(halves, [x, *layer.parameters()], upstream)):
        torch.testing.assert_close(a, b)


def test_with_one_kernel_everywhere_it_is_a_convolution():
    conv = nn.Conv2d(3, 5, (3, 2), stride=(2, 1), padding=1)
    layer = LocallyConnected2d(3, 5, (3, 2), stride=(2, 1), padding=1, input_size=(9, 7))
    with torch.no_grad():
        layer.weight.copy_(conv.weight)
        layer.bias.copy_(conv.bias)
    x = torch.randn(4, 3, 9, 7)
    torch.testing.assert_close(layer(x), conv(x), rtol=1e-5, atol=1e-5)
    assert layer(x).is_contiguous()


def test_a_position_s_weights_touch_that_position_only():
    layer, x = LocallyConnected2d(2, 3, 3, padding=1, input_size=(5, 4)), torch.randn(1, 2, 5, 4)
    before = layer(x)
    with torch.no_grad():
        layer.weight[2, 1] += 1
    assert (layer(x) != before).any(1)[0].nonzero().tolist() == [[2, 1]]


def test_every_kernel_starts_as_a_convolution_s_does():
    layer = LocallyConnected2d(4, 6, 3, input_size=(8, 8))
    bound = (4 * 9) ** -0.5
    assert layer.weight.shape == (6, 6, 6, 4, 3, 3) and layer.bias.shape == (6, 6, 6)
    assert 0.95 * bound < layer.weight.abs().max() <= bound and layer.bias.abs().max() <= bound


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_dtypes(dtype):
    layer = LocallyConnected2d(2, 3, 3, padding=1, input_size=(5, 4), dtype=dtype)
    assert layer(torch.randn(2, 2, 5, 4, dtype=dtype)).dtype == dtype


def test_autocast_unbatched_and_empty():
    layer, x = LocallyConnected2d(2, 3, 3, padding=1, input_size=(5, 4)), torch.randn(2, 2, 5, 4)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16 and layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(layer(x[0]), layer(x)[0])
    assert layer(torch.empty(0, 2, 5, 4)).shape == (0, 3, 5, 4)


def test_state_round_trip():
    layers = [LocallyConnected2d(2, 3, 3, input_size=(5, 4)) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    x = torch.randn(1, 2, 5, 4)
    assert torch.equal(layers[0](x), layers[1](x))


def test_export_keeps_the_batch_dynamic():
    layer = LocallyConnected2d(2, 3, 3, padding=1, input_size=(8, 6)).eval()
    program = torch.export.export(
        layer, (torch.randn(2, 2, 8, 6),), dynamic_shapes=({0: torch.export.Dim("B")},)
    )
    x = torch.randn(5, 2, 8, 6)
    torch.testing.assert_close(program.module()(x), layer(x))


def test_compiles_with_gradients():
    layer, x = LocallyConnected2d(2, 3, 3, padding=1, input_size=(8, 6)), torch.randn(2, 2, 8, 6)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))
    ours, theirs = (
        torch.autograd.grad(f(x).square().sum(), layer.weight)[0] for f in (compiled, layer)
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 2}, "one layer a group"),
        ({"input_size": (2, 8)}, "input_size"),
        ({"input_size": 2}, "input_size"),
        ({"input_size": (8,)}, "input_size"),
        ({"padding_mode": "mirror"}, "padding_mode"),
        ({"padding": "same", "stride": 2}, "same"),
    ],
)
def test_what_is_unsupported_raises_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        LocallyConnected2d(4, 4, 3, **({"input_size": (8, 8)} | arguments))


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match="another input_size"):
        LocallyConnected2d(2, 3, 3, input_size=(5, 4))(torch.randn(1, 2, 4, 5))


@pytest.mark.parametrize("shape", [(20, 3, 5, 4), (0, 3, 5, 4), (3, 5, 4), (5, 4), (1, 1, 2, 5, 4)])
def test_other_channels_and_other_numbers_of_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"takes \(B, 2, H, W\) or \(2, H, W\)"):
        LocallyConnected2d(2, 3, 3, input_size=(5, 4))(torch.randn(shape))


def test_shows_what_nn_conv2d_shows():
    shown = repr(
        LocallyConnected2d(
            2, 3, 3, padding=1, bias=False, padding_mode="circular", input_size=(5, 4)
        )
    )
    assert "bias=False, padding_mode=circular" in shown
    assert "bias" not in repr(LocallyConnected2d(2, 3, 3, input_size=(5, 4)))


def test_one_number_is_a_square_input():
    assert LocallyConnected2d(2, 3, 3, input_size=7).input_size == (7, 7)
