"""One style, whatever the reader's own matplotlib says."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure

from spatialbias import plots


def drawn():
    plots.use()
    figure = Figure()
    figure.subplots().set_title("$x$ & a title")
    figure.savefig(file := io.BytesIO(), format="svg", metadata={"Date": None})
    return file.getvalue()


def test_a_reader_s_settings_do_not_reach_the_figures():
    before = dict(mpl.rcParams)
    try:
        mpl.rcdefaults()
        plain = drawn()
        theirs = {"text.usetex": True, "font.size": 30, "axes.titlesize": 40, "figure.dpi": 30}
        mpl.rcParams.update(theirs | {"savefig.dpi": 20, "axes.titlepad": 60})
        assert drawn() == plain
    finally:
        mpl.rcParams.update(before)


def test_rows_are_named_from_the_top_down_in_lines_that_leave_room_for_the_data():
    figure, (ax,) = plots.canvas(1, width=4.4)
    ax.plot([-3, 8], [0, 1])
    long = "one kernel for each of many positions of the map"
    plots.name_rows(ax, [long, "second"], line_at=0)
    figure.draw_without_rendering()
    first, second = ax.get_yticklabels()
    assert first.get_text().split() == long.split() and second.get_text() == "second"
    assert first.get_window_extent().y0 > second.get_window_extent().y1
    assert ax.get_window_extent().width > figure.bbox.width / 2
