"""The files of image sets: what is loaded is what was checked; found, unpacked or fetched, and what is
said where that fails.
"""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from spatialbias import datasets, locks
from spatialbias.cli import main
from spatialbias.datasets import files, images
from spatialbias.datasets.files import DataDamaged, DataMissing, Unreachable


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


MNIST = {
    f"MNIST/raw/{part}-{kind}-ubyte": idx(np.arange(size).reshape(shape) % 10)
    for part in ("train", "t10k")
    for kind, size, shape in (("images-idx3", 24, (2, 3, 4)), ("labels-idx1", 2, (2,)))
}
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
CIFAR = {
    "cifar-10-batches-py/batches.meta": pickle.dumps({"label_names": ["cat", "dog"]}),
    **{
        f"cifar-10-batches-py/{name}": pickle.dumps(
            {"data": np.full((1, 3072), number, np.uint8), "labels": [number]}
        )
        for number, name in enumerate(BATCHES)
    },
}


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty data folder, no network, and two tiny sets to be found in it."""
    sets = {
        name: {
            path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in content.items()
        }
        for name, content in (("mnist", MNIST), ("cifar10", CIFAR))
    }
    monkeypatch.setattr(files, "manifest", lambda: sets)
    root = tmp_path / "raw"
    monkeypatch.setenv("SPATIALBIAS_DATA", str(root))
    monkeypatch.setenv("SPATIALBIAS_OFFLINE", "1")
    for cached in (datasets._load, images._read):
        cached.cache_clear()
    yield root
    for cached in (datasets._load, images._read):
        cached.cache_clear()


def lay(root, content, pack=lambda data: data, suffix=""):
    for name, data in content.items():
        path = root / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(data))


@pytest.fixture
def network(monkeypatch):
    """torchvision's MNIST, whose download does what the test says; counts the calls."""
    from torchvision import datasets as theirs

    monkeypatch.delenv("SPATIALBIAS_OFFLINE")
    calls = []

    def kind(root, train, download):
        calls.append(root)
        (root / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
        kind.does(root)

    def unreachable(root):
        raise OSError("no route to host")

    kind.does = unreachable
    kind.calls = calls
    monkeypatch.setattr(theirs, "MNIST", kind)
    return kind


def test_idx_files_are_read(fresh):
    lay(fresh, MNIST)
    data = datasets.load("mnist")
    assert data.train.inputs[0].shape == (2, 1, 3, 4) and data.source == "found in SPATIALBIAS_DATA"
    assert torch.equal(data.test.inputs[0].flatten(), torch.arange(24, dtype=torch.uint8) % 10)
    assert data.train.target.tolist() == [0, 1] and data.classes[3] == "3 - three"


def test_cifar_is_read(fresh):
    lay(fresh, CIFAR)
    data = datasets.load("cifar10")
    assert data.train.inputs[0][:, 2, 31, 31].tolist() == [0, 1, 2, 3, 4]
    assert data.train.target.tolist() == [0, 1, 2, 3, 4] and data.test.target.tolist() == [5]
    assert data.classes == ("cat", "dog")


def test_archives_alone_will_do(fresh):
    lay(fresh, MNIST, gzip.compress, ".gz")
    assert datasets.load("mnist").train.target.tolist() == [0, 1]
    with tarfile.open(fresh / "cifar-10-python.tar.gz", "w:gz") as archive:
        for name, data in CIFAR.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert datasets.load("cifar10").test.target.tolist() == [5]


def test_nothing_is_read_that_the_manifest_does_not_name(fresh):
    """torchvision reads these where the raw files are missing, whatever they hold."""
    for part in ("training", "test"):
        path = fresh / "MNIST" / "processed" / f"{part}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save((torch.zeros(2, 3, 4, dtype=torch.uint8), torch.zeros(2)), path)
    with pytest.raises(DataMissing, match="mnist is not in"):
        datasets.load("mnist")


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("name", list(MNIST))
@pytest.mark.parametrize("damage", [flip, lambda data: data[:-1], lambda data: data + b"x"])
def test_a_damaged_file_is_named(fresh, name, damage):
    lay(fresh, MNIST)
    lay(fresh, {name: MNIST[name]}, damage)
    with pytest.raises(DataDamaged, match=f"{fresh / name} is damaged.*delete it"):
        datasets.load("mnist")


@pytest.mark.parametrize(
    "pack", [lambda data: gzip.compress(flip(data)), lambda data: gzip.compress(data)[:-9], flip]
)
def test_a_damaged_archive_is_named(fresh, pack):
    lay(fresh, MNIST, pack, ".gz")
    with pytest.raises(DataDamaged, match="train-.*gz is damaged|t10k-.*gz is damaged"):
        datasets.load("mnist")


def test_an_archive_that_unpacks_to_very_much_is_no_bomb(fresh):
    lay(fresh, MNIST, lambda data: gzip.compress(bytes(10**8)), ".gz")
    with pytest.raises(DataDamaged):
        datasets.load("mnist")


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_missing_data_is_said_at_once_without_the_network(fresh, name):
    for ask in (datasets.load, files.available):
        with pytest.raises(DataMissing) as caught:
            ask(name)
        for word in (name, str(fresh), "SPATIALBIAS_OFFLINE", "SPATIALBIAS_DATA", "digits"):
            assert word in str(caught.value)


def test_a_failed_download_says_what_to_do_and_leaves_nothing(fresh, network, tmp_path):
    with pytest.raises(DataMissing, match="no route to host.*SPATIALBIAS_DATA.*digits"):
        datasets.load("mnist")
    assert not fresh.exists() and tmp_path.exists()


def test_a_download_is_used(fresh, network):
    network.does = lambda root: lay(root, MNIST)
    files.available("mnist")
    assert datasets.load("mnist").train.target.tolist() == [0, 1] and len(network.calls) == 1


def test_who_comes_while_a_set_is_fetched_waits(fresh, network):
    """Two pages may be executed at once: the second must neither write into the first one's
    download nor read half of it.
    """

    def slow(root):
        time.sleep(0.5)
        raise OSError("no network")

    network.does = slow
    with ThreadPoolExecutor(2) as threads:
        for answer in [threads.submit(files.available, "mnist") for _ in range(2)]:
            with pytest.raises(DataMissing, match="no network"):
                answer.result()
    assert len(network.calls) == 1


@pytest.mark.parametrize("age, tried", [(60, False), (4000, True), (-4000, True)])
def test_a_failure_is_remembered_for_an_hour(fresh, network, age, tried):
    """Not longer where a clock went wrong."""
    with pytest.raises(Unreachable):
        files.available("mnist")
    note = fresh / ".mnist-unreachable"
    os.utime(note, (time.time() - age,) * 2)
    with pytest.raises(Unreachable, match="no route" if tried else f"delete {note}"):
        files.available("mnist")
    assert len(network.calls) == 1 + tried


def test_a_damaged_file_is_no_failure_of_the_network(fresh, network):
    """Deleted as told, it can be fetched again at once."""
    lay(fresh, MNIST, flip)
    files.available("mnist")  # it is here, so to say
    with pytest.raises(DataDamaged):
        datasets.load("mnist")
    for name in MNIST:
        (fresh / name).unlink()
    network.does = lambda root: lay(root, MNIST)
    files.available("mnist")
    assert datasets.load("mnist").train.target.tolist() == [0, 1]


def test_what_was_forbidden_is_no_failure_of_the_network(fresh, network, monkeypatch):
    monkeypatch.setenv("SPATIALBIAS_OFFLINE", "1")
    with pytest.raises(DataMissing):
        files.available("mnist")
    monkeypatch.delenv("SPATIALBIAS_OFFLINE")
    network.does = lambda root: lay(root, MNIST)
    files.available("mnist")


def test_looking_for_data_in_vain_leaves_no_folders(fresh, network, tmp_path, capsys):
    assert main(["data", "mnist"]) == 1 and "no route to host" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_no_obstacle(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(locks, "fcntl", None)
    with open(tmp_path / "file", "w") as file:
        assert locks.lock(file) and locks.lock(file, wait=True)


def test_sample_images_that_cannot_be_read_say_so(tmp_path, monkeypatch):
    from spatialbias.explorer import samples

    monkeypatch.setattr(samples, "folder", lambda: tmp_path)
    samples.samples.cache_clear()
    with pytest.raises(DataMissing, match="sample images cannot be read"):
        samples.samples()
    samples.samples.cache_clear()
