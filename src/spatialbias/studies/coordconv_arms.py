"""What the studies of the CoordConv chapter train (Liu et al. 2018; D'Cruz 2019), and how they lay
it out.
"""

import random
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from spatialbias.studies.study import Repeats, Study
from spatialbias.trials import Trial

SPLITS = ("uniform", "quadrant")
Split = Literal["uniform", "quadrant", "tutorial_uniform", "tutorial_quadrant", "text_uniform"]


class Canvas(Repeats):
    """The canvas, its splits, and a factor on all epochs."""

    size: Literal[16, 32, 64] = 32
    splits: Annotated[tuple[Split, ...], Field(min_length=1)] = SPLITS
    epochs: Annotated[float, Field(gt=0, le=100)] = 1.0  # a factor on every arm's own number


RELEASED = {"optimizer": "adam", "beta2": 0.99, "batch_size": 16, "schedule": "cosine"}
CLASSIFY = {**RELEASED, "loss": "cross_entropy"}
RENDER = {**RELEASED, "loss": "binary_cross_entropy"}
REGRESS = {**RELEASED, "loss": "mean_squared_error", "batch_size": 32, "weight_decay": 2e-5}
TUTORIAL = {"optimizer": "adam", "batch_size": 32}

# arm: (task, what it changes of the trial, epochs). The released penalty l2 * sum(w^2) is a weight
# decay of 2 l2.
COORDCONV = {"model": "coordconv_classifier", "learning_rate": 0.005, "weight_decay": 0.002}
DECONV = {
    "model": "deconv",
    "model_args": {"kernel": 3, "mul": 2},
    "learning_rate": 0.01,
    "weight_decay": 0.002,
}
PAINTER = {"model": "coordconv_renderer", "learning_rate": 0.005}
DECONV_PAINTER = {
    **DECONV,
    "model_args": {"kernel": 3, "mul": 2, "task": "rendering"},
    "weight_decay": 0.0,
}
SEEKER = {"model": "coordconv_regressor", "learning_rate": 0.01}

