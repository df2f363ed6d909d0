"""A convolution without weight sharing: every output position has its own kernel.

Source: the locally connected baseline of Elsayed et al. 2020, "Revisiting Spatial Invariance with
Low-Rank Local Connectivity".
"""

import torch
import torch.fx
from torch import Tensor, nn

from .position import arguments_of
from .positioned import Geometry, PositionedConv2d, all_at_once, drawn

torch.fx.wrap("all_at_once")


class LocallyConnected2d(PositionedConv2d):
    """`nn.Conv2d` with one kernel and one bias for each output position.

    Args:
        input_size: (H, W) of the maps that the layer will see, or one number for both; the weights
            are tied to it.
        groups: 1 only.
        others: as in `nn.Conv2d`.

    `weight` is (H', W', C_out, C_in, K, K) and `bias` (H', W', C_out), so that
    `layer.weight.copy_(conv.weight)` and `layer.bias.copy_(conv.bias)` (under `torch.no_grad()`)
    make the layer equal to a convolution.

    Takes maps (B, C_in, H, W), or one without B, and returns (B, C_out, H', W').

    On a CPU, batches of 32 or more are computed row by row (forward and backward): sums are taken in
    another order, so an image's output may differ in its last bits from what it is in a smaller
    batch, and from that of a traced or exported layer, which always takes the plain form.

    Raises:
        ValueError: for groups other than 1, sizes that are not positive, negative padding, a dtype
            that is not floating, an input size that leaves no output, or whatever `nn.Conv2d`
            refuses; at the call, for maps of another size, with other channels or of another dtype.
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
        input_size: int | tuple[int, int],
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            padding_mode,
            dtype,
            input_size,
        )
        options = {"device": device, "dtype": self.kernel_dtype}
        self.weight = nn.Parameter(torch.empty(*self.output_size, *self.kernel_shape, **options))
        if bias:
            self.bias = nn.Parameter(torch.empty(*self.output_size, out_channels, **options))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    @classmethod
    def from_conv(
        cls, conv: nn.Conv2d, *, input_size: int | tuple[int, int]
    ) -> "LocallyConnected2d":
        """The layer that answers as this convolution does on maps of this size: its kernel stands
        at every position.

        Raises:
            ValueError: for a convolution with groups, a map that its kernel does not fit, or a layer
                that is no `nn.Conv2d`.
        """
        layer = cls(
            conv.in_channels, conv.out_channels, **arguments_of(conv), input_size=input_size
        )
        with torch.no_grad():
            layer.weight.copy_(conv.weight)
            if conv.bias is not None:
                layer.bias.copy_(conv.bias)
        return layer

    def reset_parameters(self) -> None:
        """Every position's kernel as `nn.Conv2d` draws its one: uniform within 1 / sqrt(fan-in)."""
        bound = (self.weight.shape[3:].numel() or 1) ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def respond(self, x: Tensor) -> Tensor:
        plain = isinstance(x, torch.fx.Proxy) or drawn()  # a graph takes the plain form
        if not plain and x.device.type == "cpu" and x.shape[0] >= 32:
            # 1.2 to 3 times faster, with a row's patches in memory rather than all (16 to 64
            # channels, batches of 32 to 128, forward and backward, one thread, fp32 and bf16)
            return self.row_by_row(x, self.weight, None, self.bias)
        at = Geometry(self.kernel_size, self.stride, self.dilation, (0,) * 4, self.output_size)
        return all_at_once(self.padded(x), self.weight, None, self.bias, at)
