"""How many processes there may be."""

import os

import pytest

from spatialbias import workers as module


def test_one_processor_that_is_allowed_is_one_worker(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert module.cores() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(module, "QUOTA", tmp_path / "cpu.max")
    for text, cores in (("150000 100000", 2), ("20000 100000", 1), ("max 100000", 64)):
        module.QUOTA.write_text(text)
        assert module.cores() == cores


@pytest.mark.parametrize("text", ["many", "-1", "2.5"])
def test_a_wrong_number_of_workers_is_named(monkeypatch, text):
    monkeypatch.setenv("SPATIALBIAS_WORKERS", text)
    with pytest.raises(ValueError, match=f"SPATIALBIAS_WORKERS='{text}'"):
        module.asked_workers()
