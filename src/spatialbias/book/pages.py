"""The pages of the book, the notebooks named in `_toc.yml`: which there are, and executing them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from pathlib import Path

from spatialbias.book.kernel import ARGUMENTS, NAME, own_kernel
from spatialbias.book.parameters import PageError, check_profile, closest, listed, with_profile
from spatialbias.workers import cores, end_with_parent, stop

WIDGET = "application/vnd.jupyter.widget-view+json"

# ------------------------------------------------------------------------------------------------
# which pages there are


def contents(root: Path) -> list[str]:
    """Every document of `_toc.yml` in reading order, as paths without suffix:
    `book/coordinet/rotation`.
    """
    import yaml

    return list(_files(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))))


def _files(entry: dict) -> Iterator[str]:
    yield from (entry[key] for key in ("root", "file") if key in entry)
    for key in ("parts", "chapters", "sections", "subtrees", "entries"):
        for child in entry.get(key) or ():
            yield from _files(child)


def parts(root: Path) -> list[tuple[str, list[str]]]:
    """The captions of `_toc.yml` ("" for none) and the documents under each, in reading order."""
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    first = toc.pop("root")
    under = [(part.get("caption", ""), list(_files(part))) for part in toc.get("parts") or [toc]]
    return [("", [first]), *under]


def pages(root: Path) -> list[str]:
    """The notebooks among the contents, in reading order."""
    return [document for document in contents(root) if (root / f"{document}.ipynb").is_file()]


def choose(root: Path, wanted: list[str] | None) -> list[str]:
    """The pages meant by `wanted` (None: all): `rotation`, `coordinet/rotation`,
    `book/coordinet/rotation.ipynb`.
    """
    there = pages(root)
    if wanted is None:
        return there
    chosen = []
    for name in wanted:
        plain = str(name).removesuffix(".ipynb").strip("/")
        found = [page for page in there if page in (plain, f"book/{plain}")]
        found = found or [page for page in there if page.endswith(f"/{plain}")]
        if len(found) != 1:
            what = (
                f"{name!r} may be any of {listed(found)}"
                if found
                else f"no page {name!r}{closest(plain, there)}"
            )
            raise PageError(f"{what}; the pages are {listed(there) or 'none yet'}")
        chosen += found
    return [page for page in there if page in chosen]


# ------------------------------------------------------------------------------------------------------------
# execution


def execute(
    root: Path,
    chosen: list[str],
    target: Path,
    profile: str,
    say: Callable[[str], None] = print,
) -> None:
    """Execute pages, two at a time (half of what a page takes is its start and figures), and write
    the executed copies under `target`, in the same folders.

    Args:
        root: the project's folder; also the working folder of the pages.
        chosen: pages as `pages()` names them.
        profile: `paper`, `quick` or `smoke`; given to the pages as parameter `profile` and as
            SPATIALBIAS_PROFILE.

    Raises:
        PageError: a wrong profile (before anything is executed), or a failing cell, with its error;
            pages that were running beside it are stopped.
    """
    import nbformat

    check_profile(profile)
    ready = [
        (page, with_profile(nbformat.read(root / f"{page}.ipynb", as_version=4), profile))
        for page in chosen
    ]
    at_once = max(min(2, len(ready), cores()), 1)
    numbers = {page: f"[{number}/{len(ready)}] {page}" for number, (page, _) in enumerate(ready, 1)}
    with own_kernel(os.environ.get("JUPYTER_PATH")) as kernel:
        with _environment(root, profile, at_once, kernel):
            _beside_each_other(
                ready, target, root, at_once, lambda page, said: say(numbers[page] + said), profile
            )


def _beside_each_other(
    ready: list,
    target: Path,
    root: Path,
    at_once: int,
    say: Callable[[str, str], None],
    profile: str,
) -> None:
    """In processes, which can be stopped; a page's kernel ends with the process that started it."""
    spawn = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(
        at_once, spawn, initializer=_take_a_line, initargs=(spawn.Value("i", 0),)
    )
    waiting, flying = list(reversed(ready)), {}
    try:
        while waiting or flying:
            while waiting and len(flying) < at_once:
                page, notebook = waiting.pop()
                say(page, f" ({profile})")
                flying[executor.submit(_execute_one, page, notebook, target, root)] = page
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                try:
                    seconds = future.result()
                except BrokenProcessPool:
                    raise PageError(
                        f"a process died that executed {listed(list(flying.values()))}, perhaps for want of memory"
                    ) from None
                say(flying.pop(future), f": {seconds:.1f} s")
    finally:
        stop(executor)
        for page in flying.values():
            (target / f"{page}.running.ipynb").unlink(missing_ok=True)


