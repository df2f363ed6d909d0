"""Image sets: counts, normalisation, the fixed permutation, and what happens when a file is damaged
or missing.
"""

import pytest
import torch

from spatialbias import components, datasets
from spatialbias.datasets import images
from spatialbias.datasets.batch import Batch
from spatialbias.models import build
from spatialbias.paths import data_folder


def standard(data):
    """Mean and deviation by channel of the normalised training images, in double precision."""
    sums = torch.zeros(2, data.train.inputs[0].shape[1], dtype=torch.float64)
    for k in range(0, len(data.train), 5000):
        x = data.normalise(data.train.inputs[0][k : k + 5000]).transpose(0, 1).flatten(1).double()
        sums += torch.stack((x.sum(1), x.square().sum(1)))
    mean, square = sums / data.train.inputs[0][:, 0].numel()
    return mean, (square - mean.square()).sqrt()


@pytest.mark.data
@pytest.mark.parametrize(
    "name, count, classes",
    [
        ("cifar10", (50_000, 10_000), "airplane"),
        ("mnist", (60_000, 10_000), "0 - zero"),
        ("fashion_mnist", (60_000, 10_000), "T-shirt/top"),
    ],
)
def test_the_real_sets(real_data, name, count, classes):
    data = datasets.load(name)
    channels, side, number = components.SHAPES[name]
    assert (len(data.train), len(data.test)) == count and components.TRAINING_IMAGES[name] == count[
        0
    ]
    for part in (data.train, data.test):
        assert (
            part.inputs[0].shape[1:] == (channels, side, side)
            and part.inputs[0].dtype == torch.uint8
        )
        assert part.target.dtype == torch.long and set(part.target.unique().tolist()) == set(
            range(number)
        )
    assert (
        len(data.classes) == number
        and data.classes[0] == classes
        and data.source == "found in SPATIALBIAS_DATA"
    )
    mean, deviation = standard(data)
    torch.testing.assert_close(mean, torch.zeros(channels, dtype=torch.float64), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        deviation, torch.ones(channels, dtype=torch.float64), rtol=1e-5, atol=0
    )


@pytest.mark.data
def test_cifar10_as_known(real_data):
    """Its published channel statistics; the first training image is a frog, the first test image a
    cat.
    """
    data = datasets.load("cifar10")
    assert data.mean == pytest.approx(
        (0.4914, 0.4822, 0.4465), abs=1e-4
    ) and data.std == pytest.approx((0.2470, 0.2435, 0.2616), abs=1e-4)
    assert (
        data.classes[data.train.target[0]] == "frog" and data.classes[data.test.target[0]] == "cat"
    )
    assert data.train.inputs[0][0, :, 0, 0].tolist() == [59, 62, 63]  # channels first, top left


def test_digits():
    data = datasets.load("digits")
    assert (len(data.train), len(data.test)) == (1297, 500) and components.TRAINING_IMAGES[
        "digits"
    ] == 1297
    assert (
        data.train.inputs[0].shape[1:] == (3, 32, 32) and data.train.inputs[0].dtype == torch.uint8
    )
    assert "scikit-learn" in data.source and data.train.target[:10].tolist() == list(range(10))
    mean, deviation = standard(data)
    torch.testing.assert_close(mean, torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-5)
    torch.testing.assert_close(deviation, torch.ones(3, dtype=torch.float64), rtol=1e-4, atol=0)


@pytest.mark.parametrize("count", [4999, 5000])
def test_both_ways_to_the_statistics_agree(count):
    train = torch.randint(
        256, (count, 2, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    target = torch.zeros(count, dtype=torch.long)
    data = images._data("made", train, target, train[:1], target[:1], (), "")
    x = train.double().div(255).transpose(0, 1).flatten(1)
    assert data.mean == pytest.approx(x.mean(1).tolist(), abs=1e-12) and data.std == pytest.approx(
        x.std(1).tolist(), rel=1e-4
    )


def test_floats_are_not_normalised_again(image_data):
    x = torch.randn(2, 3, 4, 4)
    assert image_data.normalise(x) is x
    torch.testing.assert_close(
        image_data.normalise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)),
        torch.full((1, 3, 2, 2), 2.0),
    )


def test_loading_twice_is_loading_once():
    assert datasets.load("digits", permutation="fixed") is datasets.load(
        "digits", permutation="fixed"
    )


def test_shrunk_images_are_means_of_blocks(image_data):
    small = images.arrange(image_data, "none", "grid", 2)
    whole = image_data.train.inputs[0].double()
    means = (whole[..., ::2, ::2] + whole[..., 1::2, ::2] + whole[..., ::2, 1::2]) / 4
    means += whole[..., 1::2, 1::2] / 4
    assert small.train.inputs[0].shape == (60, 3, 16, 16)
    assert (small.train.inputs[0] - means).abs().max() <= 0.5
    assert torch.equal(small.test.target, image_data.test.target)
    values = small.normalise(small.train.inputs[0])
    assert values.mean().abs() < 1e-3 and (values.std((0, 2, 3)) - 1).abs().max() < 1e-3
    told = images.arrange(image_data, "fixed", "true", 2)
    assert told.train.shared[0].shape == (256, 2)


