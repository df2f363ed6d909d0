"""How verdicts reach the prose and the tables, also where the records cannot be judged."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from spatialbias.book import ledger as chapter
from spatialbias.book import page as book
from spatialbias.book.verdicts import SENTENCES, _beside, _found, _published, undecided
from spatialbias.claims import Published
from spatialbias.figures.style import VERDICTS
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
    assert one.sentence(ONE.id) == SENTENCES[kind].format("the CNN beats both others by a large margin", "our records cannot be judged")
    assert f"class='verdict {kind}'" in one.claims(ONE.id).data


def test_published_values_tell_their_kind(monkeypatch):
    monkeypatch.setattr(book, "ledger", lambda: (replace(ONE, published=(Published(0.3, "fc", tag="I"), Published(0.1, "simple_cnn", tag="S"))),))
    assert "published [I, S]:<br>" in page(pair(0.03)).claims(ONE.id).data


def test_published_values_stand_beside_one_run_of_ours():
    published = SimpleNamespace(value=0.477, arm="fc", condition="")
    for low, high, inside, said in ((0.573, 0.763, False, "one run of ours: 57.3 to 76.3 ✗"), (0.4, 0.5, True, "one run of ours: 40.0 to 50.0 ✓"),
                                    (-0.2, 1.3, True, "one run of ours: any value lies inside")):
        comparison = SimpleNamespace(published=published, low=low, high=high, inside=inside)
        assert _beside(ONE, comparison) == f"fc 47.7; {said}"


def test_many_published_values_fold_behind_their_count():
    published = SimpleNamespace(value=0.477, arm="fc", condition="")
    one = [SimpleNamespace(published=published, low=0.4, high=0.5, inside=inside) for inside in (True, True, False, None)]
    assert _published(ONE, "F", one).startswith("published [F]:<br>fc 47.7")
    assert "<summary>published [F]: 5 single runs, 3 of 4 in the range of one run of ours</summary>" in _published(ONE, "F", [*one, one[0]])


def test_what_is_undecided_says_why():
    def verdict(*findings, p_hold=0.5, n=10):
        made = [SimpleNamespace(condition=c, n=k, p=p, q=q, failed=failed) for c, k, p, q, failed in findings]
        return SimpleNamespace(claim=SimpleNamespace(n=n), findings=made, trend=(), p_hold=p_hold)

    nan = float("nan")
    assert undecided(None) == "our records cannot be judged"
    assert undecided(verdict(("a", 1, 1, 1, {}), p_hold=nan)) == "so far 1 of 10 declared replicates is on record"
    assert undecided(verdict(("a", 10, 1, 1, {"simple_cnn": 2, "fc": 0}), p_hold=nan)) == "too many fits failed for a mean to be judged (2 of simple CNN)"
    three = ("N = 1", 10, 0.001, 0.9, {}), ("N = 2", 10, 0.4, 0.01, {}), ("N = 3", 10, 0.4, 0.4, {})
    assert undecided(verdict(*three)) == "shown at N = 1, refuted at N = 2, which does not settle it as the rule has it"
    assert undecided(verdict(three[2])) == "10 replicates do not settle it"
    rivals = ("N = 1", 10, 0.001, 0.9, {}), ("N = 1", 10, 0.4, 0.9, {}), ("N = 2", 10, 0.4, 0.4, {})  # shown against one of two only
    assert undecided(verdict(*rivals)) == "10 replicates do not settle it"


def test_a_large_margin_is_shown_at_others_too(monkeypatch):
    monkeypatch.setattr(book, "ledger", lambda: (replace(ONE, rule="large margin"),))
    shown = page(pair(0.04)).claims(ONE.id).data
    assert "with a margin of 2 points: holds; with a margin of 5 points: fails" in shown


@pytest.mark.parametrize("kind", ["holds", "fails"])
def test_the_picture_groups_contrasts_under_their_verdict(monkeypatch, kind):
    results = SimpleNamespace(frame=lambda stale=False: FRAMES[kind])
    monkeypatch.setattr(chapter, "ledger", lambda: (replace(ONE, thresholds=(0.01, 0.01)),))
    monkeypatch.setattr(chapter, "study", lambda name: SimpleNamespace(plan=lambda profile: SimpleNamespace(sweep=lambda missing: results)))
    made = chapter.Ledger(ONE.work)
    (ax,) = made.picture().axes
    ticks = {text.get_text(): (text.get_color(), text.get_position()[1]) for text in ax.get_yticklabels()}
    findings = made.verdicts[ONE.id].findings
    (head,) = [text for text in ticks if text.endswith(f": {kind}")]
    assert ticks[head] == (VERDICTS[kind], 0) and len(ticks) == 1 + len(findings)
    margin = [one.get_xdata()[0] for one in ax.lines if one.is_dashed()]
    assert margin == pytest.approx([1.0] * len(findings))
    assert f"<a href='../{ONE.page}.html'><b>" in made.table().data and f"{ONE.page}.html" not in page(FRAMES[kind]).claims(ONE.id).data


def test_records_that_cannot_be_judged_decide_nothing(monkeypatch):
    one = page(STALE)
    assert one.verdict(ONE.id) is None
    (cell,) = [c for c in one.claims().data.split("<td>") if "class='verdict" in c]
    assert "records not current, replicates 1" in cell and ">undecided<" in cell
    results = SimpleNamespace(frame=lambda stale=False: STALE)
    plan = SimpleNamespace(plan=lambda profile: SimpleNamespace(sweep=lambda missing: results))
    monkeypatch.setattr(chapter, "study", lambda name: plan)
    counts = chapter.Ledger(ONE.work).numbers()
    assert (counts["holds"], counts["fails"], counts["undecided"], counts["not_run"]) == ("0", "0", "1", "0")
    assert counts["false_verdicts"] == "0.0" and (counts["undecided_short"], counts["undecided_full"]) == ("0", "1")
    assert counts["theirs_tally"] == "1 statement: 1 is undecided" and counts["ours_tally"] == "0 statements"


def test_a_page_reads_its_verdict(monkeypatch):
    sentences = {kind: f"It {kind}." for kind in FRAMES}
    monkeypatch.setattr(book, "readings", lambda: {ONE.id: sentences})
    assert [page(frame).reading(ONE.id) for frame in FRAMES.values()] == list(sentences.values())


@pytest.mark.parametrize("sign, unit, shown", [(1, "points", "<b>99.0</b> [96.8, 100.0]"), (-1, "points", "<b>99.0</b> [96.8, 100.0]"),
                                               (-1, "pixels", "<b>0.990</b> [0.968, 1.012]")])
def test_a_share_by_itself_is_shown_as_measured_and_ends_at_all(sign, unit, shown):
    finding = SimpleNamespace(condition="", rival="", mean=sign * 0.99, low=sign * 0.99 - 0.022, high=sign * 0.99 + 0.022, n=4)
    claim = SimpleNamespace(values=SimpleNamespace(unit=unit, sign=sign), rule="level", rivals=())
    assert shown in _found(SimpleNamespace(trend=(), findings=(finding,), claim=claim, reason=""))
