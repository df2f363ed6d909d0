"""The ledger: every claim of the works, one file a work, and what the judge says about it.

A work's file (`claims/<work>.py`) holds the tuple `CLAIMS`, whose rules and n are committed before
the records exist.
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

from spatialbias.claims.claim import Claim, Published, Values, Verdict, over
from spatialbias.claims.judge import judge
from spatialbias.evidence import EvidenceError
from spatialbias.statistics import ALPHA
from spatialbias.studies import WORKS

__all__ = [
    "Claim",
    "EvidenceError",
    "Published",
    "Values",
    "Verdict",
    "expected_false_verdicts",
    "judge",
    "ledger",
    "over",
]


def ledger() -> tuple[Claim, ...]:
    """The claims of every work whose file exists, in the book's order. Raises ValueError if two
    claims share an id.
    """
    claims = tuple(claim for module in _modules() for claim in module.CLAIMS)
    ids = [claim.id for claim in claims]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise ValueError(f"claims share an id: {', '.join(twice)}")
    if lost := [claim.id for claim in claims if claim.variant_of not in ("", *ids)]:
        raise ValueError(f"variants of claims that there are not: {', '.join(lost)}")
    return claims


def _modules() -> list:
    return [
        import_module(f"{__name__}.{work}") for work in WORKS if find_spec(f"{__name__}.{work}")
    ]


def expected_false_verdicts(claims: Iterable[Claim]) -> float:
    """At most so many false verdicts are to be expected among these claims, once all are judged.

    A claim errs with probability .025 at most; with twice that where τ and τ′ coincide, for then an
    effect that lies exactly there (no trend at all) can be missed on either side. The extra margins
    of "large margin" are not counted.
    """
    return sum(ALPHA * (2 if claim.tau[0] >= claim.tau[1] else 1) for claim in claims)
