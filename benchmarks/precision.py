"""Does bf16 change what is found? The same trials in both precisions, and their difference in test
accuracy: an equivalence test, two one-sided tests against 0.3 points, by the 90 % interval of the
mean paired difference.
"""

from benchmarks.measuring import CORES, Row, workers
from benchmarks.trial import images
from spatialbias.statistics import mean_interval
from spatialbias.studies import Parameters
from spatialbias.studies.coordinet import trial
from spatialbias.training import Execution, detect
from spatialbias.trials import Trial, run

BOUND = 0.3  # points of accuracy
# Matrix products, and convolutions: the cheapest of either kind.
ARMS = {"fully_connected": "fully connected", "shared, flattened": "shared, flattened"}
N, REPLICATES = 390, 60


def part(quick: bool) -> list[Row]:
    if detect(device="cpu").precision == "fp32":
        return []  # one precision here: nothing to compare
    rows, p = [], Parameters(dataset=images().name)
    short = {"max_epochs": 1, "mark_epoch": None} if quick else {}
    with workers(CORES) as pool:
        for arm, name in ARMS.items():
            replicates = range(2 if quick else REPLICATES)
            trials = [trial(p, arm, N, r, curve_images=0, **short).model_dump() for r in replicates]
            half, full = (
                [pool.submit(accuracy, one, precision) for one in trials]
                for precision in ("bf16", "fp32")
            )
            points = [[100 * future.result() for future in side] for side in (half, full)]
            rows.append(judge(name, *points, quick))
    return rows


def accuracy(trial: dict, precision: str) -> float:
    """Test accuracy of one trial in one precision."""
    record, _ = run(Trial(**trial), Execution("cpu", precision, 1), ("accuracy",))
    return next(row["value"] for row in record["rows"] if row["at"] == "stop")


def judge(name: str, half: list[float], full: list[float], quick: bool = False) -> Row:
    """By the end of the interval that lies farther from zero."""
    mean, low, high, n = mean_interval([a - b for a, b in zip(half, full, strict=True)], 0.9)
    reach = max(abs(low), abs(high))
    return Row(
        "precision",
        f"{name}, N = {N}: bf16 minus fp32",
        f"{mean:+.2f} points [{low:+.2f}, {high:+.2f}]",
        "90 % interval",
        reach,
        reach,
        reach,
        n,
        "within {:.2f} points",
        None if quick else BOUND,
        at_most=True,
    )
