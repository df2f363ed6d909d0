"""The three-layer network of the low-rank local connectivity study, in which one layer is replaced.

Source: Elsayed, Ramachandran, Shlens and Kornblith 2020, as the released code has the network.
"""

import math

import torch
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.layers.coordconv import CoordConv2d
from spatialbias.layers.locally_connected import LocallyConnected2d
from spatialbias.layers.lrlc import LRLC2d

LAYERS = ("conv", "wide", "lrlc", "local")
FIXED = ("none", "uniform", "blocks")  # combining weights that are not learnt


class local_cnn(nn.Sequential):  # noqa: N801  (models go by the names that trials use)
    """Images (B, channels, size, size) -> logits (B, classes): three valid 3x3 convolutions, each
    with batch norm and ReLU, global average pooling, a linear layer.

    76,490 parameters for CIFAR-10. Filters start He-uniform, as in the source; layers before the
    replaced one start with the same filters whatever replaces it.

    Args:
        channels, size, classes: of the images.
        width: channels of each layer.
        layer: what stands in the place of the convolution. "wide": a convolution with about as many
            parameters as "lrlc" of this rank. "local": `LocallyConnected2d`, with a bias a position.
        where: which layer is replaced: "1", "2", "3" or "all".
        rank, weights, spatial_bias: of `LRLC2d`.
        fixed: combining weights that are not learnt. "uniform": the same everywhere, so that the
            filters are a sum of `rank` banks and nothing is local. "blocks": `rank` (a square
            number) blocks of the map, each with a bank of its own.
        pooling: "mean", or "flatten", which keeps the positions of the last map apart.
        coordinates: the first layer is `CoordConv2d`.
    """

    def __init__(
        self,
        channels: int = 3,
        size: int = 32,
        classes: int = 10,
        width: int = 64,
        layer: str = "conv",
        where: str = "3",
        rank: int = 1,
        weights: str = "row_col",
        spatial_bias: bool = False,
        fixed: str = "none",
        pooling: str = "mean",
        coordinates: bool = False,
    ) -> None:
        one_of(LAYERS, layer=layer)
        one_of(("1", "2", "3", "all"), where=where)
        one_of(FIXED, fixed=fixed)
        one_of(("mean", "flatten"), pooling=pooling)
        if size < 7:
            raise ValueError(f"size={size}: three valid 3x3 convolutions need at least 7 pixels")
        layers: list[nn.Module] = []
        for number in "123":
            kind = layer if where in (number, "all") else "conv"
            filters = width
            if kind == "lrlc":
                made = _low_rank(channels, width, size, rank, weights, spatial_bias, fixed)
            elif kind == "local":
                made = LocallyConnected2d(channels, width, 3, input_size=(size, size))
                nn.init.zeros_(made.bias)
            else:
                if kind == "wide":
                    filters = wide(rank, channels, width, last=number == "3")
                convolution = CoordConv2d if coordinates and number == "1" else nn.Conv2d
                made = convolution(channels, filters, 3, bias=False)
            he_uniform_(made.weight)
            layers += [made, nn.BatchNorm2d(filters), nn.ReLU()]
            channels, size = filters, size - 2
        if pooling == "mean":
            layers.append(nn.AdaptiveAvgPool2d(1))
        features = channels * (1 if pooling == "mean" else size * size)
        super().__init__(*layers, nn.Flatten(), nn.Linear(features, classes))

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        for layer in self:
            images = layer(images)
        return images


def wide(rank: int, in_channels: int, width: int, last: bool) -> int:
    """How many filters give a convolution the parameters of `rank` filter banks, as the source
    counts: those of the next layer, if there is one, count too.
    """
    if last:
        return rank * width
    return math.floor((rank * in_channels + width) / (in_channels + width) * width)


def he_uniform_(weight: Tensor) -> None:
    """Uniform within sqrt(6 / fan-in), in place; kernels of any layer, (..., C_in, K, K)."""
    bound = math.sqrt(6 / (weight.shape[-3:].numel() or 1))
    nn.init.uniform_(weight, -bound, bound)


def _low_rank(
    channels: int,
    width: int,
    size: int,
    rank: int,
    weights: str,
    spatial_bias: bool,
    fixed: str,
) -> LRLC2d:
    layer = LRLC2d(
        channels,
        width,
        3,
        bias=False,
        input_size=(size, size),
        rank=rank,
        weights="table" if fixed == "blocks" else weights,
        combining=None if fixed == "blocks" else "softmax",
        spatial_bias=spatial_bias,
    )
    if fixed == "blocks":
        side = math.isqrt(rank)
        if side * side != rank:
            raise ValueError(f"rank={rank}: fixed='blocks' needs a square number of blocks")
        block = torch.arange(size - 2) * side // (size - 2)
        own = block[:, None] * side + block == torch.arange(rank)[:, None, None]  # (R, H', W')
        with torch.no_grad():
            layer.logits.copy_(own)
    if fixed != "none":
        for logits in (layer.row_logits, layer.column_logits, layer.logits):
            if logits is not None:
                logits.requires_grad_(False)
    return layer
