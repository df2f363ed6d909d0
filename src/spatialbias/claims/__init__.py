"""The ledger: every claim of the works, one file a work, and what the judge says about it.

A work's file (`claims/<work>.py`) holds the tuple `CLAIMS`, whose rules and n are committed before the records exist, and
`READINGS`: {id of a claim that the chapter turns on: {"holds" | "fails" | "undecided" | "not-run": what follows from it}}.
"""

import math
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec

import pandas as pd

from spatialbias.claims.claim import Claim, Published, Values, Verdict, label_of, over
from spatialbias.claims.judge import JudgeError, judge
from spatialbias.statistics import ALPHA
from spatialbias.studies import WORKS

__all__ = [
    "Claim", "JudgeError", "Published", "Values", "Verdict", "expected_false_verdicts", "found", "judge", "ledger",
    "ledger_frame", "over", "readings",
]  # fmt: skip


def ledger() -> tuple[Claim, ...]:
    """The claims of every work whose file exists, in the book's order. Raises ValueError if two claims share an id."""
    claims = tuple(claim for module in _modules() for claim in module.CLAIMS)
    ids = [claim.id for claim in claims]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise ValueError(f"claims share an id: {', '.join(twice)}")
    return claims


def readings() -> dict[str, dict[str, str]]:
    """What follows from the verdicts on some claims, in the order in which a chapter says it."""
    return {claim: sentences for module in _modules() for claim, sentences in module.READINGS.items()}


def _modules() -> list:
    return [import_module(f"{__name__}.{work}") for work in WORKS if find_spec(f"{__name__}.{work}")]


def expected_false_verdicts(claims: Iterable[Claim]) -> float:
    """At most so many false verdicts are to be expected among these claims, once all are judged.

    A claim errs with probability .025 at most; with twice that where τ and τ′ coincide, for then an effect that lies
    exactly there (no trend at all) can be missed on either side. The extra margins of "large margin" are not counted.
    """
    return sum(ALPHA * (2 if claim.tau[0] >= claim.tau[1] else 1) for claim in claims)


def found(verdict: Verdict) -> str:
    """What was found, as text: mean, 95 % interval and n of every condition and rival (of the trend, for a trend)."""
    values, rule, texts = verdict.claim.values, verdict.claim.rule, []
    for f in verdict.trend or verdict.findings:
        name = " against ".join(text for text in (f.condition, f.rival) if text)
        number = _number(f.mean, values.unit, signed=rule != "success rate")
        ends = f"[{_number(f.low, values.unit)}, {_number(f.high, values.unit)}]"
        texts.append(f"{name}: {number} {ends}{' ' + values.unit if values.unit else ''}, n = {f.n}")
    return "; ".join(texts)


def ledger_frame(claims: Iterable[Claim], frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table at a chapter's end, one row a claim: id, statement, published, found, verdict (all text).

    frames: study -> its tidy frame; a study without one is `not run`. Records that cannot be judged decide nothing:
    `undecided`, and `found` says why. One faulty study must not hide the rest of the table.
    """
    rows = []
    for claim in claims:
        row = {"id": claim.id, "statement": claim.statement, "published": _published(claim)}
        try:
            verdict = judge(claim, frames.get(claim.study))
            row |= {"found": found(verdict) or verdict.reason, "verdict": verdict.word}
            row["published"] = _published(claim, verdict)
        except JudgeError as error:
            row |= {"found": str(error), "verdict": "undecided"}
        rows.append(row)
    return pd.DataFrame(rows, columns=["id", "statement", "published", "found", "verdict"])


def _published(claim: Claim, verdict: Verdict | None = None) -> str:
    texts = []
    comparisons = {id(c.published): c for c in verdict.published} if verdict else {}
    for p in claim.published:
        text = ", ".join(filter(None, (label_of(p.arm), p.condition))) or "difference"
        text = f"{text}: {_number(p.value, claim.values.unit)} [{p.tag}]"
        if (c := comparisons.get(id(p))) and c.inside is not None:
            ends = f"{_number(c.low, claim.values.unit)} to {_number(c.high, claim.values.unit)}"
            text += f" ({'inside' if c.inside else 'outside'} our {ends})"
        texts.append(text)
    return "; ".join(texts)


def _number(value: float, unit: str, signed: bool = False) -> str:
    if math.isnan(value):
        return "–"
    text = f"{100 * value:.1f}" if unit == "points" else f"{value:.3g}"
    return f"+{text}" if signed and value > 0 else text
