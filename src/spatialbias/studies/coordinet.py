"""The studies of the Coordinet chapter (Gillen 2021). Names, grids and numbers of replicates are fixed before records exist.

Rates were chosen by `coordinet.tuning`, on training images and replicates that are reported nowhere else.
"""

from collections.abc import Iterator

from spatialbias import components
from spatialbias.studies.study import Parameters, Study
from spatialbias.trials import Trial

PUBLISHED_N = (195, 390, 781, 1562)  # the sizes that the source's text shows; its plots add 97 and 3125
NETWORKS = ("fully_connected", "simple_cnn", "coordinet")
COMPANY = ("pooled_cnn", "fully_connected_norm", "kernel_ridge")
RATES = (3e-4, 1e-3, 3e-3)  # of the tuning grid, the same for every arm; extended where the best lies at an edge

ARMS: dict[str, dict] = {  # arm: what it changes of the trial below
    "fully_connected": {"model": "fully_connected"},
    "simple_cnn": {"model": "simple_cnn"},
    "coordinet": {"model": "coordinet"},
    "pooled_cnn": {"model": "pooled_cnn"},
    "fully_connected_norm": {"model": "fully_connected", "model_args": {"norm": "layer"}},
    "kernel_ridge": {"model": "kernel_ridge"},
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
HYPOTHESES = (*NETWORKS, *(a for a in ARMS if "permuted" in a or "places" in a), *(a for a in ARMS if "shared," in a))
ABLATIONS = ("coordinet", *list(ARMS)[list(ARMS).index("no modulation"):])

LEARNING_RATES: dict[str, float] = {}  # chosen by `coordinet.tuning`; `tests/studies` checks them against its records
RIDGE = {"gamma": 1.0, "ridge": 0.1}  # chosen likewise
DEFAULT_RATE = 1e-3


def learning_rate(arm: str) -> float:
    """The tuned rate of an arm. Variants that were not tuned themselves take that of the network they vary (said on the page)."""
    if arm in LEARNING_RATES:
        return LEARNING_RATES[arm]
    return LEARNING_RATES.get(ARMS[arm]["model"], DEFAULT_RATE)


def trial(p: Parameters, arm: str, n_train: int, replicate: int, **changes) -> Trial:
    """One network trained to loss 0.1 on `n_train` images, and measured at epoch 100 too if that takes longer."""
    channels, size, classes = components.SHAPES[p.dataset]
    values = {"dataset": p.dataset, "n_train": n_train, "replicate": replicate, "max_epochs": p.max_epochs, "stop_loss": 0.1,
              "mark_epoch": 100, "learning_rate": learning_rate(arm), **ARMS[arm], **changes}
    shape = {"channels": channels, "size": size} if (channels, size) != (3, 32) else {}
    if values["model"] in ("kernel_ridge", "pooled_cnn"):
        shape.pop("size", None)
    if values["model"] == "kernel_ridge":
        shape = {}
        values["model_args"] = RIDGE
        values |= {"learning_rate": 1.0, "max_epochs": 1, "mark_epoch": None}
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
                for ridge in (0.01, 0.1, 1.0):
                    yield trial(p, arm, n_train, replicate, role="tuning").model_copy(update={"model_args": {"gamma": gamma, "ridge": ridge}})
        else:
            for rate in p.learning_rates:
                yield trial(p, arm, n_train, replicate, role="tuning", learning_rate=rate, mark_epoch=None)


SMOKE = {"dataset": "digits", "n_train": (24,), "replicates": 2, "max_epochs": 2}
QUICK = {"n_train": (97,), "replicates": 3, "max_epochs": 60}
PAPER = {"n_train": (390,), "replicates": 10, "max_epochs": 300}

STUDIES = (
    Study("coordinet.tuning", "Which learning rate suits each network?",
          (*NETWORKS, "pooled_cnn", "fully_connected_norm", "kernel_ridge", "shared, flattened", "shared, pooled", "unshared, flattened"),
          tuning,
          {"smoke": SMOKE | {"replicates": 1, "learning_rates": (1e-3, 3e-3), "arms": NETWORKS},
           "quick": QUICK | {"replicates": 2, "max_epochs": 30, "learning_rates": (3e-4, 1e-3, 3e-3), "arms": NETWORKS},
           "paper": PAPER | {"replicates": 3, "max_epochs": 150}},
          parameters=TuningParameters),
    Study("coordinet.few_samples", "Which network learns most from few images?", (*NETWORKS, *COMPANY), by_size,
          {"smoke": SMOKE, "quick": QUICK | {"n_train": (97, 195)}, "paper": PAPER | {"n_train": (97, *PUBLISHED_N)}}),
    Study("coordinet.hypotheses", "What does a convolution know that helps it: where pixels are, or what is near what?",
          HYPOTHESES, by_size, {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 2}, "paper": PAPER}),
    Study("coordinet.rotation", "What happens when the picture is turned?", (*NETWORKS, *COMPANY), by_size,
          {"smoke": SMOKE, "quick": QUICK, "paper": PAPER | {"n_train": PUBLISHED_N}},
          ("accuracy", "rotation")),
    Study("coordinet.rotation_controls", "Is it the turn, the blur or the black corners?", NETWORKS, by_size,
          {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
          ("accuracy", "rotation", "rotation_masked", "rotation_back", "rotation_abstain", "quarter_turns")),
    Study("coordinet.resized_crop", "What happens when the picture is cropped and enlarged?", (*NETWORKS, *COMPANY), by_size,
          {"smoke": SMOKE, "quick": QUICK, "paper": PAPER | {"n_train": PUBLISHED_N}},
          ("accuracy", "resized_crop")),
    Study("coordinet.crop_controls", "Is it the crop, the blur or the position?", NETWORKS, by_size,
          {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
          ("accuracy", "resized_crop", "resized_crop_exact", "crop_blur", "translation", "scaling")),
    Study("coordinet.ablations", "Which part of Coordinet does the work?", ABLATIONS, by_size,
          {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1, "max_epochs": 30, "arms": ABLATIONS[:5]}, "paper": PAPER},
          ("accuracy", "foreign_modulation")),
    Study("coordinet.beyond_the_grid", "What can a network do with pixels that lie on no grid?", NETWORKS, by_size,
          {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1}, "paper": PAPER},
          ("accuracy", "sizes", "subsets", "foveated", "warps")),
    Study("coordinet.other_data", "Does it hold for other images?", NETWORKS, by_size,
          {"smoke": SMOKE | {"replicates": 1}, "quick": QUICK | {"replicates": 1, "dataset": "fashion_mnist"},
           "paper": PAPER | {"n_train": (97, 390), "dataset": "fashion_mnist"}}, ("accuracy", "rotation")),
)
