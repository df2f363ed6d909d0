"""Figures and numbers of single pages of the Coordinet chapter, from tidy frames."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.figures.plots import CHANCE, arms_in, forest
from spatialbias.figures.style import INK, blank, canvas, colour, label, marker
from spatialbias.statistics import mean_interval, paired

NETWORKS = ("fully_connected", "simple_cnn", "coordinet")
ANGLES = [float(a) for a in range(10, 90, 10)]
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


def published(numbers: Mapping[str, Sequence[Sequence[float]]], sizes: Sequence[int], at: Iterable[float]) -> dict:
    """The source's curves as `plots.lines` takes them: {(N, arm): [(x, accuracy), …]}."""
    at = tuple(at)
    return {(n, arm): list(zip(at, curve, strict=True)) for arm, curves in numbers.items() for n, curve in zip(sizes, curves, strict=True)}


def curve(frame: pd.DataFrame, measure: str, arm: str) -> pd.DataFrame:
    """Replicates x points of one arm's measure at the stop."""
    rows = frame[(frame["measure"] == measure) & (frame["arm"] == arm) & (frame["at"] == "stop")]
    return rows.pivot_table(index="replicate", columns="x", values="value")


def shade(ax: Axes, table: pd.DataFrame, ink: str) -> None:
    """The 95 % band of replicates x points of fractions."""
    bands = [mean_interval(table[x].dropna()) for x in table]
    ax.fill_between(table.columns, [100 * b.low for b in bands], [100 * b.high for b in bands], color=ink, alpha=0.12, linewidth=0)


def contrasts(frame: pd.DataFrame) -> Figure:
    """Paired differences of the hypotheses page."""
    rows = []
    for group, contrasts_ in CONTRASTS.items():
        for name, arm, rival in contrasts_:
            difference = paired(frame, arm, rival)
            if len(difference):
                network = "coordinet" if arm == "no modulation" else arm.partition(",")[0]
                known = network if network in NETWORKS else ""
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


