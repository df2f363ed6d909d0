"""Measures of networks that name, find or draw a place (Not-so-Clevr), on the positions trained on
and on those held out.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from spatialbias import models, training
from spatialbias.layers.coordconv import CoordConv2d
from spatialbias.measures.subject import PIXELS, Subject

PICTURES = 4  # held-out positions of which a picture is kept


def sides(subject: Subject):
    """(name, examples) of both sides of the split."""
    from spatialbias.roles import examples

    return ("train", examples(subject.trial, subject.data)[0]), ("test", subject.test)


def score(subject: Subject) -> Iterator[dict]:
    """Mean score of the positions trained on and of those held out: accuracy, error in pixels or
    intersection over union.
    """
    for part, batch in sides(subject):
        yield {
            "part": part,
            "x": None,
            "value": float(subject.scored(batch).double().mean()),
            "n": len(batch),
        }


def right(subject: Subject) -> Iterator[dict]:
    """Share of positions answered exactly: the right pixel; both coordinates right when rounded to
    pixels; the very picture.

    Of a regression also the share of single coordinates ("test, single"), which is the tutorial's
    accuracy.
    """
    for part, batch in sides(subject):
        if subject.trial.loss == "mean_squared_error":
            close = _errors(subject, batch).abs() < 0.5  # (B, 2)
            yield {
                "part": part,
                "x": None,
                "value": float(close.all(1).double().mean()),
                "n": len(batch),
            }
            yield {
                "part": f"{part}, single",
                "x": None,
                "value": float(close.double().mean()),
                "n": len(batch),
            }
        else:
            exact = subject.scored(batch) >= 1
            yield {"part": part, "x": None, "value": float(exact.double().mean()), "n": len(batch)}


def _answers(subject: Subject, batch) -> Tensor:
    return torch.cat(
        [
            out
            for out, _ in training.predictions(
                subject.model, subject.prepare(batch), subject.execution
            )
        ]
    ).cpu()


def _errors(subject: Subject, batch) -> Tensor:
    """Answer minus truth of a regression, in pixels: (B, 2)."""
    args = subject.trial.dataset_args
    return (_answers(subject, batch) - batch.target) * PIXELS[args.get("units", "fraction")](
        args.get("size", 64)
    )


def canvas(subject: Subject) -> Iterator[dict]:
    """Every position by itself; x is its index, y * width + x. The value: how far off the answer
    is, in pixels, or, of a rendering, the intersection over union.
    """
    width = subject.trial.dataset_args.get("size", 64)
    for part, batch in sides(subject):
        if subject.trial.loss == "cross_entropy":
            places, wanted = (
                _unfold(_answers(subject, batch).argmax(1), width),
                _unfold(batch.target, width),
            )
            values = (places - wanted).float().norm(dim=1)
        else:
            values = subject.scored(batch)
            wanted = _centres(subject, batch)
        for index, value in zip(
            (wanted[:, 1] * width + wanted[:, 0]).long().tolist(), values.tolist(), strict=True
        ):
            yield {"part": part, "x": float(index), "value": round(value, 4), "n": 1}


def _unfold(index: Tensor, width: int) -> Tensor:
    return torch.stack((index % width, index // width), 1)


def _centres(subject: Subject, batch) -> Tensor:
    """The centre (x, y) of every example in whole pixels, (B, 2)."""
    args = subject.trial.dataset_args
    named = batch.target if subject.trial.loss == "mean_squared_error" else batch.inputs[0]
    units = args.get("units") or (
        "fraction" if subject.trial.loss == "mean_squared_error" else "pixels"
    )
    scale = PIXELS[units](args.get("size", 64))
    return ((named + 1 if units == "centred" else named) * scale).round()


def picture(subject: Subject) -> Iterator[dict]:
    """What is drawn for some held-out positions; part is the position "x,y", x the pixel's index,
    the value its brightness in [0, 1]. Of a classifier: the probabilities, divided by the largest.
    Nothing for a regression.
    """
    if subject.trial.loss == "mean_squared_error":
        return
    chosen = torch.linspace(0, len(subject.test) - 1, PICTURES).long()
    batch = subject.test[chosen]
    outputs = _answers(subject, batch).flatten(1)
    if subject.trial.loss == "cross_entropy":
        shown = outputs.softmax(1)
        shown = shown / shown.amax(1, keepdim=True)
    else:
        shown = outputs.sigmoid()
    for (x, y), values in zip(batch.inputs[0].round().long().tolist(), shown.tolist(), strict=True):
        for index, value in enumerate(values):
            yield {"part": f"{x},{y}", "x": float(index), "value": round(value, 3), "n": 1}


def borders(subject: Subject) -> Iterator[dict]:
    """How messy is what is drawn along the square's border? The share of its pixels that are on the
    wrong side of one half, among those that touch the border from within or from without. Nothing
    for networks that do not draw.
    """
    if subject.trial.loss != "binary_cross_entropy":
        return
    for part, batch in sides(subject):
        wanted = batch.target > 0.5 * batch.target.amax()  # (B, 1, H, W)
        drawn = (_answers(subject, batch) > 0).view_as(wanted)
        whole = wanted.float()
        grown = F.max_pool2d(whole, 3, 1, 1) > 0
        shrunk = -F.max_pool2d(-F.pad(whole, [1] * 4), 3, 1) > 0  # beyond the canvas is nothing
        near = grown & ~shrunk
        wrong = ((drawn != wanted) & near).sum((1, 2, 3)) / near.sum((1, 2, 3))
        yield {"part": part, "x": None, "value": float(wrong.double().mean()), "n": len(batch)}


@torch.no_grad()
def coordinates_off(subject: Subject) -> Iterator[dict]:
    """Does the trained network use what it is told? Its score as it is ("told"), with the weights
    on its coordinates at zero ("zeroed"), and with x and y exchanged ("exchanged"). Only "told" for
    a network that is told nothing.
    """
    layers = [m for m in subject.model.modules() if isinstance(m, CoordConv2d)]
    kept = [layer.weight.clone() for layer in layers]
    for part in ("told", "zeroed", "exchanged") if layers else ("told",):
        for layer, weight in zip(layers, kept, strict=True):
            layer.weight.copy_(weight)
            if part == "zeroed":
                layer.weight[:, layer.in_channels :] = 0
            elif part == "exchanged" and weight.shape[1] > layer.in_channels + 1:
                layer.weight[:, layer.in_channels : layer.in_channels + 2] = weight[
                    :, layer.in_channels : layer.in_channels + 2
                ].flip(1)
        values = subject.scored(subject.test)
        yield {"part": part, "x": None, "value": float(values.double().mean()), "n": len(values)}
    for layer, weight in zip(layers, kept, strict=True):
        layer.weight.copy_(weight)


REACH = 2  # pixels: two kernels of 3 see the lit pixel from so far


@torch.no_grad()
def in_view(subject: Subject) -> Iterator[dict]:
    """Does the maximum over the map, which is what CoordConv's regressor answers, lie where the lit
    pixel is in view? Of either coordinate ("x", "y") the share of held-out pictures in which it
    does, before training ("x, start") and after ("x, end"), and the mean absolute error in pixels
    ("x, error"). Nothing for networks that take no maximum over a map, or one over a coarser
    map.
    """
    if (
        getattr(subject.model, "pool", None) != "max"
        or subject.trial.model_args.get("stride", 1) != 1
    ):
        return
    pictures, errors = (
        subject.prepare(subject.test).inputs[0],
        _errors(subject, subject.test).abs().double().mean(0),
    )
    trial = subject.trial
    before = models.seeded(trial.seed("init"), trial.model, trial.model_args).to(pictures.device)
    shares = {"start": _in_view(before, pictures), "end": _in_view(subject.model, pictures)}
    for k, name in enumerate(("x", "y")):
        for part, value in (
            *((at, share[k]) for at, share in shares.items()),
            ("error", errors[k]),
        ):
            yield {"part": f"{name}, {part}", "x": None, "value": float(value), "n": len(pictures)}


def _in_view(model, pictures: Tensor) -> Tensor:
    """Share of pictures (N, 1, H, W), for either coordinate: (2,)."""
    maps = model.layers(pictures)  # (N, 2, H', W')
    margin = (pictures.shape[-1] - maps.shape[-1]) // 2  # without padding the map is smaller
    (rows, columns), (lit_rows, lit_columns) = _places(maps), _places(pictures)  # (N, 2) and (N, 1)
    near = ((rows + margin - lit_rows).abs() <= REACH) & (
        (columns + margin - lit_columns).abs() <= REACH
    )
    return near.double().mean(0)


def _places(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of each map's maximum: (N, C, H, W) -> twice (N, C)."""
    most, width = maps.flatten(2).argmax(2), maps.shape[-1]
    return most // width, most % width


TABLE = {
    "score": (score, False),
    "right": (right, False),
    "canvas": (canvas, False),
    "picture": (picture, False),
    "borders": (borders, False),
    "coordinates_off": (coordinates_off, False),
    "in_view": (in_view, False),
}
