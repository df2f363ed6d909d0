"""What trials that are missing will cost, from the records of like trials.

Training costs by pixel, image and epoch, measuring by the image that is looked at: the rows of a
record say how many. Records that say how long their measures took say it better.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable

from spatialbias import components
from spatialbias.records import lacking, wanting
from spatialbias.store import Store
from spatialbias.trials import Trial

FORWARD = 1 / 3  # of what training on an image costs, an answer costs
GENERATED = {  # what their data sets take where a trial does not say it
    "not_so_clevr": {"size": 64, "square": 9},
    "circles": {"size": 128, "n_train": 5000},
    "faces": {"size": 40, "n_train": 3000},
}


class Known:
    """What records say of costs: seconds of training an image, epochs, seconds of each measure."""

    def __init__(self, records: Iterable[dict]) -> None:
        self.trained: dict[tuple, list[tuple[dict, float, int]]] = defaultdict(list)
        self.measured: dict[tuple, list[float]] = defaultdict(list)
        self.images: dict[tuple, list[int]] = defaultdict(list)
        for record in records:
            trial, epochs = record["trial"], max(record["stop"]["epoch"], 1)
            seconds = record["provenance"]["seconds"] / epochs / _examples(trial)
            seconds /= _side(trial) ** 2
            self.trained[_kind(trial)].append((trial, seconds, epochs))
            for name, taken in record["provenance"].get("measuring", {}).items():
                self.measured[_kind(trial), name].append(taken / _side(trial) ** 2 / _part(trial))
            for name in record["measured"] if trial["dataset"] in components.SHAPES else ():
                rows = [row["n"] for row in record["rows"] if row["measure"] == name]
                looked_at = sum(n for n in rows if n) / _part(trial)
                self.images[trial["dataset"], name].append(looked_at)

    def like(self, trial: dict) -> tuple[float, float] | None:
        """(seconds an image and epoch, epochs) of the trials most like this one: of its network,
        with its arguments if there are such, and of the next number of images; None if there are
        none.
        """
        there = self.trained.get(_kind(trial))
        if not there:
            return None
        same = [one for one in there if one[0]["model_args"] == trial["model_args"]] or there

        def distance(one) -> float:
            sides = _side(one[0]) / _side(trial)
            return abs(math.log(_examples(one[0]) / _examples(trial))) + abs(math.log(sides))

        nearest = min(map(distance, same))
        near = [one for one in same if distance(one) == nearest]
        epochs = statistics.median(epochs for _, _, epochs in near)
        if trial["stop_loss"] is None:
            epochs = trial["max_epochs"]
        seconds = statistics.median(seconds for _, seconds, _ in near)
        return seconds * _side(trial) ** 2, min(epochs, trial["max_epochs"])

    def training(self, trial: dict) -> float | None:
        """Seconds; None where nothing like it is known."""
        like = self.like(trial)
        return like and like[0] * like[1] * _examples(trial)

    def measuring(self, trial: dict, name: str) -> float:
        """Seconds; 0 where nothing is known."""
        if known := self.measured.get((_kind(trial), name)):
            return statistics.median(known) * _side(trial) ** 2 * _part(trial)
        images, like = self.images.get((trial["dataset"], name)), self.like(trial)
        if not images or not like:
            return 0.0
        return FORWARD * like[0] * statistics.median(images) * _part(trial)


def estimate(
    trials: list[Trial], store: Store, measures: tuple[str, ...], precision: str | None = None
) -> tuple[int, float | None]:
    """(trials to train or measure on this machine, core-hours that they will take)."""
    todo = wanting(trials, measures, store, precision)
    if not todo:
        return 0, 0.0
    from spatialbias.run import suited
    from spatialbias.training import detect

    here = detect(precision)
    classes = {trial.key: suited(trial, here).numerics() for trial in todo}
    return len(todo), cost(todo, trials, store, measures, classes)


def cost(
    todo: list[Trial],
    trials: list[Trial],
    store: Store,
    measures: tuple[str, ...],
    classes: dict[str, str] | None = None,
) -> float | None:
    """Core-hours to train and measure `todo`, of `trials`: None where nothing like them is on
    record; of trials like none on record, the mean of the others. classes: numerics classes by key; where the store
    has the weights of such a record it is only measured.
    """
    shipped = (record for versions in store.packed().values() for record in versions.values())
    known = Known([*shipped, *(record for t in trials for record in store.all(t.key).values())])
    costs = []
    for trial in todo:
        plain, seconds, record = trial.model_dump(), None, None
        numerics = classes and classes[trial.key]
        if numerics and store.weights_path(trial.key, numerics).exists():
            record, seconds = store.get(trial.key, numerics), 0.0
        if record is None:
            seconds = known.training(plain)
        if seconds is not None:
            wanted = [m for m in measures if lacking(record, (m,))]
            costs.append(seconds + sum(known.measuring(plain, m) for m in wanted))
    return statistics.fmean(costs) * len(todo) / 3600 if costs else None


def duration(hours: float) -> str:
    """Core-hours in the unit that suits them."""
    seconds = 3600 * hours
    if seconds < 100:
        return f"{math.ceil(seconds)} core-seconds"
    return f"{seconds / 60:.0f} core-minutes" if seconds < 6000 else f"{hours:.1f} core-hours"


def _kind(trial: dict) -> tuple:
    """What a pixel costs depends on this most of all."""
    return trial["model"], trial["dataset_args"].get("task"), trial["dataset"] in GENERATED


def _side(trial: dict) -> int:
    """Of an image, in pixels."""
    if trial["dataset"] in GENERATED:
        return (GENERATED[trial["dataset"]] | trial["dataset_args"])["size"]
    return components.SHAPES[trial["dataset"]][1]


def _part(trial: dict) -> float:
    """Which share of the test images it is measured on."""
    if "test_images" not in trial:
        return 1.0
    return trial["test_images"] / components.TEST_IMAGES[trial["dataset"]]


def _examples(trial: dict) -> int:
    """How many a network is trained on, before any split."""
    if trial["dataset"] not in GENERATED:
        return trial["n_train"] or components.TRAINING_IMAGES[trial["dataset"]]
    arguments = GENERATED[trial["dataset"]] | trial["dataset_args"]
    return arguments.get("n_train") or (arguments["size"] - arguments["square"] + 1) ** 2
