"""The parameters of a page: the profile that the book gives it, and names that are wrong.

The first code cell of a page, tagged `parameters`, assigns them: `profile` and the study's own.
Papermill only warns of a parameter that a page does not have: `check_parameters`, which the page
calls, stops it.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import difflib
import re

from spatialbias.components import PROFILES

INJECTED = "# Parameters"  # how papermill begins the cell that it injects


class PageError(RuntimeError):
    """A page that cannot be run as asked, or that failed; the message is meant for the person who
    asked.
    """

    def _render_traceback_(self):  # IPython shows the message alone
        return [f"{type(self).__name__}: {self}"]


class BuildError(RuntimeError):
    """The book could not be built; the message says where and why."""


class Stopped(KeyboardInterrupt):
    """A page that was stopped by Ctrl-C, or by Jupyter's button."""

    _render_traceback_ = PageError._render_traceback_


def check_profile(profile: str) -> None:
    """Raise PageError for a profile that does not exist."""
    if profile not in PROFILES:
        raise PageError(f"profile is {profile!r}; it must be one of {listed(PROFILES)}")


def check_parameters(history: list[str] | None = None) -> None:
    """Called by a page after its parameters: raise PageError if papermill injected a name that the
    page does not have.

    Args:
        history: the sources of the cells executed so far; None takes them from the running kernel.
    """
    if history is None:
        from IPython import get_ipython

        shell = get_ipython()
        history = shell.user_ns["In"] if shell else []
    have: set[str] = set()
    for source in history:
        with contextlib.suppress(SyntaxError):  # a magic or a typo: not the cell we look for
            names = assignments(source)
            if source.startswith(INJECTED):
                for name in names:
                    if name not in have:
                        raise PageError(
                            f"this page has no parameter {name!r}{closest(name, have)}; it has {listed(sorted(have))}"
                        )
            have |= set(names)


def check_value(name: str, value, allowed: range | tuple) -> None:
    """Raise PageError unless a parameter of a page has one of the allowed values, of their type, or
    None.
    """
    if value is None or (type(value) is type(allowed[0]) and value in allowed):
        return
    wanted = f"one of {listed(map(str, allowed))}"
    if isinstance(allowed, range):
        steps = f" in steps of {allowed.step}" if allowed.step > 1 else ""
        wanted = f"a whole number from {allowed[0]} to {allowed[-1]}{steps}"
    raise PageError(f"{name}={value!r}: {wanted} is expected")


def with_profile(notebook, profile: str):
    """A copy of the page whose `parameters` cell holds the profile, so that the page shows what it
    ran with.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = re.sub(r"(?m)^profile = .*$", f'profile = "{profile}"', cell.source)
    return notebook


def assignments(source: str) -> dict[str, ast.expr]:
    """What a cell assigns to single names, by name."""
    found = {}
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
        ):
            found[node.targets[0].id] = node.value
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.value is not None
        ):
            found[node.target.id] = node.value
    return found


def listed(names) -> str:
    return ", ".join(names)


def closest(name: str, names) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" (is {near[0]!r} meant?)" if near else ""
