"""The arguments of models and data sets: their names, their defaults and so their types, read from
the source where a module is not imported yet, so that they can be checked without torch.
"""

import ast
import inspect
import sys
from functools import cache
from pathlib import Path

from spatialbias import components


def of_model(name: str) -> dict:
    """The parameters of a model and their defaults; ValueError for an unknown name."""
    components.known(
        components.MODELS, name if isinstance(name, str) else repr(name), "model"
    )  # a list has no hash
    return _defaults("models", components.MODELS[name][1], name)


def of_dataset(name: str) -> dict:
    """The parameters of a data set and their defaults; ValueError for an unknown name."""
    components.known(components.DATASETS, name, "data set")
    return _defaults("datasets", components.DATASETS[name][1], "load")


def check_model(name: str, given: dict) -> None:
    """Raise ValueError, naming what is allowed, unless the model has such parameters, of their
    defaults' types, and numbers are positive.
    """
    _check(f"model {name!r}", of_model(name), given)
    for key, value in given.items():
        if type(value) in (int, float) and not 0 < value < 1e9:
            raise ValueError(
                f"model {name!r}, parameter {key}={value!r}: a positive number is expected"
            )


def check_dataset(name: str, given: dict) -> None:
    """Raise ValueError, naming what is allowed, unless the data set has such parameters, of their
    defaults' types.
    """
    _check(f"data set {name!r}", of_dataset(name), given)


def _check(what: str, defaults: dict, given: dict) -> None:
    for key, value in given.items():
        if key not in defaults:
            raise ValueError(f"{what} has no parameter {key!r}; it has: {', '.join(defaults)}")
        wanted = type(defaults[key])
        if type(value) is not wanted and (wanted, type(value)) != (float, int):
            raise ValueError(f"{what}, parameter {key}={value!r}: a {wanted.__name__} is expected")


def _defaults(room: str, module: str, name: str) -> dict:
    """Of a class or a function of the module."""
    there = sys.modules.get(f"spatialbias.{room}.{module}")
    if there is None:
        return _written(room, module, name)
    parameters = inspect.signature(getattr(there, name)).parameters.items()
    return {key: p.default for key, p in parameters if p.default is not p.empty}


@cache
def _written(room: str, module: str, name: str) -> dict:
    tree = ast.parse((Path(__file__).parent / room / f"{module}.py").read_text("utf-8"))
    found = next(node for node in tree.body if getattr(node, "name", "") == name)
    if isinstance(found, ast.ClassDef):
        found = next(node for node in found.body if getattr(node, "name", "") == "__init__")
    every = found.args.args[-len(found.args.defaults) :] if found.args.defaults else []
    return {
        argument.arg: ast.literal_eval(default)
        for argument, default in zip(every, found.args.defaults, strict=True)
    }
