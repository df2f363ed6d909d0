"""Coordinet's folded path beside the plain one, and the shapes it takes and refuses."""

import pytest
import torch

from spatialbias.models import build

SMALL = {"size": 6, "width": 8, "frequencies": 3}


def twins(**options):
    folded, plain = build("coordinet", **options), build("coordinet", folded=False, **options)
    plain.load_state_dict(folded.state_dict())
    return folded, plain


@pytest.mark.parametrize(
    ("around", "least", "most"), [(3, 0, 1e-5), (1, 0, 1e-5), (0.5, 1e-4, 5e-3), (0.2, 0.1, 1)]
)
def test_the_range_in_which_the_folded_path_is_the_same_function(around, least, most):
    """Near m = 1, where networks start and stay, and above; inner scales multiply, and small ones
    meet an epsilon.
    """
    torch.manual_seed(0)
    images = torch.randn(2, 3, 32, 32)
    m = around * (1 + 0.1 * torch.randn(2, 800))
    with torch.no_grad():
        folded, plain = (model(images, modulations=m) for model in twins())
    assert least <= float((folded - plain).norm() / plain.norm()) < most


@pytest.mark.parametrize("shape", [(36,), (1, 36), (20, 36)])  # 20: more than one micro-batch
def test_pixel_weights_get_their_gradient(shape):
    torch.manual_seed(0)
    weights, images = torch.rand(shape, requires_grad=True), torch.randn(20, 3, 6, 6)
    ours, theirs = (
        torch.autograd.grad(model(images, weights=weights).sum(), weights)[0]
        for model in twins(**SMALL)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-3 * float(theirs.abs().max()))


@pytest.mark.parametrize("readout", [lambda out: out.sum(), lambda out: out.square().sum()])
def test_second_derivatives_are_refused_rather_than_wrong(readout):
    folded, plain = twins(**SMALL)
    images = torch.randn(2, 3, 6, 6, requires_grad=True)
    with pytest.raises(RuntimeError, match="folded=False"):
        torch.autograd.grad(readout(folded(images)), images, create_graph=True)
    torch.autograd.grad(readout(plain(images)), images, create_graph=True)[
        0
    ].square().sum().backward()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"folded": False},
        {"modulation": "learned"},
        {"modulation": "none"},
        {"modulation": "late"},
        {"pooling": "attention"},
        {"encoding": "combined"},
    ],
    ids=str,
)
def test_an_empty_batch_passes_through(options):
    model = build("coordinet", **SMALL, **options)
    out = model(torch.randn(0, 3, 6, 6))
    assert out.shape == (0, 10)
    out.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


@pytest.mark.parametrize(
    "shape", [(1, 2), (2, 1, 2), (35, 2), (36, 3), (36,), (3, 36, 2), (1, 2, 36, 2)]
)
@pytest.mark.parametrize("name", ["coordinet", "coordinet_v1"])
def test_coordinates_of_another_shape_are_refused(name, shape):
    model = build(name, size=6, channels=1)
    with pytest.raises(ValueError, match=r"need \(36, 2\) or \(2, 36, 2\)"):
        model(torch.randn(2, 1, 6, 6), torch.randn(shape))


def test_the_training_grid_has_two_dimensions():
    model = build("coordinet", **SMALL, dimensions=3)
    with pytest.raises(ValueError, match=r"\(36, 3\)"):
        model(torch.randn(2, 3, 6, 6))
    assert model(torch.randn(2, 3, 6, 6), torch.randn(36, 3)).shape == (2, 10)


def test_the_first_version_says_which_grid_it_has():
    with pytest.raises(ValueError, match="6x6 training grid"):
        build("coordinet_v1", size=6)(torch.randn(2, 1, 5, 5))


@pytest.mark.parametrize("options", [{}, {"folded": False}], ids=str)
@pytest.mark.parametrize("shape", [(1, 32), (2, 31), (2, 1)])
def test_modulations_of_another_shape_are_refused(options, shape):
    with pytest.raises(ValueError, match=r"need \(2, 32\)"):
        build("coordinet", **SMALL, **options)(
            torch.randn(2, 3, 6, 6), modulations=torch.ones(shape)
        )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("coordinet_v1", {}),
        *[
            ("coordinet", {"encoding": e})
            for e in ("sine", "raw", "fourier", "embedding", "combined")
        ],
    ],
    ids=str,
)
def test_single_precision_coordinates_in_a_double_network(name, options):
    model = build(name, size=6, channels=1, **options).double()
    assert model(torch.randn(2, 1, 6, 6).double(), torch.rand(36, 2)).dtype == torch.float64


def test_the_first_version_s_embedding_holds_a_sine():
    with pytest.raises(ValueError, match="embedding=2.*at least 4"):
        build("coordinet_v1", embedding=2)
    assert build("coordinet_v1", size=6, embedding=4)(torch.randn(2, 1, 6, 6)).shape == (2, 10)


def test_a_modulator_may_see_less_than_the_image():
    """Images with the same block means are modulated alike, others are not."""
    torch.manual_seed(0)
    images = torch.randn(4, 3, 6, 6)
    swapped = images.clone()
    swapped[:, :, 0, :2] = images[:, :, 0, :2].flip(-1)  # within a block of 2x2
    moved = images.clone()
    moved[:, :, 0, :4] = images[:, :, 0, :4].flip(-1)  # between blocks
    for summary, same in ((None, ()), (3, (swapped,)), (1, (swapped, moved))):
        seen = {"summary": summary} if summary else {}
        model = build("coordinet", **seen, **SMALL)
        own = model.modulations(images)
        assert own.shape == (4, 32)
        for other in (swapped, moved):
            equal = torch.allclose(model.modulations(other), own, atol=1e-6)
            assert equal == any(other is one for one in same), summary


@pytest.mark.parametrize("kind", ["redrawn", "none"])
def test_a_network_without_places_cannot_tell_where_its_pixels_lie(kind):
    torch.manual_seed(0)
    images = torch.randn(5, 3, 6, 6)
    model = build("coordinet", modulation="none", coordinates=kind, **SMALL)
    mixed = images.flatten(2)[:, :, torch.randperm(36)].view_as(images)
    with torch.no_grad():
        told = build("coordinet", modulation="none", **SMALL)
        assert not torch.allclose(told(images), told(mixed), atol=1e-4)
        if kind == "none":
            torch.testing.assert_close(model(images), model(mixed), rtol=1e-4, atol=1e-5)
        else:  # other places every time, for every image, and from torch's generator
            state = torch.get_rng_state()
            once, twice = model(images[:1].expand(2, -1, -1, -1)), model(images)
            assert not torch.allclose(once[0], once[1], atol=1e-4) and model.draws
            torch.set_rng_state(state)
            assert torch.equal(model(images[:1].expand(2, -1, -1, -1)), once)
            assert not torch.allclose(twice[0], once[0], atol=1e-4)


def test_a_name_that_is_no_name():
    with pytest.raises(ValueError, match="unknown model.*coordinet"):
        build(["a"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch.ao's own
def test_the_first_version_is_quantised_dynamically():
    torch.manual_seed(0)
    network, images = build("coordinet_v1", size=6).eval(), torch.randn(2, 1, 6, 6)
    quantised = torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear})
    torch.testing.assert_close(quantised(images), network(images), atol=0.1, rtol=0.1)
