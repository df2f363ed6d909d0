import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, jacrev, jvp, vmap

from spatialbias.layers import LocallyConnected2d, LRLC2d, lrlc, positioned

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
WAYS = ("rows", "mixture", "plain")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Every way in which a layer may compute."""
    take(monkeypatch, request.param)
    return request.param


def take(monkeypatch, way: str) -> None:
    monkeypatch.setattr(lrlc, "worth_rows", lambda batch, rank: way == "rows")
    if way == "plain":
        monkeypatch.setattr(lrlc, "drawn", lambda: True)


def unlike(layer: nn.Module) -> nn.Module:
    """No two positions have the same weights any more."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def dense(layer: LRLC2d, x: torch.Tensor) -> torch.Tensor:
    """By its definition: locally connected, with the kernel that the layer has at each position."""
    kernels, out = layer.dense_kernel(x), []
    for k, image in enumerate(x):
        local = LocallyConnected2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            layer.dilation,
            padding_mode=layer.padding_mode,
            dtype=x.dtype,
            input_size=layer.input_size,
        )
        bias = x.new_zeros(*layer.output_size, layer.out_channels)
        if layer.bias is not None:
            bias = bias + layer.bias
        if layer.spatial_bias() is not None:
            bias = bias + layer.spatial_bias()[..., None]
        weights = {"weight": kernels[k] if kernels.dim() == 7 else kernels, "bias": bias}
        out.append(functional_call(local, weights, image))
    return torch.stack(out) if len(x) else layer.weight.sum() * x.new_empty(0, *out_shape(layer))


def out_shape(layer: LRLC2d) -> tuple[int, ...]:
    return layer.out_channels, *layer.output_size


