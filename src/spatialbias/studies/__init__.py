"""Studies: grids of trials, each of which answers one question, with their profiles. One file a
work.

`study("coordinet.few_samples").plan("quick", n_train=390).sweep()` trains what is missing and
returns `Results`.
"""

from importlib import import_module
from importlib.util import find_spec

from spatialbias.studies.study import Parameters, Plan, Repeats, Results, Study

__all__ = ["WORKS", "Parameters", "Plan", "Repeats", "Results", "Study", "names", "study"]

WORKS = ("coordinet", "coordconv", "coordbias", "lrlc")  # in the book's order, for claims too


def names() -> list[str]:
    """All studies, in reading order."""
    return [name for work in WORKS for name in _studies(work)]


def study(name: str) -> Study:
    """A study by name, "work.study". Raises ValueError with the names that exist."""
    work = name.partition(".")[0]
    there = _studies(work) if work in WORKS else {}
    if name not in there:
        raise ValueError(f"unknown study {name!r}; there are: {', '.join(names())}")
    return there[name]


def _studies(work: str) -> dict[str, Study]:
    module = f"{__name__}.{work}"
    return {s.name: s for s in import_module(module).STUDIES} if find_spec(module) else {}
