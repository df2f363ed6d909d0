"""Other images than CIFAR-10: the same networks beside each other, and what turning costs them there."""

import pandas as pd

from spatialbias.figures.coordinet import NETWORKS, rotation_numbers
from spatialbias.figures.numbers import NOTHING, points
from spatialbias.figures.style import dataset_name, label
from spatialbias.statistics import paired

COSTS = {"turn": "turned by 10° to 80°", "corners": "everything outside the disc blackened, not turned", "inside": "turned inside the disc"}


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
        rows += [
            {"data": dataset, "N": n_train, "change": text} | {label(arm): numbers[f"{name}_{arm}"] for arm in NETWORKS}
            for name, text in COSTS.items()
        ]
    return pd.DataFrame(rows)


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
