"""A trial is one training run described by plain data; a record is what it leaves. `run(trial)`
makes one of the other.
"""

import hashlib
import json
import math
import platform
import threading
import time
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from spatialbias import __version__, components
from spatialbias.roles import check_size, examples, fold, prepare

Scalar = bool | int | float | str
INITIALISING = threading.RLock()  # torch's global generator is one for all threads of an executor
Positive = Annotated[float, Field(gt=0, le=1e6)]


class Trial(BaseModel):
    """One training run: the network, its data and its test fold, the optimiser and the stop rule.
    Frozen and validated.

    `replicate` fixes the training subset, the initialisation and the order of the examples, equally
    for every network. `role="tuning"` draws another subset and tests on the tuning images (the last
    tenth of the training images). Raises ValueError (pydantic's) with one message that names the
    parameter, the value and what is allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    model: str
    model_args: dict[str, Scalar] = {}
    dataset: str
    dataset_args: dict[str, Scalar] = {}
    n_train: Annotated[int, Field(ge=1, le=50_000)] | None = (
        None  # None: the data set's own training examples
    )
    replicate: Annotated[int, Field(ge=0, lt=10_000)] = 0
    role: Literal["report", "tuning"] = "report"
    loss: Literal[tuple(components.LOSSES)] = "cross_entropy"
    optimizer: Literal["adam", "sgd"] = "adam"  # sgd: with momentum 0.9
    learning_rate: Positive = 1e-3
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    schedule: Literal["constant", "plateau", "cosine", "step"] = "constant"
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 64
    max_epochs: Annotated[int, Field(ge=1, le=100_000)] = 100
    stop_loss: Positive | None = None
    mark_epoch: Annotated[int, Field(ge=1)] | None = None
    curve_images: Annotated[int, Field(ge=0, le=10_000)] = (
        500  # test examples on which the curve is scored
    )

    @field_validator("dataset")
    @classmethod
    def _dataset(cls, value: str) -> str:
        return components.known(components.DATASETS, value, "data set")

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        return components.known(components.MODELS, value, "model")

    @model_validator(mode="after")
    def _arguments(self):
        from spatialbias import datasets, models

        models.check(self.model, self.model_args)
        with INITIALISING:
            models.try_out(self.model, tuple(sorted(self.model_args.items())))
        datasets.check(self.dataset, self.dataset_args)
        own = (
            models.argument(self.model, self.model_args, "size")
            if self.model in components.ON_CANVAS
            else None
        )
        side = self.dataset_args.get("size", components.CANVASES.get(self.dataset))
        if self.dataset in components.CANVASES and own not in (None, side):
            raise ValueError(
                f"model {self.model!r} is built for a canvas of {own} pixels, data set {self.dataset!r} has {side}: "
                "the same size is expected of both"
            )
        return self

    @model_validator(mode="after")
    def _enough(self):
        if (whole := components.TRAINING_IMAGES.get(self.dataset)) is not None:
            check_size(self.n_train, whole, self.dataset)
        if whole is not None and self.role == "tuning" and self.n_train in (None, whole):
            raise ValueError(
                f"role='tuning', n_train={self.n_train}: only the test images would be left to tune on; "
                "a smaller n_train is expected"
            )
        return self

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of the trial and of the revisions of the components that it
        names.
        """
        revisions = {
            "model": components.revision(components.MODELS, self.model),
            "dataset": components.revision(components.DATASETS, self.dataset),
            "loss": components.revision(components.LOSSES, self.loss),
        }
        return hashlib.sha256(
            canonical({"trial": self.model_dump(), "revisions": revisions})
        ).hexdigest()

    @property
    def fold(self) -> int:
        """Which fifth of the test images shifted copies are made of."""
        return self.replicate % 5

    def seed(self, purpose: str) -> int:
        """A generator's seed for one purpose ("init", "order"), the same for every model of this
        replicate.
        """
        return int.from_bytes(
            hashlib.sha256(f"{self.role} {self.replicate} {purpose}".encode()).digest()[:6], "big"
        )


