"""What convolution-like layers share whose weights belong to the positions of one size of map: their
arguments, and a fast way to apply a kernel of its own at every position.
"""

from functools import partial
from numbers import Integral
from typing import NamedTuple

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from .position import (
    Unscriptable,
    casts,
    check_convolution,
    check_sizes,
    compute_dtype,
    gradients,
    transformed,
    wants_plain_steps,
    without_autocast,
)


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
            refuses; at the call, for maps of another size, with other channels or of another dtype.
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
            for side in input_size:
                check_sizes(input_size=side)
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
        return unbatched(self.respond(self.checked(x)), x)

    def respond(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def checked(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) from such maps or one; ValueError unless the layer is for them."""
        return checked(x, self.weight, self.in_channels, self.input_size)

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
        with without_autocast(x):
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
def checked(x: Tensor, weight: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    """Maps (B, C, H, W) from such or (C, H, W), if they have these channels, this size, and the
    weight's dtype (any that is floating under autocast).
    """
    if x.dim() not in (3, 4) or x.shape[-3] != channels:
        raise ValueError(
            f"this layer takes (B, {channels}, H, W) or ({channels}, H, W), got {tuple(x.shape)}"
        )
    if tuple(x.shape[-2:]) != tuple(size):
        raise ValueError(
            f"this layer's weights belong to maps of size {size}, got {tuple(x.shape[-2:])}: "
            "build it with another input_size, or resize the maps"
        )
    if not (x.is_floating_point() if casts(x) else x.dtype == weight.dtype):
        raise ValueError(f"the maps are {x.dtype} and this layer's weights {weight.dtype}")
    return x if x.dim() == 4 else x.unsqueeze(0)


@torch.fx.wrap
def unbatched(out: Tensor, x: Tensor) -> Tensor:
    return out if x.dim() == 4 else out.squeeze(0)


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
        patches, taps = _Patches(x, at), _Taps(kernels, combining, x.dtype, at)
        y = x.new_empty(width, B, C_out)
        for row in range(height):
            torch.bmm(patches.row(row), taps.row(row).transpose(1, 2), out=y)
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
        if wants_plain_steps(grad):
            plain = partial(all_at_once, at=at)
            return *gradients(plain, ctx.saved_tensors, wanted, grad), None
        height, width = at.output_size
        patches, taps = _Patches(x, at), _Taps(kernels, combining, x.dtype, at)
        spread = _Spread(x, at) if wanted[0] else None
        gathered = _Gathered(taps) if wanted[1] else None
        d_combining = torch.empty_like(combining) if wanted[2] else None
        d_bias = torch.empty_like(bias) if wanted[3] else None
        d_taps, g = torch.empty_like(taps.buffer), x.new_empty(width, len(x), grad.shape[1])
        for row in range(height):
            g.copy_(grad[:, :, row].permute(2, 0, 1))
            if d_bias is not None:
                torch.sum(g, 1, out=d_bias[row]) if g.dtype == d_bias.dtype else d_bias[row].copy_(
                    g.sum(1)
                )
            if wanted[1] or wanted[2]:
                torch.bmm(g.transpose(1, 2), patches.row(row), out=d_taps)
            if gathered:
                gathered.add(d_taps, row)
            if d_combining is not None:
                d_combining[:, row] = taps.basis(row) @ d_taps.flatten(1).T
            if spread:
                spread.add(g, taps.row(row), row)
        d_x, d_kernels = spread and spread.d_x, gathered and gathered.kernels()
        return d_x, d_kernels, d_combining, d_bias, None


def channels_last(x: Tensor) -> bool:
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


# One row of the output at a time, in buffers that are used again: the pages of fresh memory would
# take as long as what is computed in them. Kernels and patches lie as kernel's row, column, channel.
# Where the kernel moves down the map row by row, a row of the map stays in its slot as long as the
# kernel lies on it: only one slot is filled anew, and the kernel's rows move on by one slot.


def _rolls(at: Geometry) -> bool:
    return at.stride[0] == at.dilation[0] == 1


def _slot(at: Geometry, row: int, tap: int) -> int:
    """Where the kernel's row `tap` lies, for a row of the output."""
    return (row + tap) % at.kernel_size[0] if _rolls(at) else tap


def _places(at: Geometry, H: int, row: int):
    """The kernel's rows, each with the row of the map that it lies on; None in the margin."""
    for tap in range(at.kernel_size[0]):
        place = row * at.stride[0] + tap * at.dilation[0] - at.margins[2]
        yield tap, place if 0 <= place < H else None


class _Taps:
    """The kernels of one row of the output after another."""

    def __init__(
        self, kernels: Tensor, combining: Tensor | None, dtype: torch.dtype, at: Geometry
    ) -> None:
        self.kernels, self.combining, self.at = kernels, combining, at
        C_out, C_in, *size = kernels.shape[-4:]
        self.shape = (C_out, *size, C_in)
        self.buffer = kernels.new_empty(
            at.output_size[1], C_out, C_in * size[0] * size[1], dtype=dtype
        )
        if combining is not None:  # one basis for each way in which the kernel's rows may lie
            laid = kernels.movedim(-3, -1).to(dtype)  # (R, C_out, K, K, C_in)
            turns = size[0] if _rolls(at) else 1
            self.bases = [laid.roll(turn, 2).flatten(1) for turn in range(turns)]

    def basis(self, row: int) -> Tensor:
        """(R, C_out K K C_in)."""
        return self.bases[row % len(self.bases)]

    def row(self, row: int) -> Tensor:
        """(W', C_out, K K C_in); valid until the next row is asked for."""
        if self.combining is None:
            slots = self.buffer.view(-1, *self.shape)
            for tap in range(self.shape[1]):
                kernels = self.kernels[row, :, :, :, tap].transpose(2, 3)
                slots[:, :, _slot(self.at, row, tap)].copy_(kernels)
        else:
            weights = self.combining[:, row].to(self.buffer.dtype).T
            torch.mm(weights, self.basis(row), out=self.buffer.flatten(1))
        return self.buffer


class _Gathered:
    """The gradient of the kernels or of the basis, from one row of the output after another."""

    def __init__(self, taps: _Taps) -> None:
        self.taps = taps
        if taps.combining is None:
            self.d_kernels = torch.empty_like(taps.kernels)
        else:
            self.d_bases = [torch.zeros_like(b, dtype=taps.kernels.dtype) for b in taps.bases]

    def add(self, d_taps: Tensor, row: int) -> None:
        taps = self.taps
        if taps.combining is None:
            slots = d_taps.view(-1, *taps.shape)
            for tap in range(taps.shape[1]):
                found = slots[:, :, _slot(taps.at, row, tap)].transpose(2, 3)
                self.d_kernels[row, :, :, :, tap].copy_(found)
        else:
            weights = taps.combining[:, row].to(d_taps.dtype)
            self.d_bases[row % len(self.d_bases)] += weights @ d_taps.flatten(1)

    def kernels(self) -> Tensor:
        if self.taps.combining is None:
            return self.d_kernels
        turned = enumerate(basis.view(-1, *self.taps.shape) for basis in self.d_bases)
        return sum(basis.roll(-turn, 2) for turn, basis in turned).movedim(-1, -3)


class _Patches:
    """The patches under one row of the output after another."""

    def __init__(self, x: Tensor, at: Geometry) -> None:
        self.x, self.at = x, at
        self.slots = x.new_zeros(at.output_size[1], len(x), *at.kernel_size, x.shape[1])

    def row(self, row: int) -> Tensor:
        """(W', B, K K C_in); rows are asked for in their order."""
        kept = self.at.kernel_size[0] - 1 if row and _rolls(self.at) else 0
        for tap, place in _places(self.at, self.x.shape[2], row):
            slot = self.slots[:, :, _slot(self.at, row, tap)]
            if place is None:
                slot.zero_()
            elif tap >= kept:
                self._fill(slot, self.x[:, :, place].permute(2, 0, 1))
        return self.slots.flatten(2)

    def _fill(self, slot: Tensor, line: Tensor) -> None:
        """What lies under the columns of the kernel (W', B, K, C) of a row of the map (W, B, C)."""
        step, left = self.at.stride[1], self.at.margins[0]
        for k in range(slot.shape[2]):
            start = k * self.at.dilation[1] - left
            first = max(0, -(start // step))
            end = min(len(slot), (len(line) - 1 - start) // step + 1)
            if first < end:
                columns = slice(start + first * step, start + (end - 1) * step + 1, step)
                slot[first:end, :, k].copy_(line[columns])


class _Spread:
    """The gradient of the map, from one row of the output after another.

    Products are added to the rows of the map that they belong to, which lie (W + margins, B, C_in)
    meanwhile, and are written down when no later row of the output reaches them. (Adding patches to
    the map is slow in bfloat16: with 16 channels it takes five times as long as the products.)
    """

    def __init__(self, x: Tensor, at: Geometry) -> None:
        self.d_x, self.at = torch.zeros_like(x), at
        self.open: dict[int, Tensor] = {}
        self.free: list[Tensor] = []

    def add(self, grad: Tensor, taps: Tensor, row: int) -> None:
        """`grad` (W', B, C_out) and `taps` (W', C_out, K K C_in) of one row of the output."""
        at, (C, H, W) = self.at, self.d_x.shape[1:]
        kh, kw = at.kernel_size
        step, width = at.stride[1], at.stride[1] * (len(grad) - 1) + 1
        taps = taps.view(*taps.shape[:2], kh, kw, C)
        for tap, place in _places(at, H, row):
            if place is not None:
                into, slot = self._row(place), _slot(at, row, tap)
                for k in range(kw):
                    first = k * at.dilation[1]
                    into[first : first + width : step].baddbmm_(grad, taps[:, :, slot, k])
        following = (row + 1) * at.stride[0] - at.margins[2]
        for place in [one for one in self.open if one < following or row + 1 == at.output_size[0]]:
            columns = slice(at.margins[0], at.margins[0] + W)
            self.d_x[:, :, place].copy_(self.open[place][columns].permute(1, 2, 0))
            self.free.append(self.open.pop(place))

    def _row(self, place: int) -> Tensor:
        if place not in self.open:
            B, C, _, W = self.d_x.shape
            left, right = self.at.margins[:2]
            self.open[place] = (
                self.free.pop().zero_() if self.free else self.d_x.new_zeros(left + W + right, B, C)
            )
        return self.open[place]
