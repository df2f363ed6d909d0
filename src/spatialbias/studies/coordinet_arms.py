"""What the studies of the Coordinet chapter compare: the networks, their variants, and the learning
rate of each.
"""

PUBLISHED_N = (
    195,
    390,
    781,
    1562,
)  # the sizes that the source's text shows; its plots add 97 and 3125
NETWORKS = ("fully_connected", "simple_cnn", "coordinet")
COMPANY = ("pooled_cnn", "fully_connected_norm", "kernel_ridge")
SMALL = {"shrink": 2}  # images of half the side: a quarter of the pixels
ON_SMALL = {"dataset_args": SMALL, "curve_images": 0, "mark_epoch": None}
NARROW = {"width": 64}
RATES = (3e-4, 1e-3, 3e-3)  # of the tuning grid, the same for every arm
EXTENDED = {  # arms whose best rate lay at an edge of that grid: one rate beyond the edge
    "fully_connected": 1e-4,
    "fully_connected_norm": 1e-4,
    "simple_cnn": 1e-4,
    "coordinet": 1e-2,
    "pooled_cnn": 1e-2,
    "padded_cnn": 1e-4,
    "shared, flattened": 1e-2,
    "unmodulated": 1e-2,
    "modulated by the image": 1e-2,
    "pooled_cnn, small": 1e-4,
    "fully_connected, small": 1e-4,
}

ARMS: dict[str, dict] = {  # arm: what it changes of the trial below
    "fully_connected": {"model": "fully_connected"},
    "simple_cnn": {"model": "simple_cnn"},
    "coordinet": {"model": "coordinet"},
    "pooled_cnn": {"model": "pooled_cnn"},
    "fully_connected_norm": {"model": "fully_connected", "model_args": {"norm": "layer"}},
    # As the simple one, but the map keeps its size: seven times the multiply-adds, so that its curve
    # is scored on fewer images
    "padded_cnn": {
        "model": "simple_cnn",
        "model_args": {"padding": "same"},
        "curve_images": 100,
    },
    "kernel_ridge": {"model": "kernel_ridge"},
    # The published first version, with the recipe of its code; its schedule follows the test loss,
    # ours the training loss
    "coordinet_v1": {"model": "coordinet_v1", "schedule": "plateau"},
    # The same as its author last ran it: all images, pixels in [0, 1], ten times slower
    "coordinet_v1, as run": {
        "model": "coordinet_v1",
        "pixels": "unit",
        "stop_loss": None,
        "mark_epoch": None,
    },
    # Locality, sharing and pooling taken apart
    "shared, flattened": {"model": "strided_cnn"},
    "shared, pooled": {"model": "strided_cnn", "model_args": {"pooling": "mean"}},
    "unshared, flattened": {"model": "strided_cnn", "model_args": {"sharing": False}},
    "unshared, pooled": {
        "model": "strided_cnn",
        "model_args": {"sharing": False, "pooling": "mean"},
    },
    # One fixed permutation of all pixels
    "fully_connected, permuted": {
        "model": "fully_connected",
        "dataset_args": {"permutation": "fixed"},
    },
    "simple_cnn, permuted": {"model": "simple_cnn", "dataset_args": {"permutation": "fixed"}},
    "pooled_cnn, permuted": {"model": "pooled_cnn", "dataset_args": {"permutation": "fixed"}},
    "coordinet, true places": {
        "model": "coordinet",
        "dataset_args": {"permutation": "fixed", "coordinates": "true"},
    },
    "coordinet, new places": {
        "model": "coordinet",
        "dataset_args": {"permutation": "fixed", "coordinates": "grid"},
    },
    "coordinet, random places": {
        "model": "coordinet",
        "dataset_args": {"permutation": "fixed", "coordinates": "random"},
    },
    "no modulation, random places": {
        "model": "coordinet",
        "model_args": {"modulation": "none"},
        "dataset_args": {"permutation": "fixed", "coordinates": "random"},
    },
    # Networks that are sure to use their pixels and, if it helps, where they lie; narrow and on small
    # images, for without a modulator the loss is reached only after hundreds of epochs
    "unmodulated": {
        "model": "coordinet",
        "model_args": {"modulation": "none", **NARROW},
        **ON_SMALL,
    },
    "unmodulated, permuted places": {
        "model": "coordinet",
        "model_args": {"modulation": "none", **NARROW},
        **ON_SMALL,
        "dataset_args": {"permutation": "fixed", **SMALL},
    },
    "unmodulated, random places": {
        "model": "coordinet",
        "model_args": {"modulation": "none", **NARROW},
        **ON_SMALL,
        "dataset_args": {"coordinates": "random", **SMALL},
    },
    "unmodulated, redrawn places": {
        "model": "coordinet",
        "model_args": {"modulation": "none", "coordinates": "redrawn", **NARROW},
        **ON_SMALL,
    },
    "unmodulated, no places": {
        "model": "coordinet",
        "model_args": {"modulation": "none", "coordinates": "none", **NARROW},
        **ON_SMALL,
    },
    "modulated by one colour": {
        "model": "coordinet",
        "model_args": {"summary": 1, **NARROW},
        **ON_SMALL,
    },
    "modulated by 4x4 colours": {
        "model": "coordinet",
        "model_args": {"summary": 4, **NARROW},
        **ON_SMALL,
    },
    "modulated by the image": {
        "model": "coordinet",
        "model_args": NARROW,
        **ON_SMALL,
    },
    "padded_cnn, small": {
        "model": "simple_cnn",
        "model_args": {"padding": "same"},
        **ON_SMALL,
    },
    "pooled_cnn, small": {"model": "pooled_cnn", **ON_SMALL},
    "fully_connected, small": {"model": "fully_connected", **ON_SMALL},
    # Coordinet with one thing changed
    "no modulation": {"model": "coordinet", "model_args": {"modulation": "none"}},
    "learned modulation": {"model": "coordinet", "model_args": {"modulation": "learned"}},
    "late fusion": {"model": "coordinet", "model_args": {"modulation": "late"}},
    "input side, demodulated": {
        "model": "coordinet",
        "model_args": {"side": "input", "norm": "demodulation"},
    },
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
    "fully_connected, permuted",
    "simple_cnn, permuted",
    "coordinet, true places",
    "coordinet, new places",
    "coordinet, random places",
    "no modulation, random places",
    "shared, flattened",
    "shared, pooled",
    "unshared, flattened",
    "no modulation",
)
AVERAGING = (
    "fully_connected",
    "pooled_cnn",
    "pooled_cnn, permuted",
    "shared, flattened",
    "shared, pooled",
    "unshared, flattened",
    "unshared, pooled",
)
UNMODULATED = (
    "unmodulated",
    "unmodulated, no places",
    "unmodulated, redrawn places",
    "unmodulated, permuted places",
    "unmodulated, random places",
    "pooled_cnn, small",
    "padded_cnn, small",
    "fully_connected, small",
    "modulated by one colour",
    "modulated by 4x4 colours",
    "modulated by the image",
)
PADDING = ("simple_cnn", "padded_cnn")
ABLATIONS = ("coordinet", *list(ARMS)[list(ARMS).index("no modulation") :])

