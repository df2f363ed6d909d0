"""A verdict in the word that a reader meets, by rule.

A claim is judged in its source's setting; claims that name it as `variant_of` judge the same
statement in settings of ours.
"""

from dataclasses import dataclass

from spatialbias.claims.claim import Claim, Verdict
from spatialbias.statistics import ALPHA

WORDS = (
    "reproduced",
    "reproduced under conditions",
    "not reproduced",
    "not settled",
    "not testable here",
)


@dataclass(frozen=True)
class Reading:
    """One of `WORDS`, and what it depends on: the conditions and variants in which the statement is
    shown, and those in which it is refuted.
    """

    word: str
    shown: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()


def reading(verdict: Verdict, variants: tuple[Verdict, ...] = ()) -> Reading:
    """The reader's word for a claim.

    *reproduced*: it holds in the source's setting, and fails in none of ours. *reproduced under
    conditions*: it holds there or in some of ours, or in some of its conditions taken alone, and
    fails in others. *not reproduced*: it fails in the source's setting. *not testable here*: it was
    not run, or the contrast is empty. *not settled*: neither is shown.
    """
    claim, alone = verdict.claim, _conditions(verdict)
    shown = tuple(_named(v) for v in variants if v.word.startswith("holds"))
    refuted = tuple(_named(v) for v in variants if v.word == "fails")
    if claim.empty or verdict.word == "not run":
        both = bool(shown and refuted)
        return Reading(WORDS[1] if both else WORDS[4], shown, refuted)
    if verdict.word.startswith("holds"):
        return Reading(WORDS[1] if refuted else WORDS[0], ("as the source has it", *shown), refuted)
    if verdict.word == "fails":
        shown = (*alone, *shown)
        return Reading(WORDS[1] if shown else WORDS[2], shown, ("as the source has it", *refuted))
    return Reading(WORDS[1] if shown and refuted else WORDS[3], shown, refuted)


def readings(verdicts: dict[str, Verdict]) -> dict[str, Reading]:
    """The reader's word for every claim of a ledger, by id."""
    return {
        id: reading(
            verdict, tuple(other for other in verdicts.values() if other.claim.variant_of == id)
        )
        for id, verdict in verdicts.items()
    }


def _conditions(verdict: Verdict) -> tuple[str, ...]:
    """Conditions in which the claim is shown against every rival, corrected for their number."""
    claim: Claim = verdict.claim
    if verdict.trend or len(claim.conditions) == 1:
        return ()
    worst: dict[str, float] = {}
    for finding in verdict.findings:
        worst[finding.condition] = max(worst.get(finding.condition, 0.0), finding.p)
    return tuple(label for label, p in worst.items() if p <= ALPHA / len(claim.conditions))


def _named(verdict: Verdict) -> str:
    return verdict.claim.title or verdict.claim.id.partition(".")[2].replace("_", " ")
