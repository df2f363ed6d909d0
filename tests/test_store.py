"""The store: whole files or none, damage named and set aside, many writers, Parquet there and
back.
"""

import errno
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialbias import locks, paths
from spatialbias import store as module
from spatialbias.store import Store, read_parquet, write_parquet
from spatialbias.trials import canonical


def record(key="ab" * 32, **changes):
    return {
        "key": key,
        "trial": {
            "model": "coordinet",
            "model_args": {"bias": True},
            "n_train": None,
            "learning_rate": 1e-3,
        },
        "stop": {"reason": "loss", "epoch": 2, "loss": 0.1},
        "curve": [{"epoch": 1, "loss": 2.0, "score": 0.25}, {"epoch": 2, "loss": 0.1}],
        "parameters": 7,
        "provenance": {"numerics": "cpu", "seconds": 1.5},
        "measured": {"accuracy": 1},
        "rows": [
            {"measure": "accuracy", "at": "stop", "x": None, "value": 0.5, "n": 10},
            {"measure": "sizes", "at": "stop", "part": "direct", "x": 16.0, "value": 1.0, "n": 10},
        ],
        **changes,
    }


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "work", None)


def path_of(store, key="ab" * 32):
    return store.path(key, "cpu")


def test_what_is_put_is_got(store):
    states = {"stop": {"w": torch.randn(3, 4)}, "mark": {"w": torch.zeros(2, dtype=torch.bfloat16)}}
    store.put(record(), states)
    assert store.get("ab" * 32) == record() and store.get("cd" * 32) is None
    kept = store.states("ab" * 32, "cpu")
    assert torch.equal(kept["stop"]["w"], states["stop"]["w"]) and torch.equal(
        kept["mark"]["w"], states["mark"]["w"]
    )
    assert store.states("cd" * 32, "cpu") is None and store.states("ab" * 32, "cuda") is None


def test_the_environment_says_where(tmp_path):
    assert Store(shipped=None).folder == (tmp_path / "store").resolve()


def damage(how, path):
    content = path.read_bytes()
    path.write_bytes(
        {
            "truncated": content[:-20],
            "empty": b"",
            "not text": b"\xff\xfe" + content,
            "other": b"[1, 2]",
            "a digit": content.replace(b'"value":0.5', b'"value":0.6'),
            "nan": content.replace(b'"value":0.5', b'"value":NaN'),
            "no checksum": json.dumps({"record": json.loads(content)["record"]}).encode(),
            "another's": content.replace(b"ab" * 32, b"cd" * 32),
        }[how]
    )
    assert path.read_bytes() != content


@pytest.mark.parametrize(
    "how", ["truncated", "empty", "not text", "other", "a digit", "nan", "no checksum", "another's"]
)
def test_a_damaged_record_is_named_and_set_aside(store, how):
    store.put(record())
    path = path_of(store)
    damage(how, path)
    with pytest.warns(UserWarning, match=f"{path.name} is damaged.*set aside"):
        assert store.get("ab" * 32) is None
    assert not path.exists() and path.with_name(path.name + ".damaged").exists()
    assert store.get("ab" * 32) is None  # in silence: it is simply not there
    store.put(record())
    assert store.get("ab" * 32) == record()


def test_a_whole_record_under_another_s_name_is_not_used(store):
    store.put(record())
    wrong = path_of(store, "cd" * 32)
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(path_of(store).read_bytes())
    with pytest.warns(UserWarning, match="damaged"):
        assert store.get("cd" * 32) is None


def test_two_readers_of_one_damaged_record(store, monkeypatch):
    """The other process sets it aside between our reading and our setting aside."""
    store.put(record())
    path = path_of(store)
    damage("truncated", path)
    read = type(path).read_bytes

    def read_and_lose(self):
        content = read(self)
        self.unlink()
        return content

    monkeypatch.setattr(type(path), "read_bytes", read_and_lose)
    assert store.get("ab" * 32) is None


@pytest.mark.parametrize("at", ["stop", "mark"])
@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-7], lambda content: content[:-1] + bytes([content[-1] ^ 1])],
)
def test_damaged_weights_are_set_aside_whole(store, at, damage):
    store.put(record(), {"stop": {"w": torch.randn(30)}, "mark": {"w": torch.randn(30)}})
    path = store.weights_path("ab" * 32, "cpu", at)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"{at}.safetensors is damaged"):
        assert store.states("ab" * 32, "cpu") is None


