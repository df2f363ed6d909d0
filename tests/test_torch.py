"""Every layer and every network where people take them: compiled, exported, in ONNX, built without
storage, scripted, traced, batched by torch.func, in every floating type, and under DDP.
"""

import copy
import inspect
import warnings

import onnxruntime
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from spatialbias.layers import CoordBiasConv2d, CoordConv2d, LocallyConnected2d, LRLC2d, ModFC
from spatialbias.models import build, names

MAP, IMAGE, CENTRE, PICTURE, SCENE = (2, 6, 5), (3, 8, 8), (2,), (1, 16, 16), (3, 16, 16)
SMALL = {"size": 8, "width": 12, "frequencies": 3, "layers": 2}
CIPS = {"side": "input", "norm": "demodulation"}

SUBJECTS = {  # name: (how it is built, shapes of its inputs without the batch)
    "CoordConv2d": (lambda: CoordConv2d(2, 3, 3, padding=1, radius=True), [MAP]),
    "CoordConv2d 1x1": (lambda: CoordConv2d(2, 3, 1), [MAP]),
    "CoordConv2d circular": (
        lambda: CoordConv2d(2, 3, 3, padding="same", padding_mode="circular"),
        [MAP],
    ),
    "CoordBiasConv2d": (lambda: CoordBiasConv2d(2, 4, 3, stride=2, groups=2), [MAP]),
    "LocallyConnected2d": (
        lambda: LocallyConnected2d(2, 3, 3, padding=1, stride=2, input_size=(6, 5)),
        [MAP],
    ),
    **{
        f"LRLC2d {weights}": (
            lambda weights=weights: LRLC2d(
                2, 3, 3, padding=1, input_size=(6, 5), rank=2, weights=weights
            ),
            [MAP],
        )
        for weights in ("row_col", "input")
    },
    "ModFC": (lambda: ModFC(6, 5, bias=True, affine=True), [(7, 6), (5,)]),
    "ModFC demodulated": (lambda: ModFC(6, 5, norm="demodulation"), [(7, 6), (5,)]),
    "ModFC of CIPS": (lambda: ModFC(6, 5, **CIPS), [(7, 6), (6,)]),
    "fully_connected": (lambda: build("fully_connected", size=8, width=9, hidden=2), [IMAGE]),
    "simple_cnn": (lambda: build("simple_cnn", size=25), [(3, 25, 25)]),
    "pooled_cnn": (lambda: build("pooled_cnn", width=4), [IMAGE]),
    "strided_cnn": (lambda: build("strided_cnn", size=16, width=3), [SCENE]),
    "strided_cnn unshared": (
        lambda: build("strided_cnn", size=16, width=3, sharing=False, pooling="mean"),
        [SCENE],
    ),
    "local_cnn": (lambda: build("local_cnn"), [(3, 32, 32)]),
    "kernel_ridge": (lambda: solved(build("kernel_ridge")), [IMAGE]),
    "coordinet": (lambda: build("coordinet", **SMALL), [IMAGE]),
    "coordinet unfolded": (lambda: build("coordinet", **SMALL, folded=False), [IMAGE]),
    "coordinet of CIPS": (
        lambda: build("coordinet", **SMALL, **CIPS, encoding="combined", pooling="attention"),
        [IMAGE],
    ),
    "coordinet late": (lambda: build("coordinet", **SMALL, modulation="late"), [IMAGE]),
    "coordinet learned": (
        lambda: build("coordinet", **SMALL, modulation="learned", encoding="raw", pooling="mean"),
        [IMAGE],
    ),
    "coordinet_v1": (
        lambda: build("coordinet_v1", channels=3, size=8, embedding=12, latent=9),
        [IMAGE],
    ),
    "coordconv_classifier": (lambda: build("coordconv_classifier", size=8), [CENTRE]),
    "coordconv_classifier coded": (
        lambda: build(
            "coordconv_classifier",
            size=8,
            width=9,
            normalise=True,
            coded=True,
            coordinates="fourier",
            where="all",
        ),
        [CENTRE],
    ),
    "coordconv_renderer": (lambda: build("coordconv_renderer", size=8, kernel=2), [CENTRE]),
    "coordconv_regressor": (lambda: build("coordconv_regressor", size=16), [PICTURE]),
    "conv_regressor_uniform": (lambda: build("conv_regressor_uniform", size=16), [PICTURE]),
    "conv_regressor_quadrant": (lambda: lifted(build("conv_regressor_quadrant")), [(1, 32, 32)]),
    "deconv": (lambda: build("deconv", size=8, kernel=3), [CENTRE]),
    **{
        f"vgg9_fcn {layer}": (lambda layer=layer: build("vgg9_fcn", layer=layer), [IMAGE])
        for layer in ("coordbias", "fixed_maps", "redrawn_maps")
    },
    **{
        f"MapConv2d {kind}": (
            lambda kind=kind: build("coordconv_regressor", size=16, coordinates=kind),
            [PICTURE],
        )
        for kind in ("random", "table")
    },
}
RANDOM = {"vgg9_fcn redrawn_maps"}  # draws whenever it answers
SOLVED = {"kernel_ridge"}  # has no parameter
COMPILED = [  # slow: one of each kind
    "CoordConv2d",
    "CoordBiasConv2d",
    "LocallyConnected2d",
    "ModFC",
    "coordinet",
    "coordconv_renderer",
    "vgg9_fcn fixed_maps",
]
every = pytest.mark.parametrize("name", SUBJECTS)
trained = pytest.mark.parametrize("name", [n for n in SUBJECTS if n not in SOLVED])


