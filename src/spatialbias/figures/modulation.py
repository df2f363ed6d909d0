"""What a trained Coordinet's modulator says, for the page `coordinet/architecture`: how far it tells the classes apart, and who decides."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from torch import Tensor

from spatialbias.explorer.networks import Network
from spatialbias.figures.style import COLOURS, INK, use
from spatialbias.figures.votes import exact, votes


@torch.no_grad()
def stages(network: Network, images: Tensor) -> dict[str, Tensor]:
    """What each stage makes of the images, (B, features). Of a modulation only the direction: its length has no effect."""
    model, x = exact(network, images)
    parts = {f"$m_{k}$": F.normalize(m, dim=1) for k, m in enumerate(model.modulations(x).split(model.sizes, 1), 1)}
    total = votes(network, images)["total"]
    return {"the pixels": x.flatten(1), **parts, "sum of votes": total, "logits": model.decoder(total)}


def between(features: Tensor, target: Tensor, shuffles: int = 2000) -> tuple[float, float, float]:
    """Share of the variance that lies between class means; and the 95 % range of it when the classes are dealt at random."""
    x = (features - features.mean(0)).numpy()
    gram, member = x @ x.T, F.one_hot(target).double().numpy()
    member = member[:, member.any(0)]
    project = (member / member.sum(0)) @ member.T
    deal = np.random.default_rng(0)
    chance = []
    for _ in range(shuffles):
        order = deal.permutation(len(x))
        chance.append((gram * project[order][:, order]).sum() / gram.trace())
    return float((gram * project).sum() / gram.trace()), *map(float, np.quantile(chance, (0.025, 0.975)))


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
    return f"{'no more' if inside else 'less'} than chance gives, so that no news of the class is seen in these pictures"


def modulation(network: Network, images: Tensor, target: Tensor, classes: tuple[str, ...]) -> Figure:
    """Left: the pictures in the plane of the two main directions of their modulation; right: variance between classes, stage by stage."""
    found = stages(network, images)
    m = torch.cat([v for name, v in found.items() if name.startswith("$m")], 1)
    u, s, _ = torch.linalg.svd(m - m.mean(0), full_matrices=False)
    place, explained = (u * s)[:, :2].numpy(), (s.square() / s.square().sum())[:2].tolist()
    use()
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    left.margins(0.13)
    left.plot(*place.T, linestyle="")
    taken, span = [], np.ptp(place, axis=0)
    for k in sorted(target.unique().tolist(), key=lambda k: place[target == k].mean(0)[1]):
        middle = place[target == k].mean(0)
        for (px, py), picture in zip(place[target == k], images[target == k]):
            left.plot([px, middle[0]], [py, middle[1]], color=INK, linewidth=0.6, alpha=0.6)
            left.add_artist(AnnotationBbox(OffsetImage(picture.expand(3, -1, -1).permute(1, 2, 0).numpy(), zoom=0.45, interpolation="none"),
                                           (px, py), frameon=False, pad=0))
        while any(abs(middle[0] - a) < 0.2 * span[0] and abs(middle[1] - b) < 0.06 * span[1] for a, b in taken):
            middle = middle + (0, 0.01 * span[1])
        taken.append(middle)
        left.annotate(classes[k], middle, color="white", size=7, ha="center", va="center", zorder=5,
                      bbox={"boxstyle": "round,pad=0.2", "facecolor": "#00664b", "edgecolor": "none"})
    left.set(xticks=[], yticks=[], xlabel=f"first main direction of m ({explained[0]:.0%})", ylabel=f"second ({explained[1]:.0%})")
    for k, features in enumerate(found.values()):
        share, low, high = between(features, target)
        right.plot([100 * low, 100 * high], [k, k], color=INK, linewidth=6, alpha=0.3, solid_capstyle="butt")
        right.plot(100 * share, k, marker="^", color=COLOURS["coordinet"], markersize=7)
    right.annotate("classes dealt\nat random", (100 * high, k), xytext=(4, 0), textcoords="offset points", size=7.5, va="center")
    right.set_yticks(range(len(found)), list(found))
    right.set(ylim=(len(found) - 0.5, -0.5), xlabel="variance between classes (%)")
    right.set(xticks=range(0, 101, 20), xlim=(0, 1.3 * right.get_xlim()[1]))
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
