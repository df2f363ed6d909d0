"""The networks as ONNX, for onnxruntime's WebAssembly, which has one thread here: one image in, its
probabilities out and, only where it is wanted, the gradient that *Where does it look?* shows.

What is exported computes the networks' functions in ways that suit that runtime. Measured in
Chromium 156 on one core, best of 150 answers: Coordinet with its norms folded into its matrices 10 ms
(layer by layer 22), a convolution by Winograd's algorithm 2 ms in the simple CNN (5), 14 ms in the
padded one (32). Probabilities are the same to 1e-5.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from spatialbias.explorer.networks import Network
from spatialbias.layers.modfc import EPSILON

TILE = 4  # outputs a side that Winograd's algorithm computes at once
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # where its polynomials are evaluated; and infinity


def classifier(network: Network, size: tuple[int, int, int] = (3, 32, 32)) -> tuple[bytes, int]:
    """The network as ONNX: `images` (C, H, W) uint8 and `wanted` () bool to `probabilities`
    (classes,) and `gradient` (H, W), which is zero unless it is wanted; see `Network.gradient`. And
    what its probabilities cost, in floating-point operations.
    """
    from torch._decomp import core_aten_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    answer = plain(network.model)
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (network.data.mean, network.data.std))

    def both(images: Tensor) -> tuple[Tensor, Tensor]:
        x = ((images.float() / 255 - mean) / std).detach().requires_grad_()
        with torch.enable_grad():
            logits = answer(x)
            (gradient,) = torch.autograd.grad(logits.log_softmax(0).amax(0), x)
        return logits.softmax(0).detach(), (gradient / std).abs().sum(0)

    example = torch.zeros(size, dtype=torch.uint8)
    traced = make_fx(both, decomposition_table=core_aten_decompositions())(example)
    model = _onnx(traced.eval(), example, ["images"], ["probabilities", "gradient"])
    model = _only_where_wanted(model, size[1:])
    return model.SerializeToString(), _cost(answer, example.float())


def of_centre(network: nn.Module) -> tuple[bytes, int]:
    """A network that answers a `centre` (2,) with `probabilities` (P,), and its cost."""
    example = torch.zeros(2)
    model = _onnx(network.eval(), example, ["centre"], ["probabilities"])
    return model.SerializeToString(), _cost(network, example)


def _onnx(module: nn.Module, example: Tensor, inputs: list[str], outputs: list[str]):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own future
        return torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=inputs,
            output_names=outputs,
            verbose=False,
        ).model_proto


@torch.no_grad()
def _cost(answer: Callable, example: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        answer(example)
    return counter.get_total_flops()


def _only_where_wanted(model, size: tuple[int, int]):
    """The gradient's own nodes as a branch that is taken only if `wanted`: asked for some outputs,
    onnxruntime computes them all.
    """
    from onnx import TensorProto, helper

    graph, needed, first = model.graph, {"probabilities"}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            first.insert(0, node)
    rest = [node for node in graph.node if node not in first]
    for node in rest:
        node.output[:] = ["found" if name == "gradient" else name for name in node.output]
    result = helper.make_tensor_value_info("found", TensorProto.FLOAT, size)
    zeros = helper.make_tensor("zeros", TensorProto.FLOAT, size, [0.0] * (size[0] * size[1]))
    other = helper.make_tensor_value_info("nothing", TensorProto.FLOAT, size)
    constant = helper.make_node("Constant", [], ["nothing"], value=zeros)
    branch = helper.make_node(
        "If",
        ["wanted"],
        ["gradient"],
        then_branch=helper.make_graph(rest, "found", [], [result]),
        else_branch=helper.make_graph([constant], "nothing", [], [other]),
    )
    del graph.node[:]
    graph.node.extend([*first, branch])
    graph.input.append(helper.make_tensor_value_info("wanted", TensorProto.BOOL, ()))
    return model


def plain(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """A network as a function of one normalised image (C, H, W) to logits (classes,), fast and with
    a gradient that can be exported.
    """
    if isinstance(model, nn.Sequential):
        return _sequence(model)
    if getattr(model, "folded", False):
        return _coordinet(model)
    return lambda image: model(image[None])[0]


def _coordinet(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """As `folded_path`: the scales of the inner norms cancel, their centring goes into the matrix."""
    code = model.encoding(model.grid)  # (P, features)

    def answer(image: Tensor) -> Tensor:
        m = model.modulations(image[None])
        m = None if m is None else m.view(len(model.path), -1)
        x = torch.cat([image.flatten(1).t(), code], 1)  # (P, E)
        for k, layer in enumerate(model.path):
            weight = layer.weight if m is None else m[k, :, None] * layer.weight
            x = (x.relu() if k else x) @ (weight - weight.mean(0)).t()
        x = x * (x.square().mean(1, keepdim=True) + EPSILON).rsqrt()
        return model.decoder(x.sum(0) / model.size**2)

    return answer


def _sequence(model: nn.Sequential) -> Callable[[Tensor], Tensor]:
    """A plain convolutional network, on maps (H, W, C)."""

    def answer(image: Tensor) -> Tensor:
        x = image.permute(1, 2, 0)
        for layer in model:
            if isinstance(layer, nn.Conv2d):
                x = convolution(x, layer)
            elif isinstance(layer, nn.BatchNorm2d):
                scale = layer.weight * (layer.running_var + layer.eps).rsqrt()
                x = (x - layer.running_mean) * scale + layer.bias
            elif isinstance(layer, nn.MaxPool2d):
                x = x.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).amax((1, 3))
            elif isinstance(layer, nn.AdaptiveAvgPool2d):
                x = x.mean((0, 1), keepdim=True)
            elif isinstance(layer, nn.Flatten):
                x = x.permute(2, 0, 1).flatten()
            else:
                x = layer(x)
        return x

    return answer


def convolution(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A square convolution of stride 1 on a square map (H, H, C_in) -> (H', H', C_out), by the
    minimal algorithm of Winograd: 4 x 4 outputs at a time, a product for each of the places of their
    tile instead of one for each of the kernel's.

    Source: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks".
    """
    K, H = layer.kernel_size[0], x.shape[0]
    pad = layer.padding[0] if isinstance(layer.padding, tuple) else K // 2
    spread, kernel, collect, T = _matrices(K, H, 0 if layer.padding == "valid" else pad)
    n = TILE + K - 1
    weight = layer.weight.permute(2, 3, 1, 0)  # (K, K, C_in, C_out)
    weight = _along(kernel, _along(kernel, weight.flatten(2))).reshape(n * n, *weight.shape[2:])
    tiles = _along(spread, _along(spread, x)).view(n, T, n, T, -1)
    tiles = tiles.transpose(1, 2).reshape(n * n, T * T, -1)
    out = torch.bmm(tiles, weight).view(n, n, T, T, -1)  # (n², T², C_out)
    out = out.transpose(1, 2).reshape(n * T, n * T, -1)
    for _ in range(2):  # the rows, then the columns: (n T, l, C) -> (l, H', C)
        side = (collect @ out.flatten(1).view(n, -1)).view(TILE, T, -1, out.shape[2])
        out = side.permute(2, 1, 0, 3).flatten(1, 2)
    return out if layer.bias is None else out + layer.bias


def _along(matrix: Tensor, x: Tensor) -> Tensor:
    """(n, k) along the first side of a map (k, l, C), which becomes the second: (l, n, C)."""
    return (matrix @ x.flatten(1)).unflatten(1, x.shape[1:]).transpose(0, 1)


def _matrices(K: int, H: int, pad: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """From a side to its tiles (n T, H), which lie place by place, from a kernel to its values at the
    points (n, K), and from a tile's products to its outputs (TILE, n); the number of tiles T.
    """
    n, T = TILE + K - 1, (H + 2 * pad - K + 1) // TILE

    def powers(k: int) -> np.ndarray:
        return np.array([*([p**j for j in range(k)] for p in POINTS[: n - 1]), np.eye(k)[-1]])

    spread = np.zeros((n, T, H + 2 * pad))
    for t in range(T):
        spread[:, t, TILE * t : TILE * t + n] = np.linalg.inv(powers(n)).T
    found = (spread[..., pad : pad + H].reshape(n * T, H), powers(K), powers(TILE).T.copy())
    return *(torch.from_numpy(one.astype(np.float32)) for one in found), T