def test_one_permutation_for_all_images(image_data):
    plain, mixed = image_data, images.arrange(image_data, "fixed", "grid")
    for a, b in ((plain.train, mixed.train), (plain.test, mixed.test)):
        a, b = a.inputs[0].flatten(2), b.inputs[0].flatten(2)
        assert torch.equal(a.sort(2).values, b.sort(2).values) and not torch.equal(a, b)
    ids = Batch((torch.arange(1024).view(1, 1, 32, 32),), torch.zeros(1))
    orders = [
        images.arrange(type(image_data)(ids, ids, ""), "fixed", "grid").train.inputs[0]
        for _ in range(2)
    ]
    assert torch.equal(*orders) and len(orders[0].unique()) == 1024
    assert float((orders[0].flatten() == torch.arange(1024)).float().mean()) < 0.01


def test_true_places_travel_with_the_pixels(image_data):
    """A set of (pixel, place) pairs does not change: Coordinet's pixel path cannot tell, when told
    the truth.
    """
    mixed = {told: images.arrange(image_data, "fixed", told) for told in images.ARRANGEMENTS}
    torch.manual_seed(0)
    model = build("coordinet", width=12, layers=2, modulation="none").double()
    pictures = image_data.normalise(image_data.test.inputs[0][:4]).double()
    plain = model(pictures)

    def out(told):
        part = mixed[told].test[:4]
        return model(image_data.normalise(part.inputs[0]).double(), part.shared[0].double())

    torch.testing.assert_close(out("true"), plain, rtol=1e-5, atol=1e-5)
    for told in ("grid", "random"):
        assert not torch.allclose(out(told), plain, atol=1e-2), told


def test_what_is_told(image_data):
    told = {name: images.arrange(image_data, "fixed", name) for name in images.ARRANGEMENTS}
    grid = build("coordinet", width=4, layers=1).grid
    assert torch.equal(told["grid"].train.shared[0], grid)
    places = told["true"].train.shared[0]
    assert not torch.equal(places, grid) and torch.equal(places.unique(dim=0), grid.unique(dim=0))
    wild = told["random"].test.shared[0]
    assert (
        wild.shape == (1024, 2)
        and float(wild.min()) >= -1
        and float(wild.max()) <= 1
        and len(wild.unique(dim=0)) == 1024
    )
    assert all(torch.equal(d.train.shared[0], d.test.shared[0]) for d in told.values())
    assert images.arrange(image_data, "none", "grid") is image_data
    assert torch.equal(
        images.arrange(image_data, "none", "true").train.inputs[0], image_data.train.inputs[0]
    )


def test_a_part_keeps_what_is_shared(image_data):
    part = images.arrange(image_data, "fixed", "true").train[3:5]
    assert len(part) == 2 and part.shared[0].shape == (1024, 2) and len(part.inputs[0]) == 2


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"permutation": "random"}, ["permutation='random'", "fixed"]),
        ({"coordinates": "polar"}, ["coordinates='polar'", "grid, true, random"]),
        ({"colour": "grey"}, ["digits", "'colour'", "permutation"]),
        ({"permutation": 1}, ["permutation=1", "str"]),
        ({"shrink": 3}, ["shrink=3", "2"]),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(ValueError) as caught:
        datasets.load("digits", **arguments)
    assert all(word in str(caught.value) for word in words), caught.value


def test_an_unknown_set_is_named():
    with pytest.raises(ValueError, match="'imagenet'.*cifar10.*digits"):
        datasets.load("imagenet")


@pytest.mark.data
@pytest.mark.parametrize(
    "name, kind", [("cifar10", "CIFAR10"), ("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_the_real_sets_are_read_as_torchvision_reads_them(real_data, name, kind):
    from torchvision import datasets as theirs

    ours = datasets.load(name)
    for part, train in ((ours.train, True), (ours.test, False)):
        their = getattr(theirs, kind)(data_folder(), train=train)
        images = torch.as_tensor(their.data)
        images = images.permute(0, 3, 1, 2) if images.dim() == 4 else images[:, None]
        assert torch.equal(part.inputs[0], images)
        assert torch.equal(part.target, torch.as_tensor(their.targets))
        assert ours.classes == tuple(their.classes)


def test_images_on_a_canvas_move_by_at_most_so_much():
    plain = datasets.load("digits")
    still = datasets.load("digits", canvas=40)
    images = still.train.inputs[0]
    assert images.shape[1:] == (3, 40, 40) and still.mean == plain.mean
    assert torch.equal(images[:, :, 4:36, 4:36], plain.train.inputs[0])
    assert int(images.sum()) == int(plain.train.inputs[0].sum())  # black around
    moved = datasets.load("digits", canvas=40, translation=4).test.inputs[0]
    places = set()
    for image, was in zip(moved, plain.test.inputs[0]):
        places |= {
            (down, right)
            for down in range(9)
            for right in range(9)
            if torch.equal(image[:, down : down + 32, right : right + 32], was)
        }
    assert len(places) > 70 and {0, 8} <= {down for down, _ in places}
    assert torch.equal(moved, datasets.load("digits", canvas=40, translation=4).test.inputs[0])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"canvas": 30}, "canvas of 32"),
        ({"canvas": 36, "translation": 4}, "canvas of 40"),
        ({"translation": 2}, "needs a canvas"),
        ({"canvas": -1}, "canvas=-1"),
    ],
)
def test_a_canvas_must_hold_the_images(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.load("digits", **arguments)
