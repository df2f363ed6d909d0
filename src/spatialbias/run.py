"""`run(trial)` makes a record of a trial; `measure` adds to a record later; `check` refuses, before
any work, what cannot be run.
"""

import math
import platform
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch

from spatialbias import __version__, components, datasets, models, training
from spatialbias import measures as measuring
from spatialbias.datasets.batch import usual_defaults
from spatialbias.roles import examples, fold, load, prepare
from spatialbias.trials import Trial


def check(trial: Trial) -> None:
    """Raise ValueError, in one line, unless the trial's network can be built and its data set takes
    its arguments. Nothing is loaded or trained, and torch's generator stays as it was.
    """
    models.try_out(trial.model, tuple(sorted(trial.model_args.items())))
    datasets.check(trial.dataset, trial.dataset_args)


def suited(trial: Trial, execution=None):
    """The execution of a trial: `execution` (default: the fastest sound way here); where its data
    set needs fp32, that, and without denormal numbers: a trained softmax over a whole canvas is
    full of them, and they are slow (a step took up to 1.6 times as long).
    """
    execution = execution or training.detect()
    return (
        replace(execution, precision="fp32", flush=True)
        if trial.dataset in components.EXACT
        else execution
    )


@usual_defaults()
def run(
    trial: Trial,
    execution: training.Execution | None = None,
    measures: tuple[str, ...] = ("accuracy",),
) -> tuple[dict[str, Any], dict[str, dict[str, torch.Tensor]]]:
    """Train one network. Equal trials give equal bits within one numerics class.

    Args:
        trial: what is trained, on what, until when.
        execution: device, precision and threads (`training.Execution`); by default the fastest
            sound way on this machine.
        measures: what is taken from the trained network, by name.

    Returns:
        (record, states): plain data, and the weights by name, at the stop and at the mark.

    Raises:
        ValueError: for a trial that cannot be trained, or a measure that does not exist.
    """
    started = time.perf_counter()
    check(trial)
    execution = suited(trial, execution)
    data = load(trial)
    train, test = examples(trial, data)
    for name in measures:
        components.known(components.MEASURES, name, "measure")
    curve = None
    if trial.curve_images:  # of a fifth of the test images, the others being for shifted copies; of all where they are few
        curve = (
            test if trial.curve_images > len(test) else fold(test, trial.fold)[: trial.curve_images]
        )
    curve = curve and prepare(curve, data, execution)

    def score(model) -> float:
        scores = [
            measuring.scores(trial, out, part.target).mean() * len(part)
            for out, part in training.predictions(model, curve, execution)
        ]
        return float(sum(scores)) / len(curve)

    learnt = prepare(train, data, execution)
    with execution.arithmetic(), ExitStack() as alone:
        alone.enter_context(
            models.ALONE
        )  # trying out hands torch's generators back as it found them: nobody else must draw meanwhile
        model = initialised(trial).to(execution.device)
        training.try_out(
            model, learnt, trial.loss, f"model {trial.model!r} on data set {trial.dataset!r}"
        )
        if not getattr(
            model, "draws", False
        ):  # one that draws as it learns needs the generator to itself
            alone.close()
        fit = training.fit(
            model,
            learnt,
            loss=trial.loss,
            optimizer=trial.optimizer,
            beta2=trial.beta2,
            learning_rate=trial.learning_rate,
            weight_decay=trial.weight_decay,
            schedule=trial.schedule,
            batch_size=trial.batch_size,
            max_epochs=trial.max_epochs,
            stop_loss=trial.stop_loss,
            mark_epoch=trial.mark_epoch,
            order=torch.Generator().manual_seed(trial.seed("order")),
            execution=execution,
            score=score if curve else None,
        )
    record = {
        "key": trial.key,
        "trial": trial.model_dump(),
        "stop": {"reason": fit.reason, "epoch": fit.epoch, "loss": finite(fit.loss)},
        "curve": [{k: finite(v) for k, v in entry.items()} for entry in fit.curve],
        "parameters": sum(p.numel() for p in model.parameters()),
        "provenance": {
            "numerics": execution.numerics(),
            "seconds": round(fit.seconds, 3),
            "package": __version__,
            "python": platform.python_version(),
            "data": data.source,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        "measured": {},
        "rows": [],
    }
    measure(record, fit.states, measures, execution)
    record["provenance"]["total_seconds"] = round(
        time.perf_counter() - started, 3
    )  # training, curve and measures
    return record, fit.states


def initialised(trial: Trial):
    """The network as it is before training."""
    return models.seeded(trial.seed("init"), trial.model, trial.model_args)


@usual_defaults()
def measure(record: dict, states: dict, names: tuple[str, ...], execution=None) -> None:
    """Take measures of a trained network (its `states`) and add them to the record, in place of
    older revisions.
    """
    trial = Trial(**record["trial"])
    execution = suited(trial, execution)
    data = load(trial)
    with models.ALONE:
        model = models.build(trial.model, **trial.model_args).to(execution.device)
    if not hasattr(model, "solve") and data.train.inputs[0].dim() == 4:
        model.to(memory_format=torch.channels_last)
    draws = getattr(model, "draws", False)  # even when it answers
    with models.ALONE if draws else nullcontext():
        if draws:
            torch.manual_seed(trial.seed("measure"))
        _measure(record, states, names, model, trial, data, execution)


def _measure(
    record: dict, states: dict, names: tuple[str, ...], model, trial: Trial, data, execution
) -> None:
    for name in names:
        function, every_state = measuring.TABLE[
            components.known(components.MEASURES, name, "measure")
        ]
        rows, started = [], time.perf_counter()
        for at, state in states.items():
            if at == "stop" or every_state:
                if hasattr(model, "solve"):  # its buffers take the size of the training subset
                    for key, value in state.items():
                        setattr(model, key, value.to(execution.device))
                else:
                    model.load_state_dict(state)
                subject = measuring.Subject(model, trial, data, examples(trial, data)[1], execution)
                with execution.arithmetic():
                    rows += [
                        {"measure": name, "at": "published" if at == "mark" else at, **row}
                        for row in function(subject)
                    ]
        record["rows"] = [row for row in record["rows"] if row["measure"] != name] + rows
        record["measured"][name] = components.MEASURES[name]
        taken = record["provenance"].setdefault("measuring", {})  # seconds
        taken[name] = round(time.perf_counter() - started, 3)


def finite(value):
    """JSON has no NaN: None stands for it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
