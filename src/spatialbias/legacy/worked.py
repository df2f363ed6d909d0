"""One claim judged step by step, for the page `appendix/method`: its contrasts, their p-values, and
how they make the verdict.
"""

import math

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.claims import Verdict, ledger
from spatialbias.claims.claim import WORDS
from spatialbias.figures.numbers import power
from spatialbias.legacy.verdicts import judged, kind
from spatialbias.plots.charts import forest
from spatialbias.plots.style import label
from spatialbias.statistics import ALPHA
from spatialbias.studies import study

ORDINALS = ("smallest", "second smallest", "third smallest", "fourth smallest")
ENDS = {
    "holds": "The first is at most {}, so the claim holds.",
    "fails": "The second is at most {}, so the claim fails.",
    "undecided": "Neither is at most {}, so the claim is undecided.",
}


def example(claim_id: str = "coordinet.cnn_rotation") -> Verdict | None:
    """The verdict on one claim, from the `paper` records; None if they cannot be judged."""
    claim = next(c for c in ledger() if c.id == claim_id)
    return judged(claim, study(claim.study).plan("paper").sweep(missing="show").frame(stale=True))


def picture(verdict: Verdict | None) -> Figure:
    """Every contrast of the claim, its interval and what it is held against."""
    rows = [
        {
            "label": f"{f.condition}, vs {label(f.rival)}",
            "arm": f.rival,
            "margin": verdict.claim.tau[0],
            **{part: getattr(f, part) for part in ("mean", "low", "high", "n")},
        }
        for f in (verdict.findings if verdict else ())
        if f.n
    ]
    return forest(
        pd.DataFrame(rows, columns=["label", "arm", "margin", "mean", "low", "high", "n"])
    )


def conditions(verdict: Verdict | None) -> pd.DataFrame:
    """p and q of every condition, over its rivals: the largest p; the smallest q times the number
    of rivals, 1 at most.
    """
    found = pd.DataFrame(
        [
            {"condition": f.condition, "p": f.p, "q": f.q}
            for f in (verdict.findings if verdict else ())
        ],
        columns=["condition", "p", "q"],
    )
    grouped = found.groupby("condition", sort=False)
    return pd.DataFrame(
        {"p": grouped["p"].max(), "q": (grouped["q"].min() * grouped.size()).clip(upper=1)}
    ).reset_index()


def shown(verdict: Verdict | None) -> pd.DataFrame:
    """The same as a reader meets it."""
    return conditions(verdict).assign(
        p=lambda rows: rows["p"].map(_three), q=lambda rows: rows["q"].map(_three)
    )


def _three(value: float) -> str:
    return f"{value:.3g}" if value >= 1e-4 else power(value)


def steps(verdict: Verdict | None) -> str:
    """How the verdict comes about, in words."""
    if verdict is None or math.isnan(verdict.p_hold):
        return (
            f"No p-value is due: {verdict.reason if verdict else 'the records cannot be judged'}."
        )
    rows, m = conditions(verdict), len(conditions(verdict))
    k = WORDS[verdict.claim.word](m)
    parts = []
    for name, column, at, factor in (("hold", "p", k, m - k + 1), ("fail", "q", m - k + 1, k)):
        value = sorted(rows[column])[at - 1]
        product = _three(factor * value) + ", cut to 1" * (factor * value > 1)
        parts.append(
            f"The {ORDINALS[at - 1]} {column} is {_three(value)}, so the p-value of “{name}s” is {factor} × {_three(value)} = {product}."
        )
    end = (
        "Both are at most {}: a difference is shown, and shown to be negligible."
        if "negligible" in verdict.word
        else ENDS[kind(verdict)]
    )
    return f"“{verdict.claim.word.capitalize()}” asks for k = {k} of m = {m} conditions. {' '.join(parts)} {end.format(f'{ALPHA:g}'.lstrip('0'))}"
