"""What the page `coordconv/by_hand` shows: networks whose weights were written down, what they
compute, and how firmly they stand.
"""

import copy
import math

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from spatialbias.datasets import Batch, not_so_clevr
from spatialbias.figures.coordconv import HELD_OUT, PLAIN, TOLD
from spatialbias.figures.maps import MARKED, plane
from spatialbias.figures.numbers import power
from spatialbias.layers import CoordConv2d
from spatialbias.models.by_hand import by_hand, convolutions
from spatialbias.plots.style import INK, canvas
from spatialbias.statistics import mean_interval
from spatialbias.training import LOSSES, Execution

LOSS = {
    "classification": "cross_entropy",
    "regression": "mean_squared_error",
    "rendering": "binary_cross_entropy",
}
SHOWN = {
    "classification": (PLAIN, "o", "-"),
    "regression": (HELD_OUT, "s", (0, (5, 2))),
    "rendering": (TOLD, "^", (0, (2, 1))),
}
FLUSHED = Execution(
    flush=True
)  # tents this steep make softmaxes full of denormal numbers, which are slow
CHUNK = 16  # examples at once: fastest of 1 to 64 on one thread of a CPU, where more do not fit its cache


def examples(task: str, size: int, every: int = 1) -> Batch:
    """All positions of the canvas, or one in so many, whatever their split."""
    data = not_so_clevr.load(task, "quadrant", size=size)
    inputs = tuple(torch.cat(pair) for pair in zip(data.train.inputs, data.test.inputs))
    return Batch(inputs, torch.cat((data.train.target, data.test.target)))[::every]


@torch.no_grad()
def answers(network: nn.Module, batch: Batch) -> Tensor:
    network = network.to(memory_format=torch.channels_last)
    return torch.cat([network(*batch[k : k + CHUNK].inputs) for k in range(0, len(batch), CHUNK)])


def solved(task: str, output: Tensor, target: Tensor, size: int) -> Tensor:
    """Which examples (B,) are answered exactly: the right pixel; both coordinates once rounded to
    pixels; every pixel of the picture.
    """
    if task == "classification":
        return output.argmax(1) == target
    if task == "rendering":
        return ((output > 0) == (target > 0.5)).flatten(1).all(1)
    return ((output - target).abs() * size < 0.5).all(1)


def margin(task: str, output: Tensor, target: Tensor, size: int) -> str:
    """How close the nearest miss is, in words: of all positions the worst."""
    if task == "classification":
        first, second = output.topk(2).values.unbind(1)
        return f"winner’s lead ≥ {float((first - second).min()):.1f} logits"
    if task == "rendering":
        return f"every pixel’s logit beyond ±{float(output.abs().min()):.1f}"
    worst = float((output - target).abs().max()) * size
    return f"error at most {power(worst)} pixels" if worst else "no error"


@FLUSHED.arithmetic()
def verdicts(size: int) -> pd.DataFrame:
    """One row a task: how much was written, and how many of all positions it solves; "blind": with
    the weights on x and y at zero.
    """
    rows = []
    for task in not_so_clevr.TASKS:
        network, batch = by_hand(task, size), examples(task, size)
        output, few = answers(network, batch), batch[::7]
        right, values = (
            solved(task, output, batch.target, size),
            torch.cat([p.detach().flatten() for p in network.parameters()]),
        )
        blind = solved(task, answers(blinded(network), few), few.target, size)
        rows.append(
            {
                "task": task,
                "parameters": len(values),
                "written": int((values != 0).sum()),
                "largest": float(values.abs().max()),
                "values": len(values[values != 0].unique()),
                "positions": len(right),
                "solved": int(right.sum()),
                "margin": margin(task, output, batch.target, size),
                "blind": int(blind.sum()),
                "of": len(blind),
            }
        )
    return pd.DataFrame(rows)


@torch.no_grad()
def blinded(network: nn.Module) -> nn.Module:
    """A copy whose weights on the coordinates are zero."""
    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, CoordConv2d):
            layer.weight[:, layer.in_channels :] = 0
    return network


# -------------------------------------------------------------------------------------------------
# what the layers say


@torch.no_grad()
def seen(network: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """What each convolution says about one example, (C, H, W), before its ReLU."""
    said: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: said.append(out[0]))
        for layer in convolutions(network)
    ]
    network(*inputs)
    for hook in hooks:
        hook.remove()
    return said


