"""The coloured circles seen by observers who are not told a position: what can be known without
knowing where.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spatialbias.datasets import circles


@dataclass(frozen=True)
class Scenes:
    """The circles of n images, (n, 3) each, in the order in which they are drawn; `visible` counts
    pixels not covered by later ones.
    """

    yellow: Tensor
    x: Tensor
    y: Tensor
    radius: Tensor
    kind: Tensor
    visible: Tensor
    size: int

    @property
    def cut(self) -> Tensor:
        """Which of them the lower edge cuts off."""
        return self.y + self.radius >= self.size

    @property
    def overlap(self) -> Tensor:
        """Which images (n,) have at least two circles that touch."""
        first, second = (0, 0, 1), (1, 2, 2)
        apart = (self.x[:, first] - self.x[:, second]).square() + (
            self.y[:, first] - self.y[:, second]
        ).square()
        return (apart <= (self.radius[:, first] + self.radius[:, second]).square()).any(1)


def scenes(n: int, size: int = 128, seed: int = 0, part: int = 0) -> Scenes:
    """The circles of the first `n` images of a part (0: training, 1: test): the generator's
    numbers, drawn again.
    """
    drawn = np.random.default_rng([seed, part]).random((n, circles.NUMBERS))
    parts = [
        circles.place(c, size)
        for c in np.split(drawn[:, -5 * circles.CIRCLES :], circles.CIRCLES, axis=1)
    ]
    yellow, x, y, radius, kind = (torch.stack(values, 1) for values in zip(*parts))
    visible, later = torch.empty_like(x), torch.zeros(n, size, size, dtype=torch.bool)
    for k in reversed(range(circles.CIRCLES)):
        disc = circles.discs(x[:, k], y[:, k], radius[:, k], size)
        visible[:, k] = (disc & ~later).flatten(1).sum(1)
        later |= disc
    return Scenes(yellow.bool(), x, y, radius, kind, visible, size)


def beliefs(drawn: Scenes, axis: str) -> dict[str, Tensor]:
    """P(the circle lies right, or low) for every circle (n, 3), as believed by observers to whom
    positions are not told.

    Exact, for the generator draws positions uniformly: a belief counts the shifts of what is seen
    that its rules allow. "colour" knows no more than how often it is so; "size" sees the circle's
    radius; "edge" sees besides whether the lower edge cuts it; "scene" sees all circles of the
    image, whole, and only not where the scene lies.
    """
    half, size, r = drawn.size // 2, drawn.size, drawn.radius[..., None]
    shifts = torch.arange(1 - size, size)
    place = (drawn.x if axis == "x" else drawn.y)[..., None] + shifts  # (n, 3, shifts)
    if axis == "x":
        allowed = ((place >= r) & (place + r < half)) | ((place >= half + r) & (place + r < size))
    else:
        allowed = (place >= r) & (place < size)
    beyond = place > half

    def belief(possible: Tensor) -> Tensor:
        return (beyond & possible).sum(-1) / possible.sum(-1)

    alone = belief(allowed)
    cut = place + r >= size
    same = belief(allowed & (cut == drawn.cut[..., None])) if axis == "y" else alone
    return {
        "colour": torch.full_like(alone, float(alone.mean())),
        "size": alone,
        "edge": same,
        "scene": belief(allowed.all(1, keepdim=True).expand_as(allowed)),
    }


def trade_off(drawn: Scenes, belief: Tensor, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Recall of pixels on the far side (right or low) and on the near one, for every threshold on
    `belief`; yellow by x, red by y.
    """
    here = drawn.yellow if axis == "x" else ~drawn.yellow
    far = (drawn.x if axis == "x" else drawn.y) > drawn.size // 2
    values, weight = belief[here].numpy(), drawn.visible[here].double().numpy()
    order = np.argsort(-values, kind="stable")
    hits = np.where(far[here].numpy(), weight, 0)[order].cumsum()
    false = np.where(far[here].numpy(), 0, weight)[order].cumsum()
    last = np.append(
        np.flatnonzero(np.diff(values[order])), len(order) - 1
    )  # equal beliefs are answered alike, or by lot
    return np.append(0, hits[last] / hits[-1]), np.append(1, 1 - false[last] / false[-1])
