"""The studies of the Coordinet chapter (Gillen 2021). Names, grids and numbers of replicates are fixed before records exist.

Rates were chosen by `coordinet.tuning`, on training images and replicates that are reported nowhere else.
"""

import statistics
from collections.abc import Iterator

from spatialbias import components
from spatialbias.studies.coordinet_arms import (
    ABLATIONS,
    ARMS,
    AVERAGING,
    COMPANY,
    EXTENDED,
    HYPOTHESES,
    NETWORKS,
    PUBLISHED_N,
    RATES,
    RIDGE,
    learning_rate,
)
from spatialbias.studies.study import Parameters, Results, Study
from spatialbias.trials import Trial


def choose(results: Results) -> dict[str, float | tuple[float, float]]:
    """The setting of each arm that the tuning records choose, by the same rule for all: of the settings whose mean
    accuracy on the tuning images lies within one standard error of the best one's (Breiman's rule), the one that stops after
    the fewest epochs; settings of which a trial failed to reach the loss come last. For kernel ridge, the best mean."""
    settings: dict[tuple, list[tuple[float, int, bool]]] = {}
    for arm, t, record in results.present:
        value = next(row["value"] for row in record["rows"] if row["measure"] == "accuracy" and row["at"] == "stop")
        setting = (t.model_args["gamma"], t.model_args["ridge"]) if arm == "kernel_ridge" else t.learning_rate
        settings.setdefault((arm, setting), []).append((value, record["stop"]["epoch"], record["stop"]["reason"] in ("cap", "diverged")))
    chosen = {}
    for arm in dict.fromkeys(arm for arm, _ in settings):
        scores = {s: (statistics.fmean(v for v, _, _ in runs), runs) for (a, s), runs in settings.items() if a == arm}
        best = max(scores, key=lambda s: scores[s][0])
        values = [v for v, _, _ in scores[best][1]]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
        close = [s for s in scores if scores[s][0] >= scores[best][0] - error]
        failed = {s: any(f for _, _, f in scores[s][1]) for s in close}
        chosen[arm] = (
            best if arm == "kernel_ridge" else min(close, key=lambda s: (failed[s], statistics.fmean(e for _, e, _ in scores[s][1])))
        )
    return chosen


def trial(p: Parameters, arm: str, n_train: int, replicate: int, **changes) -> Trial:
    """One network trained to loss 0.1 on `n_train` images, and measured at epoch 100 too if that takes longer."""
    channels, size, classes = components.SHAPES[p.dataset]
    values = {
        "dataset": p.dataset,
        "n_train": n_train,
        "replicate": replicate,
        "max_epochs": p.max_epochs,
        "stop_loss": 0.1,
        "mark_epoch": 100,
        "curve_images": 250,
        "learning_rate": learning_rate(arm),
        **ARMS[arm],
        **changes,
    }
    usual = (1, 28) if values["model"] == "coordinet_v1" else (3, 32)  # a network's own default stays unsaid
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
                    yield trial(p, arm, n_train, replicate, role="tuning", model_args={"gamma": gamma, "ridge": ridge}, curve_images=500)
        else:
            extended = (EXTENDED[arm],) if arm in EXTENDED and p.learning_rates == RATES else ()
            for rate in (*p.learning_rates, *extended):
                yield trial(p, arm, n_train, replicate, role="tuning", learning_rate=rate, mark_epoch=None, curve_images=500)


SMOKE = {"dataset": "digits", "n_train": (24,), "replicates": 2, "max_epochs": 2}
QUICK = {"n_train": (97,), "replicates": 2, "max_epochs": 40}
PAPER = {"n_train": (390,), "replicates": 10, "max_epochs": 300}

