"""Whole networks by name: `build("coordinet", width=200)` returns an `nn.Module`, called as
`model(*inputs)`.
"""

import inspect
from functools import cache
from importlib import import_module

import torch
from torch import nn

from spatialbias import components

LARGEST = 500_000_000  # parameters: with gradients and Adam's state 8 GB


def names() -> list[str]:
    return list(components.MODELS)


def constructor(name: str):
    """The class or function that builds a model; ValueError for an unknown name."""
    components.known(
        components.MODELS, name if isinstance(name, str) else repr(name), "model"
    )  # a list has no hash
    return getattr(import_module(f"spatialbias.models.{components.MODELS[name][1]}"), name)


def check(name: str, arguments: dict) -> None:
    """Raise ValueError, naming what is allowed, unless `build(name, **arguments)` would accept the
    names and types.
    """
    components.check_arguments(
        f"model {name!r}", inspect.signature(constructor(name)).parameters, arguments
    )
    for key, value in arguments.items():
        if type(value) in (int, float) and not 0 < value < 1e9:
            raise ValueError(
                f"model {name!r}, parameter {key}={value!r}: a positive number is expected"
            )


@cache
def try_out(name: str, arguments: tuple) -> None:
    """Raise ValueError unless the model can be built with these (name, value) pairs. Takes no
    memory, and leaves torch's generator as it was.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            count = sum(p.numel() for p in constructor(name)(**dict(arguments)).parameters())
        if count > LARGEST:
            raise ValueError(
                f"model {name!r} would have {count:,} parameters with {dict(arguments)}; at most {LARGEST:,} are expected"
            )
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"model {name!r} cannot be built with {dict(arguments)}: {error}"
        ) from None


def build(name: str, **kwargs) -> nn.Module:
    """Build a network; its parameters are initialised from torch's global generator."""
    check(name, kwargs)
    return constructor(name)(**kwargs)


def argument(name: str, arguments: dict, key: str):
    """The value that a model's argument has: the one given, or its default; None if there is no
    such argument.
    """
    allowed = inspect.signature(constructor(name)).parameters
    return arguments.get(key, allowed[key].default) if key in allowed else None