def lifted(network):
    """Above the ReLU in which it ends."""
    nn.init.constant_(network.layers[-2].bias, 1)
    return network


def solved(network):
    torch.manual_seed(1)
    network.solve(torch.randn(5, 3, 8, 8), torch.arange(5))
    return network


def made(name, batch=2):
    """A subject in evaluation, and inputs for it: centres in whole pixels, all else normal."""
    make, shapes = SUBJECTS[name]
    torch.manual_seed(0)
    subject = make().eval()
    inputs = [torch.randn(batch, *shape) for shape in shapes]
    if shapes == [CENTRE]:
        inputs = [torch.randint(8, (batch, 2)).float()]
    return subject, inputs


def close(found, wanted, beside=None):
    """To single precision, beside the largest number there."""
    scale = float((wanted if beside is None else beside).detach().abs().max())
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * scale)


def answer(subject, inputs):
    torch.manual_seed(7)
    return subject(*inputs)


def test_every_network_is_a_subject():
    assert {name.split()[0] for name in SUBJECTS} >= set(names())


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name):
    subject, inputs = made(name)
    wanted = answer(subject, inputs)
    wanted.square().sum().backward()
    gradients = [p.grad for p in subject.parameters()]
    subject.zero_grad()
    torch.compiler.reset()
    found = answer(torch.compile(subject, backend="aot_eager", fullgraph=True), inputs)
    close(found, wanted)
    found.square().sum().backward()
    for p, gradient in zip(subject.parameters(), gradients):
        close(p.grad, gradient)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # the exporters' own
@every
def test_exported_with_a_dynamic_batch_and_in_onnx(name, tmp_path):
    subject, inputs = made(name)
    dynamic = tuple({0: torch.export.Dim("B")} for _ in inputs)
    program = torch.export.export(subject, tuple(inputs), dynamic_shapes=dynamic)
    torch.onnx.export(program, dynamo=True, verbose=False).save(tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    for batch in (1, 5):
        _, inputs = made(name, batch)
        given = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs)}
        answers = [answer(program.module(), inputs), torch.from_numpy(session.run(None, given)[0])]
        for found in answers if name not in RANDOM else []:
            close(found, answer(subject, inputs))


@every
def test_built_without_storage_then_loaded(name):
    subject, inputs = made(name)
    with torch.device("meta"):
        empty = SUBJECTS[name][0]() if name not in SOLVED else build("kernel_ridge")
    empty = empty.to_empty(device="cpu").eval()
    for tensor in [*empty.parameters(), *empty.buffers()]:
        tensor.data.fill_(float("nan") if tensor.is_floating_point() else 99)
    empty.load_state_dict(subject.state_dict())
    torch.testing.assert_close(answer(empty, inputs), answer(subject, inputs))


