import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.book import smoke


@pytest.fixture(scope="session")
def site():
    return smoke.site()


@pytest.fixture
def tiny_book(tmp_path):
    """A function that writes a book of an index and one page of the given code cells, and returns
    its root.
    """

    def write(
        *cells: str,
        parameters: str = 'profile = "quick"',
        prose: str = "# A page",
        index: str = "# Index",
    ):
        (tmp_path / "book" / "work").mkdir(parents=True)
        (tmp_path / "src" / "spatialbias").mkdir(parents=True)
        shutil.copy(smoke.ROOT / "_config.yml", tmp_path)
        (tmp_path / "references.bib").write_text("")
        (tmp_path / "_toc.yml").write_text(
            "format: jb-book\nroot: book/index\nchapters:\n  - file: book/work/page\n"
        )
        (tmp_path / "book" / "index.md").write_text(index)
        shutil.copytree(smoke.ROOT / "book" / "_static", tmp_path / "book" / "_static")
        first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[new_markdown_cell(prose), first, *map(new_code_cell, cells)])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(notebook, tmp_path / "book" / "work" / "page.ipynb")
        return tmp_path

    return write
