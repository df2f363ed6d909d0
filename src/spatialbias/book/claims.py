"""Claims as a reader meets them: one line each, statement, verdict and one number; the rest unfolds."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from spatialbias import paths
from spatialbias.book.show import minus, table_html
from spatialbias.claims import Claim, Verdict, ledger
from spatialbias.claims.claim import Comparison, Finding, label_of
from spatialbias.claims.reader import Reading, readings
from spatialbias.plots import label
from spatialbias.statistics import ALPHA

TAGS = {
    "S": "stated in the source",
    "F": "read off a figure of the source",
    "C": "read in the authors' code",
    "I": "from an issue or a retrospective",
    "O": "our own question",
}
KINDS = ("holds", "fails", "undecided", "incomplete", "not run", "not testable here")
KEY = (
    "<p class='key'>Each square is one comparison: <i class='shown'></i> bears the statement out, "
    "<i class='refuted'></i> is against it (below its margin), <i></i> neither; the fuller the "
    "colour, the larger the difference. The more comparisons a statement has, the stricter its "
    "verdict is with each, so that one square against it may not settle it. The numbers are means, "
    "or counts of runs. Undecided: all runs are there and settle nothing. Incomplete: so many have "
    "all networks of the comparison, the others are to come. Not run: declared, no run made yet. Not "
    "testable here: no run of ours could decide it. Unfold a line for intervals and reasons.</p>"
)
WIDE = 80  # points: a prediction interval wider than this agrees with anything


def rows(judged: Iterable[tuple[Claim, Verdict | str]]) -> str:
    """Claims with their verdicts, or with what keeps the judge from one, as HTML."""
    judged = list(judged)
    words = readings({c.id: v for c, v in judged if isinstance(v, Verdict)})
    for claim in ledger():  # without all its variants a claim has no last word
        if claim.variant_of and claim.id not in words:
            words.pop(claim.variant_of, None)
    lines = "".join(_row(claim, verdict, words.get(claim.id)) for claim, verdict in judged)
    return f"<div class='claims'>{lines}{KEY * ('<i class' in lines)}</div>"


def kind(claim: Claim, verdict: Verdict | str) -> str:
    """A verdict without its details, as a reader meets it."""
    if claim.empty:
        return "not testable here"
    if isinstance(verdict, str):
        return "undecided"
    return verdict.word if verdict.word == "not run" else verdict.word.split()[0]


def tally(judged: Iterable[tuple[Claim, Verdict | str]]) -> str:
    """How many claims have which verdict, as a row of chips."""
    counts = Counter(kind(claim, verdict) for claim, verdict in judged)
    chips = (_chip(word, f"{word}: {counts[word]}") for word in KINDS if counts[word])
    return f"<p class='tally'>{' '.join(chips)}</p>"


def _chip(word: str, text: str) -> str:
    return f"<span class='verdict {word.replace(' ', '-')}'>{text}</span>"


def _row(claim: Claim, verdict: Verdict | str, reading: Reading | None) -> str:
    refused = isinstance(verdict, str)
    found = kind(claim, verdict)
    word = found if refused or claim.empty else verdict.word
    number = "" if refused else one_number(verdict)
    rule = f"{claim.word}, {claim.rule}; {claim.n} runs declared"
    about = [
        f"{_page(claim.page)}. {html.escape(claim.where)} ({TAGS[claim.tag]}). Rule: {rule}. <code>{claim.id}</code>"
    ]
    if reading and claim.tag != "O":  # of a source's claim: what a reader may take along
        depends = [
            f"{said} {', '.join(which)}"
            for said, which in (("shown:", reading.shown), ("refuted:", reading.refuted))
            if which
        ]
        about.insert(0, f"<b>{reading.word}</b> {html.escape('; '.join(depends))}")
    if claim.empty:
        about.append(
            f"Cannot come out either way: {html.escape(claim.empty)} (the rule says: {verdict if refused else verdict.word})"
        )
    if claim.note:
        about.append(f"Decides little: {html.escape(claim.note)}")
    about.append(html.escape(verdict if refused else verdict.reason))
    body = "".join(f"<p>{text}</p>" for text in about)
    if not refused:
        body += _found(verdict) + _published(verdict)
        body += "".join(f"<p>{html.escape(note)}</p>" for note in verdict.notes)
    return (
        f"<details class='claim'><summary>{_chip(found, word)}"
        f"<span class='said'>{html.escape(claim.statement)}</span>"
        f"<span class='found'>{minus(number)}<br>{_squares(verdict)}</span></summary><div>{minus(body)}</div></details>"
    )


def _page(name: str) -> str:
    """The page of a claim, as a link where it is written."""
    there = (paths.project() / "book" / f"{name}.ipynb").is_file()
    return f"<a href='../{name}.html'>{name}</a>" if there else name


def _squares(verdict: Verdict | str) -> str:
    """A square a contrast: green where it is shown, orange where it is refuted, the fuller the
    larger the effect; together a map of claims by conditions.
    """
    if isinstance(verdict, str) or verdict.waits:
        return ""
    squares, found = [], verdict.trend or verdict.findings
    nothing_said = verdict.claim.empty or (len(found) == 1 and verdict.word == "undecided")
    for f in found:
        said = "shown" if f.p <= ALPHA else "refuted" if f.q <= ALPHA else "open"
        said = "open" if nothing_said else said
        size = abs(f.mean) * (100 if verdict.claim.values.unit == "points" else 10)
        strength = 0.35 + 0.65 * min(size / 10, 1) if f.n else 0
        where = ", ".join(filter(None, (label(f.condition), label(f.rival) if f.rival else "")))
        about = f"{where}: {_form(verdict, _scaled(verdict, f)[0])} {_unit(verdict)}, {said}"
        squares.append(
            f"<i class='{said}' style='opacity:{strength:.2f}' title='{html.escape(about)}'></i>"
        )
    return f"<span class='squares' aria-hidden='true'>{''.join(squares)}</span>"


def one_number(verdict: Verdict) -> str:
    """What was found, in one number or, over several conditions, the range of their means."""
    found = [f for f in verdict.trend or verdict.findings if f.n]
    if not found or verdict.waits:
        return ""
    if verdict.claim.rule == "success rate":
        counts = [f"{f.mean * f.n:.0f} of {f.n} runs" for f in found]
        return counts[0] if len(set(counts)) == 1 else f"{counts[0]} … {counts[-1]}"
    unit = _unit(verdict)
    means = sorted(_scaled(verdict, f)[0] for f in found)
    ends = [_form(verdict, means[0]), _form(verdict, means[-1])]
    return f"{ends[0]} {unit}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} {unit}"


def _found(verdict: Verdict) -> str:
    """Every contrast of the claim as a table."""
    lines = []
    for f in verdict.trend or verdict.findings:
        if not f.n:
            continue
        mean, low, high = (_form(verdict, value) for value in _scaled(verdict, f))
        where = label(f.condition) if f.condition != "all" else ""
        lines.append(
            {
                "condition": where,
                "against": label(f.rival) if f.rival else "",
                f"mean ({_unit(verdict)})": mean,
                "95 % interval": "" if math.isnan(f.low) else f"{low} to {high}",
                "n": f.n,
            }
        )
    table = pd.DataFrame(lines)
    empty = [name for name in table if (table[name] == "").all()]
    margins = [
        f"with a margin of {100 * m:g} points: {word}" for m, word in verdict.margins.items()
    ]
    text = f"<p>{'; '.join(margins)}.</p>" if margins else ""
    return text + (table_html(table.drop(columns=empty)) if lines else "")


def _published(verdict: Verdict) -> str:
    """Published numbers beside where a single run of ours would fall."""
    if not verdict.published:
        return ""
    lines = [_beside(verdict, one) for one in verdict.published]
    return f"<p>Published numbers, and where a single run of ours would fall (95 %):</p>{table_html(pd.DataFrame(lines))}"


def _beside(verdict: Verdict, one: Comparison) -> dict[str, str]:
    published, points = one.published, verdict.claim.values.unit == "points"
    scale = 100 if points else 1
    low, high = scale * one.low, scale * one.high
    inside = {True: "inside", False: "outside", None: ""}[one.inside]
    if published.kind or (points and high - low > WIDE):
        inside = ""  # no single run, or an interval that agrees with anything
    return {
        "of": f"{label(label_of(published.arm)) if published.arm else 'difference'}",
        "condition": str(published.condition),
        "published": f"{scale * published.value:.3g}"
        + (f", {published.kind}" * bool(published.kind)),
        "ours": "" if one.inside is None else f"{low:.1f} to {high:.1f}",
        "": inside,
    }


def _scaled(verdict: Verdict, f: Finding) -> tuple[float, float, float]:
    """Mean and interval in the unit of the claim; a value without a rival as it was measured."""
    claim = verdict.claim
    if claim.rule == "success rate":
        return 100 * f.mean, 100 * f.low, 100 * f.high
    scale = 100 if claim.values.unit == "points" else 1
    numbers = (scale * f.mean, scale * f.low, scale * f.high)
    if f.rival or verdict.trend or claim.values.sign > 0:
        return numbers
    return -numbers[0], -numbers[2], -numbers[1]


def _form(verdict: Verdict, value: float) -> str:
    signed = "+" if (verdict.trend or verdict.findings)[0].rival else ""
    if verdict.claim.values.unit == "points" or verdict.claim.rule == "success rate":
        return f"{value:{signed}.1f}"
    return f"{value:{signed}.{3 if abs(value) >= 1 else 2}g}"


def _unit(verdict: Verdict) -> str:
    claim = verdict.claim
    if claim.rule == "success rate":
        return "% of runs"
    if claim.values.unit != "points":
        return claim.values.unit
    if claim.per:
        return f"points a {claim.per}"
    return "points" if (verdict.trend or verdict.findings)[0].rival else "%"
