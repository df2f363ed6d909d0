"""Trials an hour at N = 390 with accuracy, rotation and resized crops: two single-threaded workers
of the engine against one plain trial after another on both cores.

A whole trial takes minutes, so its pieces are timed: epochs of training (with the loss over the
training images at each end), classifying test images, and shifting them. A trial is then added up
from the counts below. Making the shifted images is counted in full on both sides, though the engine
makes them once for all trials on the same fold.
"""

import statistics
from dataclasses import dataclass

import torch

from benchmarks import plain
from benchmarks.measuring import CORES, Row, row, seconds, threads, workers
from spatialbias import datasets, measures, models, shifts
from spatialbias import run as running
from spatialbias.measures.images import ANGLES, CROPS
from spatialbias.roles import examples
from spatialbias.training import curve_epoch, detect, instruction_set
from spatialbias.trials import Trial

N_TRAIN = 390
EPOCHS = {"simple_cnn": 50, "coordinet": 20}  # about as many as they take to reach loss 0.1
TEST, FOLD = 10_000, 2_000  # CIFAR-10's test images, and one fifth of them
TARGETS = {
    "avx512_bf16": {"simple_cnn": 3.0, "coordinet": 4.0},
    "amx": {"simple_cnn": 5.0, "coordinet": 5.0},
}


@dataclass(frozen=True)
class Pieces:
    """Seconds for one epoch of training, to classify one test image, and to shift one."""

    epoch: float
    classify: float
    shift: float

    def whole(self, name: str) -> float:
        """Seconds for a whole trial: training, the curve's scores on 500 images, the test images
        and their shifts.
        """
        epochs = EPOCHS[name]
        shifted = FOLD * (len(ANGLES) + len(CROPS))
        scored = 500 * sum(map(curve_epoch, range(1, epochs + 1)))
        return (
            epochs * self.epoch + (TEST + scored + shifted) * self.classify + shifted * self.shift
        )


def ours(name: str, n_train: int, epochs: int, images: int) -> Pieces:
    """The pieces as a worker of a sweep computes them, by the engine's own functions."""
    trial, data, shifted = _work(name, n_train, epochs)
    execution = detect(device="cpu")
    trained = {}
    training = seconds(
        lambda: trained.update(running.run(trial, execution, measures=())[1])
    )  # its states
    model = models.build(name).to(memory_format=torch.channels_last)
    model.load_state_dict(trained["stop"])
    subject = measures.Subject(model, trial, data, data.test[: 5 * images], execution)
    measures.SHIFTED.clear()
    shift = classify = 0.0
    for label, function in shifted.items():
        shift += seconds(subject.shifted, label, function)  # made, kept and prepared
        classify += seconds(subject.shifted, label, function)  # found and prepared
        classify += seconds(subject.accuracy, subject.shifted(label, function))
    measures.SHIFTED.clear()
    count = len(shifted) * len(subject.fold())
    return Pieces(training / epochs, classify / count, shift / count)


def plainly(name: str, n_train: int, epochs: int, images: int) -> Pieces:
    """The same pieces in the plainest way, on all the threads that torch has, as if none ever
    waited for another.
    """
    trial, data, shifted = _work(name, n_train, epochs)
    train, test = examples(trial, data)[0], data.test[:images]
    torch.manual_seed(trial.seed("init"))
    model = plain.build(name)
    training = seconds(
        lambda: plain.train(
            model,
            data.normalise(train.inputs[0]),
            train.target,
            epochs=epochs,
            learning_rate=trial.learning_rate,
        )
    )
    classify = seconds(plain.evaluate, model, *test.inputs, test.target, data.normalise)
    shift = sum(seconds(function, test.inputs[0]) for function in shifted.values())
    cores = torch.get_num_threads()
    return Pieces(
        training / epochs / cores,
        classify / len(test) / cores,
        shift / len(shifted) / len(test) / cores,
    )


def _work(name: str, n_train: int, epochs: int):
    """The trial whose pieces are timed, its data and two of the shifts."""
    data = images()
    trial = Trial(model=name, dataset=data.name, n_train=n_train, max_epochs=epochs, curve_images=0)
    return (
        trial,
        data,
        {"turn": lambda x: shifts.rotate(x, 30), "crop": lambda x: shifts.resized_crop(x, 27)},
    )


def images():
    """CIFAR-10; where it is not to be had, the embedded digits, which are of the same size."""
    try:
        return datasets.load("cifar10")
    except RuntimeError:
        return datasets.load("digits")


def part(quick: bool) -> list[Row]:
    rows, rounds = [], 1 if quick else 5
    with workers(CORES) as pool:
        for name in EPOCHS:
            size = (64, 1, 100) if quick else (N_TRAIN, 1 if name == "coordinet" else 4, 500)
            speedups, hourly = [], {"ours": [], "plain": []}
            for k in range(-1, rounds):  # the first does not count
                found = [
                    future.result()
                    for future in [pool.submit(ours, name, *size) for _ in range(CORES)]
                ]
                with threads(CORES):
                    baseline = plainly(name, *size).whole(name)
                if k >= 0:
                    hourly["ours"].append(sum(3600 / pieces.whole(name) for pieces in found))
                    hourly["plain"].append(3600 / baseline)
                    speedups.append(hourly["ours"][-1] / hourly["plain"][-1])
            target = TARGETS.get(instruction_set(), {}).get(name)
            an_hour = {
                side: f"{statistics.median(values):,.0f} trials/h"
                for side, values in hourly.items()
            }
            rows.append(
                row(
                    "trial",
                    f"{name}, {EPOCHS[name]} epochs",
                    an_hour["ours"],
                    an_hour["plain"],
                    speedups,
                    target=None if quick else target,
                )
            )
    return rows
