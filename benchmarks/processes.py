"""Whole processes: two workers against one, and the memory of a worker."""

import re
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

from benchmarks.measuring import CORES, Row, ratios, row, seconds, workers
from benchmarks.trial import images
from spatialbias import sweep as engine
from spatialbias.store import Store
from spatialbias.training import detect
from spatialbias.trials import Trial, run

EFFICIENCY, GIGABYTES = 0.9, 1.5


def sweep(quick: bool) -> list[Row]:
    """A real sweep of one trial by one worker, then of two by two. By the clock on the wall:
    waiting counts too.
    """
    dataset, epochs, rounds = images().name, 1 if quick else 6, 1 if quick else 7
    trials = (
        Trial(
            model="coordinet",
            dataset=dataset,
            n_train=97,
            replicate=r,
            max_epochs=epochs,
            curve_images=0,
        )
        for r in range(1000)
    )
    taken: dict[int, list[float]] = {1: [], CORES: []}
    with tempfile.TemporaryDirectory() as folder, workers(1) as one, workers(CORES) as all_of_them:
        store = Store(folder, None)
        for k in range(-1, rounds):  # the first does not count: workers start and load the data
            for count, pool in ((1, one), (CORES, all_of_them)):
                grid = [next(trials) for _ in range(count)]
                options = {"executor": pool, "workers": count, "progress": False}
                sweeping = partial(engine.sweep, grid, (), store, **options)
                elapsed = seconds(sweeping, clock=time.perf_counter)
                if k >= 0:
                    taken[count].append(elapsed)
    alone, together = (statistics.median(taken[count]) for count in (1, CORES))
    return [
        row(
            "sweep",
            f"{CORES} workers, coordinet, {epochs} epochs of 97 images",
            f"{CORES} trials in {together:.1f} s",
            f"one in {alone:.1f} s",
            ratios(taken[1], taken[CORES]),
            shown="{:.0%}",
            target=None if quick else EFFICIENCY,
        )
    ]


def queue(quick: bool) -> list[Row]:
    """Trials that do nothing, through the processes of a sweep and through Dask: how many a second,
    and by how much the sweeping process's peak grows meanwhile.
    """
    count = 1000 if quick else 10_000
    with workers(CORES) as pool:
        rows = [_through("local processes", pool, count)]
    try:
        from distributed import Client
        from distributed.deploy.subprocess import SubprocessCluster
    except ModuleNotFoundError:
        return rows
    options = {"n_workers": CORES, "worker_kwargs": {"nthreads": 1}}
    with SubprocessCluster(**options) as cluster, Client(cluster) as client:
        client.wait_for_workers(CORES)
        rows.append(_through("Dask", client.get_executor(pure=False), count))
    return rows


def nothing(batch: list[dict], *_) -> tuple[list[str], float]:
    """What a sweep sends out, without the work."""
    return ["done"] * len(batch), 1e-3 * len(batch)


def _through(what: str, executor, count: int) -> Row:
    def trials(start: int, end: int) -> list[Trial]:
        model = {"model": "fully_connected", "dataset": "digits", "n_train": 10}
        return [Trial(**model, replicate=r) for r in range(start, end)]

    with tempfile.TemporaryDirectory() as folder, patch.object(engine, "work", nothing):
        store = Store(folder, None)
        engine.sweep(trials(0, 200), (), store, executor=executor, progress=False)
        grid, before = trials(200, count), peak_gigabytes()
        started = time.perf_counter()
        engine.sweep(grid, (), store, executor=executor, progress=False)
        rate = (count - 200) / (time.perf_counter() - started)
        grown = 1000 * (peak_gigabytes() - before)
    return row(
        "queue",
        f"{what}, {count:,} trials that do nothing",
        f"{rate:.0f} trials/s",
        f"the sweeping process grew by {grown:.0f} MB",
        [rate],
        shown="{:.0f}/s",
    )


def memory(quick: bool) -> list[Row]:
    """The most memory that a worker has held after a trial of Coordinet with all measures, its data
    included.
    """
    data = images().name
    with workers(1) as pool:
        peak = pool.submit(_worked, data, quick).result()
    target = None if quick or data != "cifar10" else GIGABYTES
    return [
        row(
            "memory",
            f"a worker on {data}",
            f"{peak:.2f} GB",
            "",
            [peak],
            shown="{:.2f} GB",
            target=target,
            at_most=True,
        )
    ]


def _worked(dataset: str, quick: bool) -> float:
    trial = Trial(model="coordinet", dataset=dataset, n_train=64 if quick else 390, max_epochs=1)
    run(trial, detect(device="cpu"), () if quick else ("accuracy", "rotation", "resized_crop"))
    return peak_gigabytes()


def peak_gigabytes() -> float:
    """Of this process. Linux keeps it in /proc; what `getrusage` says there begins with the
    parent's peak.
    """
    try:
        return (
            int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
            * 1024
            / 1e9
        )
    except (OSError, TypeError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
