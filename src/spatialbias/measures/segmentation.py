"""Measures of networks that name the class of every pixel, pooled over all pixels of the test
images.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from spatialbias import training
from spatialbias.measures.subject import Subject

PICTURES = 4  # test images of which the answer is kept, pixel by pixel


def answers(subject: Subject, batch):
    """Predictions; one image at a time where batch norm takes its statistics from the batch, as the
    source validates.
    """
    alone = 1 if getattr(subject.model, "statistics", "running") == "batch" else None
    return training.predictions(subject.model, subject.prepare(batch), subject.execution, alone)


def confusion(subject: Subject) -> tuple[Tensor, float]:
    """Pixels by true and by given class, (classes, classes), and the mean loss."""
    counts, loss = 0, 0.0
    for out, part in answers(subject, subject.test):
        classes = out.shape[1]
        counts += torch.bincount(
            (part.target * classes + out.argmax(1)).flatten(), minlength=classes**2
        )
        loss += float(training.LOSSES[subject.trial.loss](out, part.target)) * len(part)
    return counts.view(classes, classes).cpu(), loss / len(subject.test)


def segmentation(subject: Subject) -> Iterator[dict]:
    """By class x: "recall" (the source's accuracy), "precision" and "iou". "confusion": of the
    pixels of class x // classes, the share that was given the class x % classes. "loss":
    cross-entropy a pixel.
    """
    counts, loss = confusion(subject)
    given, true, hit = counts.sum(0).double(), counts.sum(1).double(), counts.diag().double()
    n = len(subject.test)
    for part, values in (
        ("recall", hit / true),
        ("precision", hit / given.clamp(min=1)),
        ("iou", hit / (given + true - hit)),
        ("confusion", (counts / true[:, None]).flatten()),
    ):
        for index, value in enumerate(values.tolist()):
            if math.isfinite(value):  # a class that does not occur in a few images has no recall
                yield {"part": part, "x": float(index), "value": value, "n": n}
    yield {"part": "loss", "x": None, "value": loss, "n": n}


def which_side(subject: Subject) -> Iterator[dict]:
    """What is known of place, as a share that guessing cannot raise above one half.

    "yellow": mean of the recalls of yellow right and yellow left. "red": mean of the recall of red
    bottom and of the share of upper red pixels that are called background. Who calls all of one
    colour by one name, or draws lots, gets 0.5; who misses the circles gets less.
    """
    right, whole = torch.zeros(4), torch.zeros(4)  # yellow right, yellow left, red bottom, red top
    first = 0
    for out, part in answers(subject, subject.test):
        images = subject.test.inputs[0][first : first + len(part)].to(
            out.device
        )  # as drawn, 8 bits
        first += len(part)
        red = (images == images.new_tensor([255, 0, 0])[:, None, None]).all(1)
        kinds = (part.target == 1, part.target == 2, part.target == 3, red & (part.target == 0))
        hit = out.argmax(1) == part.target
        right += torch.stack([(hit & kind).sum() for kind in kinds]).cpu()
        whole += torch.stack([kind.sum() for kind in kinds]).cpu()
    recalls = right / whole
    for part, value in (("yellow", recalls[:2].mean()), ("red", recalls[2:].mean())):
        if math.isfinite(value):  # a few images may lack one of the two sides
            yield {"part": part, "x": None, "value": float(value), "n": len(subject.test)}


def segmented(subject: Subject) -> Iterator[dict]:
    """The class given to every pixel of the first test images; part is the image's number, x the
    pixel's index.
    """
    out = torch.cat([out for out, _ in answers(subject, subject.test[:PICTURES])])
    for number, classes in enumerate(out.argmax(1).flatten(1).tolist()):
        for index, value in enumerate(classes):
            yield {"part": str(number), "x": float(index), "value": float(value), "n": 1}


TABLE = {
    "segmentation": (segmentation, False),
    "which_side": (which_side, False),
    "segmented": (segmented, False),
}
