"""Who leads at which N, and what training took: right whatever the records say."""

import pandas as pd
import pytest

pytest.importorskip("matplotlib")

from spatialbias.figures import few_samples  # noqa: E402

VALUES = {  # N: {arm: accuracies of three replicates}
    97: {"simple_cnn": (0.20, 0.21, 0.22), "fully_connected": (0.25, 0.262, 0.27)},
    390: {"simple_cnn": (0.30, 0.28, 0.31), "fully_connected": (0.30, 0.29, 0.30)},
    1562: {"simple_cnn": (0.40, 0.41, 0.43), "fully_connected": (0.35, 0.362, 0.37)},
}
FRAME = pd.DataFrame(
    [
        {"n_train": n, "arm": arm, "replicate": r, "value": v}
        for n, arms in VALUES.items()
        for arm, some in arms.items()
        for r, v in enumerate(some)
    ]
)


def test_leads_go_by_the_interval():
    assert (
        few_samples.leads(FRAME, "simple_cnn", "fully_connected")
        == "ahead at N = 1562, behind at N = 97, not told apart at N = 390"
    )
    assert (
        few_samples.leads(FRAME[FRAME["replicate"] == 0], "simple_cnn", "fully_connected")
        == "not told apart at N = 97, 390, 1562"
    )  # of one run nothing can be told


def test_differences_are_paired_and_published_ones_stand_beside():
    rows = few_samples.differences(FRAME)
    one = rows[(rows["n_train"] == 97) & (rows["replicate"] == 1)]
    assert list(one["arm"]) == ["simple CNN − fully connected"] and one[
        "value"
    ].item() == pytest.approx(-0.052)
    figure = few_samples.gaps(FRAME, {"simple_cnn": (0.3,), "fully_connected": (0.25,)}, (390,))
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
    assert [(*map(float, line.get_xdata()), *map(float, line.get_ydata())) for line in hollow] == [
        (390, pytest.approx(5.0))
    ]
    few_samples.gaps(FRAME[:0], {}, ()).canvas.draw()


def test_epochs_by_network_and_size_count_failures():
    rows = [
        {
            "arm": "coordinet",
            "n_train": n,
            "stop_reason": why,
            "epochs": e,
            "parameters": 984810,
            "learning_rate": 1e-3,
        }
        for n, e, why in ((97, 10, "loss"), (97, 12, "loss"), (97, 300, "cap"), (195, 20, "loss"))
    ]
    table = few_samples.epochs_table(
        pd.DataFrame([*rows, {**rows[0], "arm": "kernel_ridge", "stop_reason": "solved"}])
    )
    table = table.replace({"\u2060": "", "\u00a0": " "}, regex=True)
    assert table.to_dict("records") == [
        {
            "network": "Coordinet",
            "parameters": "984,810",
            "rate": "0.001",
            "N = 97": "12 (10–300), 1 failed",
            "N = 195": "20 (20)",
        }
    ]
