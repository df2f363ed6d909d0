"""Coordinate bias: a convolution whose bias is a ramp over the map.

Source: pskugit, "custom-conv2d: a study for a custom convolution layer in which the x and y
components of an image pixel are added to the kernel inputs", 2020.
"""

from contextlib import contextmanager

import torch
import torch.fx
from torch import Tensor, nn

from .position import Unscriptable, add_position, arguments_of, check_convolution

torch.fx.wrap("add_position")


@contextmanager
def random_aside():
    """Draw what only one of two compared networks has, and leave the CPU's random state as it was
    for all else.

    The state inside is another one, for the numbers drawn here would otherwise be drawn again after
    it.
    """
    with torch.random.fork_rng(devices=()):
        seed = torch.randint(2**63 - 1, (), device="cpu")
        if (
            type(seed) is Tensor
        ):  # a fake one (FakeTensorMode) has no value; nor is anything drawn then
            torch.default_generator.manual_seed(seed.item())
        yield


@torch.fx.wrap
def unit_grid(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(2, height, width): x, then y, from exactly 0 to exactly 1; 0 along an axis of size 1."""
    exact = torch.promote_types(
        dtype, torch.float32
    )  # whole numbers above 256 do not survive in bfloat16
    x, y = (
        torch.arange(size, dtype=exact, device=device) / max(size - 1, 1)
        for size in (width, height)
    )
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width))).to(dtype)


class CoordBiasConv2d(Unscriptable, nn.Conv2d):
    """`nn.Conv2d` plus b_x X + b_y Y, with two parameters a filter and X, Y in [0, 1] over the
    output map. It takes what `nn.Conv2d` takes.

    `coordinate_bias` is (C_out, 2), x (column) first; it is drawn like a bias, uniform within 1 /
    sqrt(fan-in), and present with `bias=False` too. An axis of size 1 has coordinate 0. The draw
    leaves the random state as `nn.Conv2d` would: whole networks built under one seed with either
    layer share all other weights.

    The layer is CoordConv with 1x1 coordinate filters. Against CoordConv's K x K filters it lacks
    only what they do at padded borders: inside, a kernel applied to a ramp is a ramp plus a
    constant.

    Folding a batch norm into the weights must scale `coordinate_bias` too: torch's
    `fuse_conv_bn_eval` knows nothing of it, and gives another function without a word.

    Raises:
        ValueError: for sizes that are not positive, negative padding, a dtype that is not floating,
            and for whatever `nn.Conv2d` refuses.
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
    ):
        check_convolution(in_channels, out_channels, kernel_size, stride, padding, dilation, dtype)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.coordinate_bias = nn.Parameter(self.weight.new_empty(out_channels, 2))
        self.reset_coordinate_bias()

    @classmethod
    def from_conv(cls, conv: nn.Conv2d) -> "CoordBiasConv2d":
        """The layer that answers as this convolution does, and can learn to use coordinates: its
        weights are copied, the coordinate bias is zero.

        Raises:
            ValueError: for a layer that is no `nn.Conv2d`.
        """
        layer = cls(conv.in_channels, conv.out_channels, **arguments_of(conv))
        with torch.no_grad():
            layer.coordinate_bias.zero_()
            layer.weight.copy_(conv.weight)
            if conv.bias is not None:
                layer.bias.copy_(conv.bias)
        return layer

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if hasattr(self, "coordinate_bias"):  # the parent's constructor resets before there is one
            self.reset_coordinate_bias()

    def reset_coordinate_bias(self) -> None:
        """Uniform within 1 / sqrt(fan-in), leaving the random state as it was."""
        bound = (self.weight[0].numel() or 1) ** -0.5
        with random_aside(), torch.no_grad():
            self.coordinate_bias.copy_(
                torch.empty(self.coordinate_bias.shape, device="cpu").uniform_(-bound, bound)
            )

    def coordinates(
        self, height: int, width: int, dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        """What the coordinate bias multiplies, on an output map of this size: (2, height,
        width).
        """
        return unit_grid(height, width, dtype, device)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) or (C_in, H, W) -> (B, C_out, H', W') or (C_out, H', W')."""
        out = super().forward(x)
        height, width = out.shape[-2:]
        coordinates = self.coordinates(height, width, out.dtype, out.device)
        return add_position(out, self.coordinate_bias, coordinates.flatten(1))
