"""Many trials through an executor: what the store has is not computed again; what is finished is
never lost.

Any `concurrent.futures` executor will do. The default is one process a core, each with one thread:
two processes beat one with two threads. A pool that loses a worker is replaced, and only the trials
in flight start again. Short trials go out several at once; each is stored as it is finished.
"""

import time
import warnings
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import Any

from spatialbias import components
from spatialbias.records import lacking, on_record, wanting
from spatialbias.store import Store
from spatialbias.trials import Trial
from spatialbias.workers import (
    GUARD,
    Here,
    Pool,
    alone,
    asked_workers,
    cores,
    no_worker_s_start,
    stop,
)

RESTARTS = 3  # of the pool, without a finished trial in between, before we give up
PATIENCE = 2.0  # seconds between looks at a trial that another sweep is working on
BATCH = 2.0  # seconds of work that go out at once
LARGEST = 200  # trials that do
ELASTIC = 32  # batches that a cluster gets at least: it grows by what is waiting
LOOK = 5.0  # seconds between looks at a cluster


def sweep(
    trials: Iterable[Trial],
    measures: tuple[str, ...] = ("accuracy",),
    store: Store | None = None,
    *,
    missing: str = "train",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
    precision: str | None = None,
) -> dict[str, dict[str, Any]]:
    """Train and measure what is missing of some trials, and return their records by key. Ctrl-C
    stops cleanly: finished trials are kept.

    Args:
        trials: in the order in which they are trained.
        measures: what every record is to have, by name.
        store: where records lie; by default the shipped ones, and those made on this machine.
        missing: "train", or "show", which trains nothing: absent trials are absent from the answer.
        workers: processes of one thread each; by default SPATIALBIAS_WORKERS, or one a core.
        executor: any `concurrent.futures` executor in place of local processes.
        progress: show a bar.
        precision: "fp32" or "bf16"; by default bf16 where the hardware has it and is faster.

    Raises:
        ValueError: for a trial that cannot be trained, or a measure that does not exist.
    """
    if missing != "show" and executor is None:
        no_worker_s_start()
    store, trials = store or Store(pending=missing != "show"), list(trials)
    components.one_of(("train", "show"), missing=missing)
    if workers is not None and (type(workers) is not int or workers < 1):
        raise ValueError(f"workers={workers!r}: it must be a whole number from 1")
    for name in measures:
        components.known(components.MEASURES, name, "measure")
    records = on_record(trials, measures, store)
    if missing == "show" or not (todo := wanting(trials, measures, store, precision)):
        return records
    from spatialbias.run import check

    for trial in todo:
        check(trial)
    places = (str(store.folder), store.shipped and str(store.shipped), store.pending)
    _Sweep(todo, (measures, *places, precision), workers, executor, progress).go()
    return on_record(trials, measures, store)


