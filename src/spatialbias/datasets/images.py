"""Image classification sets: CIFAR-10, MNIST and Fashion-MNIST from checked files, scikit-learn's
embedded digits, and CelebA where the reader has it.

`permutation="fixed"` moves every image's pixels by one fixed permutation, the same for training and
test images (our experiment on Coordinet's second hypothesis). `coordinates` then says what a
network that asks for pixel locations is told: "grid" (where the pixel now lies), "true" (where it
came from) or "random" (a fixed random place). `shrink=2` halves the side (our economy): each pixel
is the mean of 2x2, rounded to 8 bits. `canvas` puts every image on a black square of that side,
moved by up to `translation` pixels along each axis, by a random amount of its own, in training and
test alike (0: as it is).
"""

import pickle
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spatialbias.components import one_of
from spatialbias.datasets import files
from spatialbias.datasets.batch import Batch, Data
from spatialbias.datasets.files import DataMissing, available
from spatialbias.layers.position import coordinate_grid
from spatialbias.paths import data_folder

__all__ = ["ARRANGEMENTS", "DataMissing", "available"]
ARRANGEMENTS = ("grid", "true", "random")
NUMERALS = tuple(
    f"{number} - {name}"
    for number, name in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )
)
KINDS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load(
    name: str,
    permutation: str = "none",
    coordinates: str = "grid",
    shrink: int = 1,
    canvas: int = 0,
    translation: int = 0,
) -> Data:
    """One of the sets, arranged as this module's docstring says.

    - cifar10 (Krizhevsky 2009): 50,000 + 10,000 RGB images of 32x32, ten classes.
    - mnist (LeCun et al. 1998): 60,000 + 10,000 grey images of 28x28, ten digits.
    - fashion_mnist (Xiao et al. 2017): as many, of ten kinds of clothing.
    - digits: scikit-learn's 1,297 + 500 of 8x8 in its order, enlarged to 32x32 RGB so that every
      network of the book takes them.
    - celeba, aligned (Liu et al. 2015): 162,770 + 19,962 RGB faces, cut to their middle and shrunk
      to 32x32 as Elsayed et al. do; two classes, by the attribute "Male". Found in torchvision's
      layout, as `torchvision.datasets.CelebA` unpacks it; reading it takes some minutes.
    """
    data = _read(name, data_folder())
    return arrange(data, permutation, coordinates, shrink, canvas, translation)


@lru_cache(maxsize=1)  # arranged copies are made of it
def _read(name: str, root: Path) -> Data:
    """A data set as it is, from its files, which are checked."""
    if name == "digits":
        return _data(name, *_digits(), "embedded in scikit-learn")
    if name == "celeba":
        return _data(name, *_celeba(root), "found in torchvision's layout")
    content, source = files.contents(name)
    read = _cifar if name == "cifar10" else _idx
    return _data(name, *read(content), source)


def _digits() -> tuple:
    from sklearn.datasets import load_digits

    source = load_digits()
    small = torch.from_numpy(source.images).float()[:, None] * (255 / 16)  # (1797, 1, 8, 8)
    images = torch.nn.functional.interpolate(small, size=32, mode="bilinear", align_corners=False)
    images = images.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    target = torch.from_numpy(source.target).long()
    classes = tuple(map(str, range(10)))
    return images[:1297], target[:1297], images[1297:], target[1297:], classes


def _celeba(root: Path) -> tuple:
    from PIL.Image import Resampling
    from torchvision.datasets import CelebA

    def square(face):
        """138 pixels from (40, 20), to 32 by bicubic interpolation (Pillow's, which averages as it
        shrinks; TensorFlow's does not).
        """
        return face.crop((20, 40, 158, 178)).resize((32, 32), Resampling.BICUBIC)

    def part(split: str) -> tuple[Tensor, Tensor]:
        faces = CelebA(root, split, transform=square)
        images = torch.empty(len(faces), 3, 32, 32, dtype=torch.uint8)
        for k in range(len(faces)):
            images[k] = torch.from_numpy(np.array(faces[k][0])).permute(2, 0, 1)
        return images, faces.attr[:, faces.attr_names.index("Male")]

    available("celeba")
    try:
        return (*part("train"), *part("test"), ("not male", "male"))
    except (RuntimeError, OSError) as error:
        raise files.DataDamaged(f"{root / 'celeba'} cannot be read ({error})") from None


