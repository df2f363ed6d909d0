"""Means with their intervals as running text, from fractions, one a replicate."""

import math

import pandas as pd

from spatialbias.statistics import mean_interval

NOTHING = "not on record"


def level(values: pd.Series) -> str:
    """An accuracy: "28.7 % [27.9, 29.4], n = 10"; of a single replicate without an interval."""
    return _text(values, " %", "")


def points(values: pd.Series) -> str:
    """A difference: "-3.1 points [-3.9, -2.4], n = 10"."""
    return _text(values, " points", "+")


def _text(values: pd.Series, unit: str, sign: str) -> str:
    mean, low, high, n = mean_interval(values.dropna())
    if not n:
        return NOTHING
    interval = "" if math.isnan(low) else f" [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"
    return f"{100 * mean:{sign}.1f}{unit}{interval}, n = {n}"


def span(values: pd.Series, form: str) -> str:
    """The least and the largest: "25–100"; one number if they are equal."""
    return "–".join(dict.fromkeys(f"{value:{form}}" for value in (values.min(), values.max())))
