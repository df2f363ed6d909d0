"""CoordConv's three tasks solved by weights written down, not learnt: Piekniewski's criticism,
taken at its word.

Source: Piekniewski 2018, "Autopsy of a deep learning paper": what the networks are praised for can
be written down.
"""

import torch
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.models.coordconv import (
    coordconv_classifier,
    coordconv_regressor,
    coordconv_renderer,
)

SHARPNESS = 20.0  # logits a pixel: exp(-20) is as good as nothing


def by_hand(task: str = "classification", size: int = 64, square: int = 9) -> nn.Module:
    """The released network for "classification", "rendering" or "regression", with weights that
    solve it on any split.

    Centres are in whole pixels where they are given, and in fractions of the canvas where they are
    sought.
    """
    one_of(SOLUTIONS, task=task)
    with torch.no_grad():
        return SOLUTIONS[task](size, square)


def _classifier(size: int, square: int) -> nn.Module:
    """The logit of a pixel is minus its distance from the centre, |dx| + |dy|."""
    network = coordconv_classifier(size)
    offsets, *rest = convolutions(network)
    _write(offsets, *_offsets(size))
    for layer in rest[:-1]:
        _write(layer, torch.eye(4))  # what is not negative passes a ReLU
    _write(rest[-1], -SHARPNESS * torch.ones(1, 4))
    return network


def _renderer(size: int, square: int) -> nn.Module:
    """How far a pixel lies outside the square, by axis; the softmax spreads over the square alone;
    then a threshold.
    """
    network = coordconv_renderer(size)
    offsets, outside, keep, keep_too, last = convolutions(network.find)
    _write(offsets, *_offsets(size))
    by_axis = torch.tensor(
        [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    )  # |dx| = relu(dx) + relu(-dx)
    _write(outside, by_axis, torch.full((2,), -(square // 2.0)))
    _write(keep, torch.eye(2))
    _write(keep_too, torch.eye(2))
    _write(last, -SHARPNESS * torch.ones(1, 2))
    *copies, threshold = convolutions(network.paint)
    for layer in copies:
        _write(layer, torch.eye(1))
    _write(
        threshold, torch.tensor([[2 * SHARPNESS * square**2]]), torch.tensor([-SHARPNESS])
    )  # 1 / square² is inside
    return network


def _regressor(size: int, square: int) -> nn.Module:
    """No nonlinearity is needed but the maximum: the marked pixel is lifted above all others; its
    x, y are read.
    """
    network = coordconv_regressor()
    first, *copies, last = convolutions(network)
    _write(first, torch.eye(3))  # picture, x, y
    for layer in copies:
        _write(layer, torch.eye(3))
    half = (size - 1) / (
        2 * size
    )  # x in [-1, 1] becomes (1 + x) half, in [0, 1): a lift of 2 clears the range
    _write(last, torch.tensor([[2.0, half, 0.0], [2.0, 0.0, half]]), torch.full((2,), half - 2))
    return network


SOLUTIONS = {"classification": _classifier, "rendering": _renderer, "regression": _regressor}


def _offsets(size: int) -> tuple[Tensor, Tensor]:
    """Weights and biases of relu(dx), relu(-dx), relu(dy), relu(-dy), from a pixel's (centre x,
    centre y, x, y).
    """
    half = (size - 1) / 2  # a pixel's column is half (x + 1)
    difference = torch.tensor(
        [[1.0, 0.0, -half, 0.0], [0.0, 1.0, 0.0, -half]]
    )  # centre - pixel, less half
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])
    return difference.repeat_interleave(2, 0) * sign[:, None], -half * sign


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def _write(layer: nn.Conv2d, weight: Tensor, bias: Tensor | None = None) -> None:
    """Set the middle tap of a layer's first filters; everything else is zero."""
    layer.weight.zero_()
    layer.bias.zero_()
    middle = layer.kernel_size[0] // 2
    layer.weight[: weight.shape[0], : weight.shape[1], middle, middle] = weight
    if bias is not None:
        layer.bias[: len(bias)] = bias
