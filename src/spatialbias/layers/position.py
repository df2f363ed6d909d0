"""Where a pixel is: the coordinates that every position-aware layer of this package reads, and how
they enter a layer; and what all of these layers refuse.
"""

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from numbers import Integral
from typing import Any

import torch
import torch.fx
from torch import Tensor, nn


def check_sizes(**sizes: int) -> None:
    """Raise ValueError, naming the argument, for a size that is no positive whole number."""
    for name, value in sizes.items():
        if not (isinstance(value, Integral) and value > 0):
            raise ValueError(f"{name}={value!r}: it must be a positive whole number")


def check_dtype(dtype: torch.dtype | None) -> None:
    """Raise ValueError for a dtype that is not floating: coordinates and norms are real numbers."""
    if isinstance(dtype, torch.dtype) and not dtype.is_floating_point:
        raise ValueError(f"dtype={dtype}: it must be a floating one, such as torch.float32")


def check_convolution(
    in_channels: int, out_channels: int, kernel_size, stride, padding, dilation, dtype
) -> None:
    """Raise ValueError, naming the argument and what is allowed, for what `nn.Conv2d`'s constructor
    lets pass although no call can work, or none gives a convolution.
    """
    check_sizes(in_channels=in_channels, out_channels=out_channels)
    check_dtype(dtype)
    for name, value, least in (
        ("kernel_size", kernel_size, 1),
        ("stride", stride, 1),
        ("dilation", dilation, 1),
        ("padding", padding, 0),
    ):
        if name == "padding" and isinstance(value, str):
            continue  # nn.Conv2d says which words there are
        pair = tuple(value) if isinstance(value, Collection) else (value, value)
        if len(pair) != 2 or not all(
            isinstance(number, Integral) and number >= least for number in pair
        ):
            words = ", or 'same' or 'valid'" if name == "padding" else ""
            raise ValueError(
                f"{name}={value!r}: it must be a whole number, at least {least}, or two of them{words}"
            )


def arguments_of(conv: nn.Conv2d) -> dict[str, Any]:
    """The arguments with which a convolution was built, without its channels.

    Raises:
        ValueError: for another layer, one of this package's own among them: what it does besides
            would be lost.
    """
    if not isinstance(conv, nn.Conv2d) or isinstance(conv, Unscriptable):
        raise ValueError(f"from_conv takes an nn.Conv2d, got a {type(conv).__name__}")
    return {
        "kernel_size": conv.kernel_size,
        "stride": conv.stride,
        "padding": conv.padding,
        "dilation": conv.dilation,
        "groups": conv.groups,
        "bias": conv.bias is not None,
        "padding_mode": conv.padding_mode,
        "device": conv.weight.device,
        "dtype": conv.weight.dtype,
    }


class Unscriptable(nn.Module):
    """A module that TorchScript must not compile: it would refuse in many lines, or compile another
    function without a word.
    """

    def __prepare_scriptable__(self):  # torch.jit.script's own hook
        raise RuntimeError(
            f"{type(self).__name__} is not for torch.jit.script: use torch.export.export, "
            "torch.compile, torch.onnx.export(dynamo=True) or torch.jit.trace"
        )


def casts(x: Tensor) -> bool:
    """Whether autocast is at work on this tensor's device; "meta" has none."""
    kind = x.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def compute_dtype(x: Tensor) -> torch.dtype:
    """In which a product with this tensor is computed, autocast considered."""
    if x.dtype == torch.float64 or not casts(x):
        return x.dtype
    return torch.get_autocast_dtype(x.device.type)


def without_autocast(x: Tensor):
    """A context in which dtypes stay as they are."""
    return torch.autocast(x.device.type, enabled=False) if casts(x) else nullcontext()


def wants_plain_steps(gradient: Tensor) -> bool:
    """Whether a backward pass is asked for a second derivative, or for many gradients at once
    (`is_grads_batched`, `jacobian(vectorize=True)`).
    """
    if torch.is_grad_enabled():
        return True
    if torch.compiler.is_compiling():  # torch.compile cannot look into these two
        return False
    kinds = torch._C._functorch
    return kinds.is_batchedtensor(gradient) or kinds.is_legacy_batchedtensor(gradient)


def gradients(plain, inputs: Sequence[Tensor | None], wanted: Sequence[bool], gradient: Tensor):
    """Of `plain(*inputs)`, for an `autograd.Function` whose own backward pass does not serve: those
    wanted, else None.
    """
    second = torch.is_grad_enabled()
    with torch.enable_grad():
        # Aliases, for one input may have been computed from another: that way is not this one's.
        own = [None if one is None else one.view_as(one) for one in inputs]
        out = plain(*own)
    asked = [one for one, needed in zip(own, wanted) if needed]
    found = iter(torch.autograd.grad(out, asked, gradient, create_graph=second))
    return [next(found) if needed else None for _, needed in zip(own, wanted)]


