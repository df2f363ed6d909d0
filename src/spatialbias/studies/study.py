"""What a study is: a grid, its parameters and profiles; a plan is a study with its parameters
fixed.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal, get_origin

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from spatialbias import components
from spatialbias.costs import duration, estimate
from spatialbias.records import lacking
from spatialbias.store import Store, numerics_of
from spatialbias.sweep import sweep
from spatialbias.trials import Trial, explain
from spatialbias.workers import asked_workers, cores

UNASKED = 600.0  # seconds that missing trials may take before they are asked for by name
Count = Annotated[int, Field(ge=1, le=60_000)]


class Repeats(BaseModel):
    """What a reader may change on every page. A study says which values each profile gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    replicates: Annotated[int, Field(ge=1, le=1000)] = 10
    arms: tuple[str, ...] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _one_or_many(cls, value, info):
        """A single value where several may stand."""
        several = get_origin(cls.model_fields[info.field_name].annotation) is tuple
        return (
            value
            if not several
            else tuple(value)
            if isinstance(value, (list, tuple, range))
            else (value,)
        )


class Parameters(Repeats):
    """Of studies that classify images, besides."""

    dataset: Literal[tuple(components.SHAPES)] = "cifar10"
    n_train: Annotated[tuple[Count, ...], Field(min_length=1)] = (390,)
    max_epochs: Annotated[int, Field(ge=1, le=100_000)] = 300
    test_images: Annotated[int, Field(ge=10, le=60_000)] = 10_000  # or as many as there are

    def tested_on(self) -> dict[str, int]:
        """What its trials say of the images that they are tested on: nothing, if it is all."""
        part = self.test_images < components.TEST_IMAGES[self.dataset]
        return {"test_images": self.test_images} if part else {}


@dataclass(frozen=True)
class Study:
    """A question, the arms that are compared, and `grid(parameters, arm, replicate) -> trials` of
    one arm and replicate. `networks`: which trained networks are shipped, if any.
    """

    name: str
    question: str
    arms: tuple[str, ...]
    grid: Callable[[Repeats, str, int], Iterable[Trial]]
    profiles: dict[str, dict]
    measures: tuple[str, ...] = ("accuracy",)
    parameters: type[Repeats] = Parameters
    networks: dict | None = None  # parameters of the plan whose first networks are shipped

    def plan(self, /, profile: str = "paper", **given) -> "Plan":
        """Fix the parameters: the profile's, except those given (None means the profile's).

        Raises:
            ValueError: for a profile or parameter that does not exist, or a value that is not
                allowed, in one line.
        """
        components.one_of(components.PROFILES, profile=profile)
        unknown = [name for name in given if name not in self.parameters.model_fields]
        if unknown:
            raise ValueError(
                f"{self.name} has no parameter {unknown[0]!r}; it has: {', '.join(self.parameters.model_fields)}"
            )
        values = {
            "arms": self.arms,
            **self.profiles[profile],
            **{k: v for k, v in given.items() if v is not None},
        }
        try:
            parameters = self.parameters(**values)
        except ValidationError as error:
            raise ValueError(f"{self.name}: {explain(error)}") from None
        if not parameters.arms:
            raise ValueError(
                f"{self.name}: arms=(): at least one is needed of: {', '.join(self.arms)}"
            )
        for arm in parameters.arms:
            if arm not in self.arms:
                raise ValueError(f"{self.name}: arms={arm!r}; there are: {', '.join(self.arms)}")
        try:
            return Plan(self, profile, parameters)
        except ValidationError as error:  # of one of its trials
            raise ValueError(f"{self.name}: {explain(error)}") from None


@dataclass(frozen=True)
class Plan:
    """A study with its parameters. Trials come replicate by replicate, so that an interruption
    leaves balanced pairs.
    """

    study: Study
    profile: str
    parameters: Repeats
    labelled: tuple[tuple[str, Trial], ...] = field(init=False)

    def __post_init__(self) -> None:
        p = self.parameters
        labelled = tuple(
            (arm, t)
            for r in range(p.replicates)
            for arm in p.arms
            for t in self.study.grid(p, arm, r)
        )
        object.__setattr__(self, "labelled", labelled)

    @property
    def trials(self) -> list[Trial]:
        return [trial for _, trial in self.labelled]

    @property
    def images(self) -> str | None:
        """The image set that its networks learn; None if their data are generated."""
        return next(
            (trial.dataset for trial in self.trials if trial.dataset in components.SHAPES), None
        )

    def estimate(self, store: Store | None = None) -> tuple[int, float | None]:
        """(trials that are missing, core-hours they will take; None if nothing like them is on
        record).
        """
        return estimate(self.trials, store or Store(pending=True), self.study.measures)

    def sweep(
        self,
        store: Store | None = None,
        missing: str | None = None,
        train: bool | None = None,
        **options,
    ) -> "Results":
        """Train and measure what is missing, and return the results.

        Args:
            store: where records lie; by default the shipped ones, and those made on this machine.
            missing: "train" or "show"; by default "show" under profile "paper".
            train: True trains whatever it takes. Otherwise what would take more than ten minutes
                by estimate is not begun.
            options: further ones of `sweep.sweep`.

        Raises:
            ValueError: for what takes too long to be begun unasked; it says how long.
        """
        if missing is None:
            missing = "show" if self.profile == "paper" and not train else "train"
        if missing == "train" and not train and not os.environ.get("SPATIALBIAS_TRAIN"):
            self._affordable(store, options)
        return Results(
            self, sweep(self.trials, self.study.measures, store, missing=missing, **options)
        )

    def _affordable(self, store: Store | None, options: dict) -> None:
        count, hours = estimate(
            self.trials,
            store or Store(pending=True),
            self.study.measures,
            options.get("precision"),
        )
        if count:
            takes = "" if hours is None else f", about {duration(hours)}"
            print(f"{self.study.name}: {count} trials are missing{takes}", file=sys.stderr)
        workers = options.get("workers") or asked_workers() or min(cores(), max(count, 1))
        if hours is not None and 3600 * hours / workers > UNASKED:
            raise ValueError(
                f"{self.study.name}: {count} trials are missing, about {duration(hours)}, which "
                f"is more than {UNASKED / 60:g} minutes here. train=True (or SPATIALBIAS_TRAIN=1) "
                "trains them all the same; fewer replicates or profile='quick' take less"
            )


