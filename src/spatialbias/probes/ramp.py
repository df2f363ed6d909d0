"""What a coordinate layer adds to a convolution: the two terms of its response, its work, and how
straight its ramp is.
"""

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from spatialbias.layers import CoordConv2d, coordinate_grid


@torch.no_grad()
def terms(
    layer: CoordConv2d, height: int, width: int, x: Tensor | None = None
) -> tuple[Tensor | None, Tensor]:
    """The two summands of the layer's response: to the features (B, C, H, W), with the bias, as
    (B, C_out, H', W'), and once for the batch that to the coordinates, (1, C_out, H', W').
    """
    features, position = layer.weight.tensor_split([layer.in_channels], dim=1)
    maps = layer.coordinates(height, width, layer.weight.dtype, layer.weight.device)[None]
    first = None if x is None else layer._conv_forward(x, features, layer.bias)
    return first, layer._conv_forward(maps, position, None)


def concatenated(layer: CoordConv2d, x: Tensor) -> Tensor:
    """The layer by its definition: coordinates behind the features of every image, then one
    convolution.
    """
    maps = layer.coordinates(*x.shape[-2:], x.dtype, x.device).expand(len(x), -1, -1, -1)
    return layer._conv_forward(torch.cat((x, maps), 1), layer.weight, layer.bias)


@torch.no_grad()
def multiply_adds(run, *arguments) -> int:
    """Multiplications with an addition that a call takes."""
    counter = FlopCounterMode(display=False)
    with counter:
        run(*arguments)
    return counter.get_total_flops() // 2


def off_plane(response: Tensor, margin: int) -> float:
    """How far a filter's response (H, W) is from a plane inside the margin, as a share of its
    range there.
    """
    H, W = response.shape
    grid = coordinate_grid(H, W, torch.float64).permute(1, 2, 0)
    inside = (slice(margin, H - margin), slice(margin, W - margin))
    design = torch.nn.functional.pad(grid[inside].reshape(-1, 2), (0, 1), value=1.0)
    flat = response[inside].double().reshape(-1, 1)
    fit = design @ torch.linalg.lstsq(design, flat).solution
    return float((flat - fit).abs().max() / (flat.max() - flat.min()))
