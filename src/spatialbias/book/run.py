"""How a reader runs a page: the command that makes it again, and its notebook as a file.

The notebook lies in the page itself, without outputs: a link to a file would show its text where the
book is opened from disk.
"""

from __future__ import annotations

import base64
import html
import json
import re
from importlib.metadata import metadata
from pathlib import Path

from spatialbias.book.parameters import assignments

LINK = re.compile(r'href="[^"]*_sources/([^"]*\.ipynb)"\s+target="_blank"')
FOLD = """<details class="fold run"><summary>Run this page</summary>
<div class="highlight-sh notranslate"><div class="highlight"><pre>{command}</pre></div></div>
<p>In a copy of the project, with its environment (<code>make book</code> makes one in
<code>.venv</code>). {parameters}The download button at the top of the page gives its notebook.</p>
</details>
"""


def fold(page: str, notebook: str) -> str:
    """HTML that unfolds to the command with which a page was made.

    page: its path, "book/coordinet/shifts". notebook: its text, as executed.
    """
    given = parameters(json.loads(notebook))
    profile = given.pop("profile", None)
    command = f"papermill {page}.ipynb out.ipynb" + (f" -p profile {profile}" if profile else "")
    listed = ", ".join(
        f"<code>{name} = {html.escape(value)}</code>" for name, value in given.items()
    )
    others = f"Other parameters, each given by <code>-p name value</code>: {listed}. "
    return FOLD.format(command=html.escape(command), parameters=others if given else "")


def parameters(notebook: dict) -> dict[str, str]:
    """The parameters of a page and their values, as its first tagged cell has them."""
    import ast

    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            found = assignments("".join(cell["source"]))
            return {name: ast.unparse(value).strip("'") for name, value in found.items()}
    return {}


def with_downloads(page: str, sources: Path) -> str:
    """A page's HTML in which the link to its source is its notebook."""
    return LINK.sub(
        lambda link: download(
            link[1].removesuffix(".ipynb"), (sources / link[1]).read_text("utf-8")
        ),
        page,
    )


def download(page: str, notebook: str) -> str:
    """The attributes of a link that downloads the page's notebook."""
    data = base64.b64encode(to_run(notebook, page).encode()).decode()
    name = page.removeprefix("book/").replace("/", "-")
    return f'download="{name}.ipynb" href="data:application/x-ipynb+json;base64,{data}"'


def to_run(notebook: str, page: str) -> str:
    """A notebook's text without outputs, and with a first cell that says what it belongs to."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    about = metadata("spatialbias")
    urls = [entry.partition(", ")[2] for entry in about.get_all("Project-URL") or ()]
    where = f" ({urls[0]})" if urls else ""
    cell = {
        "cell_type": "markdown",
        "id": "origin",
        "metadata": {},
        "source": [
            f"This is the page `{page}.ipynb` of *{about['Summary']}* It needs the package "
            f"`spatialbias` {about['Version']} from a copy of the project{where}: "
            "`pip install -e '.[book]'` there. Then it runs from any folder."
        ],
    }
    content["cells"].insert(0, cell)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
