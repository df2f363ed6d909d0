"""The files of the image sets: found in torchvision's layout, unpacked or not, or downloaded there.
What is handed on is what was checked against the manifest. Imports no torch.
"""

import gzip
import hashlib
import json
import os
import socket
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from spatialbias.components import FOUND
from spatialbias.locks import lock
from spatialbias.paths import data_folder

DOWNLOAD_TIMEOUT = 10.0  # seconds without an answer
SILENCE = 3600.0  # seconds for which a failed download is not tried again
ARCHIVES = {"cifar10": "cifar-10-python.tar.gz"}  # the others have one a file, with .gz
CLASSES = {"cifar10": "CIFAR10", "mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
ADVICE = (
    "put it there in torchvision's layout (SPATIALBIAS_DATA names another folder), or choose "
    "dataset='digits', which needs no files"
)


class DataMissing(RuntimeError):
    """The data set is neither on this machine nor to be had from the network."""


class DataDamaged(DataMissing):
    """One of its files is not what it should be."""


class Unreachable(DataMissing):
    """It is not here, and the network did not help."""


@cache
def manifest() -> dict[str, dict[str, dict]]:
    """By data set and file: its size in bytes and its SHA-256."""
    return json.loads((Path(__file__).parent / "manifest.json").read_text(encoding="utf-8"))


def contents(name: str) -> tuple[dict[str, bytes], str]:
    """The contents of a data set's files by name, each checked, and where they came from; fetched
    if they are not there. Raises DataMissing.
    """
    root = data_folder()
    if not complete(name):
        download(name, root)
        return dict(_checked(name, root)), "downloaded"
    where = "SPATIALBIAS_DATA" if os.environ.get("SPATIALBIAS_DATA") else "data/raw"
    return dict(_checked(name, root)), f"found in {where}"


def complete(name: str) -> bool:
    """Whether all its files, or their archives, are there."""
    root = data_folder()
    archive = name in ARCHIVES and (root / ARCHIVES[name]).is_file()
    return all(
        (root / relative).is_file() or archive or (root / f"{relative}.gz").is_file()
        for relative in manifest()[name]
    )


def available(name: str) -> None:
    """Return if a data set can be had; raise DataMissing if not. A failed download is not tried
    again for an hour.
    """
    if name in FOUND and not (data_folder() / name).is_dir():
        raise DataMissing(
            f"{name} is not in {data_folder()}, and is never fetched: torchvision.datasets.CelebA(root, "
            f"download=True) does that; {ADVICE}"
        )
    if name not in CLASSES or complete(name):
        return
    with _alone(name):  # pages that are executed at once fetch it once
        if complete(name):
            return
        note = data_folder() / f".{name}-unreachable"
        with suppress(OSError):
            if 0 <= time.time() - note.stat().st_mtime < SILENCE:
                raise Unreachable(
                    f"{note.read_text(encoding='utf-8')} (tried less than an hour ago; delete "
                    f"{note} to try again at once)"
                )
        try:
            download(name, data_folder())
        except Unreachable as error:
            with suppress(OSError):  # that costs only the time of another try
                note.write_text(str(error), encoding="utf-8")
            raise
        note.unlink(missing_ok=True)


def download(name: str, root: Path) -> None:
    """Fetch a data set through torchvision. Raises DataMissing; leaves no empty folders."""
    if os.environ.get("SPATIALBIAS_OFFLINE"):
        raise DataMissing(
            f"{name} is not in {root}, and SPATIALBIAS_OFFLINE forbids the network; {ADVICE}"
        )
    from torchvision import datasets

    before = [folder for folder in (root, *root.parents) if folder.is_dir()][0]
    try:
        with _timeout(DOWNLOAD_TIMEOUT):
            getattr(datasets, CLASSES[name])(root, train=True, download=True)
    except Exception as error:  # whatever the network or the disk said, one sentence is needed
        _remove_empty(root, before)
        raise Unreachable(
            f"{name} is not in {root} and could not be downloaded ({error}); {ADVICE}"
        ) from error


def _checked(name: str, root: Path) -> Iterator[tuple[str, bytes]]:
    for relative, expected in manifest()[name].items():
        path, content = _read(name, root, relative, expected["bytes"])
        if len(content) != expected["bytes"] or _sha256(content) != expected["sha256"]:
            raise DataDamaged(
                f"{path} is damaged (its checksum differs from the manifest's); delete it and "
                "fetch it again"
            )
        yield relative, content


def _read(name: str, root: Path, relative: str, size: int) -> tuple[Path, bytes]:
    """A file and its content, at most one byte more than it should have."""
    path = root / relative
    if not path.is_file():
        path = root / ARCHIVES.get(name, f"{relative}.gz")
    try:
        if path == root / relative:
            with open(path, "rb") as file:
                return path, file.read(size + 1)
        if name not in ARCHIVES:
            with gzip.open(path) as file:
                return path, file.read(size + 1)
        with tarfile.open(path) as archive:
            return path, archive.extractfile(relative).read(size + 1)
    except FileNotFoundError:
        raise DataMissing(f"{path} is missing; {ADVICE}") from None
    except (EOFError, KeyError, AttributeError, tarfile.TarError, zlib.error, OSError) as error:
        raise DataDamaged(
            f"{path} is damaged or cannot be read ({error}); delete it and fetch it again"
        ) from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove_empty(root: Path, keep: Path) -> None:
    """Remove the empty folders below `keep`, an existing one, that a failed download made."""
    made = [root] if root != keep else []
    made += [path for path in root.rglob("*") if path.is_dir()] if root.is_dir() else []
    for folder in sorted({*made, *(p for p in root.parents if keep in p.parents)}, reverse=True):
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _alone(name: str):
    """No other process looks for this data set meanwhile; where the folder cannot be written none
    can fetch it either.
    """
    try:
        data_folder().mkdir(parents=True, exist_ok=True)
        file = open(data_folder() / f".{name}.lock", "w")
    except OSError:
        yield
        return
    with file:
        lock(file, wait=True)
        yield


@contextmanager
def _timeout(seconds: float):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
