"""Where a network looks: how much an answer leans on each pixel."""

import torch
from torch import Tensor, nn

from spatialbias import shifts


def reliance(model: nn.Module, x: Tensor) -> Tensor:
    """Squared gradient of the winner's lead (its logit less the mean logit) after each pixel, a
    share of its sum over the image; the mean over images x (B, C, H, W) as the network takes
    them. Returns (H, W).
    """
    model.eval()
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        logits = model(x)
        (slope,) = torch.autograd.grad((logits.max(1).values - logits.mean(1)).sum(), x)
    square = slope.double().square().sum(1)  # (B, H, W)
    return (square / square.sum((1, 2), keepdim=True)).mean(0)


def outside_disc(weight: Tensor) -> float:
    """The share of a map (H, W) of weights that lies outside the inscribed disc."""
    H, W = weight.shape
    disc = shifts.mask_disc(torch.ones(1, 1, H, W, dtype=torch.uint8))[0, 0].bool()
    return float(weight[~disc].sum() / weight.sum())
