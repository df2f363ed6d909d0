"""Numbers as running text: means over replicates with their 95 % intervals, and ranges."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from spatialbias.statistics import mean_interval

NOTHING = "not on record"


def rows_of(frame: pd.DataFrame, **where) -> pd.DataFrame:
    """The rows whose columns have these values, without missing values."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame.dropna(subset=["value"])


def said(values: Iterable[float], unit: str = "%", n: bool = True) -> str:
    """A mean: "28.7 % [27.9, 29.4], n = 10" of fractions, "0.31 pixels [0.25, 0.37], n = 10";
    without an interval if n is 1.

    n: whether it is told; tables have a column for it.
    """
    if unit == "%":
        return _text(
            values, ".1f", unit, 100, (0, 1), n
        )  # shares end there, Student's interval does not
    return _text(values, ".2f", unit, ends=(0, math.inf), told=n)  # nor is an error below none


def points(values: Iterable[float], unit: str = "points", n: bool = True) -> str:
    """A difference of fractions: "-3.1 points [-3.9, -2.4], n = 10"."""
    return _text(values, "+z.1f", unit, 100, told=n)


def listed(words: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def standing(differences: Mapping[int, pd.Series]) -> str:
    """At which N differences lie above and below zero by their 95 % intervals: "ahead at N = 390,
    781, not told apart at N = 195".
    """
    where: dict[str, list[str]] = {"ahead": [], "behind": [], "not told apart": []}
    for n, one in differences.items():
        _, low, high, _ = mean_interval(one)
        where["ahead" if low > 0 else "behind" if high < 0 else "not told apart"].append(str(n))
    return (
        ", ".join(f"{word} at N = {', '.join(sizes)}" for word, sizes in where.items() if sizes)
        or NOTHING
    )


def span(values: pd.Series, form: str) -> str:
    """The least and the largest: "25–100"; one number if they are equal."""
    return "–".join(dict.fromkeys(f"{value:{form}}" for value in (values.min(), values.max())))


def power(value: float) -> str:
    """A small number as a reader likes it: 3·10⁻¹⁶; 0.0024 as it is."""
    if not value or abs(value) >= 1e-4:
        return f"{value:.2g}"
    digits, exponent = f"{value:.0e}".split("e")
    return f"{digits}·10" + str(int(exponent)).translate(
        str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    )


def _text(
    values: Iterable[float],
    form: str,
    unit: str,
    scale: float = 1,
    ends: tuple[float, float] = (-math.inf, math.inf),
    told: bool = True,
) -> str:
    mean, low, high, n = mean_interval(pd.Series(values, dtype=float).dropna())
    if not n:
        return NOTHING
    low, high = scale * np.clip((low, high), *ends)
    interval = "" if math.isnan(low) else f" [{low:{form}}, {high:{form}}]"
    return f"{scale * mean:{form}}{' ' * bool(unit)}{unit}{interval}" + f", n = {n}" * told
