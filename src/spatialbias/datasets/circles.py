"""Coloured circles on noise, whose class depends on where they lie: a loose abstraction of lane
detection.

Source: pskugit, "custom-conv2d", 2020, whose released rules these are. It fixes no seed: its own
images are lost.
"""

import numpy as np
import torch
from torch import Tensor

from spatialbias.datasets.batch import Batch, Data

CLASSES = ("background", "yellow right", "yellow left", "red bottom")
CIRCLES = 3  # an image
CELLS = 4  # of the noise's lattice, along each axis
NODES = (CELLS + 1) ** 2
NUMBERS = (
    3 * NODES + 5 * CIRCLES
)  # drawn for an image: an angle for every node and colour, then five a circle
CHUNK = 250  # images at a time, to bound the memory needed


def load(n_train: int = 5000, n_test: int = 2500, seed: int = 0, size: int = 128) -> Data:
    """RGB images (N, 3, size, size), 8 bits, and the class of every pixel (N, size, size).

    Image i of either part is the same however many are asked for.

    Args:
        n_train, n_test: numbers of images; the published ones are the defaults.
        seed: of the generator.
        size: side in pixels, a multiple of 4 from 32 to 1024; everything scales with it.
    """
    check(n_train, n_test, seed, size)
    train, test = (
        Batch(*generate(n, size, np.random.default_rng([seed, part])))
        for part, n in enumerate((n_train, n_test))
    )
    # uint8 with mean 0 and deviation 1: `Data.normalise` then does what the source does, a division
    # by 255
    return Data(train, test, "circles", CLASSES, "generated", (0.0,) * 3, (1.0,) * 3)


def check(n_train: int, n_test: int, seed: int, size: int) -> None:
    """Raise ValueError for arguments of `load` that no images can be drawn with."""
    if size % CELLS or not 32 <= size <= 1024:
        raise ValueError(f"size={size}: it must be a multiple of {CELLS}, from 32 to 1024")
    for name, value, least in (("n_train", n_train, 1), ("n_test", n_test, 1), ("seed", seed, 0)):
        if not least <= value <= 1_000_000:
            raise ValueError(f"{name}={value}: it must be from {least} to 1,000,000")


def generate(n: int, size: int, random: np.random.Generator) -> tuple[tuple[Tensor], Tensor]:
    """`n` images, as inputs and target of a batch."""
    images, labels = (
        torch.empty(n, 3, size, size, dtype=torch.uint8),
        torch.empty(n, size, size, dtype=torch.long),
    )
    noise = noise_basis(size)
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        drawn = random.random((part.stop - start, NUMBERS))  # one row an image
        angles = torch.from_numpy(drawn[:, : 3 * NODES]).float().view(-1, 3, NODES) * (2 * torch.pi)
        fields = torch.cat((angles.cos(), angles.sin()), -1) @ noise  # (n, 3, H W)
        low, high = fields.aminmax(dim=-1, keepdim=True)
        background = (fields - low) / (high - low) * 127.5  # half of full brightness
        image = background.round_().to(torch.uint8).view(-1, 3, size, size)
        label = torch.zeros(len(image), size, size, dtype=torch.long)
        for circle in np.split(
            drawn[:, 3 * NODES :], CIRCLES, axis=1
        ):  # later circles cover earlier ones
            yellow, x, y, radius, kind = place(circle, size)
            inside = discs(x, y, radius, size)  # (n, H, W)
            colour = (
                torch.stack((torch.ones_like(yellow), yellow, torch.zeros_like(yellow)), 1) * 255
            )  # (n, 3)
            image = torch.where(inside[:, None], colour.to(torch.uint8)[:, :, None, None], image)
            label = torch.where(inside, kind[:, None, None], label)
        images[part], labels[part] = image, label
    return (images,), labels


def place(uniform: np.ndarray, size: int) -> tuple[Tensor, ...]:
    """Five uniform numbers a circle, (n, 5), to: yellow or red, centre x and y, radius, class; all
    (n,) of int64.

    A circle lies in the left or the right half without touching the midline, and never crosses the
    upper edge; it may cross the lower one. Yellow is class 1 on the right and 2 on the left; red is
    class 3 in the lower half, else background.
    """
    half = size // 2
    yellow, side = uniform[:, 0] < 0.5, uniform[:, 1] >= 0.5
    radius = np.floor(size / 12 + size / 8 * uniform[:, 2])
    x = np.floor(radius + half * side + uniform[:, 3] * (half - 2 * radius))
    y = np.floor(radius + uniform[:, 4] * (size - radius))
    label = np.where(yellow, np.where(x > half, 1, 2), np.where(y > half, 3, 0))
    return tuple(torch.from_numpy(a.astype(np.int64)) for a in (yellow, x, y, radius, label))


def discs(x: Tensor, y: Tensor, radius: Tensor, size: int) -> Tensor:
    """Pixels within `radius` of (x, y), the rim included: (n, size, size) of bool."""
    pixels = torch.arange(size, dtype=torch.int32)
    columns = (pixels - x[:, None].int()).square_()  # (n, W)
    rows = (pixels - y[:, None].int()).square_()  # (n, H)
    return rows[:, :, None] <= (radius.int().square()[:, None] - columns)[:, None, :]


def noise_basis(size: int) -> Tensor:
    """Perlin noise is linear in the unit vectors at its lattice points: noise (H W,) = vectors @
    basis (2 nodes, H W).

    The vectors' x components come first. A node reaches the four cells around it, where its weight
    falls from 1 to 0 along each axis by 1 - 6 t^5 + 15 t^4 - 10 t^3, and contributes the product of
    its vector with the offset from it.
    """
    offset = (
        torch.arange(size) * (CELLS / size) - torch.arange(CELLS + 1)[:, None]
    )  # (nodes an axis, pixels), in cells
    t = offset.abs().clamp(max=1)
    fade = 1 - t**3 * (t * (6 * t - 15) + 10)
    ramp = fade * offset
    basis = torch.stack(
        (torch.einsum("ah,bw->abhw", fade, ramp), torch.einsum("ah,bw->abhw", ramp, fade))
    )
    return basis.reshape(2 * NODES, size * size)
