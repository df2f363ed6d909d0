"""A tiny folder in CelebA's layout, read as the real one but for torchvision's checksums."""

import os
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image
from torchvision.datasets import CelebA

from spatialbias import datasets
from spatialbias.datasets import images

SPLITS = (0, 0, 2, 0, 1, 2, 0)  # of each face: training, tuning (unused), test
MALE = (1, -1, -1, -1, 1, 1, 1)


def face(number: int) -> Image.Image:
    """218 x 178 pixels: within the 138 that are kept, a ramp of its own; black around them."""
    sheet = np.zeros((218, 178, 3), np.uint8)
    down, right = np.mgrid[:138, :138]
    sheet[40:178, 20:158] = np.stack((down, right, np.full_like(down, 30 * number)), 2) + 20
    return Image.fromarray(sheet)


def write(root: Path) -> None:
    folder = root / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(len(SPLITS))]
    for number, name in enumerate(names):  # PNGs: decoded to the same bytes everywhere
        face(number).save(folder / "img_align_celeba" / name, format="png")

    def table(name, rows, *head):
        lines = [*head, *(" ".join(map(str, row)) for row in rows)]
        (folder / name).write_text("\n".join(lines) + "\n")

    count = str(len(names))
    table("list_eval_partition.txt", zip(names, SPLITS))
    table("identity_CelebA.txt", zip(names, range(len(names))))
    table("list_attr_celeba.txt", ((n, -1, m) for n, m in zip(names, MALE)), count, "Young Male")
    for name in ("list_bbox_celeba.txt", "list_landmarks_align_celeba.txt"):
        table(name, ((n, 0, 0) for n in names), count, "x y")


@contextmanager
def readable(root: Path):
    """What is under `root` passes for the real files; nothing read before is remembered."""
    caches = (datasets._load, images._read)
    with (
        mock.patch.dict(os.environ, SPATIALBIAS_DATA=str(root)),
        mock.patch.object(CelebA, "_check_integrity", lambda self: True),
    ):
        for cached in caches:
            cached.cache_clear()
        yield
        for cached in caches:
            cached.cache_clear()
