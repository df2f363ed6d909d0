"""From a claim and the records of its study to a verdict.

In condition c the estimand is the mean paired difference over replicates, p_c its one-sided t-test
against "mean <= τ", q_c against "mean >= τ′" (τ, τ′: claim.py). Against several rivals p_c is the
largest p-value and q_c the Bonferroni minimum. "In at least k of m conditions" is a partial
conjunction of p, its opposite one of q; each verdict errs with probability .025 at most.

Failed fits (stop reason "cap" or "diverged") stay in. Wherever there is one, the failure count and
an exact sign test are shown. Above 5 % of an arm in any condition no verdict about means is given,
because t-tests break on mixtures: `undecided`. With fewer than 20 replicates a single failed fit is
above 5 %. A success rate counts failed fits by their value and is exempt.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
from scipy.stats import binomtest

from spatialbias import statistics as st
from spatialbias.claims.claim import (
    COLUMNS,
    TRENDS,
    WORDS,
    Claim,
    Comparison,
    Finding,
    Published,
    Verdict,
)
from spatialbias.claims.contrasts import (
    Contrast,
    Groups,
    contrast_of,
    first_n,
    measured,
    trend_of,
)
from spatialbias.evidence import FAILED, TOLERATED, EvidenceError, refuse, selection

MARGINS = (0.02, 0.05)  # where "large margin" is judged as well


class _Outcome(NamedTuple):
    word: str
    reason: str
    p_hold: float = math.nan
    p_fail: float = math.nan


def judge(claim: Claim, frame: pd.DataFrame | None) -> Verdict:
    """Judge one claim on a tidy frame with the columns `COLUMNS`, one row a measured value; None is
    an empty frame.

    Rows of other studies are ignored; of more complete replicates than declared the first n are
    used; without a single one the claim is "not run". Raises EvidenceError, naming the replicates, if
    a used record is not current, if the records of a pair are of different numerics classes, if a
    run leaves several values or a sound run none, or if the frame lacks a column.
    """
    frame = pd.DataFrame(columns=COLUMNS) if frame is None else frame
    if missing := [column for column in COLUMNS if column not in frame]:
        raise EvidenceError(f"{claim.id}: the frame lacks the columns {', '.join(missing)}")
    frame = frame[frame["study"] == claim.study]
    contrasts = [
        [contrast_of(claim, frame, c, rival) for rival in claim.rivals or ("",)]
        for c in claim.conditions
    ]
    if not any(len(contrast.differences) for group in contrasts for contrast in group):
        return Verdict(
            claim=claim,
            word="not run",
            reason=f"no complete replicate yet; they cost about {claim.cost:g} core-hours",
        )
    contrasts = first_n(claim, contrasts)
    trends = (
        [trend_of(claim, by_condition) for by_condition in zip(*contrasts)]
        if claim.rule in TRENDS
        else []
    )
    tested = [trends] if trends else contrasts
    findings = tuple(_finding(claim, contrast) for group in contrasts for contrast in group)
    margins = MARGINS if claim.rule == "large margin" else ()
    return Verdict(
        claim=claim,
        **_outcome(claim, findings, tested, claim.tau)._asdict(),
        findings=findings,
        trend=tuple(_finding(claim, contrast) for contrast in trends),
        margins={
            margin: _outcome(claim, findings, tested, (margin, margin)).word for margin in margins
        },
        published=tuple(_compare(claim, frame, published) for published in claim.published),
        notes=tuple(
            _notes(claim, [contrast for group in contrasts for contrast in group], findings)
        ),
    )


def _p_and_q(rule: str, d: pd.Series, tau: tuple[float, float]) -> tuple[float, float]:
    if rule == "success rate":
        return float(st.p_rate_above(d.sum(), len(d), tau[0])), float(
            st.p_rate_below(d.sum(), len(d), tau[1])
        )
    if rule == "level":
        return float(st.p_inside(d, tau[0])), float(st.p_outside(d, tau[1]))
    p, q = float(st.p_above(d, tau[0])), float(st.p_below(d, tau[1]))
    return (q, p) if rule == "no improvement" else (p, q)


def _finding(claim: Claim, contrast: Contrast) -> Finding:
    d, rows = contrast.differences, contrast.rows
    p, q = _p_and_q(claim.rule, d, claim.tau) if len(d) else (1.0, 1.0)
    mean, low, high, n = st.mean_interval(d)
    if claim.rule == "success rate" and n:
        low, high = binomtest(int(d.sum()), n).proportion_ci()  # Clopper and Pearson's
    fits = rows.drop_duplicates(["side", "condition", "replicate"])
    failed = fits["stop_reason"].isin(FAILED).groupby(fits["side"]).sum().astype(int).to_dict()
    sign = st.sign_test(d) if sum(failed.values()) and claim.rule != "success rate" else None
    return Finding(
        condition=contrast.condition,
        rival=contrast.rival,
        mean=mean,
        low=low,
        high=high,
        n=n,
        p=p,
        q=q,
        recorded=contrast.recorded,
        failed=failed,
        sign=sign,
    )


def _outcome(
    claim: Claim, findings: tuple[Finding, ...], tested: Groups, tau: tuple[float, float]
) -> _Outcome:
    """The verdict at (τ, τ′)."""
    fewest = min(len(contrast.differences) for group in tested for contrast in group)
    if fewest < claim.n:
        return _Outcome(
            f"incomplete ({fewest} of {claim.n})",
            f"{fewest} complete replicates of the {claim.n} declared",
        )
    if claim.rule != "success rate" and any(
        max(f.failed.values()) > TOLERATED * f.n for f in findings
    ):
        return _Outcome(
            "undecided",
            "over 5 % of an arm's fits failed, so no mean is judged: see the sign tests",
        )
    pairs = [
        [_p_and_q(claim.rule, contrast.differences, tau) for contrast in group] for group in tested
    ]
    p = [max(p for p, _ in group) for group in pairs]
    q = [min(1.0, len(group) * min(q for _, q in group)) for group in pairs]
    m = len(tested)
    k = WORDS[claim.word](m)
    p_hold, p_fail = (
        float(st.partial_conjunction(p, k)),
        float(st.partial_conjunction(q, m - k + 1)),
    )
    holds, fails = p_hold <= st.ALPHA, p_fail <= st.ALPHA
    shown = f"p_hold = {p_hold:.2g}, p_fail = {p_fail:.2g}; the limit is {st.ALPHA}"
    if holds and fails:
        word, reason = "holds (negligible)", "a difference is shown, and shown to be negligible"
    elif holds:
        word, reason = "holds", f"shown in at least {k} of {m} conditions"
    elif fails:
        word, reason = "fails", f"shown to be untrue in at least {m - k + 1} of {m} conditions"
    else:
        word, reason = "undecided", "neither shown nor refuted"
    return _Outcome(word, f"{reason} ({shown})", p_hold, p_fail)


def _compare(claim: Claim, frame: pd.DataFrame, published: Published) -> Comparison:
    condition = next(c for c in claim.conditions if published.condition in (c["label"], ""))
    arms = [published.arm] if published.arm else [claim.arm, *claim.rivals[:1]]
    found = [measured(claim, frame, condition, selection(arm), published.select) for arm in arms]
    numbers = found[0][0] if len(arms) == 1 else st.paired_differences(found[0][0], found[1][0])
    numbers = numbers.iloc[: claim.n]
    rows = pd.concat([rows for _, rows in found])
    refuse(
        f"{claim.id} (beside the published {published.value:g})",
        rows[rows["replicate"].isin(numbers.index)],
    )
    _, low, high, n = st.prediction_interval(numbers)
    inside = None if math.isnan(low) else low <= published.value <= high
    return Comparison(published=published, low=low, high=high, n=n, inside=inside)


def _notes(claim: Claim, contrasts: list[Contrast], findings: tuple[Finding, ...]) -> Iterable[str]:
    if (most := max(contrast.recorded for contrast in contrasts)) > claim.n:
        yield f"up to {most} replicates are on record; the first {claim.n} are used, as declared"
    for contrast in contrasts:
        if contrast.unpaired:
            yield f"{contrast.condition}: incomplete, left out: replicates {', '.join(map(str, contrast.unpaired))}"
    for finding in findings:
        for arm, count in finding.failed.items():
            if count:
                yield f"{finding.condition}: {count} of {finding.n} fits of {arm} failed"
        if (sign := finding.sign) is not None:
            rival = f"better than {finding.rival}" if finding.rival else "above zero"
            yield (
                f"{finding.condition}: {rival} in {sign.wins} replicates, {'worse' if finding.rival else 'below'} in {sign.losses} "
                f"(exact sign test, p = {sign.p:.2g})"
            )
