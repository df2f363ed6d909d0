"""How verdicts reach the prose and the tables, also where the records cannot be judged."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from spatialbias.claims import Published, judge, over
from spatialbias.legacy import ledger as chapter
from spatialbias.legacy import page as book
from spatialbias.legacy.verdicts import (
    BROAD,
    SENTENCES,
    _beside,
    _found,
    _published,
    found,
    rests_on,
    undecided,
)
from spatialbias.plots.style import VERDICTS
from tests.claims.test_judge import ONE, edit, pair

STALE = edit(pair(0.03), "fc", 1, current=False)  # the judge refuses records that are not current
FRAMES = {"holds": pair(0.03), "fails": pair(-0.03), "undecided": STALE, "not-run": pair(0.03)[:0]}


@pytest.fixture(autouse=True)
def one_claim(monkeypatch):
    monkeypatch.setattr(book, "ledger", lambda: (ONE,))
    monkeypatch.setattr(chapter, "ledger", lambda: (ONE,))


def page(frame) -> book.Page:
    made = object.__new__(book.Page)
    made.results = {ONE.study: SimpleNamespace(frame=lambda stale: frame)}
    return made


@pytest.mark.parametrize("kind", FRAMES)
def test_prose_and_table_follow_the_verdict(kind):
    one = page(FRAMES[kind])
    assert one.kind(ONE.id) == kind
    assert one.sentence(ONE.id) == SENTENCES[kind].format(
        "the CNN beats both others by a large margin", "our records cannot be judged"
    )
    assert f"class='verdict {kind}'" in one.claims(ONE.id).data


def test_published_values_tell_their_kind(monkeypatch):
    monkeypatch.setattr(
        book,
        "ledger",
        lambda: (
            replace(
                ONE,
                published=(Published(0.3, "fc", tag="I"), Published(0.1, "simple_cnn", tag="S")),
            ),
        ),
    )
    assert "published [I, S]:<br>" in page(pair(0.03)).claims(ONE.id).data


def test_published_values_stand_beside_one_run_of_ours():
    published = SimpleNamespace(value=0.477, arm="fc", condition="", kind="")
    fall = "a single run of ours would fall in"
    for low, high, inside, said in (
        (0.573, 0.763, False, f"{fall} 57.3–76.3 ✗"),
        (0.4, 0.5, True, f"{fall} 40.0–50.0 ✓"),
        (-0.2, 1.3, True, BROAD),
    ):
        comparison = SimpleNamespace(published=published, low=low, high=high, inside=inside)
        assert _beside(ONE, comparison) == f"fc 47.7; {said}"
    assert (
        _beside(ONE, SimpleNamespace(published=published, low=0.0, high=0.0, inside=False))
        == "fc 47.7; our runs all give 0.0 ✗"
    )
    gap = SimpleNamespace(value=0.02, arm="", condition="", kind="")
    assert (
        _beside(ONE, SimpleNamespace(published=gap, low=-0.01, high=0.05, inside=True))
        == f"2.0; {fall} −1.0 to 5.0 ✓"
    )


def test_the_best_of_many_is_no_single_run():
    published = SimpleNamespace(value=0.86, arm="fc", condition="", kind="best of 324 settings")
    one = SimpleNamespace(published=published, low=0.0, high=0.093, inside=False)
    assert (
        _beside(ONE, one)
        == "fc 86.0, best of 324 settings; a single run of ours would fall in 0.0–9.3"
    )
    assert "<summary>published [I]: 5 numbers</summary>" in _published(ONE, "I", [one] * 5)


def test_many_published_values_fold_behind_their_count():
    published = SimpleNamespace(value=0.477, arm="fc", condition="", kind="")
    one = [
        SimpleNamespace(published=published, low=0.4, high=0.5, inside=inside)
        for inside in (True, True, False, None)
    ]
    assert _published(ONE, "F", one).startswith("published [F]:<br>fc 47.7")
    folded = "<summary>published [F]: 5 single runs (3 ✓, 1 ✗)</summary>"
    assert folded in _published(ONE, "F", [*one, one[0]])
    assert _published(ONE, "F", one[:1], 0).startswith(
        "<details><summary>published [F]: 1 single run (1 ✓)<"
    )


def test_a_note_stands_under_the_verdict(monkeypatch):
    monkeypatch.setattr(
        book, "ledger", lambda: (replace(ONE, note="in few steps; see a_better_one"),)
    )
    shown = page(pair(0.03)).claims(ONE.id).data
    assert "decides little: in few steps; see a_<wbr>better_<wbr>one</small></td>" in shown
    monkeypatch.setattr(book, "ledger", lambda: (ONE,))
    assert "decides little" not in page(pair(0.03)).claims(ONE.id).data


def test_what_was_found_as_running_text():
    verdict = judge(ONE, pair(0.03))
    finding = verdict.findings[0]
    assert (
        found(verdict)
        == f"+3.0 points [{100 * finding.low:+.1f},\u00a0{100 * finding.high:+.1f}], n = 10 (N = 390)"
    )
    assert found(judge(ONE, pair(0.03)[:0])) == "not on record" == found(None)
    rate = replace(
        ONE, rivals=(), rule="success rate", values=replace(ONE.values, success=0.3), n=10
    )
    assert found(judge(rate, pair(0.03))).startswith(
        "10 of 10 runs [69,\u00a0100]\u00a0% (N = 390)"
    )


def test_a_failing_claim_says_what_it_rests_on():
    two = replace(ONE, conditions=over("n_train", 195, 390, label="N = {}"))
    frame = pd.concat([pair(0.03, n_train=195), pair(-0.03)])
    assert rests_on(judge(two, frame)).startswith(
        "The verdict rests on the N = 390 (p\u00a0="
    ) and "the N = 195 (p\u00a0=\u00a01) would leave it open." in rests_on(judge(two, frame))
    both = pd.concat([pair(-0.03, n_train=195), pair(-0.03)])
    assert " and the N = 390" in rests_on(judge(two, both)) and "open" not in rests_on(
        judge(two, both)
    )
    assert (
        rests_on(judge(ONE, pair(0.03)))
        == rests_on(None)
        == rests_on(judge(replace(two, word="sometimes"), both))
        == ""
    )


def test_what_is_undecided_says_why():
    def verdict(*findings, p_hold=0.5, n=10):
        made = [
            SimpleNamespace(condition=c, n=k, p=p, q=q, failed=failed)
            for c, k, p, q, failed in findings
        ]
        return SimpleNamespace(claim=SimpleNamespace(n=n), findings=made, trend=(), p_hold=p_hold)

    nan = float("nan")
    assert undecided(None) == "our records cannot be judged"
    assert (
        undecided(verdict(("a", 1, 1, 1, {}), p_hold=nan))
        == "so far 1 of 10 declared replicates is on record"
    )
    assert (
        undecided(verdict(("a", 10, 1, 1, {"simple_cnn": 2, "fc": 0}), p_hold=nan))
        == "too many fits failed for a mean to be judged (2 of simple CNN)"
    )
    three = ("N = 1", 10, 0.001, 0.9, {}), ("N = 2", 10, 0.4, 0.01, {}), ("N = 3", 10, 0.4, 0.4, {})
    assert (
        undecided(verdict(*three))
        == "shown by some (N = 1) and refuted by some (N = 2) of the 3 conditions, too few for a verdict"
    )
    assert undecided(verdict(three[2])) == "10 replicates do not settle it"
    rivals = (
        ("N = 1", 10, 0.001, 0.9, {}),
        ("N = 1", 10, 0.4, 0.9, {}),
        ("N = 2", 10, 0.4, 0.4, {}),
    )  # shown against one of two only
    assert undecided(verdict(*rivals)) == "10 replicates do not settle it"


def test_a_large_margin_is_shown_at_others_too(monkeypatch):
    monkeypatch.setattr(book, "ledger", lambda: (replace(ONE, rule="large margin"),))
    shown = page(pair(0.04)).claims(ONE.id).data
    assert "with a margin of 2 points: holds; with a margin of 5 points: fails" in shown


@pytest.mark.parametrize("kind", ["holds", "fails"])
def test_the_picture_names_contrasts_after_their_claim_and_verdict(monkeypatch, kind):
    results = SimpleNamespace(frame=lambda stale=False: FRAMES[kind])
    monkeypatch.setattr(chapter, "ledger", lambda: (replace(ONE, thresholds=(0.01, 0.01)),))
    monkeypatch.setattr(
        chapter,
        "study",
        lambda name: SimpleNamespace(
            plan=lambda profile: SimpleNamespace(sweep=lambda missing: results)
        ),
    )
    made = chapter.Ledger(ONE.work)
    (ax,) = made.picture().axes
    assert [(text.get_text(), text.get_color()) for text in ax.get_yticklabels()] == [
        (f"CNN beats both (N = 390): {kind}", VERDICTS[kind])
    ]
    assert ax.get_xlabel().startswith("difference (points of accuracy)")
    (margin,) = [one.get_xdata()[0] for one in ax.lines if one.is_dashed()]
    assert margin == pytest.approx(1.0)
    assert (
        f"<a href='../{ONE.page}.html'><b>" in made.table().data
        and f"{ONE.page}.html" not in page(FRAMES[kind]).claims(ONE.id).data
    )


@pytest.mark.parametrize("difference, kind", [(0.03, "holds"), (-0.03, "fails")])
def test_the_picture_groups_many_contrasts_under_their_verdict(monkeypatch, difference, kind):
    sizes = (97, 195, 390)
    results = SimpleNamespace(
        frame=lambda stale=False: pd.concat([pair(difference, n_train=n) for n in sizes])
    )
    monkeypatch.setattr(
        chapter,
        "ledger",
        lambda: (replace(ONE, conditions=over("n_train", *sizes, label="N = {}")),),
    )
    monkeypatch.setattr(
        chapter,
        "study",
        lambda name: SimpleNamespace(
            plan=lambda profile: SimpleNamespace(sweep=lambda missing: results)
        ),
    )
    (ax,) = chapter.Ledger(ONE.work).picture().axes
    ticks = {
        text.get_text(): (text.get_color(), text.get_position()[1]) for text in ax.get_yticklabels()
    }
    assert (
        ticks[f"CNN beats both: {kind}"] == (VERDICTS[kind], 0)
        and {"N = 97", "N = 195", "N = 390"} < set(ticks)
        and len(ticks) == 4
    )


def test_records_that_cannot_be_judged_decide_nothing(monkeypatch):
    one = page(STALE)
    assert one.verdict(ONE.id) is None
    (cell,) = [c for c in one.claims().data.split("<td>") if "class='verdict" in c]
    assert "records not current, replicates 1" in cell and ">undecided<" in cell
    results = SimpleNamespace(frame=lambda stale=False: STALE)
    plan = SimpleNamespace(plan=lambda profile: SimpleNamespace(sweep=lambda missing: results))
    monkeypatch.setattr(chapter, "study", lambda name: plan)
    counts = chapter.Ledger(ONE.work).numbers()
    assert (counts["holds"], counts["fails"], counts["undecided"], counts["not_run"]) == (
        "0",
        "0",
        "1",
        "0",
    )
    assert counts["false_verdicts"] == "0.0" and (
        counts["undecided_short"],
        counts["undecided_full"],
    ) == ("0", "1")
    assert counts["noted"] == "0" and chapter.Ledger(ONE.work).found(ONE.id) == "not on record"
    assert (
        counts["theirs_tally"] == "1 statement: 1 is undecided"
        and counts["ours_tally"] == "0 statements"
    )


def test_a_page_reads_its_verdict(monkeypatch):
    sentences = {kind: f"It {kind}." for kind in FRAMES}
    monkeypatch.setattr(book, "readings", lambda: {ONE.id: sentences})
    assert [page(frame).reading(ONE.id) for frame in FRAMES.values()] == list(sentences.values())


@pytest.mark.parametrize(
    "sign, unit, shown",
    [
        (1, "points", "<b>99.0</b> % [96.8,\u00a0100.0]"),
        (-1, "points", "<b>99.0</b> % [96.8,\u00a0100.0]"),
        (-1, "pixels", "<b>0.990</b> [0.968,\u00a01.012]"),
    ],
)
def test_a_share_by_itself_is_shown_as_measured_and_ends_at_all(sign, unit, shown):
    finding = SimpleNamespace(
        condition="",
        rival="",
        mean=sign * 0.99,
        low=sign * 0.99 - 0.022,
        high=sign * 0.99 + 0.022,
        n=4,
    )
    claim = SimpleNamespace(values=SimpleNamespace(unit=unit, sign=sign), rule="level", rivals=())
    assert shown in _found(SimpleNamespace(trend=(), findings=(finding,), claim=claim, reason=""))


def test_a_heading_is_a_title_or_the_name_in_the_id():
    assert (
        chapter._title(ONE) == "CNN beats both"
        and chapter._title(replace(ONE, title="the CNN is ahead")) == "The CNN is ahead"
    )


def test_shares_of_another_kind_are_not_called_accuracy(monkeypatch):
    results = SimpleNamespace(frame=lambda stale=False: pair(0.03).assign(measure="score"))
    monkeypatch.setattr(
        chapter, "ledger", lambda: (replace(ONE, values=replace(ONE.values, measure="score")),)
    )
    monkeypatch.setattr(
        chapter,
        "study",
        lambda name: SimpleNamespace(
            plan=lambda profile: SimpleNamespace(sweep=lambda missing: results)
        ),
    )
    assert chapter.Ledger(ONE.work).picture().axes[0].get_xlabel() == "difference (points), n = 10"


def test_the_records_of_a_ledger_are_counted_once(monkeypatch):
    trials = [SimpleNamespace(key=key) for key in "ab"]
    results = SimpleNamespace(
        frame=lambda stale=False: pair(0.03),
        plan=SimpleNamespace(trials=trials, labelled=[("x", t) for t in trials]),
        records={"a": {}},
        present=[1],
        numerics=lambda: {"cpu": 1},
    )
    monkeypatch.setattr(
        chapter,
        "study",
        lambda name: SimpleNamespace(
            plan=lambda profile: SimpleNamespace(sweep=lambda missing: results)
        ),
    )
    assert (
        "<summary>Records behind the ledger: 1 of 2 trials, 1 study</summary>"
        in chapter.Ledger(ONE.work).provenance().data
    )
