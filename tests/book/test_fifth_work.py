"""A fifth work, tiny, added to a copy of the project: it touches the places that the README names,
and nothing else has to change for its page to be built.
"""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.book.smoke import ROOT

LAYER = '''"""A convolution that is halved (Nobody 2026)."""

from torch import nn


class HalfConv2d(nn.Conv2d):
    """nn.Conv2d, and half of what it answers."""

    def forward(self, x):
        return super().forward(x) / 2
'''
MODEL = '''"""The network of the fifth work (Nobody 2026)."""

from torch import nn

from spatialbias.layers.half import HalfConv2d


def half_net(channels: int = 3, classes: int = 10) -> nn.Module:
    """Images (B, channels, H, W) -> logits (B, classes)."""
    return nn.Sequential(
        HalfConv2d(channels, 4, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes)
    )
'''
STUDY = '''"""The study of the fifth work."""

from spatialbias.studies.study import Study
from spatialbias.trials import Trial


def grid(p, arm, replicate):
    for n in p.n_train:
        yield Trial(
            model=arm, dataset=p.dataset, n_train=n, replicate=replicate, max_epochs=p.max_epochs
        )


SMALL = {"dataset": "digits", "n_train": (24,), "replicates": 2, "max_epochs": 2}
STUDIES = (Study("half.first", "Is half enough?", ("half_net",), grid, dict.fromkeys(("smoke", "quick", "paper"), SMALL)),)
'''
CLAIM = '''"""What the fifth work says."""

from spatialbias.claims.claim import Claim, Values

CLAIMS = (
    Claim(
        id="half.learns", page="half/first", statement="Half is enough.", where="title", tag="S",
        study="half.first", arm="half_net", values=Values("accuracy"), n=2, cost=0.1,
    ),
)
'''
PAGE = (
    new_code_cell('profile = "paper"', metadata={"tags": ["parameters"]}),
    new_code_cell(
        "from spatialbias import plots\nfrom spatialbias.book.page import Page\n"
        "from spatialbias.evidence import effect\n\n"
        'page = Page("half/first", profile)\nfound = page.frame("half.first")\n'
        'page.rests_on("Half is enough", effect(found, "half_net").above(0))'
    ),
    new_markdown_cell("# Half"),
    new_code_cell("page.notice()"),
    new_markdown_cell("> Half is enough."),
    new_code_cell(
        'figure, (ax,) = plots.canvas(1)\nplots.interval(ax, effect(found, "half_net"), 0, "half_net")\nfigure'
    ),
    new_code_cell('page.claims("half.learns")'),
    new_code_cell("page.records()"),
)
LINES = {  # the three places that list things: file, what is there, what stands there then
    "src/spatialbias/components.py": (
        "MODELS = {",
        'MODELS = {\n    "half_net": (1, "half"),',
    ),
    "src/spatialbias/studies/__init__.py": ("WORKS = (", 'WORKS = ("half", '),
    "_toc.yml": (
        "parts:",
        "parts:\n  - caption: Half\n    chapters:\n      - file: book/half/first",
    ),
}


@pytest.mark.slow
def test_a_fifth_work_is_its_files_and_three_lines(tmp_path):
    for name in ("src", "book", "data"):
        away = shutil.ignore_patterns("__pycache__", "*.egg-info", "work", "raw", "weights")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=away)
    for name in ("_config.yml", "_toc.yml", "references.bib"):
        shutil.copy(ROOT / name, tmp_path)
    package = tmp_path / "src" / "spatialbias"
    files = {"layers": LAYER, "models": MODEL, "studies": STUDY, "claims": CLAIM}
    for room, text in files.items():
        (package / room / "half.py").write_text(text)
    for name, (there, then) in LINES.items():
        text = (tmp_path / name).read_text()
        assert text.count(there) == 1
        (tmp_path / name).write_text(text.replace(there, then))
    notebook = new_notebook(cells=list(PAGE))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    (tmp_path / "book" / "half").mkdir()
    nbformat.write(notebook, tmp_path / "book" / "half" / "first.ipynb")

    own = {"PYTHONPATH": str(tmp_path / "src"), "SPATIALBIAS_STORE": str(tmp_path / "store")}
    environment = {**os.environ, **own, "SPATIALBIAS_PROJECT": str(tmp_path)}
    command = [sys.executable, "-m", "spatialbias", "book", "half/first", "--profile", "smoke"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "_build" / "html" / "book" / "half" / "first.html").read_text()
    assert "Half is enough." in html and "With yours:" in html