def test_writing_is_all_or_nothing(store, monkeypatch):
    store.put(record())
    monkeypatch.setattr(
        module.os, "replace", lambda *a: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        store.put(record(parameters=8))
    assert store.get("ab" * 32)["parameters"] == 7
    assert [p.name for p in path_of(store).parent.iterdir()] == [path_of(store).name]


def test_many_writers_and_readers(store):
    """Every read sees one whole version."""
    stop, seen, errors = threading.Event(), set(), []

    def write(number):
        while not stop.is_set():
            store.put(
                record(
                    parameters=number,
                    curve=[{"epoch": e, "loss": 1.0} for e in range(number * 200)],
                )
            )

    def read():
        try:
            while not stop.is_set():
                found = store.get("ab" * 32)
                if found:
                    assert len(found["curve"]) == found["parameters"] * 200
                    seen.add(found["parameters"])
        except BaseException as error:
            errors.append(error)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=write, args=(n,)) for n in (1, 2)] + [
            threading.Thread(target=read)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors and seen == {1, 2}


def test_one_claim_at_a_time(store):
    with store.claim("k") as mine:
        assert mine
        with store.claim("k") as second, store.claim("other") as other:
            assert not second and other
    late = open(
        store.folder / "locks" / "k"
    )  # who had opened it before it was released finds the same file as who comes later
    with store.claim("k") as again:
        with pytest.raises(BlockingIOError):
            fcntl.flock(late, fcntl.LOCK_EX | fcntl.LOCK_NB)
    late.close()
    with store.claim("k") as again:
        assert again


def test_a_claim_dies_with_its_process(store):
    code = f"from spatialbias.store import Store\nwith Store({str(store.folder)!r}, None).claim('k') as mine:\n    print(mine, flush=True)\n    input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "True\n"
        with store.claim("k") as mine:
            assert not mine
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        with store.claim("k") as mine:
            assert mine
    finally:
        other.kill()
        other.communicate()


KEY = st.text("0123456789abcdef", min_size=64, max_size=64)
NUMBER = st.floats(-1e6, 1e6) | st.sampled_from([0.1 + 0.2, 1e-300, math.pi, -0.0])
RECORDS = st.lists(
    st.builds(
        record,
        key=KEY,
        curve=st.lists(
            st.fixed_dictionaries(
                {"epoch": st.integers(1, 9), "loss": NUMBER | st.none()}, optional={"score": NUMBER}
            ),
            max_size=3,
        ),
        rows=st.lists(
            st.fixed_dictionaries(
                {
                    "measure": st.just("m"),
                    "at": st.just("stop"),
                    "x": NUMBER | st.none(),
                    "value": NUMBER,
                    "n": st.integers(0, 9),
                },
                optional={"part": st.text(max_size=3)},
            ),
            max_size=3,
        ),
    ),
    max_size=4,
    unique_by=lambda r: r["key"],
)


@given(RECORDS)
@settings(max_examples=10, deadline=None)
def test_parquet_there_and_back_is_exact(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("pack") / "study.parquet"
    write_parquet(path, records)
    found = read_parquet(path)
    assert [canonical(r) for r in found] == [
        canonical(r) for r in sorted(records, key=lambda r: r["key"])
    ]


def test_a_diverged_trial_survives_packing(tmp_path):
    lost = record(
        stop={"reason": "diverged", "epoch": 1, "loss": None}, curve=[{"epoch": 1, "loss": None}]
    )
    write_parquet(tmp_path / "a.parquet", [lost])
    assert read_parquet(tmp_path / "a.parquet") == [lost]


def test_shipped_records_are_found_and_local_ones_lie_over_them(tmp_path):
    write_parquet(tmp_path / "shipped" / "study.parquet", [record(), record("cd" * 32)])
    store = Store(tmp_path / "work", tmp_path / "shipped")
    assert store.get("cd" * 32) == record("cd" * 32)
    store.put(record(parameters=8))
    assert store.get("ab" * 32)["parameters"] == 8
    path_of(store).write_bytes(b"")
    with pytest.warns(UserWarning, match="damaged"):
        assert store.get("ab" * 32) == record()  # the shipped one is still good


def test_one_trial_has_a_record_in_each_numerics_class(tmp_path):
    cpu, cuda, newer = (
        record(parameters=n, provenance={"numerics": kind, "seconds": 1.0})
        for n, kind in ((7, "cpu"), (8, "cuda"), (9, "cpu"))
    )
    write_parquet(tmp_path / "shipped" / "study.parquet", [cuda, cpu])
    store = Store(tmp_path / "work", tmp_path / "shipped")
    assert (
        store.all("ab" * 32) == {"cpu": cpu, "cuda": cuda} and store.get("ab" * 32, "cuda") == cuda
    )
    store.put(newer, {"stop": {"w": torch.ones(2)}})
    assert (
        store.all("ab" * 32) == {"cpu": newer, "cuda": cuda} and store.get("ab" * 32, "mps") is None
    )
    assert store.states("ab" * 32, "cpu") and store.states("ab" * 32, "cuda") is None


def test_shipped_records_are_read_once_and_again_when_they_change(tmp_path, monkeypatch):
    path, reads, read = tmp_path / "study.parquet", [], module.read_parquet
    monkeypatch.setattr(module, "read_parquet", lambda path: reads.append(path) or read(path))
    write_parquet(path, [record()])
    assert all(Store(tmp_path / "work", tmp_path).get("ab" * 32) for _ in range(3)) and reads == [
        path
    ]
    write_parquet(path, [record(parameters=8), record("cd" * 32)])
    assert Store(tmp_path / "work", tmp_path).get("ab" * 32)["parameters"] == 8 and reads == [
        path,
        path,
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1", None])
def test_a_damaged_parquet_file_is_named_and_none_of_it_used(tmp_path, content):
    path = tmp_path / "study.parquet"
    write_parquet(path, [record()])
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.warns(UserWarning, match="study.parquet is damaged"):
        assert read_parquet(path) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row["rows"][0].update(value=0.51),
        lambda row: row.update(stop="{"),
        lambda row: row.update(trial=None),
        lambda row: row.update(sha256=None),
    ],
)
def test_a_damaged_row_is_named_and_the_others_used(tmp_path, damage):
    path = tmp_path / "study.parquet"
    write_parquet(path, [record(), record("cd" * 32)])
    table = pq.read_table(path)
    rows = table.to_pylist()
    damage(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    with pytest.warns(UserWarning, match="study.parquet: the record abababababab is damaged"):
        assert [r["key"] for r in read_parquet(path)] == ["cd" * 32]


def test_a_parquet_file_of_something_else_is_named(tmp_path):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "study.parquet")
    with pytest.warns(UserWarning, match="study.parquet.*damaged"):
        assert read_parquet(tmp_path / "study.parquet") == []


def test_what_a_killed_writer_left_goes_in_time(tmp_path):
    old, new = tmp_path / ".a.part", tmp_path / ".b.part"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    module.write(tmp_path / "file", b"whole")
    assert not old.exists() and new.exists() and (tmp_path / "file").read_bytes() == b"whole"


def test_a_record_written_anew_meanwhile_is_not_set_aside(store, monkeypatch):
    whole = record()
    store.put(whole)
    path, read = store.path(whole["key"], module.numerics_of(whole)), Path.read_bytes
    good = path.read_bytes()
    path.write_bytes(good[:-9])

    def slowly(self):
        content = read(self)
        if self == path:
            monkeypatch.setattr(Path, "read_bytes", read)
            path.write_bytes(good)  # the other sweep has just computed it anew
        return content

    monkeypatch.setattr(Path, "read_bytes", slowly)
    assert store.get(whole["key"], module.numerics_of(whole)) == whole and not list(
        path.parent.glob("*.damaged")
    )


def full(*_):
    raise OSError(errno.EDQUOT, "Disk quota exceeded")


@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen"])
def test_a_full_disk_is_named_by_its_file(store, monkeypatch, call):
    monkeypatch.setattr(module.os, call, full)
    with pytest.raises(OSError, match=f"quota exceeded.*{path_of(store).name}"):
        store.put(record())
    assert not [path for path in path_of(store).parent.iterdir() if path.suffix != ".part"]


def test_a_file_system_without_modes_keeps_records(store, monkeypatch):
    def forbidden(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(module.os, "fchmod", forbidden)
    store.put(record())
    assert store.get("ab" * 32) == record()


def test_a_file_system_without_locks_lets_everybody_work(store, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    with pytest.warns(UserWarning, match="no locks.*twice"), store.claim("k") as mine:
        assert mine


def test_a_system_without_locks_has_a_store():
    """Windows."""
    script = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from spatialbias import sweep\n"
        "from spatialbias.store import Store\n"
        "with Store('there', None).claim('k') as mine: assert mine\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)


def test_a_damaged_record_that_cannot_be_set_aside_is_not_used(store, monkeypatch):
    store.put(record())
    damage("truncated", path_of(store))

    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "replace", read_only)
    with pytest.warns(UserWarning, match="cannot be set aside.*Read-only"):
        assert store.get("ab" * 32) is None


@pytest.mark.parametrize("variable", ["SPATIALBIAS_STORE", "SPATIALBIAS_DATA"])
def test_a_tilde_is_the_home_folder(monkeypatch, variable):
    monkeypatch.setenv(variable, "~/there")
    folder = {"SPATIALBIAS_STORE": paths.work_folder, "SPATIALBIAS_DATA": paths.data_folder}
    assert folder[variable]() == (Path.home() / "there").resolve()
