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


def test_names_stand_above_their_rows_and_a_line_stops_short_of_them():
    _, (ax,) = plots.canvas(1)
    ax.plot([-3, 8], [0, 2])
    plots.name_rows(ax, ["first", "second", "third"], line_at=0)
    assert [text.get_text() for text in ax.texts] == ["first", "second", "third"]
    names = [text.get_position()[1] for text in ax.texts]
    heights = [ax.transData.transform((0, y))[1] for y in names]
    assert heights == sorted(heights, reverse=True)  # the first on top
    lines = [line.get_ydata() for line in ax.lines[1:]]
    assert len(lines) == 3
    for k, (name, (start, end)) in enumerate(zip(names, lines)):
        assert name < start < k < end < name + 1
