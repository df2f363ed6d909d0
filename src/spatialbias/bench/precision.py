"""Does bf16 change what is found? The same trials in both precisions, and their difference in test accuracy: an equivalence
test, two one-sided tests against 0.3 points, by the 90 % interval of the mean paired difference."""

from spatialbias.bench.measuring import CORES, Row, workers
from spatialbias.bench.trial import images

BOUND = 0.3  # points of accuracy
TRIALS = {"fully_connected": (390, 60), "simple_cnn": (97, 8), "coordinet": (97, 8)}  # N, replicates
EPOCHS = 150


def part(quick: bool) -> list[Row]:
    from spatialbias.studies.coordinet import LEARNING_RATES
    from spatialbias.training import detect
    from spatialbias.trials import Trial

    if detect(device="cpu").precision == "fp32":
        return []  # one precision here: nothing to compare
    rows, dataset = [], images().name
    with workers(CORES) as pool:
        for name, (n_train, n) in TRIALS.items():
            trials = [Trial(model=name, dataset=dataset, n_train=n_train, replicate=r, learning_rate=LEARNING_RATES[name], curve_images=0,
                            stop_loss=0.1, max_epochs=2 if quick else EPOCHS) for r in range(2 if quick else n)]
            half, full = ([pool.submit(accuracy, trial.model_dump(), precision) for trial in trials] for precision in ("bf16", "fp32"))
            rows.append(row(name, n_train, *([100 * future.result() for future in side] for side in (half, full)), quick))
    return rows


def accuracy(trial: dict, precision: str) -> float:
    """Test accuracy of one trial in one precision."""
    from spatialbias.training import Execution
    from spatialbias.trials import Trial, run

    record, _ = run(Trial(**trial), Execution("cpu", precision, 1), ("accuracy",))
    return next(row["value"] for row in record["rows"] if row["at"] == "stop")


def row(name: str, n_train: int, half: list[float], full: list[float], quick: bool = False) -> Row:
    from spatialbias.statistics import mean_interval

    mean, low, high, n = mean_interval([a - b for a, b in zip(half, full, strict=True)], 0.9)
    reach = max(abs(low), abs(high))
    return Row("precision", f"{name}, N = {n_train}: bf16 minus fp32", f"{mean:+.2f} points [{low:+.2f}, {high:+.2f}]", "90 % interval",
               reach, reach, reach, n, "within {:.2f} points", None if quick else BOUND, at_most=True)
