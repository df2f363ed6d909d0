import math

import pytest
import torch
from torch import nn

from spatialbias.datasets import not_so_clevr
from spatialbias.models.by_hand import by_hand
from spatialbias.models.coordconv import (
    conv_regressor_quadrant,
    conv_regressor_uniform,
    coordconv_classifier,
    coordconv_regressor,
    coordconv_renderer,
    deconv,
)
from spatialbias.models.positions import COORDINATES, position_maps
from spatialbias.training import _optimiser


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_coordconv_networks_have_the_published_numbers_of_parameters():
    assert parameters(coordconv_classifier()) == 7553
    assert (
        parameters(coordconv_regressor()) == parameters(coordconv_regressor(padding="valid")) == 906
    )
    counts = {
        (k, m): parameters(coordconv_renderer(kernel=k, mul=m)) for k in (1, 2, 3) for m in (1, 2)
    }
    assert counts == {
        (1, 1): 8074,
        (2, 1): 9490,
        (3, 1): 11850,
        (1, 2): 9490,
        (2, 2): 15010,
        (3, 2): 24210,
    }


def test_their_rivals_have_the_published_numbers_of_parameters():
    counts = [[parameters(deconv(kernel=k, mul=m)) for k in (2, 3, 4)] for m in (1, 2, 3)]
    assert counts == [[46465, 103585, 183553], [183041, 409921, 727553], [409729, 919009, 1632001]]
    assert parameters(deconv(kernel=2, mul=3, norm=False)) == 408193
    assert [parameters(conv_regressor_uniform(mul=m)) for m in (1, 2)] == [72850, 159330]
    assert [parameters(conv_regressor_quadrant(mul=m)) for m in (1, 2)] == [12914, 49890]


@pytest.mark.parametrize(
    "network",
    [
        coordconv_classifier(32),
        deconv(32, kernel=2),
        deconv(32, kernel=3),
        deconv(32, kernel=4, norm=False),
    ],
)
def test_classifiers_give_a_logit_for_every_pixel(network):
    assert network(torch.rand(3, 2)).shape == (3, 1024)


@pytest.mark.parametrize(
    "network",
    [
        coordconv_renderer(32, kernel=3),
        coordconv_renderer(32, kernel=2),
        deconv(32, task="rendering"),
    ],
)
def test_renderers_give_a_picture(network):
    assert network(torch.rand(3, 2)).shape == (3, 1, 32, 32)


@pytest.mark.parametrize(
    "network",
    [
        coordconv_regressor(),
        coordconv_regressor("relu", "average", "valid", stride=2),
        conv_regressor_uniform(),
        conv_regressor_uniform(tutorial=True),
        conv_regressor_quadrant(),
        conv_regressor_quadrant(tutorial=True),
    ],
)
def test_regressors_give_two_coordinates(network):
    assert network(torch.rand(3, 1, 64, 64)).shape == (3, 2)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("where", ["first", "all", "3"])
def test_every_kind_of_coordinates_at_every_place(coordinates, where):
    classifier = coordconv_classifier(16, coordinates=coordinates, where=where, width=12)
    regressor = coordconv_regressor(coordinates=coordinates, where=where, size=16, width=12)
    assert classifier(torch.rand(2, 2)).shape == (2, 192) and regressor(
        torch.rand(2, 1, 16, 12)
    ).shape == (2, 2)
    (
        classifier(torch.rand(2, 2)).square().sum() + regressor(torch.rand(2, 1, 16, 12)).sum()
    ).backward()
    learnt = [
        p
        for name, p in [*classifier.named_parameters(), *regressor.named_parameters()]
        if "maps" in name
    ]
    assert len(learnt) == (2 * (5 if where == "all" else 1) if coordinates == "table" else 0)
    assert all(p.grad.abs().sum() > 0 for p in learnt)


def test_a_network_that_is_told_nothing_says_the_same_everywhere():
    logits = coordconv_classifier(16, coordinates="none")(torch.rand(2, 2))
    torch.testing.assert_close(logits, logits[:, :1].expand_as(logits))


