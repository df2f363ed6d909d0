"""The pages of the book, the notebooks named in `_toc.yml`: which there are, and executing them one after another."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from spatialbias.book.parameters import (
    PageError,
    check_profile,
    check_values,
    closest,
    declared,
    listed,
    with_parameters,
)

# ------------------------------------------------------------------------------------------------ which pages there are


def contents(root: Path) -> list[str]:
    """Every document of `_toc.yml` in reading order, as paths without suffix: `book/coordinet/rotation`."""
    import yaml

    def walk(entry) -> Iterator[str]:
        yield from (entry[key] for key in ("root", "file") if key in entry)
        for key in ("parts", "chapters", "sections", "subtrees", "entries"):
            for child in entry.get(key) or ():
                yield from walk(child)

    return list(walk(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))))


def pages(root: Path) -> list[str]:
    """The notebooks among the contents, in reading order."""
    return [document for document in contents(root) if (root / f"{document}.ipynb").is_file()]


def choose(root: Path, wanted: list[str] | None) -> list[str]:
    """The pages meant by `wanted` (None: all): `rotation`, `coordinet/rotation`, `book/coordinet/rotation.ipynb`."""
    there = pages(root)
    if wanted is None:
        return there
    chosen = []
    for name in wanted:
        plain = str(name).removesuffix(".ipynb").strip("/")
        found = [page for page in there if page == plain or page.endswith("/" + plain)]
        if len(found) != 1:
            what = f"{name!r} may be any of {listed(found)}" if found else f"no page {name!r}{closest(plain, there)}"
            raise PageError(f"{what}; the pages are {listed(there) or 'none yet'}")
        chosen += found
    return [page for page in there if page in chosen]


# ------------------------------------------------------------------------------------------------------------ execution


def execute(
    root: Path,
    chosen: list[str],
    target: Path,
    profile: str,
    parameters: Mapping[str, object] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Execute pages one after another and write the executed copies under `target`, in the same folders.

    Args:
        root: the project's folder; also the working folder of the pages.
        chosen: pages as `pages()` names them.
        profile: `paper`, `quick` or `smoke`; given to the pages as parameter `profile` and as SPATIALBIAS_PROFILE.
        parameters: further parameters, given to every chosen page.

    Raises:
        PageError: a wrong profile or parameter (before anything is executed), or a failing cell, with its error.
    """
    import nbformat

    check_profile(profile)
    ready = []
    for page in chosen:  # all are checked before the first is run
        notebook = nbformat.read(root / f"{page}.ipynb", as_version=4)
        wanted = dict(parameters or {})
        if "profile" in declared(notebook):
            wanted.setdefault("profile", profile)
        check_values(page, notebook, wanted)
        ready.append((page, with_parameters(notebook, wanted)))
    with _environment(root, profile):
        for number, (page, notebook) in enumerate(ready, 1):
            start = time.perf_counter()
            say(f"[{number}/{len(ready)}] {page} ({profile})")
            path = target / f"{page}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            _execute_one(page, notebook, path, root)
            say(f"[{number}/{len(ready)}] {page}: {time.perf_counter() - start:.1f} s")


KERNEL = [
    "--IPKernelApp.log_level=CRITICAL",  # or every kernel warns that localhost is not encrypted
    # Progress bars as text, which reaches the terminal, rather than as widgets, which reach nobody.
    "--IPKernelApp.exec_lines=import tqdm.auto, tqdm.std; tqdm.auto.tqdm = tqdm.std.tqdm",
]


def _execute_one(page: str, notebook, path: Path, root: Path) -> None:
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    path.unlink(missing_ok=True)  # a page that fails leaves no older copy behind
    unfinished = path.with_suffix(".running.ipynb")
    try:
        done = papermill.execute_notebook(
            notebook,
            str(unfinished),
            kernel_name="python3",
            progress_bar=False,
            stderr_file=sys.stderr,  # progress bars and warnings of the page, as they come
            cwd=str(root),
            start_timeout=300,  # other work may share the machine
            extra_arguments=KERNEL,
        )
    except PapermillExecutionError as error:
        raise PageError(
            f"page {page} failed in cell {error.cell_index + 1}:\n\n{_indented(error.source)}\n\n"
            f"{_plain(chr(10).join(error.traceback)) or f'{error.ename}: {error.evalue}'}"
        ) from None
    except DeadKernelError:
        raise PageError(f"page {page} failed: its kernel died, perhaps for want of memory") from None
    finally:
        unfinished.unlink(missing_ok=True)
    nbformat.write(_stripped(done), path)


def _stripped(notebook):
    """The executed page without times, paths, widget states and progress bars: equal runs give equal files."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = type(notebook.metadata)(kernelspec=kernel, language_info={"name": "python"})
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr")]
    return notebook


@contextlib.contextmanager
def _environment(root: Path, profile: str) -> Iterator[None]:
    """What the pages' kernels inherit: the profile, and folders that mean the same from wherever they are read."""
    given = dict(os.environ)
    os.environ.update(
        {
            "SPATIALBIAS_PROFILE": profile,
            "SPATIALBIAS_PROJECT": str(root),
            **({"SPATIALBIAS_WORKERS": "0"} if profile == "smoke" else {}),
            **({} if sys.stderr.isatty() else {"TQDM_MININTERVAL": "10"}),  # a log needs no animation
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the kernel's debugger warns of frozen modules otherwise
            **{k: os.path.abspath(given[k]) for k in ("SPATIALBIAS_DATA", "SPATIALBIAS_STORE") if given.get(k)},
        }
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(given)


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.strip().splitlines())


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
