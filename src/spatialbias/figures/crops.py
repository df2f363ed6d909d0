"""What cropping, moving and shrinking cost, for the tables and the prose of the page
`coordinet/resized_crop`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import ttest_ind

from spatialbias.figures.coordinet import curve, sizes
from spatialbias.figures.numbers import points
from spatialbias.figures.rotation import ARMS, listed, named, per_doubling, several
from spatialbias.plots.charts import CHANCE, arms_in, line, write_labels
from spatialbias.plots.style import INK, canvas, label
from spatialbias.records import lacking
from spatialbias.statistics import mean_interval, paired_differences, prediction_interval
from spatialbias.studies import Results
from spatialbias.studies.coordinet_arms import NETWORKS

SMALL, WHOLE = 23.0, 32.0  # pixels of 32: the smallest crop, and none
FAR = 8.0  # pixels: the farthest move
ORDER = ("simple_cnn", "coordinet", "fully_connected")  # in which the prose tells them
ODD, EVEN = (
    [25.0, 27.0, 29.0],
    [24.0, 26.0, 26.0, 28.0, 28.0, 30.0],
)  # each odd size between its even neighbours
MORE, LESS, ALIKE = (
    *(f"Coordinet loses {word} points than the simple CNN" for word in ("more", "fewer")),
    "the two are not told apart",
)


def _comparable(frame: pd.DataFrame, at: Sequence[int]) -> tuple[int, ...]:
    """The published N that the frame has; none if it is of other pictures."""
    return (
        tuple(int(n) for n in at if n in set(frame["n_train"]))
        if set(frame["dataset"]) == {"cifar10"}
        else ()
    )


def costs(
    frame: pd.DataFrame, published: Mapping[str, Sequence[Sequence[float]]], at: Sequence[int]
) -> pd.DataFrame:
    """What the smallest crop changes and leaves, published (`at` these N, curves from SMALL to
    WHOLE) and ours: a row a network and N.
    """
    rows, there = [], _comparable(frame, at)
    for n in sorted({int(n) for n in frame["n_train"].unique()}):
        for arm in NETWORKS:
            ours = curve(frame[frame["n_train"] == n], "resized_crop", arm)
            if ours.empty:
                continue
            source = published[arm][at.index(n)] if n in there else None
            change = ours[SMALL] - ours[WHOLE]
            rows.append(
                {
                    "N": n,
                    "network": label(arm),
                    "change, ours (points)": points(change, unit="", n=False),
                    "kept above chance, ours": _kept(ours),
                    "n": change.count(),
                    "change, published": f"{100 * (source[0] - source[-1]):+.1f}"
                    if source
                    else "–",
                    "kept above chance, published": _kept(
                        pd.DataFrame([source], columns=[*ours.columns])
                    )
                    if source
                    else "–",
                }
            )
    return pd.DataFrame(rows)


def _kept(curves: pd.DataFrame) -> str:
    """The share of what a network is right on above chance that the smallest crop leaves; a dash
    where it is not shown to be above.
    """
    above = curves - CHANCE / 100
    mean, low, _, n = mean_interval(above[WHOLE].dropna())
    if not (low if n > 1 else mean) > 0 or (above[WHOLE] <= 0).any():
        return "–"
    left = mean_interval((above[SMALL] / above[WHOLE]).dropna())
    return f"{100 * left.mean:.0f} %" + (
        "" if math.isnan(left.low) else f" [{100 * left.low:.0f}, {100 * left.high:.0f}]"
    )


def by_size(frame: pd.DataFrame) -> str:
    """At which N one of Coordinet and the simple CNN loses more by the smallest crop, and whether
    that changes with N; for the prose.
    """
    changes = {}
    for n, rows in frame.groupby("n_train"):
        cnn, coordinet = (curve(rows, "resized_crop", arm) for arm in ("simple_cnn", "coordinet"))
        if len(cnn) and len(coordinet):
            changes[int(n)] = paired_differences(
                coordinet[SMALL] - coordinet[WHOLE], cnn[SMALL] - cnn[WHOLE]
            )
    found: dict[str, list[str]] = {}
    for n, differences in changes.items():
        _, low, high, _ = mean_interval(differences)
        found.setdefault(MORE if high < 0 else LESS if low > 0 else ALIKE, []).append(str(n))
    if not found:
        return ""
    text = "; ".join(f"{who} at N = {', '.join(n)}" for who, n in found.items())
    if len(trend := per_doubling(changes)):
        _, low, high, _ = mean_interval(trend)
        one = (
            "so there is no one answer over N"
            if low > 0 or high < 0
            else "so a change with N is not shown"
        )
        text += (
            f"; the gap between the two changes shifts by {points(trend)}, per doubling of N, {one}"
        )
    return f"{text[0].upper()}{text[1:]}."


def least(frame: pd.DataFrame, measure: str, x: float, usual: float) -> str:
    """Which network a shift changes least, if it is shown against both others; for the prose."""
    curves = {arm: c for arm in NETWORKS if len(c := curve(frame, measure, arm))}
    changes = {arm: c[x] - c[usual] for arm, c in curves.items()}
    for arm, change in changes.items():
        others = [
            mean_interval(paired_differences(change, other)).low
            for name, other in changes.items()
            if name != arm
        ]
        if len(others) == len(NETWORKS) - 1 and min(others) > 0:
            return f"the network that loses least is {named(arm)} (its interval against both others excludes zero)"
    return "which network loses least is not told"


def zigzag(curves: pd.DataFrame) -> pd.Series:
    """Mean of odd sizes less that of their even neighbours, curve by curve; columns are sizes."""
    return curves[ODD].mean(axis=1) - curves[EVEN].mean(axis=1)


def zigzag_numbers(
    frame: pd.DataFrame, published: Mapping[str, Sequence[Sequence[float]]], at: Sequence[int]
) -> dict[str, str]:
    """The zig-zag between odd and even crops: published, ours of all networks and of the simple
    CNN, and what follows.
    """
    numbers, ours, there = {}, {}, _comparable(frame, at)
    source = {
        arm: zigzag(pd.DataFrame(curves, at, [SMALL + k for k in range(10)]))
        for arm, curves in published.items()
    }
    for name, measure in (("plain", "resized_crop"), ("exact", "resized_crop_exact")):
        found = {arm: zigzag(c) for arm in NETWORKS if len(c := curve(frame, measure, arm))}
        ours[name] = pd.concat(found, axis=1).mean(axis=1) if found else pd.Series(dtype=float)
        numbers[f"zigzag_{name}"] = points(ours[name])
        numbers[f"zigzag_{name}_cnn"] = points(found.get("simple_cnn", ()))
        if name == "plain":
            _, low, high, _ = prediction_interval(found.get("simple_cnn", ()))
    every = pd.concat(source)
    mean, *ends, n = mean_interval(100 * every)
    numbers |= {
        "zigzag_published": f"{mean:+.2f} points [{ends[0]:+.2f}, {ends[1]:+.2f}]",
        "zigzag_curves": str(n),
        "zigzag_run": "",
    }
    if there:
        value = float(source["simple_cnn"][there[0]])
        place = "inside" if low <= value <= high else "outside"
        inside = "" if math.isnan(low) else f", {place} the 95 % range of a single run of ours"
        numbers["zigzag_run"] = (
            f" (the source's run of it at N = {there[0]}: {100 * value:+.2f} points{inside})"
        )
    other = "At this N, or of these pictures, the source shows no curve, so nothing follows."
    reading, welch = _reading(ours["plain"], ours["exact"], every) if there else (other, "")
    return numbers | {"zigzag_reading": reading, "zigzag_welch": welch}


def _reading(plain: pd.Series, exact: pd.Series, published: pd.Series) -> tuple[str, str]:
    """What follows of the zig-zag, chosen by the intervals, of ours and of the published curves;
    and the interval of their difference.
    """
    (_, low, high, n), (mean, *_) = mean_interval(plain), mean_interval(published)
    if n < 2:
        return "That is too little to conclude from.", ""
    least, most = 100 * np.array(ttest_ind(plain, published, equal_var=False).confidence_interval())
    welch = (
        f" Ours minus the published: {(least + most) / 2:+.2f} points [{least:+.2f}, {most:+.2f}], by Welch's interval, which takes "
        "the published curves for independent; single runs of three networks on one test set are not."
    )
    unexplained = "crops off the centre, as we make them, do not explain theirs, which may be the noise of single runs"
    if low <= 0 <= high:
        if least <= 0 <= most:
            return "Ours is told neither from none nor from theirs: nothing follows.", welch
        return f"Ours is not told from none: weak evidence that {unexplained}.", welch
    if (low > 0) != (mean > 0):
        return f"Ours goes the other way: {unexplained}.", welch
    _, low, high, _ = mean_interval(exact)
    return "Crops off the centre make one in the published direction, and " + (
        "exact centring leaves none that is told from nothing."
        if low <= 0 <= high
        else "exact centring does not take it away."
    ), welch


def crop_numbers(controls: pd.DataFrame, cropped: pd.DataFrame) -> dict[str, str]:
    """What the smallest crop, a move and shrinking change, relative to the whole picture; for the
    prose. The crop is told from the frame `cropped`, as its table is, where that has the N of the
    controls.
    """
    same = cropped[cropped["n_train"].isin(controls["n_train"])]
    shifts = {
        "crop": (controls if same.empty else same, "resized_crop", SMALL, WHOLE),
        "moved": (controls, "translation", FAR, 0.0),
        "shrunk": (controls, "scaling", SMALL, WHOLE),
    }
    found = {"N": sizes(controls), "small": f"{SMALL:.0f}", "far": f"{FAR:.0f}"}
    for name, (frame, measure, x, usual) in shifts.items():
        curves = [curve(frame, measure, arm) for arm in ORDER]
        found[name] = several(
            [c[x] - c[usual] if len(c) else pd.Series(dtype=float) for c in curves]
        )
    return found | {f"{name}_least": least(*shifts[name]) for name in ("moved", "shrunk")}


def blur(frame: pd.DataFrame) -> str:
    """Whether blur alone costs the three networks anything, and so what the loss by a crop is; for
    the prose.
    """
    lost = {arm: c[SMALL] - c[WHOLE] for arm in ORDER if len(c := curve(frame, "crop_blur", arm))}
    if not lost:
        return ""
    each = several(list(lost.values()))
    costly = [named(arm) for arm, one in lost.items() if mean_interval(one).high < 0]
    rest = f"the border that is lost, {1 - (SMALL / WHOLE) ** 2:.0%} of the area, and the enlargement of what is left"
    if costly:
        return f"Blur alone costs {listed(costly)} something ({each}); the rest is {rest}."
    if min(one.count() for one in lost.values()) < 2:
        return f"Blur alone changes them by {each}; what a crop costs besides is {rest}."
    return (
        f"Blur alone costs none of the three anything that can be shown ({each}). So what the crop costs them is {rest}; nothing here "
        "separates these two."
    )


def padded(cropped: pd.DataFrame, controls: pd.DataFrame, arm: str = "pooled_cnn") -> str:
    """What the slightest crop, the smallest and blur change in a network that pads; for the prose,
    as far as it is on record.
    """
    rows = cropped[cropped["n_train"].isin(controls["n_train"])]
    whole, blurred = curve(rows, "resized_crop", arm), curve(controls, "crop_blur", arm)
    texts = []
    if len(whole):
        first, last = whole[WHOLE - 1] - whole[WHOLE], whole[SMALL] - whole[WHOLE]
        simple = curve(rows, "resized_crop", "simple_cnn")
        beside = (
            f" (the simple CNN: {points(simple[WHOLE - 1] - simple[WHOLE])})" if len(simple) else ""
        )
        texts.append(
            f"Cropping by a single pixel, to {WHOLE - 1:.0f}, changes its accuracy by {points(first)}{beside}, and to "
            f"{SMALL:.0f} by {points(last)}."
        )
    if len(blurred):
        both = several([blurred[size] - blurred[WHOLE] for size in (WHOLE - 1, SMALL)])
        texts.append(
            f"Blur alone, with nothing cut away, changes it by {both}, at {WHOLE - 1:.0f} and {SMALL:.0f} pixels."
            + " So resampling by itself upsets it."
            * (mean_interval(blurred[WHOLE - 1] - blurred[WHOLE]).high < 0)
        )
    for frame, measure, x, usual, what in (
        (controls, "translation", FAR, 0.0, f"Moved by {FAR:.0f} pixels"),
        (controls, "scaling", SMALL, WHOLE, f"Shrunk to {SMALL:.0f} in a black frame"),
    ):
        if len(c := curve(frame, measure, arm)):
            texts.append(f"{what}, it changes by {points(c[x] - c[usual])}.")
    return f"The pooled CNN pads, and sees the border. {' '.join(texts)}" if texts else ""


def moves(frame: pd.DataFrame) -> Figure:
    """Accuracy under translation and under scaling down."""
    figure, axes = canvas(2, height=3.0, share_x=False)
    for ax, measure, xlabel in zip(
        axes,
        ("translation", "scaling"),
        ("moved by (pixels)", "shrunk to (pixels of 32)"),
        strict=True,
    ):
        rows = frame[(frame["measure"] == measure) & (frame["at"] == "stop")]
        arms = arms_in(rows, ARMS[::-1])
        ends = {
            arm: end
            for k, arm in enumerate(arms)
            if (end := line(ax, rows[rows["arm"] == arm], "x", arm, k))
        }
        ax.axhline(CHANCE, color=INK, linewidth=0.8, linestyle=":")
        ax.set_xlabel(xlabel)
    axes[0].set_ylabel("test accuracy (%)")
    write_labels(axes[1], ends, arms)
    return figure


def again(*results: Results) -> str:
    """Whether trials that several studies share were trained once more in another numerics class,
    and how far mean accuracies differ by that; for the prose, nothing if none was.
    """
    frame = pd.concat([r.frame() for r in results], ignore_index=True)
    rows = frame[(frame["measure"] == "accuracy") & (frame["at"] == "stop")]
    trial = ["dataset", "arm", "n_train", "replicate"]
    values = (
        rows.drop_duplicates([*trial, "numerics"])
        .pivot_table(index=trial, columns="numerics", values="value")
        .dropna(thresh=2)
    )
    if values.empty:
        return ""
    means = 100 * values.groupby(["dataset", "arm", "n_train"]).mean()
    return (
        "Some were trained again on a second kind of processor (same images and seeds, other rounding), so a mean may differ between "
        f"tables or pages, by up to {(means.max(axis=1) - means.min(axis=1)).max():.1f} points of accuracy."
    )


def uncounted(*results: Results) -> str:
    """Of which networks the trials are that the page's notice calls missing; nothing if none is.
    For the prose.
    """
    all_of = [
        (arm, t.n_train, lacking(r.records.get(t.key), r.plan.study.measures))
        for r in results
        for arm, t in r.plan.labelled
    ]
    gone = [arm for arm, _, lacks in all_of if lacks]
    if not gone:
        return ""
    where = sorted({n for _, n, lacks in all_of if lacks})
    at = (
        ""
        if len(where) == len({n for _, n, _ in all_of})
        else f" at N = {', '.join(map(str, where))}"
    )
    names = ", ".join(label(arm) for arm in dict.fromkeys(gone))
    only = (
        ""
        if set(gone) & set(NETWORKS)
        else ": reference networks, which no claim on this page needs"
    )
    return f"The trials that the box counts as missing are of {names}{at}{only}."
