import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spatialbias.datasets import not_so_clevr
from spatialbias.datasets.not_so_clevr import load

COUNTS = {
    "uniform": (2368, 768),
    "quadrant": (2407, 729),
    "tutorial_uniform": (2352, 784),
    "tutorial_quadrant": (2352, 784),
    "text_uniform": (2508, 628),
}


def centres(batch):
    return {tuple(row) for row in batch.inputs[0].int().tolist()}


@pytest.mark.parametrize("split", not_so_clevr.SPLITS)
def test_the_published_splits_have_the_published_sizes_and_cover_every_position_once(split):
    data = load(split=split)
    assert (len(data.train), len(data.test)) == COUNTS[split]
    train, test = centres(data.train), centres(data.test)
    assert not train & test and train | test == {(x, y) for x in range(4, 60) for y in range(4, 60)}


def test_two_lines_equal_the_loop():
    """The paper's two lines (an identity matrix, padded, convolved with ones), a loop over pixels,
    and ours.
    """
    one_hot = np.pad(np.eye(3136).reshape(3136, 56, 56), ((0, 0), (4, 4), (4, 4)))
    squares = F.conv2d(
        torch.from_numpy(one_hot)[::97, None].float(), torch.ones(1, 1, 9, 9), padding=4
    )

    positions = not_so_clevr.positions(64, 64, 9, rows_first=True)[::97]
    loop = torch.zeros(len(positions), 1, 64, 64)
    for picture, (x, y) in zip(loop, positions.tolist()):
        for i in range(y - 4, y + 5):
            for j in range(x - 4, x + 5):
                picture[0, i, j] = 1
    assert torch.equal(squares, loop)
    assert torch.equal(not_so_clevr.draw(positions, 64, 64, 9), loop)


@pytest.mark.parametrize("split", ["uniform", "quadrant"])
def test_the_tasks_show_the_same_examples(split):
    classification, regression, rendering = (
        load(task, split, units="pixels") for task in not_so_clevr.TASKS
    )
    for part in ("train", "test"):
        (centre,), index = (
            getattr(classification, part).inputs,
            getattr(classification, part).target,
        )
        assert torch.equal(index, (centre[:, 1] * 64 + centre[:, 0]).long())
        (marked,), sought = getattr(regression, part).inputs, getattr(regression, part).target
        assert torch.equal(sought, centre) and torch.equal(marked.flatten(1).argmax(1), index)
        assert (marked.sum((1, 2, 3)) == 1).all()
        (given,), picture = getattr(rendering, part).inputs, getattr(rendering, part).target
        assert torch.equal(given, centre) and (picture.sum((1, 2, 3)) == 81).all()
        assert torch.equal(F.avg_pool2d(picture, 9, 1, 4).flatten(1).argmax(1), index)


def test_the_released_uniform_split_draws_once_an_example_in_the_released_order():
    random = np.random.RandomState(20202)
    expected = {(x, y) for x in range(4, 60) for y in range(4, 60) if random.random_sample() < 0.25}
    assert centres(load(split="uniform").test) == expected


def test_the_quadrants_begin_where_the_sources_put_them():
    assert centres(load(split="quadrant").test) == {
        (x, y) for x in range(33, 60) for y in range(33, 60)
    }
    assert centres(load(split="tutorial_quadrant").test) == {
        (x, y) for x in range(32, 60) for y in range(32, 60)
    }


@pytest.mark.parametrize("split", ["quadrant", "tutorial_quadrant"])
def test_replicates_turn_the_held_out_quadrant(split):
    corners = []
    for replicate in range(5):
        test = centres(load(split=split, replicate=replicate).test)
        assert len(test) == COUNTS[split][1]
        corners.append((max(x for x, _ in test) == 59, max(y for _, y in test) == 59))
    assert corners == [(True, True), (False, True), (False, False), (True, False), (True, True)]


@pytest.mark.parametrize("split", ["uniform", "tutorial_uniform", "text_uniform"])
def test_replicates_redraw_uniform_splits_reproducibly(split):
    first, again, other = (centres(load(split=split, replicate=r).test) for r in (1, 1, 2))
    assert first == again and first != other and first != centres(load(split=split).test)


def test_the_text_s_split_is_scikit_learn_s():
    from sklearn.model_selection import train_test_split

    positions = not_so_clevr.positions(64, 64, 9)
    _, test = train_test_split(positions.numpy(), test_size=0.2, random_state=0)
    assert centres(load(split="text_uniform").test) == {tuple(row) for row in test.tolist()}


def test_the_task_that_needs_no_place_has_both_squares_at_every_place():
    data = load("size", "quadrant", size=32)
    place = load(split="quadrant", size=32)
    assert len(data.test) == 2 * len(place.test) and len(data.train) == 2 * len(place.train)
    areas = data.test.inputs[0].sum((1, 2, 3))
    assert areas[data.test.target == 0].eq(81).all() and areas[data.test.target == 1].eq(25).all()
    columns, rows = torch.arange(32.0), torch.arange(32.0)[:, None]
    for part, there in ((data.train, place.train), (data.test, place.test)):
        for kind in (0, 1):
            x = part.inputs[0][part.target == kind]
            weights = x / x.sum((2, 3), keepdim=True)
            middles = torch.cat([(weights * axis).sum((2, 3)) for axis in (columns, rows)], 1)
            torch.testing.assert_close(middles, there.inputs[0])


def test_units_and_brightness():
    fraction = load("regression").test.target
    assert fraction.min() == 4 / 64 and fraction.max() == 59 / 64
    centred = load("classification", units="centred").train.inputs[0]
    assert torch.isclose(centred.max(), torch.tensor(2 * 59 / 63 - 1)) and torch.isclose(
        centred.min(), -centred.max()
    )
    assert load("regression", peak=1000.0).test.inputs[0].max() == 1000
    assert torch.isclose(
        load("rendering", peak=128 / 255).test.target.max(), torch.tensor(0.502), atol=1e-3
    )


def test_small_and_oblong_canvases():
    small = load(split="quadrant", size=32)
    assert (len(small.train), len(small.test)) == (455, 121)
    oblong = load("rendering", "quadrant", size=32, width=48)
    assert oblong.train.target.shape[1:] == (1, 32, 48)
    assert centres(oblong.test) == {(x, y) for x in range(25, 44) for y in range(17, 28)}
    assert load(size=32, width=48).train.target.max() < 32 * 48


@pytest.mark.parametrize(
    "arguments",
    [
        {"task": "painting"},
        {"split": "half"},
        {"units": "inches"},
        {"square": 8},
        {"square": 65},
        {"size": 8},
    ],
)
def test_what_makes_no_sense_raises(arguments):
    with pytest.raises(ValueError, match="must be"):
        load(**arguments)
