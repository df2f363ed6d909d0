"""Sweeps: nothing twice, nothing lost, whoever is killed; any executor."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from spatialbias import components, models
from spatialbias import run as running
from spatialbias.records import on_record, wanting
from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial

module = sys.modules["spatialbias.sweep"]
ENDLESS = 100_000
RATES = (1e-3, 2e-3, 3e-3)


def trial(replicate=0, epochs=2, **changes):
    """A network of a few hundred weights that learns to find a pixel; needs no images."""
    return Trial(
        **{
            "model": "fully_connected",
            "model_args": {"channels": 2, "size": 1, "classes": 256, "width": 4, "hidden": 1},
            "dataset": "not_so_clevr",
            "dataset_args": {"size": 16, "square": 3},
            "max_epochs": epochs,
            "replicate": replicate,
            "curve_images": 0,
            **changes,
        }
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "work", None)


@pytest.fixture
def trained(monkeypatch):
    """The keys that were trained, in this process."""
    keys, run = [], running.run

    def counting(trial, *rest):
        keys.append(trial.key)
        return run(trial, *rest)

    monkeypatch.setattr(running, "run", counting)
    return keys


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


OPTIONS = {"progress": False, "precision": "fp32"}


def test_records_come_by_key_and_what_exists_is_not_trained_again(store, threads, trained):
    wanted = [trial(r) for r in range(4)]
    records = sweep(wanted[:2], store=store, executor=threads, **OPTIONS)
    assert set(records) == {t.key for t in wanted[:2]} and sorted(trained) == sorted(records)
    records = sweep(wanted, store=store, executor=threads, **OPTIONS)
    assert sorted(trained) == sorted(records) == sorted(t.key for t in wanted)
    assert all(store.get(key) == record for key, record in records.items())
    sweep([*wanted, *wanted], store=store, executor=threads, **OPTIONS)
    assert len(trained) == 4


def test_a_damaged_record_is_trained_again_and_comes_out_the_same(store, threads):
    key, before = next(iter(sweep([trial()], store=store, executor=threads, **OPTIONS).items()))
    path = store.path(key, before["provenance"]["numerics"])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="damaged"):
        after = sweep([trial()], store=store, executor=threads, **OPTIONS)[key]
    assert after["curve"] == before["curve"] and after["rows"] == before["rows"] and path.exists()


def test_a_new_measure_does_not_train_again(store, threads, trained, monkeypatch):
    sweep([trial()], (), store, executor=threads, **OPTIONS)
    record = sweep([trial()], ("accuracy",), store, executor=threads, **OPTIONS)[trial().key]
    assert record["measured"] == {"accuracy": 1} and len(trained) == 1
    monkeypatch.setitem(components.MEASURES, "accuracy", 2)  # nor does a measure's new revision
    record = sweep([trial()], ("accuracy",), store, executor=threads, **OPTIONS)[trial().key]
    assert record["measured"] == {"accuracy": 2} and len(record["rows"]) == 1 and len(trained) == 1
    for path in (store.folder / "weights").iterdir():
        path.unlink()
    monkeypatch.setitem(components.MEASURES, "accuracy", 3)  # without the weights it must
    assert sweep([trial()], ("accuracy",), store, executor=threads, **OPTIONS)[trial().key][
        "measured"
    ] == {"accuracy": 3}
    assert len(trained) == 2


def test_data_that_need_it_are_computed_exactly(store, threads):
    record = sweep([trial()], (), store, executor=threads, progress=False, precision="bf16")[
        trial().key
    ]
    assert trial().dataset in components.EXACT and "fp32" in record["provenance"]["numerics"]


def test_weights_of_another_numerics_class_are_not_measured(store, threads, trained, monkeypatch):
    monkeypatch.setattr(components, "EXACT", ())
    sweep([trial()], (), store, executor=threads, **OPTIONS)
    record = sweep(
        [trial()], ("accuracy",), store, executor=threads, progress=False, precision="bf16"
    )[trial().key]
    assert len(trained) == 2 and "bf16" in record["provenance"]["numerics"]
    assert len(store.all(trial().key)) == 2  # nothing finished is lost


def kept(trial, numerics, **measured):
    return {
        "key": trial.key,
        "trial": trial.model_dump(),
        "measured": measured,
        "provenance": {"numerics": numerics, "seconds": 1.0},
    }


def test_of_each_replicate_one_numerics_class_is_used(store):
    """A pair must be of one class: the one that has most of the replicate, and records of others do
    not fill it up.
    """
    arms = [[trial(r, learning_rate=rate) for rate in RATES] for r in range(2)]
    for one in arms[0]:
        store.put(kept(one, "gpu", accuracy=1))
    for one in (*arms[0][:2], arms[1][0]):
        store.put(kept(one, "cpu", accuracy=1))
    found = on_record([*arms[0], *arms[1]], ("accuracy",), store)
    assert {key: r["provenance"]["numerics"] for key, r in found.items()} == {
        **{t.key: "gpu" for t in arms[0]},
        arms[1][0].key: "cpu",
    }


def test_sizes_are_replicates_of_their_own(store):
    """Networks trained on 97 and on 195 images are in no pair: each size may be of another
    class.
    """
    arms = {
        n: [
            Trial(model="fully_connected", dataset="cifar10", n_train=n, learning_rate=rate)
            for rate in RATES
        ]
        for n in (97, 195)
    }
    for n, numerics in ((97, "gpu"), (195, "cpu")):
        for one in arms[n]:
            store.put(kept(one, numerics, accuracy=1))
    found = on_record([*arms[97], *arms[195]], ("accuracy",), store)
    assert {key: r["provenance"]["numerics"] for key, r in found.items()} == {
        t.key: c for n, c in ((97, "gpu"), (195, "cpu")) for t in arms[n]
    }


def test_a_replicate_that_another_machine_began_is_made_whole_here(store, threads, trained):
    """Finished there, it is left alone; begun there, all of it is trained here. Another replicate
    does not matter.
    """
    arms = [[trial(r, learning_rate=rate) for rate in RATES] for r in range(3)]
    for one in (*arms[0], *arms[1][:2]):
        store.put(kept(one, "gpu", accuracy=1))
    wanted = [t for replicate in arms for t in replicate]
    assert wanting(wanted, ("accuracy",), store, "fp32") == [*arms[1], *arms[2]]
    records = sweep(wanted, ("accuracy",), store, executor=threads, **OPTIONS)
    classes = [{records[t.key]["provenance"]["numerics"] for t in replicate} for replicate in arms]
    assert (
        classes[0] == {"gpu"}
        and classes[1] == classes[2]
        and len(classes[1]) == 1
        and len(trained) == 6
    )
    assert wanting(wanted, ("accuracy",), store, "fp32") == [] and store.get(arms[1][0].key, "gpu")
    other = trial(
        0, loss="mean_squared_error"
    )  # what has another loss is another task, and in no pair with these
    assert wanting([*wanted, other], ("accuracy",), store, "fp32") == [other]
    assert len(wanting(wanted, ("rotation",), store, "fp32")) == 9


def test_show_trains_nothing(store, trained):
    assert (
        sweep([trial()], store=store, missing="show") == {}
        and not trained
        and not store.folder.exists()
    )
    store.put(kept(trial(), "cpu"))
    assert (
        set(sweep([trial(), trial(1)], store=store, missing="show")) == {trial().key}
        and not trained
    )


@pytest.mark.parametrize(
    "options, words",
    [
        ({"missing": "maybe"}, "missing='maybe'.*train.*show"),
        ({"workers": 0}, "workers=0"),
        ({"workers": -2}, "workers=-2"),
        ({"measures": ("accuracy", "taste")}, "'taste'.*rotation"),
    ],
)
def test_wrong_options_are_named_before_anything_is_trained(store, trained, options, words):
    with pytest.raises(ValueError, match=words):
        sweep([trial()], store=store, progress=False, **options)
    assert not trained and not store.folder.exists()


def test_threads_of_one_process_give_the_same_bits(store, threads):
    """torch's generator is one for all threads: initialisations must not mix."""
    wanted = [
        trial(
            r, 1, model_args={"channels": 2, "size": 1, "classes": 256, "width": 300, "hidden": 3}
        )
        for r in range(6)
    ]
    sweep(wanted, store=store, executor=threads, **OPTIONS)
    from spatialbias.training import Execution

    for t in wanted:
        record, states = running.run(t, Execution("cpu", "fp32", 1), ())
        found = store.states(t.key, record["provenance"]["numerics"])["stop"]
        assert all(torch.equal(found[name], states["stop"][name]) for name in found), t.replicate