def _cifar(content: dict[str, bytes]) -> tuple:
    """Python's pickles of CIFAR-10, whose bytes were checked."""
    parts = {
        path.rpartition("/")[2]: pickle.loads(data, encoding="latin1")
        for path, data in content.items()
    }

    def part(*names: str) -> tuple[Tensor, Tensor]:
        images = np.concatenate([parts[name]["data"] for name in names]).reshape(-1, 3, 32, 32)
        target = [label for name in names for label in parts[name]["labels"]]
        return torch.from_numpy(images), torch.tensor(target)

    classes = tuple(parts["batches.meta"]["label_names"])
    train = part(*(f"data_batch_{number}" for number in range(1, 6)))
    return (*train, *part("test_batch"), classes)


def _idx(content: dict[str, bytes]) -> tuple:
    """Images and classes in the IDX format of MNIST: big-endian sizes, then bytes."""
    parts = {}
    for path, data in content.items():
        axes = data[3]  # 3 of images, 1 of classes
        shape = np.frombuffer(data, ">i4", axes, 4)
        array = np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
        parts[path.rpartition("/")[2]] = torch.from_numpy(array.copy())
    order = [
        parts[f"{part}-{kind}-ubyte"]
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ]
    train, train_target, test, test_target = order
    classes = KINDS if next(iter(content)).startswith("Fashion") else NUMERALS
    return train[:, None], train_target, test[:, None], test_target, classes


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


def check(
    permutation: str, coordinates: str, shrink: int = 1, canvas: int = 0, translation: int = 0
) -> None:
    """Raise ValueError for an arrangement that there is not."""
    one_of(("none", "fixed"), permutation=permutation)
    one_of(ARRANGEMENTS, coordinates=coordinates)
    one_of((1, 2, 4), shrink=shrink)
    if not 0 <= canvas <= 256:
        raise ValueError(f"canvas={canvas}: it must be a side from 1 to 256, or 0 for none")
    if translation < 0 or translation > canvas:
        raise ValueError(f"translation={translation}: it must be from 0, and needs a canvas")


def shrunk(data: Data, factor: int) -> Data:
    """Images of a side divided by `factor`, standardised by their own mean and deviation."""

    def small(images: Tensor) -> Tensor:
        parts = images.split(5000)
        means = [torch.nn.functional.avg_pool2d(part.float(), factor) for part in parts]
        return torch.cat([mean.round().to(torch.uint8) for mean in means])

    (train,), (test,) = data.train.inputs, data.test.inputs
    targets = data.train.target, data.test.target
    return _data(
        data.name, small(train), targets[0], small(test), targets[1], data.classes, data.source
    )


def on_canvas(data: Data, canvas: int, translation: int) -> Data:
    """Images on a black square of side `canvas`, each at a place of its own; standardised as they
    were. Raises ValueError if they do not fit.
    """

    def placed(batch: Batch, seed: int) -> Batch:
        (images,) = batch.inputs
        margin = canvas - images.shape[3]
        if margin < 2 * translation or images.shape[2] != images.shape[3]:
            raise ValueError(
                f"canvas={canvas}, translation={translation}: images of {images.shape[3]} pixels "
                f"need a canvas of {images.shape[3] + 2 * translation}"
            )
        moves = torch.randint(
            2 * translation + 1, (len(images), 2), generator=torch.Generator().manual_seed(seed)
        )
        out = images.new_zeros(*images.shape[:2], canvas, canvas)
        for down, right in moves.unique(dim=0).tolist():
            own = (moves == torch.tensor((down, right))).all(1)
            top, left = (margin // 2 - translation + move for move in (down, right))
            out[own, :, top : top + images.shape[2], left : left + images.shape[3]] = images[own]
        return Batch((out,), batch.target)

    return replace(data, train=placed(data.train, 20), test=placed(data.test, 21))


def arrange(
    data: Data,
    permutation: str,
    coordinates: str,
    shrink: int = 1,
    canvas: int = 0,
    translation: int = 0,
) -> Data:
    """Shrink the images, put them on a canvas, permute the pixels and add coordinates to the
    batches' shared inputs, as this module's docstring says.
    """
    check(permutation, coordinates, shrink, canvas, translation)
    if shrink > 1:
        data = shrunk(data, shrink)
    if canvas:
        data = on_canvas(data, canvas, translation)
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
