"""Sweeps on a real Dask cluster: scheduler and workers are processes of their own on loopback, and
any of them may be killed.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial, canonical

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks at processes"),
]


def trial(replicate=0, epochs=2):
    return Trial(
        model="fully_connected",
        model_args={"width": 8, "hidden": 1},
        dataset="digits",
        n_train=40,
        max_epochs=epochs,
        replicate=replicate,
        curve_images=0,
    )


def wait_for(condition, seconds=200):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never happened")


class Cluster:
    """A scheduler and workers of one thread each."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        where = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file"]
        self.scheduler = self.start("scheduler", *options, str(where))
        wait_for(where.exists)
        self.address = wait_for(lambda: json.loads(where.read_text() or "{}").get("address"))

    def start(self, what, *options):
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *options]
        log = open(self.folder / f"{what}.{len(self.processes)}.log", "w")
        environment = os.environ | {"DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
        with log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=environment
            )
        self.processes.append(process)
        return process

    def worker(self, *options):
        """Without a nanny, so that a killed one stays dead."""
        own = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--memory-limit", "0"]
        return self.start("worker", self.address, *own, *options)

    def stop(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.stop()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "work", None)


def finished(store):
    return {path.name: path.stat().st_mtime_ns for path in store.folder.glob("records/*/*.json")}


def learnt(records):
    """What must be equal: not when and how fast it was made."""
    return {
        key: canonical({name: value for name, value in record.items() if name != "provenance"})
        for key, record in records.items()
    }


def on(cluster, trials, store):
    with distributed.Client(cluster.address) as client:
        return sweep(trials, store=store, executor=client.get_executor(pure=False), progress=False)


def test_killing_a_worker_loses_nothing_and_records_equal_local_ones(cluster, store, tmp_path):
    wanted = [trial(0), *(trial(r, 200) for r in range(1, 7))]
    doomed = [cluster.worker(), cluster.worker()][0]

    def kill():
        wait_for(lambda: len(finished(store)) >= 2)
        doomed.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    records = on(cluster, wanted, store)
    killer.join()
    assert set(records) == {t.key for t in wanted} and len(finished(store)) == len(wanted)
    here = sweep(wanted, store=Store(tmp_path / "local", None), workers=1, progress=False)
    assert learnt(here) == learnt(records)


CLIENT = """
import json, sys
from distributed import Client
from spatialbias.store import Store
from spatialbias.sweep import sweep
from spatialbias.trials import Trial
trials = [Trial(**t) for t in json.loads(sys.argv[3])]
with Client(sys.argv[2]) as client:
    sweep(trials, store=Store(sys.argv[1], None), executor=client.get_executor(pure=False), progress=False)
"""


def test_a_client_that_is_killed_goes_on_where_it_stopped(cluster, store):
    cluster.worker()
    wanted = [trial(0), *(trial(r, 200) for r in range(1, 5))]
    asked = json.dumps([t.model_dump() for t in wanted])
    command = [sys.executable, "-c", CLIENT, str(store.folder), cluster.address, asked]
    client = subprocess.Popen(command)
    try:
        wait_for(lambda: finished(store))
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait()
    before = finished(store)
    assert 0 < len(before) < len(wanted)
    records = on(cluster, wanted, store)
    assert set(records) == {t.key for t in wanted}
    after = finished(store)
    assert len(after) == len(wanted) and before.items() <= after.items()  # each exactly once


def test_without_its_scheduler_a_sweep_ends_and_says_so(cluster, store):
    cluster.worker()
    wanted = [trial(0), trial(1, 100_000)]

    def kill():
        wait_for(lambda: finished(store))
        cluster.scheduler.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match="cluster is gone.*kept"):
        on(cluster, wanted, store)
    killer.join()
    assert store.get(wanted[0].key) is not None


def test_a_gpu_is_a_resource_that_is_waited_for(cluster, store):
    from spatialbias import cli

    cluster.worker()
    arguments = ["coordinet.reproduce", "-p", "n_train", "20", "-p", "max_epochs", "1"]
    arguments += ["-p", "arms", "fully_connected", "--dask", cluster.address, "--gpu"]
    status = []
    thread = threading.Thread(target=lambda: status.append(sweep_by_command(cli, arguments)))
    thread.start()
    time.sleep(5)
    folder = Store(shipped=None)
    assert not finished(folder)  # the worker without one is not asked
    cluster.worker("--resources", "GPU=1")
    thread.join(200)
    assert status == [0] and len(finished(folder)) == 1


def sweep_by_command(cli, arguments):
    process = subprocess.run([sys.executable, "-m", "spatialbias", "sweep", *arguments])
    return process.returncode


def test_an_address_where_nobody_is_is_said_in_one_line():
    asked = ["sweep", "coordinet.reproduce", "--profile", "smoke", "--dask", "tcp://127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, "-m", "spatialbias", *asked], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 2 and re.search("127.0.0.1:1", done.stderr.splitlines()[-1])
