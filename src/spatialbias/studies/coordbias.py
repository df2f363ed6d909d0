"""The studies of the coordinate-bias chapter (pskugit 2020). Names, grids and numbers of replicates
are fixed before records exist.

Images have the sources' size, for a receptive field is a number of pixels; there are fewer of them.
Two protocols: the source's own (SGD on single images, batch norm never out of training mode,
unequal initialisation) and ours (Adam on batches of four, a decaying rate, equal filters at the
start, evaluation mode).
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from spatialbias.studies.study import Repeats, Results, Study
from spatialbias.trials import Trial


class Circles(Repeats):
    """How many images, of which side, and how often."""

    images: Annotated[int, Field(ge=8, le=20_000)] = 600
    test_images: Annotated[int, Field(ge=4, le=10_000)] = 200
    size: Annotated[int, Field(ge=32, le=512, multiple_of=8)] = 128
    epochs: Annotated[int, Field(ge=1, le=100)] = 2
    learning_rates: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)
    ] = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)


OURS = {"optimizer": "adam", "batch_size": 4, "schedule": "cosine"}
SOURCE = {"optimizer": "sgd", "batch_size": 1, "learning_rate": 1e-3}
AS_RELEASED = {"init": "source", "statistics": "batch"}
ARMS: dict[
    str, tuple[dict, dict]
] = {  # arm: (what it changes of the trial, the network's arguments)
    "vanilla": (OURS, {}),
    "coordinate bias": (OURS, {"layer": "coordbias"}),
    "vanilla, as released": (SOURCE, AS_RELEASED),
    "coordinate bias, as released": (SOURCE, {"layer": "coordbias", **AS_RELEASED}),
    "CoordConv": (OURS, {"layer": "coordconv"}),
    "fixed random maps": (OURS, {"layer": "fixed_maps"}),
    "redrawn random maps": (OURS, {"layer": "redrawn_maps"}),
    "wider vanilla": (OURS, {"first_width": 67}),
    "vanilla, batch norm": (OURS, {"encoder_norm": True}),
    "coordinate bias, batch norm": (OURS, {"layer": "coordbias", "encoder_norm": True}),
    "vanilla, circular padding": (OURS, {"padding_mode": "circular"}),
}
HEADLINE = tuple(ARMS)[:4]
QUESTIONS = ("vanilla", "coordinate bias", *tuple(ARMS)[4:])

# Chosen by loss when the list ended at 3e-2: the smallest `suitable` rate. 1e-1 was added because
# vanilla's least loss lay at that end; all trials keep the rates that they had, which are suitable
# still (a test compares). Other plain networks take vanilla's rate, other networks that are told
# something the coordinate bias's.
LEARNING_RATES = {"vanilla": 1e-2, "coordinate bias": 3e-3}
# Of the networks that `marks` compares: each its own, chosen by the same rule (`marks_tuning`).
OWN_RATES = {"coordinate bias": 3e-3, "CoordConv": 1e-2, "fixed random maps": 3e-3}
FRESH = 100  # the first replicate of the studies judged by `which_side`: of new images and weights


def suitable(results: Results) -> dict[str, list[float]]:
    """For each network the rates whose mean loss on the tuning images is at most a tenth above the
    least.
    """
    frame = results.frame()
    frame = frame[(frame["part"] == "loss") & (frame["at"] == "stop")]
    means = frame.groupby(["arm", "learning_rate"])["value"].mean()
    return {
        arm: means[arm].index[means[arm] <= 1.1 * means[arm].min()].tolist()
        for arm in dict.fromkeys(frame["arm"])
    }


def trial(p: Circles, arm: str, replicate: int, **more) -> Trial:
    """One network on images of its own: replicate r draws them with seed r, the same for every
    arm.
    """
    changes, model_args = ARMS[arm]
    rate = LEARNING_RATES[
        "vanilla" if model_args.get("layer", "conv") == "conv" else "coordinate bias"
    ]
    values = {"learning_rate": rate, **changes, **more}
    return Trial(
        model="vgg9_fcn",
        model_args=model_args,
        dataset="circles",
        dataset_args={
            "n_train": p.images,
            "n_test": p.test_images,
            "seed": replicate,
            "size": p.size,
        },
        replicate=replicate,
        max_epochs=p.epochs,
        curve_images=100,
        **values,
    )


def one(p: Circles, arm: str, replicate: int) -> Iterator[Trial]:
    yield trial(p, arm, replicate)


def fresh(p: Circles, arm: str, replicate: int) -> Iterator[Trial]:
    """At the rates of `LEARNING_RATES`, or at its own where the arm has one."""
    own = {"learning_rate": OWN_RATES[arm]} if arm in OWN_RATES else {}
    yield trial(p, arm, FRESH + replicate, **own)


def until(p: Circles, arm: str, replicate: int) -> Iterator[Trial]:
    """Until the mean loss is 0.2 nats a pixel: above what a network reaches that knows no place."""
    yield trial(p, arm, FRESH + replicate, stop_loss=0.2)


def tuning(p: Circles, arm: str, replicate: int) -> Iterator[Trial]:
    for rate in p.learning_rates:
        yield trial(p, arm, replicate, role="tuning", learning_rate=rate)


SMOKE = {"images": 8, "test_images": 5, "size": 32, "epochs": 1, "replicates": 2}
QUICK = {"images": 120, "test_images": 40, "size": 64, "epochs": 1, "replicates": 1}

STUDIES = (
    Study(
        "coordbias.tuning",
        "Which learning rate suits both networks?",
        ("vanilla", "coordinate bias"),
        tuning,
        {
            "smoke": SMOKE | {"replicates": 1},
            "quick": QUICK | {"learning_rates": (1e-3,)},
            "paper": {"replicates": 2},
        },
        ("segmentation",),
        Circles,
    ),
    Study(
        "coordbias.segmentation",
        "Can a network tell left from right when it is told where its pixels are?",
        HEADLINE,
        one,
        {"smoke": SMOKE, "quick": QUICK, "paper": {"replicates": 10}},
        ("segmentation",),
        Circles,
    ),
    Study(
        "coordbias.pictures",
        "What do the answers look like?",
        HEADLINE,
        one,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK, "paper": {"replicates": 1}},
        ("segmented",),
        Circles,
    ),
    Study(
        "coordbias.open_questions",
        "Is it the parameters, the position, or the norm?",
        QUESTIONS,
        one,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK, "paper": {"replicates": 10}},
        ("segmentation",),
        Circles,
    ),
    Study(
        "coordbias.marks_tuning",
        "Which learning rate suits other marks of place?",
        ("CoordConv", "fixed random maps"),
        tuning,
        {
            "smoke": SMOKE | {"replicates": 1},
            "quick": QUICK | {"learning_rates": (1e-3,)},
            "paper": {"replicates": 2},
        },
        ("segmentation", "which_side"),
        Circles,
    ),
    Study(
        "coordbias.which_side",
        "Does the coordinate bias tell a network on which side a circle lies?",
        HEADLINE,
        fresh,
        {"smoke": SMOKE, "quick": QUICK, "paper": {"replicates": 10}},
        ("segmentation", "which_side"),
        Circles,
    ),
    Study(
        "coordbias.marks",
        "Does it matter in which form position is marked?",
        ("coordinate bias", "CoordConv", "fixed random maps"),
        fresh,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK, "paper": {"replicates": 20}},
        ("segmentation", "which_side"),
        Circles,
    ),
    Study(
        "coordbias.controls",
        "Is it the parameters, the norm, or the padding?",
        (
            "coordinate bias",
            "vanilla",
            "vanilla, circular padding",
            "redrawn random maps",
            "wider vanilla",
            "coordinate bias, batch norm",
            "vanilla, batch norm",
        ),
        fresh,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK, "paper": {"replicates": 10}},
        ("segmentation", "which_side"),
        Circles,
    ),
    Study(
        "coordbias.time_to_loss",
        "Does it learn more quickly?",
        HEADLINE[2:],
        until,
        {
            "smoke": SMOKE,
            "quick": QUICK | {"epochs": 4},
            "paper": {"images": 100, "epochs": 40, "replicates": 10},
        },
        ("which_side",),
        Circles,
    ),
    Study(
        "coordbias.as_published",
        "And with as many images as published?",
        HEADLINE[2:],
        fresh,
        {
            "smoke": SMOKE | {"replicates": 1},
            "quick": QUICK,
            "paper": {"images": 5000, "test_images": 2500, "replicates": 3},
        },
        ("segmentation", "which_side"),
        Circles,
    ),
)
