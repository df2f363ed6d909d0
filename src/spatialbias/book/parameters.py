"""The parameters of a page: reading them from its notebook, checking given values, putting them in their place.

The first code cell of a page, tagged `parameters`, assigns them: `profile` and the study's own. Papermill only warns of
a parameter that a page does not have, so names and types are checked here before a kernel starts, and
`check_parameters` gives a page that is run by papermill directly the same protection.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import difflib
from collections.abc import Mapping

PROFILES = ("paper", "quick", "smoke")
INJECTED = "# Parameters"  # how papermill begins the cell that it injects


class PageError(RuntimeError):
    """A page that cannot be run as asked, or that failed; the message is meant for the person who asked."""

    def _render_traceback_(self):  # IPython shows the message alone
        return [f"{type(self).__name__}: {self}"]


def check_profile(profile: str) -> None:
    """Raise PageError for a profile that does not exist."""
    if profile not in PROFILES:
        raise PageError(f"profile is {profile!r}; it must be one of {listed(PROFILES)}")


def declared(notebook) -> dict[str, object]:
    """The parameters of a page and their values, from its cell tagged `parameters`; ... stands for an expression."""
    cell = _parameters_cell(notebook)
    if cell is None:
        return {}
    values = {}
    for name, node in _assignments(cell.source).items():
        try:
            values[name] = ast.literal_eval(node)
        except ValueError:
            values[name] = ...
    return values


def check_values(page: str, notebook, parameters: Mapping[str, object]) -> None:
    """Raise PageError for the first parameter that the page does not have or that is not of its default's type."""
    have = declared(notebook)
    for name, value in parameters.items():
        if name not in have:
            raise PageError(
                f"page {page} has no parameter {name!r}{closest(name, have)}; it has {listed(have) or 'none'}"
            )
        if name == "profile" and value not in PROFILES:
            raise PageError(f"parameter profile of page {page} is {value!r}; it must be one of {listed(PROFILES)}")
        default = have[name]
        if default in (None, ...) or value is None:
            continue
        alike = {float: (int, float), list: (list, tuple), tuple: (list, tuple)}
        allowed = alike.get(type(default), type(default))
        if not isinstance(value, allowed) or isinstance(value, bool) != isinstance(default, bool):
            raise PageError(
                f"parameter {name} of page {page} is {value!r}, of type {type(value).__name__}; "
                f"it must be of type {type(default).__name__}, as is its default {default!r}"
            )


def check_parameters(history: list[str] | None = None) -> None:
    """Called by a page after its parameters: raise PageError if papermill injected a name that the page does not have.

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
            names = _assignments(source)
            if source.startswith(INJECTED):
                for name in names:
                    if name not in have:
                        raise PageError(
                            f"this page has no parameter {name!r}{closest(name, have)}; it has {listed(sorted(have))}"
                        )
            have |= set(names)


def with_parameters(notebook, parameters: Mapping[str, object]):
    """A copy of the page whose `parameters` cell holds the given values, so that the page shows what it ran with."""
    notebook = copy.deepcopy(notebook)
    cell = _parameters_cell(notebook)
    if cell is None:
        return notebook
    nodes = _assignments(cell.source)
    lines = cell.source.splitlines()
    for name, value in parameters.items():
        node = nodes[name]
        if node.lineno != node.end_lineno:
            raise PageError(f"parameter {name} is spread over several lines; put its default on one line")
        line = lines[node.lineno - 1].encode()  # ast counts bytes
        lines[node.lineno - 1] = (line[: node.col_offset] + repr(value).encode() + line[node.end_col_offset :]).decode()
        nodes = _assignments("\n".join(lines))
    cell.source = "\n".join(lines)
    return notebook


def _parameters_cell(notebook):
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()) and c.cell_type == "code"]
    return tagged[0] if tagged else None


def _assignments(source: str) -> dict[str, ast.expr]:
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def listed(names) -> str:
    return ", ".join(names)


def closest(name: str, names) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f" (is {near[0]!r} meant?)" if near else ""
