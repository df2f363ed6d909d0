"""What the explorer's controls do to images, by the book's own shifts; explorer.js does the same to
one grey level.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from spatialbias import shifts
from spatialbias.datasets import Batch, Data
from spatialbias.datasets.images import arrange


@dataclass(frozen=True)
class View:
    """One setting of the controls, applied from top to bottom; the defaults change nothing.

    turn: degrees counter-clockwise. crop: pixels of the central part that is enlarged; None is all.
    right, down: pixels. blur: pixels by which the image is shrunk before it is enlarged again.
    noise: standard deviation in grey levels. corners: black outside the inscribed disc. scramble:
    the pixels in the order of the book's permutation.
    """

    turn: float = 0
    crop: int | None = None
    right: int = 0
    down: int = 0
    blur: int = 0
    noise: float = 0
    corners: bool = False
    scramble: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images (B, C, H, W), the same shape and type out."""
        side = images.shape[3]
        if self.turn:
            images = shifts.rotate(images, self.turn)
        if self.crop not in (None, side):
            images = shifts.resized_crop(images, self.crop)
        if self.right or self.down:
            images = shifts.shift_by(images, self.down, self.right)
        if self.blur:
            images = shifts.blur(images, side - self.blur)
        if self.noise:
            noisy = images + self.noise / 32 * grain(tuple(images.shape[1:])).float()
            images = noisy.round().clamp(0, 255).to(torch.uint8)
        if self.corners:
            images = shifts.mask_disc(images)
        if self.scramble:
            places = order(*images.shape[2:])
            images = images.flatten(2)[:, :, places].view_as(images)
        return images


def grain(size: tuple[int, int, int]) -> Tensor:
    """One fixed sample of noise (C, H, W), int8, in 32nds of its standard deviation."""
    noise = torch.randn(size, generator=torch.Generator().manual_seed(32))
    return (32 * noise).round().clamp(-127, 127).to(torch.int8)


def order(height: int, width: int) -> Tensor:
    """Which pixel comes to each place (H W,) by the permutation of the page on Coordinet's
    hypotheses.
    """
    places = Batch((torch.arange(height * width).view(1, 1, height, width),), torch.zeros(1))
    return arrange(Data(places, places, "places"), "fixed", "grid").train.inputs[0].flatten()
