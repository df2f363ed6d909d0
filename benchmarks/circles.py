"""The baseline of the coloured circles: one image at a time, one pixel at a time, as one would
first write it down.

From the same uniform numbers it makes the image that `datasets.circles` makes, but for the rounding
of the background.
"""

import math
import time

import numpy as np

from benchmarks.measuring import Row, ratios, row
from spatialbias.datasets import circles


def perlin(angles: np.ndarray, size: int) -> np.ndarray:
    """Noise (size, size) from the angles of a lattice's unit vectors (CELLS + 1, CELLS + 1)."""
    cell, noise = size // circles.CELLS, np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            (a, v), (b, u) = divmod(i / cell, 1), divmod(j / cell, 1)
            fade_v, fade_u = (t**3 * (t * (6 * t - 15) + 10) for t in (v, u))
            for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
                weight = (fade_v if down else 1 - fade_v) * (fade_u if across else 1 - fade_u)
                angle = angles[int(a) + down, int(b) + across]
                noise[i, j] += weight * (
                    math.cos(angle) * (u - across) + math.sin(angle) * (v - down)
                )
    return noise


def image(uniform: np.ndarray, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """One row of uniform numbers, as `datasets.circles.generate` draws them, to an image (3, size,
    size) and its labels.
    """
    nodes = circles.CELLS + 1
    pixels, label = np.empty((3, size, size), np.uint8), np.zeros((size, size), np.int64)
    for channel, angles in enumerate(
        uniform[: 3 * nodes**2].reshape(3, nodes, nodes) * 2 * math.pi
    ):
        noise = perlin(angles, size)
        pixels[channel] = np.round((noise - noise.min()) / (noise.max() - noise.min()) * 127.5)
    for circle in uniform[3 * nodes**2 :].reshape(circles.CIRCLES, 5):
        yellow, x, y, radius, kind = (int(value) for value in circles.place(circle[None], size))
        for i in range(size):
            for j in range(size):
                if (i - y) ** 2 + (j - x) ** 2 <= radius**2:
                    pixels[:, i, j], label[i, j] = (255, 255 * yellow, 0), kind
    return pixels, label


def rows(n: int, seed: int = 0) -> np.ndarray:
    """The uniform numbers of `n` images."""
    return np.random.default_rng(seed).random((n, circles.NUMBERS))


def part(quick: bool) -> list[Row]:
    """Making images of the published size, in processor time."""
    ours, loop = [], []
    for seed in range(1 if quick else 5):
        images = 10 if quick else 250
        start = time.process_time()
        circles.generate(images, 128, np.random.default_rng(seed))
        ours.append((time.process_time() - start) / images)
        start = time.process_time()
        image(rows(1, seed)[0])
        loop.append(time.process_time() - start)
    return [
        row(
            "circles",
            "an image of 128 x 128",
            f"{1e3 * min(ours):.2g} ms",
            f"{1e3 * min(loop):.3g} ms, pixel by pixel",
            ratios(loop, ours),
            shown="{:.0f}x",
        )
    ]
