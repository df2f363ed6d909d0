"""Whole networks by name: `build("coordinet", width=200)` returns an `nn.Module`, called as
`model(*inputs)`.

What a network may offer beyond that, and the engine and the measures ask for:

- `solve(inputs, target)`: it is solved once instead of trained; its buffers take the data's size.
- `draws = True`: it draws from torch's generator, even when it answers.
- `unpenalised()`: the weights that weight decay leaves alone, besides biases and norms.
- `evaluation_batch`: how many examples it answers at once without leaving the cache.
- `statistics = "batch"`: its batch norm takes statistics from what it is shown, one example at a time.
- `accepts_pixels = True`: `model(images or sets of pixels, coordinates, weights, context,
  modulations)`, with `grid`, `sizes`, `modulation` and `coordinates`, as `coordinet` has them.
- `pool = "max"` and `layers`: the map whose maximum is the answer.
"""

import threading
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import nn

from spatialbias import arguments, components

LARGEST = 500_000_000  # parameters: with gradients and Adam's state 8 GB
ALONE = threading.RLock()  # torch's global generator is one for all threads: who seeds it or hands it back as it was holds this


def names() -> list[str]:
    """The networks that `build` knows."""
    return list(components.MODELS)


def constructor(name: str):
    """The class or function that builds a model; ValueError for an unknown name."""
    arguments.of_model(name)
    return getattr(import_module(f"spatialbias.models.{components.MODELS[name][1]}"), name)


@cache
def try_out(name: str, given: tuple) -> None:
    """Raise ValueError unless the model can be built with these (name, value) pairs. Takes no
    memory, and leaves torch's generator as it was.
    """
    try:
        with ALONE, torch.random.fork_rng(devices=[]), torch.device("meta"):
            count = sum(p.numel() for p in constructor(name)(**dict(given)).parameters())
        if count > LARGEST:
            raise ValueError(
                f"model {name!r} would have {count:,} parameters with {dict(given)}; at most {LARGEST:,} are expected"
            )
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"model {name!r} cannot be built with {dict(given)}: {error}") from None


def build(name: str, **kwargs: Any) -> nn.Module:
    """Build a network by name; its parameters are drawn from torch's global generator.

    Args:
        name: one of `names()`, for example "coordinet".
        kwargs: the network's own arguments, such as `width=200`.

    Raises:
        ValueError: for an unknown name or argument, or a value that is not allowed, with what is.
    """
    arguments.check_model(name, kwargs)
    return constructor(name)(**kwargs)


def seeded(seed: int, name: str, given: dict) -> nn.Module:
    """Build a network whose parameters are drawn from this seed."""
    with ALONE:
        torch.manual_seed(seed)
        return build(name, **given)
