import time

import numpy as np
import pytest
import torch

from spatialbias.datasets import circles
from spatialbias.datasets.circles import load


@pytest.fixture(scope="module")
def data():
    return load(n_train=200, n_test=60)


def test_shapes_types_and_names(data):
    (images,), labels = data.train.inputs, data.train.target
    assert images.shape == (200, 3, 128, 128) and images.dtype == torch.uint8
    assert labels.shape == (200, 128, 128) and labels.dtype == torch.long
    assert (
        len(data.test) == 60
        and len(data.classes) == 4
        and set(labels.unique().tolist()) == {0, 1, 2, 3}
    )


def test_normalising_is_the_source_s_division_by_255(data):
    images = data.train.inputs[0][:3]
    assert torch.equal(data.normalise(images), images.float() / 255)


def test_a_seed_fixes_the_images_and_a_prefix_is_a_prefix(data):
    fewer = load(n_train=30, n_test=5)
    assert torch.equal(fewer.train.inputs[0], data.train.inputs[0][:30])
    assert torch.equal(fewer.test.target, data.test.target[:5])
    assert not torch.equal(
        load(n_train=5, n_test=5, seed=1).train.inputs[0], data.train.inputs[0][:5]
    )
    assert not torch.equal(data.train.inputs[0][:60], data.test.inputs[0])


def test_chunks_do_not_show(monkeypatch):
    whole = load(n_train=20, n_test=1).train
    monkeypatch.setattr(circles, "CHUNK", 7)
    assert torch.equal(load(n_train=20, n_test=1).train.inputs[0], whole.inputs[0])


def test_labels_follow_colours(data):
    (images,), labels = data.train.inputs, data.train.target
    red, green, blue = images.unbind(1)
    yellow_disc, red_disc = (
        (red == 255) & (green == 255) & (blue == 0),
        (red == 255) & (green == 0) & (blue == 0),
    )
    background = ~(yellow_disc | red_disc)
    assert (images.amax(1)[background] <= 128).all(), "the noise has half the brightness at most"
    assert (labels[background] == 0).all()
    assert torch.isin(labels[yellow_disc], torch.tensor([1, 2])).all()
    assert torch.isin(labels[red_disc], torch.tensor([0, 3])).all()
    left, right = yellow_disc[..., :64], yellow_disc[..., 64:]  # no circle touches the midline
    assert (labels[..., :64][left] == 2).all() and (labels[..., 64:][right] == 1).all()


def test_released_rules_of_a_circle():
    uniform = np.random.default_rng(0).random((20000, 5))
    yellow, x, y, radius, label = (t.numpy() for t in circles.place(uniform, 128))
    assert (radius.min(), radius.max()) == (10, 26)
    assert (
        ((x + radius < 64) | (x - radius >= 64)).all()
        and (x - radius >= 0).all()
        and (x + radius <= 127).all()
    )
    assert (y - radius >= 0).all() and (y < 128).all() and (y + radius > 127).any()
    assert abs(yellow.mean() - 0.5) < 0.02 and abs((x > 64).mean() - 0.5) < 0.02 and y.mean() > 66
    expected = np.where(yellow == 1, np.where(x > 64, 1, 2), np.where(y > 64, 3, 0))
    assert (label == expected).all()


@pytest.mark.parametrize("radius", [10, 17, 26])
def test_discs_are_those_of_the_released_drawing_routine(radius):
    """Midpoint circles, filled row by row, as a raster library draws them with integers only."""
    expected = torch.zeros(128, 128, dtype=torch.bool)
    error, dx, dy, plus, minus = 0, radius, 0, 1, 2 * radius - 1
    while dx >= dy:
        for row, reach in ((dy, dx), (-dy, dx), (dx, dy), (-dx, dy)):
            expected[60 + row, 50 - reach : 50 + reach + 1] = True
        dy, error, plus = dy + 1, error + plus, plus + 2
        if error > 0:
            error, dx, minus = error - minus, dx - 1, minus - 2
    ours = circles.discs(torch.tensor([50]), torch.tensor([60]), torch.tensor([radius]), 128)[0]
    assert torch.equal(ours, expected)


def test_later_circles_cover_earlier_ones(monkeypatch):
    order = iter([(1, 40, 40, 20, 2), (0, 40, 50, 10, 0), (1, 44, 50, 4, 2)])
    monkeypatch.setattr(
        circles, "place", lambda u, size: tuple(torch.tensor([v]) for v in next(order))
    )
    (images,), labels = circles.generate(1, 128, np.random.default_rng(0))
    assert labels[0, 25, 40] == 2 and labels[0, 55, 36] == 0 and labels[0, 50, 44] == 2
    assert images[0, :, 55, 36].tolist() == [255, 0, 0] and images[0, :, 50, 44].tolist() == [
        255,
        255,
        0,
    ]


def perlin_by_pixel(vectors: np.ndarray, size: int) -> np.ndarray:
    """The textbook's loop: gradients at the four corners of a cell, blended by the quintic fade."""
    cell, noise = size // 4, np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            (a, v), (b, u) = divmod(i / cell, 1), divmod(j / cell, 1)
            fade = [t * t * t * (t * (t * 6 - 15) + 10) for t in (v, u)]
            for di in (0, 1):
                for dj in (0, 1):
                    weight = (fade[0] if di else 1 - fade[0]) * (fade[1] if dj else 1 - fade[1])
                    x, y = vectors[:, int(a) + di, int(b) + dj]
                    noise[i, j] += weight * (x * (u - dj) + y * (v - di))
    return noise


def test_the_noise_is_perlin_s():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (5, 5))
    vectors = np.stack((np.cos(angles), np.sin(angles)))
    ours = torch.from_numpy(vectors.reshape(-1)).float() @ circles.noise_basis(64)
    expected = torch.from_numpy(perlin_by_pixel(vectors, 64))
    torch.testing.assert_close(ours.view(64, 64).double(), expected, rtol=0, atol=1e-6)


def test_backgrounds_use_their_whole_range(data):
    background = data.train.inputs[0].amax(1) < 255
    for channel in range(3):
        values = data.train.inputs[0][:, channel].masked_fill(~background, 0)
        assert (values.flatten(1).amax(1) >= 64).all() and (values.flatten(1).amax(1) <= 128).all()


def test_tens_of_times_faster_than_a_loop_over_pixels():
    start = time.process_time()
    perlin_by_pixel(np.ones((2, 5, 5)), 128)
    loop = time.process_time() - start  # of one of an image's three fields
    start = time.process_time()
    load(n_train=50, n_test=1)
    assert 3 * loop > 20 * (time.process_time() - start) / 51


def test_other_sizes_scale_and_wrong_ones_raise():
    assert load(n_train=2, n_test=1, size=64).train.inputs[0].shape == (2, 3, 64, 64)
    with pytest.raises(ValueError, match="multiple of 4"):
        load(n_train=1, n_test=1, size=126)
