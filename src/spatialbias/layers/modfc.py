"""Modulated fully connected layers: the Coordinet's (Gillen 2021, section Techniques), after CIPS
(Anokhin et al. 2020).

The source multiplies the *output* of the matrix product by the modulation and normalises it: `y =
LayerNorm((W x) * m)`. CIPS multiplies along the *input* side and divides each row of the product by
its length (demodulation). Both are here, so that the difference can be measured; the default is the
source's.
"""

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of

from .position import (
    Unscriptable,
    check_dtype,
    check_sizes,
    compute_dtype,
    transformed,
    wants_plain_steps,
    without_autocast,
)

EPSILON = (
    1e-5  # of the layer norm, and of demodulation (CIPS: 1e-8, too small for single precision sums)
)


class ModFC(Unscriptable):
    """A linear map whose outputs (or inputs) are scaled by a vector that another network computes,
    then normalised.

    `side="output"`, `norm="layer"` is the source's layer; `side="input"`, `norm="demodulation"` is
    that of CIPS. No bias and no affine parameters unless `bias` / `affine` (our choice: the source
    is silent). `device`, `dtype`: as in `nn.Linear`.

    Raises:
        ValueError: for features that are not positive, unknown options, a dtype that is not
            floating; at the call, for an input or a modulation of another shape than it says.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        side: str = "output",
        norm: str = "layer",
        bias: bool = False,
        affine: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_sizes(in_features=in_features, out_features=out_features)
        check_dtype(dtype)
        one_of(("output", "input"), side=side)
        one_of(("layer", "demodulation"), norm=norm)
        if affine and norm != "layer":
            raise ValueError("affine=True scales a layer norm: use norm='layer'")
        self.in_features, self.out_features, self.side, self.norm = (
            in_features,
            out_features,
            side,
            norm,
        )
        place = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(out_features, in_features, **place))
        for name, wanted in (("bias", bias), ("gain", affine), ("shift", affine)):
            self.register_parameter(
                name, nn.Parameter(torch.empty(out_features, **place)) if wanted else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights He-uniform, gain 1, bias and shift 0: only the weights are drawn."""
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
        for parameter, value in ((self.bias, 0), (self.gain, 1), (self.shift, 0)):
            if parameter is not None:
                nn.init.constant_(parameter, value)

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """`x` (B, P, in_features), `modulation` (B, out_features; in_features for side="input") or
        None for ones.

        Returns (B, P, out_features). P is the number of pixels, of any number of axes (x may also
        be (B, in_features)).
        """
        return modulated(
            x, modulation, self.weight, self.bias, self.gain, self.shift, self.side, self.norm
        )

    def extra_repr(self) -> str:
        return (
            f"{self.in_features}, {self.out_features}, side={self.side!r}, norm={self.norm!r}, bias={self.bias is not None}, "
            f"affine={self.gain is not None}"
        )


@torch.fx.wrap
def modulated(
    x: Tensor,
    modulation: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    gain: Tensor | None,
    shift: Tensor | None,
    side: str,
    norm: str,
) -> Tensor:
    """What `ModFC` computes, from its parameters and settings."""
    out_features, in_features = weight.shape
    if x.dim() < 2 or x.shape[-1] != in_features:
        raise ValueError(
            f"x is {tuple(x.shape)}: it must be (B, ..., {in_features}), as in_features is {in_features}"
        )
    B, width = x.shape[0], in_features if side == "input" else out_features
    if modulation is not None and modulation.shape != (B, width):
        raise ValueError(
            f"modulation is {tuple(modulation.shape)} and x {tuple(x.shape)}: for x (B, ..., {in_features}) "
            f"it must be (B, {width}), one vector an image"
        )
    if compute_dtype(weight) == torch.float16:
        return _modulated_half(x, modulation, weight, bias, gain, shift, side, norm)

    m = None if modulation is None else _beside(modulation, x)
    y = F.linear(x * m if m is not None and side == "input" else x, weight, bias)
    if m is not None and side == "output":
        y = y * m
    if norm == "layer":
        return F.layer_norm(y, (out_features,), gain, shift, EPSILON)
    return y * _beside(_demodulation(modulation, weight, side), x)


