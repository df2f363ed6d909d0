"""What a trained Coordinet's modulator says, for the page `coordinet/architecture`: how far it
tells the classes apart, and who decides.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from spatialbias import datasets
from spatialbias.datasets.images import DataMissing
from spatialbias.explorer.networks import Network
from spatialbias.figures.maps import plane
from spatialbias.figures.numbers import NOTHING, said
from spatialbias.figures.votes import exact
from spatialbias.plots.style import COLOURS, INK, use
from spatialbias.statistics import mean_interval


def many(
    network: Network, images: Tensor, target: Tensor, count: int = 500
) -> tuple[Tensor, Tensor]:
    """Test pictures in number and their classes: the first of the network's test set, or where that
    is not to be had those given.
    """
    try:
        test = (
            network.data.test if len(network.data.test) else datasets.load(network.data.name).test
        )
    except DataMissing:
        return images, target
    return test.inputs[0][:count], test.target[:count]


def directions(network: Network, images: Tensor) -> dict[str, Tensor]:
    """The modulations (B, width) that images get, each scaled to length 1: their length has no
    effect.
    """
    model, x = exact(network, images)
    with torch.no_grad():
        return {
            f"$m_{k}$": F.normalize(m, dim=1)
            for k, m in enumerate(model.modulations(x).split(model.sizes, 1), 1)
        }


@torch.no_grad()
def stages(network: Network, images: Tensor) -> dict[str, Tensor]:
    """What each stage makes of the images, (B, features)."""
    x, read = network.data.normalise(images), []
    hook = network.model.decoder.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    try:
        logits = torch.cat([network.model(part) for part in x.split(50)])
    finally:
        hook.remove()
    sums = {"sum of votes": torch.cat(read), "logits": logits}
    return {
        "the pixels": x.flatten(1).double(),
        **directions(network, images),
        **{name: v.double() for name, v in sums.items()},
    }


def between(features: Tensor, target: Tensor, shuffles: int = 500) -> tuple[float, float, float]:
    """Share of the variance that lies between class means; and the 95 % range of it when the
    classes are dealt at random.
    """
    x, member = features - features.mean(0), F.one_hot(target).double()
    member = member[:, member.any(0)].t()  # (classes, B)
    if x.shape[1] > len(x):  # as many coordinates as pictures are enough
        x = torch.linalg.qr(x.t(), "r")[1].t()
    count, whole = member.sum(1), x.square().sum()

    def share(order: Tensor) -> float:
        return float(((member[:, order] @ x).square().sum(1) / count).sum() / whole)

    deal = torch.Generator().manual_seed(0)
    chance = [share(torch.randperm(len(x), generator=deal)) for _ in range(shuffles)]
    return share(torch.arange(len(x))), *map(float, np.quantile(chance, (0.025, 0.975)))


def parts_of_modulation(network: Network, images: Tensor, target: Tensor) -> dict[str, float]:
    """Mean square of m - 1, each layer's m scaled to mean square 1, split: the same for all images,
    between classes, within; and between what ends the second lies (95 %) when the classes are dealt
    at random ("least", "most").
    """
    model, x = exact(network, images)
    with torch.no_grad():
        m = (
            math.sqrt(model.width)
            * torch.cat(
                [F.normalize(part, dim=1) for part in model.modulations(x).split(model.sizes, 1)], 1
            )
            - 1
        )
    common, (share, *chance) = (
        float(m.mean(0).square().mean() / m.square().mean()),
        between(m, target),
    )
    parts = dict(
        zip(("between", "within", "least", "most"), (share, 1 - share, *chance), strict=True)
    )
    return {"common": common, **{name: part * (1 - common) for name, part in parts.items()}}


def news(split: dict[str, float]) -> str:
    """What the share between classes says, by what chance gives."""
    chance = f"dealt at random, they would differ by {split['least']:.1%} to {split['most']:.1%}"
    if split["between"] > split["most"]:
        return f"{chance}, so the modulation does tell them apart"
    return f"{chance}, so with so many pictures no news of the class is seen"


def class_means(network: Network, images: Tensor, target: Tensor) -> Tensor:
    """How the modulation of the last layer differs by class: mean of a class less that of all
    images, (classes, width), in units of the root mean square of m; units in the order of their
    main direction over classes.
    """
    model, x = exact(network, images)
    with torch.no_grad():
        m = model.modulations(x).split(model.sizes, 1)[-1]
        m = m / m.square().mean(1, keepdim=True).sqrt()
    means = torch.stack([m[target == k].mean(0) for k in target.unique()]) - m.mean(0)
    return means[:, torch.linalg.svd(means, full_matrices=False)[2][0].argsort()]


def modulation(shares: dict[str, tuple], means: Tensor, classes: Sequence[str]) -> Figure:
    """Above: variance between classes, stage by stage, as `between` gives it; below: `class_means`,
    a row a class.
    """
    use()
    figure = Figure(figsize=(7.2, 4.9), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(1.25, 1))
    for k, (share, low, high) in enumerate(shares.values()):
        above.plot(
            [100 * low, 100 * high],
            [k, k],
            color=INK,
            linewidth=6,
            alpha=0.3,
            solid_capstyle="butt",
        )
        above.plot(100 * share, k, marker="^", color=COLOURS["coordinet"], markersize=7)
        above.annotate(
            f"{share:.0%}".replace("%", " %"),
            (100 * share, k),
            xytext=(8, 0),
            textcoords="offset points",
            size=8,
            va="center",
        )
    above.annotate(
        "classes dealt at random",
        (100 * high, k),
        xytext=(6, -11),
        textcoords="offset points",
        size=7.5,
        va="center",
    )
    above.set_yticks(range(len(shares)), list(shares))
    above.set(ylim=(len(shares) + 0.1, -0.6), xlabel="variance between classes (%)")
    above.set_xlim(0, 1.15 * above.get_xlim()[1])
    above.grid(axis="y", visible=False)
    drawn = plane(below, means, "", float(means.abs().quantile(0.995)))
    below.set_aspect("auto")
    below.set_yticks(range(len(classes)), classes, fontsize=8)
    below.set_xlabel(f"the {means.shape[1]} units of {list(shares)[-3]}")
    bar = figure.colorbar(
        drawn, ax=below, label="class mean less\nmean of all", extend="both", aspect=12, pad=0.01
    )
    bar.outline.set_linewidth(0.4)
    return figure


@torch.no_grad()
def exchanged(network: Network, images: Tensor, times: int = 3) -> dict[str, int]:
    """The pixels of one picture with the modulation of another, each with `times` others, in pairs
    whose answers differ: whose answer comes out, how often.
    """
    x = network.data.normalise(images)
    usual, found = (
        network.model(x).argmax(1),
        {"modulation": 0, "pixels": 0, "neither": 0, "pairs": 0},
    )
    for k in range(1, times + 1):
        other, out = usual.roll(k), network.model(x, context=x.roll(k, 0)).argmax(1)
        differ = usual != other
        hits = {
            "modulation": out == other,
            "pixels": out == usual,
            "neither": (out != other) & (out != usual),
            "pairs": differ,
        }
        found = {name: found[name] + int((hit & differ).sum()) for name, hit in hits.items()}
    return found


def borrowed(frame: pd.DataFrame) -> str:
    """What another picture's modulation does to the accuracy of several networks; rows of
    `foreign_modulation`; for the prose.
    """
    rows = frame[
        (frame["arm"] == "coordinet")
        & (frame["measure"] == "foreign_modulation")
        & (frame["at"] == "stop")
    ]
    parts = rows.pivot_table(index="replicate", columns="part", values="value")
    if not {"own", "another image's"} <= set(parts):
        return f"What another picture's modulation does to the accuracy of several such networks is {NOTHING}."
    own, another = parts["own"], parts["another image's"]
    _, low, high, n = mean_interval(another - own)
    verb = "falls" if high < 0 else "rises" if low > 0 else "is not shown to change: it goes"
    return (
        f"In {n} such networks, accuracy on test pictures {verb} from {said(own, n=False)} to {said(another)}, with another "
        "picture's modulation."
    )
