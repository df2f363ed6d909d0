"""The one smoke build of the real book that the tests of the pages and of the site share."""

import os
import shutil
from functools import cache
from pathlib import Path

from spatialbias.book.build import build

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "smoke"


def environment() -> dict[str, str]:
    """What the pages run with under test: records of their own, so that nothing is read that
    another run left.
    """
    return {"SPATIALBIAS_STORE": str(WORK / "store"), "SPATIALBIAS_PROJECT": str(ROOT)}


def site() -> Path:
    """The folder of the built site. Built at the first call; if that failed, every later call
    raises its error again.
    """
    done = _build_once()
    if isinstance(done, Exception):
        raise done
    return done


@cache
def _build_once() -> Path | Exception:
    shutil.rmtree(WORK, ignore_errors=True)
    before = dict(os.environ)
    os.environ.update(environment())
    try:
        return build("smoke", out=WORK / "html", root=ROOT).parent
    except RuntimeError as error:
        return error
    finally:
        os.environ.clear()
        os.environ.update(before)
