"""What faults cost, as figures: `python -m benchmarks.faults`.

Sweeps are killed, bytes are flipped, disks fill up, parameters are nonsense; the figures say how much
of what was finished is lost, what damage is not noticed, and how often a person sees a traceback.
Networks of some hundred weights on the embedded digits: the store and the sweep are tried, not
training. Processes are forked from this one, which has imported torch already.
"""

import argparse
import builtins
import contextlib
import errno
import hashlib
import io
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks import nonsense
from spatialbias import checksums, paths, workers
from spatialbias import sweep as engine
from spatialbias.store import Store, numerics_of, read_parquet
from spatialbias.trials import Trial, canonical

FORK = multiprocessing.get_context("fork")
MEASURES = ("accuracy",)


def trial(replicate: int) -> Trial:
    return Trial(
        model="fully_connected",
        model_args={"width": 8, "hidden": 1},
        dataset="digits",
        n_train=20,
        max_epochs=3,
        replicate=replicate,
        curve_images=0,
    )


class Pool(ProcessPoolExecutor):
    """As the pool of a sweep, but forked: a start costs milliseconds."""

    def __init__(self, count: int) -> None:
        self.started = FORK.Event()
        super().__init__(count, FORK, initializer=workers._start_worker, initargs=(self.started,))


def sweeping(folder: Path, trials: list[Trial]) -> None:
    with patch.object(engine, "Pool", Pool):
        engine.sweep(
            trials, MEASURES, Store(folder, None), workers=2, progress=False, precision="fp32"
        )


def started(function, *arguments):
    """A process that does it, in a group of its own, in silence."""

    def run() -> None:
        os.setpgrp()
        with open(os.devnull, "w") as silence:
            os.dup2(silence.fileno(), 2)
        function(*arguments)

    process = FORK.Process(target=run)
    process.start()
    return process


def content(folder: Path) -> dict[str, str]:
    """Digests of the records in a store, by file."""
    found = {}
    for path in folder.glob("records/*/*.json"):
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def kills(count: int, chance: random.Random) -> str:
    """kill -9 of the sweeping process or of one of its workers, at random moments."""
    lost = damaged = workers_killed = parents_killed = 0
    with tempfile.TemporaryDirectory() as name:
        folder, trials = Path(name), [trial(r) for r in range(10_000)]
        sweeper, seen = None, {}
        while workers_killed + parents_killed < count:
            if sweeper is None:
                done = len(seen)
                sweeper = started(sweeping, folder, trials[: done + 400])
            before = len(content(folder))
            end = time.monotonic() + 60
            while len(content(folder)) <= before and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.3))
            seen = content(folder)
            victims = children(sweeper.pid)
            if victims and chance.random() < 0.5:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
                workers_killed += 1
                if sweeper.is_alive():
                    continue
            else:
                os.kill(sweeper.pid, signal.SIGKILL)
                parents_killed += 1
            sweeper.join()
            sweeper = None
            after = content(folder)
            lost += sum(after.get(name) != digest for name, digest in seen.items())
        if sweeper is not None:
            os.killpg(sweeper.pid, signal.SIGKILL)
            sweeper.join()
        time.sleep(1)  # the workers of a killed parent end by themselves
        keys = {path.split(".")[0] for path in seen}
        finished, damaged = read_all(folder, keys)
        lost += len(keys) - finished
    return (
        f"{count} x kill -9 ({parents_killed} of the sweep, {workers_killed} of a worker) over "
        f"{len(keys)} finished trials: {lost} of them lost, {damaged} records damaged"
    )


