"""A trial is one training run described by plain data; a record is what it leaves, and `run.run`
makes one of the other. Imports no torch.
"""

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from spatialbias import arguments, components
from spatialbias.roles import check_size

if TYPE_CHECKING:
    from spatialbias.run import run as run  # see `__getattr__`

Scalar = bool | int | float | str
Positive = Annotated[float, Field(gt=0, le=1e6)]


class Trial(BaseModel):
    """One training run: the network, its data and its test fold, the optimiser and the stop rule.
    Frozen and validated.

    Args:
        model, model_args: a network (`spatialbias.models.names`) and its arguments.
        dataset, dataset_args: a data set (`spatialbias.datasets.load`) and its arguments.
        n_train: training images, 1 to 60,000; None: the data set's own training examples.
        pixels: "standardised" (zero mean and unit deviation by channel) or "unit", in [0, 1].
        test_images: 10 to 60,000 of an image set, the same ones for every trial; None: all.
        replicate: fixes the training subset, the initialisation and the order of the examples,
            equally for every network; 0 to 9,999.
        role: "tuning" draws another subset, and tests on the tuning images (the last tenth of the
            training images).
        loss: "cross_entropy", "mean_squared_error" or "binary_cross_entropy", a mean over examples.
        optimizer: "adam", or "sgd" with momentum 0.9.
        learning_rate, beta2, weight_decay: of the optimiser. beta2 is Adam's, 0 to 1; weight_decay
            is an L2 penalty of half its size on kernels and matrices, 0 to 1.
        schedule: of the learning rate. "cosine" falls to zero at the last epoch, "step" to a tenth
            after each fifth of the epochs, "plateau" where the training loss no longer falls.
        batch_size: examples a step, 1 to 4,096.
        stop_loss: train until the mean loss over all training examples is at most this; None: for
            `max_epochs` (at most 100,000).
        mark_epoch: measure at this epoch too, if training goes on beyond it.
        curve_images: test examples on which the curve is scored, 0 to 10,000.

    Raises ValueError (pydantic's) with one message that names the parameter, the value and what is
    allowed. Whether the network can be built and its data set takes its values is only seen with
    torch: `run.check`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    model: str
    model_args: dict[str, Scalar] = {}
    dataset: str
    dataset_args: dict[str, Scalar] = {}
    n_train: Annotated[int, Field(ge=1, le=60_000)] | None = None
    pixels: Literal["standardised", "unit"] = "standardised"
    test_images: Annotated[int, Field(ge=10, le=60_000)] | None = None
    replicate: Annotated[int, Field(ge=0, lt=10_000)] = 0
    role: Literal["report", "tuning"] = "report"
    loss: str = "cross_entropy"
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    schedule: Literal["constant", "plateau", "cosine", "step"] = "constant"
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 64
    max_epochs: Annotated[int, Field(ge=1, le=100_000)] = 100
    stop_loss: Positive | None = None
    mark_epoch: Annotated[int, Field(ge=1)] | None = None
    curve_images: Annotated[int, Field(ge=0, le=10_000)] = 500

    @field_validator("dataset")
    @classmethod
    def _dataset(cls, value: str) -> str:
        return components.known(components.DATASETS, value, "data set")

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        return components.known(components.MODELS, value, "model")

    @field_validator("loss")
    @classmethod
    def _loss(cls, value: str) -> str:
        return components.known(components.LOSSES, value, "loss")

    @model_validator(mode="after")
    def _arguments(self):
        arguments.check_model(self.model, self.model_args)
        arguments.check_dataset(self.dataset, self.dataset_args)
        own = None
        if self.model in components.ON_CANVAS:
            own = (arguments.of_model(self.model) | self.model_args)["size"]
        side = self.dataset_args.get("size", components.CANVASES.get(self.dataset))
        if self.dataset in components.CANVASES and own not in (None, side):
            raise ValueError(
                f"model {self.model!r} is built for a canvas of {own} pixels, data set {self.dataset!r} has {side}: "
                "the same size is expected of both"
            )
        return self

    @model_validator(mode="after")
    def _enough(self):
        if self.pixels != "standardised" and self.dataset not in components.SHAPES:
            raise ValueError(
                f"pixels={self.pixels!r}: data set {self.dataset!r} is not scaled; "
                f"image sets are: {', '.join(components.SHAPES)}"
            )
        there = components.TEST_IMAGES.get(self.dataset)
        if self.test_images is not None and not (there and self.test_images < there):
            has = f"has {there}; None takes them all" if there else "says itself how many it has"
            raise ValueError(f"test_images={self.test_images}: data set {self.dataset!r} {has}")
        if (whole := components.TRAINING_IMAGES.get(self.dataset)) is not None:
            check_size(self.n_train, whole, self.dataset)
        if whole is not None and self.role == "tuning" and self.n_train in (None, whole):
            raise ValueError(
                f"role='tuning', n_train={self.n_train}: only the test images would be left to tune on; "
                "a smaller n_train is expected"
            )
        return self

    @model_serializer(mode="wrap")
    def _unsaid(self, dump) -> dict:
        """Fields that came later stay unsaid where they have their default: older keys stay."""
        said = dump(self)
        if self.pixels == "standardised":
            said.pop("pixels")
        if self.test_images is None:
            said.pop("test_images")
        return said

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


def __getattr__(name: str):
    """`from spatialbias.trials import run`: torch is imported when it is asked for."""
    if name != "run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from spatialbias.run import run

    return run
