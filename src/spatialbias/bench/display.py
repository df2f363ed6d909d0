"""What the book's page on speed shows of the benchmarks on record."""

import re

import pandas as pd

from spatialbias.bench.report import busy, cells, judged, load

NAMES = {
    "amx": "AMX (bfloat16 matrix products in tiles)",
    "avx512_bf16": "AVX-512 with bfloat16",
    "avx512": "AVX-512",
    "avx2": "AVX2",
}
SPEED_UPS = ("trial", "quadrant")  # parts whose results say how many times as fast something is
NONE = "No benchmark is on record. `spatialbias bench` on an idle machine makes one, and this page then shows it."


def answer(runs: dict[str, dict]) -> str:
    """The opening sentence."""
    found = [row["value"] for run in runs.values() for row in run["rows"] if row["part"] == "trial"]
    if not found:
        return NONE.replace("`", "")
    times = " to ".join(dict.fromkeys(f"{value:.2g}" for value in (min(found), max(found))))
    return (
        f"On the processors tried the engine makes {times} times as many trials an hour as the plainest PyTorch program that does the "
        "same work."
    )


def named(row: dict) -> str:
    """What a row measures, networks by their names in the book."""
    from spatialbias.figures.style import label

    return ", ".join(map(label, row["name"].split(", ")))


def where(runs: dict[str, dict]) -> str:
    """What was measured on, for the prose."""
    kinds = [
        f"{run['machine']['used']} of {run['machine']['cores']} cores with {NAMES.get(name, name)}"
        for name, run in runs.items()
    ]
    return " and ".join(kinds) or "nothing yet"


def precision(runs: dict[str, dict]) -> str:
    """What computing in bf16 does to accuracies, and what follows for contrasts between
    networks.
    """
    rows = [row for run in runs.values() for row in run["rows"] if row["part"] == "precision"]
    if not rows:
        return "Whether computing in bf16 changes what is found has not been measured yet."
    each = "; ".join(
        f"“{named(row).partition(', N = ')[0]}”: {row['ours']}, n = {row['n']}" for row in rows
    )
    missed = [row for row in rows if row["reached"] is False]
    shifted = [
        (row, found)
        for row in rows
        if (found := _numbers(row["ours"]))[1:] and (found[1] > 0 or found[2] < 0)
    ]
    text = f"Test accuracy in bf16 minus that of the same trials in fp32 ({rows[0]['other']}s): {each}. "
    if not missed:
        return text + "That passes our test of equivalence."
    names = " and ".join(f"“{named(row).partition(', N = ')[0]}”" for row in missed)
    text += f"Our test of equivalence allows {missed[0]['target']:g} points either way, and {names} did not pass it. "
    for row, (mean, *_) in shifted:
        text += (
            f"bf16 {'lowers' if mean < 0 else 'raises'} “{named(row).partition(', N = ')[0]}” by {abs(mean):.2f} points (the interval "
            "excludes 0). "
        )
    off = max(abs(_numbers(row["ours"])[0]) for row in missed)
    most = max(abs(end) for row in missed for end in _numbers(row["ours"]))
    return (
        text
        + f"So a contrast between networks of different kinds may be off by {off:.1f} points, by the interval's far "
        f"end {most:.1f}, which matters where a verdict is about one point."
    )


def _numbers(text: str) -> list[float]:
    """Those of "-0.31 points [-0.49, -0.12]"."""
    return [float(number) for number in re.findall(r"[+-][\d.]+", text)]


def once(runs: dict[str, dict]) -> str:
    """What was measured on one kind of processor alone, for the prose."""
    there = {
        name: {f"{row['part']}: {named(row)}" for row in run["rows"]} for name, run in runs.items()
    }
    if len(there) < 2:
        return ""
    alone = {
        name: sorted(rows - set().union(*(other for key, other in there.items() if key != name)))
        for name, rows in there.items()
    }
    texts = [
        f"on {NAMES.get(name, name)} {'; '.join(rows)}" for name, rows in alone.items() if rows
    ]
    return f"Measured on one kind of processor only: {', and '.join(texts)}." if texts else ""