def read_all(folder: Path, keys) -> tuple[int, int]:
    """(records that can be read, records that are damaged) in a store."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = Store(folder, None)
        there = sum(store.get(key) is not None for key in keys)
    return there, sum("damaged" in str(one.message) for one in said)


def flips(chance: random.Random) -> str:
    """One byte of every file changed: records and weights of a store, everything that is shipped."""
    counts: dict[str, Counter] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweeping(folder, [trial(r) for r in range(100)])
        for path in sorted(folder.glob("records/*/*.json")):
            key = path.name.split(".")[0]
            flip(path, lambda key=key: Store(folder, None).all(key), "records", counts, chance)
        store = Store(folder, None)
        for path in sorted(folder.glob("weights/*.safetensors")):
            key = path.name.split(".")[0]
            numerics = numerics_of(store.get(key))

            def weights(key=key, numerics=numerics):
                found = Store(folder, None).states(key, numerics)
                return found and {n: t.tolist() for n, t in found["stop"].items()}

            flip(path, weights, "weights", counts, chance)
    shipped = paths.shipped_results()
    with tempfile.TemporaryDirectory() as name:
        for path in sorted(shipped.rglob("*.parquet")):
            copy = Path(name) / path.name
            copy.write_bytes(path.read_bytes())
            flip(copy, partial(read_parquet, copy), "shipped results", counts, chance)
        (Path(name) / checksums.SUMS).write_bytes(
            (shipped / "weights" / checksums.SUMS).read_bytes()
        )
        for path in sorted((shipped / "weights").glob("*.safetensors")):
            copy = Path(name) / path.name
            copy.write_bytes(path.read_bytes())
            flip(
                copy,
                lambda copy=copy: checksums.check(copy, copy.read_bytes()),
                "shipped networks",
                counts,
                chance,
            )
    return "one byte flipped: " + "; ".join(
        f"{what}: {n['caught']} of {n.total()} caught, {n['harmless']} changed nothing that is read, "
        f"{n['missed']} missed"
        for what, n in counts.items()
    )


def flip(path: Path, read, what: str, counts: dict[str, Counter], chance: random.Random) -> None:
    whole, right = path.read_bytes(), read()
    place = chance.randrange(len(whole))
    changed = bytes([whole[place] ^ (1 << chance.randrange(8))])
    path.write_bytes(whole[:place] + changed + whole[place + 1 :])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, error = read(), None
        except Exception as caught:
            found, error = None, caught
    caught = error is not None or any("damaged" in str(one.message) for one in said)
    how = "caught" if caught else "harmless" if found == right else "missed"
    counts.setdefault(what, Counter())[how] += 1
    for aside in path.parent.glob("*.damaged"):
        aside.unlink()
    path.write_bytes(whole)


class Full:
    """A disk that is full from the n-th call that writes on."""

    def __init__(self, after: int, chance: random.Random) -> None:
        self.left, self.chance = after, chance

    def _due(self) -> bool:
        self.left -= 1
        return self.left < 0

    def call(self, function):
        def called(*arguments, **options):
            if self._due():  # a folder in which no file can be made is named by the system
                named = [str(options["dir"])] if "dir" in options else []
                raise OSError(errno.ENOSPC, "No space left on device", *named)
            return function(*arguments, **options)

        return called

    def fdopen(self, handle, mode):
        file = builtins.open(handle, mode)
        write = file.write

        def part(data):
            if self._due():
                write(data[: self.chance.randrange(len(data) + 1)])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(data)

        class Wrapped:
            def __enter__(self):
                return self

            def __exit__(self, *what):
                file.close()

            def __getattr__(self, name):
                return part if name == "write" else getattr(file, name)

        return Wrapped()


def disks(count: int, chance: random.Random) -> str:
    """A disk that fills up at a random moment of a sweep of four trials."""
    unclear = lost = damaged = unequal = 0
    trials = [trial(r) for r in range(4)]
    with tempfile.TemporaryDirectory() as name:
        right = learnt(Path(name), trials)
    for _ in range(count):
        with tempfile.TemporaryDirectory() as name:
            folder, full = Path(name), Full(chance.randrange(0, 32), chance)
            with (
                patch("tempfile.mkstemp", full.call(tempfile.mkstemp)),
                patch("os.fdopen", full.fdopen),
                patch("os.fsync", full.call(os.fsync)),
                patch("os.replace", full.call(os.replace)),
            ):
                try:
                    learnt(folder, trials)
                except OSError as error:
                    unclear += error.errno != errno.ENOSPC or str(folder) not in str(error)
                except Exception:
                    unclear += 1
            seen = content(folder)
            there, bad = read_all(folder, {path.split(".")[0] for path in seen})
            lost, damaged = lost + len(seen) - there, damaged + bad
            unequal += learnt(folder, trials) != right
    return (
        f"disk full at {count} random moments: {lost} finished trials lost, {damaged} records "
        f"damaged, {unclear} errors that do not name the folder, {unequal} sweeps that came out "
        "otherwise when resumed"
    )


def learnt(folder: Path, trials: list[Trial]) -> dict:
    """What a sweep in this process leaves, without when and how fast it was made."""
    with patch.dict(os.environ, {"SPATIALBIAS_WORKERS": "0"}):
        records = engine.sweep(
            trials, MEASURES, Store(folder, None), progress=False, precision="fp32"
        )
    return {
        key: canonical({name: value for name, value in record.items() if name != "provenance"})
        for key, record in records.items()
    }


def together(count: int) -> str:
    """Two sweeps over one store at once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        from spatialbias import run as running

        run = running.run

        def noted(trial, *rest):
            with open(log, "a") as file:
                file.write(f"{trial.key}\n")
            return run(trial, *rest)

        trials = [trial(r) for r in range(count)]
        with patch.object(running, "run", noted), patch.object(engine, "PATIENCE", 0.1):
            both = [started(sweeping, folder, order) for order in (trials, trials[::-1])]
            for one in both:
                one.join()
        trained = Counter(log.read_text().split())
        there, damaged = read_all(folder, [t.key for t in trials])
    return (
        f"two sweeps over one store of {count} trials: {there} on record, "
        f"{trained.total() - len(trained)} trained twice, {damaged} damaged, "
        f"{sum(one.exitcode != 0 for one in both)} sweeps failed"
    )


