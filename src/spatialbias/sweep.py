"""Many trials through an executor: what the store has is not computed again; what is finished is
never lost.

Any `concurrent.futures` executor will do. The default is one process a core, each with one thread:
two processes beat one with two threads. A pool that loses a worker is replaced, and only the trials
in flight start again.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path

from spatialbias import components
from spatialbias.records import lacking, on_record, wanting
from spatialbias.store import Store
from spatialbias.trials import Trial

QUOTA = Path("/sys/fs/cgroup/cpu.max")
RESTARTS = 3  # of the pool, without a finished trial in between, before we give up
PATIENCE = 2.0  # seconds between looks at a trial that another sweep is working on


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
) -> dict[str, dict]:
    """Return the records of the trials by key, after training and measuring what is missing, in the
    order given.

    missing="show" trains nothing: absent trials are absent from the answer. Ctrl-C stops cleanly:
    finished trials are kept.
    """
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
    here = (
        executor is None and workers is None and asked_workers() == 0
    )  # a worker's start costs more than a tiny trial
    workers = (
        workers or asked_workers() or (min(len(todo), cores()) if executor is None else len(todo))
    )
    _execute(
        todo,
        measures,
        store,
        1 if here else workers,
        Here() if here else executor,
        progress,
        precision,
    )
    return on_record(trials, measures, store)


def _execute(todo, measures, store, workers, executor, progress, precision) -> None:
    from tqdm.auto import tqdm

    bar = tqdm(
        total=len(todo), unit="trial", disable=not progress, smoothing=0.1, dynamic_ncols=True
    )
    own = executor is None
    places = (str(store.folder), store.shipped and str(store.shipped), store.pending)
    executor = executor or _pool(workers)
    failures, waiting, flying = 0, list(reversed(todo)), {}
    try:
        while waiting or flying:
            try:
                while waiting and len(flying) < 2 * workers:
                    future = executor.submit(
                        work, waiting[-1].model_dump(), measures, *places, precision
                    )
                    flying[future] = waiting.pop()
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    key, trial = future.result(), flying.pop(future)
                    if (
                        key is None
                    ):  # another sweep is at it: look again later, at the end of the line
                        waiting.insert(0, trial)
                        if len(waiting) + len(flying) <= 2 * workers:
                            time.sleep(PATIENCE)
                        continue
                    failures = 0
                    bar.update()
            except BrokenProcessPool:  # all that flew starts again
                waiting += reversed(flying.values())
                flying.clear()
                failures += 1
                if not own or failures > RESTARTS:
                    raise RuntimeError(
                        f"the workers died {failures} times in a row (out of memory?); what was finished is kept"
                    ) from None
                executor.shutdown(wait=False)
                executor = _pool(workers)
    finally:
        bar.close()
        for future in flying:  # a caller's executor would go on with what is queued
            future.cancel()
        if own:
            stop(executor)


def cores() -> int:
    """How many processors this process may use, by its affinity and its control group's quota."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        allowed = os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # there is none
        return allowed


def asked_workers() -> int | None:
    """What SPATIALBIAS_WORKERS says: so many processes, 0 for none besides this one; None if it
    says nothing.
    """
    text = os.environ.get("SPATIALBIAS_WORKERS", "").strip()
    if text and not text.isdecimal():
        raise ValueError(
            f"SPATIALBIAS_WORKERS={text!r}: a number of processes is expected, 0 for none besides this one"
        )
    return int(text) if text else None


class Here(Executor):
    """Runs everything at once, in this process and thread."""

    def __init__(self) -> None:
        keep_memory()

    def submit(self, function, /, *args, **kwargs) -> Future:
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except (
            Exception
        ) as error:  # as any executor: the caller hears of it when it asks for the result
            future.set_exception(error)
        return future


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_start_worker
    )


def stop(executor: Executor) -> None:
    """Stop a pool's processes at once."""
    processes = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)


def _start_worker() -> None:
    """One thread each; Ctrl-C is the parent's business; and no worker outlives its parent, however
    that ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    keep_memory()
    end_with_parent()


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def keep_memory() -> None:
    """Ask the C library (glibc; elsewhere nothing happens) to keep freed blocks rather than hand
    them back to the system.

    A training step frees and takes the same few megabytes a thousand times; page faults cost
    Coordinet a quarter of its speed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(
        -3, 1 << 25
    )  # M_MMAP_THRESHOLD: larger blocks (data sets, not activations) still go back
    mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD


@cache
def _store(folder: str, shipped: str | None, pending: bool) -> Store:
    """One store a worker: it reads the shipped records once."""
    return Store(folder, shipped, pending=pending)


def work(
    trial: dict,
    measures: tuple[str, ...],
    folder: str,
    shipped: str | None,
    pending: bool,
    precision: str | None = None,
) -> str | None:
    """Run one trial, or only the measures that its record lacks, and store it. Returns its key;
    None if another is at it.
    """
    import torch

    from spatialbias.run import measure, run, suited
    from spatialbias.training import detect

    torch.set_num_threads(1)  # the order of sums, and so the bits, depend on it
    trial, store = Trial(**trial), _store(folder, shipped, pending)
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