def transformed() -> bool:
    """Whether one of torch.func's transforms (vmap, grad, …) is at work: torch's own test, in
    `autograd.Function.apply`.
    """
    return torch._C._are_functorch_transforms_active()


def coordinate_axis(
    size: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """`size` evenly spaced coordinates from exactly -1 to exactly 1, antisymmetric about the
    centre; (0,) for size 1.
    """
    dtype = dtype or torch.get_default_dtype()
    exact = torch.promote_types(
        dtype, torch.float32
    )  # whole numbers above 256 do not survive in bfloat16
    return (torch.arange(1 - size, size, 2, dtype=exact, device=device) / max(size - 1, 1)).to(
        dtype
    )


def coordinate_grid(
    height: int,
    width: int,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Coordinates of a map's pixels: (2, height, width), x (column) first, then y (row), each
    spanning exactly [-1, 1].

    An axis of size 1 gives 0. Columns are scaled by the width and rows by the height: the code
    released with CoordConv exchanges the two, which shows on maps that are not square.

    Raises:
        ValueError: for a height or width below 1, or a dtype that is not floating.

    Source: Liu et al. 2018, "An intriguing failing of convolutional neural networks and the
    CoordConv solution".
    """
    if height < 1 or width < 1:  # not check_sizes: while a graph is traced these may be symbols
        raise ValueError(f"height={height}, width={width}: each must be at least 1")
    check_dtype(dtype)
    x, y = coordinate_axis(width, dtype, device), coordinate_axis(height, dtype, device)
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)))


@torch.fx.wrap
def add_position(out: Tensor, weight: Tensor, coordinates: Tensor) -> Tensor:
    """Add `weight @ coordinates`, the same for every image, to a layer's response, in place.

    Args:
        out: (B, C, H, W) or (C, H, W), in any memory format.
        weight: (C, D), what each of C filters makes of the D coordinates of a position.
        coordinates: (D, H W), in `out`'s dtype.
    """
    # The faster gradient is for ordinary training: graphs that are drawn, and torch.func's
    # transforms, want plain steps.
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    many = not traced and transformed()
    plain = coordinates.requires_grad or traced or many
    product = _plain_product if plain else _PositionProduct.apply
    columns = coordinates.T.view(*out.shape[-2:], -1)  # (H, W, D)
    response = product(weight.to(out.dtype), columns, out.shape, _channels_last(out))
    return (
        out + response if many else out.add_(response)
    )  # a response of many networks would not fit into one's


def _channels_last(x: Tensor) -> bool:
    if x.dim() != 4 or x.is_contiguous():
        return False
    try:
        return x.is_contiguous(memory_format=torch.channels_last)
    except RuntimeError:  # torch.func.vmap does not say; only speed depends on it
        return False


def _plain_product(
    weight: Tensor, coordinates: Tensor, shape: torch.Size, channels_last: bool
) -> Tensor:
    """(C, D) and (H, W, D) -> one (C, H, W) map, expanded to `shape` without a copy and laid out as
    the response is.
    """
    if channels_last:
        response = (coordinates @ weight.T).permute(2, 0, 1)
    else:
        response = (weight @ coordinates.flatten(0, 1).T).view(shape[-3:])
    return response.expand(shape)


class _PositionProduct(torch.autograd.Function):
    """`_plain_product` with a faster gradient: autograd would sum the incoming gradient over the
    images, a pass over all of it that writes a map; one matrix product per batch reads it once and
    writes (B, C, D). In bfloat16 with 64 channels on 64x64 maps this is a third of the layer's cost
    over a convolution, and in channels_last nearly all of it.
    """

    @staticmethod
    def forward(weight, coordinates, shape, channels_last):
        return _plain_product(weight, coordinates, shape, channels_last)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(*inputs[:2])
        ctx.layout = inputs[2:]

    @staticmethod
    def jvp(ctx, d_weight, d_coordinates, *_):
        weight, coordinates = ctx.saved_tensors
        return _plain_product(
            torch.cat((d_weight, weight), 1),
            torch.cat((coordinates, d_coordinates), 2),
            *ctx.layout,
        )

    @staticmethod
    def backward(ctx, grad):
        coordinates = ctx.saved_tensors[0].flatten(0, 1)  # (H W, D)
        if _channels_last(grad):
            by_image = coordinates.T @ grad.permute(0, 2, 3, 1).flatten(1, 2)  # (B, D, C)
            return by_image.sum(0).T, None, None, None
        by_image = grad.reshape(-1, len(coordinates)) @ coordinates  # (B C, D)
        return by_image.view(-1, grad.shape[-3], coordinates.shape[1]).sum(0), None, None, None
