"""A convolution without weight sharing: every output position has its own kernel.

Source: the locally connected baseline of Elsayed et al. 2020, "Revisiting Spatial Invariance with
Low-Rank Local Connectivity".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .position import check_convolution


class LocallyConnected2d(nn.Module):
    """`nn.Conv2d` with one kernel and one bias for each output position.

    Args: in_channels, out_channels, kernel_size, stride, padding, dilation, bias, padding_mode,
        device, dtype: as in `nn.Conv2d`.
        groups: 1 only.
        input_size: (H, W) of the maps that the layer will see; the weights are tied to it.

    `weight` is (H', W', C_out, C_in, K, K) and `bias` (H', W', C_out), so that
    `layer.weight.copy_(conv.weight)` and `layer.bias.copy_(conv.bias)` (under `torch.no_grad()`)
    make the layer equal to a convolution.

    Raises:
        ValueError: for groups other than 1, sizes that are not positive, negative padding, a dtype
            that is not floating, an input size that leaves no output, or whatever `nn.Conv2d`
            refuses; at the call, for maps of another size or with other channels.
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
        device=None,
        dtype=None,
        *,
        input_size: tuple[int, int],
    ):
        super().__init__()
        if groups != 1:
            raise ValueError(
                f"LocallyConnected2d has no groups (got groups={groups}): use one layer a group"
            )
        check_convolution(in_channels, out_channels, kernel_size, stride, padding, dilation, dtype)
        # A convolution without storage checks the arguments, reads them as nn.Conv2d does and tells
        # the output's size.
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            1,
            bias,
            padding_mode,
            "meta",
            dtype,
        )
        try:
            size = conv(
                torch.empty(1, in_channels, *input_size, device="meta", dtype=conv.weight.dtype)
            ).shape[-2:]
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"input_size={input_size!r}: it must be the (H, W) of a map that the kernel fits: {error}"
            ) from None
        self.in_channels, self.out_channels = in_channels, out_channels
        self.input_size, self.output_size = tuple(input_size), tuple(size)
        self.kernel_size, self.stride, self.dilation = conv.kernel_size, conv.stride, conv.dilation
        self.padding, self.padding_mode = conv.padding, padding_mode
        self.margins = tuple(conv._reversed_padding_repeated_twice)  # left, right, top, bottom
        self.weight = nn.Parameter(
            torch.empty(*size, *conv.weight.shape, device=device, dtype=conv.weight.dtype)
        )
        if bias:
            self.bias = nn.Parameter(
                torch.empty(*size, out_channels, device=device, dtype=conv.weight.dtype)
            )
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every position's kernel as `nn.Conv2d` draws its one: uniform within 1 / sqrt(fan-in)."""
        bound = (self.weight.shape[3:].numel() or 1) ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) or (C_in, H, W) -> (B, C_out, H', W') or (C_out, H', W')."""
        if x.dim() not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ValueError(
                f"this layer takes (B, {self.in_channels}, H, W) or ({self.in_channels}, H, W), got {tuple(x.shape)}"
            )
        if x.dim() == 3:
            return self.forward(x.unsqueeze(0)).squeeze(0)
        if tuple(x.shape[-2:]) != self.input_size:
            raise ValueError(
                f"this layer's weights belong to maps of size {self.input_size}, got {tuple(x.shape[-2:])}: "
                "build it with another input_size, or resize the maps"
            )
        B, (height, width), positions = (
            x.shape[0],
            self.output_size,
            self.output_size[0] * self.output_size[1],
        )
        (kh, kw), (sh, sw), (dh, dw) = self.kernel_size, self.stride, self.dilation
        if any(self.margins):
            x = F.pad(
                x, self.margins, "constant" if self.padding_mode == "zeros" else self.padding_mode
            )
        # With the image index innermost, gathering patches copies runs of B values, and each position is one matrix
        # product: 3 times faster than F.unfold, which puts the position innermost (64 channels,
        # 32x32, batch 32, one thread of an AMX processor, forward + backward, fp32 and bf16).
        x = x.permute(2, 3, 1, 0).contiguous()  # (H, W, C_in, B)
        patches = x.unfold(0, dh * (kh - 1) + 1, sh).unfold(1, dw * (kw - 1) + 1, sw)[
            ..., ::dh, ::dw
        ]
        patches = patches.permute(0, 1, 2, 4, 5, 3).reshape(
            positions, self.in_channels * kh * kw, B
        )  # (P, C K K, B)
        kernels = self.weight.reshape(positions, self.out_channels, -1)  # (P, C_out, C K K)
        if self.bias is None:
            out = torch.bmm(kernels, patches)  # (P, C_out, B)
        else:
            out = torch.baddbmm(self.bias.reshape(positions, -1, 1), kernels, patches)
        return out.reshape(height, width, self.out_channels, B).permute(3, 2, 0, 1).contiguous()

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}"
            + (", bias=False" if self.bias is None else "")
            + (f", padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "")
            + f", input_size={self.input_size}"
        )
