"""ModFC: the layer by hand, the folded path against the plain stack, and the theorem about its
norms.
"""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialbias.layers.modfc import EPSILON, MICRO_BATCH, ModFC, folded_path
from spatialbias.models import build


def stack(x, modulations, weights, pixel_weights=None):
    """What `folded_path` promises to compute, as the source writes it."""
    for k, weight in enumerate(weights):
        y = F.linear(F.relu(x) if k else x, weight)
        y = y if modulations is None else y * modulations[:, k][:, None]
        x = F.layer_norm(y, (len(weight),), eps=EPSILON if k == len(weights) - 1 else 1e-30)
    return (x if pixel_weights is None else x * pixel_weights.expand(x.shape[:2])[..., None]).sum(1)


def case(B, P, E, H, L, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = [draw(H, H if k else E).requires_grad_() for k in range(L)]
    return (
        draw(B, P, E).requires_grad_(),
        (1 + 0.5 * draw(B, L, H)).requires_grad_(),
        weights,
        draw(B, P).abs(),
    )


def same(x, m, weights, pixel_weights):
    """Outputs and all gradients of both ways; the plain one scaled so that only the last norm's
    epsilon differs.
    """
    wanted, found = stack(x, m, weights, pixel_weights), folded_path(x, m, weights, pixel_weights)
    wrt = [x, *weights] + ([m] if m is not None else [])
    direction = torch.linspace(-1, 1, wanted.numel(), dtype=torch.float64).cos().view_as(wanted)
    gradients = zip(
        torch.autograd.grad((wanted * direction).sum(), wrt),
        torch.autograd.grad((found * direction).sum(), wrt),
        strict=True,
    )
    # The folded path feeds the last norm unscaled activations, so its epsilon weighs differently:
    # 1e-5 of a variance.
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
    for b, a in gradients:
        torch.testing.assert_close(a, b, rtol=2e-3, atol=1e-3 * float(b.abs().max() + 1e-9))


def exact(monkeypatch):
    """Without any epsilon the two are the same function; the rest of this file's tolerances is
    rounding alone.
    """
    monkeypatch.setattr("spatialbias.layers.modfc.EPSILON", 0.0)


@pytest.mark.parametrize("pixel_weights", ["none", "shared", "each"])
@pytest.mark.parametrize(
    "B, P, E, H, L",
    [(3, 7, 5, 8, 4), (MICRO_BATCH + 3, 4, 6, 10, 2), (2, 1, 3, 6, 1), (1, 9, 12, 4, 3)],
)
def test_folded_path_is_the_plain_stack_with_all_gradients(
    monkeypatch, pixel_weights, B, P, E, H, L
):
    exact(monkeypatch)
    x, m, weights, each = case(B, P, E, H, L)
    pixel_weights = {"none": None, "shared": each[0], "each": each}[pixel_weights]
    wanted = _plain(x, m, weights, pixel_weights)
    found = folded_path(x, m, weights, pixel_weights)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    direction = torch.arange(wanted.numel(), dtype=torch.float64).sin().view_as(wanted)
    for a, b in zip(
        torch.autograd.grad((found * direction).sum(), [x, m, *weights]),
        torch.autograd.grad((wanted * direction).sum(), [x, m, *weights]),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


def _plain(x, m, weights, pixel_weights):
    for k, weight in enumerate(weights):
        y = F.linear(F.relu(x) if k else x, weight)
        y = y if m is None else y * m[:, k][:, None]
        y = y - y.mean(-1, keepdim=True)
        x = y / y.square().mean(-1, keepdim=True).sqrt()
    return (x if pixel_weights is None else x * pixel_weights.expand(x.shape[:2])[..., None]).sum(1)


def test_without_modulation_it_is_modulated_by_ones(monkeypatch):
    exact(monkeypatch)
    x, m, weights, _ = case(2, 5, 4, 6, 3)
    torch.testing.assert_close(
        folded_path(x, None, weights), _plain(x, None, weights, None), rtol=1e-10, atol=1e-10
    )
    torch.testing.assert_close(
        folded_path(x, torch.ones_like(m), weights), folded_path(x, None, weights)
    )


def test_with_the_epsilons_in_place_the_two_still_agree():
    """For modulations around 1: `tests/models/test_coordinet.py` has the range."""
    same(*case(3, 6, 5, 8, 3, seed=4))


def test_empty_batch_and_gradients():
    x, m, weights, _ = case(0, 5, 4, 6, 3)
    out = folded_path(x, m, weights)
    assert out.shape == (0, 6)
    out.sum().backward()
    assert all(w.grad is not None and not w.grad.any() for w in weights) and m.grad.shape == m.shape


def test_a_second_backward_is_refused_rather_than_wrong():
    x, m, weights, _ = case(2, 3, 4, 6, 2)
    total = folded_path(x, m, weights).sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="only once"):
        total.backward()


@pytest.mark.parametrize("encoding", ["sine", "raw", "fourier", "embedding", "combined"])
def test_folded_and_plain_coordinet_agree_and_train_the_same_parameters(encoding):
    torch.manual_seed(0)
    folded = build(
        "coordinet", size=6, width=12, layers=3, encoding=encoding, frequencies=3
    ).double()
    plain = build(
        "coordinet", size=6, width=12, layers=3, encoding=encoding, frequencies=3, folded=False
    ).double()
    plain.load_state_dict(folded.state_dict())
    images = torch.arange(4 * 3 * 36, dtype=torch.float64).sin().view(4, 3, 6, 6)
    for model in (folded, plain):
        (model(images) * torch.arange(40.0).cos().view(4, 10)).sum().backward()
    torch.testing.assert_close(folded(images), plain(images), rtol=1e-4, atol=1e-5)
    for (name, a), b in zip(folded.named_parameters(), plain.parameters(), strict=True):
        assert a.grad is not None, f"{name} is never trained"
        torch.testing.assert_close(
            a.grad, b.grad, rtol=1e-2, atol=2e-3 * float(b.grad.abs().max()), msg=name
        )


@given(st.floats(0.05, 20), st.integers(0, 2), st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_theorem_the_scale_of_an_inner_norm_cancels(scale, layer, seed):
    """Multiply one inner layer's matrix (hence the scale its norm would remove) by any positive
    number: nothing changes.
    """
    x, m, weights, _ = case(2, 5, 4, 6, 4, seed)
    changed = [w * scale if k == layer else w for k, w in enumerate(weights)]
    with torch.no_grad():
        torch.testing.assert_close(
            _plain(x, m, changed, None), _plain(x, m, weights, None), rtol=1e-9, atol=1e-9
        )
        without = x  # and leaving the inner norms' scale out altogether changes nothing either
        for k, weight in enumerate(weights):
            without = F.linear(F.relu(without) if k else without, weight) * m[:, k][:, None]
            without = without - without.mean(-1, keepdim=True)
        without = without / without.square().mean(-1, keepdim=True).sqrt()
        torch.testing.assert_close(
            without.sum(1), _plain(x, m, weights, None), rtol=1e-9, atol=1e-9
        )


def test_modfc_output_side_by_hand():
    layer = ModFC(3, 4).double()
    x, m = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    y = torch.stack([(x[b] @ layer.weight.t()) * m[b] for b in range(2)])
    wanted = (y - y.mean(-1, keepdim=True)) / (
        y.var(-1, unbiased=False, keepdim=True) + EPSILON
    ).sqrt()
    torch.testing.assert_close(layer(x, m), wanted)
    torch.testing.assert_close(layer(x[:, 0], m), wanted[:, 0])
    torch.testing.assert_close(layer(x), layer(x, torch.ones_like(m)))


def test_input_side_demodulation_is_one_weight_matrix_an_image():
    """CIPS: w'_oi = m_i w_oi, each row divided by its length."""
    layer = ModFC(5, 4, side="input", norm="demodulation").double()
    x, m = torch.randn(3, 6, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    for b in range(3):
        weight = layer.weight * m[b]
        weight = weight / (weight.square().sum(1, keepdim=True) + EPSILON).sqrt()
        torch.testing.assert_close(layer(x, m)[b], x[b] @ weight.t())
    torch.testing.assert_close(layer(x), layer(x, torch.ones(3, 5, dtype=torch.float64)))


def test_output_side_demodulation_keeps_only_the_sign():
    layer = ModFC(5, 4, norm="demodulation").double()
    x, m = (
        torch.randn(2, 6, 5, dtype=torch.float64),
        torch.tensor([[100.0, -100, 200, -50]] * 2, dtype=torch.float64),
    )
    torch.testing.assert_close(layer(x, m), layer(x) * m.sign()[:, None], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options, named",
    [
        ({"side": "left"}, "side='left'"),
        ({"norm": "batch"}, "norm='batch'"),
        ({"affine": True, "norm": "demodulation"}, "affine=True"),
    ],
)
def test_wrong_options_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        ModFC(3, 4, **options)


@pytest.mark.parametrize(
    "options, width",
    [({}, 3), ({"norm": "demodulation"}, 3), ({"side": "input", "norm": "demodulation"}, 4)],
)
def test_one_modulation_an_image_and_no_other_shape(options, width):
    layer = ModFC(4, 3, **options)
    assert layer(torch.randn(0, 5, 4), torch.randn(0, width)).shape == (0, 5, 3)
    assert layer(torch.randn(2, 5, 6, 4), torch.randn(width, 2).t()).shape == (2, 5, 6, 3)
    for shape in ((1, width), (2, 1), (2, width + 1), (width,), (2, 5, width)):
        with pytest.raises(ValueError, match=rf"modulation is .*must be \(B, {width}\)"):
            layer(torch.randn(2, 5, 4), torch.randn(shape))


def test_device_and_dtype():
    layer = ModFC(4, 3, bias=True, affine=True, device="meta", dtype=torch.float64)
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", torch.float64)}


@pytest.mark.parametrize("options", [{}, {"modulation": True}])
@pytest.mark.parametrize("shape", [(4,), (2, 5, 3), (2, 5, 5), (2, 0)])
def test_an_input_of_another_width_is_named(shape, options):
    with pytest.raises(ValueError, match=r"^x is .*must be \(B, \.\.\., 4\)"):
        ModFC(4, 3)(torch.randn(shape), torch.randn(2, 3) if options else None)


def test_reset_draws_the_weights_as_at_the_start_and_nothing_else():
    torch.manual_seed(5)
    layer, plain = ModFC(4, 3, bias=True, affine=True), ModFC(4, 3)
    torch.manual_seed(5)
    expected = torch.nn.init.kaiming_uniform_(torch.empty(3, 4), nonlinearity="relu")
    assert torch.equal(layer.weight, expected) and not torch.equal(layer.weight, plain.weight)
    start = {name: value.clone() for name, value in layer.state_dict().items()}
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7)
    torch.manual_seed(5)
    layer.reset_parameters()
    assert all(torch.equal(value, start[name]) for name, value in layer.state_dict().items())


def test_from_meta_to_a_layer_that_works():
    layer = ModFC(4, 3, bias=True, affine=True, device="meta").to_empty(device="cpu")
    layer.reset_parameters()
    assert layer(torch.randn(2, 5, 4), torch.randn(2, 3)).isfinite().all()
    assert (layer.gain == 1).all() and not layer.bias.any() and not layer.shift.any()


def test_what_a_layer_is_can_be_read():
    assert (
        repr(ModFC(4, 3, side="input", norm="demodulation", bias=True))
        == "ModFC(4, 3, side='input', norm='demodulation', bias=True, affine=False)"
    )
    assert repr(ModFC(4, 3, affine=True)).endswith("norm='layer', bias=False, affine=True)")


def test_bf16_is_close_to_fp32():
    x, m, weights, _ = case(3, 20, 6, 16, 4)
    x, m, weights = (
        x.detach().float(),
        m.detach().float(),
        [w.detach().float().requires_grad_() for w in weights],
    )
    plain = folded_path(x, m, weights)
    with torch.autocast("cpu", torch.bfloat16):
        quick = folded_path(x, m, weights)
    assert quick.dtype == torch.float32
    assert float((quick - plain).detach().norm() / plain.detach().norm()) < 0.03
    for a, b in zip(
        torch.autograd.grad(quick.square().sum(), weights),
        torch.autograd.grad(plain.square().sum(), weights),
    ):
        assert float(F.cosine_similarity(a.flatten(), b.flatten(), dim=0)) > 0.98


@pytest.mark.parametrize("half", ["autocast", "half"])
@pytest.mark.parametrize("norm", ["layer", "demodulation"])
@pytest.mark.parametrize("side", ["output", "input"])
@pytest.mark.parametrize("largest", [1e-3, 1.0, 400.0, 6e4])
def test_modulations_over_all_of_half_precision_s_range(half, norm, side, largest):
    torch.manual_seed(0)
    layer = ModFC(64, 64, side=side, norm=norm)
    x, m = torch.randn(4, 9, 64), largest * (2 * torch.rand(4, 64) - 1)
    wanted = layer.double()(x.double(), m.double())
    layer = layer.float() if half == "autocast" else layer.half()
    with torch.autocast("cpu", torch.float16, enabled=half == "autocast"):
        found = layer(x, m) if half == "autocast" else layer(x.half(), m.half())
    assert float((found.double() - wanted).detach().norm() / wanted.detach().norm()) < 0.02


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("largest", [1e-3, 1e6])
@pytest.mark.parametrize("side", ["output", "input"])
def test_modulations_of_any_size_in_the_wider_types(side, largest, dtype):
    torch.manual_seed(0)
    layer = ModFC(64, 64, side=side, norm="demodulation").double()
    x, m = torch.randn(4, 9, 64).double(), largest * (2 * torch.rand(4, 64).double() - 1)
    wanted = layer(x, m)
    found = layer.to(dtype)(x.to(dtype), m.to(dtype))
    assert float((found.double() - wanted).detach().norm() / wanted.detach().norm()) < 0.02


def test_a_folded_coordinet_in_half_precision_with_large_modulations():
    torch.manual_seed(0)
    network = build("coordinet", size=6, width=32, frequencies=3).double()
    images = torch.randn(2, 3, 6, 6).double()
    m = 400 * torch.rand(2, 128).double()
    wanted = network(images, modulations=m)
    found = network.half()(images.half(), modulations=m.half())
    assert float((found.double() - wanted).detach().norm() / wanted.detach().norm()) < 0.02
