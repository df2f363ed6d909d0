"""Processes that work on trials: how many there may be, how they start, and that they end."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
GUARD = (
    'a script that calls sweep does so under `if __name__ == "__main__":`, in a file; '
    "SPATIALBIAS_WORKERS=0 uses no process besides its own"
)


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


def alone() -> bool:
    """Whether this process may have no children: it is a worker of somebody else's pool."""
    return multiprocessing.current_process().daemon


def no_worker_s_start() -> None:
    """Raise SystemExit in a worker that is about to start and runs the program again, which has no
    main guard: whoever started it says so.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(1)


class Here(Executor):
    """Runs everything at once, in this process and thread."""

    _max_workers = 1

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


class Pool(ProcessPoolExecutor):
    """Processes with one thread each. `started` tells whether one of them ever got so far.

    Raises RuntimeError where they cannot start, as the program that they would have to run again
    came from standard input.
    """

    def __init__(self, workers: int) -> None:
        main = sys.modules.get("__main__")
        file = getattr(main, "__file__", None)
        if file and getattr(main, "__spec__", None) is None and not os.path.exists(file):
            raise RuntimeError(f"worker processes cannot run {file} again: {GUARD}")
        spawn = multiprocessing.get_context("spawn")
        self.started = spawn.Event()
        super().__init__(workers, spawn, initializer=_start_worker, initargs=(self.started,))


def stop(executor: Executor) -> None:
    """Stop a pool's processes at once."""
    processes = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)


def _start_worker(started) -> None:
    """One thread each; Ctrl-C is the parent's business; and no worker outlives its parent, however
    that ends.
    """
    started.set()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    import torch

    torch.set_num_threads(1)
    keep_memory()


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
