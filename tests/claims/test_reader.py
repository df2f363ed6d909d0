"""The reader's word for a claim, from its verdict and those of its variants."""

from dataclasses import replace

import pytest

from spatialbias.claims import Claim, Values, Verdict, over
from spatialbias.claims.claim import Finding
from spatialbias.claims.reader import Reading, reading, readings

CLAIM = Claim(
    id="coordinet.it",
    page="p",
    statement="It is so.",
    where="here",
    tag="S",
    study="coordinet.few_samples",
    arm="a",
    rivals=("b",),
    conditions=over("n_train", 97, 390, label="N = {}"),
    values=Values("accuracy"),
    n=10,
    cost=1.0,
)
SOURCE = "as the source has it"


def verdict(word, claim=CLAIM, p=(1.0, 1.0)):
    findings = tuple(
        Finding(
            condition=condition["label"], rival="b", mean=0.0, low=0.0, high=0.0, n=10, recorded=10,
            p=p_c, q=1.0, failed={}, sign=None,
        )
        for condition, p_c in zip(claim.conditions, p, strict=True)
    )  # fmt: skip
    return Verdict(claim=claim, word=word, reason="", findings=findings)


def variant(word):
    return verdict(word, replace(CLAIM, id="coordinet.wider_one", variant_of="coordinet.it"))


@pytest.mark.parametrize(
    "word, ours, expected",
    [
        ("holds", (), "reproduced"),
        ("holds (negligible)", ("holds", "undecided"), "reproduced"),
        ("holds", ("fails",), "reproduced under conditions"),
        ("fails", ("holds",), "reproduced under conditions"),
        ("fails", ("fails", "undecided"), "not reproduced"),
        ("undecided", ("holds",), "not settled"),
        ("incomplete (3 of 10)", ("holds", "fails"), "reproduced under conditions"),
        ("not run", (), "not testable here"),
        ("not run", ("holds",), "not testable here"),
    ],
)
def test_the_word_follows_from_the_verdicts(word, ours, expected):
    assert reading(verdict(word), tuple(map(variant, ours))).word == expected


def test_it_says_what_it_depends_on():
    found = reading(verdict("fails"), (variant("holds"), variant("fails")))
    assert found == Reading("reproduced under conditions", ("wider one",), (SOURCE, "wider one"))
    assert reading(verdict("holds")).shown == (SOURCE,)


def test_a_claim_that_holds_in_some_of_its_conditions_alone_is_reproduced_there():
    assert reading(verdict("fails", p=(0.01, 0.9))) == Reading(
        "reproduced under conditions", ("N = 97",), (SOURCE,)
    )
    assert reading(verdict("fails", p=(0.02, 0.9))).word == "not reproduced"  # of two conditions


def test_an_empty_contrast_is_not_testable_whatever_its_verdict():
    assert reading(verdict("holds", replace(CLAIM, empty="inert"))).word == "not testable here"


def test_a_ledger_finds_the_variants():
    verdicts = {v.claim.id: v for v in (verdict("fails"), variant("holds"))}
    assert readings(verdicts)["coordinet.it"].word == "reproduced under conditions"
    assert readings(verdicts)["coordinet.wider_one"].word == "reproduced"


def test_the_ledger_shows_the_word_where_all_variants_are_judged(monkeypatch):
    from spatialbias.book import claims as shown

    ours = [(v.claim, v) for v in (verdict("fails"), variant("holds"))]
    monkeypatch.setattr(shown, "ledger", lambda: [claim for claim, _ in ours])
    assert "<b>reproduced under conditions</b> shown: wider one" in shown.rows(ours)
    assert "reproduced" not in shown.rows(ours[:1])
    empty = replace(CLAIM, empty="it is inert")
    assert "it is inert" in shown.rows([(empty, verdict("holds", empty))])


def test_a_claim_that_waits_for_runs_shows_neither_number_nor_square():
    from spatialbias.book import claims as shown

    for word, waits in (("incomplete (3 of 10)", True), ("not run", True), ("undecided", False)):
        row = shown.rows([(CLAIM, verdict(word))])
        assert ("<i class=" not in row) is waits, word
        assert (shown.one_number(verdict(word)) == "") is waits, word


def test_a_slope_is_shown_per_what_it_is():
    from spatialbias.book import claims as shown

    sizes = over("n_train", 100, 200, label="N = {}")
    claim = replace(CLAIM, rule="slope", per="pixel", conditions=sizes)
    found = replace(verdict("holds").findings[0], mean=0.021)
    sloped = replace(verdict("holds", claim), trend=(found,))
    assert shown.one_number(sloped) == "+2.1 points a pixel"


def test_variants_are_of_claims_that_there_are(monkeypatch):
    from spatialbias import claims

    module = type("Module", (), {"CLAIMS": (replace(CLAIM, variant_of="coordinet.nothing"),)})
    monkeypatch.setattr(claims, "find_spec", lambda name: name.endswith("lrlc"))
    monkeypatch.setattr(claims, "import_module", lambda name: module)
    with pytest.raises(ValueError, match=r"variants.*coordinet\.it"):
        claims.ledger()