STUDIES = (
    Study(
        "coordinet.tuning",
        "Which learning rate suits each network?",
        (*NETWORKS, "pooled_cnn", "fully_connected_norm", "kernel_ridge", "shared, flattened", "shared, pooled", "unshared, flattened"),
        tuning,
        {
            "smoke": SMOKE | {"replicates": 1, "learning_rates": (1e-3, 3e-3), "arms": NETWORKS},
            "quick": QUICK | {"replicates": 1, "max_epochs": 30, "learning_rates": (3e-4, 1e-3, 3e-3), "arms": NETWORKS},
            "paper": PAPER | {"replicates": 3, "max_epochs": 150},
        },
        parameters=TuningParameters,
    ),
    Study(
        "coordinet.averaging_tuning",  # of the network that only `coordinet.averaging` has
        "Which learning rate suits the network that averages without sharing?",
        ("unshared, pooled",),
        tuning,
        {
            "smoke": SMOKE | {"replicates": 1, "learning_rates": (1e-3, 3e-3)},
            "quick": QUICK | {"replicates": 1, "max_epochs": 30},
            "paper": PAPER | {"replicates": 3, "max_epochs": 150},
        },
        parameters=TuningParameters,
    ),
    Study(
        "coordinet.few_samples",
        "Which network learns most from few images?",
        (*NETWORKS, *COMPANY),
        by_size,
        {"smoke": SMOKE, "quick": QUICK | {"n_train": (97, 195)}, "paper": PAPER | {"n_train": (97, *PUBLISHED_N, 3125)}},
    ),
    Study(
        "coordinet.hypotheses",
        "What does a convolution know that helps it: where pixels are, or what is near what?",
        HYPOTHESES,
        by_size,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
    ),
    Study(
        "coordinet.averaging",
        "What does averaging over positions need?",
        AVERAGING,
        by_size,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
    ),
    Study(
        "coordinet.rotation",
        "What happens when the picture is turned?",
        (*NETWORKS, *COMPANY),
        by_size,
        {"smoke": SMOKE, "quick": QUICK, "paper": PAPER | {"n_train": PUBLISHED_N}},
        ("accuracy", "rotation"),
    ),
    Study(
        "coordinet.rotation_controls",
        "Is it the turn, the blur or the black corners?",
        (*NETWORKS, "pooled_cnn"),  # a convolution that sees the border
        by_size,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
        ("accuracy", "rotation", "rotation_masked", "rotation_back", "rotation_abstain", "quarter_turns"),
    ),
    Study(
        "coordinet.resized_crop",
        "What happens when the picture is cropped and enlarged?",
        (*NETWORKS, *COMPANY),
        by_size,
        {"smoke": SMOKE, "quick": QUICK, "paper": PAPER | {"n_train": PUBLISHED_N}},
        ("accuracy", "resized_crop"),
    ),
    Study(
        "coordinet.crop_controls",
        "Is it the crop, the blur or the position?",
        (*NETWORKS, "pooled_cnn"),  # and one that pads
        by_size,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
        ("accuracy", "resized_crop", "resized_crop_exact", "crop_blur", "translation", "scaling"),
    ),
    Study(
        "coordinet.ablations",
        "Which part of Coordinet does the work?",
        ABLATIONS,
        by_size,
        {
            "smoke": SMOKE | {"replicates": 1, "arms": ABLATIONS[:3]},
            "quick": QUICK | {"replicates": 1, "max_epochs": 30, "arms": ABLATIONS[:5]},
            "paper": PAPER,
        },
        ("accuracy", "foreign_modulation"),
    ),
    Study(
        "coordinet.beyond_the_grid",
        "What can a network do with pixels that lie on no grid?",
        NETWORKS,
        by_size,
        {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
        ("accuracy", "sizes", "subsets", "foveated", "warps"),
    ),
    Study(
        "coordinet.other_data",
        "Does it hold for other images?",
        (*NETWORKS, "coordinet_v1"),
        by_size,
        {
            "smoke": SMOKE | {"replicates": 1},
            "quick": QUICK | {"replicates": 1, "dataset": "fashion_mnist"},
            "paper": PAPER | {"n_train": (97, 390), "dataset": "fashion_mnist"},
        },
        ("accuracy", "rotation", "rotation_masked"),
    ),
    Study(
        "coordinet.mnist",
        "Does it hold where the corners are black anyway?",
        NETWORKS,
        by_size,
        {
            "smoke": SMOKE | {"replicates": 1},
            "quick": QUICK | {"replicates": 1, "dataset": "mnist"},
            "paper": PAPER | {"n_train": (97, 390), "dataset": "mnist"},
        },
        ("accuracy", "rotation", "rotation_masked"),
    ),
    Study(
        "coordinet.reproduce",
        "Does a shipped record come out the same on this machine?",
        NETWORKS,
        by_size,
        {profile: {"dataset": "digits", "n_train": (97,), "replicates": 1, "max_epochs": 40} for profile in ("smoke", "quick", "paper")},
    ),
)
