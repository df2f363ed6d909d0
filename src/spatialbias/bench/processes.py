"""Whole processes: two workers against one, the memory of a worker, and how soon the package
answers.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from spatialbias.bench.measuring import CORES, Row, ratios, seconds, spread, workers
from spatialbias.bench.trial import images

EFFICIENCY, GIGABYTES, HELP_SECONDS = 0.9, 1.5, 0.5


def sweep(quick: bool) -> list[Row]:
    """A real sweep of one trial by one worker, then of two by two. By the clock on the wall:
    waiting counts too.
    """
    from spatialbias.store import Store
    from spatialbias.sweep import sweep
    from spatialbias.trials import Trial

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
                run = partial(sweep, grid, (), store, executor=pool, workers=count, progress=False)
                elapsed = seconds(run, clock=time.perf_counter)
                if k >= 0:
                    taken[count].append(elapsed)
    alone, together = (statistics.median(taken[count]) for count in (1, CORES))
    return [
        Row(
            "sweep",
            f"{CORES} workers, coordinet, {epochs} epochs of 97 images",
            f"{CORES} trials in {together:.1f} s",
            f"one in {alone:.1f} s",
            **spread(ratios(taken[1], taken[CORES])),
            shown="{:.0%}",
            target=None if quick else EFFICIENCY,
        )
    ]


def memory(quick: bool) -> list[Row]:
    """The most memory that a worker has held after a trial of Coordinet with all measures, its data
    included.
    """
    data = images().name
    with workers(1) as pool:
        peak = pool.submit(_worked, data, quick).result()
    target = None if quick or data != "cifar10" else GIGABYTES
    return [
        Row(
            "memory",
            f"a worker on {data}",
            f"{peak:.2f} GB",
            "",
            **spread([peak]),
            shown="{:.2f} GB",
            target=target,
            at_most=True,
        )
    ]


def _worked(dataset: str, quick: bool) -> float:
    from spatialbias.training import detect
    from spatialbias.trials import Trial, run

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
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def start(quick: bool) -> list[Row]:
    """What `import spatialbias` imports, and how long `spatialbias --help` takes, Python's own
    start included.
    """
    count = (
        "import sys, spatialbias; print(sum(m.partition('.')[0] == 'torch' for m in sys.modules))"
    )
    modules = float(
        subprocess.run(
            [sys.executable, "-c", count], capture_output=True, text=True, check=True
        ).stdout
    )
    python, package = [], []
    for _ in range(2 if quick else 10):
        for taken, arguments in ((python, ["-c", ""]), (package, ["-m", "spatialbias", "--help"])):
            run = partial(
                subprocess.run, [sys.executable, *arguments], capture_output=True, check=True
            )
            taken.append(
                seconds(run, clock=lambda: sum(os.times()[2:4]))
            )  # of the processor, by children
    return [
        Row(
            "start",
            "import spatialbias",
            f"{modules:.0f} modules of torch",
            "",
            **spread([modules]),
            shown="{:.0f} modules",
            target=0,
            at_most=True,
        ),
        Row(
            "start",
            "spatialbias --help",
            f"{statistics.median(package):.2f} s",
            f"{statistics.median(python):.2f} s, python alone",
            **spread(package),
            shown="{:.2f} s",
            target=None if quick else HELP_SECONDS,
            at_most=True,
        ),
    ]
