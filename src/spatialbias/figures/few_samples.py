"""What the page `coordinet/few_samples` shows and says besides accuracies: paired differences by N,
who leads where, epochs taken.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.figures.numbers import span, standing
from spatialbias.plots.charts import lines
from spatialbias.plots.style import INK, label
from spatialbias.statistics import paired

PAIRS = (
    ("simple_cnn", "fully_connected"),
    ("simple_cnn", "coordinet"),
    ("coordinet", "fully_connected"),
    ("fully_connected_norm", "fully_connected"),
)
MARGIN = 3.0  # points: what the rule takes for "a large margin"


def _name(arm: str, rival: str) -> str:
    return f"{label(arm)} − {label(rival)}"


def differences(accuracy: pd.DataFrame) -> pd.DataFrame:
    """arm (a pair in words), n_train, replicate, value: every paired difference of `PAIRS` on
    record.
    """
    rows = [
        pd.DataFrame({"value": paired(one, arm, rival)})
        .reset_index()
        .assign(arm=_name(arm, rival), n_train=n_train)
        for arm, rival in PAIRS
        for n_train, one in accuracy.groupby("n_train")
        if {arm, rival} <= set(one["arm"])
    ]
    return (
        pd.concat(rows) if rows else pd.DataFrame(columns=["replicate", "value", "arm", "n_train"])
    )


def gaps(
    accuracy: pd.DataFrame, published: Mapping[str, Sequence[float]], at: Sequence[int]
) -> Figure:
    """Paired differences over N, zero and the margin drawn. published: {arm: accuracies of the
    sizes `at`}.
    """
    hollow = {
        (None, _name(arm, rival)): [
            (n, a - b) for n, a, b in zip(at, published[arm], published[rival], strict=True)
        ]
        for arm, rival in PAIRS
        if {arm, rival} <= set(published)
    }
    frame = differences(accuracy)
    figure = lines(
        frame,
        "n_train",
        xlabel="training images N",
        ylabel="difference (points)",
        log=True,
        ticks=sorted(frame["n_train"].unique()),
        published=hollow,
        chance=None,
        height=3.4,
    )
    (ax,) = figure.axes
    ax.axhline(0, color=INK, linewidth=1)
    ax.axhline(MARGIN, color=INK, linewidth=0.8, linestyle=":")
    put = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "xytext": (2, 2)}
    ax.annotate("a large margin", (0, MARGIN), fontsize=7.5, color=INK, **put)
    return figure


def leads(accuracy: pd.DataFrame, arm: str, rival: str) -> str:
    """At which N an arm lies ahead of another and behind it; for the prose."""
    differences = {int(n): paired(one, arm, rival) for n, one in accuracy.groupby("n_train")}
    return standing({n: one for n, one in differences.items() if len(one)})


def epochs_table(trials: pd.DataFrame) -> pd.DataFrame:
    """One row a network: parameters, rate, and by N the epochs taken, their median and range;
    failed trials are counted.
    """
    rows = []
    for arm, group in trials.groupby("arm", sort=False):
        if set(group["stop_reason"]) == {"solved"}:  # by linear algebra: it has no epochs
            continue
        row = {
            "network": label(arm),
            "parameters": span(group["parameters"], ","),
            "rate": span(group["learning_rate"], "g"),
        }
        for n_train, some in group.groupby("n_train"):
            failed = some["stop_reason"].isin(["cap", "diverged"]).sum()
            cell = f"{some['epochs'].median():.0f}\u00a0({span(some['epochs'], 'd')})"
            row[f"N = {n_train:g}"] = cell + (f", {failed} failed" if failed else "")
        rows.append(row)
    return (
        pd.DataFrame(rows).fillna("–").replace("–", "\u2060–\u2060", regex=True)
    )  # no line ends within a range
