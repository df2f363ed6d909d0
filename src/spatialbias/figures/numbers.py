"""Means with their intervals as running text, from fractions, one a replicate."""

import pandas as pd

from spatialbias.statistics import mean_interval

NOTHING = "not on record"


def level(values: pd.Series) -> str:
    """An accuracy: "28.7 % [27.9, 29.4], n = 10"."""
    mean, low, high, n = mean_interval(values.dropna())
    return f"{100 * mean:.1f} % [{100 * low:.1f}, {100 * high:.1f}], n = {n}" if n else NOTHING


def points(values: pd.Series) -> str:
    """A difference: "-3.1 points [-3.9, -2.4], n = 10"."""
    mean, low, high, n = mean_interval(values.dropna())
    return f"{100 * mean:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}], n = {n}" if n else NOTHING