def classifier_steps(size: int, x: int, y: int) -> Figure:
    """For one centre: what the first layer is given, its four live units, what the last one says,
    and the answer.
    """
    said = seen(by_hand("classification", size), torch.tensor([[float(x), float(y)]]))
    scale, maps = float(size), CoordConv2d(2, 1, 1).coordinates(size, size, torch.float32, "cpu")
    figure, axes = canvas(10, columns=5, height=1.65)
    chance = said[-1][0].flatten().softmax(0).view(size, size)
    units = [one.relu() for one in said[0]]
    panels = []  # one row an axis, and both together in the last column
    for k, (name, value, line) in enumerate((("x", x, "column"), ("y", y, "row"))):
        panels += [
            (torch.full((size, size), float(value)), f"given: {name} = {value}", scale),
            (maps[k], f"told: {name}", 1),
            (units[2 * k], f"{name} − {line}", scale),
            (units[2 * k + 1], f"{line} − {name}", scale),
            (said[-1][0], "logit")
            if k == 0
            else (chance, f"softmax: {chance.max():.4f}", 1.0, MARKED),
        ]
    for ax, panel in zip(axes, panels):
        plane(ax, *panel)
    for ax in (axes[4], axes[9]):
        ax.plot(x, y, marker="o", markersize=9, markerfacecolor="none", markeredgecolor=INK)
    return figure


def renderer_steps(size: int, x: int, y: int) -> Figure:
    """For one centre: how far outside the square by axis, the logits, the softmax over the canvas,
    the painter's logits and picture.
    """
    said = seen(by_hand("rendering", size), torch.tensor([[float(x), float(y)]]))
    roof = said[4][0]
    chance = roof.flatten().softmax(0).view(size, size)
    panels = [
        (said[1][0].relu(), "columns outside", float(size)),
        (said[1][1].relu(), "rows outside", float(size)),
        (roof, f"logit, {int((roof > -1).sum())} at 0", None),
        (chance, f"softmax, at most 1/{1 / chance.max():.1f}", float(chance.max()), MARKED),
        ((said[-1][0] > 0).float(), f"painted: {int((said[-1][0] > 0).sum())} pixels", 1.0, MARKED),
    ]
    figure, axes = canvas(5, height=1.75)
    for ax, panel in zip(axes, panels):
        plane(ax, *panel)
    return figure


def regressor_steps(size: int, x: int, y: int) -> Figure:
    """For one centre: the picture, the coordinates, and the row through the centre of the map whose
    maximum is the answer x.
    """
    picture = not_so_clevr.draw(torch.tensor([[x, y]]), size, size, 1)
    last = seen(by_hand("regression", size), picture)[-1]
    figure, axes = canvas(3, height=2.3, share_x=False, share_y=False)
    plane(axes[0], picture[0, 0], "given", 1.0, MARKED)
    plane(axes[1], last[0], "last layer, map for x")
    axes[2].plot(range(size), last[0, y], color=PLAIN)
    axes[2].plot(x, last[0, y, x], marker="o", color=HELD_OUT)
    axes[2].axhline(float(last[0].max()), color=HELD_OUT, linewidth=0.8, linestyle=":")
    axes[2].set_title(
        f"its row {y}: maximum {float(last[0].max()):.4f} = {x} / {size}", size=8, loc="center"
    )
    axes[2].set(xlabel="column")
    return figure


def written(network: nn.Module) -> Figure:
    """Every weight of every layer, rows the outputs; what is not zero is marked, orange above zero
    and blue below.
    """
    layers = convolutions(network)
    figure, axes = canvas(len(layers), height=2.6, share_x=False, share_y=False)
    for k, (ax, layer) in enumerate(zip(axes, layers), 1):
        matrix = layer.weight.detach().flatten(1)
        rows, columns = matrix.nonzero().T
        ax.imshow(
            np.zeros(matrix.shape), cmap=MARKED, vmin=0, vmax=1, interpolation="none", aspect="auto"
        )
        ax.scatter(
            columns,
            rows,
            s=9,
            c=[HELD_OUT if v > 0 else PLAIN for v in matrix[rows, columns]],
            linewidths=0,
        )
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.set_title(
            f"{k}: {matrix.shape[0]} × {matrix.shape[1]}\n{len(rows)} of {matrix.numel():,}",
            size=8,
            loc="center",
        )
    return figure


# ----------------------------------------------------------------------------------------------------
# how firm it stands


