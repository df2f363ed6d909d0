"""Other images than CIFAR-10: the same networks beside each other, and what turning costs them there."""

import pandas as pd

from spatialbias.figures import coordinet
from spatialbias.figures.coordinet import NETWORKS, rotation_numbers
from spatialbias.figures.numbers import NOTHING, points
from spatialbias.figures.style import dataset_name, label
from spatialbias.statistics import paired, paired_differences

COSTS = {"turn": "turned", "corners": "blackened outside the disc", "inside": "turned in the disc"}


def beside(*frames: pd.DataFrame) -> pd.DataFrame:
    """Frames of several data sets as one, at the stop, the data sets under the names that readers know."""
    both = pd.concat(frames, ignore_index=True)
    both = both[both["at"] == "stop"].assign(dataset=both["dataset"].map(dataset_name))
    return both.drop_duplicates(["dataset", "arm", "n_train", "replicate", "measure", "part", "x"])  # where digits stand in for both


def turning(frame: pd.DataFrame) -> pd.DataFrame:
    """What turning changes, by data set, number of images and network: the mean over 10 to 80 degrees relative to none."""
    rows = []
    for (dataset, n_train), one in frame.groupby(["dataset", "n_train"], sort=False):
        numbers = rotation_numbers(one)
        for name, text in COSTS.items():
            said = {label(arm): _apart(numbers[f"{name}_{arm}"]) for arm in NETWORKS}
            rows.append({"data": dataset, "N": n_train, "change (points)": text} | _row(said))
    return pd.DataFrame(rows)


def _apart(text: str) -> tuple[str, str]:
    """A difference as a table has it: the numbers, and n by itself."""
    numbers, _, n = text.replace(" points", "").partition(", n = ")
    return numbers, n or "–"


def steadier(frame: pd.DataFrame, arm: str = "simple_cnn") -> pd.DataFrame:
    """How much less of its accuracy an arm loses by turning than each of the others, in points, by data set and number of images."""
    rows = []
    for (dataset, n_train), one in frame.groupby(["dataset", "n_train"], sort=False):
        lost = {name: changes for name in NETWORKS if len(changes := coordinet.turning(one, name))}
        if arm in lost:
            gaps = {f"minus {label(name)}": paired_differences(lost[arm], other) for name, other in lost.items() if name != arm}
            rows.append({"data": dataset, "N": n_train} | _row({name: _apart(points(gap)) for name, gap in gaps.items()}))
    return pd.DataFrame(rows)


def _row(said: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Cells of a row, with one n for all."""
    return {name: numbers for name, (numbers, _) in said.items()} | {"n": next((n for _, n in said.values()), "–")}


def leads(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Paired differences of test accuracy, by data set and number of images."""
    pairs = (("simple_cnn", "fully_connected"), ("simple_cnn", "coordinet"), ("coordinet", "fully_connected"))
    return pd.DataFrame(
        [
            {"data": dataset, "N": n_train} | {f"{label(arm)} − {label(rival)}": points(paired(one, arm, rival)) for arm, rival in pairs}
            for (dataset, n_train), one in accuracy.groupby(["dataset", "n_train"], sort=False)
        ]
    )


def order(accuracy: pd.DataFrame) -> str:
    """The networks by mean accuracy, the best first, for every data set at its largest number of images on record."""
    texts = []
    for dataset, one in accuracy.dropna(subset=["value"]).groupby("dataset"):
        n_train = one["n_train"].max()
        means = one[(one["n_train"] == n_train) & one["arm"].isin(NETWORKS)].groupby("arm")["value"].mean().sort_values(ascending=False)
        texts.append(f"{dataset} (N = {n_train}): {', '.join(map(label, means.index))}")
    return "; ".join(texts) or NOTHING
