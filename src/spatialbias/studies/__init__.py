"""Studies: grids of trials, each of which answers one question, with their profiles. One file a work.

`study("coordinet.few_samples").plan("quick", n_train=390).sweep()` trains what is missing and returns `Results`.
"""

from importlib import import_module

from spatialbias.studies.study import Parameters, Plan, Repeats, Results, Study

__all__ = ["Parameters", "Plan", "Repeats", "Results", "Study", "names", "study"]

WORKS = ("coordinet", "coordconv", "coordbias")


def names() -> list[str]:
    """All studies, in reading order."""
    return [name for work in WORKS for name in _studies(work)]


def study(name: str) -> Study:
    """A study by name, "work.study". Raises ValueError with the names that exist."""
    work = name.partition(".")[0]
    if work not in WORKS or name not in _studies(work):
        raise ValueError(f"unknown study {name!r}; there are: {', '.join(names())}")
    return _studies(work)[name]


def _studies(work: str) -> dict[str, Study]:
    module = import_module(f"spatialbias.studies.{work}")
    return {s.name: s for s in module.STUDIES}
