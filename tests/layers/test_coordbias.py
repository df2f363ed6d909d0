import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spatialbias.layers import CoordBiasConv2d, CoordConv2d, coordinate_grid


def ramps(height: int, width: int, dtype=torch.float64) -> torch.Tensor:
    x = torch.linspace(0, 1, width, dtype=dtype) if width > 1 else torch.zeros(1, dtype=dtype)
    y = torch.linspace(0, 1, height, dtype=dtype) if height > 1 else torch.zeros(1, dtype=dtype)
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))


@st.composite
def layers_and_maps(draw):
    groups = draw(st.integers(1, 2))
    kernel, dilation, stride = (
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(3)
    )
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    H, W = (
        draw(st.integers(max(d * (k - 1) + 1 - 2 * p, p + 1), 9))
        for k, d, p in zip(kernel, dilation, padding)
    )
    mode = draw(st.sampled_from(("zeros", "reflect", "replicate", "circular")))
    layer = CoordBiasConv2d(
        2 * groups,
        3 * groups,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        draw(st.booleans()),
        mode,
        dtype=torch.float64,
    )
    return layer, torch.randn(
        draw(st.integers(0, 3)), 2 * groups, H, W, dtype=torch.float64, requires_grad=True
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(layers_and_maps())
def test_is_a_convolution_plus_ramps_over_the_output(drawn):
    layer, x = drawn
    ours, plain = layer(x), nn.Conv2d.forward(layer, x)
    theirs = plain + torch.einsum("cd,dhw->chw", layer.coordinate_bias, ramps(*plain.shape[-2:]))
    torch.testing.assert_close(ours, theirs)
    inputs, upstream = [x, *layer.parameters()], torch.randn_like(theirs)
    for a, b in zip(
        torch.autograd.grad(ours, inputs, upstream), torch.autograd.grad(theirs, inputs, upstream)
    ):
        torch.testing.assert_close(a, b)


def test_the_source_s_worked_example():
    """A 7x7x3 image, two 3x3 kernels, stride 3, padding 1: a 3x3x2 map, whose coordinates are 0,
    1/2 and 1.
    """
    layer = CoordBiasConv2d(3, 2, 3, stride=3, padding=1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.coordinate_bias.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    columns, rows = layer(torch.rand(1, 3, 7, 7))[0]
    assert columns.tolist() == [[0, 0.5, 1]] * 3 and rows.tolist() == [[0] * 3, [0.5] * 3, [1] * 3]


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_two_parameters_a_filter(kernel):
    ours, plain = (
        sum(p.numel() for p in kind(4, 6, kernel).parameters())
        for kind in (CoordBiasConv2d, nn.Conv2d)
    )
    assert ours - plain == 2 * 6
    concatenating = sum(p.numel() for p in CoordConv2d(4, 6, kernel).parameters())
    assert concatenating - plain == 2 * 6 * kernel**2


def test_networks_share_every_other_weight_under_one_seed():
    def network(kind):
        torch.manual_seed(3)
        return nn.Sequential(
            kind(3, 8, 3), nn.ReLU(), kind(8, 4, 3), nn.Flatten(), nn.Linear(16, 2)
        )

    plain, ours = network(nn.Conv2d).state_dict(), network(CoordBiasConv2d).state_dict()
    assert set(ours) - set(plain) == {"0.coordinate_bias", "2.coordinate_bias"}
    assert all(torch.equal(ours[name], value) for name, value in plain.items())
    assert ours["0.coordinate_bias"].abs().max() <= 27**-0.5
    assert not torch.equal(ours["0.coordinate_bias"][:4], ours["2.coordinate_bias"])


def test_the_draw_is_the_one_that_all_records_began_with():
    """Seeds, not weights, are shipped: other bits here are another experiment."""
    torch.manual_seed(0)
    plain, after = nn.Conv2d(3, 4, 3), torch.get_rng_state()
    torch.manual_seed(0)
    layer = CoordBiasConv2d(3, 4, 3)
    assert torch.equal(torch.get_rng_state(), after) and torch.equal(layer.weight, plain.weight)
    seed = torch.randint(
        2**63 - 1, (), device="cpu"
    ).item()  # what is drawn next is what seeds the ramps
    expected = torch.empty(4, 2).uniform_(
        -(27**-0.5), 27**-0.5, generator=torch.Generator().manual_seed(seed)
    )
    assert torch.equal(layer.coordinate_bias, expected)


def test_a_range_from_minus_one_to_one_is_the_same_layer():
    """The page says so of [0, 1] and [-1, 1]: slopes halve, and what the ramps lose in height goes
    to the constant.
    """
    layer, x = (
        CoordBiasConv2d(3, 8, 3, padding=1).double(),
        torch.rand(2, 3, 20, 30, dtype=torch.float64),
    )
    half = layer.coordinate_bias / 2
    centred = (
        torch.einsum("cd,dhw->chw", half, coordinate_grid(20, 30, torch.float64))
        + half.sum(1)[:, None, None]
    )
    torch.testing.assert_close(layer(x), nn.Conv2d.forward(layer, x) + centred)


def test_reset_draws_again_the_same_under_the_same_seed():
    layer = CoordBiasConv2d(3, 4, 3)
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        layer.reset_parameters()
        states.append({k: v.clone() for k, v in layer.state_dict().items()})
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def test_without_bias_the_ramps_remain():
    layer = CoordBiasConv2d(2, 3, 3, bias=False)
    assert layer.bias is None and layer.coordinate_bias.isfinite().all()
    assert layer.coordinate_bias.abs().max() <= 18**-0.5


def test_differs_from_coordconv_only_at_zero_padded_borders():
    """Inside, a kernel applied to a ramp is a ramp plus a constant: fit (1, X, Y) there, and
    nothing is left.
    """
    layer = CoordConv2d(1, 3, 3, padding=1, dtype=torch.float64)
    response = layer(torch.zeros(1, 1, 9, 7, dtype=torch.float64))[0].detach()
    basis = torch.cat((torch.ones(1, 9, 7, dtype=torch.float64), ramps(9, 7)))
    inside = (slice(None), slice(1, -1), slice(1, -1))
    target, columns = response[inside].flatten(1).T, basis[inside].flatten(1).T
    fit = torch.linalg.lstsq(columns, target).solution
    torch.testing.assert_close(columns @ fit, target)
    everywhere = (basis.flatten(1).T @ fit).T.view(3, 9, 7)
    border = torch.ones(9, 7, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert ((everywhere - response).abs() > 1e-6)[:, border].any()


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 1)])
def test_axes_of_size_one(size):
    assert CoordBiasConv2d(2, 3, 1)(torch.randn(2, 2, *size)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_dtypes(dtype):
    layer, x = (
        CoordBiasConv2d(3, 4, 3, padding="same", dtype=dtype),
        torch.randn(2, 3, 6, 300, dtype=dtype),
    )
    assert layer(x).dtype == dtype
    ramp = layer.coordinates(6, 300, dtype, "cpu")[0, 0]
    assert ramp[0] == 0 and ramp[-1] == 1 and (ramp.diff() >= 0).all()


def test_autocast_and_unbatched_and_empty():
    layer = CoordBiasConv2d(3, 4, 3, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(2, 3, 5, 6))
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16 and layer.coordinate_bias.grad.dtype == torch.float32
    x = torch.randn(3, 5, 6)
    torch.testing.assert_close(layer(x), layer(x[None])[0])
    assert layer(torch.empty(0, 3, 5, 6)).shape == (0, 4, 5, 6)


def test_state_round_trip():
    layer, other = CoordBiasConv2d(2, 3, 3), CoordBiasConv2d(2, 3, 3)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(1, 2, 6, 5)
    assert torch.equal(layer(x), other(x))


def test_export_keeps_the_batch_dynamic():
    layer = CoordBiasConv2d(2, 3, 3, stride=2).eval()
    program = torch.export.export(
        layer, (torch.randn(2, 2, 8, 6),), dynamic_shapes=({0: torch.export.Dim("B")},)
    )
    x = torch.randn(5, 2, 8, 6)
    torch.testing.assert_close(program.module()(x), layer(x))


def test_compiles_with_gradients():
    layer, x = CoordBiasConv2d(2, 3, 3), torch.randn(2, 2, 8, 6)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))
    ours, theirs = (
        torch.autograd.grad(f(x).square().sum(), layer.coordinate_bias)[0]
        for f in (compiled, layer)
    )
    torch.testing.assert_close(ours, theirs)


def test_what_nn_conv2d_refuses_is_refused():
    with pytest.raises(ValueError, match="groups"):
        CoordBiasConv2d(3, 4, 3, groups=2)
