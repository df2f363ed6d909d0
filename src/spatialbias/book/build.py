"""Build the book: execute its pages, stage them with nothing else, turn them into HTML, and check
what came out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from spatialbias import paths
from spatialbias.book import pages as book_pages
from spatialbias.book import pdf as printing
from spatialbias.book.check import check
from spatialbias.book.parameters import BuildError, check_profile

STAGED = ("_config.yml", "_toc.yml", "references.bib")  # beside book/


def build(
    profile: str = "paper",
    out: str | Path | None = None,
    pages: list[str] | None = None,
    execute: bool = True,
    *,
    pdf: bool = False,
    root: Path | None = None,
) -> Path:
    """Build the book's HTML and return the path of its `index.html`.

    Args:
        profile: `paper` (shows the shipped records), `quick` (trains afresh, minutes) or `smoke`
            (for tests).
        out: the folder for the HTML, by default `_build/html`. An earlier book in it is deleted
            first.
        pages: execute these alone. The others come from their last execution under the same
            profile; a page that has none is left out of the book.
        execute: False executes nothing and takes every page from its last execution.
        pdf: print it too, as `book.pdf` beside the folder of the HTML.
        root: the project's folder, by default the one that holds this package or the working
            folder.

    Raises:
        PageError: a wrong profile, page or parameter, before anything is executed; or a failing
            page, with its error.
        BuildError: a warning or error while building, or a fault in the finished HTML.
    """
    root = (root or paths.project()).resolve()
    check_profile(profile)
    if pdf:
        printing.needs()
    out = Path(out or root / "_build" / "html").resolve()
    _refuse_foreign(out, root)
    _own_code(root)
    absent = [
        d
        for d in book_pages.contents(root)
        if not any((root / f"{d}{s}").is_file() for s in (".md", ".ipynb"))
    ]
    if absent:
        raise BuildError(
            f"_toc.yml names {', '.join(absent)}, which {'do' if absent[1:] else 'does'} not exist"
        )
    chosen = book_pages.choose(root, pages) if execute else []
    work = root / "_build" / profile  # one build a profile: two profiles may be built at once
    executed, stage = work / "executed", work / "stage"
    first = book_pages.contents(root)[0]  # no book without it
    if (
        chosen
        and first in book_pages.pages(root)
        and first not in chosen
        and not (executed / f"{first}.ipynb").is_file()
    ):
        chosen = [first, *chosen]

    start = time.perf_counter()
    book_pages.execute(root, chosen, executed, profile)
    left_out = _stage(root, executed, stage)
    if left_out:
        print(f"left out, never executed under {profile}: {', '.join(left_out)}")
    shutil.rmtree(out, ignore_errors=True)  # stale pages survive otherwise
    html = _jupyter_book(stage, work / "jupyter-book.log", strict=not left_out)
    _complete(html, stage)
    # Jupyter Book's entry page leads on. Browsers ask its server for an icon if it names none.
    entry = html / "index.html"
    entry.write_text('<link rel="icon" href="data:,">\n' + entry.read_text("utf-8"), "utf-8")
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(html, out)
    faults = check(out)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        if not left_out:
            raise BuildError(f"the book in {out} has {len(faults)} faults:\n{listed}")
        print(f"faults, some perhaps because pages were left out:\n{listed}")
    index = out / "index.html"
    print(f"the book ({profile}, {time.perf_counter() - start:.0f} s) is in {index}", flush=True)
    if pdf:
        start, file = time.perf_counter(), out.parent / "book.pdf"
        count = printing.write(out, book_pages.parts(stage), file)
        took = f"{file.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s"
        print(f"as a PDF ({count} pages, {took}) it is in {file}")
    return index


def _stage(root: Path, executed: Path, stage: Path) -> list[str]:
    """Fill the staging folder with the book's files and executed pages; return the pages that never
    were executed.
    """
    import yaml

    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(
        root / "book", stage / "book", ignore=shutil.ignore_patterns("*.ipynb", ".*", "__pycache__")
    )
    for name in STAGED:
        if (root / name).is_file():
            shutil.copy(root / name, stage / name)
    left_out = []
    for page in book_pages.pages(root):
        source, target = executed / f"{page}.ipynb", stage / f"{page}.ipynb"
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        else:
            left_out.append(page)

    settings = yaml.safe_load((stage / "_config.yml").read_text(encoding="utf-8"))
    settings.setdefault("execute", {})["execute_notebooks"] = (
        "off"  # as a string: YAML's bare off is False
    )
    (stage / "_config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    toc = yaml.safe_load((stage / "_toc.yml").read_text(encoding="utf-8"))
    (stage / "_toc.yml").write_text(
        yaml.safe_dump(_without(toc, left_out), sort_keys=False), encoding="utf-8"
    )
    return left_out


def _without(entry: dict, left_out: list[str]) -> dict:
    """A table of contents without some files, and without the parts that this leaves empty."""
    kept = dict(entry)
    for key in ("parts", "chapters", "sections", "subtrees", "entries"):
        if key in kept:
            children = (
                _without(child, left_out)
                for child in kept.pop(key) or ()
                if child.get("file") not in left_out
            )
            if filled := [child for child in children if set(child) - {"caption"}]:
                kept[key] = filled
    return kept


def _jupyter_book(stage: Path, log: Path, strict: bool) -> Path:
    """Run Jupyter Book on the staging folder and return the folder of its HTML."""
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        str(stage),
        "--all",
    ]
    if strict:
        command += ["-W", "--keep-going"]
    environment = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1", "SPHINX_NO_COLOR": "1"}
    print("building the HTML", flush=True)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        said = re.sub(r"\x1b\[[0-9;]*m", "", process.communicate()[0])
    # myst-nb counts lines as 10000 x cell + line
    said = re.sub(
        r"(\.ipynb):(\d+)(\d{4})\b",
        lambda at: f"{at[1]}: cell {at[2]}, about line {int(at[3])}",
        said,
    )
    log.write_text(said, encoding="utf-8")
    complaints = [
        line
        for line in said.splitlines()
        if re.search(r"\b(WARNING|ERROR|CRITICAL|SEVERE)\b", line)
    ]
    if process.returncode:
        reason = "\n".join(complaints) or "\n".join(said.splitlines()[-25:])
        raise BuildError(
            f"Jupyter Book failed (everything it said is in {log}):\n{reason}".replace(
                f"{stage}/", ""
            )
        )
    for line in complaints:
        print(line.replace(f"{stage}/", ""))
    return stage / "_build" / "html"


def _complete(html: Path, stage: Path) -> None:
    """Raise BuildError unless every document of the contents was built: an exit status of 0 is not
    enough.
    """
    missing = [
        d for d in ("index", *book_pages.contents(stage)) if not (html / f"{d}.html").is_file()
    ]
    if missing:
        raise BuildError(f"Jupyter Book reported success but did not build {', '.join(missing)}")


def _own_code(root: Path) -> None:
    """Raise BuildError if the package that runs is not the one in the project's folder: an
    environment that was copied along with it still holds the old folder's.
    """
    here, there = Path(__file__).resolve().parents[1], root / "src" / "spatialbias"
    if (there / "__init__.py").is_file() and there.resolve() != here:
        raise BuildError(
            f"the pages of {root} would run with the code of {here}: use an environment of this "
            "folder's own (`make` makes one in .venv, `pip install -e .` into another)"
        )


def _refuse_foreign(out: Path, root: Path) -> None:
    """Raise BuildError rather than delete a folder that is not an earlier book."""
    if out == root or out in root.parents or (out.exists() and not out.is_dir()):
        raise BuildError(f"{out} cannot hold the book: name a folder of its own")
    if out.is_dir() and any(out.iterdir()) and not (out / "_static").is_dir():
        raise BuildError(
            f"{out} is not empty and holds no earlier book; name another folder or empty it"
        )
