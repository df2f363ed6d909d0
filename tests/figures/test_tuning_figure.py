"""Every trial of the tuning is drawn, and the rate chosen is ringed."""

import pandas as pd
import pytest

from spatialbias.figures import tuning


@pytest.mark.parametrize("n", [0, 1, 3])
def test_one_panel_a_network(n):
    rows = [
        {"arm": arm, "learning_rate": rate, "replicate": r, "value": 0.2}
        for arm in ("simple_cnn", "coordinet")
        for rate in (0.001, 0.003)
        for r in range(n)
    ]
    figure = tuning.by_rate(
        pd.DataFrame(rows, columns=["arm", "learning_rate", "replicate", "value"]),
        {"simple_cnn": "0.003"},
    )
    figure.draw_without_rendering()
    if n:
        assert [ax.get_title("left") for ax in figure.axes] == ["simple CNN", "Coordinet"]
        rings = [
            line.get_xdata().tolist()
            for ax in figure.axes
            for line in ax.lines
            if line.get_markersize() == 11
        ]
        assert rings == [[0.003], []]
