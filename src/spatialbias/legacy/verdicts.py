"""Verdicts as a reader meets them: one word, a sentence that the verdict chooses, a row of the
table of claims.
"""

import html
import math
from collections.abc import Iterable, Mapping

import pandas as pd

from spatialbias.claims import Claim, EvidenceError, Verdict, judge
from spatialbias.claims.claim import Comparison, label_of
from spatialbias.plots.style import label
from spatialbias.statistics import ALPHA

WIDE = 80  # points: a prediction interval wider than this agrees with anything
BROAD = "our runs spread too widely to compare"
SENTENCES = {
    "holds": "The source says that {}: in our records this holds.",
    "fails": "The source says that {}: in our records this fails.",
    "undecided": "The source says that {}: {}.",
    "not-run": "The source says that {}: this has not been run yet.",
}
ASKED = {  # of a hypothesis, whosoever it is
    "holds": "“{}”: in our records this holds.",
    "fails": "“{}”: in our records this fails.",
    "undecided": "“{}”: {}.",
    "not-run": "“{}”: this has not been run yet.",
}


def judged(claim: Claim, frame: pd.DataFrame | None) -> Verdict | None:
    """The judge's verdict; None where the records cannot be judged."""
    try:
        return judge(claim, frame)
    except EvidenceError:
        return None


def kind(verdict: Verdict | None) -> str:
    """A verdict without its details: "holds", "fails", "undecided" or "not-run"; None, of records
    that cannot be judged, decides nothing.
    """
    return (
        "undecided"
        if verdict is None
        else "not-run"
        if verdict.word == "not run"
        else verdict.word.split()[0]
    )


def sentence(claim: Claim, verdict: Verdict | None) -> str:
    """The verdict on a claim as running text; of an undecided one it says why."""
    said, statement, why = kind(verdict), claim.statement.rstrip("."), undecided(verdict)
    if claim.kind != "conclusion" or claim.tag == "O":
        return ASKED[said].format(statement, why)
    text = SENTENCES[said].format(_lower(statement), why)
    return (
        text.replace("The source says that", "The source's plots suggest that", 1)
        if claim.tag == "F"
        else text
    )


def undecided(verdict: Verdict | None) -> str:
    """Why a claim is not decided, in words: too few replicates, failed fits, or what its conditions
    say one by one.
    """
    if verdict is None:
        return "our records cannot be judged"
    n, fewest = verdict.claim.n, min((f.n for f in verdict.findings), default=0)
    if fewest < n:
        return (
            f"so far {fewest} of {n} declared replicates {'is' if fewest == 1 else 'are'} on record"
        )
    if math.isnan(verdict.p_hold):
        failed = {arm: count for f in verdict.findings for arm, count in f.failed.items() if count}
        return f"too many fits failed for a mean to be judged ({', '.join(f'{count} of {label(arm)}' for arm, count in failed.items())})"
    conditions = (
        {}
        if verdict.trend
        else {
            f.condition: [g for g in verdict.findings if g.condition == f.condition]
            for f in verdict.findings
        }
    )
    shown = [name for name, found in conditions.items() if all(f.p <= ALPHA for f in found)]
    refuted = [
        name
        for name, found in conditions.items()
        if any(f.q <= ALPHA for f in found) and name not in shown
    ]
    parts = [
        f"{words} ({'; '.join(names)})"
        for words, names in (("shown by some", shown), ("refuted by some", refuted))
        if names
    ]
    if len(conditions) > 1 and parts:
        return " and ".join(parts) + f" of the {len(conditions)} conditions, too few for a verdict"
    return f"{fewest} replicates do not settle it"


def _lower(text: str) -> str:
    """The first letter small, unless the word is a name."""
    return (
        text
        if text.split()[0].removesuffix("'s") in ("Coordinet", "CIPS", "CoordConv")
        else text[0].lower() + text[1:]
    )


