"""A few dozen real images, so that figures and the explorer need no download: the first three
CIFAR-10 test images of each class (Krizhevsky 2009).
"""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spatialbias import paths
from spatialbias.datasets.files import DataMissing

EACH = 3  # images a class


def folder() -> Path:
    return paths.project() / "data" / "samples"


@cache
def samples() -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images (30, 3, 32, 32) uint8 in the order of the test set, their classes (30,) and the ten
    class names.

    Raises DataMissing if the files are not there or damaged.
    """
    try:
        index = json.loads((folder() / "cifar10.json").read_text(encoding="utf-8"))
        with Image.open(folder() / "cifar10.png") as picture:
            sheet = np.array(picture.convert("RGB"))
    except (OSError, ValueError) as error:
        raise DataMissing(f"the sample images cannot be read: {error}") from None
    if hashlib.sha256(sheet.tobytes()).hexdigest() != index["sha256"]:
        raise DataMissing(
            "data/samples/cifar10.png is damaged (its checksum differs from the index's)"
        )
    rows, columns = len(sheet) // 32, sheet.shape[1] // 32
    tiles = (
        torch.from_numpy(sheet).view(rows, 32, columns, 32, 3).permute(0, 2, 4, 1, 3)
    )  # (row, column, C, H, W)
    target = torch.tensor([entry["class"] for entry in index["images"]])
    return tiles.reshape(-1, 3, 32, 32).contiguous(), target, tuple(index["classes"])


def first_of_each_class(target: Tensor, classes: int, each: int = EACH) -> Tensor:
    """Where the first `each` examples of every class stand, in order: the very first example comes
    first.
    """
    return torch.cat([(target == k).nonzero()[:each, 0] for k in range(classes)]).sort().values
