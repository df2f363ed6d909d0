"""What the search shows of each page that it finds: Sphinx fetches the page for this, which
`file://` forbids, so the pages' texts lie in a script of their own, which the search page loads.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

SCRIPT = "texts.js"  # in _static
# Sphinx's own search asks for a page's address and takes the text from what it gets.
TAKEN_FROM = """
globalThis.fetch = async (address) => ({
  text: async () => texts[String(address).replace(/^(\\.\\/)+/, "").replace(/\\.html$/, "")] ?? "",
});
Search.htmlToText = (text) => text;
"""


def write(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        found = {name: text(app.env.get_doctree(name)) for name in sorted(app.env.found_docs)}
        script = f"{{ const texts = {json.dumps(found, ensure_ascii=False)};{TAKEN_FROM}}}\n"
        (Path(app.outdir) / "_static" / SCRIPT).write_text(script, encoding="utf-8")


def text(document) -> str:
    """The running text of a document; of an output, what it says as HTML."""
    from docutils import nodes

    said = []
    for node in document.findall():
        if isinstance(node, nodes.paragraph | nodes.title):
            said.append(node.astext())
        elif isinstance(node, nodes.raw) and "html" in node["format"]:
            said.append(re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", " ", node.astext()))
    return " ".join(" ".join(said).split())
