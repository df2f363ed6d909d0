"""The three-layer network, in which one layer is replaced."""

import pytest
import torch

from spatialbias.layers import LocallyConnected2d, LRLC2d
from spatialbias.models import build

MNIST, CIFAR = {"channels": 1, "size": 28}, {}
CELEBA = {"classes": 2}
SOURCE = {"layer": "lrlc", "spatial_bias": True}  # as released


def parameters(**arguments) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build("local_cnn", **arguments).parameters())


@pytest.mark.parametrize(
    "images, counts",
    [
        (MNIST, (75_338, 76_490, 507_402, 21_309_002, 17_911_626)),
        (CIFAR, (76_490, 77_642, 1_687_562, 28_991_178, 25_002_954)),
        (CELEBA, (75_970, 77_122, 1_687_042, 28_990_658, 25_002_434)),
    ],
)
def test_parameters_of_the_plain_and_the_local_networks(images, counts):
    found = [parameters(**images), parameters(coordinates=True, **images)]
    found += [parameters(layer="local", where=where, **images) for where in "123"]
    assert found == list(counts)


@pytest.mark.parametrize(
    "images, weights, counts",
    [
        (MNIST, "row_col", (112_334, 186_150, 296_874)),
        (MNIST, "table", (113_654, 188_350, 300_394)),
        (MNIST, "input", (113_084, 187_546, 299_869)),
        (CIFAR, "row_col", (113_510, 187_342, 298_090)),
        (CIFAR, "table", (115_382, 190_462, 303_082)),
        (CIFAR, "input", (114_428, 188_890, 301_213)),
        (CELEBA, "row_col", (112_990, 186_822, 297_570)),
        (CELEBA, "table", (114_862, 189_942, 302_562)),
        (CELEBA, "input", (113_908, 188_370, 300_693)),
    ],
)
def test_parameters_of_low_rank_networks(images, weights, counts):
    """At K = 2, 4 and 7, in the third layer."""
    assert [
        parameters(rank=rank, weights=weights, **SOURCE, **images) for rank in (2, 4, 7)
    ] == list(counts)


@pytest.mark.parametrize(
    "images, counts",
    [
        (MNIST, (112_970, 188_234, 301_130)),
        (CIFAR, (114_122, 189_386, 302_282)),
        (CELEBA, (113_090, 187_330, 298_690)),
    ],
)
def test_parameters_of_wide_networks(images, counts):
    assert [parameters(layer="wide", rank=rank, **images) for rank in (2, 4, 7)] == list(counts)


@pytest.mark.parametrize(
    "where, widths", [("1", (72, 64, 64)), ("2", (64, 160, 64)), ("3", (64, 64, 256))]
)
def test_a_wide_layer_counts_the_next_one(where, widths):
    network = build("local_cnn", layer="wide", rank=4, where=where)
    assert tuple(layer.out_channels for layer in list(network)[0:9:3]) == widths


@pytest.mark.parametrize("layer, kind", [("lrlc", LRLC2d), ("local", LocallyConnected2d)])
@pytest.mark.parametrize("where", ["1", "2", "3", "all"])
def test_one_layer_is_replaced_or_all(layer, kind, where):
    network = build("local_cnn", layer=layer, where=where, width=4, size=9, rank=2)
    found = [isinstance(network[k], kind) for k in (0, 3, 6)]
    assert found == [where in (number, "all") for number in "123"]
    assert network(torch.randn(2, 3, 9, 9)).shape == (2, 10)


def test_what_comes_before_the_replaced_layer_starts_alike():
    networks = []
    for options in (
        {},
        {"layer": "lrlc", "rank": 4},
        {"layer": "local"},
        {"layer": "wide", "rank": 2},
    ):
        torch.manual_seed(3)
        networks.append(build("local_cnn", width=4, size=9, **options))
    for network in networks[1:]:
        assert torch.equal(network[0].weight, networks[0][0].weight)
        assert torch.equal(network[3].weight, networks[0][3].weight)


def test_filters_start_he_uniform_with_one_bank_s_fan_in():
    network = build("local_cnn", width=8, size=9, layer="lrlc", rank=4)
    bound = (6 / (9 * 8)) ** 0.5
    assert 0.95 * bound < network[6].weight.abs().max() <= bound
    assert build("local_cnn", layer="local", width=4, size=9)[6].bias.eq(0).all()


def test_uniform_weights_stay_uniform_and_are_a_convolution():
    network = build("local_cnn", width=4, size=12, layer="lrlc", rank=3, fixed="uniform").eval()
    network(torch.randn(50, 3, 12, 12)).sum().backward()
    layer, x = network[6], torch.randn(2, 4, 8, 8)
    assert layer.row_logits.grad is None and layer.weight.grad.abs().sum() > 0
    shared = torch.nn.functional.conv2d(x, layer.basis().mean(0))
    torch.testing.assert_close(layer(x), shared, rtol=1e-5, atol=1e-5)


def test_blocks_have_a_bank_each():
    layer = build("local_cnn", width=4, size=9, layer="lrlc", rank=4, fixed="blocks")[6]
    owner = layer.combining_weights().argmax(0)
    assert owner.tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    assert layer.combining_weights().sum(0).eq(1).all()
    with pytest.raises(ValueError, match="rank=3.*square"):
        build("local_cnn", layer="lrlc", rank=3, fixed="blocks")


def test_only_the_mean_over_positions_forgets_them():
    """Far from the border, a moved image gets the same answer; not from a flattened network."""
    x = torch.zeros(1, 3, 20, 20)
    x[:, :, 8:11, 8:11] = torch.randn(3, 3)
    for pooling, same in (("mean", True), ("flatten", False)):
        network = build("local_cnn", size=20, width=4, pooling=pooling).eval()
        assert torch.allclose(network(x), network(x.roll((1, -1), (2, 3))), atol=1e-5) is same
    local = build("local_cnn", size=20, width=4, layer="lrlc", rank=2).eval()
    torch.nn.init.normal_(local[6].row_logits, std=3)
    assert not torch.allclose(local(x), local(x.roll((1, -1), (2, 3))), atol=1e-5)


@pytest.mark.parametrize(
    "arguments", [{"where": "4"}, {"layer": "dense"}, {"size": 6}, {"pooling": "max"}]
)
def test_what_there_is_not_is_refused(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))}="):
        build("local_cnn", **arguments)
