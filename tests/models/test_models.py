"""Networks: sizes, options, and what Coordinet promises about sets of pixels."""

import inspect

import pytest
import torch
import torch.nn.functional as F

from spatialbias import models
from spatialbias.models import build
from spatialbias.models.coordinet import Encoding

COORDINET = {"size": 8, "width": 16, "frequencies": 4}


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "name, arguments, count",
    [
        ("fully_connected", {}, 938_210),
        ("simple_cnn", {}, 672_314),
        ("coordinet_v1", {}, 173_151),
        ("coordinet_v1", {"channels": 1, "embedding": 50, "latent": 200}, 173_151),
        ("fully_connected", {"norm": "layer"}, 938_210 + 9 * 400),
    ],
)
def test_published_sizes(name, arguments, count):
    assert parameters(build(name, **arguments)) == count


def test_coordinet_size_by_hand():
    model = build("coordinet")  # pixel path 35 -> 200, three 200 -> 200; modulator; decoder
    path = 35 * 200 + 3 * 200 * 200
    modulator = (3072 * 200 + 200) + (200 * 200 + 200) + (200 * 800 + 800)
    assert parameters(model) == path + modulator + (200 * 200 + 200) + (200 * 10 + 10)


TRAINED = [  # every option of every network that is trained, at a small size
    ("fully_connected", {"size": 8, "width": 12, "hidden": 3}),
    ("fully_connected", {"size": 8, "width": 12, "norm": "layer"}),
    ("simple_cnn", {"size": 25}),
    ("pooled_cnn", {"width": 4, "size": 8}),
    ("strided_cnn", {"size": 16, "width": 4}),
    ("strided_cnn", {"size": 16, "width": 4, "pooling": "mean"}),
    ("strided_cnn", {"size": 16, "width": 4, "sharing": False}),
    ("strided_cnn", {"size": 16, "width": 4, "sharing": False, "pooling": "mean"}),
    ("coordinet_v1", {"channels": 3, "size": 8, "embedding": 12, "latent": 10}),
    *[
        ("coordinet", COORDINET | options)
        for options in (
            {},
            {"folded": False},
            {"modulation": "none"},
            {"modulation": "learned"},
            {"modulation": "late"},
            {"side": "input"},
            {"norm": "demodulation"},
            {"side": "input", "norm": "demodulation"},
            {"bias": True},
            {"affine": True},
            {"bias": True, "affine": True},
            {"encoding": "raw"},
            {"encoding": "fourier"},
            {"encoding": "embedding"},
            {"encoding": "combined"},
            {"pooling": "mean"},
            {"pooling": "attention"},
            {"layers": 1},
            {"layers": 6},
        )
    ],
]


