"""What convolution-like layers share whose weights belong to the positions of one size of map: their
arguments, and a fast way to apply a kernel of its own at every position.
"""

from numbers import Integral
from typing import NamedTuple

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from .position import Unscriptable, check_convolution, transformed


class Geometry(NamedTuple):
    """Where a kernel's taps lie; all pairs are (height, width)."""

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    margins: tuple[int, int, int, int]  # zeros around the map: left, right, top, bottom
    output_size: tuple[int, int]


class PositionedConv2d(Unscriptable):
    """`nn.Conv2d`'s arguments, without groups, on maps of one size; a subclass adds the weights.

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
        stride: int | tuple[int, int],
        padding: int | tuple[int, int] | str,
        dilation: int | tuple[int, int],
        groups: int,
        padding_mode: str,
        dtype: torch.dtype | None,
        input_size: int | tuple[int, int],
    ):
        super().__init__()
        if groups != 1:
            raise ValueError(
                f"{type(self).__name__} has no groups (got groups={groups}): use one layer a group"
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
            False,
            padding_mode,
            "meta",
            dtype,
        )
        if isinstance(input_size, Integral):
            input_size = (input_size, input_size)
        try:
            size = conv(
                torch.empty(1, in_channels, *input_size, device="meta", dtype=conv.weight.dtype)
            ).shape[-2:]
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"input_size={input_size!r}: it must be the (H, W) of a map that the kernel fits: {error}"
            ) from None
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        self.input_size, self.output_size = tuple(input_size), tuple(size)
        self.kernel_size, self.stride, self.dilation = conv.kernel_size, conv.stride, conv.dilation
        self.padding, self.padding_mode = conv.padding, padding_mode
        self.margins = tuple(conv._reversed_padding_repeated_twice)  # left, right, top, bottom
        self.kernel_shape = tuple(conv.weight.shape)  # C_out, C_in, K, K
        self.kernel_dtype = conv.weight.dtype

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) or (C_in, H, W) -> (B, C_out, H', W') or (C_out, H', W')."""
        maps = checked(x, self.in_channels, self.input_size)
        return unbatched(self.respond(maps), x)

    def respond(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def check(self, x: Tensor) -> None:
        """Raise ValueError unless these are maps that the layer is for."""
        checked(x, self.in_channels, self.input_size)

    def padded(self, x: Tensor, zeros: bool = True) -> Tensor:
        """The map with its margins; zeros=False leaves margins of zeros to whoever comes next."""
        if not any(self.margins) or (self.padding_mode == "zeros" and not zeros):
            return x
        return F.pad(
            x, self.margins, "constant" if self.padding_mode == "zeros" else self.padding_mode
        )

    def row_by_row(
        self, x: Tensor, kernels: Tensor, combining: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        """`RowByRow` on (B, C_in, H, W)."""
        x = self.padded(x, zeros=False).to(compute_dtype(x))
        margins = self.margins if self.padding_mode == "zeros" else (0, 0, 0, 0)
        geometry = Geometry(self.kernel_size, self.stride, self.dilation, margins, self.output_size)
        with torch.autocast(x.device.type, enabled=False):
            return RowByRow.apply(x, kernels, combining, bias, geometry)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}"
            + (", bias=False" if self.bias is None else "")
            + (f", padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "")
            + f", input_size={self.input_size}"
        )


# Wrapped, for torch.fx.symbolic_trace to pass over.


@torch.fx.wrap
def checked(x: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Maps (B, C, H, W) from such or (C, H, W), if they have these channels and this size."""
    if x.dim() not in (3, 4) or x.shape[-3] != channels:
        raise ValueError(
            f"this layer takes (B, {channels}, H, W) or ({channels}, H, W), got {tuple(x.shape)}"
        )
    if tuple(x.shape[-2:]) != tuple(size):
        raise ValueError(
            f"this layer's weights belong to maps of size {size}, got {tuple(x.shape[-2:])}: "
            "build it with another input_size, or resize the maps"
        )
    return x if x.dim() == 4 else x.unsqueeze(0)


@torch.fx.wrap
def unbatched(out: Tensor, x: Tensor) -> Tensor:
    return out if x.dim() == 4 else out.squeeze(0)


def compute_dtype(x: Tensor) -> torch.dtype:
    """In which a convolution would compute with this input, autocast considered."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    return x.dtype


def drawn() -> bool:
    """Whether a graph is drawn or torch.func transforms what runs: both want plain steps."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or transformed()


def all_at_once(
    x: Tensor, kernels: Tensor, combining: Tensor | None, bias: Tensor | None, at: Geometry
) -> Tensor:
    """What `RowByRow` computes, in plain steps; the patches of all positions are laid out."""
    if combining is not None:
        kernels = torch.einsum("rhw,rocij->hwocij", combining, kernels)
    kernels, bias = kernels.to(x.dtype), None if bias is None else bias.to(x.dtype)
    (height, width), B = at.output_size, x.shape[0]
    (kh, kw), (sh, sw), (dh, dw) = at.kernel_size, at.stride, at.dilation
    if any(at.margins):
        x = F.pad(x, at.margins)
    # The image index stands innermost, so that copies are runs of B values and each position is one
    # matrix product: 3 times faster than F.unfold, which puts the position there (64 channels,
    # 32x32, batch 32, one thread of an AMX processor, forward + backward, fp32 and bf16).
    x = x.permute(2, 3, 1, 0).contiguous()  # (H, W, C_in, B)
    patches = x.unfold(0, dh * (kh - 1) + 1, sh).unfold(1, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw]
    patches = patches.permute(0, 1, 2, 4, 5, 3).reshape(
        height * width, -1 if B else x.shape[2] * kh * kw, B
    )  # (P, C_in K K, B)
    kernels = kernels.reshape(height * width, kernels.shape[2], -1)  # (P, C_out, C_in K K)
    if bias is None:
        out = torch.bmm(kernels, patches)  # (P, C_out, B)
    else:
        out = torch.baddbmm(bias.reshape(height * width, -1, 1), kernels, patches)
    return (
        out.reshape(height, width, -1 if B else kernels.shape[1], B)
        .permute(3, 2, 0, 1)
        .contiguous()
    )


class RowByRow(torch.autograd.Function):
    """A kernel of its own at every position: one row's kernels and patches at a time, forward and
    backward.

    `x` (B, C_in, H, W) in the dtype to compute in. `kernels`: either (H', W', C_out, C_in, K, K), or
    with `combining` (R, H', W') a basis (R, C_out, C_in, K, K) of which each position has a mixture
    of its own; a row's are made by one matrix product, serve the whole batch, and are dropped.
    `bias` (H', W', C_out) or None. Sums over positions are kept in the dtype of the weights.
    """

    @staticmethod
    def forward(x, kernels, combining, bias, at):
        B, (height, width), C_out = x.shape[0], at.output_size, kernels.shape[-4]
        memory = torch.channels_last if channels_last(x) else torch.contiguous_format
        out = torch.empty(B, C_out, height, width, dtype=x.dtype, memory_format=memory)
        patches, basis = _Patches(x, at), _basis(kernels, combining, x.dtype)
        for row in range(height):
            taps = _row_kernels(kernels, basis, combining, row, x.dtype)  # (W', C_out, K K C_in)
            y = torch.bmm(patches.row(row), taps.transpose(1, 2))  # (W', B, C_out)
            if bias is not None:
                y += bias[row, :, None].to(x.dtype)  # baddbmm would take half as long again
            out[:, :, row].copy_(y.permute(1, 2, 0))
        return out

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, ctx.at = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def jvp(ctx, *tangents):
        """The layer is linear in input, kernels, weights and bias, each alone."""
        x, kernels, combining, bias = ctx.saved_tensors
        total = None
        for k, tangent in enumerate(tangents[:3]):
            if tangent is not None:
                inputs = [x, kernels, combining]
                inputs[k] = tangent
                part = all_at_once(*inputs, None, ctx.at)
                total = part if total is None else total + part
        if tangents[3] is not None:
            part = tangents[3].permute(2, 0, 1).expand(x.shape[0], -1, -1, -1)
            total = part if total is None else total + part
        return total

    @staticmethod
    def backward(ctx, grad):
        x, kernels, combining, bias = ctx.saved_tensors
        at, wanted = ctx.at, ctx.needs_input_grad
        if torch.is_grad_enabled():  # a second derivative is asked for
            inputs = [t for t, needed in zip((x, kernels, combining, bias), wanted) if needed]
            out = all_at_once(x, kernels, combining, bias, at)
            found = iter(torch.autograd.grad(out, inputs, grad, create_graph=True))
            return *(next(found) if needed else None for needed in wanted[:4]), None
        height, width = at.output_size
        patches, basis = _Patches(x, at), _basis(kernels, combining, x.dtype)
        d_x = torch.zeros_like(x) if wanted[0] else None
        spread = _Spread(d_x, patches)
        d_combining = torch.empty_like(combining) if wanted[2] else None
        d_bias = torch.empty_like(bias) if wanted[3] else None
        if wanted[1]:
            d_kernels = (
                torch.empty_like(kernels) if combining is None else kernels.new_zeros(basis.shape)
            )
        for row in range(height):
            g = grad[:, :, row].permute(2, 0, 1).contiguous()  # (W', B, C_out)
            if d_bias is not None:
                torch.sum(g, 1, out=d_bias[row]) if g.dtype == d_bias.dtype else d_bias[row].copy_(
                    g.sum(1)
                )
            if wanted[1] or wanted[2]:
                d_taps = torch.bmm(g.transpose(1, 2), patches.row(row))  # (W', C_out, K K C_in)
                if combining is None:
                    d_kernels[row] = _as_kernels(d_taps, kernels.shape[1:])
                else:
                    d_taps = d_taps.flatten(1)
                    if wanted[1]:
                        d_kernels += combining[:, row].to(x.dtype) @ d_taps
                    if wanted[2]:
                        d_combining[:, row] = basis @ d_taps.T
            if d_x is not None:
                taps = _row_kernels(kernels, basis, combining, row, x.dtype)
                spread.add(g, taps, row)
        if wanted[1] and combining is not None:
            d_kernels = _as_kernels(d_kernels, kernels.shape)
        return d_x, d_kernels if wanted[1] else None, d_combining, d_bias, None


def channels_last(x: Tensor) -> bool:
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def _as_taps(kernels: Tensor) -> Tensor:
    """(..., C_out, C_in, K, K) -> (..., C_out, K K C_in): column, row, channel, as patches lie."""
    return kernels.transpose(-3, -1).flatten(-3)


def _as_kernels(taps: Tensor, shape: torch.Size) -> Tensor:
    C_in, kh, kw = shape[-3:]
    return taps.view(*shape[:-3], kw, kh, C_in).transpose(-3, -1)


def _basis(kernels: Tensor, combining: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return (
        None if combining is None else _as_taps(kernels).flatten(1).to(dtype)
    )  # (R, C_out K K C_in)


def _row_kernels(
    kernels: Tensor, basis: Tensor | None, combining: Tensor | None, row: int, dtype: torch.dtype
) -> Tensor:
    """One row's kernels: (W', C_out, K K C_in)."""
    if combining is None:
        return _as_taps(kernels[row]).to(dtype)
    taps = combining[:, row].to(dtype).T @ basis
    return taps.view(len(taps), kernels.shape[1], -1)


class _Patches:
    """The patches under one row of the output after another.

    The rows of the map that kernels of one row see stand side by side, (B, W + margins, K, C_in):
    what is under one position lies in one piece there, and is not copied again (if not dilated).
    """

    def __init__(self, x: Tensor, at: Geometry) -> None:
        left, right, self.top, _ = at.margins
        self.x, self.at, (B, self.C, self.H, self.W) = x, at, x.shape
        self.left = left
        self.rows = x.new_zeros(B, left + self.W + right, at.kernel_size[0], self.C)

    def places(self, row: int):
        """The row of the map that each of the kernel's rows lies on; None in the margin."""
        for tap in range(self.at.kernel_size[0]):
            place = row * self.at.stride[0] + tap * self.at.dilation[0] - self.top
            yield tap, place if 0 <= place < self.H else None

    def row(self, row: int) -> Tensor:
        """(W', B, K K C_in)."""
        inside = self.rows[:, self.left : self.left + self.W]
        for tap, place in self.places(row):
            if place is None:
                inside[:, :, tap].zero_()
            else:
                inside[:, :, tap].copy_(self.x[:, :, place].transpose(1, 2))
        across, column = self.rows.stride()[:2]
        shape = (self.at.output_size[1], len(self.rows), self.at.kernel_size[1], column)
        steps = (self.at.stride[1] * column, across, self.at.dilation[1] * column, 1)
        return self.rows.as_strided(shape, steps).flatten(2)


class _Spread:
    """The gradient of the map, from one row of the output after another.

    Products are added to the rows of the map that they belong to, which lie (W + margins, B, C_in)
    meanwhile, and are written down when no later row of the output reaches them. (Adding patches to
    the map is slow in bfloat16: with 16 channels it takes five times as long as the products.)
    """

    def __init__(self, d_x: Tensor, patches: "_Patches") -> None:
        self.d_x, self.patches = d_x, patches
        self.open: dict[int, Tensor] = {}
        self.free: list[Tensor] = []

    def add(self, grad: Tensor, taps: Tensor, row: int) -> None:
        """`grad` (W', B, C_out) and `taps` (W', C_out, K K C_in) of one row of the output."""
        at, C = self.patches.at, self.patches.C
        kh, kw = at.kernel_size
        step, width = at.stride[1], at.stride[1] * (len(grad) - 1) + 1
        taps = taps.view(*taps.shape[:2], kw, kh, C)
        for tap, place in self.patches.places(row):
            if place is not None:
                into = self._row(place)
                for k in range(kw):
                    first = k * at.dilation[1]
                    into[first : first + width : step].baddbmm_(grad, taps[:, :, k, tap])
        following = (row + 1) * at.stride[0] - self.patches.top
        for place in [one for one in self.open if one < following or row + 1 == at.output_size[0]]:
            columns = slice(self.patches.left, self.patches.left + self.patches.W)
            self.d_x[:, :, place].copy_(self.open[place][columns].permute(1, 2, 0))
            self.free.append(self.open.pop(place))

    def _row(self, place: int) -> Tensor:
        if place not in self.open:
            across, width = self.patches.rows.shape[:2]
            self.open[place] = (
                self.free.pop().zero_()
                if self.free
                else self.d_x.new_zeros(width, across, self.patches.C)
            )
        return self.open[place]
