"""Data sets as tensors in memory: `load("cifar10")` returns a `Data` with training and test
batches.
"""

from functools import lru_cache
from importlib import import_module
from typing import Any

from spatialbias import arguments, components
from spatialbias.datasets.batch import Batch, Data, usual_defaults

__all__ = ["Batch", "Data", "load"]


def check(name: str, given: dict) -> None:
    """Raise ValueError, naming what is allowed, unless `load(name, **given)` would accept the
    arguments.
    """
    arguments.check_dataset(name, given)
    try:
        _module(name).check(**arguments.of_dataset(name) | given)
    except ValueError as error:
        raise ValueError(f"data set {name!r}, {error}") from None


def load(name: str, **kwargs: Any) -> Data:
    """Load a data set by name, as a `Data` of tensors in memory; keyword arguments are its own.

    The tensors are kept for the next call with the same arguments: copy before you write into them.

    Raises:
        ValueError: for an unknown name or argument.
        DataMissing: for images that can neither be found nor downloaded.
    """
    check(name, kwargs)
    return _load(name, tuple(sorted(kwargs.items())))


@lru_cache(
    maxsize=1
)  # trials on one data set follow one another; a second copy would cost a worker 190 MB
@usual_defaults()
def _load(name: str, given: tuple) -> Data:
    module = _module(name)
    if components.DATASETS[name][1] == name:
        return module.load(**dict(given))
    return module.load(name, **dict(given))  # of several sets


def _module(name: str):
    return import_module(f"spatialbias.datasets.{components.DATASETS[name][1]}")
