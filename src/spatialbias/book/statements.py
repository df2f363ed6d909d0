"""The statements of a page's text: each must stand in it to the letter, and be borne out by the
records.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from spatialbias.evidence import Answer

ROLE = re.compile(r"\{[\w:.-]+\}`([^`<]*?)\s*(?:<[^`>]*>)?`")  # {term}`text <target>`
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)(?:\{[^}]*\})?")
EXCHANGED = str.maketrans(
    {"−": "-", "‐": "-", "‑": "-", "–": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "\\": None}
)


@dataclass(frozen=True)
class Statement:
    """A sentence, or part of one, with its numbers filled in from the records at hand."""

    text: str
    answer: Answer
    written: bool  # whether it stands in the page's text

    @property
    def stands(self) -> bool:
        return self.written and self.answer is Answer.BORNE_OUT


def plain(text: str) -> str:
    """Markdown as its reader meets it: without emphasis, links' targets, roles, tags and line
    breaks, and with one sort of space, minus and quotation mark.
    """
    text = re.sub(r"(?m)^\s*(?:>\s?)+", "", text)
    text = LINK.sub(r"\1", ROLE.sub(r"\1", text))
    text = re.sub(r"<[^<>\n]+>", "", text).translate(EXCHANGED)
    text = re.sub(r"[*`$]|(?<!\w)_|_(?!\w)", "", text)
    return re.sub(r"\s+", " ", text).strip()


def written_on(page: Path) -> str | None:
    """The Markdown of a notebook in plain words; None where there is no such file."""
    if not page.is_file():
        return None
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return plain("\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"))


def fallen(root: Path, chosen: list[str]) -> list[str]:
    """Execute pages from the shipped records; of every statement that no longer stands, its page
    and the sentence as the records would have it.
    """
    import os
    import tempfile

    from spatialbias.book.pages import execute

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "fallen"
        os.environ["SPATIALBIAS_DRAFT"] = str(draft)
        try:
            execute(root, chosen, Path(folder) / "pages", "paper")
        finally:
            del os.environ["SPATIALBIAS_DRAFT"]
        lines = draft.read_text(encoding="utf-8").splitlines() if draft.is_file() else []
    said = []
    for page, text, answer, _ in map(json.loads, lines):
        why = answer if answer != Answer.BORNE_OUT else "not on the page to the letter"
        said.append(f"{page}: {why}: {text}")
    return said
