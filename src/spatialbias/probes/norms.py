"""The theorem on Coordinet's norms, checked: what does not change its answer, in float64."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.models import build


def path(
    model: nn.Module, x: Tensor, m: Tensor, inner: bool = True, epsilon: float = 0.0
) -> Tensor:
    """The pixel path (B, P, E) -> (B, P, width) of any LayerNorm variant; `inner=False` leaves out
    the scale of all norms but the last.
    """
    for k, (layer, part) in enumerate(zip(model.path, m.split(model.sizes, 1))):
        y = F.linear(F.relu(x) if k else x, layer.weight, layer.bias) * part[:, None]
        y = y - y.mean(-1, keepdim=True)
        if inner or k == len(model.path) - 1:
            y = y * (y.square().mean(-1, keepdim=True) + epsilon).rsqrt()
        x = y if layer.gain is None else y * layer.gain + layer.shift
    return x


def theorem(images: Tensor, seed: int = 0, epsilon: float = 0.0, **arguments) -> dict[str, float]:
    """How much the logits of a fresh Coordinet change, relative to their largest, when what should
    not matter is changed (float64).

    Biases and affine parameters, where `arguments` ask for them, are moved off their start by 0.1.
    `images` (B, C, H, W) normalised.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(
            "coordinet", channels=images.shape[1], size=images.shape[2], **arguments
        ).double()
        for layer in model.path:
            for start in (layer.bias, layer.gain, layer.shift):
                if start is not None:
                    start.data.add_(0.1 * torch.randn(len(start), dtype=torch.float64))
        direction = torch.randn(len(images), model.decoder[-1].out_features, dtype=torch.float64)
    images = images.double()
    code = model.encoding(model.grid).double().detach().expand(len(images), -1, -1)
    x, m = (
        torch.cat([images.flatten(2).transpose(1, 2), code], 2),
        model.modulations(images).detach().requires_grad_(),
    )
    wrt = [m, *(layer.weight for layer in model.path)]

    def logits(x=x, m=m, inner=True):
        return model.decoder(path(model, x, m, inner, epsilon).sum(1) / model.size**2)

    def gradients(out):
        return torch.autograd.grad((out * direction).sum(), wrt)

    usual, bare = logits(), logits(inner=False)
    wanted, found = gradients(usual), gradients(bare)
    worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, wanted))
    with torch.no_grad():
        length = path(model, x, m, True, epsilon).norm(dim=2)
        changed = {
            "m of every layer × 10": logits(m=10 * m),
            "a pixel’s whole input × 10": logits(x=10 * x),
        }
        model.path[len(model.path) // 2].weight.mul_(10)
        changed = {"inner divisions left out": bare, **changed, "one weight matrix × 10": logits()}
        change = {
            name: float((out - usual).abs().max() / usual.abs().max())
            for name, out in changed.items()
        }
    return {
        "inner divisions left out: logits": change.pop("inner divisions left out"),
        "inner divisions left out: gradients": worst,
        **change,
        "lengths of the votes: spread": float(length.std() / length.mean()),
    }