def test_trying_out_keeps_other_threads_from_drawing(store, threads, monkeypatch):
    """It hands torch's generators back as they were: what another thread drew meanwhile would be
    drawn again.
    """
    from spatialbias import training

    def free() -> bool:
        """Whether another thread could draw now."""
        with ThreadPoolExecutor(1) as other:
            return other.submit(
                lambda: models.ALONE.acquire(blocking=False) and (models.ALONE.release() or True)
            ).result()

    try_out, held = training.try_out, []
    monkeypatch.setattr(training, "try_out", lambda *a: (held.append(free()), try_out(*a)))
    sweep([trial()], store=store, executor=threads, **OPTIONS)
    assert held == [False] and free()


def test_networks_that_draw_as_they_learn_keep_their_bits_in_threads(store, threads):
    """Redrawn maps come from torch's generator, which threads share."""
    from spatialbias.training import Execution

    small = {
        "model": "vgg9_fcn",
        "model_args": {"layer": "redrawn_maps"},
        "dataset": "circles",
        "dataset_args": {"n_train": 4, "n_test": 2, "size": 32},
        "batch_size": 2,
    }
    wanted = [trial(r, 1, **small) for r in range(4)]
    records = sweep(wanted, ("segmentation",), store, executor=threads, **OPTIONS)
    for t in wanted:
        alone, _ = running.run(t, Execution("cpu", "fp32", 1), ("segmentation",))
        assert (
            records[t.key]["curve"] == alone["curve"] and records[t.key]["rows"] == alone["rows"]
        ), t.replicate