@FLUSHED.arithmetic()
@torch.no_grad()
def shaken(size: int, levels: list[float], seeds: int, every: int = 97) -> pd.DataFrame:
    """Share of positions still solved with normal noise on the weights: "in proportion" to each
    weight, or the same on "all weights" of a layer, in units of the deviation sqrt(2 / fan-in) with
    which the sources initialise it. Biases move in proportion only.
    """
    rows = []
    for task in not_so_clevr.TASKS:
        original, batch = by_hand(task, size), examples(task, size, every)
        for kind in ("in proportion", "all weights"):
            for seed in range(seeds):
                draw = torch.Generator().manual_seed(seed)
                noise = [torch.randn(p.shape, generator=draw) for p in original.parameters()]
                for level in levels:
                    network = copy.deepcopy(original)
                    for p, e in zip(network.parameters(), noise):
                        p.add_(
                            level
                            * e
                            * (
                                p
                                if kind == "in proportion"
                                else math.sqrt(2 / p[0].numel())
                                if p.dim() == 4
                                else 0
                            )
                        )
                    right = (
                        solved(task, answers(network, batch), batch.target, size).double().mean()
                    )
                    rows.append(
                        {
                            "task": task,
                            "kind": kind,
                            "level": level,
                            "replicate": seed,
                            "value": float(right),
                        }
                    )
    return pd.DataFrame(rows)


@FLUSHED.arithmetic()
def trained_on(
    size: int,
    recipes: dict[str, dict[str, tuple[float, float]]],
    steps: list[int],
    seeds: int,
    every: int = 23,
) -> pd.DataFrame:
    """Share of positions still solved after so many ordinary steps of Adam (0.9, 0.99) from the
    solution, in batches of 16 of all.

    recipes: {name: {task: (learning rate, l2)}}. "loss" is that of the step's batch, without the
    penalty; "live" counts the parameters that are not zero. A replicate is an order of batches.
    """
    rows = []
    for task in not_so_clevr.TASKS:
        batch, few = examples(task, size), examples(task, size, every)
        for name, rates in recipes.items():
            rate, l2 = rates[task]
            for seed in range(seeds):
                network, draw = by_hand(task, size), torch.Generator().manual_seed(seed)
                optimiser = torch.optim.Adam(
                    network.parameters(), lr=rate, betas=(0.9, 0.99), eps=1e-8
                )
                kernels = [p for p in network.parameters() if p.dim() == 4]
                for step in range(max(steps) + 1):
                    now = batch[torch.randint(len(batch), (16,), generator=draw)]
                    loss = LOSSES[LOSS[task]](network(*now.inputs), now.target)
                    if step in steps:
                        right = (
                            solved(task, answers(network, few), few.target, size).double().mean()
                        )
                        rows.append(
                            {
                                "task": task,
                                "recipe": name,
                                "step": step,
                                "replicate": seed,
                                "value": float(right),
                                "loss": float(loss.detach()),
                                "live": sum(int((p != 0).sum()) for p in network.parameters()),
                            }
                        )
                    optimiser.zero_grad()
                    (loss + l2 * sum(p.square().sum() for p in kernels)).backward()
                    optimiser.step()
    return pd.DataFrame(rows)


def held(frame: pd.DataFrame, x: str, panels: str, xlabel: str, log: bool = True) -> Figure:
    """Share still solved over `x`: one panel for each value of `panels`, one line a task; band: 95
    % interval of the mean.
    """
    cells = list(dict.fromkeys(frame[panels]))
    figure, axes = canvas(len(cells), height=2.8)
    for ax, cell in zip(axes, cells):
        for task, (ink, mark, dash) in SHOWN.items():
            table = 100 * frame[(frame[panels] == cell) & (frame["task"] == task)].pivot(
                index="replicate", columns=x, values="value"
            )
            low, high = np.clip(
                [mean_interval(table[c])[1:3] for c in table], 0, 100
            ).T  # shares end there, Student's interval does not
            ax.fill_between(table.columns, low, high, color=ink, alpha=0.15, linewidth=0)
            ax.plot(
                table.columns,
                table.mean(),
                color=ink,
                marker=mark,
                markersize=4,
                linestyle=dash,
                label=task,
            )
        if log:
            ax.set_xscale("log")
        else:
            ax.set_xscale("symlog", linthresh=1)  # a scale that has a nought
            ax.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
            ax.set_xlim(-0.1, 1.15 * frame[x].max())
        ax.set(xlabel=xlabel, ylim=(-4, 104), title=cell)
    axes[0].set_ylabel("positions solved (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def tolerated(frame: pd.DataFrame, kind: str, share: float = 0.99) -> dict[str, float]:
    """For each task the largest level up to which, at it and at all below, the mean share solved
    stays at `share` or more; 0 if none.
    """
    found = {}
    for task, one in frame[frame["kind"] == kind].groupby("task"):
        means = one.groupby("level")["value"].mean().sort_index()
        kept = np.cumprod(means >= share).astype(bool)
        found[task] = float(means.index[kept][-1]) if kept.any() else 0.0
    return found
