"""The baseline: one trial in the plainest PyTorch way. Nothing of the engine is used, on purpose.

DataLoader, fp32, the default memory format, torch's own Adam, Coordinet's layers as the source
writes them, and shifts made anew, batch by batch, for each network that is tested. It does the same
work as a trial of the engine, and learns the same function.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from spatialbias import models


def build(name: str) -> nn.Module:
    """A network of the book, without shortcuts."""
    return models.build(name, **({"folded": False} if name == "coordinet" else {}))


def train(
    model: nn.Module,
    images: Tensor,
    target: Tensor,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int = 64,
) -> float:
    """Fit to normalised images (N, C, H, W) and classes (N,); returns the mean loss over them,
    which is computed after each epoch, as the stop rule asks.
    """
    loader = DataLoader(TensorDataset(images, target), batch_size, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), learning_rate)
    loss = float("nan")
    for _ in range(epochs):
        model.train()
        for batch, classes in loader:
            optimiser.zero_grad()
            F.cross_entropy(model(batch), classes).backward()
            optimiser.step()
        loss, _ = evaluate(model, images, target)
    return loss


@torch.no_grad()
def evaluate(
    model: nn.Module,
    images: Tensor,
    target: Tensor,
    prepare: Callable[[Tensor], Tensor] = lambda x: x,
    batch_size: int = 250,
) -> tuple[float, float]:
    """Mean loss and accuracy on images (N, C, H, W) after `prepare`: shifting, normalising, or
    both.
    """
    model.eval()
    loss = right = 0.0
    for batch, classes in DataLoader(TensorDataset(images, target), batch_size):
        output = model(prepare(batch))
        loss += float(F.cross_entropy(output, classes, reduction="sum"))
        right += int((output.argmax(1) == classes).sum())
    return loss / len(target), right / len(target)
