"""Figures, tables and equations are numbered, page by page, and the text can refer to them:
`[](#figure-2)`, or from another page `[](shifts.ipynb#figure-2)`. Pages stay plain Markdown.

A caption is the paragraph in italics after a cell; what the cell shows makes it a figure or a table.
"""

from __future__ import annotations

from collections import Counter


def transform():
    """The transform that numbers; made at set-up, as Sphinx is imported by then."""
    from docutils import nodes
    from sphinx.transforms import SphinxTransform

    class Number(SphinxTransform):
        default_priority = 870  # before MyST looks for what `#figure-2` names

        def apply(self, **kwargs):
            self.counted = Counter()
            self.slugs = getattr(self.document, "myst_slugs", {})
            for cell in self.document.findall(nodes.container):
                if "cell" in cell.get("classes", ()) and (caption := caption_below(cell)):
                    self.caption(caption, shown(cell))
            for equation in self.document.findall(nodes.math_block):
                number, _ = self.named(equation, "equation")
                equation["number"] = number

        def caption(self, paragraph, kind: str | None):
            if kind:
                number, name = self.named(paragraph, kind)
                text = f"{kind.title()} {number}"
                paragraph[0].insert(0, [number_link(text, name), nodes.Text(" ")])

        def named(self, node, kind: str) -> tuple[int, str]:
            self.counted[kind] += 1
            number = self.counted[kind]
            name = f"{kind}-{number}"
            node["ids"].append(name)
            self.slugs[name] = (node.line or 0, name, f"{kind.title()} {number}")
            return number, name

    def number_link(text: str, name: str):
        """The number, which is a link to its own place: what a reader copies to refer to it."""
        link = nodes.reference("", text, refid=name, internal=True)
        link["classes"].append("caption-number")
        return link

    def shown(cell) -> str | None:
        """What a cell shows."""
        forms = [form for bundle in bundles(cell) for form in bundle.children]
        kinds = {form.get("mime_type", "") for form in forms}
        if any(kind.startswith("image/") for kind in kinds):
            return "figure"
        tables = any("<table" in form.astext() for form in forms)
        return "table" if tables else None

    def bundles(cell):
        return [c for c in cell.findall(nodes.container) if c.get("nb_element") == "mime_bundle"]

    return Number


def caption_below(cell):
    """The paragraph in italics that follows a cell at once, if one does."""
    from docutils import nodes

    below = cell.next_node(descend=False, siblings=True)
    starts = isinstance(below, nodes.paragraph) and below.children
    return below if starts and isinstance(below.children[0], nodes.emphasis) else None