@every
def test_scripted_or_refused(name):
    subject, inputs = made(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scripted = torch.jit.script(subject)
        except RuntimeError as error:
            assert str(error).count("\n") < 2 and "torch.export" in str(error)
        else:
            close(answer(scripted, inputs), answer(subject, inputs))


# LRLC2d chooses its way by the batch, which fx does not know: there it has to be a leaf.
@pytest.mark.parametrize("name", [n for n in SUBJECTS if not n.startswith("LRLC2d")])
def test_traced_by_fx(name):
    subject, inputs = made(name)
    takes = inspect.signature(subject.forward).parameters
    absent = dict.fromkeys(list(takes)[len(inputs) :])  # fx has to be told what is not given
    graph = torch.fx.symbolic_trace(subject, absent)
    _, inputs = made(name, batch=5)
    close(answer(graph, inputs), answer(subject, inputs))


def test_features_inside_a_network_with_our_layers():
    """As torchvision takes them out, by fx."""
    from torchvision.models.feature_extraction import create_feature_extractor

    network, inputs = made("vgg9_fcn coordbias")
    inner = [name for name, layer in network.named_modules() if isinstance(layer, CoordBiasConv2d)]
    found = create_feature_extractor(network, [inner[-1]])(*inputs)
    seen = []
    network.get_submodule(inner[-1]).register_forward_hook(
        lambda *given: seen.append(given[2].clone())
    )
    network(*inputs)
    close(found[inner[-1]], seen[0])


@trained
def test_an_ensemble_by_vmap(name):
    subject, inputs = made(name)
    subjects = [subject, copy.deepcopy(subject)]
    with torch.no_grad():
        for p in subjects[1].parameters():
            p.mul_(1.1)
    state = stack_module_state(subjects)
    found = vmap(lambda p, b: functional_call(subject, (p, b), tuple(inputs)), randomness="same")(
        *state
    )
    for k in range(2):
        close(found[k], answer(subjects[k], inputs)) if name not in RANDOM else None


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch.func's own
@trained
def test_gradients_sample_by_sample(name):
    subject, inputs = made(name, batch=3)
    parameters = {k: p.detach() for k, p in subject.named_parameters()}

    def loss(parameters, *sample):
        return functional_call(subject, parameters, tuple(x[None] for x in sample)).square().sum()

    each = vmap(grad(loss), (None, *[0] * len(inputs)), randomness="different")(parameters, *inputs)
    if name in RANDOM:
        return
    for k in range(3):
        subject.zero_grad()
        subject(*[x[k : k + 1] for x in inputs]).square().sum().backward()
        largest = torch.stack([p.grad.abs().max() for p in subject.parameters()])
        for key, p in subject.named_parameters():
            close(each[key][k], p.grad, largest)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
@every
def test_in_every_floating_type(name, dtype):
    subject, inputs = made(name)
    wanted = answer(subject, inputs)
    found = answer(subject.to(dtype), [x.to(dtype) for x in inputs])
    assert found.dtype == dtype or name in SOLVED
    if name not in RANDOM:
        difference = (found.double() - wanted).norm() / wanted.norm()
        assert difference < {torch.float64: 1e-5, torch.bfloat16: 0.05}.get(dtype, 0.02)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@every
def test_under_autocast(name, dtype):
    subject, inputs = made(name)
    wanted = answer(subject, inputs)
    with torch.autocast("cpu", dtype):
        found = answer(subject, inputs)
    found.float().square().sum().backward() if name not in SOLVED else None
    assert all(p.grad.isfinite().all() for p in subject.parameters())
    if name not in RANDOM:
        assert (found.float() - wanted).norm() / wanted.norm() < 0.05


@pytest.fixture(scope="module")
def process_group():
    import torch.distributed as dist

    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@trained
def test_under_ddp(name, process_group):
    subject, inputs = made(name)
    subject.train()
    alone, both = copy.deepcopy(subject), nn.parallel.DistributedDataParallel(subject)
    for _ in range(2):  # a parameter that got no gradient stops the second step
        for network in (alone, both):
            network.zero_grad()
            answer(network, inputs).square().sum().backward()
    for a, b in zip(alone.parameters(), subject.parameters()):
        close(b.grad, a.grad)
