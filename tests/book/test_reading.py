"""How the results pages read, measured over their built HTML: numbers, intervals, sentences."""

import re

import pytest
from bs4 import BeautifulSoup

from spatialbias.book import pages
from tests.book.smoke import ROOT

FOUND = [p for p in pages.pages(ROOT) if ".rests_on(" in (ROOT / f"{p}.ipynb").read_text()]
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