CLASSIFICATION = {
    "coordconv": ({**CLASSIFY, **COORDCONV}, 50),
    "deconv": ({**CLASSIFY, **DECONV}, 50),
    "no coordinates": ({**CLASSIFY, **COORDCONV, "model_args": {"coordinates": "none"}}, 10),
}
RECIPES = {  # the released recipe and ours, one thing changed
    "coordconv": ({**CLASSIFY, **COORDCONV}, 50),
    "constant rate": ({**CLASSIFY, **COORDCONV, "schedule": "constant"}, 50),
    "normalised input": ({**CLASSIFY, **COORDCONV, "model_args": {"normalise": True}}, 50),
    "no penalty": ({**CLASSIFY, **COORDCONV, "weight_decay": 0.0}, 50),
}
GLOROT = {"init": "glorot"}  # TensorFlow's default, which the tutorial leaves in place
TUTORIALS = {  # its own splits; Adam's other defaults, no penalty, a constant rate
    "coordconv": (
        {**TUTORIAL, "model": "coordconv_classifier", "model_args": GLOROT, "learning_rate": 1e-3},
        100,
    ),
    "deconv": (
        {
            **TUTORIAL,
            "model": "deconv",
            "model_args": {"kernel": 2, "mul": 3, "norm": False, **GLOROT},
            "learning_rate": 2e-3,
        },
        200,
    ),
}
REGRESSION = {
    "coordconv": ({**REGRESS, **SEEKER}, 100),
    "conv, for uniform": (
        {**REGRESS, "model": "conv_regressor_uniform", "learning_rate": 0.001},
        100,
    ),
    "conv, for quadrant": (
        {**REGRESS, "model": "conv_regressor_quadrant", "learning_rate": 0.001},
        100,
    ),
}
RENDERING = {"coordconv": ({**RENDER, **PAINTER}, 50), "deconv": ({**RENDER, **DECONV_PAINTER}, 50)}
# On 64 pixels an epoch has 151 batches of 16, on 32 only 29: so many epochs here are the sources'
# 50 in steps. The tutorial's 50 epochs of the network that finds a pixel have 73 batches there and
# 14 here.
AS_MANY_STEPS = {
    "coordconv, as many steps": ("classification", (CLASSIFICATION["coordconv"][0], 260)),
    "coordconv painter, as many steps": ("rendering", (RENDERING["coordconv"][0], 260)),
    "coordconv painter, normalised input": (
        "rendering",
        ({**RENDERING["coordconv"][0], "model_args": {"normalise": True}}, 100),
    ),
    "deconv painter, as many steps": ("rendering", (RENDERING["deconv"][0], 260)),
}
TUTORIAL_FINDS = {
    **TUTORIAL,
    "loss": "mean_squared_error",
    "model": "coordconv_regressor",
    "model_args": {"padding": "valid", **GLOROT},
    "learning_rate": 1e-3,
}
TUTORIAL_REGRESSION = {
    "coordconv": (TUTORIAL_FINDS, 50),
    "coordconv, 10 epochs": (TUTORIAL_FINDS, 10),
}
TUTORIAL_REMARKS = {  # one thing changed of the tutorial's regression
    **TUTORIAL_REGRESSION,
    "coordconv, He": ({**TUTORIAL_FINDS, "model_args": {"padding": "valid"}}, 50),
    "rate 0.0001": ({**TUTORIAL_FINDS, "learning_rate": 1e-4}, 50),
    "rate 0.01": ({**TUTORIAL_FINDS, "learning_rate": 1e-2}, 50),
    "average pooling": (
        {**TUTORIAL_FINDS, "model_args": {"padding": "valid", "pool": "average", **GLOROT}},
        50,
    ),
}
TUTORIAL_QUADRANT = {
    **TUTORIAL_REGRESSION,
    "conv, for quadrant": (
        {
            **TUTORIAL_FINDS,
            "model": "conv_regressor_quadrant",
            "model_args": {"tutorial": True, **GLOROT},
            "learning_rate": 5e-4,
        },
        100,
    ),
}
TUTORIAL_UNIFORM = {
    **TUTORIAL_REGRESSION,
    "conv, for uniform": (
        {
            **TUTORIAL_FINDS,
            "model": "conv_regressor_uniform",
            "model_args": {"tutorial": True, **GLOROT},
        },
        100,
    ),
}
FINDS_RELEASED = {  # batches of 256, the code's default where none is given
    "coordconv": ({**REGRESS, **SEEKER, "schedule": "constant", "batch_size": 256}, 100)
}
DECONVOLUTION = {  # all its epochs, and its own schedule
    "deconv": ({**CLASSIFY, **DECONV, "schedule": "step"}, 1000),
}
TUTORIAL_DRAWS = {
    name: (
        {
            **TUTORIAL,
            "loss": "binary_cross_entropy",
            "model": model,
            "model_args": {**args, **GLOROT},
            "learning_rate": 1e-3,
        },
        100,
    )
    for name, model, args in (
        ("coordconv", "coordconv_renderer", {"kernel": 2, "mul": 2}),
        ("deconv", "deconv", {"kernel": 2, "mul": 3, "norm": False, "task": "rendering"}),
    )
}
NO_PLACE = {  # told or not, where the answer does not depend on position
    name: (
        {
            **RELEASED,
            "model": "coordconv_regressor",
            "model_args": {"activation": "relu", "pool": "average", "coordinates": kind},
            "learning_rate": 3e-3,
        },
        20,
    )
    for name, kind in (("coordconv", "xy"), ("no coordinates", "none"))
}
DELICATE = {  # both convolutions at the rates that were searched
    f"{arm}, rate {rate}": ({**REGRESSION[arm][0], "learning_rate": rate}, 100)
    for arm in ("conv, for uniform", "conv, for quadrant")
    for rate in (0.0005, 0.001, 0.01)
}
CANVAS = {
    "coordconv names": ("classification", CLASSIFICATION["coordconv"]),
    "deconv names": ("classification", CLASSIFICATION["deconv"]),
    "coordconv draws": ("rendering", RENDERING["coordconv"]),
    "deconv draws": ("rendering", RENDERING["deconv"]),
}
DRAWN_GIVEN_STEPS = {  # the painters above, first replicate, place by place
    "coordconv draws, as many steps": AS_MANY_STEPS["coordconv painter, as many steps"],
    "coordconv draws, normalised input": AS_MANY_STEPS["coordconv painter, normalised input"],
    "deconv draws, as many steps": AS_MANY_STEPS["deconv painter, as many steps"],
}
PLACES = {  # where coordinates enter the classifier, and in which form; the same input for all, normalised
    name: ({**CLASSIFY, **COORDCONV, "model_args": {"normalise": True, **changes}}, 25)
    for name, changes in {
        "first layer": {},
        "third layer": {"where": "3"},
        "last layer": {"where": "5"},
        "every layer": {"where": "all"},
        "with radius": {"radius": True},
        "Fourier code": {"coordinates": "fourier"},
        "Fourier code, centre too": {"coordinates": "fourier", "coded": True},
        "Fourier code of the centre": {"coded": True},
        "learnt table": {"coordinates": "table"},
        "random maps": {"coordinates": "random"},
        "blank channel": {"coordinates": "blank"},
        "no coordinates": {"coordinates": "none"},
        "no coordinates, 3x3 padded": {"coordinates": "none", "kernel": 3},
    }.items()
}
REMARKS = {
    "falling rate": ({**REGRESS, **SEEKER}, 50),
    "average pooling": ({**REGRESS, **SEEKER, "model_args": {"pool": "average"}}, 50),
    "with ReLU": ({**REGRESS, **SEEKER, "model_args": {"activation": "relu"}}, 50),
    "average pooling, ReLU": (
        {**REGRESS, **SEEKER, "model_args": {"pool": "average", "activation": "relu"}},
        50,
    ),
    "no coordinates": ({**REGRESS, **SEEKER, "model_args": {"coordinates": "none"}}, 50),
    "strided": ({**REGRESS, **SEEKER, "model_args": {"stride": 2}}, 50),
    "rate 0.0001": ({**REGRESS, **SEEKER, "schedule": "constant", "learning_rate": 1e-4}, 50),
    "rate 0.001": ({**REGRESS, **SEEKER, "schedule": "constant", "learning_rate": 1e-3}, 50),
    "rate 0.01": ({**REGRESS, **SEEKER, "schedule": "constant"}, 50),
    "long, rate 0.01": ({**REGRESS, **SEEKER, "schedule": "constant"}, 200),
}

