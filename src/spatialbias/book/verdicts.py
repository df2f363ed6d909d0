"""Verdicts as a reader meets them: one word, a sentence that the verdict chooses, a row of the table of claims."""

import html
import math
from collections.abc import Iterable, Mapping

import pandas as pd

from spatialbias.claims import Claim, JudgeError, Verdict, judge
from spatialbias.claims.claim import Comparison, label_of
from spatialbias.figures.style import label
from spatialbias.statistics import ALPHA

WIDE = 80  # points: a prediction interval wider than this agrees with anything
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
    except JudgeError:
        return None


def kind(verdict: Verdict | None) -> str:
    """A verdict without its details: "holds", "fails", "undecided" or "not-run"; None, of records that cannot be judged, decides nothing."""
    return "undecided" if verdict is None else "not-run" if verdict.word == "not run" else verdict.word.split()[0]


def sentence(claim: Claim, verdict: Verdict | None) -> str:
    """The verdict on a claim as running text; of an undecided one it says why."""
    said, statement, why = kind(verdict), claim.statement.rstrip("."), undecided(verdict)
    if claim.kind != "conclusion" or claim.tag == "O":
        return ASKED[said].format(statement, why)
    text = SENTENCES[said].format(_lower(statement), why)
    return text.replace("The source says that", "The source's plots suggest that", 1) if claim.tag == "F" else text


def undecided(verdict: Verdict | None) -> str:
    """Why a claim is not decided, in words: too few replicates, failed fits, or what its conditions say one by one."""
    if verdict is None:
        return "our records cannot be judged"
    n, fewest = verdict.claim.n, min((f.n for f in verdict.findings), default=0)
    if fewest < n:
        return f"so far {fewest} of {n} declared replicates {'is' if fewest == 1 else 'are'} on record"
    if math.isnan(verdict.p_hold):
        failed = {arm: count for f in verdict.findings for arm, count in f.failed.items() if count}
        return f"too many fits failed for a mean to be judged ({', '.join(f'{count} of {label(arm)}' for arm, count in failed.items())})"
    conditions = {} if verdict.trend else {f.condition: [g for g in verdict.findings if g.condition == f.condition] for f in verdict.findings}
    shown = [name for name, found in conditions.items() if all(f.p <= ALPHA for f in found)]
    refuted = [name for name, found in conditions.items() if any(f.q <= ALPHA for f in found) and name not in shown]
    parts = [f"{words} {'; '.join(names)}" for words, names in (("shown at", shown), ("refuted at", refuted)) if names]
    if len(conditions) > 1 and parts:
        return ", ".join(parts) + ", which does not settle it as the rule has it"
    return f"{fewest} replicates do not settle it"


def _lower(text: str) -> str:
    """The first letter small, unless the word is a name."""
    return text if text.split()[0].removesuffix("'s") in ("Coordinet", "CIPS", "CoordConv") else text[0].lower() + text[1:]


def claims_table(claims: Iterable[Claim], frames: Mapping[str, pd.DataFrame], linked: bool = False) -> str:
    """Claims as an HTML table: statement, verdict, found and, below it, published. frames: study -> its tidy frame. linked: each
    statement leads to the page that shows it, from a page in another folder or the same."""
    rows = []
    for claim in claims:
        verdict = None
        try:
            verdict = judge(claim, frames.get(claim.study))
            word, text, why = verdict.word, _found(verdict), "; ".join((verdict.reason, *_at_margins(verdict), *verdict.notes))
            tags = ", ".join(dict.fromkeys(c.published.tag for c in verdict.published))
            beside = tags and _published(claim, tags, verdict.published)
        except JudgeError as error:
            word, text, why, beside = "undecided", html.escape(str(error)), str(error), ""
        statement = f"<b>{html.escape(claim.statement)}</b>"
        if linked:
            statement = f"<a href='../{claim.page}.html'>{statement}</a>"
        rows.append(
            f"<tr><td>{statement}<br><small>{html.escape(claim.where)}{'' if claim.tag == 'O' else f' [{claim.tag}]'}; <a href='../appendix/method.html'>our rule</a>: {claim.word}, {claim.rule}; "
            f"<code>{claim.id}</code></small></td>"
            f"<td><details><summary><span class='verdict {kind(verdict)}'>{html.escape(word)}</span></summary>"
            f"<small>{html.escape(why)}</small></details></td>"
            f"<td>{text}{beside and f'<br><small>{beside}</small>'}</td></tr>"
        )
    head = "<tr><th>claim</th><th>verdict</th><th>we find: mean [95 %], differences in the claimed direction</th></tr>"
    return f"<div class='scroll'><table class='claims'><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _at_margins(verdict: Verdict) -> list[str]:
    return [f"with a margin of {100 * margin:g} points: {word}" for margin, word in verdict.margins.items()]


