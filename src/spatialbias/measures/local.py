"""Measures of networks whose filters differ from place to place: do they use it, and where?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from spatialbias.layers.lrlc import LRLC2d
from spatialbias.measures.subject import Subject


def low_rank(subject: Subject) -> list[LRLC2d]:
    return [layer for layer in subject.model.modules() if isinstance(layer, LRLC2d)]


@contextmanager
def reweighted(layers: list[LRLC2d], change):
    """Within, the layers' combining weights (..., R, H', W') are changed; those of each at will."""
    for layer in layers:
        layer.combining_weights = lambda x=None, own=layer.combining_weights: change(own(x))
    try:
        yield
    finally:
        for layer in layers:
            del layer.combining_weights


def shuffled(weights: Tensor) -> Tensor:
    """The weights of every position at another one, by one permutation."""
    places = weights.shape[-2] * weights.shape[-1]
    order = torch.randperm(places, generator=torch.Generator().manual_seed(0))
    return weights.flatten(-2)[..., order.to(weights.device)].view_as(weights)


def averaged(weights: Tensor) -> Tensor:
    """The mean over positions, everywhere."""
    return weights.mean((-2, -1), keepdim=True).expand_as(weights)


def shuffled_weights(subject: Subject) -> Iterator[dict]:
    """Accuracy on the fold with the combining weights as they are ("own"), exchanged among the
    positions, and averaged over them. Nothing for networks that have none.
    """
    if not (layers := low_rank(subject)):
        return
    batch = subject.prepare(subject.fold())
    for part, change in (
        ("own", lambda weights: weights),
        ("shuffled", shuffled),
        ("averaged", averaged),
    ):
        with reweighted(layers, change):
            yield {"part": part, "x": None, "value": subject.accuracy(batch), "n": len(batch)}


@torch.no_grad()
def combining_weights(subject: Subject) -> Iterator[dict]:
    """The combining weights of the first layer that has such, one row a bank (the part) and
    position (x: its index), where they are fixed. Nothing for other networks.
    """
    for layer in low_rank(subject)[:1]:
        if layer.look is None:
            for bank, weights in enumerate(layer.combining_weights().flatten(1).tolist()):
                for place, value in enumerate(weights):
                    yield {"part": str(bank), "x": float(place), "value": value, "n": 1}


TABLE = {
    "shuffled_weights": (shuffled_weights, False),
    "combining_weights": (combining_weights, False),
}