def _modulated_half(x, modulation, weight, bias, gain, shift, side, norm) -> Tensor:
    """In half precision, which ends at 65,504, only the matrix product; all else in single. An
    input's modulation is divided by its largest entry before the product, and comes back after it.
    """
    dtype = x.dtype
    m = None if modulation is None else modulation.float()
    size = None
    if m is not None and side == "input":
        size = m.abs().amax(1, keepdim=True).clamp(min=1)  # (B, 1)
        x = (x * _beside(m / size, x)).to(dtype)
    y = F.linear(x, weight).float()
    with without_autocast(x):
        bias, gain, shift = (None if p is None else p.float() for p in (bias, gain, shift))
        y = y if size is None else y * _beside(size, x)
        y = y if bias is None else y + bias
        y = y if m is None or side == "input" else y * _beside(m, x)
        if norm == "layer":
            y = F.layer_norm(y, y.shape[-1:], gain, shift, EPSILON)
        else:
            y = y * _beside(_demodulation(m, weight.float(), side), x)
        return y.to(dtype)


def _demodulation(modulation: Tensor | None, weight: Tensor, side: str) -> Tensor:
    """One over the length of each row of an image's matrix, (B or 1, out_features)."""
    squares = weight.square()
    if modulation is None:
        return (squares.sum(1) + EPSILON).rsqrt()[None]
    if side == "input":
        return (modulation.square() @ squares.t() + EPSILON).rsqrt()
    return (
        modulation.square() * squares.sum(1) + EPSILON
    ).rsqrt()  # the size of m cancels, its sign stays


def _beside(vectors: Tensor, x: Tensor) -> Tensor:
    """(B, width) as (B, 1, ..., width), to be multiplied with every pixel of x."""
    return vectors.view(vectors.shape[0], *[1] * (x.dim() - 2), vectors.shape[-1])


@torch.fx.wrap
def folded_path(
    x: Tensor,
    modulations: Tensor | None,
    weights: list[Tensor],
    pixel_weights: Tensor | None = None,
) -> Tensor:
    """A stack of default ModFC layers with ReLU between them, summed over the pixels; faster.

    `x` (B, P, E); `modulations` (B, L, H) or None for ones; `weights` L matrices, (H, E) then (H,
    H); `pixel_weights` (B, P), (P,) or None for ones. Returns the sum over pixels, (B, H).

    With neither bias nor affine parameters the scale of each inner norm passes through the ReLU and
    the next linear map and cancels in the next norm, so only the last norm is computed (exact but
    for the epsilons: the page `coordinet/architecture` proves it). What is left of the inner norms
    is the centring, and centring and modulation fold into one matrix an image, `V = centre(diag(m)
    W)`. The backward pass is written by hand, once: there are no second derivatives. Layer by layer
    it goes where a graph is exported or traced, under torch.func's transforms, and in float16,
    whose range unscaled activations leave.

    The range: the scales that are left out multiply, and what reaches the last norm must stay well
    above its epsilon. With modulations near c in all of four layers of the default width, as
    initialised, the sum differs from the stack's by 1e-6 of its length for c = 1 (where the
    modulator starts) and above, 0.1 % for c = 0.5, 6 % for 0.3, 50 % for 0.2.
    """
    compute = compute_dtype(weights[0])
    traced = torch.compiler.is_exporting() or torch.jit.is_tracing()  # the loop would fix B
    if traced or transformed() or compute == torch.float16:
        return _layer_by_layer(x, modulations, weights, pixel_weights)
    ones = torch.ones(
        len(x), len(weights), weights[0].shape[0], device=x.device, dtype=weights[0].dtype
    )
    with without_autocast(x):
        m = ones if modulations is None else modulations.to(weights[0].dtype)
        if pixel_weights is not None:
            pixel_weights = pixel_weights.expand(x.shape[:2])
        keep = torch.is_grad_enabled()  # inside the function it never is
        return _FoldedPath.apply(keep, x.to(compute), m, pixel_weights, *weights)


def _layer_by_layer(
    x: Tensor, modulations: Tensor | None, weights: list[Tensor], pixel_weights: Tensor | None
) -> Tensor:
    options = (None, None, None, "output", "layer")  # neither bias nor affine parameters
    for k, weight in enumerate(weights):
        m = None if modulations is None else modulations[:, k]
        x = modulated(x.relu() if k else x, m, weight, *options)
    return (x if pixel_weights is None else x * pixel_weights.expand(x.shape[:2])[..., None]).sum(1)


MICRO_BATCH = 16  # images whose activations stay in the caches of one core; 8 to 32 are alike


def _relu_(x: Tensor) -> Tensor:
    # A bf16 number is negative exactly if the int16 of the same bits is; the CPU's bf16 clamp is
    # six times slower.
    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        x.view(torch.int16).clamp_(min=0)
        return x
    return x.relu_()


