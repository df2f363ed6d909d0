"""Every run a dot: none hides another, and successes are counted on held-out positions alone."""

import numpy as np
import pandas as pd

from spatialbias import plots
from spatialbias.plots.runs import stacked

FRAME = pd.DataFrame(
    {"arm": "coordconv", "part": part, "value": value}
    for part, values in (("test", (1.0, 1.0, 0.2)), ("train", (1.0, 1.0, 1.0)))
    for value in values
)


def test_runs_of_one_value_are_stacked_within_their_row():
    offsets = stacked([100.0] * 30 + [0.0], 0, 100)
    assert len(set(offsets[:30])) == 30 and offsets[30] == 0
    assert np.abs(offsets).max() <= 0.3 + 1e-9


def test_successes_are_those_of_held_out_positions():
    figure = plots.runs(FRAME, {"coordconv": "a name", "absent": "nobody"})
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["2 of 3"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a name"]
    assert sum(len(line.get_xdata()) for line in ax.lines) == len(FRAME)


def test_errors_of_nothing_stay_on_a_logarithmic_axis():
    frame = FRAME.assign(value=0.0)
    figure = plots.runs(frame, ["coordconv"], unit=1, log=True, success=None)
    xs = np.concatenate([line.get_xdata() for line in figure.axes[0].lines])
    assert (xs > 0).all() and len(xs) == len(frame)
