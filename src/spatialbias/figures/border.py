"""How much of a picture's border a network sees: the ways from a pixel through its windows, and
where its answer leans on pixels.
"""

import copy
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias import shifts
from spatialbias.explorer.networks import Network, NoNetworks, of, pictures
from spatialbias.figures.numbers import NOTHING
from spatialbias.models import build


def ways(model: nn.Module, size: int) -> Tensor:
    """How many ways lead from each pixel through the windows of a stack of convolutions to its last
    map, (size, size).
    """
    with torch.enable_grad():
        h = pixels = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                h = F.conv2d(
                    h,
                    h.new_ones(1, 1, *layer.kernel_size),
                    None,
                    layer.stride,
                    layer.padding,
                    layer.dilation,
                )
        return torch.autograd.grad(h.sum(), pixels)[0][0, 0]


def reliance(network: Network, images: Tensor) -> Tensor:
    """Squared gradient of the winner's lead (its logit less the mean logit) after each pixel, a
    share of its sum over the picture; the mean over images, (H, W).
    """
    model = copy.deepcopy(network.model).eval()
    with torch.enable_grad():
        x = network.data.normalise(images).requires_grad_()
        logits = model(x)
        (slope,) = torch.autograd.grad((logits.max(1).values - logits.mean(1)).sum(), x)
    square = slope.double().square().sum(1)  # (B, H, W)
    return (square / square.sum((1, 2), keepdim=True)).mean(0)


def shares(weight: Tensor) -> tuple[float, float]:
    """Of a map (H, W) of weights: what lies outside the inscribed disc, and what in the middle
    square of half the side.
    """
    H, W = weight.shape
    disc = shifts.mask_disc(torch.ones(1, 1, H, W, dtype=torch.uint8))[0, 0].bool()
    middle = weight[H // 4 : H - H // 4, W // 4 : W - W // 4]
    return float(weight[~disc].sum() / weight.sum()), float(middle.sum() / weight.sum())


def way_numbers(
    size: int = 32, name: str = "simple_cnn", key: str = "ways", **arguments
) -> dict[str, str]:
    """The ways through an untrained network, for the prose: from a corner, from the middle, and
    what share starts outside the disc.
    """
    found = ways(build(name, size=size, **arguments), size)
    corner, middle = float(found[0, 0]), float(found.max())
    outside, inner = shares(found)
    pixels = float(
        (shifts.mask_disc(torch.ones(1, 1, size, size, dtype=torch.uint8)) == 0).double().mean()
    )
    return {
        f"{key}_corner": f"{corner:,.0f}",
        f"{key}_most": f"{middle / 1e6:,.0f} million" if middle >= 1e6 else f"{middle:,.0f}",
        f"{key}_outside": _percent(outside),
        f"{key}_inner": _percent(inner),
        f"{key}_there": _percent(pixels),
    }


def seen(networks: Mapping | None) -> dict[str, str]:
    """How much the answers of trained networks lean on what lies outside the disc, for the prose;
    `networks` as `explore` takes them.
    """
    numbers = {f"seen_{arm}": NOTHING for arm in ("fully_connected", "simple_cnn", "coordinet")} | {
        "seen_pictures": "0"
    }
    try:
        there = of(networks)
    except NoNetworks:
        return numbers
    images, _, _ = pictures(there)
    for arm, network in there.items():
        numbers[f"seen_{arm}"] = _percent(shares(reliance(network, images))[0])
    return numbers | {"seen_pictures": str(len(images))}


def _percent(share: float) -> str:
    """A share to two digits, or to whole per cent where it is large: "0.0006 %", "92 %"."""
    if share >= 0.095:
        return f"{100 * share:.0f} %"
    return f"{100 * share:.1g} %" if share else "0 %"