def _take_a_line(taken) -> None:
    """Each of the processes draws its progress bars on a line of its own of the terminal. Ctrl-C is
    the parent's business.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    if sys.stderr.isatty():
        with taken.get_lock():
            os.environ["TQDM_POSITION"] = str(taken.value)
            taken.value += 1


def _execute_one(page: str, notebook, target: Path, root: Path) -> float:
    """Execute a page, write its copy under `target`, and return the seconds that it took."""
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    start, path = time.perf_counter(), target / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a page that fails leaves no older copy behind
    unfinished = path.with_suffix(".running.ipynb")
    try:
        done = papermill.execute_notebook(
            notebook,
            str(unfinished),
            kernel_name=NAME,
            progress_bar=False,
            stderr_file=sys.stderr,  # progress bars and warnings of the page, as they come
            cwd=str(root),
            start_timeout=300,  # other work may share the machine
            extra_arguments=ARGUMENTS,
        )
    except PapermillExecutionError as error:
        raise PageError(
            f"page {page} failed in cell {error.cell_index + 1}:\n\n{_indented(error.source)}\n\n"
            f"{_plain(chr(10).join(error.traceback)) or f'{error.ename}: {error.evalue}'}"
        ) from None
    except DeadKernelError:
        raise PageError(
            f"page {page} failed: its kernel died, perhaps for want of memory"
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
    nbformat.write(_stripped(done), path)
    return time.perf_counter() - start


def _stripped(notebook):
    """The executed page without times, paths, widget states and progress bars: equal runs give
    equal files.
    """
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = type(notebook.metadata)(kernelspec=kernel, language_info={"name": "python"})
    widgets = count()
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [
                o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr")
            ]
            for output in cell.outputs:
                if WIDGET in output.get("data", {}):
                    output.data[WIDGET]["model_id"] = f"{next(widgets):032x}"
    return notebook


@contextlib.contextmanager
def _environment(root: Path, profile: str, at_once: int, kernel: dict[str, str]) -> Iterator[None]:
    """What the pages' kernels inherit: the profile, their share of the cores, and folders that mean
    the same from wherever they are read.
    """
    given = dict(os.environ)
    here = cores()
    # Processes for a page's trials; 0: the page's kernel itself, where one more process would gain
    # nothing.
    workers = 0 if profile == "smoke" or here // at_once == 1 else here // at_once
    os.environ.update(
        {
            **kernel,
            "SPATIALBIAS_PROFILE": profile,
            "SPATIALBIAS_PROJECT": str(root),
            "SPATIALBIAS_TRAIN": "1",  # who builds the book under a profile that trains asks for it
            "SPATIALBIAS_WORKERS": given.get("SPATIALBIAS_WORKERS", str(workers)),
            "OMP_NUM_THREADS": given.get("OMP_NUM_THREADS", str(max(here // at_once, 1))),
            **(
                {} if sys.stderr.isatty() else {"TQDM_MININTERVAL": "10"}
            ),  # a log needs no animation
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the kernel's debugger warns of frozen modules otherwise
            **{
                k: os.path.abspath(os.path.expanduser(given[k]))
                for k in ("SPATIALBIAS_DATA", "SPATIALBIAS_STORE")
                if given.get(k)
            },
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