def test_workers_that_are_asked_for_go_before_the_environment_s(store, monkeypatch):
    monkeypatch.setenv("SPATIALBIAS_WORKERS", "0")
    asked = []
    monkeypatch.setattr(
        module, "Pool", lambda workers: asked.append(workers) or ThreadPoolExecutor(workers)
    )
    monkeypatch.setattr(module, "stop", lambda executor: executor.shutdown())
    sweep([trial()], store=store, **OPTIONS)
    assert asked == []
    sweep([trial(1)], store=store, workers=2, **OPTIONS)
    assert asked == [2]


def test_two_sweeps_over_one_store_share_the_work(store, trained, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    wanted, found = [trial(r, 30) for r in range(6)], {}

    def one(name, order):
        with ThreadPoolExecutor(1) as executor:
            found[name] = sweep(
                order, store=Store(store.folder, None), executor=executor, workers=1, **OPTIONS
            )

    both = [
        threading.Thread(target=one, args=("a", wanted)),
        threading.Thread(target=one, args=("b", wanted)),
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(300)
    assert (
        set(found["a"]) == set(found["b"]) == {t.key for t in wanted} and found["a"] == found["b"]
    )
    assert sorted(trained) == sorted(t.key for t in wanted)  # each once


def test_an_error_in_a_trial_is_told_and_the_rest_kept(store, monkeypatch):
    run = running.run

    def failing(trial, *rest):
        if trial.replicate == 1:
            raise RuntimeError("mnist is not here")
        return run(trial, *rest)

    monkeypatch.setattr(running, "run", failing)
    with ThreadPoolExecutor(1) as executor, pytest.raises(RuntimeError, match="mnist is not here"):
        sweep([trial(0), trial(1), trial(2)], store=store, executor=executor, workers=1, **OPTIONS)
    assert store.get(trial(0).key) is not None


def test_what_is_queued_with_a_caller_s_executor_is_called_off(store, monkeypatch):
    started = []

    def failing(trial, *rest):
        started.append(trial.replicate)
        time.sleep(0.2)
        raise RuntimeError("no")

    monkeypatch.setattr(running, "run", failing)
    with ThreadPoolExecutor(1) as executor, pytest.raises(RuntimeError):
        sweep([trial(r) for r in range(9)], store=store, executor=executor, **OPTIONS)
    assert len(started) <= 2


def test_a_pool_that_breaks_while_it_is_idle_is_replaced(store, monkeypatch):
    """It then refuses what is submitted: with nothing in flight there is no future to learn it
    from.
    """
    pools = []

    class Pool(ThreadPoolExecutor):
        _processes, started = None, SimpleNamespace(is_set=lambda: True)

        def submit(self, *arguments):
            if len(pools) == 1:
                raise BrokenProcessPool("dead")
            return super().submit(*arguments)

    monkeypatch.setattr(module, "Pool", lambda workers: pools.append(Pool(workers)) or pools[-1])
    done = {}
    thread = threading.Thread(
        target=lambda: done.update(sweep([trial()], store=store, workers=1, **OPTIONS)), daemon=True
    )
    thread.start()
    thread.join(300)
    assert set(done) == {trial().key} and len(pools) == 2


def test_a_pool_that_keeps_breaking_is_given_up(store, monkeypatch):
    class Pool(ThreadPoolExecutor):
        _processes, started = None, SimpleNamespace(is_set=lambda: True)

        def submit(self, *arguments):
            raise BrokenProcessPool("dead")

    monkeypatch.setattr(module, "Pool", Pool)
    with pytest.raises(RuntimeError, match="kept"):
        sweep([trial()], store=store, workers=1, **OPTIONS)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never happened")


def finished(store):
    return list((store.folder / "records").glob("*/*.json"))


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks at processes through /proc"
)


@pytest.mark.slow
@needs_proc
def test_killing_a_worker_loses_only_what_was_in_flight(store):
    wanted = [trial(0), *(trial(r, 40) for r in range(1, 5))]
    before = {}

    def kill():
        wait_for(lambda: finished(store))
        worker = multiprocessing.active_children()[0]
        before.update({path: path.stat().st_mtime_ns for path in finished(store)})
        os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    records = sweep(wanted, store=store, workers=2, **OPTIONS)
    killer.join()
    assert set(records) == {t.key for t in wanted} and 0 < len(before) < len(wanted)
    assert all(
        path.stat().st_mtime_ns == time_of_writing for path, time_of_writing in before.items()
    )
    wait_for(lambda: not multiprocessing.active_children())


PARENT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import json, sys
from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial
if __name__ == "__main__":
    sweep([Trial(**t) for t in json.loads(sys.argv[2])], store=Store(sys.argv[1], None), workers=1, progress=False, precision="fp32")
"""


def descendants(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found] + [
        grand for child in found for grand in descendants(child)
    ]


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_when_the_parent_ends_no_worker_stays_and_what_is_finished_is_kept(store, tmp_path, how):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    wanted = [trial(0), trial(1, ENDLESS)]
    parent = subprocess.Popen(
        [
            sys.executable,
            str(script),
            str(store.folder),
            json.dumps([t.model_dump() for t in wanted]),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    children = []
    try:
        wait_for(lambda: finished(store))
        wait_for(
            lambda: (store.folder / "locks" / wanted[1].key).exists()
        )  # the endless one is in flight
        children = descendants(parent.pid)
        assert any(alive(child) for child in children)
        os.kill(parent.pid, how)
        parent.wait(120)
        wait_for(lambda: not any(map(alive, children)))
        if how == signal.SIGINT:
            assert "KeyboardInterrupt" in parent.stderr.read()
        assert store.get(wanted[0].key) is not None and store.get(wanted[1].key) is None
        with store.claim(wanted[1].key) as mine:
            assert mine  # the next sweep can take it up
    finally:
        for pid in (parent.pid, *children):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        parent.wait()
        parent.stderr.close()


def test_what_cannot_be_run_is_refused_before_any_work(store, threads, trained):
    good = Trial(model="fully_connected", dataset="digits", n_train=10, max_epochs=1)
    bad = Trial(**good.model_dump() | {"model": "coordinet", "model_args": {"encoding": "cosine"}})
    with pytest.raises(ValueError, match="encoding='cosine'"):
        sweep([good, bad], (), store, executor=threads, progress=False)
    assert not trained and store.get(good.key) is None


def run_script(text, folder, **options):
    """A script of a user's, from a file or from standard input."""
    (folder / "script.py").write_text(text)
    how = {"input": text} if options.pop("stdin", False) else {}
    command = [sys.executable, "-"] if how else [sys.executable, "script.py"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, **how, **options
    )


UNGUARDED = """
from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial
trials = [Trial(model="fully_connected", dataset="digits", n_train=20, max_epochs=1, replicate=r)
          for r in range(8)]
sweep(trials, (), Store("work", None), workers=4, progress=False, precision="fp32")
"""


@pytest.mark.slow
@pytest.mark.parametrize("stdin", [False, True])
def test_a_script_without_a_main_guard_is_told_so_at_once(tmp_path, stdin):
    done = run_script(UNGUARDED, tmp_path, stdin=stdin)
    assert done.returncode == 1 and "__main__" in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()) < 40 and done.stderr.count("Traceback") == 1


