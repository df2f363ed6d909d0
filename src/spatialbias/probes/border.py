"""Where a network looks: the paths from a pixel through its windows, and how much an answer leans on
each pixel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias import shifts


def paths(model: nn.Module, size: int) -> Tensor:
    """How many paths lead from each pixel through the windows of a stack of convolutions to its
    last map, (size, size).
    """
    with torch.enable_grad():
        h = pixels = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                ones = h.new_ones(1, 1, *layer.kernel_size)
                h = F.conv2d(h, ones, None, layer.stride, layer.padding, layer.dilation)
        return torch.autograd.grad(h.sum(), pixels)[0][0, 0]


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
