"""ResNet-50 with one layer replaced or inserted: a training step, forward and backward, against the
same network with a convolution there. One thread.
"""

import statistics
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.measuring import Row, alternate, ratios, row, threads
from spatialbias.models.resnet import KINDS, PLACES, resnet
from spatialbias.training import Execution

RANK, SIZE, BATCH, ROUNDS = 2, 224, 8, 5


def part(quick: bool) -> list[Row]:
    size, batch = (64, 2) if quick else (SIZE, BATCH)
    images = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    rows = []
    for precision in ("fp32", "bf16"):
        execution = Execution(precision=precision)
        for place in PLACES:
            steps = {}
            for kind in KINDS:
                network = resnet(kind, place, RANK, size, classes=1000)
                network = network.to(memory_format=torch.channels_last)
                steps[kind] = partial(step, network, images, execution)
            with threads(1):
                taken = alternate(steps, 1 if quick else ROUNDS)
            times = {kind: f"{statistics.median(seconds):.1f} s" for kind, seconds in taken.items()}
            rows += [
                row(
                    "resnet",
                    f"{place}, {kind}, {precision}, {size} px, B = {batch}",
                    times[kind],
                    f"{times['convolution']}, a convolution there",
                    ratios(taken[kind], taken["convolution"]),
                    at_most=True,
                )
                for kind in KINDS[1:]
            ]
    return rows


def step(network: nn.Module, images: torch.Tensor, execution: Execution) -> None:
    with execution.autocast():
        out = network(images)
    F.cross_entropy(out.float(), torch.zeros(len(images), dtype=torch.long)).backward()
    network.zero_grad(set_to_none=True)
