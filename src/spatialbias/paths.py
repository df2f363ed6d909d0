"""Where things lie: the project's folder, the data, the shipped results and the local work."""

import os
from functools import cache
from pathlib import Path


@cache
def project() -> Path:
    """The folder that holds `data/` and `book/`: SPATIALBIAS_PROJECT, or the nearest one above the
    working folder or this file that has a `_toc.yml`; failing that, the working folder.
    """
    if named := os.environ.get("SPATIALBIAS_PROJECT"):
        return Path(named).resolve()
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / "_toc.yml").is_file() and (folder / "src" / "spatialbias").is_dir():
                return folder
    return Path.cwd()


def data_folder() -> Path:
    """Where torchvision finds or puts the image sets: SPATIALBIAS_DATA, or `data/raw`."""
    return Path(os.environ.get("SPATIALBIAS_DATA") or project() / "data" / "raw").resolve()


def shipped_results() -> Path:
    return project() / "data" / "results"


def published() -> Path:
    """The sources' numbers, one CSV a work."""
    return project() / "data" / "published"


def work_folder() -> Path:
    """Records and weights made on this machine: SPATIALBIAS_STORE, or `data/work`."""
    return Path(os.environ.get("SPATIALBIAS_STORE") or project() / "data" / "work").resolve()
