"""The studies of the chapter on low-rank local connectivity (Elsayed et al. 2020). Names, grids and
numbers of replicates are fixed before records exist.

Its small networks had no published recipe: Adam with a cosine-decayed rate and batches of 64 are
our choice, rates by `choose`. To afford pairs, networks are narrower and see fewer images than the
source's; `lrlc.sixty_four` has the source's width beside them. No layer has a spatial bias unless
its arm says so, for that alone tells a network where it is.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from spatialbias import components
from spatialbias.studies.lrlc_arms import (
    APART,
    ARMS,
    CROSSED,
    DIAL,
    ENDS,
    EPOCHS,
    EVEN,
    FACES,
    FAMILIES,
    FLAT,
    KEPT,
    LEARNING_RATES,
    MORE_FACES,
    RANK,
    RATES,
    SHOWN_FACES,
    SHOWN_IMAGES,
    TURNED,
    family,
    tuned_rate,
)
from spatialbias.studies.study import Parameters, Repeats, Results, Study
from spatialbias.trials import Trial

Rates = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)]
Width = Annotated[int, Field(ge=1, le=512)]


def choose(results: Results) -> dict[str, float]:
    """Of each arm the rate with the best mean accuracy on the tuning images."""
    frame = results.frame()
    frame = frame[(frame["measure"] == "accuracy") & (frame["at"] == "stop")]
    means = frame.groupby(["arm", "learning_rate"])["value"].mean()
    return {arm: means[arm].idxmax() for arm in dict.fromkeys(frame["arm"])}


class Faces(Repeats):
    """Our faces: how many, how far they are moved, and the networks that learn them."""

    translations: Annotated[tuple[Annotated[int, Field(ge=0, le=8)], ...], Field(min_length=1)] = (
        0,
        2,
        4,
        8,
    )
    images: Annotated[int, Field(ge=10, le=50_000)] = 3000
    test_images: Annotated[int, Field(ge=10, le=10_000)] = 2000
    width: Width = 16
    epochs: Annotated[int, Field(ge=1, le=1000)] = 12
    learning_rates: Rates = RATES


class Natural(Parameters):
    """Image sets: the width of the networks besides, and for how far images are moved."""

    n_train: Annotated[tuple[Annotated[int, Field(ge=1, le=50_000)], ...], Field(min_length=1)] = (
        4000,
    )
    max_epochs: Annotated[int, Field(ge=1, le=1000)] = 12
    width: Width = 32
    translations: Annotated[tuple[Annotated[int, Field(ge=0, le=64)], ...], Field(min_length=1)] = (
        0,
    )
    learning_rates: Rates = RATES


RECIPE = {"schedule": "cosine", "batch_size": 64, "curve_images": 250}


def on_faces(p: Faces, arm: str, replicate: int, translation: int, **changes) -> Trial:
    """Replicate r draws its images with seed r, the same for every arm and every translation."""
    rate = LEARNING_RATES["faces_tuning"][family(ARMS[arm])]
    return Trial(
        model="local_cnn",
        model_args={"channels": 1, "size": 40, "classes": 2, "width": p.width, **ARMS[arm]},
        dataset="faces",
        dataset_args={
            "n_train": p.images,
            "n_test": p.test_images,
            "translation": translation,
            "seed": replicate,
        },
        replicate=replicate,
        max_epochs=p.epochs,
        **{"learning_rate": rate, **RECIPE, **changes},
    )


def alignment(p: Faces, arm: str, replicate: int) -> Iterator[Trial]:
    for translation in p.translations:
        yield on_faces(p, arm, replicate, translation)


def faces_tuning(p: Faces, arm: str, replicate: int) -> Iterator[Trial]:
    for translation in p.translations:
        for rate in p.learning_rates:
            yield on_faces(p, arm, replicate, translation, role="tuning", learning_rate=rate)


def on_images(
    p: Natural, arguments: dict, n_train: int, replicate: int, translation: int = 0, **changes
) -> Trial:
    channels, side, classes = components.SHAPES[p.dataset]
    size = side + 2 * max(p.translations)  # of a canvas that holds the images however they move
    shape = {"channels": channels, "size": size} if (channels, size) != (3, 32) else {}
    shape |= {"classes": classes} if classes != 10 else {}
    moved = {"canvas": size} if size > side else {}
    moved |= {"translation": translation} if translation else {}
    return Trial(
        model="local_cnn",
        model_args={"width": p.width, **shape, **arguments},
        dataset=p.dataset,
        n_train=n_train,
        replicate=replicate,
        **p.tested_on(),
        **{
            "dataset_args": moved,
            "learning_rate": changes.get("learning_rate") or tuned_rate(arguments),
            "max_epochs": p.max_epochs,
            **RECIPE,
            **changes,
        },
    )


def arguments_of(p: Natural, arm: str) -> dict:
    if arm == "wide everywhere":
        return {"width": EVEN.get(p.width, round(1.54 * p.width))}
    return ARMS[arm]


def natural(p: Natural, arm: str, replicate: int) -> Iterator[Trial]:
    for n_train in p.n_train:
        for translation in p.translations:
            yield on_images(p, arguments_of(p, arm), n_train, replicate, translation)


def tuning(p: Natural, arm: str, replicate: int) -> Iterator[Trial]:
    for n_train in p.n_train:
        for rate in p.learning_rates:
            yield on_images(p, ARMS[arm], n_train, replicate, role="tuning", learning_rate=rate)


def shown_faces(p: Faces, arm: str, replicate: int) -> Iterator[Trial]:
    for translation in p.translations:
        yield on_faces(p, arm.removeprefix("faces, "), APART + replicate, translation)


def shown_images(p: Natural, arm: str, replicate: int) -> Iterator[Trial]:
    for n_train in p.n_train:
        yield on_images(p, ARMS[arm.removeprefix("images, ")], n_train, APART + replicate)


def dial(p: Natural, arm: str, replicate: int, **changes) -> Iterator[Trial]:
    """Pooled and flattened are arms, and so are images whose pixels are permuted: "shared,
    flattened, permuted". What lies between the ends takes the rate of K = 4.
    """
    name, *more = arm.split(", ")
    kept = ", flattened" if "flattened" in more else ""
    arguments = DIAL[name] | (FLAT if kept else {})
    tuned = f"{name if name in ENDS else 'K = 4'}{kept}"
    own = {"batch_size": 32, "learning_rate": LEARNING_RATES["dial_tuning"][tuned]}
    if "permuted" in more:
        own |= {"dataset_args": {"permutation": "fixed"}}
    for n_train in p.n_train:
        own["max_epochs"] = min(p.max_epochs, EPOCHS.get(n_train, max(1, 19_500 // n_train)))
        yield on_images(p, arguments, n_train, replicate, **own | changes)


def dial_tuning(p: Natural, arm: str, replicate: int) -> Iterator[Trial]:
    for rate in p.learning_rates:
        yield from dial(p, arm, replicate, role="tuning", learning_rate=rate)


def dial_longer(p: Natural, arm: str, replicate: int) -> Iterator[Trial]:
    """The same for as many epochs as p says."""
    yield from dial(p, arm, replicate, max_epochs=p.max_epochs)


SMALL = {"images": 40, "test_images": 20, "epochs": 1, "width": 4, "translations": (0, 4)}
QUICK = {"images": 600, "test_images": 500, "epochs": 6, "width": 8, "translations": (0, 8)}
DIGITS = {"dataset": "digits", "n_train": (40,), "max_epochs": 1, "width": 4}
FEW = {"n_train": (400,), "max_epochs": 3, "width": 8, "test_images": 1000}


def images(
    name: str,
    question: str,
    arms,
    grid=natural,
    small=None,
    quick=None,
    measures=(),
    networks=None,
    **paper,
) -> Study:
    """A study on an image set: what each profile has of its own."""
    return Study(
        f"lrlc.{name}",
        question,
        tuple(arms),
        grid,
        {
            "smoke": DIGITS | {"replicates": 1} | (small or {}),
            "quick": FEW | {"replicates": 1} | (quick or {}),
            "paper": paper,
        },
        ("accuracy", *measures),
        Natural,
        networks,
    )


MOVED = ("convolution", "K = 4", "input-dependent K = 4", "wide")
SHIFTED = {"translations": (0, 4), "width": 16}
LITTLE = {"arms": MOVED[:3], "translations": (0, 4), "n_train": (200,)}
STUDIES = (
    Study(
        "lrlc.faces_tuning",
        "Which learning rate suits each network on faces?",
        FAMILIES[:4],
        faces_tuning,
        {
            "smoke": SMALL | {"replicates": 1, "learning_rates": RATES[:2]},
            "quick": QUICK | {"replicates": 1, "translations": (4,), "learning_rates": RATES[1:]},
            "paper": {"replicates": 4, "translations": (4,), "learning_rates": (*RATES, 3e-2)},
        },
        parameters=Faces,
    ),
    Study(
        "lrlc.alignment",
        "Does it take aligned images for filters to differ from place to place with profit?",
        FACES,
        alignment,
        {
            "smoke": SMALL | {"replicates": 1},
            "quick": QUICK | {"replicates": 1},
            "paper": {"replicates": 16},
        },
        ("accuracy", "shuffled_weights"),
        Faces,
    ),
    Study(
        "lrlc.alignment_more",
        "Do aligned images want more filter banks than moved ones?",
        MORE_FACES,
        alignment,
        {
            "smoke": SMALL | {"replicates": 1},
            "quick": QUICK | {"replicates": 1},
            "paper": {"replicates": 16, "translations": (0, 8)},
        },
        ("accuracy", "shuffled_weights"),
        Faces,
    ),
    Study(
        "lrlc.shown_faces",
        "What do combining weights look like that were trained on faces, and do networks use them?",
        SHOWN_FACES,
        shown_faces,
        {
            "smoke": SMALL | {"replicates": 1, "translations": (0,), "arms": SHOWN_FACES[::2]},
            "quick": QUICK | {"replicates": 1, "translations": (0,), "arms": SHOWN_FACES[:3]},
            "paper": {"replicates": 1, "translations": (0,)},
        },
        ("accuracy", "shuffled_weights"),
        Faces,
        networks={"arms": SHOWN_FACES},
    ),
    images(
        "shown_images",
        "What do combining weights look like that were trained on images, and do networks use them?",
        SHOWN_IMAGES,
        shown_images,
        quick={"arms": SHOWN_IMAGES[:2]},
        measures=("shuffled_weights",),
        networks={"arms": SHOWN_IMAGES},
        replicates=1,
    ),
    images(
        "tuning",
        "Which learning rate suits each network on natural images?",
        FAMILIES,
        tuning,
        {"learning_rates": RATES[:2]},
        {"learning_rates": RATES[1:], "arms": FAMILIES[:3]},
        replicates=4,
        learning_rates=(*RATES, 3e-2),
    ),
    images(
        "flat_tuning",
        "Which learning rate suits networks that keep positions?",
        LEARNING_RATES["flat_tuning"],
        tuning,
        {"learning_rates": RATES[:2]},
        {"learning_rates": RATES[1:]},
        replicates=4,
        learning_rates=(1e-4, 3e-4, *RATES),
    ),
    images(
        "rank",
        "Does accuracy rise as filters may differ from place to place?",
        RANK,
        quick={"arms": RANK[:4]},
        measures=("shuffled_weights",),
        replicates=16,
    ),
    images(
        "rank_more",
        "Is it only more computation?",
        ("convolution", "K = 4", "wide everywhere"),
        replicates=16,
    ),
    images(
        "translated",
        "Do clothes that are moved about want filters that look at the image?",
        MOVED,
        small=LITTLE | {"n_train": (40,)},
        quick=LITTLE | {"dataset": "fashion_mnist"},
        measures=("shuffled_weights",),
        dataset="fashion_mnist",
        replicates=16,
        **SHIFTED,
    ),
    images(
        "translated_digits",
        "Do digits that are moved about want filters that look at the image?",
        MOVED[:3],
        small=LITTLE | {"n_train": (40,)},
        quick=LITTLE | {"dataset": "mnist"},
        measures=("shuffled_weights",),
        dataset="mnist",
        replicates=16,
        **SHIFTED,
    ),
    images(
        "why",
        "Is it locality, or a network that averages over positions too early?",
        (
            "convolution, flattened",
            "K = 4, flattened",
            "wide, flattened",
            "convolution",
            "K = 4",
            "wide",
        ),
        quick={"arms": ("convolution, flattened", "K = 4, flattened")},
        replicates=10,
    ),
    images(
        "where",
        "In which layer does it pay that filters differ from place to place?",
        (
            "convolution",
            "K = 4",
            "K = 4, layer 1",
            "K = 4, layer 2",
            "locally connected",
            "locally connected, layer 1",
            "locally connected, layer 2",
        ),
        quick={"arms": ("convolution", "K = 4, layer 1", "K = 4, layer 2")},
        replicates=10,
    ),
    images(
        "longer",
        "Is it only that networks were trained too briefly?",
        ("convolution", "K = 4", "wide", "input-dependent K = 4"),
        quick={"arms": ("convolution", "K = 4"), "max_epochs": 6},
        replicates=10,
        max_epochs=30,
    ),
    images(
        "dial_tuning",
        "Which learning rate suits each place of the dial, with and without averaging?",
        TURNED,
        dial_tuning,
        {"n_train": (40,), "learning_rates": RATES[:2]},
        {"n_train": (390,), "max_epochs": 5, "learning_rates": RATES[1:], "arms": TURNED[:2]},
        n_train=(390,),
        max_epochs=200,
        width=16,
        replicates=4,
        learning_rates=(1e-4, 3e-4, *RATES, 3e-2),
    ),
    images(
        "sharing_dial",
        "How much sharing is best, and does that change with the number of images?",
        (*CROSSED, *(f"{n}{kept}" for n in DIAL if n not in ENDS for kept in KEPT)),
        dial,
        {"n_train": (20, 40)},
        {"n_train": (97, 390), "max_epochs": 5, "arms": CROSSED},
        n_train=tuple(EPOCHS),
        max_epochs=200,
        width=16,
        replicates=10,
    ),
    images(
        "dial_longer",
        "Is one kernel for all positions behind because it was trained too briefly?",
        (*ENDS, "K = 4", "sixteen blocks"),
        dial_longer,
        quick={"n_train": (390,)},
        n_train=(1562,),
        max_epochs=48,  # four times those of the dial
        width=16,
        replicates=10,
    ),
    images(
        "dial_permuted",
        "Do sharing and averaging pay where neighbouring pixels do not lie side by side?",
        tuple(f"{arm}, permuted" for arm in CROSSED),
        dial,
        {"n_train": (40,)},
        {"n_train": (390,), "max_epochs": 5},
        n_train=(390,),
        max_epochs=200,
        width=16,
        replicates=10,
    ),
    images(
        "sixty_four",
        "Is it the same at the source's width?",
        ("convolution", "K = 4", "wide"),
        quick={"arms": ("convolution", "K = 4"), "width": 16},
        replicates=3,
        n_train=(10_000,),
        max_epochs=20,
        width=64,
    ),
)
