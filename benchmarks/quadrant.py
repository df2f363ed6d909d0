"""Time to 100 % on the held-out quadrant of the full 64x64 canvas: one training of CoordConv's
classifier, as fast as we know how, against the plainest program with the released recipe.

Ours: normalised positions, a rate that decays, bf16 products, and scores in fp32 (bf16 cannot tell
neighbouring pixels).
Plain: DataLoader, fp32, coordinates copied beside the features, whole pixels in. Its epochs are
timed here; how many it needs is taken from the records of the released recipe,
`coordconv.full_size`, which gives it a decaying rate too.
"""

import statistics
import time
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measuring import CORES, Row, ratios, row, seconds, threads
from spatialbias import datasets, models, studies, training
from spatialbias.roles import prepare

FASTER = {"avx512_bf16": 5.0, "amx": 10.0}
EPOCHS, RATE = 5, 0.01  # of our recipe


def part(quick: bool) -> list[Row]:
    size, rounds = (16, 1) if quick else (64, 3)
    with threads(1):
        ours = [to_perfect(size, seed) for seed in range(rounds)]
    with threads(CORES):
        plain = [plain_epoch(size, 4 if quick else 60) for _ in range(rounds)]
    times, paces = [run.seconds for run in ours], [run.seconds / run.epochs for run in ours]
    rows = [
        row(
            "quadrant",
            "CoordConv, one epoch",
            f"{statistics.median(paces):.1f} s",
            f"{statistics.median(plain):.1f} s, plain",
            ratios(plain, paces),
        )
    ]
    epochs, exact = needed()
    if epochs:
        total = [epochs * value for value in plain]
        arrived = sum(run.arrived for run in ours)
        rows.append(
            row(
                "quadrant",
                "CoordConv, 100 % of the held-out quadrant",
                f"{statistics.median(times):.1f} s ({arrived} of {rounds} runs arrive)",
                f"{'' if exact else 'more than '}{statistics.median(total):.0f} s, plain",
                ratios(total, times),
                target=None if quick else FASTER.get(training.instruction_set()),
            )
        )
    return rows


class Run(NamedTuple):
    """One training by our recipe: processor seconds and epochs until every held-out position is
    named right (scores included), and whether that happened; if not, they are those of the whole
    schedule.
    """

    seconds: float
    epochs: int
    arrived: bool


def to_perfect(size: int, seed: int) -> Run:
    execution = replace(training.detect(device="cpu"), flush=True)
    exact = training.Execution()
    data = datasets.load("not_so_clevr", split="quadrant", size=size)
    test = prepare(data.test, data, exact)
    torch.manual_seed(seed)
    model = models.build("coordconv_classifier", size=size, normalise=True)
    reached: list[float] = []
    start = time.process_time()

    def score(model) -> float:
        right = sum(
            int((out.argmax(1) == part.target).sum())
            for out, part in training.predictions(model, test, exact)
        )
        if right == len(test):
            reached.append(time.process_time() - start)
        return right / len(test)

    with execution.arithmetic():
        fit = training.fit(
            model,
            prepare(data.train, data, execution),
            loss="cross_entropy",
            learning_rate=RATE,
            beta2=0.99,
            weight_decay=0.002,
            schedule="cosine",
            batch_size=16,
            max_epochs=EPOCHS,
            stop_loss=None,
            mark_epoch=None,
            order=torch.Generator().manual_seed(seed),
            execution=execution,
            score=score,
        )
    first = next((k for k, entry in enumerate(fit.curve, 1) if entry["score"] == 1), EPOCHS)
    return Run(reached[0] if reached else time.process_time() - start, first, bool(reached))


def plain_epoch(size: int, steps: int) -> float:
    """Seconds of a whole epoch of the plain program, the held-out score included, from so many of
    its steps of either kind: of the processor, shared among its threads.
    """
    data = datasets.load("not_so_clevr", split="quadrant", size=size)
    train, test = (
        DataLoader(TensorDataset(*part.inputs, part.target), 16, shuffle=part is data.train)
        for part in (data.train, data.test)
    )
    places = torch.linspace(-1, 1, size)
    grid = torch.stack((places.expand(size, size), places[:, None].expand(size, size)))
    widths = (4, 32, 32, 64, 64, 1)
    layers = [part for a, b in zip(widths, widths[1:]) for part in (nn.Conv2d(a, b, 1), nn.ReLU())][
        :-1
    ]
    model = nn.Sequential(*layers)
    optimiser = torch.optim.Adam(model.parameters(), 0.005, (0.9, 0.99))

    def named(centre):
        tiled = centre[:, :, None, None].expand(-1, -1, size, size)
        return model(torch.cat((tiled, grid.expand(len(centre), -1, -1, -1)), 1)).flatten(1)

    def learn(centre, target) -> None:
        loss = F.cross_entropy(named(centre), target)
        loss = loss + 0.001 * sum(
            layer.weight.square().sum() for layer in model if isinstance(layer, nn.Conv2d)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    @torch.no_grad()
    def judge(centre, target) -> int:
        return int((named(centre).argmax(1) == target).sum())

    def whole(loader, step) -> float:
        taken = [seconds(step, *batch) for batch in islice(loader, steps)]
        return statistics.fmean(taken[1:] or taken) * len(loader) / torch.get_num_threads()

    return whole(train, learn) + whole(test, judge)


def needed() -> tuple[float | None, bool]:
    """Median epochs that the released recipe needs until the held-out quadrant is perfect, from its
    records, None if there are none; and whether every run got there: those that did not count with
    all their epochs, so that the median is a lower bound.
    """
    results = (
        studies.study("coordconv.full_size")
        .plan("paper", splits=("quadrant",))
        .sweep(missing="show")
    )
    perfect = [
        next((e["epoch"] for e in record["curve"] if e.get("score") == 1), None)
        for _, _, record in results.present
    ]
    epochs = [
        seen or record["stop"]["epoch"] for seen, (_, _, record) in zip(perfect, results.present)
    ]
    return (statistics.median(epochs) if epochs else None), None not in perfect
