"""Image classification sets: CIFAR-10, MNIST and Fashion-MNIST through torchvision, and
scikit-learn's embedded digits.

`permutation="fixed"` moves every image's pixels by one fixed permutation, the same for training and
test images (our experiment on Coordinet's second hypothesis). `coordinates` then says what a
network that asks for pixel locations is
told: "grid" (where the pixel now lies), "true" (where it came from) or "random" (a fixed random
place).
"""

import fcntl
import hashlib
import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from spatialbias.components import one_of
from spatialbias.datasets.batch import Batch, Data
from spatialbias.layers.position import coordinate_grid
from spatialbias.paths import data_folder

ARRANGEMENTS = ("grid", "true", "random")
DOWNLOAD_TIMEOUT = 10.0  # seconds without an answer


class DataMissing(RuntimeError):
    """The data set is neither on this machine nor to be had from the network."""


def cifar10(permutation: str = "none", coordinates: str = "grid") -> Data:
    """CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 RGB images of 32x32, ten classes."""
    return arrange(_torchvision("cifar10", "CIFAR10", data_folder()), permutation, coordinates)


def mnist(permutation: str = "none", coordinates: str = "grid") -> Data:
    """MNIST (LeCun et al. 1998): 60,000 + 10,000 grey images of 28x28, ten digits."""
    return arrange(_torchvision("mnist", "MNIST", data_folder()), permutation, coordinates)


def fashion_mnist(permutation: str = "none", coordinates: str = "grid") -> Data:
    """Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 grey images of 28x28, ten kinds of
    clothing.
    """
    return arrange(
        _torchvision("fashion_mnist", "FashionMNIST", data_folder()), permutation, coordinates
    )


def digits(permutation: str = "none", coordinates: str = "grid") -> Data:
    """scikit-learn's embedded 8x8 digits, enlarged to 32x32 RGB so that every network of the book
    takes them.

    1,797 images in scikit-learn's order: 1,297 to train, 500 to test.
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    small = torch.from_numpy(source.images).float()[:, None] * (255 / 16)  # (1797, 1, 8, 8)
    images = torch.nn.functional.interpolate(small, size=32, mode="bilinear", align_corners=False)
    images = images.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    target = torch.from_numpy(source.target).long()
    data = _data(
        "digits",
        images[:1297],
        target[:1297],
        images[1297:],
        target[1297:],
        tuple(map(str, range(10))),
        "embedded in scikit-learn",
    )
    return arrange(data, permutation, coordinates)


@lru_cache(maxsize=1)  # arranged copies are made of it
def _torchvision(name: str, class_name: str, root: Path) -> Data:
    from torchvision import datasets

    kind = getattr(datasets, class_name)
    verify(name, root)
    try:
        train, test = kind(root, train=True), kind(root, train=False)
        source = (
            f"found in {os.environ.get('SPATIALBIAS_DATA') and 'SPATIALBIAS_DATA' or 'data/raw'}"
        )
    except RuntimeError as not_found:
        if os.environ.get("SPATIALBIAS_OFFLINE"):
            raise DataMissing(
                f"{name} is not in {root}, and SPATIALBIAS_OFFLINE forbids the network"
            ) from not_found
        try:
            with _timeout(DOWNLOAD_TIMEOUT):
                train, test = (
                    kind(root, train=True, download=True),
                    kind(root, train=False, download=True),
                )
        except (
            Exception
        ) as error:  # whatever the network or the disk said, the reader needs one sentence
            raise DataMissing(
                f"{name} is not in {root} and could not be downloaded ({error}); set SPATIALBIAS_DATA to a folder in torchvision's layout"
            ) from error
        verify(name, root)
        source = "downloaded"
    return _data(
        name,
        _images(train.data),
        torch.as_tensor(train.targets),
        _images(test.data),
        torch.as_tensor(test.targets),
        tuple(train.classes),
        source,
    )


def available(name: str) -> None:
    """Return if a data set can be had; raise DataMissing if not. A failed download is not tried
    again for an hour.
    """
    if name == "digits" or _complete(name):
        return
    with _alone(name):  # pages that are executed at once fetch it once
        if _complete(name):
            return
        mark = data_folder() / f".{name}-unreachable"
        if mark.exists() and time.time() - mark.stat().st_mtime < 3600:
            raise DataMissing(mark.read_text())
        try:
            _torchvision(
                name,
                {"cifar10": "CIFAR10", "mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name],
                data_folder(),
            )
        except DataMissing as error:
            with suppress(
                OSError
            ):  # a folder that cannot be written costs only the time of another try
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(str(error))
            raise


def _complete(name: str) -> bool:
    """Whether all its files are there, in their full size."""
    files = json.loads((Path(__file__).parent / "manifest.json").read_text())[name]
    return all(
        (path := data_folder() / f).exists() and path.stat().st_size == wanted["bytes"]
        for f, wanted in files.items()
    )


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
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _timeout(seconds: float):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def verify(name: str, root: Path) -> None:
    """Compare the files of a data set that are present with the manifest; raise DataMissing naming
    a damaged one.
    """
    manifest = json.loads((Path(__file__).parent / "manifest.json").read_text())
    for relative, expected in manifest[name].items():
        path = root / relative
        if path.exists() and (
            path.stat().st_size != expected["bytes"] or _sha256(path) != expected["sha256"]
        ):
            raise DataMissing(
                f"{path} is damaged (its checksum differs from the manifest's); delete it and fetch it again"
            )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _images(raw) -> Tensor:
    images = torch.as_tensor(raw)
    return (
        images[:, None] if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()
    )  # (N, C, H, W)


def _data(name, train, train_target, test, test_target, classes, source) -> Data:
    values = torch.arange(256, dtype=torch.double) / 255
    counts = torch.stack(
        [
            sum(torch.bincount(part.flatten(), minlength=256) for part in train[:, c].split(5000))
            for c in range(train.shape[1])
        ]
    ).double()  # (C, 256): exact, whatever the order of the sum
    counts /= counts.sum(1, keepdim=True)
    mean = counts @ values
    std = (counts @ values.square() - mean.square()).sqrt()
    return Data(
        Batch((train,), train_target.long()),
        Batch((test,), test_target.long()),
        name,
        classes,
        source,
        tuple(mean.tolist()),
        tuple(std.tolist()),
    )


def check(permutation: str, coordinates: str) -> None:
    """Raise ValueError for an arrangement that there is not."""
    one_of(("none", "fixed"), permutation=permutation)
    one_of(ARRANGEMENTS, coordinates=coordinates)


def arrange(data: Data, permutation: str, coordinates: str) -> Data:
    """Permute the pixels and add coordinates to the batches' shared inputs, as this module's
    docstring says.
    """
    check(permutation, coordinates)
    if permutation == "none" and coordinates == "grid":
        return data
    H, W = data.train.inputs[0].shape[2:]
    generator = torch.Generator().manual_seed(20210)
    order = torch.randperm(H * W, generator=generator)
    places = coordinate_grid(H, W).flatten(1).t()  # (H W, 2)
    if coordinates == "random":
        places = torch.rand(H * W, 2, generator=generator) * 2 - 1
    elif coordinates == "true" and permutation == "fixed":
        places = places[order]

    def moved(batch: Batch) -> Batch:
        images = batch.inputs[0]
        if permutation == "fixed":
            images = images.flatten(2)[:, :, order].view_as(images)
        return Batch((images,), batch.target, (places,))

    return Data(
        moved(data.train),
        moved(data.test),
        data.name,
        data.classes,
        data.source,
        data.mean,
        data.std,
    )
