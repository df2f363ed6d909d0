"""Data sets as tensors in memory: `load("cifar10")` returns a `Data` with training and test
batches.
"""

import inspect
from functools import lru_cache
from importlib import import_module

from spatialbias import components
from spatialbias.datasets.batch import Batch, Data

__all__ = ["Batch", "Data", "load"]


def check(name: str, arguments: dict) -> None:
    """Raise ValueError, naming what is allowed, unless `load(name, **arguments)` would accept the
    arguments.
    """
    allowed = inspect.signature(_loader(name)).parameters
    components.check_arguments(f"data set {name!r}", allowed, arguments)
    try:
        _module(name).check(
            **{key: parameter.default for key, parameter in allowed.items()} | arguments
        )
    except ValueError as error:
        raise ValueError(f"data set {name!r}, {error}") from None


def load(name: str, **kwargs) -> Data:
    """Load a data set by name; keyword arguments are its own. Raises ValueError for an unknown name
    or argument.

    The tensors are kept for the next call with the same arguments: copy before you write into them.
    """
    check(components.known(components.DATASETS, name, "data set"), kwargs)
    return _load(name, tuple(sorted(kwargs.items())))


@lru_cache(
    maxsize=1
)  # trials on one data set follow one another; a second copy would cost a worker 190 MB
def _load(name: str, arguments: tuple) -> Data:
    return _loader(name)(**dict(arguments))


def _loader(name: str):
    module = _module(name)
    return getattr(module, name, None) or module.load


def _module(name: str):
    return import_module(f"spatialbias.datasets.{components.DATASETS[name][1]}")
