"""Measures of networks that classify images: accuracy, and what is left of it after a shift.

Unshifted accuracy is measured on all test images, everything else on the trial's own fifth of them.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from spatialbias import shifts, training
from spatialbias.datasets.batch import Batch
from spatialbias.layers.position import coordinate_grid
from spatialbias.measures.subject import Subject

ANGLES = tuple(range(0, 90, 10))
CROPS = tuple(range(23, 33))  # of 32 pixels; scaled for other sizes


def accuracy(subject: Subject) -> Iterator[dict]:
    test = subject.test
    rows = [
        subject.accuracy(subject.prepare(test[k : k + 2000])) * len(test[k : k + 2000])
        for k in range(0, len(test), 2000)
    ]
    yield {"x": None, "value": sum(rows) / len(test), "n": len(test)}


def over(subject: Subject, amounts: tuple, shift: Callable, name: str) -> Iterator[dict]:
    """Accuracy on the fold after `shift(images, amount)`, for each amount."""
    for amount in amounts:
        batch = subject.shifted(f"{name} {amount}", lambda images, a=amount: shift(images, a))
        yield {"x": float(amount), "value": subject.accuracy(batch), "n": len(batch)}


def crops(subject: Subject, shift: Callable, name: str) -> Iterator[dict]:
    """Accuracy over crop sizes; x is the size in 32nds of the side, as the source plots it."""
    side = subject.test.inputs[0].shape[3]
    for size in CROPS:
        batch = subject.shifted(
            f"{name} {size}", lambda images, s=size: shift(images, round(s * side / 32))
        )
        yield {"x": float(size), "value": subject.accuracy(batch), "n": len(batch)}


def rotation_masked(images: Tensor, degrees: float) -> Tensor:
    return shifts.mask_disc(shifts.rotate(images, degrees))


def _takes_pixels(subject: Subject) -> bool:
    """Whether the network answers for any set of pixels, at given coordinates (`models`)."""
    return getattr(subject.model, "accepts_pixels", False)


def rotation_abstain(subject: Subject) -> Iterator[dict]:
    """Rotation with the fill pixels left out of Coordinet's sum (its modulator still sees them).
    Nothing for other networks.
    """
    if not _takes_pixels(subject):
        return
    for degrees in ANGLES:
        batch = subject.shifted(
            f"rotation {degrees}", lambda images, d=degrees: shifts.rotate(images, d)
        )
        weights = shifts.covered(subject.test.inputs[0], degrees)
        places = subject.model.grid.cpu()
        abstaining = Batch(batch.inputs, batch.target, (places.to(weights.device), weights))
        yield {
            "x": float(degrees),
            "value": subject.accuracy(subject.prepare(abstaining)),
            "n": len(batch),
        }


def foreign_modulation(subject: Subject) -> Iterator[dict]:
    """Each image classified with the modulation of itself, of the next test image, and with none (m
    = 1).
    """
    if not (_takes_pixels(subject) and subject.model.modulation == "image"):
        return
    whole = subject.prepare(subject.fold())
    for part, context in (
        ("own", whole.inputs[0]),
        ("another image's", whole.inputs[0].roll(1, 0)),
        ("none", None),
    ):
        right = 0
        for k in range(0, len(whole), training.EVALUATION_BATCH):
            piece = slice(k, k + training.EVALUATION_BATCH)
            images = whole.inputs[0][piece]
            with torch.no_grad(), subject.execution.autocast():
                ones = (
                    images.new_ones(len(images), sum(subject.model.sizes))
                    if context is None
                    else None
                )
                out = subject.model(
                    images, context=None if context is None else context[piece], modulations=ones
                )
            right += int((out.float().argmax(1) == whole.target[piece]).sum())
        yield {"part": part, "x": None, "value": right / len(whole), "n": len(whole)}


@torch.no_grad()
def uses(subject: Subject) -> Iterator[dict]:
    """What a network that takes pixels and coordinates rests its answers on, by intervention at test
    time. Of each: the accuracy, and ("…, kept") the share of answers that stay as they were.

    "itself": nothing is changed (answers of a network that draws change by themselves). "no pixels":
    all at the training mean; "another's pixels": the next image's. "no coordinates": all in the
    centre; "exchanged coordinates": permuted among the pixels. "another's modulation", "no
    modulation" (m = 1). The modulator sees the image itself but for the last two. Nothing for
    networks that cannot be asked so.
    """
    model, whole = subject.model, subject.prepare(subject.fold())
    if not _takes_pixels(subject):
        return
    images = whole.inputs[0]
    places = whole.shared[0] if whole.shared else model.grid
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0))

    def answers(pixels=images, at=places, context=images, ones=False) -> Tensor:
        out = []
        for k in range(0, len(images), training.EVALUATION_BATCH):
            part = slice(k, k + training.EVALUATION_BATCH)
            m = images.new_ones(len(images[part]), sum(model.sizes)) if ones else None
            with subject.execution.autocast():
                out.append(model(pixels[part], at, None, context[part], m).argmax(1))
        return torch.cat(out)

    changes = {
        "itself": {},
        "no pixels": {"pixels": torch.zeros_like(images)},
        "another's pixels": {"pixels": images.roll(1, 0)},
    }
    if model.coordinates == "given":
        changes["no coordinates"] = {"at": torch.zeros_like(places)}
        changes["exchanged coordinates"] = {"at": places[order.to(places.device)]}
    if model.modulation == "image":
        changes["another's modulation"] = {"context": images.roll(1, 0)}
        changes["no modulation"] = {"ones": True}
    own = answers()
    for part, change in changes.items():
        now = answers(**change)
        for name, right in ((part, now == whole.target), (f"{part}, kept", now == own)):
            yield {"part": name, "x": None, "value": float(right.double().mean()), "n": len(own)}


def _as_pixels(
    subject: Subject, values: Tensor, places: Tensor, weights: Tensor | None, context: Tensor | None
) -> float:
    """Coordinet's accuracy on sets of normalised pixels (B, C, P) at `places`; `context` None means
    m = 1.
    """
    target, right = subject.fold().target.to(values.device), 0
    for k in range(0, len(values), 100):
        piece = slice(k, k + 100)
        with torch.no_grad(), subject.execution.autocast():
            ones = (
                values.new_ones(len(values[piece]), sum(subject.model.sizes))
                if context is None
                else None
            )
            out = subject.model(
                values[piece], places, weights, None if context is None else context[piece], ones
            )
        right += int((out.float().argmax(1) == target[piece]).sum())
    return right / len(values)


def sizes(subject: Subject) -> Iterator[dict]:
    """Trained at one resolution, tested at others (16 to 64 pixels for 32).

    Every network: the picture resized back ("resized"), the obvious remedy. Coordinet also
    directly: all pixels of the new grid, a plain sum ("direct") or pixels weighted by their area
    ("weighted"), its modulator given the picture at its own size; and with no modulation at all
    ("weighted, unmodulated").
    """
    whole, side = subject.fold(), subject.test.inputs[0].shape[3]
    for size in (side // 2, side * 3 // 4, side, side * 3 // 2, side * 2):
        seen = shifts.resize(whole.inputs[0], size)
        back = subject.prepare(Batch((shifts.resize(seen, side),), whole.target, whole.shared))
        yield {
            "part": "resized",
            "x": float(size),
            "value": subject.accuracy(back),
            "n": len(whole),
        }
        if _takes_pixels(subject):
            pixels = subject.data.normalise(seen).flatten(2).to(subject.execution.device)
            places = coordinate_grid(size, size).flatten(1).t().contiguous().to(pixels.device)
            area = torch.full((size * size,), (side / size) ** 2, device=pixels.device)
            for part, weights, context in (
                ("direct", None, back.inputs[0]),
                ("weighted", area, back.inputs[0]),
                ("weighted, unmodulated", area, None),
            ):
                yield {
                    "part": part,
                    "x": float(size),
                    "value": _as_pixels(subject, pixels, places, weights, context),
                    "n": len(whole),
                }


def subsets(subject: Subject) -> Iterator[dict]:
    """Only a random share of the pixels: Coordinet sums what is there ("direct") or scales the sum
    up ("weighted"); its modulator, and every other network ("filled"), gets the picture with the
    missing pixels at the training mean.
    """
    whole = subject.prepare(subject.fold())
    images = whole.inputs[0]
    order = torch.randperm(
        images.shape[2] * images.shape[3], generator=torch.Generator().manual_seed(0)
    )
    for share in (0.05, 0.1, 0.25, 0.5, 0.75, 1.0):
        kept = order[: round(share * len(order))].sort().values.to(images.device)
        filled = torch.zeros_like(images.flatten(2))  # normalised: the mean is zero
        filled[:, :, kept] = images.flatten(2)[:, :, kept]
        filled = filled.view(images.shape).contiguous(memory_format=torch.channels_last)
        yield {
            "part": "filled",
            "x": share,
            "value": subject.accuracy(Batch((filled,), whole.target, whole.shared)),
            "n": len(whole),
        }
        if _takes_pixels(subject):
            pixels, places = images.flatten(2)[:, :, kept], subject.model.grid[kept]
            for part, weight in (("direct", 1.0), ("weighted", 1 / share)):
                weights = torch.full((len(kept),), weight, device=images.device)
                yield {
                    "part": part,
                    "x": share,
                    "value": _as_pixels(subject, pixels, places, weights, filled),
                    "n": len(whole),
                }


def foveated(subject: Subject) -> Iterator[dict]:
    """One picture of mixed resolution (`shifts.foveate`): Coordinet takes the pixels as they are,
    weighted by area or not; every network takes the picture with each coarse pixel drawn at its
    full size ("filled").
    """
    whole = subject.fold()
    images = whole.inputs[0]
    if images.shape[2] % 32:
        return
    values, places, areas = shifts.foveate(images)
    full = coordinate_grid(*images.shape[2:]).flatten(1).t()
    reach = (
        areas.sqrt() / images.shape[3]
    )  # half a coarse pixel's side in coordinates, as nearly as matters
    owner = ((full[:, None] - places).abs().amax(2) - reach).argmin(1)
    drawn = values[:, :, owner].view(images.shape).round().to(images.dtype)
    filled = subject.prepare(Batch((drawn,), whole.target, whole.shared))
    yield {
        "part": "full",
        "x": None,
        "value": subject.accuracy(subject.prepare(whole)),
        "n": len(whole),
    }
    yield {"part": "filled", "x": None, "value": subject.accuracy(filled), "n": len(whole)}
    if _takes_pixels(subject):
        normal = subject.data.normalise(
            values.div(255).mul(255).round().to(torch.uint8)[..., None]
        )[..., 0].to(subject.execution.device)
        for part, weights in (("direct", None), ("weighted", areas.to(normal.device))):
            yield {
                "part": part,
                "x": None,
                "value": _as_pixels(
                    subject, normal, places.to(normal.device), weights, filled.inputs[0]
                ),
                "n": len(whole),
            }


def warps(subject: Subject) -> Iterator[dict]:
    """A fish-eye lens of growing strength. "warped": the picture as it is; "straightened":
    resampled first (the remedy); Coordinet "told": the picture as it is with the true places of its
    pixels, its modulator sees the straightened one.
    """
    whole = subject.fold()
    H, W = whole.inputs[0].shape[2:]
    for strength in (0.0, 0.25, 0.5, 1.0):
        seen = shifts.fisheye(whole.inputs[0], strength)
        straight = subject.prepare(
            Batch((shifts.fisheye_undo(seen, strength),), whole.target, whole.shared)
        )
        warped = subject.prepare(Batch((seen,), whole.target, whole.shared))
        yield {"part": "warped", "x": strength, "value": subject.accuracy(warped), "n": len(whole)}
        yield {
            "part": "straightened",
            "x": strength,
            "value": subject.accuracy(straight),
            "n": len(whole),
        }
        if _takes_pixels(subject):
            grid = coordinate_grid(H, W).flatten(1).t()
            places = shifts.fisheye_map(grid, strength).to(warped.inputs[0].device)
            inside = (
                places.abs().amax(1) <= 1
            ).float()  # beyond the picture the lens shows only black
            yield {
                "part": "told",
                "x": strength,
                "n": len(whole),
                "value": _as_pixels(
                    subject, warped.inputs[0].flatten(2), places, inside, straight.inputs[0]
                ),
            }


TABLE: dict[
    str, tuple[Callable[[Subject], Iterator[dict]], bool]
] = {  # name: (function, also at the published cap?)
    "accuracy": (accuracy, True),
    "rotation": (partial(over, amounts=ANGLES, shift=shifts.rotate, name="rotation"), False),
    "rotation_masked": (partial(over, amounts=ANGLES, shift=rotation_masked, name="masked"), False),
    "rotation_back": (partial(over, amounts=ANGLES, shift=shifts.rotate_back, name="back"), False),
    "rotation_abstain": (rotation_abstain, False),
    "quarter_turns": (
        partial(over, amounts=(0, 90, 180, 270), shift=shifts.rotate, name="rotation"),
        False,
    ),
    "resized_crop": (partial(crops, shift=shifts.resized_crop, name="crop"), False),
    "resized_crop_exact": (
        partial(crops, shift=shifts.resized_crop_exact, name="exact crop"),
        False,
    ),
    "crop_blur": (partial(crops, shift=shifts.blur, name="blur"), False),
    "translation": (
        partial(over, amounts=(0, 1, 2, 4, 8), shift=shifts.translate, name="translation"),
        False,
    ),
    "scaling": (partial(crops, shift=shifts.scale_down, name="scale"), False),
    "foreign_modulation": (foreign_modulation, False),
    "uses": (uses, False),
    "sizes": (sizes, False),
    "subsets": (subsets, False),
    "foveated": (foveated, False),
    "warps": (warps, False),
}
