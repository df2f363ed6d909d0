"""Paired timing: what is compared alternates within one run, in processor time, so that whatever
else the machine does hardly matters, and hits both sides alike where it does.
"""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from spatialbias.training import Execution
from spatialbias.workers import Pool, stop

CORES = min(
    2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
)


@dataclass(frozen=True)
class Row:
    """One line of the table. `value` is what is judged: the median over `n` rounds, which lay
    between `low` and `high`.

    `shown` formats it; `ours` and `other` say in words what was compared. `target` is None where
    none is set for this instruction set; the value must be at least, or (`at_most`) at most, the
    target.
    """

    part: str
    name: str
    ours: str
    other: str
    value: float
    low: float
    high: float
    n: int
    shown: str = "{:.2f}x"
    target: float | None = None
    at_most: bool = False

    @property
    def reached(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    def plain(self) -> dict:
        return asdict(self) | {"reached": self.reached}


def row(part: str, name: str, ours: str, other: str, values: list[float], **options) -> Row:
    """A line judged by the median of its rounds."""
    median, low, high = statistics.median(values), min(values), max(values)
    return Row(part, name, ours, other, median, low, high, len(values), **options)


def seconds(
    function: Callable, *arguments, clock: Callable[[], float] = time.process_time
) -> float:
    """What a call takes of the processor, all threads added up; by another clock if one is
    given.
    """
    start = clock()
    function(*arguments)
    return clock() - start


def alternate(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each function in each round, after one round that does not count; every other
    round runs backwards.
    """
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for k in range(-1, rounds):
        for name in list(functions) if k % 2 else reversed(functions):
            elapsed = seconds(functions[name])
            if k >= 0:
                taken[name].append(elapsed)
    return taken


def ratios(over: list[float], under: list[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(over, under, strict=True)]


@contextmanager
def workers(count: int):
    """The processes of a sweep, one thread each."""
    pool = Pool(count)
    try:
        yield pool
    finally:
        stop(pool)


@contextmanager
def without_gpu():
    """Processors are what is compared, by the workers that are started too."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        yield
    finally:
        os.environ.pop("CUDA_VISIBLE_DEVICES")
        os.environ.update({} if before is None else {"CUDA_VISIBLE_DEVICES": before})


def threads(count: int):
    """Compute with so many threads, and afterwards with as many as before."""
    return Execution(threads=count).arithmetic()
