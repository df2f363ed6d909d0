"""A small vocabulary of plots in one style: tidy frames and effects in, figures out.

panel      lines over x in one narrow panel: show two with display(one, other)
runs       every run a dot, one network a row: for results that fall into heaps
interval   an effect as a mark with its interval on a page's own axes
name_rows  the names of such rows at their left, and a line through them
picture    an image; plane: a map over positions, zero clear; classes: a segmented image
canvas     an empty figure in the book's style, for a page's own plots; `line` and `write_labels`
           draw one network's line and the names at the ends
row        several such figures of one axes each, to stand side by side
"""

from spatialbias.plots.charts import (
    carried,
    interval,
    line,
    name_rows,
    panel,
    write_labels,
)
from spatialbias.plots.maps import CLASSES, MARKED, bare, classes, picture, plane
from spatialbias.plots.runs import runs
from spatialbias.plots.style import (
    COLOURS,
    HOLLOW,
    INK,
    canvas,
    circle,
    colour,
    dataset_name,
    label,
    marker,
    row,
    square,
    use,
)

__all__ = [
    "CLASSES",
    "COLOURS",
    "HOLLOW",
    "INK",
    "MARKED",
    "bare",
    "canvas",
    "circle",
    "classes",
    "carried",
    "colour",
    "dataset_name",
    "interval",
    "label",
    "line",
    "marker",
    "name_rows",
    "panel",
    "square",
    "picture",
    "plane",
    "row",
    "runs",
    "use",
    "write_labels",
]
