"""Figures and numbers of the page `coordinet/hypotheses`: what a permutation takes away, and a convolution's ingredients one at a time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialbias.figures.plots import bars, forest
from spatialbias.figures.style import INK, canvas, colour, label, marker
from spatialbias.statistics import mean_interval, paired
from spatialbias.studies.coordinet_arms import NETWORKS

CONTRASTS = {  # group: its (label, arm, rival)
    "one permutation of all pixels": (
        ("fully connected: straight − permuted", "fully_connected", "fully_connected, permuted"),
        ("simple CNN: straight − permuted", "simple_cnn", "simple_cnn, permuted"),
        ("Coordinet: straight − permuted, true places", "coordinet", "coordinet, true places"),
    ),
    "what Coordinet is told of it": (
        ("true − new places", "coordinet, true places", "coordinet, new places"),
        ("true − random places", "coordinet, true places", "coordinet, random places"),
        ("without modulation: true − random places", "no modulation", "no modulation, random places"),
    ),
    "one ingredient of a convolution at a time": (
        ("locality: one kernel a position − fully connected", "unshared, flattened", "fully_connected"),
        ("sharing: one kernel everywhere − one a position", "shared, flattened", "unshared, flattened"),
        ("invariance: averaged − flattened", "shared, pooled", "shared, flattened"),
    ),
}


def contrasts(frame: pd.DataFrame) -> Figure:
    """Paired differences of the hypotheses page."""
    rows = []
    for group, contrasts_ in CONTRASTS.items():
        for name, arm, rival in contrasts_:
            difference = paired(frame, arm, rival)
            if len(difference):
                known = parent(arm) if parent(arm) in NETWORKS else ""
                rows.append({"group": group, "label": name, "arm": known, **mean_interval(difference)._asdict()})
    return forest(pd.DataFrame(rows, columns=["group", "label", "arm", "mean", "low", "high", "n"]), band=(-1, 1))


def arrangements() -> Figure:
    """Two sample images, straight and permuted, and the coordinates that Coordinet may be told."""
    from spatialbias.datasets.batch import Batch, Data
    from spatialbias.datasets.images import arrange
    from spatialbias.explorer.samples import samples

    images, target, classes = samples()
    chosen = images[[3, 24]]
    batch = Batch((chosen,), target[[3, 24]])
    plain = Data(batch, batch, "samples", classes)
    figure, axes = canvas(7, width=7.4, height=1.5, share_x=False, share_y=False)
    moved = arrange(plain, "fixed", "grid").train.inputs[0]
    panels = [(chosen[0], "straight"), (moved[0], "permuted"), (chosen[1], "straight"), (moved[1], "permuted")]
    for ax, (image, title) in zip(axes, panels, strict=False):
        ax.imshow(image.permute(1, 2, 0).numpy())
        ax.set_title(title, fontsize=8)
    for ax, kind in zip(axes[4:], ("true", "grid", "random"), strict=True):
        places = arrange(plain, "fixed", kind).train.shared[0].numpy()
        colours = np.stack([(places[:, 0] + 1) / 2, 0.35 + 0 * places[:, 0], (places[:, 1] + 1) / 2], 1).reshape(32, 32, 3)
        ax.imshow(colours)
        ax.set_title({"true": "told: true", "grid": "told: new", "random": "told: random"}[kind], fontsize=8)
    for ax in axes:
        ax.set_axis_off()
    return figure


def settled(kind: str, true: str, false: str, open_: str) -> str:
    """A sentence that a verdict chooses: "holds", "fails", or neither."""
    return {"holds": true, "fails": false}.get(kind, open_)


def opening(kinds: dict[str, str], found: dict[str, str]) -> str:
    """The page's answer in plain sentences, from the verdicts on its claims (by the end of their id) and the contrasts as text."""
    permuted = settled(kinds["h2_cnn_needs_places"], "The source's convolutional network does use the arrangement",
                       "The source's convolutional network does not need the arrangement",
                       "Whether the source's convolutional network uses the arrangement is not decided")
    places = settled(kinds["h2_places_help"], "Coordinet uses where its pixels are",
                     "Coordinet does as well when told random places as when told the true ones",
                     "Whether Coordinet uses where its pixels are is not decided")
    sharing = settled(kinds["h1_sharing"], "one kernel for all positions beats one a position",
                      "one kernel for all positions does no better than one a position",
                      "whether one kernel for all positions beats one a position is not decided")
    pooling = settled(kinds["h1_invariance"], "What helps is averaging over positions", "Averaging over positions does not help",
                      "Whether averaging over positions helps is not decided")
    return (f"{permuted}: straight minus permuted, {found['cnn_loses']}. {places}: true minus random, {found['places']}. "
            f"In a small network of two layers {sharing}: {found['sharing']}. {pooling}: {found['pooling']}.")


def equally_fast(rates: dict[str, float]) -> str:
    """The learning rates of some networks, and whether they are one; for the prose."""
    said = "; ".join(f"{label(arm)} {rate:g}" for arm, rate in rates.items())
    return f"their learning rates {'differ' if len(set(rates.values())) > 1 else 'are the same'} ({said})"


def parent(arm: str) -> str:
    """The network that an arm varies: itself, if it is one of the three or a small network's."""
    return "coordinet" if arm.startswith("no modulation") else arm.partition(", ")[0]


def accuracies(frame: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """Mean and interval an arm, single replicates as strokes: a variant has its parent's colour, its mark is hollow."""
    arms = [arm for arm in arms if arm in set(frame["arm"])]
    arms = [arm for name in dict.fromkeys(map(parent, arms)) for arm in arms if parent(arm) == name]

    def look(arm: str, _: int) -> dict:
        if parent(arm) not in NETWORKS:  # the small networks
            return {"color": INK, "marker": "o"}
        return {"color": colour(parent(arm)), "marker": marker(parent(arm))} | ({} if arm in NETWORKS else {"markerfacecolor": "none"})

    return bars(frame, arms, look=look)