def canonical(value) -> bytes:
    """Canonical JSON: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def explain(error: ValidationError) -> str:
    """A pydantic error as one line: parameter, value, what is allowed."""
    errors = error.errors()
    deeper = {
        e["loc"][:-1] for e in errors if len(e["loc"]) > 1
    }  # a wrong item says why its tuple is wrong
    return "; ".join(
        f"{'.'.join(str(part) for part in e['loc'] if not isinstance(part, int))}={e['input']!r}: {_said(e)}"
        if e["loc"]
        else _said(e)
        for e in errors
        if e["loc"] not in deeper or not e["loc"]
    )


def _said(error: dict) -> str:
    return error["msg"].removeprefix("Value error, ")


def suited(trial: Trial, execution=None):
    """The execution of a trial: `execution` (default: the fastest sound way here); where its data
    set needs fp32, that, and without denormal numbers: a trained softmax over a whole canvas is
    full of them, and they are slow (a step took up to 1.6 times as long).
    """
    from dataclasses import replace

    from spatialbias import training

    execution = execution or training.detect()
    return (
        replace(execution, precision="fp32", flush=True)
        if trial.dataset in components.EXACT
        else execution
    )


def run(trial: Trial, execution=None, measures: tuple[str, ...] = ("accuracy",)):
    """Train one network; return (record, states): plain data, and the weights at the stop (and at
    the mark) by name.

    `execution` (training.Execution) defaults to the fastest sound way on this machine.
    Deterministic within one numerics class.
    """
    import torch

    from spatialbias import datasets, training
    from spatialbias import measures as measuring

    started = time.perf_counter()
    execution = suited(trial, execution)
    data = datasets.load(trial.dataset, **trial.dataset_args)
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
            INITIALISING
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
    import torch

    from spatialbias import models

    with INITIALISING:
        torch.manual_seed(trial.seed("init"))
        return models.build(trial.model, **trial.model_args)


def measure(record: dict, states: dict, names: tuple[str, ...], execution=None) -> None:
    """Take measures of a trained network (its `states`) and add them to the record, in place of
    older revisions.
    """
    import torch

    from spatialbias import datasets, models

    trial = Trial(**record["trial"])
    execution = suited(trial, execution)
    data = datasets.load(trial.dataset, **trial.dataset_args)
    with INITIALISING:
        model = models.build(trial.model, **trial.model_args).to(execution.device)
    if trial.model != "kernel_ridge" and data.train.inputs[0].dim() == 4:
        model.to(memory_format=torch.channels_last)
    draws = getattr(model, "draws", False)  # even when it answers
    with INITIALISING if draws else nullcontext():
        if draws:
            torch.manual_seed(trial.seed("measure"))
        _measure(record, states, names, model, trial, data, execution)


def _measure(
    record: dict, states: dict, names: tuple[str, ...], model, trial: Trial, data, execution
) -> None:
    from spatialbias import measures

    for name in names:
        function, every_state = measures.TABLE[
            components.known(components.MEASURES, name, "measure")
        ]
        rows = []
        for at, state in states.items():
            if at == "stop" or every_state:
                if hasattr(model, "solve"):  # its buffers take the size of the training subset
                    for key, value in state.items():
                        setattr(model, key, value.to(execution.device))
                else:
                    model.load_state_dict(state)
                subject = measures.Subject(model, trial, data, examples(trial, data)[1], execution)
                with execution.arithmetic():
                    rows += [
                        {"measure": name, "at": "published" if at == "mark" else at, **row}
                        for row in function(subject)
                    ]
        record["rows"] = [row for row in record["rows"] if row["measure"] != name] + rows
        record["measured"][name] = components.MEASURES[name]


def finite(value):
    """JSON has no NaN: None stands for it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
