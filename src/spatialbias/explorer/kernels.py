"""The kernels of low-rank locally connected layers under the reader's hands: a map of the combining
weights, and at the place that is chosen the kernels that they make.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spatialbias import datasets
from spatialbias.explorer.hosts import Widget, module, packed
from spatialbias.explorer.networks import SPARE, Network, load_networks, pictures
from spatialbias.layers import LRLC2d

SOME = 3  # images that weights are shown for where they depend on them
FACES = ("faces, K = 2", "faces, K = 2, table", "faces, input-dependent K = 2")  # shipped
FINE = 32767  # steps in which weights are written


def given(networks: str | Sequence[str] | nn.Module) -> dict[str, Network | nn.Module]:
    """By name. Raises NoNetworks if none are shipped, ValueError for a name that is not."""
    if isinstance(networks, nn.Module):
        return {type(networks).__name__: networks}
    shipped = load_networks("lrlc")
    found = (networks,) if isinstance(networks, str) else networks
    for name in found:
        if name not in shipped:
            raise ValueError(f"networks={name!r}: there are {', '.join(shipped)}, or give a module")
    return {name: shipped[name] for name in found}


def content(networks: dict[str, Network | nn.Module], images: Tensor | None, name: str) -> dict:
    """What the front end draws from."""
    layers = [_layer(label, network, images) for label, network in networks.items()]
    return {"kind": "kernels", "id": name, "colours": SPARE, "layers": layers}


@torch.no_grad()
def _layer(label: str, network: Network | nn.Module, images: Tensor | None) -> dict:
    model = network.model if isinstance(network, Network) else network
    layer = next((one for one in model.modules() if isinstance(one, LRLC2d)), None)
    if layer is None:
        raise ValueError(f"networks: a {type(model).__name__} has no LRLC2d layer")
    if layer.look is None:
        weights, images = layer.combining_weights()[None], None
    else:
        images = _some(network) if images is None else images
        weights = _looked(model, layer, network, images)  # (N, R, H', W')
    basis = layer.basis()
    if basis.shape[2] != 3:  # shown as the mean over the input channels
        basis = basis.mean(2, keepdim=True)
    mixtures = torch.einsum("nrhw,rocij->nhwocij", weights, basis)
    most = float(weights.abs().amax())
    return {
        "label": label,
        "shape": list(weights.shape),
        "weights": packed((FINE * weights / most).round().to(torch.int16)),
        "most": most,
        "kernel": list(basis.shape[1:4]),
        "channels": layer.in_channels,
        "basis": packed(basis.float()),
        "largest": float(mixtures.abs().amax()),
        "images": None if images is None else packed(_bytes(images)),
        "image": None if images is None else list(images.shape[1:]),
    }


def _some(network: Network | nn.Module) -> Tensor:
    """Images for a shipped network. Raises ValueError for a module."""
    if not isinstance(network, Network):
        raise ValueError("the combining weights depend on the input: images= is needed")
    if network.data.name == "faces":
        faces = datasets.load("faces", n_train=1, n_test=40).test.inputs[0]
        clearest = faces.flatten(1).float().std(1).argsort(descending=True)
        return faces[clearest[:SOME]]
    return pictures({"": network})[0][:SOME]


def _looked(model: nn.Module, layer: LRLC2d, network, images: Tensor) -> Tensor:
    """Combining weights for images, whichever way the network treats them first."""
    seen: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    training = model.training
    try:
        model.eval()(network.data.normalise(images) if isinstance(network, Network) else images)
    finally:
        hook.remove()
        model.train(training)
    return layer.combining_weights(seen[0])


def _bytes(images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return images
    low, high = images.amin(), images.amax()
    return (255 * (images - low) / (high - low).clamp(min=1e-9)).round().to(torch.uint8)


def state_of(content: dict, start: dict) -> dict:
    """Where the frame starts. Raises ValueError with what is allowed."""
    layers = content["layers"]
    layer = start.get("layer", 0)
    N, R, H, W = layers[layer if layer in range(len(layers)) else 0]["shape"]
    ranges = {"layer": len(layers), "row": H, "column": W, "bank": R, "image": N}
    for name, value in start.items():
        if not isinstance(value, int) or not 0 <= value < ranges.get(name, 0):
            allowed = ", ".join(f"{key}= to {most - 1}" for key, most in ranges.items())
            raise ValueError(f"{name}={value!r}: there are {allowed}, whole numbers from 0")
    return start


class Kernels(Widget):
    """A map under the reader's hands; nothing has to be asked of a kernel."""

    _esm = module("kernels")
