"""The layers under torch's function transforms and tracers."""

import warnings

import pytest
import torch
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vmap

from spatialbias.layers import CoordBiasConv2d, CoordConv2d, LocallyConnected2d, ModFC
from spatialbias.layers.position import add_position
from spatialbias.models import build
from spatialbias.models.positions import convolution

FORMATS = (torch.contiguous_format, torch.channels_last)


def table(*arguments, **options):  # coordinates that are learnt
    return convolution("table", *arguments, size=(4, 3), **options)


def maps(memory_format, batch=2):
    return torch.randn(batch, 2, 4, 3, dtype=torch.float64).contiguous(memory_format=memory_format)


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:FutureWarning"
)  # torch's own use of it
@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("kind", [CoordConv2d, CoordBiasConv2d, table])
def test_forward_mode_and_second_derivatives(kind, memory_format):
    layer, x = kind(2, 2, 3, padding=1).double(), maps(memory_format)
    parameters = {k: v.detach() for k, v in layer.named_parameters()}
    tangent = {k: torch.randn_like(v) for k, v in parameters.items()}

    def loss(parameters):
        return functional_call(layer, parameters, (x,)).pow(3).sum()

    gradient = grad(loss)(parameters)
    torch.testing.assert_close(
        jvp(loss, (parameters,), (tangent,))[1],
        sum((gradient[k] * tangent[k]).sum() for k in gradient),
    )
    ours, reverse = hessian(loss)(parameters), jacrev(jacrev(loss))(parameters)
    for name in parameters:
        torch.testing.assert_close(ours[name], reverse[name])


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("kind", [CoordConv2d, CoordBiasConv2d, table])
def test_an_ensemble_through_vmap(kind, memory_format):
    layers, x = [kind(2, 3, 3, padding=1).double() for _ in range(3)], maps(memory_format)
    parameters, _ = stack_module_state(layers)

    def loss(parameters):
        return functional_call(layers[0], parameters, (x,)).square().sum()

    torch.testing.assert_close(
        vmap(loss)(parameters), torch.stack([layer(x).square().sum() for layer in layers])
    )
    gradients = vmap(grad(loss))(parameters)
    for k, layer in enumerate(layers):
        alone = torch.autograd.grad(layer(x).square().sum(), layer.parameters())
        for (name, _), theirs in zip(layer.named_parameters(), alone):
            torch.testing.assert_close(gradients[name][k], theirs)


def test_many_coordinate_biases_on_one_map():
    layer, x = CoordBiasConv2d(2, 3, 3), torch.randn(2, 2, 5, 4)
    biases = torch.randn(3, 3, 2)
    many = vmap(lambda b: functional_call(layer, {"coordinate_bias": b}, (x,)))(biases)
    torch.testing.assert_close(
        many[1], functional_call(layer, {"coordinate_bias": biases[1]}, (x,))
    )


@pytest.mark.parametrize("memory_format", FORMATS)
def test_forward_mode_outside_torch_func(memory_format):
    from torch.autograd import forward_ad

    out, (w, dw), (c, dc) = (
        maps(memory_format),
        torch.randn(2, 2, 2).double(),
        torch.randn(2, 3, 12).double(),
    )
    with forward_ad.dual_level():
        both = add_position(
            out.clone(), forward_ad.make_dual(w, dw), forward_ad.make_dual(c[:2], dc[:2])
        )
        value, tangent = forward_ad.unpack_dual(both)
    torch.testing.assert_close(value, out + (w @ c[:2]).view(2, 4, 3))
    torch.testing.assert_close(
        tangent, (dw @ c[:2] + w @ dc[:2]).view(2, 4, 3).expand(2, -1, -1, -1), check_stride=False
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: CoordConv2d(2, 3, 3, padding=1, radius=True),
        lambda: CoordBiasConv2d(2, 3, 3),
        lambda: build("coordinet", channels=2, size=4, width=8),
    ],
)
def test_traces_for_any_batch(make):
    layer = make().eval()
    with (
        warnings.catch_warnings()
    ):  # the tracer is out of fashion, and mistrusts every shape that is looked at
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(layer, (torch.randn(2, 2, 4, 4),))
    x = torch.randn(5, 2, 4, 4)
    torch.testing.assert_close(traced(x), layer(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"side": "input", "norm": "demodulation"}])
def test_modfc_exports_with_a_dynamic_batch(options):
    layer, B = ModFC(4, 3, **options), torch.export.Dim("B")
    width = 4 if options else 3
    program = torch.export.export(
        layer, (torch.randn(2, 5, 4), torch.randn(2, width)), dynamic_shapes=({0: B}, {0: B})
    )
    x, m = torch.randn(7, 5, 4), torch.randn(7, width)
    torch.testing.assert_close(program.module()(x, m), layer(x, m))


@pytest.mark.parametrize("options", [{}, {"modulation": "learned"}, {"folded": False}])
def test_coordinet_exports_with_a_dynamic_batch(options):
    network = build("coordinet", size=4, width=8, frequencies=2, **options).eval()
    program = torch.export.export(
        network, (torch.randn(2, 3, 4, 4),), dynamic_shapes=({0: torch.export.Dim("B")},)
    )
    x = torch.randn(5, 3, 4, 4)
    torch.testing.assert_close(program.module()(x), network(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CoordConv2d(3, 4, 3),
        lambda: CoordBiasConv2d(3, 4, 3),
        lambda: LocallyConnected2d(3, 4, 3, input_size=(6, 5)),
        lambda: ModFC(3, 4, bias=True, affine=True),
        lambda: build("vgg9_fcn", layer="fixed_maps"),
    ],
)
def test_layers_can_be_built_without_storage(make):
    """As large networks are planned: shapes without values. The random state stays where it was."""
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

    before = torch.get_rng_state()
    with FakeTensorMode():
        layer = make()
    assert torch.equal(torch.get_rng_state(), before)
    assert {name: p.shape for name, p in layer.named_parameters()} == {
        name: p.shape for name, p in make().named_parameters()
    }
    assert all(isinstance(p, FakeTensor) for p in layer.parameters())
