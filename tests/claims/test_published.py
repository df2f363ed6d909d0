"""Published numbers: read from CSV, and every one of them stands beside a claim."""

import csv

import pytest

from spatialbias import claims, paths
from spatialbias.claims import Published
from spatialbias.claims.published import published

WORKS = sorted(path.stem for path in paths.published().glob("*.csv"))


def test_a_row_is_a_number(tmp_path, monkeypatch):
    (tmp_path / "made_up.csv").write_text(
        "claim,arm,condition,value,tag,kind,select\n"
        "made_up.a,deconv,uniform split,0.86,I,best of 324,at=published\n"
        "made_up.a,arm=x; split=y,,0.1,F,,\n"
    )
    monkeypatch.setattr(paths, "published", lambda: tmp_path)
    numbers = published("made_up")
    assert numbers["made_up.a"] == (
        Published(0.86, "deconv", "uniform split", "I", {"at": "published"}, "best of 324"),
        Published(0.1, {"arm": "x", "split": "y"}, "", "F"),
    )
    assert numbers["made_up.other"] == ()


@pytest.mark.parametrize("work", WORKS)
def test_every_published_number_is_used(work):
    """A row whose claim was renamed or dropped would vanish without a word."""
    with open(paths.published() / f"{work}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    known = {claim.id: len(claim.published) for claim in claims.ledger()}
    assert rows and {row["claim"] for row in rows} <= set(known)
    for claim in {row["claim"] for row in rows}:
        assert known[claim] == sum(row["claim"] == claim for row in rows), claim
