"""Data sets as tensors in memory: `load("cifar10")` returns a `Data` with training and test batches."""

from functools import lru_cache
from importlib import import_module

from spatialbias import components
from spatialbias.datasets.batch import Batch, Data

__all__ = ["Batch", "Data", "load", "names"]


def names() -> list[str]:
    return list(components.DATASETS)


def load(name: str, **kwargs) -> Data:
    """Load a data set by name; keyword arguments are its own. Raises ValueError for an unknown name or argument."""
    components.known(components.DATASETS, name, "data set")
    return _load(name, tuple(sorted(kwargs.items())))


@lru_cache(maxsize=4)  # a worker meets few data sets, one after another
def _load(name: str, arguments: tuple) -> Data:
    module = import_module(f"spatialbias.datasets.{components.DATASETS[name][1]}")
    loader = getattr(module, name, None) or module.load
    try:
        return loader(**dict(arguments))
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise ValueError(f"data set {name!r}: {error}") from None