def claims_table(
    claims: Iterable[Claim], frames: Mapping[str, pd.DataFrame], linked: bool = False
) -> str:
    """Claims as an HTML table: statement, verdict, found and, below it, published. frames: study ->
    its tidy frame. linked: each statement leads to the page that shows it, from a page in another
    folder or the same, and published numbers are folded.
    """
    rows, rule = [], "rule" if linked else "<a href='../appendix/method.html'>our rule</a>"
    for claim in claims:
        verdict = None
        try:
            verdict = judge(claim, frames.get(claim.study))
            word, text, why = (
                verdict.word,
                _found(verdict),
                "; ".join((verdict.reason, *_at_margins(verdict), *verdict.notes)),
            )
            tags = ", ".join(dict.fromkeys(c.published.tag for c in verdict.published))
            beside = tags and _published(claim, tags, verdict.published, 0 if linked else 4)
        except EvidenceError as error:
            word, text, why, beside = "undecided", html.escape(str(error)), str(error), ""
        statement = f"<b>{html.escape(claim.statement)}</b>"
        if linked:
            statement = f"<a href='../{claim.page}.html'>{statement}</a>"
        note = (
            f"<small style='display:inline-block;min-width:8.5rem'>decides little: {html.escape(claim.note).replace('_', '_<wbr>')}</small>"
            if claim.note
            else ""
        )
        rows.append(
            f"<tr><td>{statement}<br><small>{html.escape(claim.where)}{'' if claim.tag == 'O' else f' [{claim.tag}]'}; {rule}: {claim.word}, {claim.rule}; "
            f"<code>{claim.id.partition('.')[2] if linked else claim.id}</code></small></td>"
            f"<td><details><summary><span class='verdict {kind(verdict)}'>{html.escape(word)}</span></summary>"
            f"<small>{html.escape(why)}</small></details>{note}</td>"
            f"<td>{text}{beside and f'<br><small>{beside}</small>'}</td></tr>"
        )
    head = "<tr><th>claim</th><th>verdict</th><th>we find: mean [95 %], differences in the claimed direction</th></tr>"
    return f"<div class='scroll'><table class='claims'><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _at_margins(verdict: Verdict) -> list[str]:
    return [
        f"with a margin of {100 * margin:g} points: {word}"
        for margin, word in verdict.margins.items()
    ]


def _published(claim: Claim, tags: str, comparisons: tuple[Comparison, ...], most: int = 4) -> str:
    """Published numbers beside ours, one a line; many fold away behind their count."""
    lines = "<br>".join(_beside(claim, c) for c in comparisons)
    if len(comparisons) <= most:
        return f"published [{tags}]:<br>{lines}"
    signs = [_sign(claim, c) for c in comparisons]
    counts = ", ".join(f"{signs.count(sign)} {sign}" for sign in "✓✗" if sign in signs)
    what = ("number" if any(c.published.kind for c in comparisons) else "single run") + "s" * (
        len(comparisons) > 1
    )
    return f"<details><summary>published [{tags}]: {len(comparisons)} {what}{counts and f' ({counts})'}</summary>{lines}</details>"


def _range(comparison: Comparison) -> tuple[float, float]:
    """Where a single run of ours would fall, in points: a difference may be negative, a share
    not.
    """
    least = 0.0 if comparison.published.arm else -math.inf
    low, high = (100 * min(max(end, least), 1.0) for end in (comparison.low, comparison.high))
    return low, high


def _sign(claim: Claim, comparison: Comparison) -> str:
    """Whether a published number lies where a single run of ours would fall: nothing where that is
    nearly all there is, or where the number is of no single run.
    """
    low, high = _range(comparison)
    if (
        comparison.inside is None
        or comparison.published.kind
        or (claim.values.unit == "points" and high - low > WIDE)
    ):
        return ""
    return "✓" if comparison.inside else "✗"


def _beside(claim: Claim, comparison: Comparison) -> str:
    """A published number, what it is of, where a single run of ours would fall (our prediction
    interval), and whether it lies there.
    """
    published, shares, (low, high) = (
        comparison.published,
        claim.values.unit == "points",
        _range(comparison),
    )
    ends = f"{low:.1f}", f"{high:.1f}"
    ours = f"a single run of ours would fall in {('–' if low >= 0 else ' to ').join(ends)}"
    ours = (
        BROAD
        if high - low > WIDE
        else f"our runs all give {ends[0]}"
        if ends[0] == ends[1]
        else ours
    )
    return (
        (f"{html.escape(label(label_of(published.arm)))} " if published.arm else "")
        + (f"{100 * published.value:.1f}" if shares else f"{abs(published.value):g}")
        + (f" ({html.escape(str(published.condition))})" if published.condition else "")
        + (f", {html.escape(published.kind)}" if published.kind else "")
        + (f"; {ours}".replace("-", "−") if comparison.inside is not None and shares else "")
        + f" {_sign(claim, comparison)}".rstrip()
    )


def _decimals(width: float) -> int:
    """So many that an interval of this width shows two digits of it, from two to four."""
    return min(max(2, 1 - math.floor(math.log10(width))), 4) if width > 0 else 2


