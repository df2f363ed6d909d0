"""One look for every figure: a colour, a marker and a name for each network, legible on light and
dark, in colour and in grey.
"""

import sys

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

INK = "#7d7d7d"  # text and axes: readable on white and on near-black alike
HOLLOW = {
    "linestyle": "",
    "markerfacecolor": "none",
    "markeredgecolor": "#8f8f8f",
}  # the source's values: hollow grey marks
SPARE = (
    "#8c6bb1",
    "#bf812d",
    "#35978f",
    "#c51b7d",
    "#4d9221",
    "#7f7f7f",
    "#b2182b",
    "#2166ac",
)  # for variants, in order

COLOURS = {  # Okabe and Ito's palette: safe for the colour-blind, and of different lightness
    "fully_connected": "#d55e00",
    "simple_cnn": "#0072b2",
    "coordinet": "#009e73",
    "pooled_cnn": "#56b4e9",
    "padded_cnn": "#7b5aa6",
    "fully_connected_norm": "#e69f00",
    "kernel_ridge": "#cc79a7",
    "coordconv": "#009e73",
    "deconv": "#d55e00",
    "conv, for uniform": "#0072b2",
    "conv, for quadrant": "#56b4e9",
    "no coordinates": "#7f7f7f",
    "coordinate bias": "#009e73",
    "coordinate bias, batch norm": "#00664b",
    "coordbias": "#009e73",
    "vanilla": "#0072b2",
    "CoordConv": "#e69f00",
    "convolution": "#0072b2",
    "wide": "#d55e00",
    "K = 2": "#009e73",
    "K = 4": "#009e73",
    "K = 8": "#009e73",
    "K = 4, frozen": "#7f7f7f",
    "input-dependent K = 2": "#cc79a7",
    "input-dependent K = 4": "#cc79a7",
    "locally connected": "#8c6bb1",
}
MARKERS = {
    "fully_connected": "s",
    "simple_cnn": "o",
    "coordinet": "^",
    "pooled_cnn": "D",
    "padded_cnn": "<",
    "fully_connected_norm": "v",
    "kernel_ridge": "P",
    "coordconv": "^",
    "deconv": "s",
    "coordinate bias": "^",
    "coordinate bias, batch norm": "v",
    "coordbias": "^",
    "vanilla": "o",
}
LABELS = {
    "fully_connected": "fully connected",
    "simple_cnn": "simple CNN",
    "coordinet": "Coordinet",
    "pooled_cnn": "pooled CNN",
    "padded_cnn": "simple CNN, padded",
    "fully_connected_norm": "FC, LayerNorm",
    "kernel_ridge": "kernel ridge",
    "coordconv": "CoordConv",
    "deconv": "deconvolution",
    "coordconv painter": "CoordConv",
    "deconv painter": "deconvolution",
}
DATASETS = {
    "cifar10": "CIFAR-10",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "digits": "scikit-learn's digits",
}
SIZES = {"text": 9, "title": 10}


def use() -> None:
    """Set matplotlib's defaults for the book: transparent SVG, text as text, quiet axes. In a
    kernel figures are shown as SVG with a PNG beside it (an SVG alone is hidden in a notebook that
    is not trusted), without a date: equal runs give equal files.
    """
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(shell, {"svg", "png"}, bbox_inches="tight", metadata={"Date": None})
    mpl.rcdefaults()  # a reader's own matplotlibrc is for his own figures
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "spatialbias",
            "font.family": "sans-serif",
            "font.size": SIZES["text"],
            "font.sans-serif": ["Helvetica Neue", "Arial", "DejaVu Sans"],
            "axes.titlesize": SIZES["title"],
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": INK,
            "grid.alpha": 0.18,
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "savefig.bbox": "tight",
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.titlecolor": INK,
            "lines.linewidth": 1.8,
            "lines.markersize": 5,
            "legend.frameon": False,
            "figure.dpi": 110,
        }
    )


def colour(arm: str, position: int = 0) -> str:
    """The arm's colour; a variant ("coordinet, true places") that has none of its own takes one of
    the spare ones.
    """
    return COLOURS.get(arm) or SPARE[position % len(SPARE)]


def marker(arm: str, position: int = 0) -> str:
    return MARKERS.get(arm) or "<>hpX*d8"[position % 8]


def label(arm: str) -> str:
    """The arm's name in running text and figures."""
    head, comma, rest = arm.partition(", ")
    return LABELS.get(arm) or (LABELS.get(head, head) + comma + rest)


def dataset_name(dataset: str) -> str:
    """A data set's name in running text and figures."""
    return DATASETS.get(dataset, dataset)


def canvas(
    panels: int = 1,
    width: float = 7.2,
    height: float = 3.0,
    columns: int | None = None,
    share_y: bool = True,
    share_x: bool = True,
) -> tuple[Figure, list[Axes]]:
    """A figure with `panels` axes in rows of `columns`; ranges are shared, so that panels can be
    compared.
    """
    use()
    columns = columns or panels
    rows = -(-panels // columns)
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False).flat)
    for spare in axes[panels:]:
        spare.set_axis_off()
    return figure, axes[:panels]


def row(panels: int, width: float, height: float) -> tuple[list[Figure], list[Axes]]:
    """As many figures of one axes each. Displayed together, they stand beside each other on a wide
    page and below each other on a narrow one, where panels of one figure would be too small to read.
    """
    each = [canvas(1, width, height) for _ in range(panels)]
    return [figure for figure, _ in each], [ax for _, (ax,) in each]


def circle(centre: tuple[float, float], radius: float) -> Circle:
    """A thin ring, in the units of the axes."""
    return Circle(centre, radius, fill=False, edgecolor="#ffffff", linewidth=1.0)


def square(corner: tuple[float, float], side: float, ink: str) -> Rectangle:
    """A filled square, in the units of the axes."""
    return Rectangle(corner, side, side, facecolor=ink, edgecolor="none")