def test_the_released_slip_shows_on_oblong_canvases_only():
    def logits(kind, width):
        torch.manual_seed(0)
        return coordconv_classifier(16, coordinates=kind, width=width)(torch.ones(1, 2))

    torch.testing.assert_close(logits("xy", 16), logits("exchanged", 16), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(logits("xy", 12), logits("exchanged", 12), atol=1e-2)


def test_average_pooling_forgets_where_the_pixel_was():
    """Without padding, and away from the border, nothing of the place is left: the remark, as an
    identity.
    """
    network = coordconv_regressor(pool="average", padding="valid").double()
    pictures = not_so_clevr.draw(torch.tensor([[10, 20], [50, 40]]), 64, 64, 1).double()
    first, second = network(pictures)
    torch.testing.assert_close(first, second)


def test_a_coded_centre_has_the_code_of_its_pixel():
    network, seen = (
        coordconv_classifier(16, coordinates="fourier", normalise=True, coded=True, width=12),
        [],
    )
    network.layers[0].register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
    network(torch.tensor([[5.0, 3.0]]))
    torch.testing.assert_close(
        seen[0][0],
        position_maps("fourier", 16, 12)[:, 3:4, 5:6].expand(-1, 16, 12),
        atol=1e-5,
        rtol=0,
    )
    assert network.layers[0].weight.shape[1] == 32


def test_normalised_inputs_are_the_same_network_on_scaled_centres():
    torch.manual_seed(0)
    scaled = coordconv_classifier(16, normalise=True)
    torch.manual_seed(0)
    raw = coordconv_classifier(16)
    centre = torch.tensor([[0.0, 15.0], [7.5, 3.0]])
    torch.testing.assert_close(scaled(centre), raw(torch.tensor([[-1.0, 1.0], [0.0, -0.6]])))


def test_doubling_is_the_gradient_of_a_same_padded_convolution():
    """Kernel 3: the source framework pads a stride-2 convolution after the map only, so its
    transpose is cut there.
    """
    from spatialbias.models.coordconv import _Double, _Same

    double = _Double(2, 3, 3).double()
    x, y = (
        torch.randn(1, 2, 4, 4, dtype=torch.float64),
        torch.randn(1, 3, 8, 8, dtype=torch.float64),
    )
    with torch.no_grad():
        double.bias.zero_()
        halved = torch.nn.functional.conv2d(_Same(3, 2)(y), double.weight, stride=2)
        torch.testing.assert_close((double(x) * y).sum(), (x * halved).sum())


def test_initialisation_is_he_normal_cut_at_two_deviations():
    torch.manual_seed(0)
    weight = deconv(kernel=3, mul=2).layers[3].weight  # (128, 128, 3, 3)
    std = math.sqrt(2 / (128 * 9))
    assert abs(weight.std() / std - 1) < 0.02 and weight.abs().max() <= 2 * std / 0.8796 * 1.0001
    assert all(
        layer.bias.eq(0).all()
        for layer in coordconv_classifier().modules()
        if isinstance(layer, nn.Conv2d)
    )


@pytest.mark.parametrize(
    "network",
    [
        coordconv_classifier(32, init="glorot"),
        coordconv_renderer(32, init="glorot"),
        deconv(32, init="glorot"),
        coordconv_regressor(init="glorot"),
        conv_regressor_uniform(32, init="glorot"),
        conv_regressor_quadrant(init="glorot"),
    ],
)
def test_the_tutorial_s_initialisation_is_glorot_s(network):
    """Uniform within sqrt(6 / (fan-in + fan-out)), in every layer, and no bias."""
    for layer in network.modules():
        if not isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            continue
        limit = math.sqrt(6 / (sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel()))
        assert layer.weight.abs().max() <= limit * 1.0001 and layer.bias.eq(0).all()
        if layer.weight.numel() > 1000:  # uniform: its deviation is limit / sqrt(3)
            assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.06)


def test_the_released_dense_layers_keep_the_default_and_no_penalty():
    network = conv_regressor_uniform(32)
    dense = [layer for layer in network if isinstance(layer, nn.Linear)]
    for layer in dense:
        assert layer.weight.abs().max() <= 1.0001 * math.sqrt(6 / sum(layer.weight.shape))
    assert network[0].weight.abs().max() > math.sqrt(6 / (9 * 17))  # He's is wider
    optimiser = _optimiser("adam", network, 1e-3, 0.999, 0.1)
    decays = {
        id(p): group["weight_decay"] for group in optimiser.param_groups for p in group["params"]
    }
    assert [decays[id(layer.weight)] for layer in dense] == [0.0, 0.0]
    assert decays[id(network[0].weight)] == 0.1


@pytest.mark.parametrize("split", ["uniform", "quadrant"])
@pytest.mark.parametrize("size", [64, 32])
def test_weights_written_by_hand_solve_every_task(split, size):
    """Nothing is trained: the released architectures, and every position of the canvas."""
    for task in not_so_clevr.TASKS:
        data = not_so_clevr.load(task, split, size=size)
        network = by_hand(task, size)
        with torch.no_grad():
            for batch in (data.train[::13], data.test[::7]):
                output = network(*batch.inputs)
                if task == "classification":
                    assert torch.equal(output.argmax(1), batch.target)
                elif task == "rendering":
                    assert torch.equal(output > 0, batch.target > 0.5)
                else:
                    assert (output - batch.target).abs().max() * size < 1e-3  # pixels


def test_by_hand_changes_no_architecture():
    expected = {"classification": 7553, "rendering": 8074, "regression": 906}
    assert {task: parameters(by_hand(task)) for task in expected} == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: coordconv_classifier(coordinates="polar"),
        lambda: coordconv_classifier(where="6"),
        lambda: coordconv_classifier(coordinates="none", radius=True),
        lambda: coordconv_classifier(coded=True),
        lambda: deconv(48),
        lambda: deconv(kernel=5),
        lambda: deconv(task="regression"),
        lambda: deconv(init="zeros"),
        lambda: coordconv_regressor(pool="min"),
        lambda: conv_regressor_uniform(4),
        lambda: by_hand("reading"),
    ],
)
def test_what_makes_no_sense_raises(make):
    with pytest.raises(ValueError, match="must|needs|nothing"):
        make()
