"""What the page `coordinet/ablations` shows and says: Coordinet with one thing changed, against the
default.
"""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.figures.numbers import NOTHING, said
from spatialbias.plots.charts import arms_in, forest
from spatialbias.plots.style import label
from spatialbias.statistics import mean_interval

ENOUGH = 3  # pairs: Student's interval of two is wider than any difference here
VARIANTS = {  # what is changed: its arms
    "the modulator": ("no modulation", "learned modulation", "late fusion"),
    "the layer": (
        "input side, normalised",
        "output side, demodulated",
        "input side, demodulated",
        "bias and affine",
    ),
    "the code of the coordinate": (
        "raw coordinates",
        "trained Fourier code",
        "embedding table",
        "Fourier and table",
    ),
    "depth and sum": ("two layers", "six layers", "attention pooling"),
}


def against_default(frame: pd.DataFrame) -> pd.DataFrame:
    """Each variant of Coordinet minus the default, paired: group, label, mean, low, high (none
    below ENOUGH pairs), n, and failed, whether a fit of it failed.
    """
    default, rows = (
        frame[frame["arm"] == "coordinet"].set_index(["n_train", "replicate"])["value"],
        [],
    )
    for group, arms in VARIANTS.items():
        for arm in arms_in(frame, arms):
            own = frame[frame["arm"] == arm]
            difference = own.set_index(["n_train", "replicate"])["value"] - default
            failed = own["stop_reason"].isin(["cap", "diverged"]).any()
            rows.append(
                {
                    "group": group,
                    "label": label(arm),
                    **mean_interval(difference.dropna())._asdict(),
                    "failed": failed,
                }
            )
    found = pd.DataFrame(rows, columns=["group", "label", "mean", "low", "high", "n", "failed"])
    found.loc[found["n"] < ENOUGH, ["low", "high"]] = float("nan")
    return found


def variants(frame: pd.DataFrame) -> Figure:
    """Each variant of Coordinet minus the default, by what is changed."""
    rows = against_default(frame)
    rows["label"] = [
        row.label + (" (never fitted)" if row.failed else "") for row in rows.itertuples()
    ]
    return forest(rows, band=(-1, 1), xlabel="variant − default (points of accuracy)")


def missed(frame: pd.DataFrame) -> str:
    """Which variants are worse or better than the default by their intervals, and how far the
    others are from it; for the prose.
    """
    rows = against_default(frame)
    rows = rows[(rows["n"] >= ENOUGH) & ~rows["failed"].astype(bool)]
    if rows.empty:
        return "No variant has been repeated often enough to say."
    told = {"worse": rows[rows["high"] < 0], "better": rows[rows["low"] > 0]}
    level = rows.drop([k for some in told.values() for k in some.index])
    texts = [
        f"{word} {'is' if len(some) == 1 else 'are'} {'; '.join(map(_told, some.itertuples()))}"
        for word, some in told.items()
        if len(some)
    ]
    if len(level):
        far = 100 * level["mean"].abs().max()
        texts.append(
            f"{len(level)} cannot be told apart from it, their means being at most {far:.1f} points away"
        )
    return f"Of {len(rows)} variants with repeats, beside the default, {'; '.join(texts)}."


def _told(row) -> str:
    return (
        f"{row.label} ({100 * row.mean:+.1f} points [{100 * row.low:+.1f}, {100 * row.high:+.1f}])"
    )


def varied(accuracy: pd.DataFrame, arms: Sequence[str]) -> str:
    """On how many replicates each variant stands, and which are still to be made; for the
    caption.
    """
    n = accuracy.groupby("arm")["replicate"].nunique()
    there = [arm for arm in arms if arm != "coordinet" and n.get(arm, 0)]
    if not there:
        return "No variant is on record yet."
    most, few = n[there].max(), [arm for arm in there if n[arm] < n[there].max()]
    text = f"Each stands on n = {most}" + (
        f", but for {'; '.join(f'{label(arm)} (n = {n[arm]})' for arm in few)}" if few else ""
    )
    gone = [label(arm) for arm in arms if not n.get(arm, 0)]
    return text + "." + (f" Not on record yet: {'; '.join(gone)}." if gone else "")


def modulation_numbers(frame: pd.DataFrame) -> dict[str, str]:
    """Accuracy of the default network with its own, another image's and no modulation; for the
    prose.
    """
    own = frame[frame["arm"] == "coordinet"].set_index("part")["value"]
    names = {"own": "own", "another": "another image's", "ones": "none"}
    return {key: said(own[[part]]) if part in own.index else NOTHING for key, part in names.items()}