class _Sweep:
    """Trials on their way: waiting, or flying in batches that are worth some seconds."""

    def __init__(self, todo, arguments, workers, executor, progress) -> None:
        self.waiting: list[Trial] = list(reversed(todo))
        self.flying: dict[Future, list[Trial]] = {}
        self.arguments, self.progress, self.total = arguments, progress, len(todo)
        self.pace: float | None = None  # seconds a trial, of late
        self.own = False
        self.asked = workers
        if executor is None and alone():
            warnings.warn("this process may have no workers: it trains alone", stacklevel=4)
            executor = Here()
        elif executor is None and workers is None and asked_workers() == 0:
            executor = Here()  # a worker's start costs more than a tiny trial
        elif executor is None:
            self.own = True
            self.asked = workers or asked_workers() or min(len(todo), cores())
            executor = Pool(self.asked)
        self.executor = executor
        self.looked = -LOOK

    def go(self) -> None:
        from tqdm import tqdm  # as text: what executes a notebook shows no widget while it runs

        failures = 0
        bar = tqdm(
            total=self.total,
            unit="trial",
            disable=not self.progress,
            smoothing=0.1,
            dynamic_ncols=True,
        )
        try:
            while self.waiting or self.flying:
                try:
                    self._send()
                    finished = self._receive()
                    bar.update(finished)
                    failures = 0 if finished else failures
                except BrokenProcessPool:
                    failures += 1
                    self._replace(failures)
        finally:
            bar.close()
            for future in self.flying:  # a caller's executor would go on with what is queued
                future.cancel()
            if self.own:
                stop(self.executor)

    def _send(self) -> None:
        """Fill the executor's queue, which is short: the memory of a sweep does not grow with its
        trials.
        """
        while self.waiting and len(self.flying) < self._queue():
            size = 1 if not self.pace else int(BATCH / self.pace)
            share = len(self.waiting) // self._queue()  # at the end nobody waits for one
            size = max(1, min(size, share, LARGEST))
            batch = self.waiting[-size:][::-1]
            future = self.executor.submit(
                work, [trial.model_dump() for trial in batch], *self.arguments
            )
            del self.waiting[-size:]
            self.flying[future] = batch

    def _receive(self) -> int:
        """Wait for a batch; return how many trials are done."""
        done = wait(self.flying, timeout=LOOK, return_when=FIRST_COMPLETED).done
        if not done and self._lost():
            raise self._gone("it no longer answers")
        finished = 0
        for future in done:
            try:
                keys, seconds = future.result()
            except (CancelledError, ConnectionError) as error:
                raise self._gone(type(error).__name__) from None
            batch = self.flying.pop(future)
            again = [trial for trial, key in zip(batch, keys) if key is None]
            finished += len(batch) - len(again)
            if again:  # another sweep is at them: look again later, at the end of the line
                self.waiting[:0] = again
                if len(self.waiting) + len(self.flying) <= self._queue():
                    time.sleep(PATIENCE)
            else:
                pace = seconds / len(batch)
                self.pace = pace if self.pace is None else (self.pace + pace) / 2
        return finished

    def _queue(self) -> int:
        """How many batches are in flight at once."""
        client = getattr(self.executor, "_client", None)  # Dask's
        if self.asked or client is None:
            return 2 * (self.asked or getattr(self.executor, "_max_workers", cores()))
        if time.monotonic() - self.looked > LOOK:  # its workers come and go
            self.looked = time.monotonic()
            try:
                self.threads = sum(client.nthreads().values())
            except Exception as error:  # whatever a connection that broke raises
                raise self._gone(type(error).__name__) from None
        return max(2 * self.threads, ELASTIC)

    def _lost(self) -> bool:
        client = getattr(self.executor, "_client", None)
        return client is not None and client.status in ("connecting", "closing", "closed")

    @staticmethod
    def _gone(why: str) -> RuntimeError:
        return RuntimeError(
            f"the cluster is gone ({why}); what was finished is kept, and the same sweep goes on "
            "from there"
        )

    def _replace(self, failures: int) -> None:
        """A new pool for one that broke; all that flew starts again."""
        for batch in reversed(self.flying.values()):
            self.waiting += reversed(batch)
        self.flying.clear()
        if self.own and not self.executor.started.is_set():
            raise RuntimeError(
                f"no worker process could start (what they say stands above): {GUARD}"
            ) from None
        if not self.own or failures > RESTARTS:
            raise RuntimeError(
                f"the workers died {failures} times in a row (out of memory?); what was finished "
                "is kept"
            ) from None
        self.executor.shutdown(wait=False)
        self.executor = Pool(self.asked)


@cache
def _store(folder: str, shipped: str | None, pending: bool) -> Store:
    """One store a worker: it reads the shipped records once."""
    return Store(folder, shipped, pending=pending)


def work(
    batch: list[dict],
    measures: tuple[str, ...],
    folder: str,
    shipped: str | None,
    pending: bool,
    precision: str | None = None,
) -> tuple[list[str | None], float]:
    """Run some trials, or only the measures that their records lack, and store each. Returns their
    keys, None for one that another is at, and the seconds that it took.
    """
    started, store = time.perf_counter(), _store(folder, shipped, pending)
    keys = [_work(Trial(**trial), measures, store, precision) for trial in batch]
    return keys, time.perf_counter() - started


def _work(trial: Trial, measures: tuple[str, ...], store: Store, precision) -> str | None:
    import torch

    from spatialbias.run import measure, run, suited
    from spatialbias.training import detect

    torch.set_num_threads(1)  # the order of sums, and so the bits, depend on it
    execution = suited(trial, detect(precision))
    with store.claim(trial.key) as mine:
        if not mine:
            return None
        record = store.get(trial.key, execution.numerics())
        if not lacking(record, measures):
            return trial.key
        if record and (states := store.states(trial.key, execution.numerics())):
            measure(record, states, tuple(m for m in measures if lacking(record, (m,))), execution)
            store.put(record)
        else:
            wanted = tuple(dict.fromkeys((*measures, *(record["measured"] if record else ()))))
            record, states = run(
                trial, execution, tuple(m for m in wanted if m in components.MEASURES)
            )
            store.put(record, states if record["stop"]["reason"] != "solved" else None)
    return trial.key