@dataclass(frozen=True)
class Results:
    """The records of a plan, as tidy frames."""

    plan: Plan
    records: dict[str, dict]

    @property
    def present(self) -> list[tuple[str, Trial, dict]]:
        return [
            (arm, t, self.records[t.key]) for arm, t in self.plan.labelled if t.key in self.records
        ]

    @property
    def missing(self) -> int:
        """How many trials of the plan have no record, or one that lacks a measure of the study."""
        return sum(
            lacking(self.records.get(trial.key), self.plan.study.measures)
            for trial in self.plan.trials
        )

    def frame(self, stale: bool = False) -> pd.DataFrame:
        """One row a measured value, and two a trial that need no measure: "epochs" and, at
        "published", "converged".

        Args:
            stale: also what an older revision of a measure found (`current` is False there); for
                the judge, who refuses it.

        Columns: study, arm, dataset, split, translation, n_train, replicate, learning_rate, measure, at, part,
        x, value, n, stop_reason, epochs, numerics, current. `at` is "stop", or "published": at the
        published cap of epochs if training went on past it, else at the stop. "converged" is 1 if
        the loss to reach was reached by then.
        """
        found = self._values
        return (
            found.copy() if stale else found[found["current"].astype(bool)].reset_index(drop=True)
        )

    @cached_property
    def _values(self) -> pd.DataFrame:
        """`frame(stale=True)`, made once: a page asks for it claim by claim."""
        rows = []
        for arm, trial, record in self.present:
            base = self._base(arm, trial, record)
            derived = {**base, "part": "", "x": None, "n": 1, "current": True}
            rows.append({**derived, "measure": "epochs", "at": "stop", "value": base["epochs"]})
            reached = base["stop_reason"] == "loss" and base["epochs"] <= (
                trial.mark_epoch or trial.max_epochs
            )
            rows.append(
                {**derived, "measure": "converged", "at": "published", "value": float(reached)}
            )
            marked = {row["measure"] for row in record["rows"] if row["at"] == "published"}
            for row in record["rows"]:
                current = record["measured"][row["measure"]] == components.MEASURES.get(
                    row["measure"]
                )
                rows.append(one := {**base, "part": "", **row, "current": current})
                if row["at"] == "stop" and row["measure"] not in marked:
                    if trial.mark_epoch is None or base["epochs"] <= trial.mark_epoch:
                        rows.append({**one, "at": "published"})
        frame = pd.DataFrame(
            rows,
            columns=[*self._base_columns, "measure", "at", "part", "x", "value", "n", "current"],
        )
        return frame.astype({"x": float, "value": float})

    def curves(self) -> pd.DataFrame:
        """One row an epoch: the columns of `frame` that describe the trial, and epoch, loss,
        score.
        """
        rows = [
            {**self._base(arm, trial, record), "score": None, **entry}
            for arm, trial, record in self.present
            for entry in record["curve"]
        ]
        return pd.DataFrame(rows, columns=[*self._base_columns, "epoch", "loss", "score"]).astype(
            {"loss": float, "score": float}
        )

    def trials(self) -> pd.DataFrame:
        """One row a trial: its key, stop reason, epochs, seconds, final loss, parameters and
        numerics.
        """
        rows = [
            {
                **self._base(arm, trial, record),
                "key": trial.key,
                "loss": record["stop"]["loss"],
                "parameters": record["parameters"],
                "seconds": record["provenance"]["seconds"],
            }
            for arm, trial, record in self.present
        ]
        return pd.DataFrame(
            rows, columns=[*self._base_columns, "key", "loss", "parameters", "seconds"]
        )

    def numerics(self) -> Counter:
        """How many trials were computed in each numerics class."""
        return Counter(numerics_of(record) for _, _, record in self.present)

    _base_columns = (
        "study",
        "arm",
        "dataset",
        "split",
        "translation",
        "n_train",
        "replicate",
        "learning_rate",
        "stop_reason",
        "epochs",
        "numerics",
    )

    def _base(self, arm: str, trial: Trial, record: dict) -> dict:
        return dict(
            zip(
                self._base_columns,
                (
                    self.plan.study.name,
                    arm,
                    trial.dataset,
                    trial.dataset_args.get("split", ""),
                    trial.dataset_args.get("translation", 0),
                    trial.n_train,
                    trial.replicate,
                    trial.learning_rate,
                    record["stop"]["reason"],
                    record["stop"]["epoch"],
                    numerics_of(record),
                ),
                strict=True,
            )
        )