def _published(claim: Claim, tags: str, comparisons: tuple[Comparison, ...], most: int = 4) -> str:
    """Published numbers beside ours, one a line; many fold away behind their count."""
    lines = "<br>".join(_beside(claim, c) for c in comparisons)
    if len(comparisons) <= most:
        return f"published [{tags}]:<br>{lines}"
    known = [c.inside for c in comparisons if c.inside is not None]
    inside = f", {sum(known)} of {len(known)} in the range of one run of ours" if known else ""
    return f"<details><summary>published [{tags}]: {len(comparisons)} single runs{inside}</summary>{lines}</details>"


def _beside(claim: Claim, comparison: Comparison) -> str:
    """A published number, where one run of ours falls (our prediction interval), and whether it lies there; no sign where that is
    nearly all there is."""
    published, unit = comparison.published, 100 if claim.values.unit == "points" else 1
    least = -math.inf if unit == 1 or not published.arm else 0.0  # a difference may be negative, a share not
    low, high = (unit * min(max(end, least), math.inf if unit == 1 else 1.0) for end in (comparison.low, comparison.high))
    known = comparison.inside is not None
    sign = "" if not known or (unit == 100 and high - low > WIDE) else " ✓" if comparison.inside else " ✗"
    anywhere = published.arm and (low, high) == (0, 100)
    falls = "any value lies inside" if anywhere else f"{low:.1f} to {high:.1f}".replace("-", "−")
    return (
        (f"{html.escape(label(label_of(published.arm)))} " if published.arm else "")
        + (f"{unit * published.value:.1f}" if unit == 100 else f"{abs(published.value):g}")
        + (f" ({html.escape(str(published.condition))})" if published.condition else "")
        + (f"; one run of ours: {falls}" if known and unit == 100 else "")
        + sign
    )


def _decimals(width: float) -> int:
    """So many that an interval of this width shows two digits of it, from two to four."""
    return min(max(2, 1 - math.floor(math.log10(width))), 4) if width > 0 else 2


def _found(verdict, most: int = 6) -> str:
    """What was found, one contrast a line: mean and 95 % interval; n once if it is the same throughout. Long lists fold away."""
    findings = verdict.trend or verdict.findings
    if not any(f.n for f in findings):
        return html.escape(verdict.reason)
    points, rate = verdict.claim.values.unit == "points", verdict.claim.rule == "success rate"
    counts = {f.n for f in findings}

    def one(f) -> str:
        sign = "" if rate or not f.rival else "+"
        numbers = (f.mean, f.low, f.high)
        if not f.rival and not verdict.trend:  # a value by itself: as it was measured; shares end at 0 and 1, Student's interval does not
            numbers = numbers if verdict.claim.values.sign > 0 else (-f.mean, -f.high, -f.low)
            numbers = tuple(v if math.isnan(v) else min(max(v, 0), 1 if points else math.inf) for v in numbers)
        elif points:
            numbers = tuple(min(max(v, -1), 1) for v in numbers)
        form = f"{sign}.1f" if points else f"{sign}.{_decimals(numbers[2] - numbers[1])}f"
        mean, low, high = (f"{(100 if points else 1) * v:{form}}" for v in numbers)
        name = label(f.condition) if f.condition != "all" else ""  # a single condition needs no name
        rival = f" vs {label(f.rival)}" if f.rival and len(verdict.claim.rivals) > 1 else ""
        each = f", n = {f.n}" if len(counts) > 1 else ""
        interval = "" if math.isnan(f.low) else f" [{low}, {high}]"
        if rate:
            mean, interval, each = f"{f.mean * f.n:.0f} of {f.n}", f" runs [{100 * f.low:.0f}, {100 * f.high:.0f}] %", ""
        head = html.escape((name + rival).strip())
        return f"{head}{head and ': '}<b>{mean}</b>{interval}{each}"

    lines = [one(f) for f in findings]
    unit = "points" if points and findings[0].rival else "%" if points else verdict.claim.values.unit
    tail = f"{unit}{', ' if unit else ''}n = {counts.pop()}" if len(counts) == 1 and not rate else ""
    fold = f"<details><summary>{len(lines) - most} more</summary>{'<br>'.join(lines[most:])}</details>" if len(lines) > most else "<br>" if tail else ""
    return f"<span class='found'>{'<br>'.join(lines[:most])}{fold}{tail}</span>"
