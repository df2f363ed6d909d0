"""Small displays of a page: tables, folds, key and value."""

from __future__ import annotations

import base64
import html
import re

import pandas as pd


def raw(text: str):
    """HTML as a cell's output."""
    from IPython.display import HTML

    return HTML(text)


def table(frame: pd.DataFrame):
    """A small table that scrolls inside its box; text is escaped."""
    return raw(table_html(frame))


def table_html(frame: pd.DataFrame) -> str:
    """A table as HTML, with a book's minus in place of Python's hyphen."""
    text = frame.to_html(index=False, border=0, escape=True, na_rep="–")
    return f"<div class='scroll'>{minus(text)}</div>"


def by_rate(frame: pd.DataFrame):
    """Mean accuracy (%) of every arm at every learning rate, from tidy accuracies of tuning; the
    best of each arm in bold.
    """
    means = 100 * frame.pivot_table(index="arm", columns="learning_rate", values="value")
    best = means.eq(means.max(axis=1), axis=0)
    text = means.map("{:.1f}".format, na_action="ignore")
    text = text.mask(best, "<b>" + text + "</b>").rename(columns="{:g}".format)
    text = text.rename_axis(None, axis=1).rename_axis("network, by learning rate").reset_index()
    return raw(
        f"<div class='scroll'>{text.to_html(index=False, border=0, escape=False, na_rep='–')}</div>"
    )


def minus(text: str) -> str:
    """Python writes negative numbers with a hyphen, a book with a minus."""
    return re.sub(r"(?:(?<=[\s\[(>])|^)-(?=\d)", "−", text)


def fold(summary: str, body: str) -> str:
    """HTML that unfolds."""
    return f"<details class='fold'><summary>{html.escape(summary)}</summary>{body}</details>"


def download(frame: pd.DataFrame, name: str) -> str:
    """A link to a table as a CSV file that lies in the page itself."""
    data = base64.b64encode(frame.to_csv(index=False, float_format="%.6g").encode()).decode()
    file = name.replace("/", "-")
    link = f"<a download='{file}' href='data:text/csv;base64,{data}'>{file}</a>"
    return f"<p>Mean, deviation and number of runs of all that is measured: {link}</p>"


def pairs(rows: dict[str, str]) -> str:
    """Names and values (HTML) as a small table."""
    cells = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<div class='provenance'><table>{cells}</table></div>"


def span(values: pd.Series, form: str) -> str:
    """A value, or the least and the greatest: "12–40"."""
    low, high = values.min(), values.max()
    return format(low, form) if low == high else f"{low:{form}}–{high:{form}}"
