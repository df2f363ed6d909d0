"""Words of the glossary are explained where a page first uses them."""

from bs4 import BeautifulSoup

from spatialbias.book.terms import GLOSSARY, noun, terms
from tests.book.smoke import ROOT


def test_the_glossary_is_read_as_it_is_written(tmp_path):
    page = tmp_path / "glossary.md"
    page.write_text(
        "# G\n\n:::{glossary}\nrun\n  One network,\n  trained once.\n\nCNN\n  A net.\n:::\n"
    )
    assert terms(page) == {"run": "One network, trained once.", "CNN": "A net."}
    assert terms(tmp_path / "none.md") == {}


def test_a_verb_is_no_term():
    assert noun("run").search("It runs; of 10 runs each") and not noun("run").search("It runs.")
    assert noun("claim").search("Every claim.")[1] == "claim"
    assert not noun("claim").search("No source claims it")


def test_terms_have_their_meaning_on_hover_and_lead_to_the_glossary(site):
    known = terms(ROOT / f"{GLOSSARY}.md")
    page = BeautifulSoup((site / "book/coordinet/shifts.html").read_text(), "html.parser")
    links = page.select(".bd-article a.term")
    assert links and all(a["title"] in known.values() for a in links)
    assert len({a["href"] for a in links}) == len(links), "each once a page"
    there = BeautifulSoup((site / f"{GLOSSARY}.html").read_text(), "html.parser")
    anchors = {tag["id"] for tag in there.find_all(id=True)}
    assert {a["href"].partition("#")[2] for a in links} <= anchors
