"""Other images than CIFAR-10: the same networks beside each other, and what turning costs them
there.
"""

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.figures import rotation
from spatialbias.figures.numbers import NOTHING, points
from spatialbias.plots.charts import lines
from spatialbias.plots.style import INK, dataset_name, label
from spatialbias.statistics import paired, paired_differences
from spatialbias.studies import Results
from spatialbias.studies.coordinet_arms import NETWORKS

FIRST = "coordinet_v1"
COSTS = {"turn": "turned", "corners": "blackened outside the disc", "inside": "turned in the disc"}


def beside(*frames: pd.DataFrame) -> pd.DataFrame:
    """Frames of several data sets as one, at the stop, the data sets under the names that readers
    know.
    """
    both = pd.concat(frames, ignore_index=True)
    both = both[both["at"] == "stop"].assign(dataset=both["dataset"].map(dataset_name))
    return both.drop_duplicates(
        ["dataset", "arm", "n_train", "replicate", "measure", "part", "x"]
    )  # where digits stand in for both


def turning(frame: pd.DataFrame) -> pd.DataFrame:
    """What turning changes, by data set, number of images and network: the mean over 10 to 80
    degrees relative to none.
    """
    rows = []
    for (dataset, n_train), one in frame.groupby(["dataset", "n_train"], sort=False):
        changes = {label(arm): rotation.changes(one, arm) for arm in NETWORKS}
        for name, text in COSTS.items():
            rows.append(
                {"data": dataset, "N": n_train, "change (points)": text}
                | _row({arm: own[name] for arm, own in changes.items()})
            )
    return pd.DataFrame(rows)


def steadier(frame: pd.DataFrame, arm: str = "simple_cnn") -> pd.DataFrame:
    """How much less of its accuracy an arm loses by turning than each of the others, in points, by
    data set and number of images.
    """
    rows = []
    for (dataset, n_train), one in frame.groupby(["dataset", "n_train"], sort=False):
        lost = {name: changes for name in NETWORKS if len(changes := rotation.turning(one, name))}
        if arm in lost:
            gaps = {
                f"minus {label(name)}": paired_differences(lost[arm], other)
                for name, other in lost.items()
                if name != arm
            }
            rows.append({"data": dataset, "N": n_train} | _row(gaps))
    return pd.DataFrame(rows)


def _row(differences: dict[str, pd.Series]) -> dict[str, str]:
    """Cells of a row, in points, with one n for all."""
    n = next((one.count() for one in differences.values()), 0)
    return {name: points(one, unit="", n=False) for name, one in differences.items()} | {
        "n": str(n or "–")
    }


def leads(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Paired differences of test accuracy, by data set and number of images."""
    pairs = (
        ("simple_cnn", "fully_connected"),
        ("simple_cnn", "coordinet"),
        ("coordinet", "fully_connected"),
    )
    return pd.DataFrame(
        [
            {"data": dataset, "N": n_train}
            | {
                f"{label(arm)} − {label(rival)}": points(paired(one, arm, rival))
                for arm, rival in pairs
            }
            for (dataset, n_train), one in accuracy.groupby(["dataset", "n_train"], sort=False)
        ]
    )


def order(accuracy: pd.DataFrame) -> str:
    """The networks by mean accuracy, the best first, for every data set at its largest number of
    images on record.
    """
    texts = []
    for dataset, one in accuracy.dropna(subset=["value"]).groupby("dataset"):
        n_train = one["n_train"].max()
        means = (
            one[(one["n_train"] == n_train) & one["arm"].isin(NETWORKS)]
            .groupby("arm")["value"]
            .mean()
            .sort_values(ascending=False)
        )
        texts.append(f"{dataset} (N = {n_train}): {', '.join(map(label, means.index))}")
    return "; ".join(texts) or NOTHING


def figure(accuracy: pd.DataFrame) -> Figure:
    """Accuracy over N, a panel a data set. The source's first version, which only one of them has,
    is named where it stands, with its n.
    """
    drawn = lines(
        accuracy,
        "n_train",
        "dataset",
        xlabel="training images N",
        log=True,
        ticks=sorted(accuracy["n_train"].unique()),
    )
    for ax in drawn.axes:
        first = accuracy[(accuracy["arm"] == FIRST) & (accuracy["dataset"] == ax.get_title("left"))]
        for n_train, rows in first.groupby("n_train"):
            n = f"n = {rows['replicate'].nunique()}"
            at, mark = (
                (n_train, 100 * rows["value"].mean()),
                {"xytext": (8, -3), "textcoords": "offset points", "fontsize": 8.5},
            )
            ax.annotate(f"Coordinet v1, {n}", at, color=INK, **mark)
    return drawn


def first_version(*results: Results) -> str:
    """How the runs of the source's first version ended; for the caption."""
    trials = pd.concat([r.trials() for r in results])
    trials = trials[trials["arm"] == FIRST]
    if trials.empty:
        return "Of Coordinet v1 no run is on record."
    capped = trials[trials["stop_reason"] == "cap"]
    ran = (
        f"Of {len(trials)} runs of Coordinet v1"
        if len(trials) > 1
        else "The only run of Coordinet v1"
    )
    if capped.empty:
        return f"{ran} none stopped at the cap." if len(trials) > 1 else f"{ran} reached the loss."
    far = f" ({capped['epochs'].max()} epochs) without having reached the loss, so its accuracy is not that of a trained network"
    return f"{ran} {f'{len(capped)} stopped' if len(trials) > 1 else 'stopped'} at the cap{far}."
