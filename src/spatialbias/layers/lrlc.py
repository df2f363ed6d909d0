"""Low-rank local connectivity: a convolution whose filters may differ from place to place, within a
small basis.

Source: Elsayed, Ramachandran, Shlens and Kornblith 2020, "Revisiting Spatial Invariance with
Low-Rank Local Connectivity".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of

from .position import (
    check_sizes,
    compute_dtype,
    gradients,
    wants_plain_steps,
    without_autocast,
)
from .positioned import PositionedConv2d, drawn

WEIGHTS = ("row_col", "table", "input")
COMBINING = ("softmax", "l2", None)
DILATIONS = (1, 2, 4, 8)  # of the branches that look at the input


class LRLC2d(PositionedConv2d):
    """`nn.Conv2d` with a basis of `rank` filter banks, mixed anew at every output position.

    Args:
        groups: 1 only.
        others: as in `nn.Conv2d`.
        input_size: (H, W) of the maps that the layer will see, or one number for both; its weights
            are tied to it.
        rank: number of filter banks, R. 1 is a convolution; more relax the sharing of weights.
        weights: where the logits come from. "row_col": the sum of one for the row and one for the
            column, (H' + W') R parameters, the released code's default. "table": one a position,
            H' W' R, as the source draws it. "input": a small network that looks at the input.
        combining: what makes the R logits of a position its combining weights: "softmax", "l2"
            (division by their length) or None.
        spatial_bias: add a bias for every position, the same for all channels, as the released code
            does: row + column with "row_col", else one a position. It starts at zero. By
            itself it already tells a network where it is.

    Takes maps (B, C_in, H, W), or one without B, and returns (B, C_out, H', W'). On a CPU, large
    batches with fixed weights are computed row by row: sums are then taken in another order than in
    small batches, and than in a traced or exported layer.

    `weight` is the basis, one bank after the other (R C_out, C_in, K, K), and `basis()` shows it as
    (R, C_out, C_in, K, K). Fixed logits start equal, 1 / sqrt(R), so the layer
    starts as the convolution with the basis' mean filter bank (softmax); each bank is drawn as
    `nn.Conv2d` draws its one. At rank 1 with softmax the layer is `nn.Conv2d` plus the spatial bias.

    Raises:
        ValueError: for groups other than 1, sizes that are not positive, negative padding, a dtype
            that is not floating, an input size that leaves no output, unknown `weights` or
            `combining`, or whatever `nn.Conv2d` refuses; at the call, for maps of another size,
            with other channels or of another dtype.
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
        rank: int,
        weights: str = "row_col",
        combining: str | None = "softmax",
        spatial_bias: bool = True,
    ):
        check_sizes(rank=rank)
        one_of(WEIGHTS, weights=weights)
        one_of(COMBINING, combining=combining)
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
        self.rank, self.weights, self.combining = int(rank), weights, combining
        options = {"device": device, "dtype": self.kernel_dtype}

        def parameter(present: bool, *shape: int) -> nn.Parameter | None:
            return nn.Parameter(torch.empty(shape, **options)) if present else None

        H, W = self.output_size
        split, table = weights == "row_col", weights == "table"
        self.weight = parameter(True, self.rank * self.out_channels, *self.kernel_shape[1:])
        self.register_parameter("bias", parameter(bias, self.out_channels))
        self.register_parameter("row_logits", parameter(split, self.rank, H, 1))
        self.register_parameter("column_logits", parameter(split, self.rank, 1, W))
        self.register_parameter("logits", parameter(table, self.rank, H, W))
        self.register_parameter("spatial_rows", parameter(spatial_bias and split, H, 1))
        self.register_parameter("spatial_columns", parameter(spatial_bias and split, 1, W))
        self.register_parameter("spatial", parameter(spatial_bias and not split, H, W))
        self.look = (
            Look(self.in_channels, self.rank, self.input_size, self.output_size, **options)
            if weights == "input"
            else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = (self.weight[0].numel() or 1) ** -0.5  # as nn.Conv2d draws
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)
        for parameter in (self.spatial_rows, self.spatial_columns, self.spatial):
            if parameter is not None:
                nn.init.zeros_(parameter)
        for parameter, parts in (
            (self.row_logits, 2),
            (self.column_logits, 2),
            (self.logits, 1),
        ):
            if parameter is not None:
                nn.init.constant_(parameter, self.rank**-0.5 / parts)
        if self.look is not None:
            self.look.reset_parameters()

    def basis(self) -> Tensor:
        """The filter banks: (R, C_out, C_in, K, K)."""
        return self.weight.unflatten(0, (self.rank, self.out_channels))

    def combining_weights(self, x: Tensor | None = None) -> Tensor:
        """How much of each filter bank stands at each output position: (R, H', W'), or (B, R, H',
        W') for maps x (B, C_in, H, W) where the weights depend on the input; else x is not read.

        Raises:
            ValueError: without x where they do, or for maps that the layer is not for.
        """
        if self.look is None:
            logits = self.row_logits + self.column_logits if self.logits is None else self.logits
        elif x is None:
            raise ValueError("these combining weights depend on the input: combining_weights(x)")
        else:
            logits = self.look(self.checked(x))
        if self.combining == "softmax":
            return logits.softmax(-3)
        return F.normalize(logits, dim=-3) if self.combining == "l2" else logits

    def spatial_bias(self) -> Tensor | None:
        """The bias of each output position, the same for all channels: (H', W'), or
        None without one.
        """
        if self.spatial_rows is not None:
            return self.spatial_rows + self.spatial_columns
        return self.spatial

    def dense_kernel(self, x: Tensor | None = None) -> Tensor:
        """The kernel at each position, as in `LocallyConnected2d`: (H', W', C_out, C_in, K, K), or
        one such for each map of x (B, C_in, H, W) where the weights depend on the input.
        """
        return torch.einsum("...rhw,rocij->...hwocij", self.combining_weights(x), self.basis())

    def respond(self, x: Tensor) -> Tensor:
        weights = self.combining_weights(x)
        fixed, traced = weights.dim() == 3, drawn() or x.device.type != "cpu"
        if fixed and not traced and worth_rows(x.shape[0], self.rank):
            return self.row_by_row(x, self.basis(), weights, self._position_bias())
        left, right, top, bottom = self.margins
        even = self.padding_mode == "zeros" and (left, top) == (right, bottom)
        x = self.padded(x, zeros=not even).to(compute_dtype(x))
        padding = (top, left) if even else (0, 0)
        weights = weights.expand(x.shape[0], -1, -1, -1) if fixed else weights
        inputs, where = (x, self.weight, weights), (self.stride, padding, self.dilation)
        with without_autocast(x):
            keep = torch.is_grad_enabled()  # inside the function it never is
            out = mixture(*inputs, *where) if traced else Mixture.apply(*inputs, keep, *where)
        if self.bias is not None:
            out = out + self.bias[:, None, None].to(out.dtype)
        spatial = self.spatial_bias()
        return out if spatial is None else out + spatial.to(out.dtype)

    def _position_bias(self) -> Tensor | None:
        """Both biases together: (H', W', C_out)."""
        spatial = self.spatial_bias()
        if spatial is None:
            return None if self.bias is None else self.bias.expand(*self.output_size, -1)
        bias = spatial[..., None].expand(-1, -1, self.out_channels)
        return bias if self.bias is None else bias + self.bias

    def extra_repr(self) -> str:
        spatial = "" if self.spatial_bias() is not None else ", spatial_bias=False"
        combining = "" if self.combining == "softmax" else f", combining={self.combining!r}"
        return f"{super().extra_repr()}, rank={self.rank}, weights={self.weights!r}{combining}{spatial}"


