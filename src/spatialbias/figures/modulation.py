"""What a trained Coordinet's modulator says, for the page `coordinet/architecture`: how far it tells the classes apart, and who decides."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from torch import Tensor

from spatialbias import datasets
from spatialbias.datasets.images import DataMissing
from spatialbias.explorer.networks import Network
from spatialbias.figures.style import COLOURS, INK, use
from spatialbias.figures.votes import exact


def many(network: Network, images: Tensor, target: Tensor, count: int = 500) -> tuple[Tensor, Tensor]:
    """Test pictures in number and their classes: the first of the network's test set, or where that is not to be had those given."""
    try:
        test = network.data.test if len(network.data.test) else datasets.load(network.data.name).test
    except DataMissing:
        return images, target
    return test.inputs[0][:count], test.target[:count]


def directions(network: Network, images: Tensor) -> dict[str, Tensor]:
    """The modulations (B, width) that images get, each scaled to length 1: their length has no effect."""
    model, x = exact(network, images)
    with torch.no_grad():
        return {f"$m_{k}$": F.normalize(m, dim=1) for k, m in enumerate(model.modulations(x).split(model.sizes, 1), 1)}


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
    return {"the pixels": x.flatten(1).double(), **directions(network, images), **{name: v.double() for name, v in sums.items()}}


def between(features: Tensor, target: Tensor, shuffles: int = 500) -> tuple[float, float, float]:
    """Share of the variance that lies between class means; and the 95 % range of it when the classes are dealt at random."""
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
    """Mean square of m - 1, each layer's m scaled to mean square 1, split: the same for all images, between classes, within; and
    between what ends the second lies (95 %) when the classes are dealt at random ("least", "most")."""
    model, x = exact(network, images)
    with torch.no_grad():
        m = math.sqrt(model.width) * torch.cat([F.normalize(part, dim=1) for part in model.modulations(x).split(model.sizes, 1)], 1) - 1
    common, (share, *chance) = float(m.mean(0).square().mean() / m.square().mean()), between(m, target)
    parts = dict(zip(("between", "within", "least", "most"), (share, 1 - share, *chance), strict=True))
    return {"common": common, **{name: part * (1 - common) for name, part in parts.items()}}


def news(split: dict[str, float]) -> str:
    """What the share between classes says, by what chance gives."""
    if split["between"] > split["most"]:
        return "more than chance gives, so the modulation does carry news of the class"
    inside = split["between"] >= split["least"]
    return f"{'no more' if inside else 'less'} than chance gives, so that with so many pictures no news of the class can be seen"


def apart(middle: np.ndarray, width: float, taken: list, room: np.ndarray) -> np.ndarray:
    """Where near `middle` (in points) a label of this width covers nothing that is taken: rows of (x, y, half width, half height)."""
    others, half = np.array(taken), np.array([width / 2, 6])
    for radius in range(0, 200, 4):
        for angle in np.arange(0, 2 * np.pi, np.pi / 8):
            place = middle + radius * np.array([np.cos(angle), np.sin(angle)])
            free = (abs(others[:, :2] - place) > others[:, 2:] + half).any(1).all()
            if free and (place - half > 0).all() and (place + half < room).all():
                return place
    return middle


def modulation(network: Network, images: Tensor, target: Tensor, classes: tuple[str, ...], shares: dict[str, tuple]) -> Figure:
    """Left: the pictures in the plane of the two main directions of their modulation; right: variance between classes, stage by stage,
    as `between` gives it."""
    m = torch.cat(list(directions(network, images).values()), 1)
    u, s, _ = torch.linalg.svd(m - m.mean(0), full_matrices=False)
    place, explained = (u * s)[:, :2].numpy(), (s.square() / s.square().sum())[:2].tolist()
    use()
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    room, low, span = np.array([255, 205]), place.min(0), np.ptp(place, axis=0)  # of the axes, in points
    low, span = low - 0.15 * span, 1.3 * span
    left.set(xlim=(low[0], low[0] + span[0]), ylim=(low[1], low[1] + span[1]))
    taken = [(*(room * (one - low) / span), 8, 8) for one in place]
    for k in sorted(target.unique().tolist(), key=lambda k: place[target == k].mean(0)[1]):
        middle = place[target == k].mean(0)
        for (px, py), picture in zip(place[target == k], images[target == k]):
            left.plot([px, middle[0]], [py, middle[1]], color=INK, linewidth=0.6, alpha=0.6)
            left.add_artist(AnnotationBbox(OffsetImage(picture.expand(3, -1, -1).permute(1, 2, 0).numpy(), zoom=0.45, interpolation="none"),
                                           (px, py), frameon=False, pad=0))
        width = 4.2 * len(classes[k]) + 5
        at = apart(room * (middle - low) / span, width, taken, room)
        taken.append((*at, width / 2, 6))
        at = low + span * at / room
        left.plot([at[0], middle[0]], [at[1], middle[1]], color="#00664b", linewidth=0.8)
        left.annotate(classes[k], at, color="white", size=7, ha="center", va="center", zorder=5,
                      bbox={"boxstyle": "round,pad=0.2", "facecolor": "#00664b", "edgecolor": "none"})
    left.set(xticks=[], yticks=[], xlabel=f"first main direction of m ({explained[0]:.0%})", ylabel=f"second ({explained[1]:.0%})")
    for k, (share, low, high) in enumerate(shares.values()):
        right.plot([100 * low, 100 * high], [k, k], color=INK, linewidth=6, alpha=0.3, solid_capstyle="butt")
        right.plot(100 * share, k, marker="^", color=COLOURS["coordinet"], markersize=7)
    right.annotate("classes dealt\nat random", (100 * high, k), xytext=(4, 0), textcoords="offset points", size=7.5, va="center")
    right.set_yticks(range(len(shares)), list(shares))
    right.set(ylim=(len(shares) - 0.5, -0.5), xlabel="variance between classes (%)")
    right.set(xticks=range(0, 101, 10), xlim=(0, 1.3 * right.get_xlim()[1]))
    right.grid(axis="y", visible=False)
    return figure


@torch.no_grad()
def exchanged(network: Network, images: Tensor, times: int = 3) -> dict[str, int]:
    """The pixels of one picture with the modulation of another, each with `times` others, in pairs whose answers differ: whose answer
    comes out, how often."""
    x = network.data.normalise(images)
    usual, found = network.model(x).argmax(1), {"modulation": 0, "pixels": 0, "neither": 0, "pairs": 0}
    for k in range(1, times + 1):
        other, out = usual.roll(k), network.model(x, context=x.roll(k, 0)).argmax(1)
        differ = usual != other
        hits = {"modulation": out == other, "pixels": out == usual, "neither": (out != other) & (out != usual), "pairs": differ}
        found = {name: found[name] + int((hit & differ).sum()) for name, hit in hits.items()}
    return found
