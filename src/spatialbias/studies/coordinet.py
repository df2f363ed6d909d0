"""The studies of the Coordinet chapter (Gillen 2021). Names, grids and numbers of replicates are
fixed before records exist.

Rates were chosen by `coordinet.tuning`, on training images and replicates that are reported nowhere
else.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from spatialbias import components
from spatialbias.studies.coordinet_arms import (
    ABLATIONS,
    ARMS,
    AVERAGING,
    COMPANY,
    EXTENDED,
    HYPOTHESES,
    NETWORKS,
    PADDING,
    PUBLISHED_N,
    RATES,
    RIDGE,
    SAME_RATE,
    UNMODULATED,
    learning_rate,
)
from spatialbias.studies.study import Parameters, Results, Study
from spatialbias.trials import Trial


def choose(results: Results) -> dict[str, float | tuple[float, float]]:
    """The setting of each arm that the tuning records choose, by the same rule for all: of the
    settings whose mean accuracy on the tuning images lies within one standard error of the best
    one's (Breiman's rule), the one that stops after the fewest epochs; settings of which a trial
    failed to reach the loss come last. For kernel ridge, the best mean.
    """
    settings: dict[tuple, list[tuple[float, int, bool]]] = {}
    for arm, t, record in results.present:
        value = next(
            row["value"]
            for row in record["rows"]
            if row["measure"] == "accuracy" and row["at"] == "stop"
        )
        setting = (
            (t.model_args["gamma"], t.model_args["ridge"])
            if arm == "kernel_ridge"
            else t.learning_rate
        )
        settings.setdefault((arm, setting), []).append(
            (value, record["stop"]["epoch"], record["stop"]["reason"] in ("cap", "diverged"))
        )
    chosen = {}
    for arm in dict.fromkeys(arm for arm, _ in settings):
        scores = {
            s: (statistics.fmean(v for v, _, _ in runs), runs)
            for (a, s), runs in settings.items()
            if a == arm
        }
        best = max(scores, key=lambda s: scores[s][0])
        values = [v for v, _, _ in scores[best][1]]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
        close = [s for s in scores if scores[s][0] >= scores[best][0] - error]
        failed = {s: any(f for _, _, f in scores[s][1]) for s in close}
        chosen[arm] = (
            best
            if arm == "kernel_ridge"
            else min(
                close, key=lambda s: (failed[s], statistics.fmean(e for _, e, _ in scores[s][1]))
            )
        )
    return chosen


def trial(p: Parameters, arm: str, n_train: int, replicate: int, **changes) -> Trial:
    """One network trained to loss 0.1 on `n_train` images, and measured at epoch 100 too if that
    takes longer.
    """
    channels, size, classes = components.SHAPES[p.dataset]
    size //= ARMS[arm].get("dataset_args", {}).get("shrink", 1)
    values = {
        "dataset": p.dataset,
        "n_train": n_train,
        "replicate": replicate,
        "max_epochs": p.max_epochs,
        "stop_loss": 0.1,
        "mark_epoch": 100,
        "curve_images": 250,
        "learning_rate": learning_rate(arm),
        **p.tested_on(),
        **ARMS[arm],
        **changes,
    }
    usual = (
        (1, 28) if values["model"] == "coordinet_v1" else (3, 32)
    )  # a network's own default stays unsaid
    shape = {"channels": channels, "size": size} if (channels, size) != usual else {}
    if values["model"] == "pooled_cnn":
        shape.pop("size", None)
    if values["model"] == "kernel_ridge":  # solved, not descended
        shape = {}
        values = {"model_args": RIDGE, **values, "max_epochs": 1, "mark_epoch": None}
    return Trial(**{**values, "model_args": {**shape, **values.get("model_args", {})}})


def by_size(p: Parameters, arm: str, replicate: int) -> Iterator[Trial]:
    for n_train in p.n_train:
        yield trial(p, arm, n_train, replicate)


class TuningParameters(Parameters):
    """The grid of learning rates besides."""

    learning_rates: tuple[float, ...] = RATES


def tuning(p: TuningParameters, arm: str, replicate: int) -> Iterator[Trial]:
    for n_train in p.n_train:
        if arm == "kernel_ridge":
            for gamma in (0.3, 1.0, 3.0):
                for ridge in (0.01, 0.1, 1.0, 3.0):
                    yield trial(
                        p,
                        arm,
                        n_train,
                        replicate,
                        role="tuning",
                        model_args={"gamma": gamma, "ridge": ridge},
                        curve_images=500,
                    )
        else:
            extended = (EXTENDED[arm],) if arm in EXTENDED and p.learning_rates == RATES else ()
            for rate in (*p.learning_rates, *extended):
                yield trial(
                    p,
                    arm,
                    n_train,
                    replicate,
                    role="tuning",
                    learning_rate=rate,
                    mark_epoch=None,
                    curve_images=ARMS[arm].get("curve_images", 500),
                )


SMOKE = {"dataset": "digits", "n_train": (24,), "replicates": 2, "max_epochs": 2}
QUICK = {"n_train": (97,), "replicates": 2, "max_epochs": 40, "test_images": 1000}
PAPER = {"n_train": (390,), "replicates": 10, "max_epochs": 300}


def study(
    name: str,
    question: str,
    arms: Sequence[str],
    *measures: str,
    repeats: int = 1,
    smoke: dict | None = None,
    quick: dict | None = None,
    **paper,
) -> Study:
    """A study of networks by N: `repeats` in the two small profiles, and what each profile has of
    its own. Accuracy is always measured.
    """
    small = {"replicates": repeats}
    many = {"test_images": 500} if len(measures) > 2 else {}  # or they cost more than training
    profiles = {
        "smoke": SMOKE | small | (smoke or {}),
        "quick": QUICK | small | many | (quick or {}),
        "paper": PAPER | paper,
    }
    return Study(
        f"coordinet.{name}", question, tuple(arms), by_size, profiles, ("accuracy", *measures)
    )


def rates(
    name: str, question: str, arms: Sequence[str], smoke: dict, quick: dict, **paper
) -> Study:
    """A study that chooses rates, by the same rule and protocol for all networks."""
    small = {"replicates": 1}
    profiles = {
        "smoke": SMOKE | small | {"learning_rates": (1e-3, 3e-3)} | smoke,
        "quick": QUICK | small | {"max_epochs": 30} | quick,
        "paper": PAPER | {"replicates": 3, "max_epochs": 150} | paper,
    }
    return Study(
        f"coordinet.{name}", question, tuple(arms), tuning, profiles, parameters=TuningParameters
    )


STUDIES = (
    rates(
        "tuning",
        "Which learning rate suits each network?",
        (
            *NETWORKS,
            "pooled_cnn",
            "fully_connected_norm",
            "kernel_ridge",
            "shared, flattened",
            "shared, pooled",
            "unshared, flattened",
        ),
        {"arms": NETWORKS},
        {"arms": NETWORKS, "learning_rates": RATES},
    ),
    # of the network that only `coordinet.averaging` has
    rates(
        "averaging_tuning",
        "Which learning rate suits the network that averages without sharing?",
        ("unshared, pooled",),
        {},
        {},
    ),
    # on fewer images than the others' tuning: an epoch costs seven times theirs
    rates(
        "padding_tuning",
        "Which learning rate suits the convolutional network that pads?",
        ("padded_cnn",),
        {},
        {},
        n_train=(97,),
    ),
    # The source says nothing of padding: what of its comparison depends on it?
    study(
        "padding",
        "Does the convolutional network gain by padding its maps?",
        PADDING,
        n_train=(97,),
    ),
    replace(
        study(
            "padding_more",
            "Does it gain by padding with more images, too?",
            PADDING,
            n_train=PUBLISHED_N,
        ),
        networks={"arms": ("padded_cnn",), "n_train": 390},
    ),
    study(
        "padding_shifts",
        "Does padding matter when the picture is turned or cropped?",
        PADDING,
        "rotation",
        "resized_crop",
        n_train=(97,),
    ),
    study(
        "padding_shifts_more",
        "Does it matter there with more training images, too?",
        PADDING,
        "rotation",
        "resized_crop",
        n_train=PUBLISHED_N,
    ),
    # Images of 16 pixels a side and paths of width 64: without a modulator the loss takes hundreds of
    # epochs, which the source's size does not allow us
    rates(
        "unmodulated_tuning",
        "Which learning rate suits networks on small images?",
        [arm for arm in UNMODULATED if arm not in SAME_RATE],
        {},
        {"arms": UNMODULATED[:1], "learning_rates": RATES},
        n_train=(97,),
        max_epochs=600,
    ),
    study(
        "unmodulated",
        "What does access to relative location do, where the pixels are sure to be used?",
        UNMODULATED,
        "uses",
        smoke={"arms": UNMODULATED[:3]},
        quick={"arms": UNMODULATED[:2]},
        n_train=(97,),
        max_epochs=600,
    ),
    study(
        "unmodulated_shifts",
        "What can it do with pixels that are turned, or lie on no grid?",
        ("unmodulated", "pooled_cnn, small"),
        "rotation",
        "sizes",
        "warps",
        n_train=(97,),
        max_epochs=600,
    ),
    replace(
        study(
            "few_samples",
            "Which network learns most from few images?",
            (*NETWORKS, *COMPANY),
            repeats=2,
            quick={"n_train": (97, 195)},
            n_train=(97, *PUBLISHED_N, 3125),
        ),
        networks={"arms": (*NETWORKS, "pooled_cnn"), "n_train": 390},
    ),
    replace(
        study(
            "hypotheses",
            "What does a convolution know that helps it: where pixels are, or what is near what?",
            HYPOTHESES,
        ),
        networks={"arms": ("no modulation",), "n_train": 390},
    ),
    study("averaging", "What does averaging over positions need?", AVERAGING),
    study(
        "rotation",
        "What happens when the picture is turned?",
        (*NETWORKS, *COMPANY),
        "rotation",
        repeats=2,
        n_train=PUBLISHED_N,
    ),
    study(
        "rotation_controls",
        "Is it the turn, the blur or the black corners?",
        (*NETWORKS, "pooled_cnn"),  # one that pads
        "rotation",
        "rotation_masked",
        "rotation_back",
        "rotation_abstain",
        "quarter_turns",
    ),
    study(
        "resized_crop",
        "What happens when the picture is cropped and enlarged?",
        (*NETWORKS, *COMPANY),
        "resized_crop",
        repeats=2,
        n_train=PUBLISHED_N,
    ),
    study(
        "crop_controls",
        "Is it the crop, the blur or the position?",
        NETWORKS,
        "resized_crop",
        "resized_crop_exact",
        "crop_blur",
        "translation",
        "scaling",
    ),
    study(
        "ablations",
        "Which part of Coordinet does the work?",
        ABLATIONS,
        "foreign_modulation",
        smoke={"arms": ABLATIONS[:3]},
        quick={"max_epochs": 30, "arms": ABLATIONS[:5]},
    ),
    study(
        "beyond_the_grid",
        "What can a network do with pixels that lie on no grid?",
        NETWORKS,
        "sizes",
        "subsets",
        "foveated",
        "warps",
    ),
    study(
        "other_data",
        "Does it hold for other images?",
        (*NETWORKS, "coordinet_v1"),
        "rotation",
        "rotation_masked",
        quick={"dataset": "fashion_mnist"},
        n_train=(97, 390),
        dataset="fashion_mnist",
    ),
    # Its author logs 88 %
    study(
        "v1_as_run",
        "What does the published first version reach, run as its author ran it?",
        ("coordinet_v1, as run",),
        quick={"dataset": "fashion_mnist", "max_epochs": 2},
        n_train=(60_000,),
        dataset="fashion_mnist",
        max_epochs=10,
        replicates=3,
    ),
    study(
        "mnist",
        "Does it hold where the corners are black anyway?",
        NETWORKS,
        "rotation",
        "rotation_masked",
        quick={"dataset": "mnist"},
        n_train=(97, 390),
        dataset="mnist",
    ),
    Study(
        "coordinet.reproduce",
        "Does a shipped record come out the same on this machine?",
        NETWORKS,
        by_size,
        dict.fromkeys(
            components.PROFILES,
            {"dataset": "digits", "n_train": (97,), "replicates": 1, "max_epochs": 40},
        ),
    ),
)
