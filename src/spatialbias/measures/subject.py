"""A trained network with its test examples, and how well it answers each of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatialbias import training
from spatialbias.datasets.batch import Batch, Data
from spatialbias.roles import fold, prepare
from spatialbias.trials import Trial

SHIFTED: dict[
    tuple, Batch
] = {}  # shifted test images of one fold, shared by every trial on that fold
# pixels in one unit of a centre, on a canvas of `size` pixels
PIXELS = {
    "pixels": lambda size: 1.0,
    "fraction": lambda size: size,
    "centred": lambda size: (size - 1) / 2,
}


def scores(trial: Trial, outputs: Tensor, target: Tensor) -> Tensor:
    """How well each example was answered, (B,), by what its trial learns: 1 for the right class
    (for dense targets the share of right pixels), the distance in pixels for a regression (small is
    good), intersection over union for a rendering.
    """
    if trial.loss == "cross_entropy":
        right = (outputs.argmax(1) == target).float()
        return right.flatten(1).mean(1) if right.dim() > 1 else right
    if trial.loss == "mean_squared_error":
        return (outputs - target).norm(dim=1) * PIXELS[trial.dataset_args.get("units", "fraction")](
            trial.dataset_args.get("size", 64)
        )
    drawn, wanted = (outputs > 0).flatten(1), (target > 0.5).flatten(1)  # the rounded sigmoid
    return (drawn & wanted).sum(1) / (drawn | wanted).sum(1).clamp(min=1)


@dataclass(frozen=True)
class Subject:
    """A trained network with the test examples of its trial."""

    model: nn.Module
    trial: Trial
    data: Data
    test: Batch
    execution: training.Execution

    def accuracy(self, batch: Batch) -> float:
        """Share of examples (for dense targets: of pixels) whose class is the most probable one;
        `batch` is prepared.
        """
        right = [
            (outputs.argmax(1) == part.target).float().mean().double() * len(part)
            for outputs, part in training.predictions(self.model, batch, self.execution)
        ]
        return float(sum(right)) / len(batch)

    def fold(self) -> Batch:
        return fold(self.test, self.trial.fold)

    def prepare(self, batch: Batch) -> Batch:
        return prepare(batch, self.data, self.execution)

    def shifted(self, name: str, shift: Callable[[Tensor], Tensor]) -> Batch:
        """The fold's images after a shift, made once and kept while trials on the same fold follow
        one another.
        """
        owner = (
            self.trial.dataset,
            *sorted(self.trial.dataset_args.items()),
            self.trial.role,
            self.trial.test_images,
            self.trial.fold,
        )
        if any(key[:-1] != owner for key in tuple(SHIFTED)):
            SHIFTED.clear()
        if (batch := SHIFTED.get((*owner, name))) is None:  # threads may clear it under our hands
            whole = self.fold()
            batch = SHIFTED[(*owner, name)] = Batch(
                (shift(whole.inputs[0]),), whole.target, whole.shared
            )
        return self.prepare(batch)

    def scored(self, batch: Batch) -> Tensor:
        """The score of every example (B,), on the processor; `batch` is not prepared yet."""
        answers = training.predictions(self.model, self.prepare(batch), self.execution)
        return (
            torch.cat([scores(self.trial, out, part.target) for out, part in answers]).float().cpu()
        )
