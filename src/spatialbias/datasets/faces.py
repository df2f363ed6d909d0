"""Faces of three marks, of which only the middle one counts: how well a set is aligned, as a dial.

Our own set. The source contrasts aligned faces with natural images, and translates the faces; here
the translation is the only thing that changes.
"""

import numpy as np
import torch

from spatialbias.datasets.batch import Batch, Data

CLASSES = ("ring", "cross")
SIDE = 40  # of the canvas
ROWS = (12, 20, 28)  # brows, eyes, mouth: three 3x3 layers see 7 pixels, one whole mark
REACH = 8  # of the translation, at most
GREY, NOISE = 96.0, 16.0
CROSS = ("x...x", ".x.x.", "..x..", ".x.x.", "x...x")
RING = (".xxx.", "x...x", "x...x", "x...x", ".xxx.")


def load(n_train: int = 3000, n_test: int = 2000, translation: int = 0, seed: int = 0) -> Data:
    """Grey images (N, 1, 40, 40), 8 bits, and whether the middle mark is a cross (1) or a ring (0).

    Every row of a face bears one mark, a cross or a ring at random, so that counting marks, without
    knowing which is in the middle, is right in three of four cases. A mark is off its place by up to
    a pixel along each axis, a whole face by up to `translation`; contrast and noise vary. Image i is
    the same however many are asked for, and but for its place the same for every translation.

    Args:
        n_train, n_test: numbers of images.
        translation: pixels, 0 to 8, along each axis, in training and test images alike.
        seed: of the generator.
    """
    check(n_train, n_test, translation, seed)
    train, test = (
        generate(n, translation, np.random.default_rng([seed, part]))
        for part, n in enumerate((n_train, n_test))
    )
    return Data(train, test, "faces", CLASSES, "generated", (GREY / 255,), (2 * NOISE / 255,))


def check(n_train: int, n_test: int, translation: int, seed: int) -> None:
    """Raise ValueError for arguments of `load` that no images can be drawn with."""
    for name, value, least, most in (
        ("n_train", n_train, 1, 1_000_000),
        ("n_test", n_test, 1, 1_000_000),
        ("translation", translation, 0, REACH),
        ("seed", seed, 0, 1_000_000),
    ):
        if not least <= value <= most:
            raise ValueError(f"{name}={value}: it must be from {least} to {most:,}")


def generate(n: int, translation: int, random: np.random.Generator) -> Batch:
    images, target = torch.empty(n, 1, SIDE, SIDE, dtype=torch.uint8), torch.empty(n).long()
    shapes = torch.tensor([[[c == "x" for c in row] for row in mark] for mark in (RING, CROSS)])
    for k in range(n):
        drawn = torch.from_numpy(random.random(12))
        marks = (drawn[:3] < 0.5).long()
        jitter = (drawn[3:9] * 3).long().view(3, 2) - 1  # of each mark: down, right
        down, right = ((drawn[9:11] * (2 * translation + 1)).long() - translation).tolist()
        image = GREY + NOISE * torch.from_numpy(random.standard_normal((SIDE, SIDE)))
        contrast = 40 + 80 * drawn[11]
        for row, mark, (dy, dx) in zip(ROWS, marks, jitter.tolist()):
            top, left = row + down + dy - 2, SIDE // 2 + right + dx - 2
            image[top : top + 5, left : left + 5] += contrast * shapes[mark]
        images[k, 0], target[k] = image.round().clamp(0, 255), marks[1]
    return Batch((images,), target)
