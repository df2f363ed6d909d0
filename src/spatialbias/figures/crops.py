"""What cropping, moving and shrinking cost, for the tables and the prose of the page `coordinet/resized_crop`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import ttest_ind

from spatialbias.figures.coordinet import curve, sizes
from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.figures.plots import CHANCE, arms_in, line, write_labels
from spatialbias.figures.style import INK, canvas, label
from spatialbias.records import lacking
from spatialbias.statistics import mean_interval, paired_differences, prediction_interval, slope
from spatialbias.studies import Results
from spatialbias.studies.coordinet_arms import NETWORKS

SMALL, WHOLE = 23.0, 32.0  # pixels of 32: the smallest crop, and none
FAR = 8.0  # pixels: the farthest move
ODD, EVEN = [25.0, 27.0, 29.0], [24.0, 26.0, 26.0, 28.0, 28.0, 30.0]  # each odd size between its even neighbours
MORE, LESS, ALIKE = (*(f"Coordinet loses {word} points than the simple CNN" for word in ("more", "fewer")), "the two are not told apart")
AFTERWARDS = "(looked at afterwards, so exploration)"


def _comparable(frame: pd.DataFrame, at: Sequence[int]) -> tuple[int, ...]:
    """The published N that the frame has; none if it is of other pictures."""
    return tuple(int(n) for n in at if n in set(frame["n_train"])) if set(frame["dataset"]) == {"cifar10"} else ()


def costs(frame: pd.DataFrame, published: Mapping[str, Sequence[Sequence[float]]], at: Sequence[int]) -> pd.DataFrame:
    """What the smallest crop changes and leaves, published (`at` these N, curves from SMALL to WHOLE) and ours: a row a network and N."""
    rows, there = [], _comparable(frame, at)
    for n in sorted({int(n) for n in frame["n_train"].unique()}):
        for arm in NETWORKS:
            ours = curve(frame[frame["n_train"] == n], "resized_crop", arm)
            if ours.empty:
                continue
            source = published[arm][at.index(n)] if n in there else None
            rows.append({"N": n, "network": label(arm), "change, ours": points(ours[SMALL] - ours[WHOLE]),
                         "kept above chance, ours": _kept(ours),
                         "change, published": f"{100 * (source[0] - source[-1]):+.1f} points" if source else "–",
                         "kept above chance, published": _kept(pd.DataFrame([source], columns=[*ours.columns])) if source else "–"})
    return pd.DataFrame(rows)


def _kept(curves: pd.DataFrame) -> str:
    """The share of what a network is right on above chance that the smallest crop leaves; a dash where it is not shown to be above."""
    above = curves - CHANCE / 100
    mean, low, _, n = mean_interval(above[WHOLE].dropna())
    if not (low if n > 1 else mean) > 0 or (above[WHOLE] <= 0).any():
        return "–"
    left = mean_interval((above[SMALL] / above[WHOLE]).dropna())
    return f"{100 * left.mean:.0f} %" + ("" if math.isnan(left.low) else f" [{100 * left.low:.0f}, {100 * left.high:.0f}]")


def by_size(frame: pd.DataFrame) -> str:
    """At which N one of Coordinet and the simple CNN loses more by the smallest crop, and whether that changes with N; for the prose."""
    changes = {}
    for n, rows in frame.groupby("n_train"):
        cnn, coordinet = (curve(rows, "resized_crop", arm) for arm in ("simple_cnn", "coordinet"))
        if len(cnn) and len(coordinet):
            changes[int(n)] = paired_differences(coordinet[SMALL] - coordinet[WHOLE], cnn[SMALL] - cnn[WHOLE])
    found: dict[str, list[str]] = {}
    for n, differences in changes.items():
        _, low, high, _ = mean_interval(differences)
        found.setdefault(MORE if high < 0 else LESS if low > 0 else ALIKE, []).append(str(n))
    if not found:
        return ""
    text = "; ".join(f"{who} at N = {', '.join(n)}" for who, n in found.items())
    table = pd.concat(changes, axis=1).dropna()
    if len(table.columns) > 1 and len(table) > 1:
        trend = slope([math.log2(n) for n in table], table)
        _, low, high, _ = mean_interval(trend)
        one = "so there is no one answer over N" if low > 0 or high < 0 else "so a change with N is not shown"
        text += f"; the gap between the two changes shifts by {points(trend)}, per doubling of N, {one}"
    return f"{text[0].upper()}{text[1:]} {AFTERWARDS}."


def least(frame: pd.DataFrame, measure: str, x: float, usual: float) -> str:
    """Which network a shift changes least, if it is shown against both others; for the prose."""
    curves = {arm: c for arm in NETWORKS if len(c := curve(frame, measure, arm))}
    changes = {arm: c[x] - c[usual] for arm, c in curves.items()}
    for arm, change in changes.items():
        others = [mean_interval(paired_differences(change, other)).low for name, other in changes.items() if name != arm]
        if len(others) == len(NETWORKS) - 1 and min(others) > 0:
            name = label(arm) if arm == "coordinet" else f"the {label(arm)}"
            return f"the network that loses least is {name} (its interval against both others excludes zero)"
    return "which network loses least is not told"


def zigzag(curves: pd.DataFrame) -> pd.Series:
    """Mean of odd sizes less that of their even neighbours, curve by curve; columns are sizes."""
    return curves[ODD].mean(axis=1) - curves[EVEN].mean(axis=1)


def zigzag_numbers(frame: pd.DataFrame, published: Mapping[str, Sequence[Sequence[float]]], at: Sequence[int]) -> dict[str, str]:
    """The zig-zag between odd and even crops: published, ours of all networks and of the simple CNN, and what follows."""
    numbers, ours, there = {}, {}, _comparable(frame, at)
    source = {arm: zigzag(pd.DataFrame(curves, at, [SMALL + k for k in range(10)])) for arm, curves in published.items()}
    for name, measure in (("plain", "resized_crop"), ("exact", "resized_crop_exact")):
        found = {arm: zigzag(c) for arm in NETWORKS if len(c := curve(frame, measure, arm))}
        ours[name] = pd.concat(found, axis=1).mean(axis=1) if found else pd.Series(dtype=float)
        numbers[f"zigzag_{name}"] = points(ours[name])
        numbers[f"zigzag_{name}_cnn"] = points(found.get("simple_cnn", ()))
        if name == "plain":
            _, low, high, _ = prediction_interval(found.get("simple_cnn", ()))
    every = pd.concat(source)
    mean, *ends, n = mean_interval(100 * every)
    numbers |= {"zigzag_published": f"{mean:+.2f} points [{ends[0]:+.2f}, {ends[1]:+.2f}]", "zigzag_curves": str(n), "zigzag_run": ""}
    if there:
        value = float(source["simple_cnn"][there[0]])
        place = "inside" if low <= value <= high else "outside"
        inside = "" if math.isnan(low) else f", {place} the 95 % range of a single run of ours"
        numbers["zigzag_run"] = f" (the source's run of it at N = {there[0]}: {100 * value:+.2f} points{inside})"
    other = "At this N, or of these pictures, the source shows no curve, so nothing follows."
    return numbers | {"zigzag_reading": _reading(ours["plain"], ours["exact"], every) if there else other}


def _reading(plain: pd.Series, exact: pd.Series, published: pd.Series) -> str:
    """What follows of the zig-zag, chosen by the intervals, of ours and of the published curves."""
    (_, low, high, n), (mean, *_) = mean_interval(plain), mean_interval(published)
    if n < 2:
        return "That is too little to conclude from."
    if low <= 0 <= high:
        least, most = 100 * np.array(ttest_ind(plain, published, equal_var=False).confidence_interval())
        how = (f"Ours is not told from none; ours minus the published is {(least + most) / 2:+.2f} points [{least:+.2f}, {most:+.2f}], "
               "Welch's interval")
        if least <= 0 <= most:
            return how + ": nothing follows."
        how += (". That takes the published curves for independent, which single runs of three networks on one test set are not: weak "
                "evidence that")
    elif (low > 0) != (mean > 0):
        how = "Ours goes the other way:"
    else:
        _, low, high, _ = mean_interval(exact)
        return "Crops off the centre make one in the published direction, and " + (
            "exact centring leaves none that is told from nothing." if low <= 0 <= high else "exact centring does not take it away.")
    return f"{how} crops off the centre, as we make them, do not explain the published zig-zag, which may be the noise of single runs."


def crop_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """What the smallest crop, blur, a move and shrinking change, relative to the whole picture; for the prose."""
    numbers = {"N": sizes(frame), "small": f"{SMALL:.0f}", "far": f"{FAR:.0f}", "cut": f"{1 - (SMALL / WHOLE) ** 2:.0%}"}
    shifts = {"crop": ("resized_crop", SMALL, WHOLE), "blur": ("crop_blur", SMALL, WHOLE), "exact": ("resized_crop_exact", SMALL, WHOLE),
              "moved": ("translation", FAR, 0.0), "shrunk": ("scaling", SMALL, WHOLE)}
    for name, (measure, x, usual) in shifts.items():
        for arm in NETWORKS:
            c = curve(frame, measure, arm)
            numbers[f"{name}_{arm}"] = points(c[x] - c[usual]) if len(c) else NOTHING
            if name in ("moved", "shrunk"):
                numbers[f"{name}_to_{arm}"] = said(c[x]) if len(c) else NOTHING
                numbers[f"{name}_least"] = least(frame, measure, x, usual)
    return numbers


def moves(frame: pd.DataFrame) -> Figure:
    """Accuracy under translation and under scaling down."""
    figure, axes = canvas(2, height=3.0, share_x=False)
    for ax, measure, xlabel in zip(axes, ("translation", "scaling"), ("moved by (pixels)", "shrunk to (pixels of 32)"), strict=True):
        rows = frame[(frame["measure"] == measure) & (frame["at"] == "stop")]
        arms = arms_in(rows, NETWORKS)
        ends = {arm: end for k, arm in enumerate(arms) if (end := line(ax, rows[rows["arm"] == arm], "x", arm, k))}
        ax.axhline(CHANCE, color=INK, linewidth=0.8, linestyle=":")
        ax.set_xlabel(xlabel)
    axes[0].set_ylabel("test accuracy (%)")
    write_labels(axes[1], ends, arms)
    return figure


def uncounted(*results: Results) -> str:
    """Of which networks the trials are that the page's notice calls missing; nothing if none is. For the prose."""
    all_of = [(arm, t.n_train, lacking(r.records.get(t.key), r.plan.study.measures)) for r in results for arm, t in r.plan.labelled]
    gone = [arm for arm, _, lacks in all_of if lacks]
    if not gone:
        return ""
    where = sorted({n for _, n, lacks in all_of if lacks})
    at = "" if len(where) == len({n for _, n, _ in all_of}) else f" at N = {', '.join(map(str, where))}"
    names = ", ".join(label(arm) for arm in dict.fromkeys(gone))
    only = "" if set(gone) & set(NETWORKS) else ": reference networks, which no claim on this page needs"
    return f"The trials that the box counts as missing are of {names}{at}{only}."
