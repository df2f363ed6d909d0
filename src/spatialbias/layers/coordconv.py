"""CoordConv: a convolution that also sees where it is.

Source: Liu et al. 2018, "An intriguing failing of convolutional neural networks and the CoordConv
solution".
"""

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from .position import (
    Unscriptable,
    add_position,
    arguments_of,
    check_convolution,
    coordinate_grid,
)

torch.fx.wrap("add_position")
torch.fx.wrap("coordinate_grid")


class CoordConv2d(Unscriptable, nn.Conv2d):
    """Convolution over [x, coordinates]: `nn.Conv2d` with two (or three) input channels more, which
    it fills in itself.

    Args:
        radius: append r = sqrt(x² + y²), from 0 at the map's centre to sqrt(2) at its corners.
        groups: 1 only.
        others: as in `nn.Conv2d`; the coordinates are padded as the features are.

    Coordinates are x (column), then y (row), each in [-1, 1] over the input map, 0 along an axis of
    size 1. The input is not copied: conv([x, coordinates]) = conv(x) + conv(coordinates), and the
    second term is computed once for the batch. `weight` is (C_out, C_in + 2 or 3, K, K), features
    first, then x, y, r: the weights of a layer that concatenates. With zero coordinate weights this
    is `nn.Conv2d`.

    Memory: the coordinates' windows are laid out, D K² numbers a position of the output (D is 2, or
    3 with `radius`), once for the batch, and kept for the backward pass. That is 18 maps for 3 x 3
    kernels, but 1,922 for 31 x 31: 2 GB in single precision on maps of 512 x 512.
    `CoordBiasConv2d`, which knows no r and differs otherwise at padded borders only, needs 2
    maps.

    Raises:
        ValueError: for groups other than 1, sizes that are not positive, negative padding, a dtype
            that is not floating, and for whatever `nn.Conv2d` refuses.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        radius: bool = False,
    ):
        if groups != 1:
            raise ValueError(
                f"CoordConv2d has no groups (got groups={groups}), as every filter sees the coordinates: "
                "use CoordBiasConv2d, or nn.Conv2d with groups and a 1x1 CoordConv2d after it"
            )
        check_convolution(in_channels, out_channels, kernel_size, stride, padding, dilation, dtype)
        channels = in_channels + 2 + bool(radius)
        super().__init__(
            channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            1,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.in_channels, self.radius = in_channels, bool(radius)

    @classmethod
    def from_conv(cls, conv: nn.Conv2d, *, radius: bool = False) -> "CoordConv2d":
        """The layer that answers as this convolution does, and can learn to use coordinates: its
        weights are copied, those of the coordinates are zero.

        Raises:
            ValueError: for a convolution with groups, or a layer that is no `nn.Conv2d`.
        """
        layer = cls(conv.in_channels, conv.out_channels, **arguments_of(conv), radius=radius)
        with torch.no_grad():
            layer.weight.zero_()[:, : conv.in_channels] = conv.weight
            if conv.bias is not None:
                layer.bias.copy_(conv.bias)
        return layer

    def coordinates(
        self, height: int, width: int, dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        """What is appended to a map of this size: (2 or 3, height, width)."""
        grid = coordinate_grid(height, width, dtype, device)
        return torch.cat((grid, grid.norm(dim=0, keepdim=True))) if self.radius else grid

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) or (C_in, H, W) -> (B, C_out, H', W') or (C_out, H', W')."""
        features, position = self.weight.tensor_split([self.in_channels], dim=1)
        out = self._conv_forward(x, features, self.bias)
        height, width = x.shape[-2:]
        patches = self.coordinates(height, width, out.dtype, out.device)
        if (
            self.kernel_size != (1, 1)
            or self.stride != (1, 1)
            or any(self._reversed_padding_repeated_twice)
        ):
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            patches = F.pad(patches[None], self._reversed_padding_repeated_twice, mode)
            patches = F.unfold(patches, self.kernel_size, self.dilation, 0, self.stride)[0]
        return add_position(out, position.flatten(1), patches.flatten(1))

    def extra_repr(self) -> str:
        return super().extra_repr() + (", radius=True" if self.radius else "")
