"""What a data set hands to a network: `model(*batch.inputs, *batch.shared)` is to be close to
`batch.target`.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # names of data sets are looked up without torch
    from torch import Tensor


@contextmanager
def usual_defaults():
    """Torch's own default dtype and device, whatever a program has set for itself: data and trials
    are described without them. Also a decorator.
    """
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        elsewhere = torch.get_default_device().type != "cpu"  # a device context costs at every call
        with torch.device("cpu") if elsewhere else nullcontext():
            yield
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True)
class Batch:
    """Examples as tensors whose first axis counts them; `shared` inputs are the same for every
    example.
    """

    inputs: tuple[Tensor, ...]
    target: Tensor
    shared: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: Tensor | slice) -> Batch:
        return replace(self, inputs=tuple(x[index] for x in self.inputs), target=self.target[index])


@dataclass(frozen=True)
class Data:
    """Training and test examples of one data set. `source` says where they came from (found,
    downloaded, made).
    """

    train: Batch
    test: Batch
    name: str
    classes: tuple[str, ...] = ()
    source: str = ""
    mean: tuple[
        float, ...
    ] = ()  # by channel, of the training images, in [0, 1]: inputs are normalised with them
    std: tuple[float, ...] = ()

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images (B, C, H, W) to float32 of zero mean and unit deviation by channel; others
        are returned as they are.
        """
        if not self.mean or images.is_floating_point():
            return images
        mean = images.new_tensor(self.mean, dtype=images.new_empty(0).float().dtype).view(-1, 1, 1)
        std = mean.new_tensor(self.std).view(-1, 1, 1)
        return (images.float() / 255 - mean) / std
