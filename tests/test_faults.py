"""The figures on faults: that they are counted, and that there are none."""

import random

import pytest

from benchmarks import faults, nonsense

pytestmark = pytest.mark.slow


def test_nonsense_is_refused_in_a_line():
    said = faults.fuzz(150, random.Random(5))
    assert said.count(" 0 tracebacks") == 3 and "refused" in said


def test_what_is_no_message_counts_as_a_traceback(monkeypatch):
    def broken(chance):
        raise nonsense.Traceback("IndexError")

    monkeypatch.setattr(nonsense, "of_page", broken)
    broken.__name__ = "of_page"
    assert "page: 0 refused, 2 tracebacks" in faults.fuzz(6, random.Random(0))


def test_full_disks_cost_nothing_that_was_finished():
    said = faults.disks(3, random.Random(2))
    assert said == (
        "disk full at 3 random moments: 0 finished trials lost, 0 records damaged, 0 errors that do "
        "not name the folder, 0 sweeps that came out otherwise when resumed"
    )


def test_a_flip_that_nobody_notices_is_missed(tmp_path):
    path, counts = tmp_path / "file", {}
    path.write_bytes(b"abc")
    faults.flip(path, path.read_bytes, "files", counts, random.Random(0))
    faults.flip(path, lambda: "always", "files", counts, random.Random(0))
    assert counts["files"] == {"missed": 1, "harmless": 1} and path.read_bytes() == b"abc"
