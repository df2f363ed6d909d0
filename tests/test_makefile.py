"""`make` makes an environment of the folder's own, and makes it anew when it is another's or broken."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not here")

PYTHON = """#!/bin/sh
echo "$@" >> "{log}"
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "command = x -m venv $PWD/$3" > "$3/pyvenv.cfg";;
esac
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with the project's Makefile and a Python that does nothing but note what is asked."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[1] / "Makefile", folder)
    (folder / "requirements.txt").write_text("torch==1\n")
    (folder / "pyproject.toml").touch()
    python = tmp_path / "python"
    python.write_text(PYTHON.format(log=tmp_path / "log"))
    python.chmod(0o755)
    return folder


def make(folder):
    """What was asked of Python."""
    log = folder.parent / "log"
    log.unlink(missing_ok=True)
    command = ["make", "book", f"PYTHON={folder.parent / 'python'}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return log.read_text().splitlines()


def made(asked):
    return any(line.startswith("-m venv") for line in asked)


def installed(asked):
    return any("-r requirements.txt" in line for line in asked)


def test_it_is_made_once(folder):
    assert made(first := make(folder)) and installed(first) and first[-1].startswith("-m spatial")
    second = make(folder)
    assert not made(second) and not installed(second) and second[-1] == first[-1]


def test_one_that_was_copied_along_is_made_anew(folder):
    make(folder)
    copy = folder.parent / "copy"
    shutil.copytree(folder, copy)
    assert made(asked := make(copy)) and installed(asked)
    assert not made(make(copy)) and not made(make(folder))


def test_one_that_is_half_made_is_made_anew(folder):
    make(folder)
    (folder / ".venv" / ".installed-default").unlink()
    broken = folder / ".venv" / "bin" / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    assert made(asked := make(folder)) and installed(asked)