@st.composite
def layers_and_maps(draw):
    kernel, dilation = ((draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    same = draw(st.booleans())
    stride = 1 if same else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = "same" if same else (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    margin = [r // 2 for r in reach] if same else list(padding)
    H, W = (draw(st.integers(max(r + 1 - 2 * m, m + 2, 2), 8)) for r, m in zip(reach, margin))
    layer = LRLC2d(
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
        rank=draw(st.integers(1, 3)),
        weights=draw(st.sampled_from(lrlc.WEIGHTS)),
        combining=draw(st.sampled_from(lrlc.COMBINING)),
        spatial_bias=draw(st.booleans()),
    )
    x = torch.randn(draw(st.integers(0, 3)), layer.in_channels, H, W, dtype=torch.float64)
    if draw(st.booleans()):
        x = x.contiguous(memory_format=torch.channels_last)
    return unlike(layer), x.requires_grad_(), draw(st.sampled_from(WAYS))


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # with an even kernel, a copy is made
@settings(max_examples=120, deadline=None, derandomize=True)
@given(layers_and_maps())
def test_equals_a_locally_connected_layer_with_its_dense_kernel(drawn):
    layer, x, way = drawn
    with pytest.MonkeyPatch.context() as patch:
        take(patch, way)
        ours = layer(x)
        theirs = dense(layer, x)
        torch.testing.assert_close(ours, theirs)
        inputs, upstream = [x, *layer.parameters()], torch.randn_like(theirs)
        ours, theirs = (
            torch.autograd.grad(y, inputs, upstream, allow_unused=True, materialize_grads=True)
            for y in (ours, theirs)
        )
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_single_precision_in_every_way(way, memory_format):
    layer = unlike(LRLC2d(8, 6, 3, padding=1, input_size=(9, 14), rank=3))
    x = torch.randn(20, 8, 9, 14).contiguous(memory_format=memory_format)
    out = layer(x)
    torch.testing.assert_close(out, dense(layer, x), rtol=1e-4, atol=1e-4)
    assert way == "plain" or out.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("weights", ["row_col", "table"])
def test_rank_one_is_a_convolution_and_a_spatial_bias(way, weights):
    conv = nn.Conv2d(3, 5, (3, 2), stride=(2, 1), padding=1)
    layer = LRLC2d(
        3, 5, (3, 2), stride=(2, 1), padding=1, input_size=(9, 7), rank=1, weights=weights
    )
    layer.load_state_dict(conv.state_dict(), strict=False)
    x = torch.randn(4, 3, 9, 7)
    torch.testing.assert_close(layer(x), conv(x), rtol=1e-5, atol=1e-5)
    for parameter in (layer.spatial_rows, layer.spatial_columns, layer.spatial):
        if parameter is not None:
            nn.init.normal_(parameter)
    spatial = layer.spatial_bias()
    assert spatial.shape == (5, 8)
    torch.testing.assert_close(layer(x), conv(x) + spatial, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_softmax_weights_sum_to_one_and_l2_weights_have_length_one(weights):
    x = torch.randn(2, 3, 6, 5)
    for combining, power in (("softmax", 1), ("l2", 2)):
        layer = unlike(
            LRLC2d(3, 4, 3, input_size=(6, 5), rank=3, weights=weights, combining=combining)
        )
        found = layer.combining_weights(x)
        assert found.shape == ((2, 3, 4, 3) if weights == "input" else (3, 4, 3))
        total = found.pow(power).sum(-3)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-5)


def test_rows_and_columns_equal_the_table_of_their_sums():
    split = unlike(LRLC2d(3, 4, 3, input_size=(6, 5), rank=3))
    table = LRLC2d(3, 4, 3, input_size=(6, 5), rank=3, weights="table")
    with torch.no_grad():
        table.weight.copy_(split.weight)
        table.bias.copy_(split.bias)
        table.logits.copy_(split.row_logits + split.column_logits)
        table.spatial.copy_(split.spatial_rows + split.spatial_columns)
    x = torch.randn(2, 3, 6, 5)
    torch.testing.assert_close(split(x), table(x), rtol=1e-5, atol=1e-5)


def test_the_layer_starts_as_the_mean_bank():
    layer = LRLC2d(3, 4, 3, input_size=(6, 5), rank=3)
    x = torch.randn(2, 3, 6, 5)
    mean = F.conv2d(x, layer.basis().mean(0), layer.bias)
    torch.testing.assert_close(layer(x), mean, rtol=1e-5, atol=1e-5)
    assert layer.basis().shape == (3, 4, 3, 3, 3)
    assert layer.weight.std(0).min() > 0  # but no bank is like another, or they would stay so
    plain = LRLC2d(3, 4, 3, input_size=(6, 5), rank=4, combining=None)
    assert plain.combining_weights().unique().tolist() == [0.5]  # 1 / sqrt(R)


def test_weights_that_look_differ_between_images_and_places():
    layer, x = (
        unlike(LRLC2d(3, 4, 3, input_size=(8, 6), rank=2, weights="input")),
        torch.randn(2, 3, 8, 6),
    )
    found = layer.combining_weights(x)
    for spread in (found.std(0), found.flatten(2).std(2)):
        assert (spread > 0).float().mean() > 0.5  # a drawn network may be saturated somewhere
    torch.testing.assert_close(found[0], layer.combining_weights(x[:1])[0])
    with pytest.raises(ValueError, match="depend on the input"):
        layer.combining_weights()
    assert layer.dense_kernel(x).shape == (2, 6, 4, 4, 3, 3, 3)


@pytest.mark.parametrize("size, branches", [((17, 17), 4), ((16, 40), 3), ((5, 9), 2), ((2, 2), 0)])
def test_every_branch_that_exists_learns(size, branches):
    """Parameters without gradients would hold up training on several processes."""
    layer = LRLC2d(2, 3, 1, input_size=size, rank=2, weights="input")
    assert len(layer.look.around) == branches
    layer(torch.randn(3, 2, *size)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.look.parameters())


@pytest.mark.parametrize(
    "weights, added",
    [("row_col", 2 * 26 * 2 + 2 * 26), ("table", 26 * 26 * 3), ("input", 26 * 26 + 398)],
)
def test_number_of_parameters(weights, added):
    """Of the third layer of the source's network for CIFAR-10, at rank 2."""
    layer = LRLC2d(64, 64, 3, bias=False, input_size=(28, 28), rank=2, weights=weights)
    assert sum(p.numel() for p in layer.parameters()) == 2 * 9 * 64 * 64 + added


@pytest.mark.parametrize("options", [{"combining": "l2"}, {"weights": "table", "stride": 2}])
def test_first_and_second_derivatives(way, options):
    layer = unlike(LRLC2d(2, 2, 2, input_size=(4, 3), rank=2, dtype=torch.float64, **options))
    x = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    names, parameters = zip(*layer.named_parameters())

    def respond(x, *parameters):
        return functional_call(layer, dict(zip(names, parameters)), x)

    assert gradcheck(respond, (x, *parameters), check_forward_ad=True)
    assert gradgradcheck(respond, (x, *parameters))


def test_derivatives_of_weights_that_look(way):
    layer = unlike(LRLC2d(1, 2, 2, input_size=(4, 3), rank=2, weights="input", dtype=torch.float64))
    x = torch.randn(2, 1, 4, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(layer, x, check_forward_ad=True) and gradgradcheck(layer, x)


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_under_function_transforms(weights):
    layer = unlike(LRLC2d(2, 3, 2, input_size=(4, 3), rank=2, weights=weights)).double()
    x = torch.randn(40, 2, 4, 3, dtype=torch.float64)
    parameters = {k: v.detach() for k, v in layer.named_parameters()}

    def loss(parameters, x):
        return functional_call(layer, parameters, x).square().sum()

    each = vmap(jacrev(loss), (None, 0))(parameters, x)
    whole = torch.autograd.grad(layer(x).square().sum(), layer.parameters())
    for (name, _), gradient in zip(layer.named_parameters(), whole):
        torch.testing.assert_close(each[name].sum(0), gradient)
    tangent = {k: torch.randn_like(v) for k, v in parameters.items()}
    along = jvp(lambda p: loss(p, x), (parameters,), (tangent,))[1]
    torch.testing.assert_close(along, sum((tangent[k] * each[k].sum(0)).sum() for k in tangent))


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_dtypes(weights, dtype, way):
    layer = unlike(LRLC2d(2, 3, 3, padding=1, input_size=(5, 4), rank=2, weights=weights)).double()
    x = torch.randn(3, 2, 5, 4, dtype=torch.float64)
    low = copy.deepcopy(layer).to(dtype)(x.to(dtype))
    assert low.dtype == dtype
    torch.testing.assert_close(low.double(), layer(x), rtol=0, atol=128 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_autocast_trains_in_bfloat16_with_single_precision_weights(weights, way):
    layer = LRLC2d(4, 3, 3, padding=1, input_size=(9, 8), rank=3, weights=weights)
    x = torch.randn(20, 4, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), layer(x), rtol=0.05, atol=0.05)
    gradients = []
    for y in (out.float(), layer(x)):
        gradients.append(torch.autograd.grad(y.square().mean(), layer.weight)[0])
    assert gradients[0].dtype == torch.float32
    assert (gradients[0] - gradients[1]).norm() < 0.05 * gradients[1].norm()


def test_gradients_of_the_look_are_numbers_under_autocast():
    """oneDNN's gradient of depthwise kernels with dilation 2 is not, in bfloat16."""
    layer = LRLC2d(4, 4, 3, input_size=(36, 36), rank=2, weights="input")
    layer = layer.to(memory_format=torch.channels_last)
    x = torch.randn(64, 4, 36, 36).contiguous(memory_format=torch.channels_last)
    kernels = [part.weight for part in layer.look.around]
    with torch.autocast("cpu", torch.bfloat16):
        low = layer(x)
    found, wanted = (torch.autograd.grad(y.float().mean(), kernels) for y in (low, layer(x)))
    for one, other in zip(found, wanted):
        assert (one - other).norm() < 0.1 * other.norm()


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_an_empty_batch_and_a_single_map(weights, way):
    layer = unlike(LRLC2d(2, 3, 3, padding=1, input_size=(5, 4), rank=2, weights=weights))
    out = layer(torch.empty(0, 2, 5, 4))
    assert out.shape == (0, 3, 5, 4)
    out.sum().backward()
    assert layer.weight.grad.eq(0).all()
    x = torch.randn(2, 2, 5, 4)
    torch.testing.assert_close(layer(x[0]), layer(x)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_state_round_trip_and_channels_last(weights):
    layers = [LRLC2d(2, 3, 3, input_size=(5, 4), rank=2, weights=weights) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    layers[1].to(memory_format=torch.channels_last)  # torch refuses it of weights with five axes
    x = torch.randn(1, 2, 5, 4)
    torch.testing.assert_close(layers[0](x), layers[1](x))


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_built_without_storage_and_filled(weights):
    options = {"input_size": (5, 4), "rank": 2, "weights": weights}
    layer, other = LRLC2d(2, 3, 3, device="meta", **options), LRLC2d(2, 3, 3, **options)
    assert all(p.is_meta for p in layer.parameters())
    layer.to_empty(device="cpu").load_state_dict(other.state_dict())
    x = torch.randn(1, 2, 5, 4)
    assert torch.equal(layer(x), other(x))
    layer.to_empty(device="cpu").reset_parameters()
    assert all(p.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_export_keeps_the_batch_dynamic(weights):
    layer = LRLC2d(2, 3, 3, padding=1, input_size=(8, 6), rank=2, weights=weights).eval()
    program = torch.export.export(
        layer, (torch.randn(2, 2, 8, 6),), dynamic_shapes=({0: torch.export.Dim("B")},)
    )
    x = torch.randn(70, 2, 8, 6)  # where the layer itself goes row by row
    torch.testing.assert_close(program.module()(x), layer(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_compiles_with_gradients(weights):
    layer = LRLC2d(2, 3, 3, padding=1, input_size=(8, 6), rank=2, weights=weights)
    x = torch.randn(70, 2, 8, 6)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x), rtol=1e-5, atol=1e-5)
    ours, theirs = (
        torch.autograd.grad(f(x).square().sum(), layer.weight)[0] for f in (compiled, layer)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_onnx_answers_alike(tmp_path, weights):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    layer = unlike(LRLC2d(2, 3, 3, padding=1, input_size=(8, 6), rank=2, weights=weights)).eval()
    x = torch.randn(2, 2, 8, 6)
    torch.onnx.export(layer, (x,), tmp_path / "layer.onnx", dynamo=True, verbose=False)
    session = runtime.InferenceSession(tmp_path / "layer.onnx")
    (out,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(out), layer(x), rtol=1e-4, atol=1e-4)


def test_what_is_worth_it_is_a_matter_of_batch_and_rank():
    """Making a row's kernels pays with many images and many banks; one bank is a convolution."""
    assert lrlc.worth_rows(128, 4) and lrlc.worth_rows(64, 4) and lrlc.worth_rows(16, 8)
    assert not (lrlc.worth_rows(32, 4) or lrlc.worth_rows(8, 8) or lrlc.worth_rows(512, 2))
    assert not lrlc.worth_rows(0, 8)


def test_row_by_row_keeps_one_row_of_kernels():
    """Peak memory: output, weights, and one row's kernels and patches."""
    from torch.profiler import ProfilerActivity, profile

    layer = LRLC2d(16, 16, 3, padding=1, input_size=(24, 24), rank=4, bias=False)
    x = torch.randn(64, 16, 24, 24).contiguous(memory_format=torch.channels_last)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen, torch.no_grad():
        out = layer(x)
    held = peak = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    row = 24 * layer.basis()[0].numel() + 9 * x[:, :, 0].numel() + out[:, :, 0].numel()
    assert peak <= 4 * (out.numel() + 4 * layer.weight.numel() + row)  # bases: one a way to lie


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 2}, "one layer a group"),
        ({"input_size": (2, 8)}, "input_size"),
        ({"rank": 0}, "^rank=0.*positive"),
        ({"rank": 2.0}, "^rank=2.0.*positive"),
        ({"weights": "full"}, "^weights='full'.*row_col, table, input"),
        ({"combining": "mean"}, "^combining='mean'.*softmax, l2"),
        ({"padding": "same", "stride": 2}, "same"),
    ],
)
def test_what_is_unsupported_raises_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        LRLC2d(4, 4, 3, **({"input_size": (8, 8), "rank": 2} | arguments))


@pytest.mark.parametrize("weights", lrlc.WEIGHTS)
def test_other_maps_are_refused(weights):
    layer = LRLC2d(2, 3, 3, input_size=(5, 4), rank=2, weights=weights)
    with pytest.raises(ValueError, match="another input_size"):
        layer(torch.randn(1, 2, 4, 5))
    with pytest.raises(ValueError, match=r"takes \(B, 2, H, W\) or \(2, H, W\)"):
        layer(torch.randn(1, 3, 5, 4))


def test_shows_what_it_is():
    shown = repr(
        LRLC2d(2, 3, 3, bias=False, input_size=(5, 4), rank=2, combining="l2", spatial_bias=False)
    )
    assert "rank=2, weights='row_col', combining='l2', spatial_bias=False" in shown
    assert "bias=False" in shown and positioned.PositionedConv2d in LRLC2d.__mro__


def test_one_number_is_both_sides_of_the_input():
    assert LRLC2d(2, 3, 3, input_size=7, rank=2).input_size == (7, 7)


def test_a_layer_without_a_spatial_bias_says_so():
    assert LRLC2d(2, 3, 3, input_size=7, rank=2, spatial_bias=False).spatial_bias() is None


def test_a_refusal_names_all_that_is_allowed():
    with pytest.raises(ValueError, match="combining='x': it must be one of softmax, l2, None"):
        LRLC2d(2, 3, 3, input_size=7, rank=2, combining="x")
