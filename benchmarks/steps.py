"""One training step, one thread: a network against its own matrix products, coordinate layers
against a convolution.
"""

import statistics
from functools import partial

import torch
from torch import nn

from benchmarks.measuring import Row, alternate, ratios, row, threads, workers
from spatialbias import models, training
from spatialbias.layers import CoordBiasConv2d, CoordConv2d, coordinate_grid
from spatialbias.layers.modfc import MICRO_BATCH

FLOOR = {
    "coordinet": {"avx512_bf16": 0.6, "amx": 0.4},
    "simple_cnn": {},
}  # least share of the step that may be matrix products
LAYERS = 1.10  # most times nn.Conv2d


def floor(quick: bool) -> list[Row]:
    """A training step on 64 images against nothing but its matrix products, in a worker: those of
    Coordinet's pixel path, and those that the simple CNN's convolutions are.
    """
    with workers(1) as pool:
        return pool.submit(_floor, quick).result()


def _floor(quick: bool) -> list[Row]:
    execution = training.detect(device="cpu")
    batch = 16 if quick else 64
    rows = []
    for name, products in (("coordinet", path_products), ("simple_cnn", convolution_products)):
        with threads(1):
            taken = alternate(
                {
                    "step": training_step(name, batch, execution),
                    "products": products(batch, execution),
                },
                2 if quick else 15,
            )
        rate = {
            which: f"{batch / statistics.median(values):,.0f} images/s"
            for which, values in taken.items()
        }
        rows.append(
            row(
                "floor",
                f"{name}, training step, {execution.precision}",
                rate["step"],
                f"{rate['products']}, products alone",
                ratios(taken["products"], taken["step"]),
                shown="{:.0%}",
                target=None if quick else FLOOR[name].get(training.instruction_set()),
            )
        )
    return rows


def training_step(name: str, batch: int, execution):
    """A function that takes one whole training step as `training.fit` does: the network, its loss,
    Adam.
    """
    torch.manual_seed(0)
    model = models.build(name).to(memory_format=torch.channels_last).train()
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    target = torch.randint(10, (batch,))
    optimiser = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step() -> None:
        with execution.autocast():
            output = model(images)
        optimiser.zero_grad(set_to_none=True)
        training.LOSSES["cross_entropy"](output.float(), target).backward()
        optimiser.step()

    return step


def path_products(batch: int, execution):
    """Only the matrix products of Coordinet's path, by the shapes of `layers.modfc`."""
    model = models.build("coordinet")
    B, P = min(batch, MICRO_BATCH), model.size**2
    shapes = [(B, P, layer.in_features, layer.out_features) for layer in model.path]
    return products(shapes, batch // B, execution)


def convolution_products(batch: int, execution):
    """Only what the simple CNN's convolutions are as matrix products, of patches that are taken as
    given.
    """
    side, shapes = 32, []
    for conv in models.build("simple_cnn"):
        if isinstance(conv, nn.Conv2d):
            side -= conv.kernel_size[0] - 1
            shapes.append((1, batch * side**2, conv.weight[0].numel(), conv.out_channels))
    return products(shapes, 1, execution)


def products(shapes: list[tuple[int, int, int, int]], times: int, execution):
    """A function that computes the products of linear layers, each (B, P, in) @ (B, in, out):
    forward, and backward with respect to the matrices and, after the first layer, to the inputs.
    """
    dtype = torch.bfloat16 if execution.precision == "bf16" else torch.float32
    layers = []
    for k, (B, P, c_in, c_out) in enumerate(shapes):
        x, matrix, d = (
            torch.randn(B, *shape, dtype=dtype) for shape in ((P, c_in), (c_out, c_in), (P, c_out))
        )
        layers.append((k, x, matrix, d, *map(torch.empty_like, (d, matrix, x))))

    def run() -> None:
        for _ in range(times):
            for k, x, matrix, d, y, d_matrix, d_x in layers:
                torch.bmm(x, matrix.transpose(1, 2), out=y)
                torch.bmm(d.transpose(1, 2), x, out=d_matrix)
                if k:
                    torch.bmm(d, matrix, out=d_x)

    return run


def layers(quick: bool) -> list[Row]:
    """Forward and backward of 64 -> 64 channels, 3x3, on 8 maps of 64x64, against `nn.Conv2d`."""

    class Concatenating(nn.Conv2d):
        """The usual form of CoordConv: coordinates are copied beside the features, image by
        image.
        """

        def forward(self, x):
            grid = coordinate_grid(*x.shape[2:], x.dtype, x.device).expand(len(x), -1, -1, -1)
            return super().forward(torch.cat([x, grid], 1))

    B, C, H = (1, 8, 16) if quick else (8, 64, 64)
    kinds = {
        "Conv2d": nn.Conv2d,
        "CoordConv2d": CoordConv2d,
        "CoordBiasConv2d": CoordBiasConv2d,
        "concatenated": Concatenating,
    }
    rows = []
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        for form, memory in (
            ("", torch.contiguous_format),
            (", channels last", torch.channels_last),
        ):
            x = torch.randn(B, C, H, H).to(dtype, memory_format=memory).requires_grad_()
            gradient = torch.randn(B, C, H, H).to(dtype, memory_format=memory)
            layer = {
                name: kind(C + 2 * (kind is Concatenating), C, 3, padding=1).to(
                    dtype, memory_format=memory
                )
                for name, kind in kinds.items()
            }
            with threads(1):
                taken = alternate(
                    {name: partial(_both_ways, layer[name], x, gradient) for name in kinds},
                    2 if quick else 25,
                )
            for name in list(kinds)[1:]:
                milliseconds = [
                    f"{statistics.median(taken[k]) * 1e3:.1f} ms" for k in (name, "Conv2d")
                ]
                rows.append(
                    row(
                        "layers",
                        f"{name}, {precision}{form}",
                        *milliseconds,
                        ratios(taken[name], taken["Conv2d"]),
                        at_most=True,
                        target=None if quick or name == "concatenated" else LAYERS,
                    )
                )
    return rows


def _both_ways(layer, x, gradient) -> None:
    x.grad = None
    layer.zero_grad()
    layer(x).backward(gradient)