def _panels(frame: pd.DataFrame, kinds: Mapping[str, str], xlabel: str, marks: str | None = None) -> Figure:
    """One panel a network; one line a measure, told apart by its dash."""
    arms = arms_in(frame, NETWORKS)
    figure, axes = canvas(max(len(arms), 1), width=7.6, height=3.0)
    dashes = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (4, 1, 1, 1)))
    for ax, arm in zip(axes, arms, strict=False):
        for dash, (measure, name) in zip(dashes, kinds.items(), strict=False):
            mean = 100 * curve(frame, measure, arm).mean()
            if len(mean):
                ax.plot(mean.index, mean, color=colour(arm), linestyle=dash, label=name, marker=None, linewidth=1.7)
                shade(ax, curve(frame, measure, arm), colour(arm))
        exact = 100 * curve(frame, marks, arm).mean() if marks else pd.Series(dtype=float)
        for turn, value in exact.items():
            if turn:
                ax.plot(95 + turn / 90 * 4, value, marker=marker(arm), color=colour(arm), markersize=4, linestyle="")
                above = 5 if turn != 180 else -10  # the three lie side by side
                at = (95 + turn / 90 * 4, value)
                ax.annotate(f"{turn:g}", at, xytext=(0, above), textcoords="offset points", fontsize=6, ha="center", color=INK)
        ax.axhline(CHANCE, color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(label(arm), color=colour(arm))
        ax.set_xlabel(xlabel)
    axes[0].set_ylabel("test accuracy (%)")
    if not arms:
        return blank()
    handles = [axes[0].plot([], [], color=INK, linestyle=dash)[0] for dash, _ in zip(dashes, kinds, strict=False)]
    figure.legend(handles, kinds.values(), loc="outside lower center", ncols=len(kinds), fontsize=8)
    return figure


def rotation_controls(frame: pd.DataFrame) -> Figure:
    """Turned, masked, forth and back, abstaining, by network; exact quarter turns as marks."""
    return _panels(
        frame,
        {
            "rotation": "turned",
            "rotation_masked": "turned, in a disc",
            "rotation_back": "forth and back",
            "rotation_abstain": "corners abstain",
        },
        "turned by (degrees)",
        "quarter_turns",
    )


def crop_controls(frame: pd.DataFrame) -> Figure:
    """Cropped, centred exactly, blurred alone, by network."""
    return _panels(frame, {"resized_crop": "cropped", "resized_crop_exact": "centred exactly", "crop_blur": "blur alone"}, "pixels of 32")


def turning(frame: pd.DataFrame, arm: str, measure: str = "rotation") -> pd.Series:
    """What turning changes, a replicate: the mean accuracy over 10 to 80 degrees, less that at 0; empty without records."""
    c = curve(frame, measure, arm)
    return c[ANGLES].mean(axis=1) - c[0.0] if len(c) else pd.Series(dtype=float)


def rotation_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """What turning, blur and corners cost, averaged over 10 to 80 degrees, relative to 0; for the prose."""
    numbers = {"N": sizes(frame)}
    for arm in NETWORKS:
        for name, measure in (("turn", "rotation"), ("back", "rotation_back")):
            lost = turning(frame, arm, measure)
            numbers[f"{name}_{arm}"] = points(lost) if len(lost) else NOTHING
        straight, disc, exact = (curve(frame, measure, arm) for measure in ("rotation", "rotation_masked", "quarter_turns"))
        numbers[f"corners_{arm}"] = points(disc[0.0] - straight[0.0]) if len(disc) and len(straight) else NOTHING
        numbers[f"inside_{arm}"] = points(turning(frame, arm, "rotation_masked")) if len(disc) else NOTHING
        numbers[f"quarter_{arm}"] = said(exact[[90.0, 270.0]].mean(axis=1)) if len(exact) else NOTHING
    turned, abstaining = curve(frame, "rotation", "coordinet"), curve(frame, "rotation_abstain", "coordinet")
    numbers["abstain"] = (
        points(abstaining[ANGLES].mean(axis=1) - turned[ANGLES].mean(axis=1)) if len(turned) and len(abstaining) else NOTHING
    )
    return numbers


def late(frame: pd.DataFrame, arm: str, rival: str, otherwise: int, cap: int = 100) -> dict[str, str]:
    """Which trials went on past the published cap of epochs, and where most of them are (or at N = `otherwise`) the difference of two
    arms at that cap and at the stop; for the prose."""
    beyond = frame[(frame["measure"] == "epochs") & (frame["value"] > cap)]
    counts = beyond.groupby(["n_train", "arm"]).size()
    size = int(counts.groupby("n_train").sum().idxmax()) if len(counts) else otherwise
    rows = frame[(frame["measure"] == "accuracy") & (frame["n_train"] == size)]
    gaps = {at: points(paired(rows[rows["at"] == at], arm, rival)) for at in ("published", "stop")}
    said_ = ", ".join(f"{count} of {label(name)} at N = {n}" for (n, name), count in counts.items()) or "none"
    return {"late": said_, "late_n": str(size), "late_capped": gaps["published"], "late_stop": gaps["stop"]}


def best(accuracy: pd.DataFrame, size: int) -> str:
    """The arm with the highest mean accuracy at N = size, and that; for the prose."""
    rows = accuracy[accuracy["n_train"] == size].dropna(subset=["value"])
    if rows.empty:
        return NOTHING
    arm = rows.groupby("arm")["value"].mean().idxmax()
    return f"{label(arm)}, {said(rows.loc[rows['arm'] == arm, 'value'])}"


def against_published(verdicts: Iterable) -> dict[str, str]:
    """How many published single runs lie outside our prediction intervals, and below; for the prose."""
    there = [c for verdict in verdicts if verdict for c in verdict.published if c.inside is not None]
    outside = [c for c in there if not c.inside]
    counts = {"published": len(there), "outside": len(outside), "below": sum(c.published.value < c.low for c in outside)}
    return {name: str(n) if there else NOTHING for name, n in counts.items()}


def sizes(frame: pd.DataFrame) -> str:
    return "/".join(str(n) for n in sorted(frame["n_train"].unique())) or "390"


def variants(frame: pd.DataFrame) -> Figure:
    """Each variant of Coordinet minus the default."""
    rows, default = [], frame[frame["arm"] == "coordinet"].set_index(["n_train", "replicate"])["value"]
    for arm in arms_in(frame):
        if arm != "coordinet":
            difference = frame[frame["arm"] == arm].set_index(["n_train", "replicate"])["value"] - default
            rows.append({"label": label(arm), "arm": "", **mean_interval(difference.dropna())._asdict()})
    return forest(
        pd.DataFrame(rows, columns=["label", "arm", "mean", "low", "high", "n"]),
        band=(-1, 1),
        xlabel="variant − default (points of accuracy)",
    )


def modulation_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """Accuracy of the default network with its own, another image's and no modulation; for the prose."""
    own = frame[frame["arm"] == "coordinet"].set_index("part")["value"]
    names = {"own": "own", "another": "another image's", "ones": "none"}
    return {key: said(own[[part]]) if part in own.index else NOTHING for key, part in names.items()}