def _mask_(gradient: Tensor, activation: Tensor) -> Tensor:
    """Zero the gradient, in place, where the (non-negative) activation is zero. Uses the activation
    up.
    """
    if gradient.dtype == torch.bfloat16 and gradient.device.type == "cpu":
        gradient.view(torch.int16).bitwise_and_(activation.view(torch.int16).clamp_(max=1).neg_())
        return gradient
    return gradient.mul_(activation > 0)


class _FoldedPath(torch.autograd.Function):
    @staticmethod
    def _matrices(
        modulations: Tensor, weights: tuple[Tensor, ...], dtype: torch.dtype
    ) -> list[Tensor]:
        folded = []
        for m, weight in zip(modulations.unbind(1), weights, strict=True):
            mean = (m @ weight).div_(weight.shape[0])  # (B, in)
            folded.append(
                torch.addcmul(-mean.to(dtype)[:, None], m.to(dtype)[:, :, None], weight.to(dtype))
            )  # (B, out, in)
        return folded

    @staticmethod
    def forward(ctx, keep, x, modulations, pixel_weights, *weights):
        B = len(x)
        total = x.new_empty(B, weights[-1].shape[0], dtype=weights[0].dtype)
        saved = []
        for first in range(0, B, MICRO_BATCH):
            part = slice(first, first + MICRO_BATCH)
            matrices = _FoldedPath._matrices(modulations[part], weights, x.dtype)
            hidden, layers = x[part], []
            for matrix in matrices[:-1]:
                hidden = _relu_(torch.bmm(hidden, matrix.transpose(1, 2)))  # (b, P, H)
                layers.append(hidden)
            last = torch.bmm(hidden, matrices[-1].transpose(1, 2))
            size = torch.linalg.vector_norm(last, dim=2).to(weights[0].dtype)
            scale = (size.square_().div_(last.shape[2]) + EPSILON).rsqrt_()  # (b, P)
            vote = scale if pixel_weights is None else scale * pixel_weights[part]
            total[part] = torch.bmm(vote.to(x.dtype)[:, None], last)[:, 0]
            if keep:
                saved.append((part, matrices, layers, last, scale, vote))
        ctx.saved = saved
        ctx.save_for_backward(x, modulations, *weights)
        return total

    @staticmethod
    def backward(ctx, gradient):
        # once_differentiable would let a gradient of ones pass, and be silently wrong
        if wants_plain_steps(gradient):
            raise RuntimeError(
                "folded_path has neither second derivatives (create_graph=True) nor many gradients at "
                "once: build with folded=False"
            )
        saved, ctx.saved = ctx.saved, None
        if saved is None:
            raise RuntimeError(
                "folded_path goes backward only once, its activations are used up: build with folded=False"
            )
        x, modulations, *weights = ctx.saved_tensors
        d_x = (
            torch.empty_like(x) if ctx.needs_input_grad[1] else None
        )  # only a trained encoding asks for it
        d_pixels = gradient.new_empty(x.shape[:2]) if ctx.needs_input_grad[3] else None
        d_weights = [torch.zeros_like(w) for w in weights]
        d_modulations = torch.empty_like(modulations)
        for part, matrices, layers, last, scale, vote in saved:
            g = gradient[part].to(x.dtype)[:, :, None]  # (b, H, 1)
            toward = torch.bmm(last, g)[:, :, 0].to(vote.dtype)  # (b, P)
            if d_pixels is not None:
                d_pixels[part] = toward * scale
            along = toward * scale.square() / -last.shape[2]
            d = last.mul_((along * vote).to(x.dtype)[:, :, None]).baddbmm_(
                vote.to(x.dtype)[:, :, None], g.transpose(1, 2)
            )
            inputs = [x[part], *layers]
            for k in reversed(range(len(weights))):
                d_matrix = torch.bmm(d.transpose(1, 2), inputs[k]).to(
                    weights[k].dtype
                )  # (b, out, in)
                mean = d_matrix.mean(1)  # (b, in)
                m = modulations[part, k]
                d_modulations[part, k] = (
                    torch.einsum("boi,oi->bo", d_matrix, weights[k]) - mean @ weights[k].t()
                )
                d_weights[k] += torch.einsum("boi,bo->oi", d_matrix, m) - m.t() @ mean
                if k:
                    d = _mask_(torch.bmm(d, matrices[k]), inputs[k])
                elif d_x is not None:
                    d_x[part] = torch.bmm(d, matrices[0])
        return None, d_x, d_modulations, d_pixels, *d_weights
