"""How the results pages read, measured over their built HTML: numbers, intervals, sentences; and
which of their numbers nothing guards. `python -m tests.book.test_reading` lists strong words
("best", "never") outside guarded statements, for an author to look at.
"""

import ast
import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from spatialbias.book import pages
from spatialbias.book.statements import plain
from tests.book.smoke import ROOT

GUARDED = re.compile(r"\.(rests_on|states)\(")
FOUND = [p for p in pages.pages(ROOT) if GUARDED.search((ROOT / f"{p}.ipynb").read_text())]
NUMBER = re.compile(r"(?<![\w.])[+−-]?\d[\d,]*(?:\.\d+)?(?![\w-])")
ABBREVIATIONS = re.compile(r"\b(?:et al|e\.g|i\.e|vs|cf)\.")


def body_text(html: str) -> str:
    """The running text of a page: paragraphs and list items, without captions, tables, code,
    formulas, what unfolds and what cells show.
    """
    article = BeautifulSoup(html, "html.parser").select_one("article")
    away = "table, pre, code, figure, details, .cell, .math, .claims, .citation, script, style, .prev-next-area"
    for tag in article.select(away):
        tag.decompose()
    texts = []
    for tag in article.select("p, li"):
        caption = tag.name == "p" and next(iter(tag.children), None)
        if getattr(caption, "name", None) == "em" or (tag.name == "li" and tag.find("p")):
            continue
        texts.append(" ".join(tag.get_text().split()))
    return "\n".join(texts)


@pytest.fixture(params=FOUND)
def text(request, site):
    return body_text((site / f"{request.param}.html").read_text(encoding="utf-8"))


def test_at_most_three_numbers_in_a_hundred_words(text):
    words, numbers = len(text.split()), NUMBER.findall(text)
    assert len(numbers) <= 0.03 * words, (words, numbers)


def test_intervals_and_n_stay_in_figures_and_tables(text):
    assert not re.findall(r"\[[+−-]?\d[^\]]*,[^\]]*\]", text)
    assert not re.findall(r"\bn\s=\s\d", text)


def test_no_sentence_is_longer_than_forty_words(text):
    sentences = re.split(r"(?<=[.!?:])\s+", ABBREVIATIONS.sub("x", text))
    long = [s for s in sentences if len(s.split()) > 40]
    assert not long, long


def test_the_measure_sees_text_and_not_captions():
    html = (
        "<article><p>It leads by 7.5 points.</p><p><em>Means over n = 10 runs.</em></p>"
        "<table><tr><td>12</td></tr></table><ul><li>One of 3.</li></ul></article>"
    )
    assert body_text(html) == "It leads by 7.5 points.\nOne of 3."
    assert NUMBER.findall("at 1,562 images, 5-fold, N2 and −3.1 %") == ["1,562", "−3.1"]


# -------------------------------------------------------------------------- what guards the numbers

DIGITS = re.compile(
    r"(?<![\w.×])(?<!× )(?<![A-Za-z]-)\d(?:[\d.,]*\d)?\b(?! ×)"
)  # "16 × 16" is a shape
STRONG = re.compile(
    r"\b(ahead|behind|best|worst|more|less|fewer|only|nothing|none|never|every|same)\b"
)
ASIDE = re.compile(r"```.*?```|\$\$.*?\$\$|\$[^$]*\$", re.S)
PROTOCOL = ("## How it was done", "## Try it")  # whose constants are not findings


def prose(page: Path) -> str:
    """A notebook's findings in plain words: no captions, tables, code, formulas, list numbers."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    texts = ("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    kept, aside = [], False
    for paragraph in ASIDE.sub("", "\n\n".join(texts)).split("\n\n"):
        if paragraph.startswith("#"):
            aside = paragraph.startswith(PROTOCOL)
        elif not aside and not re.match(r"\*[^*]|\|", paragraph.strip()):
            kept.append(plain(re.sub(r"(?m)^\d+\. ", "", paragraph)))
    return "\n".join(kept)


def guards(page: Path) -> list[str]:
    """The statements of a page's code as patterns; what records fill in may be anything."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    calls = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)]
    found = []
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        found += call.args if name == "states" else call.args[:1] if name == "rests_on" else []
    return [pattern(text) for text in found if pattern(text)]


def pattern(text: ast.expr) -> str | None:
    if isinstance(text, ast.IfExp):
        return pattern(text.body)
    if isinstance(text, ast.JoinedStr):
        parts = (re.escape(p.value) if isinstance(p, ast.Constant) else r"\S+" for p in text.values)
        return "".join(parts)
    return re.escape(plain(text.value)) if isinstance(text, ast.Constant) else None


def unguarded(page: Path, what: re.Pattern) -> list[str]:
    """What no statement of the page carries, with the words around it."""
    text = prose(page)
    spans = [m.span() for p in guards(page) for m in re.finditer(p, text)]
    return [
        text[max(0, found.start() - 40) : found.end() + 20].replace("\n", " ")
        for found in what.finditer(text)
        if not any(start <= found.start() < end for start, end in spans)
    ]


@pytest.mark.parametrize("page", FOUND)
def test_every_number_of_the_prose_is_guarded_or_declared(page):
    loose = unguarded(ROOT / f"{page}.ipynb", DIGITS)
    assert not loose, "numbers that no statement carries:\n" + "\n".join(loose)


def test_a_number_without_a_guard_is_found(tmp_path):
    written = "# Title 1\n\nIt leads by 7.5 points, of 20.\n\n*Means over 10 runs.*\n\n1. First"
    cells = [
        {"cell_type": "markdown", "source": written},
        {"cell_type": "code", "source": 'page.rests_on(f"leads by {e:.1f} points", e.above(0))'},
    ]
    page = tmp_path / "page.ipynb"
    page.write_text(json.dumps({"cells": cells}))
    assert prose(page) == "It leads by 7.5 points, of 20.\nFirst"
    assert re.search(guards(page)[0], prose(page))[0] == "leads by 7.5 points"


if __name__ == "__main__":  # for review: strong words of each page that no statement carries
    for name in FOUND:
        print(f"\n{name}", *unguarded(ROOT / f"{name}.ipynb", STRONG), sep="\n  ")