DAEMON = """
import multiprocessing
from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial
def work():
    trial = Trial(model="fully_connected", dataset="digits", n_train=20, max_epochs=1)
    sweep([trial], (), Store("work", None), progress=False, precision="fp32")
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work, daemon=True)
    process.start()
    process.join()
    raise SystemExit(process.exitcode)
"""


@pytest.mark.slow
def test_a_daemonic_process_trains_alone(tmp_path):
    done = run_script(DAEMON, tmp_path)
    assert done.returncode == 0 and "trains alone" in done.stderr
    assert list((tmp_path / "work" / "records").glob("*/*.json"))


class Counting(ThreadPoolExecutor):
    """Keeps the sizes of the batches that it gets, and how many waited at most."""

    def __init__(self):
        super().__init__(1)
        self.sizes, self.most = [], 0

    def submit(self, function, batch, *arguments):
        self.sizes.append(len(batch))
        self.most = max(self.most, self._work_queue.qsize() + 1)
        return super().submit(function, batch, *arguments)


@pytest.mark.parametrize("pace, large", [(0.0, True), (3.0, False)])
def test_short_trials_go_out_several_at_once(store, monkeypatch, pace, large):
    def work(batch, *_):
        return [trial["replicate"] for trial in batch], pace * len(batch) + 1e-9

    monkeypatch.setattr(module, "work", work)
    with Counting() as executor:
        sweep([trial(r) for r in range(400)], (), store, executor=executor, progress=False)
    assert sum(executor.sizes) == 400 and executor.most <= 2
    assert (max(executor.sizes) > 50) is large and executor.sizes[0] == executor.sizes[-1] == 1


def test_of_a_batch_what_failed_costs_nothing_else(store, monkeypatch):
    """What was finished before it is stored; what another sweep is at comes again."""
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    seen = []

    def work(batch, *_):
        seen.append([trial["replicate"] for trial in batch])
        first = len(seen) == 1
        return [None if first else "key" for _ in batch], 0.001

    monkeypatch.setattr(module, "work", work)
    with Counting() as executor:
        sweep([trial(r) for r in range(5)], (), store, executor=executor, progress=False)
    assert seen[0] == [0] and sorted(r for batch in seen[1:] for r in batch) == [0, 1, 2, 3, 4]