def twice(count: int) -> str:
    """Equal trials in two processes."""
    digests = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            process = started(sweeping, folder, [trial(r) for r in range(count)])
            process.join()
            store = Store(folder, None)
            found = {}
            for one in (trial(r) for r in range(count)):
                record = store.get(one.key)
                states = store.states(one.key, numerics_of(record))
                bits = {n: t.view(torch.uint8).tolist() for n, t in states["stop"].items()}
                rest = {k: v for k, v in record.items() if k != "provenance"}
                found[one.key] = hashlib.sha256(canonical([rest, bits])).hexdigest()
            digests.append(found)
    equal = sum(digests[0][key] == digests[1][key] for key in digests[0])
    return f"the same trial twice: {equal} of {count} equal in every bit of record and weights"


def fuzz(count: int, chance: random.Random) -> str:
    """Nonsense as parameters of a trial, of the command line and of a page."""
    tracebacks: Counter = Counter()
    refused: Counter = Counter()
    examples = []
    ways = (nonsense.of_trial, nonsense.of_command, nonsense.of_page)
    for number in range(count):
        way = ways[number % len(ways)]
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                given, ok = way(chance)
            refused[way.__name__] += not ok
        except nonsense.Traceback as error:
            tracebacks[way.__name__] += 1
            examples.append(str(error))
    for example in examples[:10]:
        print("   ", example)
    shown = ", ".join(
        f"{way.__name__.removeprefix('of_')}: {refused[way.__name__]} refused, "
        f"{tracebacks[way.__name__]} tracebacks"
        for way in ways
    )
    return f"{count} fuzzed parameters ({shown})"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.faults", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of everything")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    share = 20 if options.quick else 1
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:  # what fork must find imported and loaded
        learnt(Path(name), [trial(0)])
    for what in (
        lambda chance: kills(100 // share, chance),
        flips,
        lambda chance: disks(max(50 // share, 2), chance),
        lambda chance: fuzz(10_000 // share, chance),
        lambda chance: together(200 // share),
        lambda chance: twice(40 // share),
    ):
        begun = time.monotonic()
        print(f"{what(random.Random(options.seed))} [{time.monotonic() - begun:.0f} s]", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
