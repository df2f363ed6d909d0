"""Where things lie: the project's folder, the data, the shipped results and the local work."""

import os
from functools import cache
from pathlib import Path


@cache
def project() -> Path:
    """The folder that holds `data/` and `book/`: SPATIALBIAS_PROJECT, or the nearest one above the
    working folder or this file that has a `_toc.yml`; failing that, the working folder.
    """
    if named := _named("SPATIALBIAS_PROJECT"):
        return named
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / "_toc.yml").is_file() and (folder / "src" / "spatialbias").is_dir():
                return folder
    return Path.cwd()


def checkout() -> Path:
    """The project's folder, with the book and the records in it. Raises RuntimeError outside one."""
    folder = project()
    if not (folder / "_toc.yml").is_file():
        raise RuntimeError(
            f"{folder} is not in the project's folder, which holds the book and the records: go "
            "there, or name it in SPATIALBIAS_PROJECT"
        )
    return folder


def data_folder() -> Path:
    """Where torchvision finds or puts the image sets: SPATIALBIAS_DATA, or `data/raw`."""
    return _named("SPATIALBIAS_DATA") or project() / "data" / "raw"


def shipped_results() -> Path:
    return project() / "data" / "results"


def published() -> Path:
    """The sources' numbers, one CSV a work."""
    return project() / "data" / "published"


def work_folder() -> Path:
    """Records and weights made on this machine: SPATIALBIAS_STORE, or `data/work`."""
    return _named("SPATIALBIAS_STORE") or project() / "data" / "work"


def _named(variable: str) -> Path | None:
    """The folder that a variable of the environment names; a shell leaves `~` alone in some
    places.
    """
    text = os.environ.get(variable)
    return Path(text).expanduser().resolve() if text else None
