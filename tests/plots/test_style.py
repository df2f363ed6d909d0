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
