"""Faces of three marks."""

import numpy as np
import pytest
import torch

from spatialbias import datasets
from spatialbias.datasets import faces


def whole(translation: int, n: int = 200):
    return faces.load(n, 10, translation).train


def test_shapes_and_classes():
    data = datasets.load("faces", n_train=30, n_test=20)
    assert (
        data.train.inputs[0].shape == (30, 1, 40, 40) and data.train.inputs[0].dtype == torch.uint8
    )
    assert len(data.test) == 20 and set(data.train.target.tolist()) == {0, 1}
    normal = data.normalise(whole(0, 500).inputs[0])
    assert abs(float(normal.mean())) < 0.1 and 0.4 < float(normal.std()) < 2


def test_the_middle_row_tells_the_class_and_the_others_do_not():
    """A template matched to each row of the untranslated faces."""
    batch = whole(0, 400)
    images = batch.inputs[0].float() - faces.GREY
    kernels = torch.tensor(
        [[[c == "x" for c in row] for row in m] for m in (faces.RING, faces.CROSS)]
    )
    kernels = kernels.float()[:, None]
    kernels = kernels - kernels.mean((2, 3), keepdim=True)
    agree = []
    for row in faces.ROWS:
        part = images[:, :, row - 4 : row + 5, 16:25]
        found = torch.nn.functional.conv2d(part, kernels).amax((2, 3)).argmax(1)
        agree.append(float((found == batch.target).float().mean()))
    assert agree[1] > 0.95 and all(0.4 < other < 0.6 for other in (agree[0], agree[2]))


def test_rows_lie_farther_apart_than_three_layers_see():
    gaps = np.diff(faces.ROWS)
    assert (gaps - 2 >= 6).all() and 1 + 3 * 2 == 7  # marks jitter by one pixel each


def test_a_translated_face_is_the_same_face_elsewhere():
    still, moved = whole(0, 40), whole(8, 40)
    assert torch.equal(still.target, moved.target)
    spread = []
    for batch in (still, moved):
        bright = (batch.inputs[0].float() - 140).clamp(min=0).sum((1, 2))  # (N, W)
        centre = (bright * torch.arange(40)).sum(1) / bright.sum(1).clamp(min=1)
        spread.append(float(centre.std()))
    assert spread[0] < 2 and spread[1] > 4


def test_image_i_is_the_same_however_many_are_asked_for():
    few, many = faces.load(3, 2, 4), faces.load(9, 5, 4)
    assert torch.equal(few.train.inputs[0], many.train.inputs[0][:3])
    assert torch.equal(few.test.inputs[0], many.test.inputs[0][:2])
    assert not torch.equal(few.train.inputs[0][:2], few.test.inputs[0])
    assert not torch.equal(faces.load(3, 2, 4, seed=1).train.inputs[0], few.train.inputs[0])


@pytest.mark.parametrize(
    "arguments", [{"translation": 9}, {"translation": -1}, {"n_train": 0}, {"seed": -1}]
)
def test_what_cannot_be_drawn_is_refused(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}="):
        datasets.load("faces", **arguments)
