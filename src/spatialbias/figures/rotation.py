"""What turning costs, and what blur, black corners and quarter turns cost by themselves, for the
page `coordinet/rotation`.
"""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.figures.coordinet import curve, dashed, panels, sizes
from spatialbias.figures.numbers import NOTHING, listed, points, said, span, standing
from spatialbias.plots.charts import CHANCE, arms_in
from spatialbias.plots.style import INK, colour, label, marker
from spatialbias.statistics import mean_interval, paired_differences, slope
from spatialbias.studies.coordinet_arms import NETWORKS

ANGLES = [float(a) for a in range(10, 90, 10)]
QUARTERS = {
    90.0: 101,
    180.0: 117,
    270.0: 133,
}  # exact turns, and where they are drawn beside the angles
ARMS = (*NETWORKS[::-1], "pooled_cnn")
CONTROLS = {
    "rotation": "turned",
    "rotation_masked": "turned, in a disc",
    "rotation_back": "turned and back",
}


def controls(frame: pd.DataFrame) -> Figure:
    """Turned, masked, turned and back, by network; exact quarter turns in a strip of their own."""

    def strip(ax: Axes, arm: str) -> None:
        exact = curve(frame, "quarter_turns", arm)
        for turn, place in QUARTERS.items():
            if turn in exact:
                mean, low, high, _ = mean_interval(100 * exact[turn].dropna())
                ax.plot([place, place], [low, high], color=colour(arm), linewidth=2, alpha=0.4)
                ax.plot(
                    place, mean, marker=marker(arm), color=colour(arm), markersize=4.5, linestyle=""
                )
        ax.axvspan(91, 143, color=INK, alpha=0.08, linewidth=0)
        usual = (0, 40, 80)
        ax.set_xticks(
            [*usual, *QUARTERS.values()],
            [*map(str, usual), *(f"{turn:g}" for turn in QUARTERS)],
            fontsize=7,
        )
        ax.set_xlim(-4, 143)

    measured = arms_in(frame[frame["measure"] == "rotation_masked"], ARMS)
    return panels(
        measured,
        dashed(CONTROLS),
        lambda arm, measure: curve(frame, measure, arm),
        "turned by (degrees)",
        strip,
    )


def counted(frame: pd.DataFrame, networks: tuple[str, ...] = NETWORKS) -> pd.DataFrame:
    """The frame without those rows, N by N, of arms beside the networks that have fewer replicates
    than these.
    """
    kept = []
    for _, rows in frame.groupby("n_train", sort=False):
        n = rows.groupby("arm")["replicate"].nunique()
        least = n.reindex(networks).min()
        kept.append(rows[rows["arm"].isin(networks) | rows["arm"].map(n).ge(least)])
    return pd.concat(kept) if kept else frame


def turning(frame: pd.DataFrame, arm: str, measure: str = "rotation") -> pd.Series:
    """What turning changes, a replicate: the mean accuracy over 10 to 80 degrees, less that at 0;
    empty without records.
    """
    c = curve(frame, measure, arm)
    return c[ANGLES].mean(axis=1) - c[0.0] if len(c) else pd.Series(dtype=float)


def changes(frame: pd.DataFrame, arm: str) -> dict[str, pd.Series]:
    """What each changes, a replicate: turning ("turn"), blackening all outside the inscribed disc
    with nothing turned ("corners"), and turning inside it ("inside").
    """
    straight, disc = curve(frame, "rotation", arm), curve(frame, "rotation_masked", arm)
    corners = disc[0.0] - straight[0.0] if len(disc) and len(straight) else pd.Series(dtype=float)
    return {
        "turn": turning(frame, arm),
        "corners": corners,
        "inside": turning(frame, arm, "rotation_masked"),
    }


def quarters(frame: pd.DataFrame, arm: str) -> pd.Series:
    """What exact turns by 90 and 270 degrees change, a replicate."""
    exact = curve(frame, "quarter_turns", arm)
    return exact[[90.0, 270.0]].mean(axis=1) - exact[0.0] if len(exact) else pd.Series(dtype=float)


def named(arm: str) -> str:
    """An arm as the prose calls it: "Coordinet", "the simple CNN", "the fully connected
    network".
    """
    return (
        label(arm)
        if arm == "coordinet"
        else f"the {label(arm)}" + " network" * (arm == "fully_connected")
    )


def several(values: list[pd.Series]) -> str:
    """Differences in a row, the unit and n once: "-2.6 [-3.4, -1.8] and -4.4 [-5.2, -3.6] points, n
    = 10".
    """
    counts = pd.Series([count for one in values if (count := int(one.count()))])
    return (
        f"{listed([points(one, unit='', n=False) for one in values])} points, n = {span(counts, 'd')}"
        if len(counts)
        else NOTHING
    )


