"""Glossary terms in the pages' running text: the first occurrence on a page says what it means when
hovered over, and leads to the glossary. Pages stay plain Markdown.
"""

from __future__ import annotations

import re
from pathlib import Path

GLOSSARY = "book/synthesis/glossary"
# Words that are verbs as well are terms only behind one of these.
VERBS = ("claim", "record", "run")
BEFORE = r"(?:an?|the|its|our|these|each|every|no|of|\d+|ten|single|all|most|some|or|and) "


def terms(path: Path) -> dict[str, str]:
    """The terms of a glossary page and what they mean; none if there is no such page."""
    if not path.is_file():
        return {}
    block = re.search(r":::\{glossary\}\n(.*?)\n:::", path.read_text(encoding="utf-8"), re.S)
    entries = re.findall(r"(?m)^(\S[^\n]*)\n((?:[ \t]+\S[^\n]*\n?)+)", block[1] + "\n")
    return {term: " ".join(meaning.split()) for term, meaning in entries}


def noun(term: str) -> re.Pattern:
    """Finds a term, as group 1, singular or plural; not a verb that is spelt like it."""
    before = BEFORE if term in VERBS else ""
    return re.compile(rf"\b{before}({re.escape(term)}s?)\b", re.I)


def transform(app):
    """The post-transform that marks terms; made at set-up, as Sphinx is imported by then."""
    from docutils import nodes
    from sphinx.transforms.post_transforms import SphinxPostTransform

    class MarkTerms(SphinxPostTransform):
        default_priority = 700  # when everything else is in place

        def run(self, **kwargs):
            here = self.env.docname
            known = terms(Path(app.srcdir) / f"{GLOSSARY}.md")
            if here == GLOSSARY or not known or app.builder.format != "html":
                return
            target = app.builder.get_relative_uri(here, GLOSSARY)
            for paragraph in list(self.document.findall(nodes.paragraph)):
                captions = paragraph.children and isinstance(paragraph.children[0], nodes.emphasis)
                if captions or not isinstance(
                    paragraph.parent, nodes.section | nodes.list_item | nodes.block_quote
                ):
                    continue
                for text in [c for c in paragraph.children if isinstance(c, nodes.Text)]:
                    found = self.first(text.astext(), known)
                    if found:
                        term, start, end = found
                        anchor = "term-" + term.replace(" ", "-")
                        link = nodes.reference(
                            "",
                            text[start:end],
                            refuri=f"{target}#{anchor}",
                            classes=["term"],
                            internal=True,
                        )
                        link["reftitle"] = known.pop(term)
                        parts = [nodes.Text(text[:start]), link, nodes.Text(text[end:])]
                        paragraph.replace(text, [p for p in parts if p.astext()])

        @staticmethod
        def first(text: str, known: dict[str, str]) -> tuple[str, int, int] | None:
            """The first known term in a text, the longest if several begin there."""
            hits = [
                (match.start(1), -len(term), term, match.end())
                for term in known
                if (match := noun(term).search(text))
            ]
            if not hits:
                return None
            start, _, term, end = min(hits)
            return term, start, end

    return MarkTerms
