"""The picture on the first page is right at any n, none included."""

import pandas as pd
import pytest

pytest.importorskip("matplotlib")

from spatialbias.figures.headlines import headlines  # noqa: E402

EMPTY = pd.DataFrame(columns=["arm", "replicate", "n_train", "value"])


def rows(**values):
    return pd.DataFrame(
        [
            {"arm": arm, "replicate": r, "n_train": 97, "value": v}
            for arm, some in values.items()
            for r, v in enumerate(some)
        ]
    )


def words(figure):
    return [text.get_text() for ax in figure.axes for text in (*ax.texts, *ax.get_yticklabels())]


def test_each_panel_says_how_many_runs_it_shows_and_spans_the_scale():
    named = rows(coordconv=[0.2, 0.9, 1.0], deconv=[0.0])
    figure = headlines(
        rows(fully_connected=[0.2, 0.3], pooled_cnn=[0.4, 0.5]),
        {"strewn": named},
        rows(vanilla=[0.5, 0.52]),
    )
    said = words(figure)
    assert (
        "CoordConv,\nstrewn (n = 3)" in said
        and "deconvolution,\nstrewn (n = 1)" in said
        and "plain network (n = 2)" in said
    )
    assert (
        "fully connected" in said and "simple CNN" not in said
    )  # only what is on record has a line
    few, naming, telling = figure.axes
    strokes = [line for line in naming.lines if line.get_marker() == "|"]
    assert [list(line.get_xdata()) for line in strokes] == [[20, 90, 100], [0]]
    band = next(line for line in naming.lines if line.get_linewidth() == 3)
    assert band.get_xdata()[1] == 100  # a share ends there, Student's interval does not


def test_nothing_on_record_is_said_in_every_panel():
    figure = headlines(EMPTY, {"strewn": EMPTY}, EMPTY)
    assert words(figure).count("not on record yet") == 3
    figure.canvas.draw()