def per_doubling(differences: Mapping[int, pd.Series]) -> pd.Series:
    """How much a difference shifts per doubling of N, of the replicates that have every N; empty
    for a single N or replicate.
    """
    table = pd.concat(differences, axis=1).dropna() if differences else pd.DataFrame()
    if len(table.columns) < 2 or len(table) < 2:
        return pd.Series(dtype=float)
    return pd.Series(slope([math.log2(n) for n in table], table), table.index)


def gaps(frame: pd.DataFrame, arm: str, rival: str, angles: list[float]) -> dict[int, pd.Series]:
    """By N: the paired differences of two arms' accuracy averaged over some angles."""
    found = {}
    for n, rows in frame.groupby("n_train"):
        one, other = (curve(rows, "rotation", name) for name in (arm, rival))
        if len(one) and len(other):
            found[int(n)] = paired_differences(one[angles].mean(axis=1), other[angles].mean(axis=1))
    return found


def by_size(frame: pd.DataFrame) -> str:
    """How the simple CNN and Coordinet stand against the fully connected network when turned, N by
    N; for the prose.
    """
    turned, upright = (
        gaps(frame, "simple_cnn", "fully_connected", angles) for angles in (ANGLES, [0.0])
    )
    if not turned:
        return f"How the simple CNN stands against the fully connected network when turned is {NOTHING}."
    found, trend = several(list(turned.values())), per_doubling(turned)
    shift = f"; shifting by {points(trend, n=False)} per doubling of N" if len(trend) else ""
    text = (
        f"Averaged over 10° to 80°, the simple CNN is, against the fully connected network, {standing(turned)} ({found}, at N = "
        f"{', '.join(map(str, turned))}{shift}). Upright, it is {standing(upright)}."
    )
    other = gaps(frame, "coordinet", "fully_connected", ANGLES)
    return text + (f" Turned likewise, Coordinet is against it {standing(other)}." if other else "")


def at_quarter_turns(frame: pd.DataFrame) -> str:
    """Whether the simple CNN is the most or the least accurate of the three at exact turns by 90
    and 270 degrees; for the prose.
    """
    levels = {
        arm: exact[[90.0, 270.0]].mean(axis=1)
        for arm in NETWORKS
        if len(exact := curve(frame, "quarter_turns", arm))
    }
    if set(levels) != set(NETWORKS):
        return ""
    differences = {
        arm: paired_differences(levels["simple_cnn"], levels[arm])
        for arm in NETWORKS
        if arm != "simple_cnn"
    }
    ends = [mean_interval(one) for one in differences.values()]
    place = (
        "the least accurate of the three"
        if all(end.high < 0 for end in ends)
        else "the most accurate of the three"
        if all(end.low > 0 for end in ends)
        else "not shown to be the most or the least accurate of the three"
    )
    return (
        f"At exact quarter turns (90° and 270°, N = {sizes(frame)}), which blur nothing and blacken nothing, the simple CNN is "
        f"{place}: {several(list(differences.values()))}, against {listed([named(arm) for arm in differences])}."
    )


CHANGES = {  # column of the table of controls: the change that it shows
    "corners black, nothing turned": "corners",
    "exact quarter turn": "quarter",
    "turned by 10° to 80°": "turn",
    "turned and back": "back",
    "turned inside the disc": "inside",
}


def costs(frame: pd.DataFrame) -> pd.DataFrame:
    """What each control changes, in points of the accuracy in the first column: a row a network,
    one n for all.
    """
    rows = []
    for arm in (*NETWORKS, "pooled_cnn"):
        straight = curve(frame, "rotation", arm)
        lost = changes(frame, arm) | {
            "back": turning(frame, arm, "rotation_back"),
            "quarter": quarters(frame, arm),
        }
        if len(straight):
            counts = pd.Series(
                [count for one in (straight[0.0], *lost.values()) if (count := one.count())]
            )
            rows.append(
                {"network": label(arm), "upright": said(straight[0.0], n=False)}
                | {name: points(lost[key], unit="", n=False) for name, key in CHANGES.items()}
                | {"n": span(counts, "d")}
            )
    return pd.DataFrame(rows, columns=["network", "upright", *CHANGES, "n"])


def numbers(frame: pd.DataFrame) -> dict[str, str]:
    """What the controls say, relative to no turn; for the prose."""
    turned, abstaining = (
        curve(frame, "rotation", "coordinet"),
        curve(frame, "rotation_abstain", "coordinet"),
    )
    abstain = (
        abstaining[ANGLES].mean(axis=1) - turned[ANGLES].mean(axis=1)
        if len(turned) and len(abstaining)
        else ()
    )
    return {
        "N": sizes(frame),
        "abstain": points(abstain),
        "sum": summed(frame),
        "steadier": steadier(frame),
        "resampled": resampled(frame),
    }


