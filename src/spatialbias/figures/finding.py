"""What the page `coordconv/regression` says of the networks that find a pixel: three ways to count
in one table, and rivals compared.
"""

import html

import pandas as pd

from spatialbias.figures.numbers import NOTHING, points, rows_of, said, span
from spatialbias.figures.places import splits_in
from spatialbias.plots.charts import arms_in
from spatialbias.plots.style import label, split_name
from spatialbias.statistics import mean_interval, paired

NARROW = "\u00a0"  # a space at which no line ends


def counts(right: pd.DataFrame, error: pd.DataFrame, order: tuple[str, ...]) -> str:
    """One row a split and network, as HTML: single coordinates right, positions right, error in
    pixels; held out, in small type trained on.

    right, error: the measures `right` and `score`.
    """
    rows = []
    for split in splits_in(error):
        for arm in arms_in(error, order):
            cells, where = [], {"arm": arm, "split": split}
            for frame, single, unit in (
                (right, ", single", "%"),
                (right, "", "%"),
                (error, "", ""),
            ):
                held, fitted = (
                    said(rows_of(frame, part=part + single, **where)["value"], unit, n=False)
                    for part in ("test", "train")
                )
                cells.append(
                    f"{held.replace(' ', NARROW)}<br><small>{fitted.partition(' [')[0]}</small>"
                )
            rows.append([html.escape(label(arm)), html.escape(split_name(split)), *cells])
    head = "".join(
        f"<th>{name}</th>"
        for name in ("network", "split", "coordinates", "positions", "error (pixels)")
    )
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='scroll'><table class='dataframe'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def repeats(error: pd.DataFrame) -> str:
    """Runs of each network on each split: "10", or the least and the most."""
    n = rows_of(error, part="test").groupby(["arm", "split"]).size()
    return span(n, "d") if len(n) else NOTHING


def gap(error: pd.DataFrame, arm: str, rival: str, split: str) -> str:
    """How much more an arm errs than its rival on a split, in pixels, with its interval and in how
    many replicates.
    """
    d = paired(rows_of(error, part="test", split=split), arm, rival)
    mean, low, high, n = mean_interval(d)
    if not n:
        return NOTHING
    ends = "" if low != low else f" [{low:+.2f}, {high:+.2f}]"
    return f"{mean:+.2f} pixels{ends}, n = {n}, larger in {(d > 0).sum()} of {n} replicates"


def weaker(error: pd.DataFrame, built: str, other: str, split: str) -> str:
    """Whether the network that was built for a split is the weaker rival there."""
    low, high = mean_interval(paired(rows_of(error, part="test", split=split), built, other))[1:3]
    if low > 0:
        return "So the claims about the quadrant, which take the network built for it as the rival, take the weaker one"
    if high < 0:
        return "So the claims about the quadrant take the stronger rival"
    return "Which of the two is the stronger rival is not settled by these replicates"


def lead(right: pd.DataFrame, arm: str, rival: str, split: str) -> str:
    """By how many points an arm finds more single held-out coordinates than its rival on a
    split.
    """
    return points(paired(rows_of(right, part="test, single", split=split), arm, rival))
