"""One training step, one thread: a network against its own matrix products, coordinate layers
against a convolution.
"""

import statistics
from functools import partial

from spatialbias.bench.measuring import Row, alternate, ratios, spread, threads, workers

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
    from spatialbias.training import detect, instruction_set

    execution = detect(device="cpu")
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
            Row(
                "floor",
                f"{name}, training step, {execution.precision}",
                rate["step"],
                f"{rate['products']}, products alone",
                **spread(ratios(taken["products"], taken["step"])),
                shown="{:.0%}",
                target=None if quick else FLOOR[name].get(instruction_set()),
            )
        )
    return rows


def training_step(name: str, batch: int, execution):
    """A function that takes one whole training step as `training.fit` does: the network, its loss,
    Adam.
    """
    import torch

    from spatialbias import models, training

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
    """A function that computes only the matrix products of the path, by the shapes of
    `layers.modfc`: forward, and backward with respect to the matrices and, after the first layer,
    to the inputs.
    """
    import torch

    from spatialbias import models
    from spatialbias.layers.modfc import MICRO_BATCH

    model = models.build("coordinet")
    dtype = torch.bfloat16 if execution.precision == "bf16" else torch.float32
    B, P = min(batch, MICRO_BATCH), model.size**2
    layers = []
    for k, layer in enumerate(model.path):
        x = torch.randn(B, P, layer.in_features, dtype=dtype)
        matrix = torch.randn(B, layer.out_features, layer.in_features, dtype=dtype)
        d = torch.randn(B, P, layer.out_features, dtype=dtype)
        layers.append(
            (k, x, matrix, d, torch.empty_like(d), torch.empty_like(matrix), torch.empty_like(x))
        )

    def products() -> None:
        for _ in range(batch // B):
            for k, x, matrix, d, y, d_matrix, d_x in layers:
                torch.bmm(x, matrix.transpose(1, 2), out=y)  # (B, P, out)
                torch.bmm(d.transpose(1, 2), x, out=d_matrix)  # (B, out, in)
                if k:
                    torch.bmm(d, matrix, out=d_x)  # (B, P, in)

    return products


def convolution_products(batch: int, execution):
    """A function that computes only what the simple CNN's convolutions are as matrix products, of
    patches that are taken as
    given: forward, and backward with respect to the kernels and, after the first layer, to the
    patches.
    """
    import torch
    from torch import nn

    from spatialbias import models

    dtype = torch.bfloat16 if execution.precision == "bf16" else torch.float32
    side, layers = 32, []
    for k, conv in enumerate(
        layer for layer in models.build("simple_cnn") if isinstance(layer, nn.Conv2d)
    ):
        side -= conv.kernel_size[0] - 1
        kernels = torch.randn(
            conv.weight.shape[0], conv.weight[0].numel(), dtype=dtype
        )  # (out, in K K)
        patches = torch.randn(batch * side**2, kernels.shape[1], dtype=dtype)
        d = torch.randn(len(patches), len(kernels), dtype=dtype)
        layers.append(
            (
                k,
                patches,
                kernels,
                d,
                torch.empty_like(d),
                torch.empty_like(kernels),
                torch.empty_like(patches),
            )
        )

    def products() -> None:
        for k, patches, kernels, d, y, d_kernels, d_patches in layers:
            torch.mm(patches, kernels.T, out=y)
            torch.mm(d.T, patches, out=d_kernels)
            if k:
                torch.mm(d, kernels, out=d_patches)

    return products


def layers(quick: bool) -> list[Row]:
    """Forward and backward of 64 -> 64 channels, 3x3, on 8 maps of 64x64, against `nn.Conv2d`."""
    import torch
    from torch import nn

    from spatialbias.layers import CoordBiasConv2d, CoordConv2d, coordinate_grid

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
                    Row(
                        "layers",
                        f"{name}, {precision}{form}",
                        *milliseconds,
                        **spread(ratios(taken[name], taken["Conv2d"])),
                        at_most=True,
                        target=None if quick or name == "concatenated" else LAYERS,
                    )
                )
    return rows


def _both_ways(layer, x, gradient) -> None:
    x.grad = None
    layer.zero_grad()
    layer(x).backward(gradient)