def steadier(frame: pd.DataFrame) -> str:
    """How much less the simple CNN loses than the others when turned and at quarter turns; for the
    prose, nothing without records.
    """
    rivals = [arm for arm in NETWORKS if arm != "simple_cnn"]
    cnn = {cost: cost(frame, "simple_cnn") for cost in (turning, quarters)}
    turn, quarter = (
        [paired_differences(own, cost(frame, rival)) for rival in rivals]
        for cost, own in cnn.items()
    )
    if not min(one.count() for one in (*turn, *quarter)):
        return ""
    return (
        f"Between 10° and 80° the change of the simple CNN less that of {listed([named(arm) for arm in rivals])} is {several(turn)}; "
        f"at quarter turns {several(quarter)}: as far as the latter are smaller, its steadiness is blindness to corners. And who "
        "starts lower has less to lose."
    )


def resampled(frame: pd.DataFrame, arm: str = "pooled_cnn", angle: float = 10.0) -> str:
    """What turning a little and back costs a network that pads, beside turning a little; for the
    prose, nothing without records.
    """
    turned, back = curve(frame, "rotation", arm), curve(frame, "rotation_back", arm)
    if turned.empty or back.empty:
        return ""
    turn, both = turned[angle] - turned[0.0], back[angle] - back[0.0]
    _, low, high, _ = mean_interval(paired_differences(both, turn))
    text = (
        f"Turned by {angle:g}° and back, so upright again but interpolated twice, {named(arm)} changes by {points(both)}; turned by "
        f"{angle:g}°, by {points(turn)}"
    )
    if high < 0 and mean_interval(both).high < 0:
        return f"{text}. So at small angles most of its loss is resampling (and the little that is lost at the corners), not the turn."
    if low > 0:
        return f"{text}. So resampling is not all that it loses at small angles."
    return f"{text}. The two are not told apart: how much of its change at small angles is the turn itself is not shown."


def astray(frame: pd.DataFrame, angle: float = 80.0) -> str:
    """Which networks are right less often than by chance at an angle, by data set; for the prose,
    nothing if none is shown to be.
    """
    found = {}
    for dataset, rows in frame.groupby("dataset", sort=False):
        low = {arm: c[angle] for arm in NETWORKS if len(c := curve(rows, "rotation", arm))}
        if below := [
            f"{named(arm)} ({said(one)})"
            for arm, one in low.items()
            if mean_interval(one).high < CHANCE / 100
        ]:
            found[dataset] = listed(below)
    if not found:
        return ""
    where = "; ".join(f"on {dataset} {names}" for dataset, names in found.items())
    return (
        f"Right less often than by chance at {angle:g}°: {where}. There turned pictures are not merely unreadable, they are taken for "
        "something else."
    )


def distinct(
    table: pd.DataFrame,
    first: str = "turned",
    again: str = "turned in the disc",
    what: str = "change (points)",
) -> pd.DataFrame:
    """A table of changes (`other_data.turning`) without lines that repeat the first of their block
    to the digit, and without those of fewer replicates than the fullest of their block.
    """
    kept = []
    for _, block in table.groupby(["data", "N"], sort=False):
        n = pd.to_numeric(block["n"], errors="coerce").fillna(0)
        block, cells = block[n == n.max()], [column for column in block if column != what]
        one, other = (block[block[what] == name] for name in (first, again))
        if len(one) and len(other) and (one[cells].to_numpy() == other[cells].to_numpy()).all():
            block = block[block[what] != again].replace(
                {what: {first: f"{first}, in the disc or not"}}
            )
        kept.append(block)
    return pd.concat(kept) if kept else table


def summed(frame: pd.DataFrame) -> str:
    """Whether black corners and quarter turns by themselves cost, added up, what turning costs; for
    the prose.
    """
    found: dict[str, list[str]] = {}
    for arm in ("fully_connected", "coordinet"):
        own = changes(frame, arm)
        added = own["corners"] + quarters(frame, arm) - own["turn"]
        _, low, high, n = mean_interval(added.dropna())
        if n > 1:
            found.setdefault(
                "more than" if high < 0 else "less than" if low > 0 else "about what", []
            ).append(named(arm))
    if not found:
        return f"Whether black corners and a quarter turn cost, added up, what turning costs is {NOTHING}."
    text = "; ".join(
        f"they cost {listed(names)} {word} turning by 10° to 80° does"
        for word, names in found.items()
    )
    text = f"Black corners are one thing and a quarter turn another; added up, {text}."
    return text + (
        " So neither can be given a share of the loss: what one takes, the other finds gone."
        if "more than" in found
        else ""
    )
