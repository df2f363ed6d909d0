"""What turning costs, and what blur, black corners and quarter turns cost by themselves, for the page `coordinet/rotation`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.figures.coordinet import curve, dashed, panels, sizes
from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.figures.plots import arms_in
from spatialbias.figures.style import INK, colour, marker
from spatialbias.statistics import mean_interval, paired_differences
from spatialbias.studies.coordinet_arms import NETWORKS

ANGLES = [float(a) for a in range(10, 90, 10)]
QUARTERS = {90.0: 101, 180.0: 117, 270.0: 133}  # exact turns, and where they are drawn beside the angles
ARMS = (*NETWORKS[::-1], "pooled_cnn")
CONTROLS = {
    "rotation": "turned",
    "rotation_masked": "turned, in a disc",
    "rotation_back": "forth and back",
    "rotation_abstain": "corners abstain",
}


def controls(frame: pd.DataFrame) -> Figure:
    """Turned, masked, forth and back, abstaining, by network; exact quarter turns in a strip of their own."""

    def strip(ax: Axes, arm: str) -> None:
        exact = curve(frame, "quarter_turns", arm)
        for turn, place in QUARTERS.items():
            if turn in exact:
                mean, low, high, _ = mean_interval(100 * exact[turn].dropna())
                ax.plot([place, place], [low, high], color=colour(arm), linewidth=2, alpha=0.4)
                ax.plot(place, mean, marker=marker(arm), color=colour(arm), markersize=4.5, linestyle="")
        ax.axvspan(91, 143, color=INK, alpha=0.08, linewidth=0)
        usual = (0, 40, 80)
        ax.set_xticks([*usual, *QUARTERS.values()], [*map(str, usual), *(f"{turn:g}" for turn in QUARTERS)], fontsize=7)
        ax.set_xlim(-4, 143)

    measured = arms_in(frame[frame["measure"] == "rotation_masked"], ARMS)
    return panels(measured, dashed(CONTROLS), lambda arm, measure: curve(frame, measure, arm), "turned by (degrees)", strip)


def counted(frame: pd.DataFrame, networks: tuple[str, ...] = NETWORKS) -> pd.DataFrame:
    """The frame without those rows, N by N, of arms beside the networks that have fewer replicates than these."""
    kept = []
    for _, rows in frame.groupby("n_train", sort=False):
        n = rows.groupby("arm")["replicate"].nunique()
        least = n.reindex(networks).min()
        kept.append(rows[rows["arm"].isin(networks) | rows["arm"].map(n).ge(least)])
    return pd.concat(kept) if kept else frame


def turning(frame: pd.DataFrame, arm: str, measure: str = "rotation") -> pd.Series:
    """What turning changes, a replicate: the mean accuracy over 10 to 80 degrees, less that at 0; empty without records."""
    c = curve(frame, measure, arm)
    return c[ANGLES].mean(axis=1) - c[0.0] if len(c) else pd.Series(dtype=float)


def changes(frame: pd.DataFrame, arm: str) -> dict[str, pd.Series]:
    """What each changes, a replicate: turning ("turn"), blackening all outside the inscribed disc with nothing turned ("corners"), and
    turning inside it ("inside")."""
    straight, disc = curve(frame, "rotation", arm), curve(frame, "rotation_masked", arm)
    corners = disc[0.0] - straight[0.0] if len(disc) and len(straight) else pd.Series(dtype=float)
    return {"turn": turning(frame, arm), "corners": corners, "inside": turning(frame, arm, "rotation_masked")}


def quarters(frame: pd.DataFrame, arm: str) -> pd.Series:
    """What exact turns by 90 and 270 degrees change, a replicate."""
    exact = curve(frame, "quarter_turns", arm)
    return exact[[90.0, 270.0]].mean(axis=1) - exact[0.0] if len(exact) else pd.Series(dtype=float)


def numbers(frame: pd.DataFrame) -> dict[str, str]:
    """What turning, blur, corners and quarter turns change, averaged over 10 to 80 degrees, relative to 0; for the prose."""
    found = {"N": sizes(frame)}
    for arm in ARMS:
        lost = changes(frame, arm) | {"back": turning(frame, arm, "rotation_back"), "quarter": quarters(frame, arm)}
        found |= {f"{name}_{arm}": points(values) for name, values in lost.items()}
        at = {"start": ("rotation", [0.0]), "disc": ("rotation_masked", [0.0]), "turned": ("quarter_turns", [90.0, 270.0])}
        for name, (measure, angles) in at.items():
            c = curve(frame, measure, arm)
            found[f"{name}_{arm}"] = said(c[angles].mean(axis=1)) if len(c) else NOTHING
    for rival in ("fully_connected", "coordinet"):
        for name, cost in (("turn", turning), ("quarter", quarters)):
            found[f"{name}_gap_{rival}"] = points(paired_differences(cost(frame, "simple_cnn"), cost(frame, rival)))
    turned, abstaining = curve(frame, "rotation", "coordinet"), curve(frame, "rotation_abstain", "coordinet")
    abstain = abstaining[ANGLES].mean(axis=1) - turned[ANGLES].mean(axis=1) if len(turned) and len(abstaining) else ()
    return found | {"abstain": points(abstain), "sum": summed(frame)}


def summed(frame: pd.DataFrame) -> str:
    """Whether black corners and quarter turns by themselves cost, added up, what turning costs; for the prose."""
    found: dict[str, list[str]] = {}
    for arm, name in (("fully_connected", "the fully connected network"), ("coordinet", "Coordinet")):
        own = changes(frame, arm)
        added = own["corners"] + quarters(frame, arm) - own["turn"]
        _, low, high, n = mean_interval(added.dropna())
        if n > 1:
            found.setdefault("more than" if high < 0 else "less than" if low > 0 else "about what", []).append(name)
    if not found:
        return f"Whether black corners and a quarter turn cost, added up, what turning costs is {NOTHING}."
    text = "; ".join(f"they cost {' and '.join(names)} {word} turning by 10° to 80° does" for word, names in found.items())
    text = f"Black corners are one thing and a quarter turn another; added up, {text}."
    return text + (" So neither can be given a share of the loss: what one takes, the other finds gone." if "more than" in found else "")
