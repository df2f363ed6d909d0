"""Figures and numbers of the page `coordinet/hypotheses`: what a permutation takes away, and a
convolution's ingredients one at a time.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spatialbias.plots.charts import bars, forest
from spatialbias.plots.style import INK, canvas, colour, label, marker
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
        (
            "without modulation: true − random places",
            "no modulation",
            "no modulation, random places",
        ),
    ),
    "one ingredient of a convolution at a time": (
        (
            "locality: one kernel a position − fully connected",
            "unshared, flattened",
            "fully_connected",
        ),
        (
            "sharing: one kernel everywhere − one a position",
            "shared, flattened",
            "unshared, flattened",
        ),
        ("invariance: averaged − flattened", "shared, pooled", "shared, flattened"),
    ),
}
AVERAGED = {
    "two layers: sharing and averaging crossed": (
        ("one kernel everywhere: averaged − flattened", "shared, pooled", "shared, flattened"),
        ("one a position: averaged − flattened", "unshared, pooled", "unshared, flattened"),
        ("averaged: one kernel everywhere − one a position", "shared, pooled", "unshared, pooled"),
        (
            "flattened: one kernel everywhere − one a position",
            "shared, flattened",
            "unshared, flattened",
        ),
    ),
    "a pooled and normalised CNN": (
        ("minus fully connected", "pooled_cnn", "fully_connected"),
        ("its pixels permuted, minus fully connected", "pooled_cnn, permuted", "fully_connected"),
        ("straight − permuted", "pooled_cnn", "pooled_cnn, permuted"),
    ),
}


def contrasts(
    frame: pd.DataFrame, groups: Mapping[str, Sequence[tuple[str, str, str]]] = CONTRASTS
) -> Figure:
    """Paired differences of the hypotheses page, by group; those of networks that did not reach the
    loss say so.
    """
    rows, unfitted = [], set(frame.loc[frame["stop_reason"].isin(["cap", "diverged"]), "arm"])
    for group, contrasts_ in groups.items():
        for name, arm, rival in contrasts_:
            difference = paired(frame, arm, rival)
            if len(difference):
                known = parent(arm) if parent(arm) in (*NETWORKS, "pooled_cnn") else ""
                name += " (loss not reached)" if unfitted & {arm, rival} else ""
                rows.append(
                    {
                        "group": group,
                        "label": name,
                        "arm": known,
                        **mean_interval(difference)._asdict(),
                    }
                )
    return forest(
        pd.DataFrame(rows, columns=["group", "label", "arm", "mean", "low", "high", "n"]),
        band=(-1, 1),
    )


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
    panels = [
        (chosen[0], "straight"),
        (moved[0], "permuted"),
        (chosen[1], "straight"),
        (moved[1], "permuted"),
    ]
    for ax, (image, title) in zip(axes, panels, strict=False):
        ax.imshow(image.permute(1, 2, 0).numpy())
        ax.set_title(title, fontsize=8)
    for ax, kind in zip(axes[4:], ("true", "grid", "random"), strict=True):
        places = arrange(plain, "fixed", kind).train.shared[0].numpy()
        colours = np.stack(
            [(places[:, 0] + 1) / 2, 0.35 + 0 * places[:, 0], (places[:, 1] + 1) / 2], 1
        ).reshape(32, 32, 3)
        ax.imshow(colours)
        ax.set_title(
            {"true": "told: true", "grid": "told: new", "random": "told: random"}[kind], fontsize=8
        )
    for ax in axes:
        ax.set_axis_off()
    return figure


def settled(kind: str, true: str, false: str, open_: str) -> str:
    """A sentence that a verdict chooses: "holds", "fails", or neither."""
    return {"holds": true, "fails": false}.get(kind, open_)


def opening(kinds: dict[str, str], found: dict[str, str]) -> str:
    """The page's answer in plain sentences, from the verdicts on its claims (by the end of their
    id) and the contrasts as text.
    """

    def pays(claim: str, contrast: str) -> str:
        word = settled(kinds[claim], "pays", "does not pay", "is not decided to pay")
        return f"{word} ({found[contrast]})"

    return (
        f"Averaging over positions {pays('h1_invariance', 'pooling')} where one kernel is used at all of them; where each has a "
        f"kernel of its own, averaging {pays('averaging_unshared', 'unshared_pooling')}. Sharing the kernel "
        f"{pays('sharing_averaged', 'pooled_sharing')} where positions are averaged, and {pays('h1_sharing', 'sharing')} where they "
        "are kept apart."
    )


def arrangement(kinds: dict[str, str], found: dict[str, str]) -> str:
    """What the arrangement of pixels is worth to the source's two networks, in the same way."""
    permuted = settled(
        kinds["h2_cnn_needs_places"],
        "The source's convolutional network does use neighbourhood",
        "The source's convolutional network does not need neighbourhood",
        "Whether the source's convolutional network uses neighbourhood is not decided",
    )
    places = settled(
        kinds["h2_places_help"],
        "Coordinet uses where its pixels are: true places minus random ones is",
        "Coordinet cannot testify: random places serve it as well as true ones",
        "Whether Coordinet uses where its pixels are is not decided: true places minus random ones is",
    )
    return f"{permuted}: scrambling all pixels costs it {found['cnn_loses']}. {places} ({found['places']})."


def unfitted(trials: pd.DataFrame, arms: Sequence[str]) -> str:
    """How some arms' runs that failed to reach the loss ended; for the prose. Nothing to say where
    none failed.
    """
    late = trials[trials["arm"].isin(arms) & trials["stop_reason"].isin(["cap", "diverged"])]
    if late.empty:
        return ""
    losses = "; ".join(
        f"{label(arm)} {', '.join(f'{loss:.2f}' for loss in rows['loss'])}"
        for arm, rows in late.groupby("arm", sort=False)
    )
    return (
        f"Of {trials['arm'].isin(arms).sum()} such runs {len(late)} stopped at the cap of {late['epochs'].max()} epochs without having "
        f"reached loss 0.1 (training loss: {losses}). A difference between them is a hint and not a result."
    )


def equally_fast(rates: dict[str, float]) -> str:
    """The learning rates of some networks, and whether they are one; for the prose."""
    said = "; ".join(f"{label(arm)} {rate:g}" for arm, rate in rates.items())
    return f"their learning rates {'differ' if len(set(rates.values())) > 1 else 'are the same'} ({said})"


def parent(arm: str) -> str:
    """The network that an arm varies: itself, if it is one of the three or a small network's."""
    return "coordinet" if arm.startswith("no modulation") else arm.partition(", ")[0]


def accuracies(frame: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """Mean and interval an arm, single replicates as strokes: a variant has its parent's colour,
    its mark is hollow.
    """
    arms = [arm for arm in arms if arm in set(frame["arm"])]
    arms = [arm for name in dict.fromkeys(map(parent, arms)) for arm in arms if parent(arm) == name]

    def look(arm: str, _: int) -> dict:
        if parent(arm) not in NETWORKS:  # the small networks
            return {"color": INK, "marker": "o"}
        return {"color": colour(parent(arm)), "marker": marker(parent(arm))} | (
            {} if arm in NETWORKS else {"markerfacecolor": "none"}
        )

    return bars(frame, arms, look=look)
