"""Low-rank and locally connected layers, forward and backward, against as many convolutions as they
have filter banks: 64 -> 64 channels, 3x3, on maps of 32x32, one thread.
"""

import statistics
from functools import partial

import torch
from torch import nn

from benchmarks.measuring import Row, alternate, ratios, row, threads
from spatialbias import training
from spatialbias.layers import LocallyConnected2d, LRLC2d

# rank, batch, weights, most times R convolutions (without AMX; with it convolutions are cheaper)
CASES = (
    (4, 128, "row_col", 0.5),
    (8, 128, "row_col", 0.3),
    (4, 128, "input", 1.15),
    (2, 128, "row_col", 1.25),
    (4, 64, "row_col", 1.25),
    (4, 32, "row_col", 1.25),
    (4, 16, "row_col", 1.25),
    (4, 8, "row_col", 1.25),
)


def part(quick: bool) -> list[Row]:
    rows = []
    for precision in ("fp32", "bf16"):
        execution = training.Execution(precision=precision)
        for rank, batch, weights, most in CASES[:2] if quick else CASES:
            layer, words = low_rank(rank, weights, quick), f"{weights}, R = {rank}, B = {batch}"
            rows.append(compared(layer, rank, batch, words, execution, most, quick))
        side = 8 if quick else 32
        local = LocallyConnected2d(64, 64, 3, padding=1, bias=False, input_size=(side, side))
        rows.append(compared(local, 1, 32, "locally connected, B = 32", execution, None, quick))
    return rows


def low_rank(rank: int, weights: str, quick: bool) -> LRLC2d:
    side = 8 if quick else 32
    return LRLC2d(
        64, 64, 3, padding=1, bias=False, input_size=(side, side), rank=rank, weights=weights
    )


def compared(layer, rank, batch, words, execution, most, quick) -> Row:
    convolution = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    layers = {"ours": layer, "one": convolution}
    x = torch.randn(4 if quick else batch, 64, *layer.input_size)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    with threads(1):
        taken = alternate(
            {
                name: partial(both_ways, one.to(memory_format=torch.channels_last), x, execution)
                for name, one in layers.items()
            },
            2 if quick else 9,
        )
    many = [rank * seconds for seconds in taken["one"]]
    times = [f"{statistics.median(seconds) * 1e3:.0f} ms" for seconds in (taken["ours"], many)]
    judged = None if quick or training.instruction_set() == "amx" else most
    return row(
        "local",
        f"{words}, {execution.precision}",
        times[0],
        f"{times[1]}, {rank} convolution{'s' * (rank > 1)}",
        ratios(taken["ours"], many),
        at_most=True,
        target=judged,
    )


def both_ways(layer: nn.Module, x: torch.Tensor, execution: training.Execution) -> None:
    with execution.autocast():
        out = layer(x)
    torch.autograd.grad(out, [x, *layer.parameters()], torch.ones_like(out))
