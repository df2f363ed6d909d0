"""Parameters that make no sense, or just do: what a person may give a trial, the command line or a
page by mistake. Each is taken or refused in one line; anything else is a `Traceback`.
"""

import contextlib
import inspect
import io
import json
import random
from unittest.mock import patch

from pydantic import ValidationError

from spatialbias import cli, components, models, studies
from spatialbias.book.parameters import PageError, check_parameters
from spatialbias.run import check
from spatialbias.studies.study import Plan
from spatialbias.trials import Trial, explain

VALUES = (
    *(0, -1, 1, 2, 7, 97, 390, 5_000, 50_000, 10**6, 10**30, 0.5, -0.1, 1e-3, 1e308, float("nan")),
    *(float("inf"), True, False, None, "", " ", "cifar10", "digits", "coordinet", "simple_cnn"),
    *("none", "fixed", "paper", "quick", "é", "\n", "\0", "../x", "%s", "{x}", "x" * 2000, "1e3"),
    *([], [1], [1, 2], ["a"], [None], (1,), {}, {"a": 1}, {"size": 16}, [[1]], b"x", {1, 2}),
)


class Traceback(Exception):
    """What a person would have seen as a traceback, or in more than a few lines."""


def of_trial(chance: random.Random):
    fields = list(Trial.model_fields)
    given = {"model": chance.choice(list(components.MODELS)), "dataset": "digits"}
    for _ in range(chance.randrange(1, 4)):
        given[chance.choice([*fields, *fields, "epochs", "Model"])] = some(chance)
    if chance.random() < 0.5:
        name = given["model"] if given["model"] in list(components.MODELS) else "coordinet"
        if names := list(inspect.signature(models.constructor(name)).parameters):
            given["model_args"] = {chance.choice(names): some(chance)}
    try:
        check(Trial(**given))
        return given, True
    except ValueError as error:
        one_line(given, explain(error) if isinstance(error, ValidationError) else str(error))
        return given, False
    except Exception as error:
        raise Traceback(f"Trial(**{given!r}): {error!r}") from error


def of_command(chance: random.Random):
    name = chance.choice(studies.names())
    arguments = ["sweep", name, "--dry-run", "--profile", chance.choice(components.PROFILES)]
    parameters = list(studies.study(name).parameters.model_fields)
    for _ in range(chance.randrange(1, 3)):
        value = some(chance)
        with contextlib.suppress(TypeError):
            value = json.dumps(value)
        arguments += ["-p", chance.choice([*parameters, *parameters, "epochs", ""]), str(value)]
    said = io.StringIO()
    try:
        with (
            contextlib.redirect_stderr(said),
            patch.object(Plan, "estimate", lambda self, store=None: (0, 0.0)),
        ):
            status = cli.main(arguments)
    except SystemExit as end:
        status = end.code
    except Exception as error:
        raise Traceback(f"{arguments}: {error!r}") from error
    if status:
        one_line(arguments, said.getvalue())
    return arguments, status == 0


def of_page(chance: random.Random):
    """As papermill does it: a cell is injected; then the page's studies are planned."""
    study = studies.study(chance.choice(studies.names()))
    names = list(study.parameters.model_fields)
    given = {
        chance.choice([*names, *names, "n_trian", "profil"]): some(chance)
        for _ in range(chance.randrange(1, 3))
    }
    declared = "profile = 'paper'\n" + "".join(f"{name} = None\n" for name in names)
    injected = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in given.items())
    try:
        check_parameters([declared, injected])
        study.plan(chance.choice(components.PROFILES), **given)
        return given, True
    except (PageError, ValueError) as error:
        one_line(given, str(error))
        return given, False
    except Exception as error:
        raise Traceback(f"{study.name} {given!r}: {error!r}") from error


def some(chance: random.Random):
    """A value, from the list or made up."""
    made = (
        lambda: chance.choice(VALUES),
        lambda: chance.choice(VALUES),
        lambda: chance.randrange(-5, 60),
        lambda: chance.uniform(-2, 2),
        lambda: "".join(chance.choice("aZ0 _-.,'\"\\é\t") for _ in range(chance.randrange(12))),
        lambda: [chance.choice(VALUES) for _ in range(chance.randrange(4))],
    )
    return chance.choice(made)()


def one_line(given, said: str, most: int = 9000) -> None:
    """One message, however long a value it quotes is."""
    lines = said.strip().splitlines()
    if len(lines) > 3 or len(said) > most or "Traceback (most recent" in said or not lines:
        raise Traceback(f"{str(given)[:300]}: said {len(lines)} lines: {said[:300]}")