def about(runs: dict[str, dict]) -> str:
    """Where the numbers come from, and whether the machine was at rest."""
    lines = []
    for name, run in runs.items():
        m = run["machine"]
        loaded = [row["part"] for row in run["rows"] if busy({"load": row.get("load", m["load"])})]
        rest = (
            f"While {', '.join(dict.fromkeys(loaded))} ran, other programs did too, so trust the ratios more than the times."
            if loaded
            else "Nothing else of weight was running."
        )
        lines.append(
            f"{NAMES.get(name, name)}: torch {m['torch']}, activations in {m['precision']}, {m['used']} of "
            f"{m['cores']} cores, {m['made'][:10]}. {rest}"
        )
    return " ".join(lines) or "None."


def table(run: dict) -> pd.DataFrame:
    """All rows of one kind of processor, in as few columns as a page has room for."""
    rows, signs = [], {"at most ": "≤ ", "at least ": "≥ "}
    for row in run["rows"]:
        c, target = cells(row), cells(row)["Target"]
        for words, sign in signs.items():
            target = target.replace(words, sign)
        mark = {True: " ✓", False: " ✗", None: ""}[row["reached"]]
        rounds = "" if c["Rounds"] == "one" else f", {c['Rounds']}"
        rows.append(
            {
                "What": f"{c['Part']}: {named(row)}",
                "Ours": c["Ours"],
                "Compared with": c["Compared with"],
                "Result, rounds": c["Result"] + rounds,
                "Target": target + mark,
            }
        )
    return pd.DataFrame(rows)


def figure(runs: dict[str, dict]):
    """Every speed-up on a logarithmic axis, one mark a kind of processor, from the lowest to the
    highest round; an arrow is a lower bound. None for no runs.
    """
    from spatialbias.figures.plots import NARROW, names_above
    from spatialbias.figures.style import INK, SPARE, canvas

    shown = {
        name: {
            f"{row['part']}: {named(row)}": row for row in run["rows"] if row["part"] in SPEED_UPS
        }
        for name, run in runs.items()
    }
    labels = list(dict.fromkeys(label for rows in shown.values() for label in rows))[::-1]
    if not labels:
        return None
    drawing, (axis,) = canvas(1, height=0.9 + 0.55 * len(labels), width=NARROW)
    for k, (name, rows) in enumerate(shown.items()):
        look = {"color": SPARE[k], "marker": "osDv"[k % 4]}
        for label, row in rows.items():
            place = labels.index(label) - 0.14 - 0.26 * k
            axis.plot([row["low"], row["high"]], [place, place], color=look["color"], linewidth=1.5)
            axis.plot(
                row["value"],
                place,
                linestyle="",
                markersize=7,
                **look | ({"marker": ">"} if judged(row).startswith(">") else {}),
            )
            beside = {
                "textcoords": "offset points",
                "va": "center",
                "fontsize": 8,
                "color": look["color"],
            }
            axis.annotate(judged(row), (row["high"], place), (7, 0), **beside)
        axis.plot([], [], label=NAMES.get(name, name), linestyle="", **look)
    for k in range(len(labels)):
        axis.plot([1, 1], [k - 0.55, k + 0.02], color=INK, linewidth=1)
    axis.set_xscale("log")
    axis.set_xticks(ticks := [1, 2, 5, 10, 20, 50, 100], [f"{tick}×" for tick in ticks])
    axis.minorticks_off()
    axis.set_xlim(
        min(0.9, *(row["low"] / 1.1 for rows in shown.values() for row in rows.values())),
        1.9 * axis.get_xlim()[1],
    )
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(-0.7, len(labels) - 0.55)
    names_above(axis)
    axis.set_xlabel("times as fast")
    drawing.legend(
        loc="outside upper right",
        ncols=len(shown),
        fontsize=8.5,
        labelcolor="linecolor",
        handletextpad=0.2,
    )
    return drawing


def records(runs: dict[str, dict]):
    """A table for each kind of processor, or the sentence that says that there is none."""
    from spatialbias.book.page import raw
    from spatialbias.book.page import table as box

    parts = (
        f"<p><strong>{NAMES.get(name, name)}</strong>: {_reached(run)}</p>{box(table(run)).data}"
        for name, run in runs.items()
    )
    return raw("".join(parts) if runs else f"<p>{NONE.replace('`', '')}</p>")


def _reached(run: dict) -> str:
    found = [row["reached"] for row in run["rows"] if row["reached"] is not None]
    return f"{sum(found)} of {len(found)} targets are reached"


__all__ = ["about", "answer", "figure", "load", "precision", "records", "table", "where"]
