"""What a page says stands in it to the letter, and is borne out, or the page fails."""

import base64
import importlib
import json
import re
from types import SimpleNamespace

import pytest

from spatialbias import paths
from spatialbias.book.page import Page
from spatialbias.book.parameters import PageError
from spatialbias.book.statements import plain
from spatialbias.evidence import Answer
from tests.book.smoke import ROOT


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A function that makes a page of this Markdown, under its parameters."""
    for name in ("SPATIALBIAS_PROFILE", "SPATIALBIAS_DRAFT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths, "project", lambda: tmp_path)

    def make(text: str, **parameters):
        (tmp_path / "book").mkdir(exist_ok=True)
        cells = [{"cell_type": "markdown", "source": [text]}]
        (tmp_path / "book" / "page.ipynb").write_text(json.dumps({"cells": cells}))
        return Page("page", **parameters)

    return make


@pytest.mark.parametrize(
    "markdown",
    [
        "> **The CNN** leads by\n> 7.5 points",
        "the CNN [leads](a.ipynb#b) by 7.5\u00a0points".replace("the", "The"),
        "The {term}`CNN <network>` leads by *7.5* points",
    ],
)
def test_letters_count_and_markup_does_not(markdown):
    assert plain(markdown) == "The CNN leads by 7.5 points"


def test_minus_and_hyphen_are_one_and_names_keep_their_underscores():
    assert plain("by −1.5 in `n_train`") == "by -1.5 in n_train"


def test_a_statement_that_stands_is_quiet(page):
    one = page("It leads by **7.5 points**.")
    one.rests_on("leads by 7.5 points", Answer.BORNE_OUT)
    assert one.notice() is None
    assert "rests on (1)" in one.records().data


@pytest.mark.parametrize("number, answer", [("7.4", Answer.BORNE_OUT), ("7.5", Answer.NOT_SHOWN)])
def test_one_that_does_not_stops_the_page_and_is_quoted(page, number, answer):
    one = page("It leads by 7.5 points.")
    one.rests_on(f"leads by {number} points", answer)
    with pytest.raises(PageError, match=f"{answer.value}: leads by {number} points"):
        one.notice()


def test_drafts_write_down_what_falls_and_go_on(page, tmp_path, monkeypatch):
    one = page("It leads by 7.5 points.")
    one.rests_on("leads by 7.4 points", Answer.BORNE_OUT)
    monkeypatch.setenv("SPATIALBIAS_DRAFT", str(tmp_path / "draft"))
    assert one.notice() is None
    fallen = json.loads((tmp_path / "draft").read_text())
    assert fallen == ["page", "leads by 7.4 points", "borne out", False]


def test_under_other_profiles_the_page_counts_what_your_records_say(page):
    one = page("It leads by 7.5 points.", profile="smoke")
    one.rests_on("leads by 3.1 points", Answer.CONTRADICTED)
    one.rests_on("trails", [Answer.BORNE_OUT, Answer.NOT_SHOWN])
    shown = one.notice().data
    assert "With yours: 1 contradicted, 1 not shown" in shown and "leads by 3.1 points" in shown


def test_conditions_are_answers_not_comparisons(page):
    with pytest.raises(TypeError, match="not on True"):
        page("It leads.").rests_on("leads", [7.5 > 0])


def test_a_parameter_that_no_study_of_the_page_has_is_refused(page):
    one = page("Text.", profile="smoke", n_trian=3)
    with pytest.raises(PageError, match="'n_trian'"):
        one.notice()


def test_opened_as_it_is_a_page_trains_nothing(page, monkeypatch):
    one = page("Text.")
    asked = SimpleNamespace(missing=None)

    def sweep(trials, measures, store=None, *, missing, **options):
        asked.missing = missing
        return {}

    monkeypatch.setattr(importlib.import_module("spatialbias.studies.study"), "sweep", sweep)
    one.study("coordinet.reproduce")
    assert asked.missing == "show"
    page("Text.", replicates=1).study("coordinet.reproduce")
    assert asked.missing == "train" and (ROOT / "_toc.yml").is_file()


def test_the_numbers_are_a_csv_in_the_page(page, monkeypatch):
    monkeypatch.setattr(paths, "shipped_results", lambda: ROOT / "data" / "results")
    one = page("Text.")
    one.frame("coordinet.reproduce")
    link = re.search(r"base64,([^']*)'", one.records().data)[1]
    rows = base64.b64decode(link).decode().splitlines()
    assert rows[0].startswith("study,arm,dataset") and len(rows) > 1
