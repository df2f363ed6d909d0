"""A small vocabulary of plots in one style: tidy frames and effects in, figures out.

panel      lines over x in one narrow panel: show two with display(one, other)
lines      test accuracy over x, a panel for each value of a column: means, 95 % bands, single runs
strips     one network a line: single runs as strokes, mean and interval
interval   an effect as a mark with its interval on a page's own axes
forest     effects with their intervals, one a line under its name
canvas     an empty figure in the book's style, for a page's own plots; `line` and `write_labels`
           draw one network's line and the names at the ends
"""

from spatialbias.plots.charts import bars as strips
from spatialbias.plots.charts import (
    carried,
    forest,
    interval,
    line,
    lines,
    names_above,
    panel,
    write_labels,
)
from spatialbias.plots.style import (
    COLOURS,
    HOLLOW,
    INK,
    blank,
    canvas,
    circle,
    colour,
    dataset_name,
    label,
    marker,
    square,
    use,
)

__all__ = [
    "COLOURS",
    "HOLLOW",
    "INK",
    "blank",
    "canvas",
    "circle",
    "carried",
    "colour",
    "dataset_name",
    "forest",
    "interval",
    "label",
    "line",
    "lines",
    "marker",
    "names_above",
    "panel",
    "square",
    "strips",
    "use",
    "write_labels",
]