class Look(nn.Module):
    """Maps (B, C_in, H, W) -> logits (B, R, H', W'): the source's small network.

    A 1x1 convolution to R channels; then side by side, all resized to the output's size, that map,
    its mean, and depthwise 3x3 convolutions of it with dilations 1, 2, 4 and 8 (those that fit the
    map); then 1x1 convolutions to half as many channels, ReLU, to as many, sigmoid, to R.
    """

    def __init__(
        self,
        in_channels: int,
        rank: int,
        input_size: tuple[int, int],
        output_size: tuple[int, int],
        **options,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        dilations = [d for d in DILATIONS if d <= (min(input_size) - 1) / 2]
        channels = rank * (2 + len(dilations))
        self.reduce = nn.Conv2d(in_channels, rank, 1, **options)
        self.around = nn.ModuleList(
            nn.Conv2d(rank, rank, 3, dilation=d, groups=rank, **options) for d in dilations
        )
        self.mix = nn.Sequential(
            nn.Conv2d(channels, channels // 2, 1, **options),
            nn.ReLU(),
            nn.Conv2d(channels // 2, channels, 1, **options),
            nn.Sigmoid(),
            nn.Conv2d(channels, rank, 1, **options),
        )

    def reset_parameters(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x).to(self.reduce.weight.dtype)  # (B, R, H, W)
        # In the weights' precision: under autocast, oneDNN's gradient of a depthwise kernel with
        # dilation 2 is not a number now and then (bfloat16, channels last, torch 2.15).
        with without_autocast(x):
            mean = x.mean((2, 3), keepdim=True).expand(-1, -1, *self.output_size)
            branches = [x, *(layer(x) for layer in self.around)]
            branches = [
                F.interpolate(branch, self.output_size, mode="bilinear", align_corners=True)
                for branch in branches
            ]
            return self.mix(torch.cat((mean, *branches), 1))


def worth_rows(batch: int, rank: int) -> bool:
    """Whether fixed kernels should be made row by row (`RowByRow`) rather than responses be mixed.

    Measured in units of one convolution, forward and backward, 64 channels, 3x3 on 34x34, on one
    thread of an AMD processor without AMX: row by row 2.0 + 85 / B in fp32 and 1.2 + 67 / B in bf16,
    whatever the rank; mixing 1.0 to 1.25 times the rank. With 16 channels row by row takes twice as
    long, so the rule keeps a distance. In fp32 three quarters of the time are matrix products, which
    run at half the rate of convolutions there.
    """
    return rank > 2.5 + 75 / max(batch, 1)


def mixture(
    x: Tensor,
    filters: Tensor,
    weights: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> Tensor:
    """Responses to all banks' filters (R C_out, C_in, K, K), mixed at each position by weights
    (B, R, H', W'): (B, C_out, H', W').
    """
    responses = F.conv2d(x, filters.to(x.dtype), None, stride, padding, dilation)
    responses = responses.unflatten(1, (weights.shape[1], -1))
    return torch.einsum("brchw,brhw->bchw", responses, weights.to(x.dtype))


MICRO_BATCH = 8  # images whose responses stay in the caches of one core


class Mixture(torch.autograd.Function):
    """`mixture`, a few images at a time: responses are mixed while they are in the caches, and kept
    for the backward pass. The mixing is computed in single precision: bfloat16's own sums are slow
    (ten times, with 16 channels).
    """

    @staticmethod
    def forward(ctx, x, filters, weights, keep, *where):
        R, banks, exact = weights.shape[1], filters.to(x.dtype), _exact(x)
        outs, kept, factors = [], [], weights.to(exact)
        for k in range(0, max(len(x), 1), MICRO_BATCH):
            part = slice(k, k + MICRO_BATCH)
            found = F.conv2d(x[part], banks, None, *where)  # (b, R C_out, H', W')
            if keep:
                kept.append(found)
            responses = found.to(exact).unflatten(1, (R, len(banks) // R))
            out = responses[:, 0] * factors[part, 0, None]
            for r in range(1, R):
                out.addcmul_(responses[:, r], factors[part, r, None])
            outs.append(out.to(x.dtype))
        ctx.where = where
        ctx.save_for_backward(x, filters, weights, *kept)
        ctx.save_for_forward(x, filters, weights)
        return torch.cat(outs)

    @staticmethod
    def jvp(ctx, *tangents):
        inputs = ctx.saved_tensors[:3]
        parts = [
            mixture(*inputs[:k], tangent, *inputs[k + 1 :], *ctx.where)
            for k, tangent in enumerate(tangents[:3])
            if tangent is not None
        ]
        return sum(parts[1:], parts[0])

    @staticmethod
    def backward(ctx, grad):
        (x, filters, weights, *kept), wanted = ctx.saved_tensors, ctx.needs_input_grad
        if wants_plain_steps(grad):

            def plain(*inputs):
                return mixture(*inputs, *ctx.where)

            return *gradients(plain, (x, filters, weights), wanted, grad), *[None] * 4
        R, banks, exact = weights.shape[1], filters.to(x.dtype), _exact(x)
        factors = weights.to(exact)
        d_x, d_filters = [], torch.zeros_like(filters)
        d_weights = torch.empty_like(weights) if wanted[2] else None
        for k, responses in zip(range(0, max(len(x), 1), MICRO_BATCH), kept):
            part = slice(k, k + MICRO_BATCH)
            g, responses = grad[part].to(exact), responses.to(exact)
            d_responses = torch.empty_like(responses)
            mixed, d_mixed = (t.unflatten(1, (R, g.shape[1])) for t in (responses, d_responses))
            for r in range(R):
                torch.mul(g, factors[part, r, None], out=d_mixed[:, r])
                if wanted[2]:
                    d_weights[part, r] = (g * mixed[:, r]).sum(1)
            stride, padding, dilation = ctx.where
            some = torch.ops.aten.convolution_backward(
                d_responses.to(x.dtype),
                x[part],
                banks,
                None,
                stride,
                padding,
                dilation,
                False,
                (0, 0),
                1,
                (wanted[0], wanted[1], False),
            )
            d_x.append(some[0])
            if wanted[1]:
                d_filters += some[1]
        d_x = torch.cat(d_x) if wanted[0] else None
        return d_x, d_filters if wanted[1] else None, d_weights, *[None] * 4


def _exact(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