def _numbers(verdict: Verdict, f) -> tuple[str, str]:
    """Mean, or count of runs, and 95 % interval of one contrast, in the unit of the claim."""
    claim, points = verdict.claim, verdict.claim.values.unit == "points"
    if claim.rule == "success rate":
        return (
            f"{f.mean * f.n:.0f} of {f.n}",
            f" runs [{100 * f.low:.0f},\u00a0{100 * f.high:.0f}]\u00a0%",
        )
    numbers = (f.mean, f.low, f.high)
    if (
        not f.rival and not verdict.trend
    ):  # a value by itself: as it was measured; shares end at 0 and 1, Student's interval does not
        numbers = numbers if claim.values.sign > 0 else (-f.mean, -f.high, -f.low)
        numbers = tuple(
            v if math.isnan(v) else min(max(v, 0), 1 if points else math.inf) for v in numbers
        )
    elif points:
        numbers = tuple(min(max(v, -1), 1) for v in numbers)
    form = f"{'+' if f.rival else ''}.{1 if points else _decimals(numbers[2] - numbers[1])}f"
    mean, low, high = (f"{(100 if points else 1) * v:{form}}" for v in numbers)
    return mean, "" if math.isnan(f.low) else f" [{low},\u00a0{high}]"


def _unit(verdict: Verdict) -> str:
    if verdict.claim.values.unit != "points":
        return verdict.claim.values.unit
    return "points" if (verdict.trend or verdict.findings)[0].rival else "%"


def _where(verdict: Verdict, f) -> str:
    """The condition and rival of a contrast, so far as there are several."""
    name = label(f.condition) if f.condition != "all" else ""  # a single condition needs no name
    return (
        name + (f" vs {label(f.rival)}" if f.rival and len(verdict.claim.rivals) > 1 else "")
    ).strip()


def _found(verdict, most: int = 6) -> str:
    """What was found, one contrast a line: mean and 95 % interval; n once if it is the same
    throughout. Long lists fold away.
    """
    findings = verdict.trend or verdict.findings
    if not any(f.n for f in findings):
        return html.escape(verdict.reason)
    rate, counts, lines = verdict.claim.rule == "success rate", {f.n for f in findings}, []
    share, unit = (" %", "") if _unit(verdict) == "%" and not rate else ("", _unit(verdict))
    for f in findings:
        (mean, interval), head = _numbers(verdict, f), html.escape(_where(verdict, f))
        each = f", n = {f.n}" if len(counts) > 1 and not rate else ""
        lines.append(f"{head}{head and ': '}<b>{mean}</b>{share}{interval}{each}")
    tail = (
        f"{unit}{', ' if unit else ''}n = {counts.pop()}" if len(counts) == 1 and not rate else ""
    )
    fold = (
        f"<details><summary>{len(lines) - most} more</summary>{'<br>'.join(lines[most:])}</details>"
        if len(lines) > most
        else ""
    )
    if tail and not fold:
        fold = "<br>" if len(lines) > 1 else " " if unit else ", "
    return f"<span class='found'>{'<br>'.join(lines[:most])}{fold}{tail}</span>"


def found(verdict: Verdict | None) -> str:
    """What was found, as running text: "+94.6 points [+91.9, +97.2], n = 10 (uniform split); …";
    nothing where nothing is on record.
    """
    findings = [] if verdict is None else [f for f in verdict.trend or verdict.findings if f.n]
    parts = []
    for f in findings:
        mean, interval = _numbers(verdict, f)
        unit = "" if verdict.claim.rule == "success rate" else f" {_unit(verdict)}"
        name = _where(verdict, f)
        parts.append(
            f"{mean}{unit}{interval}{f', n = {f.n}' if unit else ''}{f' ({name})' if name else ''}"
        )
    return "; ".join(parts) or "not on record"


def rests_on(verdict: Verdict | None) -> str:
    """Which conditions by themselves refute a claim that is to hold always, and which would leave
    it open; nothing for other verdicts.
    """
    if (
        verdict is None
        or kind(verdict) != "fails"
        or verdict.claim.word != "always"
        or verdict.trend
    ):
        return ""
    worst = {}
    for f in verdict.findings:
        worst[f.condition] = min(
            f.q * max(len(verdict.claim.rivals), 1), worst.get(f.condition, 1.0)
        )  # Bonferroni's, over rivals
    refuted = [name for name, q in worst.items() if len(worst) * q <= ALPHA]
    by, left = (
        [
            f"the {name} (p\u00a0=\u00a0{worst[name]:.2g})"
            for name in worst
            if (name in refuted) == there
        ]
        for there in (True, False)
    )
    return (
        f"The verdict rests on {' and '.join(by)}"
        + (f"; {' and '.join(left)} would leave it open" if left else "")
        + "."
    )
