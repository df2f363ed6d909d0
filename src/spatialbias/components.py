"""Every model, data set, shift, measure and loss by name, with its revision. Imports nothing, so
that names can be checked, listed and hashed without torch.

A revision is raised whenever a component's behaviour changes: trials that name it get new keys, and
the records of the old behaviour are no longer found. `tests/test_components.py` holds golden values
that catch a forgotten raise.
"""

MODELS = {  # name: (revision, module that builds it)
    "fully_connected": (1, "baselines"),
    "simple_cnn": (1, "baselines"),
    "pooled_cnn": (1, "baselines"),
    "strided_cnn": (1, "baselines"),
    "kernel_ridge": (1, "baselines"),
    "coordinet": (1, "coordinet"),
    "coordinet_v1": (1, "coordinet"),
    "coordconv_classifier": (1, "coordconv"),
    "coordconv_renderer": (1, "coordconv"),
    "coordconv_regressor": (1, "coordconv"),
    "conv_regressor_uniform": (2, "coordconv"),
    "conv_regressor_quadrant": (1, "coordconv"),
    "deconv": (1, "coordconv"),
    "vgg9_fcn": (1, "coordbias"),
    "local_cnn": (1, "lrlc"),
}

DATASETS = {  # name: (revision, module that loads it)
    "cifar10": (1, "images"),
    "mnist": (1, "images"),
    "fashion_mnist": (1, "images"),
    "digits": (1, "images"),
    "celeba": (1, "images"),
    "not_so_clevr": (1, "not_so_clevr"),
    "circles": (1, "circles"),
    "faces": (1, "faces"),
}

EXACT = (
    "not_so_clevr",
)  # always fp32: bf16's eight bits cannot tell a pixel from its neighbour on a canvas of 64

SHAPES = {  # of the image data sets: channels, side in pixels, classes
    "cifar10": (3, 32, 10),
    "mnist": (1, 28, 10),
    "fashion_mnist": (1, 28, 10),
    "digits": (3, 32, 10),
    "celeba": (3, 32, 2),
}

CANVASES = {"not_so_clevr": 64}  # the side of a canvas by default
ON_CANVAS = (
    "coordconv_classifier",
    "coordconv_renderer",
    "deconv",
)  # answer for every pixel of a canvas of their own size

TRAINING_IMAGES = {
    "cifar10": 50_000,
    "mnist": 60_000,
    "fashion_mnist": 60_000,
    "digits": 1_297,
    "celeba": 162_770,
}
TEST_IMAGES = {
    "cifar10": 10_000,
    "mnist": 10_000,
    "fashion_mnist": 10_000,
    "digits": 500,
    "celeba": 19_962,
}
FOUND = ("celeba",)  # used where the reader has it; no page needs it, and nothing fetches it

PROFILES = ("smoke", "quick", "paper")  # of a study, and of the book

LOSSES = {"cross_entropy": 1, "mean_squared_error": 1, "binary_cross_entropy": 1}

MEASURES = {  # name: revision; what each one is stands in measures/
    "accuracy": 1,
    "rotation": 1,
    "rotation_masked": 1,
    "rotation_back": 1,
    "quarter_turns": 1,
    "rotation_abstain": 1,
    "resized_crop": 1,
    "resized_crop_exact": 1,
    "crop_blur": 1,
    "translation": 1,
    "scaling": 1,
    "foreign_modulation": 1,
    "uses": 1,
    "sizes": 1,
    "subsets": 1,
    "foveated": 1,
    "warps": 2,
    "score": 1,
    "right": 1,
    "canvas": 1,
    "picture": 1,
    "borders": 1,
    "coordinates_off": 1,
    "in_view": 1,
    "segmentation": 2,
    "which_side": 1,
    "segmented": 2,
    "shuffled_weights": 1,
    "combining_weights": 1,
}


def revision(kind: dict, name: str) -> int:
    """The revision of a component; `kind` is one of the tables above."""
    entry = kind[name]
    return entry[0] if isinstance(entry, tuple) else entry


def one_of(allowed, **named) -> None:
    """Raise ValueError, naming what is allowed, unless each value is."""
    for name, value in named.items():
        if value not in allowed:
            raise ValueError(
                f"{name}={value!r}: it must be one of {', '.join(str(one) for one in allowed if one != '')}"
            )


def known(kind: dict, name: str, what: str) -> str:
    """Return `name`, or raise ValueError with the names that exist."""
    if name not in kind:
        raise ValueError(f"unknown {what} {name!r}; there are: {', '.join(kind)}")
    return name