# The first row of the remarks hardly learns in its epochs, so nothing can be seen to harm it: the
# same changes to one that does.
ONE_CHANGE = {
    "rate 0.001": REMARKS["rate 0.001"],
    **{
        name: ({**REMARKS[name][0], "schedule": "constant", "learning_rate": 1e-3}, 50)
        for name in (
            "average pooling",
            "with ReLU",
            "average pooling, ReLU",
            "no coordinates",
            "strided",
        )
    },
}

CONSTANT = {**REGRESS, **SEEKER, "schedule": "constant"}
SLOWER = {
    "coordconv, rate 0.001": ({**CONSTANT, "learning_rate": 1e-3}, 100),
    **{a: v for a, v in REGRESSION.items() if a != "coordconv"},
}
RATES_GIVEN_STEPS = {
    f"rate {rate}": ({**CONSTANT, "learning_rate": rate}, 260) for rate in (0.0001, 0.001, 0.01)
}


CORNERS = {  # replicate -> the data set's replicate, of which 0 is the published split
    "redrawn": lambda replicate: replicate,
    "published": lambda replicate: 0,
    "turned": lambda replicate: replicate // 3 * 4 + 1 + replicate % 3,  # never the bottom right
}


def trial(
    p: Canvas,
    task: str,
    split: str,
    replicate: int,
    changes: dict,
    epochs: float,
    corner: str = "redrawn",
    **data,
) -> Trial:
    """One network on one split. With corner="redrawn" replicates turn the held-out quadrant, or
    redraw the uniform split (0: the published one); with "published" they only start anew.
    """
    model_args = {"size": p.size, **changes.get("model_args", {})}
    if changes["model"] == "conv_regressor_quadrant":  # its last layers take any size
        model_args.pop("size")
    return Trial(
        **{
            "dataset": "not_so_clevr",
            "dataset_args": {
                "task": task,
                "split": split,
                "size": p.size,
                "replicate": CORNERS[corner](replicate),
                **data,
            },
            "replicate": replicate,
            "max_epochs": max(round(epochs * p.epochs), 1),
            "curve_images": 1000,
            **changes,
            "model_args": model_args,
        }
    )


def grid(task: str | None, arms: dict, **more):
    """The grid of a study: its arms on every split, each with a task of its own if `task` is None;
    `more`: `trial`'s corner, and further arguments of the data set.
    """

    def trials(p: Canvas, arm: str, replicate: int) -> Iterator[Trial]:
        own, (changes, epochs) = (task, arms[arm]) if task else arms[arm]
        for split in p.splits:
            yield trial(p, own, split, replicate, changes, epochs, **more)

    return trials


def drawn(arm: str, replicate: int) -> dict:
    """A random configuration: rate, penalty and batch for both networks, and the deconvolution's
    kernel and width, from the ranges that the sources searched. The same draw of what they
    share.
    """
    random_ = random.Random(f"search {replicate}")
    shared = {
        "learning_rate": round(10 ** random_.uniform(-4, -1.3), 6),
        "weight_decay": 2 * random_.choice((0.0, 0.001, 0.01)),
        "batch_size": random_.choice((16, 32)),
    }
    own = {"kernel": random_.choice((2, 3, 4)), "mul": random_.choice((1, 2))}
    return {**CLASSIFICATION[arm][0], **shared, **({"model_args": own} if arm == "deconv" else {})}


def search(p: Canvas, arm: str, replicate: int) -> Iterator[Trial]:
    for split in p.splits:
        yield trial(p, "classification", split, replicate, drawn(arm, replicate), 25)


NAMED = ("score", "right", "coordinates_off")
QUADRANT = ("quadrant",)


def study(
    name: str,
    question: str,
    arms,
    trials,
    measures: tuple[str, ...] = ("score",),
    splits: tuple[str, ...] = SPLITS,
    factors: tuple[float, float] = (0.04, 0.5),
    replicates: int = 10,
    size: int = 32,
    epochs: float = 1.0,
    small: int = 16,
    networks: dict | None = None,
) -> Study:
    """A study of this chapter. `replicates`, `size` and the factor `epochs` are of `paper`; `small`
    (the canvas) and `factors` (on the epochs) of `smoke` and `quick`.
    """
    small = {"size": small, "splits": splits}
    return Study(
        f"coordconv.{name}",
        question,
        tuple(arms),
        trials,
        {
            "smoke": {**small, "replicates": min(replicates, 2), "epochs": factors[0]},
            "quick": {**small, "replicates": 1, "epochs": factors[1]},
            "paper": {
                "size": size,
                "splits": splits,
                "replicates": replicates,
                "epochs": epochs,
            },
        },
        measures,
        Canvas,
        networks,
    )
