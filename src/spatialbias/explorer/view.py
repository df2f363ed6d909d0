"""The ways to look at a picture: one view for every setting of the sliders, and the row of views of
a shift.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from spatialbias import shifts
from spatialbias.components import one_of


@dataclass(frozen=True)
class View:
    """Turn by `degrees` counter-clockwise, then enlarge the central `crop` pixels (None: all), then
    move.
    """

    degrees: int = 0
    crop: int | None = None
    right: int = 0
    down: int = 0

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images (B, C, H, W), the same shape and type out."""
        if self.degrees:
            images = shifts.rotate(images, self.degrees)
        if self.crop not in (None, images.shape[3]):
            images = shifts.resized_crop(images, self.crop)
        return shifts.shift_by(images, self.down, self.right) if self.right or self.down else images


@dataclass(frozen=True)
class Shift:
    """A row of views: what is drawn, how an amount is written, and its view of images with a given
    side in pixels.
    """

    amounts: tuple[int, ...]
    unit: str
    view: Callable[[int, int], View]


SHIFTS = {  # crops and moves are given in 32nds of the side, as everywhere in the book
    "rotation": Shift((0, 20, 40, 60, 80), "°", lambda amount, side: View(degrees=amount)),
    "resized_crop": Shift(
        (32, 30, 28, 26, 24), " px", lambda amount, side: View(crop=round(amount * side / 32))
    ),
    "translation": Shift(
        (0, 2, 4, 6, 8), " px", lambda amount, side: View(right=round(amount * side / 32))
    ),
}


def known(shift: str) -> Shift:
    """The shift of that name; ValueError with the names that exist."""
    one_of(SHIFTS, shift=shift)
    return SHIFTS[shift]
