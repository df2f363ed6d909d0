"""The studies of the Coordinet chapter (Gillen 2021). Names, grids and numbers of replicates are fixed before records exist.

Rates were chosen by `coordinet.tuning`, on training images and replicates that are reported nowhere else.
"""

import statistics
from collections.abc import Iterator

from spatialbias import components
from spatialbias.studies.study import Parameters, Results, Study
from spatialbias.trials import Trial

PUBLISHED_N = (195, 390, 781, 1562)  # the sizes that the source's text shows; its plots add 97 and 3125
NETWORKS = ("fully_connected", "simple_cnn", "coordinet")
COMPANY = ("pooled_cnn", "fully_connected_norm", "kernel_ridge")
RATES = (3e-4, 1e-3, 3e-3)  # of the tuning grid, the same for every arm
EXTENDED = {  # arms whose best rate lay at an edge of that grid: one rate beyond the edge
    "fully_connected": 1e-4,
    "fully_connected_norm": 1e-4,
    "simple_cnn": 1e-4,
    "coordinet": 1e-2,
    "pooled_cnn": 1e-2,
    "shared, flattened": 1e-2,
}

ARMS: dict[str, dict] = {  # arm: what it changes of the trial below
    "fully_connected": {"model": "fully_connected"},
    "simple_cnn": {"model": "simple_cnn"},
    "coordinet": {"model": "coordinet"},
    "pooled_cnn": {"model": "pooled_cnn"},
    "fully_connected_norm": {"model": "fully_connected", "model_args": {"norm": "layer"}},
    "kernel_ridge": {"model": "kernel_ridge"},
    # The published first version, with the recipe of its code; its schedule follows the test loss, ours the training loss
    "coordinet_v1": {"model": "coordinet_v1", "schedule": "plateau"},
    # Locality, sharing and pooling taken apart
    "shared, flattened": {"model": "strided_cnn"},
    "shared, pooled": {"model": "strided_cnn", "model_args": {"pooling": "mean"}},
    "unshared, flattened": {"model": "strided_cnn", "model_args": {"sharing": False}},
    # One fixed permutation of all pixels
    "fully_connected, permuted": {"model": "fully_connected", "dataset_args": {"permutation": "fixed"}},
    "simple_cnn, permuted": {"model": "simple_cnn", "dataset_args": {"permutation": "fixed"}},
    "coordinet, true places": {"model": "coordinet", "dataset_args": {"permutation": "fixed", "coordinates": "true"}},
    "coordinet, new places": {"model": "coordinet", "dataset_args": {"permutation": "fixed", "coordinates": "grid"}},
    "coordinet, random places": {"model": "coordinet", "dataset_args": {"permutation": "fixed", "coordinates": "random"}},
    "no modulation, random places": {"model": "coordinet", "model_args": {"modulation": "none"},
                                     "dataset_args": {"permutation": "fixed", "coordinates": "random"}},
    # Coordinet with one thing changed
    "no modulation": {"model": "coordinet", "model_args": {"modulation": "none"}},
    "learned modulation": {"model": "coordinet", "model_args": {"modulation": "learned"}},
    "late fusion": {"model": "coordinet", "model_args": {"modulation": "late"}},
    "input side, demodulated": {"model": "coordinet", "model_args": {"side": "input", "norm": "demodulation"}},
    "input side, normalised": {"model": "coordinet", "model_args": {"side": "input"}},
    "output side, demodulated": {"model": "coordinet", "model_args": {"norm": "demodulation"}},
    "bias and affine": {"model": "coordinet", "model_args": {"bias": True, "affine": True}},
    "raw coordinates": {"model": "coordinet", "model_args": {"encoding": "raw"}},
    "trained Fourier code": {"model": "coordinet", "model_args": {"encoding": "fourier"}},
    "embedding table": {"model": "coordinet", "model_args": {"encoding": "embedding"}},
    "Fourier and table": {"model": "coordinet", "model_args": {"encoding": "combined"}},
    "two layers": {"model": "coordinet", "model_args": {"layers": 2}},
    "six layers": {"model": "coordinet", "model_args": {"layers": 6}},
    "attention pooling": {"model": "coordinet", "model_args": {"pooling": "attention"}},
}
HYPOTHESES = (
    *NETWORKS,
    *(a for a in ARMS if "permuted" in a or "places" in a),
    *(a for a in ARMS if "shared," in a),
    "no modulation",
)
ABLATIONS = ("coordinet", *list(ARMS)[list(ARMS).index("no modulation") :])

LEARNING_RATES = {  # what `choose` makes of the records of `coordinet.tuning`; a test compares the two
    "fully_connected": 3e-4,
    "simple_cnn": 3e-4,
    "coordinet": 1e-3,
    "pooled_cnn": 3e-4,
    "fully_connected_norm": 3e-4,
    "shared, flattened": 3e-3,
    "shared, pooled": 3e-3,
    "unshared, flattened": 1e-3,
    "kernel_ridge": 1.0,
}
PUBLISHED_RATES = {"coordinet_v1": 1e-2}  # in its code: not tuned by us
RIDGE = {"gamma": 1.0, "ridge": 1.0}  # chosen likewise; its rate has no meaning


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


def learning_rate(arm: str) -> float:
    """The tuned rate of an arm. Variants that were not tuned themselves take that of the network they vary (said on the page)."""
    return (LEARNING_RATES | PUBLISHED_RATES).get(arm) or LEARNING_RATES[ARMS[arm]["model"]]


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
        "coordinet.few_samples",
        "Which network learns most from few images?",
        (*NETWORKS, *COMPANY),
        by_size,
        {"smoke": SMOKE, "quick": QUICK | {"n_train": (97, 195)}, "paper": PAPER | {"n_train": (97, *PUBLISHED_N)}},
    ),
    Study(
        "coordinet.hypotheses",
        "What does a convolution know that helps it: where pixels are, or what is near what?",
        HYPOTHESES,
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
        NETWORKS,
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
        NETWORKS,
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
        ("accuracy", "rotation"),
    ),
    Study(
        "coordinet.reproduce",
        "Does a shipped record come out the same on this machine?",
        NETWORKS,
        by_size,
        {profile: {"dataset": "digits", "n_train": (97,), "replicates": 1, "max_epochs": 5} for profile in ("smoke", "quick", "paper")},
    ),
)
