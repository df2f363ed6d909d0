"""Ways to tell a convolution where it is, for the experiments that ask which of them matters."""

import math

import torch
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.layers.coordconv import CoordConv2d
from spatialbias.layers.position import coordinate_grid

COORDINATES = ("xy", "none", "blank", "exchanged", "fourier", "random", "table")


class MapConv2d(CoordConv2d):
    """CoordConv2d with any maps (D, H, W) in the place of coordinates, fixed or learnt; they tie it
    to one map size. Fixed maps are neither parameters nor buffers: no `state_dict` holds them, and
    no way of loading a network loses them.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, maps: Tensor, **options
    ):
        nn.Conv2d.__init__(self, in_channels + len(maps), out_channels, kernel_size, **options)
        self.in_channels, self.radius = in_channels, False
        self.maps = maps

    def coordinates(
        self, height: int, width: int, dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        return self.maps.to(device, dtype)


def position_maps(kind: str, height: int, width: int) -> Tensor:
    """Other things than x and y to tell a network about its positions: (D, height, width).

    "blank": one channel of ones. "exchanged": x scaled by the height and y by the width, the
    released code's slip, which shows where the two differ. "fourier": sine and cosine of four
    octaves of x and of y (D = 16). "random": two fixed random maps. "table": two learnt values a
    position. All but the last are on the processor, whatever the default device.
    """
    if kind == "blank":
        return torch.ones(1, height, width, device="cpu")
    if kind == "exchanged":
        x = 2 * torch.arange(width, device="cpu") / max(height - 1, 1) - 1
        y = 2 * torch.arange(height, device="cpu") / max(width - 1, 1) - 1
        return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))
    if kind == "fourier":
        return fourier(coordinate_grid(height, width, device="cpu"))
    if kind == "random":
        return torch.empty(2, height, width, device="cpu").uniform_(
            -1, 1, generator=torch.Generator("cpu").manual_seed(0)
        )
    return nn.Parameter(torch.empty(2, height, width).uniform_(-1, 1))  # table


def fourier(places: Tensor, dim: int = 0) -> Tensor:
    """Places in [-1, 1] -> sine and cosine of four octaves of each coordinate, along `dim`. The
    first goes round once, so that -1 and 1 have the same code.
    """
    phases = torch.cat([places * (math.pi * 2**octave) for octave in range(4)], dim)
    return torch.cat((phases.sin(), phases.cos()), dim)


def convolution(
    kind: str,
    in_channels: int,
    out_channels: int,
    kernel: int,
    size: tuple[int, int],
    radius: bool = False,
    **options,
) -> nn.Conv2d:
    """A convolution on maps of `size` that is told its positions in one of the ways of
    `COORDINATES`.
    """
    one_of(COORDINATES, coordinates=kind)
    if radius and kind != "xy":
        raise ValueError(f"radius=True needs coordinates='xy', not {kind!r}")
    if kind == "none":
        return nn.Conv2d(in_channels, out_channels, kernel, **options)
    if kind == "xy":
        return CoordConv2d(in_channels, out_channels, kernel, radius=radius, **options)
    return MapConv2d(in_channels, out_channels, kernel, position_maps(kind, *size), **options)


def told(where: str, layers: int) -> list[bool]:
    """Which of the layers see coordinates: "first", "all", or one of them by its number, from
    "1".
    """
    if where not in ("first", "all", *map(str, range(1, layers + 1))):
        raise ValueError(
            f"where={where!r}: it must be 'first', 'all' or a layer from '1' to '{layers}'"
        )
    return [
        where in ("all", str(layer)) or (where == "first" and layer == 1)
        for layer in range(1, layers + 1)
    ]


def initialise_(network: nn.Module, init: str = "he") -> nn.Module:
    """Draw the weights of a network's convolutions and dense layers; biases zero.

    "he": normal with deviation sqrt(2 / fan-in), cut at two deviations, as Liu et al. do. "glorot":
    uniform within sqrt(6 / (fan-in + fan-out)), TensorFlow's default, which D'Cruz leaves in place.
    """
    one_of(("he", "glorot"), init=init)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if init == "he":
                _he_normal_(layer.weight)
            else:
                nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network


def _he_normal_(weight: Tensor) -> None:
    fan_in = weight[
        0
    ].numel()  # of a transposed convolution: C_out K K, as in the sources' framework
    std = math.sqrt(2 / fan_in) / 0.87962566103423978  # the deviation that is left after cutting
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