LEARNING_RATES = {  # what `choose` makes of the records of `coordinet.tuning`; a test compares the two
    "fully_connected": 3e-4,
    "simple_cnn": 3e-4,
    "coordinet": 1e-3,
    "pooled_cnn": 3e-4,
    "padded_cnn": 3e-4,
    "fully_connected_norm": 3e-4,
    "shared, flattened": 3e-3,
    "shared, pooled": 3e-3,
    "unshared, flattened": 1e-3,
    "unshared, pooled": 1e-3,
    "kernel_ridge": 1.0,
    "unmodulated": 1e-2,
    "modulated by the image": 3e-3,
    "pooled_cnn, small": 3e-4,
    "padded_cnn, small": 1e-3,
    "fully_connected, small": 1e-3,
}
PUBLISHED_RATES = {  # in its code: not tuned by us
    "coordinet_v1": 1e-2,
    "coordinet_v1, as run": 1e-3,
}
RIDGE = {"gamma": 1.0, "ridge": 1.0}  # chosen likewise; its rate has no meaning


SAME_RATE = {  # arms that take the rate of another: they differ in what it is told
    "unmodulated, permuted places": "unmodulated",
    "unmodulated, random places": "unmodulated",
    "unmodulated, redrawn places": "unmodulated",
    "unmodulated, no places": "unmodulated",
    "modulated by one colour": "modulated by the image",
    "modulated by 4x4 colours": "modulated by the image",
}


def learning_rate(arm: str) -> float:
    """The tuned rate of an arm. Variants that were not tuned themselves take that of the network
    they vary (said on the page).
    """
    rates = LEARNING_RATES | PUBLISHED_RATES
    return rates.get(SAME_RATE.get(arm, arm)) or rates[ARMS[arm]["model"]]