@pytest.mark.parametrize("name, arguments", TRAINED, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_option_builds_and_trains_all_its_parameters(name, arguments, channels):
    side = arguments.get("size")
    arguments = {
        k: v for k, v in arguments.items() if not (name == "pooled_cnn" and k == "size")
    } | {"channels": channels, "classes": 4}
    torch.manual_seed(0)
    model = build(name, **arguments)
    images, target = torch.randn(6, channels, side, side), torch.arange(6) % 4
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(8):
        loss = F.cross_entropy(model(images), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    still = [n for n, p in model.named_parameters() if torch.equal(p, before[n])]
    still = [
        n for n in still if n != "score.bias"
    ]  # a softmax does not see what is added to every score
    assert not still, f"never trained: {still}"
    assert model(images).shape == (6, 4)


CLASSIFIERS = [
    n
    for n in models.names()
    if n != "kernel_ridge" and "channels" in inspect.signature(models.constructor(n)).parameters
]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_other_channels_and_sizes(name):
    allowed = inspect.signature(models.constructor(name)).parameters
    arguments = {"channels": 1, "classes": 7} | ({"size": 28} if "size" in allowed else {})
    assert build(name, **arguments)(torch.randn(2, 1, 28, 28)).shape == (2, 7)


def test_extra_coordinates_are_ignored_by_networks_on_grids():
    model, images = build("simple_cnn", size=25), torch.randn(2, 3, 25, 25)
    assert torch.equal(model(images), model(images, torch.rand(625, 2)))


@pytest.mark.parametrize(
    "options",
    [{}, {"encoding": "combined"}, {"pooling": "attention"}, {"modulation": "late"}],
    ids=str,
)
def test_coordinet_sees_a_set_of_pixels(options):
    """Any order of the pixels gives the same, when the coordinates travel with them; and not when
    they stay behind.
    """
    torch.manual_seed(1)
    model = build("coordinet", **COORDINET, **options).double()
    images = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    order = torch.randperm(64)
    mixed = images.flatten(2)[:, :, order]
    plain = model(images)
    torch.testing.assert_close(
        model(mixed, model.grid[order], context=images), plain, rtol=1e-5, atol=1e-6
    )
    assert not torch.allclose(model(mixed, model.grid, context=images), plain, atol=1e-4)


def test_coordinet_v1_sees_a_set_of_pixels():
    model = build("coordinet_v1", size=8).double()
    images, order = torch.randn(2, 1, 8, 8, dtype=torch.float64), torch.randperm(64)
    torch.testing.assert_close(
        model(images.flatten(2)[:, :, order], model.grid[order]), model(images)
    )
    assert not torch.allclose(model(images.flatten(2)[:, :, order]), model(images), atol=1e-6)


def test_coordinates_may_be_told_or_left_to_the_grid():
    model, images = build("coordinet", **COORDINET), torch.randn(2, 3, 8, 8)
    assert torch.equal(model(images, model.grid), model(images))
    torch.testing.assert_close(model(images, model.grid.expand(2, -1, -1)), model(images))


@pytest.mark.parametrize("pooling", ["sum", "mean", "attention"])
def test_a_pixel_of_weight_zero_is_not_there(pooling):
    model = build("coordinet", **COORDINET, pooling=pooling).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    weights = (torch.arange(64) % 3 > 0).double()
    kept = weights.nonzero()[:, 0]
    torch.testing.assert_close(
        model(images, weights=weights),
        model(images.flatten(2)[:, :, kept], model.grid[kept], context=images),
    )


def test_pixel_weights_are_multiplicities():
    model = build("coordinet", **COORDINET).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    twice, places = images.flatten(2).repeat(1, 1, 2), model.grid.repeat(2, 1)
    torch.testing.assert_close(
        model(images, weights=torch.full((64,), 2.0, dtype=torch.float64)),
        model(twice, places, context=images),
    )


def test_modulation_starts_near_one_and_can_be_given():
    model, images = build("coordinet", **COORDINET), torch.randn(5, 3, 8, 8)
    m = model.modulations(images).detach()
    assert m.shape == (5, 4 * 16) and float((m - 1).abs().mean()) < 0.3
    torch.testing.assert_close(model(images, modulations=m), model(images))
    assert not torch.allclose(model(images, modulations=m.roll(1, 0)), model(images))


def test_coordinet_says_what_it_needs():
    model = build("coordinet", **COORDINET)
    with pytest.raises(ValueError, match="8x8 training grid"):
        model(torch.randn(2, 3, 9, 9))
    with pytest.raises(ValueError, match="context"):
        model(torch.randn(2, 3, 9), torch.rand(9, 2))


def test_sine_code_spans_one_rise_to_four_pixels():
    code = Encoding("sine", frequencies=16)
    c = code.constants(torch.zeros(1, 2))
    assert float(c[0]) == pytest.approx(torch.pi / 2)
    assert float(c[-1]) == pytest.approx(8 * torch.pi)
    assert not code(torch.zeros(1, 2)).any() and code(torch.zeros(1, 2)).shape == (1, 32)


def test_kernel_ridge_by_hand():
    model, images, target = (
        build("kernel_ridge", classes=3),
        torch.randn(7, 1, 4, 4),
        torch.arange(7) % 3,
    )
    model.solve(images, target)
    a, b = images.flatten(1).double(), torch.randn(5, 16).double()

    def kernel(p, q):
        return torch.exp(-((p[:, None] - q) ** 2).mean(2))

    alpha = torch.linalg.inv(kernel(a, a) + 0.1 * torch.eye(7)) @ (
        F.one_hot(target, 3).double() - 1 / 3
    )
    torch.testing.assert_close(
        model(b.float().view(5, 1, 4, 4)).double(), kernel(b, a) @ alpha, rtol=1e-3, atol=1e-4
    )


def test_two_builds_from_one_seed_are_equal():
    for name in models.names():
        states = []
        for _ in range(2):
            torch.manual_seed(3)
            states.append(build(name).state_dict())
        assert all(torch.equal(states[0][k], states[1][k]) for k in states[0]), name


@pytest.mark.parametrize(
    "name, arguments, words",
    [
        ("resnet", {}, ["resnet", "coordinet", "simple_cnn"]),
        ("coordinet", {"wide": 3}, ["'wide'", "width", "encoding"]),
        ("coordinet", {"width": "200"}, ["width='200'", "int"]),
        ("coordinet", {"width": 200.0}, ["width=200.0", "int"]),
        ("coordinet", {"width": True}, ["width=True", "int"]),
        ("coordinet", {"bias": 1}, ["bias=1", "bool"]),
        ("coordinet", {"width": 0}, ["width=0", "positive"]),
        ("kernel_ridge", {"gamma": -1.0}, ["gamma=-1.0", "positive"]),
        ("coordinet", {"encoding": "cosine"}, ["encoding='cosine'", "sine", "fourier"]),
        ("coordinet", {"modulation": "x"}, ["modulation='x'", "late"]),
        ("coordinet", {"pooling": "max"}, ["pooling='max'", "mean"]),
        ("coordinet", {"encoding": "embedding", "dimensions": 3}, ["embedding", "3"]),
        ("simple_cnn", {"size": 24}, ["size=24", "25"]),
        ("strided_cnn", {"pooling": "max"}, ["pooling='max'", "flatten"]),
        ("fully_connected", {"norm": "batch"}, ["norm='batch'", "layer"]),
    ],
)
def test_wrong_arguments_are_named(name, arguments, words):
    with pytest.raises(ValueError) as caught:
        build(name, **arguments)
    assert all(word in str(caught.value) for word in words), caught.value
