"""What the book's page on speed shows of the benchmarks on record."""

import re

import pandas as pd

from spatialbias.bench.report import busy, cells, judged, load

NAMES = {"amx": "AMX (bfloat16 matrix products in tiles)", "avx512_bf16": "AVX-512 with bfloat16", "avx512": "AVX-512",
         "avx2": "AVX2"}
MOST = 3.0  # times its target, as far as a bar is drawn
NONE = "No benchmark is on record. `spatialbias bench` on an idle machine makes one, and this page then shows it."


def answer(runs: dict[str, dict]) -> str:
    """The opening paragraph."""
    return " ".join(_answer(name, run) for name, run in runs.items()) or NONE.replace("`", "")


def named(row: dict) -> str:
    """What a row measures, networks by their names in the book."""
    from spatialbias.figures.style import label

    return ", ".join(map(label, row["name"].split(", ")))


def _answer(name: str, run: dict) -> str:
    faster = [f"{judged(row)} as many trials of {named(row).partition(',')[0]} an hour "
              f"({judged(row, 'low')} to {judged(row, 'high')} in n = {row['n']} rounds)"
              for row in run["rows"] if row["part"] == "trial"]
    judgements = [row["reached"] for row in run["rows"] if row["reached"] is not None]
    return (f"On {run['machine']['used']} cores with {NAMES.get(name, name)}, the engine makes {' and '.join(faster)} "
            "compared with the plainest PyTorch program that does the same work; "
            f"{sum(judgements)} of {len(judgements)} targets are reached.")


def where(runs: dict[str, dict]) -> str:
    """What was measured on, for the prose."""
    kinds = [f"{run['machine']['used']} of {run['machine']['cores']} cores with {NAMES.get(name, name)}" for name, run in runs.items()]
    return " and ".join(kinds) or "nothing yet"


def precision(runs: dict[str, dict]) -> str:
    """What computing in bf16 does to accuracies, and what follows for contrasts between networks."""
    rows = [row for run in runs.values() for row in run["rows"] if row["part"] == "precision"]
    if not rows:
        return "Whether computing in bf16 changes what is found has not been measured yet."
    each = "; ".join(f"“{named(row).partition(', N = ')[0]}”: {row['ours']}, n = {row['n']}" for row in rows)
    missed = [row for row in rows if row["reached"] is False]
    shifted = [(row, found) for row in rows if (found := _numbers(row["ours"]))[1:] and (found[1] > 0 or found[2] < 0)]
    text = f"Test accuracy in bf16 minus that of the same trials in fp32 ({rows[0]['other']}s): {each}. "
    if not missed:
        return text + "That passes our test of equivalence."
    names = " and ".join(f"“{named(row).partition(', N = ')[0]}”" for row in missed)
    text += f"Our test of equivalence allows {missed[0]['target']:g} points either way, and {names} did not pass it. "
    for row, (mean, *_) in shifted:
        text += (f"bf16 {'lowers' if mean < 0 else 'raises'} “{named(row).partition(', N = ')[0]}” by {abs(mean):.2f} points (the interval "
                 "excludes 0). ")
    off = max(abs(_numbers(row["ours"])[0]) for row in missed)
    most = max(abs(end) for row in missed for end in _numbers(row["ours"]))
    return (text + f"So a contrast between networks of different kinds may be off by {off:.1f} points, by the interval's far "
            f"end {most:.1f}, which matters where a verdict is about one point.")


def _numbers(text: str) -> list[float]:
    """Those of "-0.31 points [-0.49, -0.12]"."""
    return [float(number) for number in re.findall(r"[+-][\d.]+", text)]


def once(runs: dict[str, dict]) -> str:
    """What was measured on one kind of processor alone, for the prose."""
    there = {name: {f"{row['part']}: {named(row)}" for row in run["rows"]} for name, run in runs.items()}
    if len(there) < 2:
        return ""
    alone = {name: sorted(rows - set().union(*(other for key, other in there.items() if key != name))) for name, rows in there.items()}
    texts = [f"on {NAMES.get(name, name)} {'; '.join(rows)}" for name, rows in alone.items() if rows]
    return f"Measured on one kind of processor only: {', and '.join(texts)}." if texts else ""


def undrawn(runs: dict[str, dict]) -> str:
    """Targets that the figure cannot draw, for its caption."""
    judged_rows = (row for run in runs.values() for row in run["rows"] if row["reached"] is not None)
    found = ", ".join(dict.fromkeys(f"{row['part']}: {named(row)}" for row in judged_rows if not _drawn(row)))
    return f"Not drawn, as nothing can be divided by none: {found}." if found else ""


def _drawn(row: dict) -> bool:
    return bool(row["target"] and row["value"])


def about(runs: dict[str, dict]) -> str:
    """Where the numbers come from, and whether the machine was at rest."""
    lines = []
    for name, run in runs.items():
        m = run["machine"]
        loaded = [row["part"] for row in run["rows"] if busy({"load": row.get("load", m["load"])})]
        rest = (f"While {', '.join(dict.fromkeys(loaded))} ran, other programs did too, so trust the ratios more than the times."
                if loaded else "Nothing else of weight was running.")
        lines.append(f"{NAMES.get(name, name)}: torch {m['torch']}, activations in {m['precision']}, {m['used']} of "
                     f"{m['cores']} cores, {m['made'][:10]}. {rest}")
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
        rows.append({"What": f"{c['Part']}: {named(row)}", "Ours": c["Ours"], "Compared with": c["Compared with"],
                     "Result, rounds": c["Result"] + rounds, "Target": target + mark})
    return pd.DataFrame(rows)


def figure(runs: dict[str, dict]):
    """Every result that has a target, how many times as good as that it is, one panel a kind of processor: bars that cross the line
    have reached theirs. None for no runs."""
    from spatialbias.figures.style import INK, canvas

    shown = {name: {f"{row['part']}: {named(row)}": row for row in run["rows"] if _drawn(row)}
             for name, run in runs.items()}
    labels = list(dict.fromkeys(label for rows in shown.values() for label in rows))[::-1]
    if not labels:
        return None
    shares = [_share(row, row[key]) for rows in shown.values() for row in rows.values() for key in ("low", "high")]
    drawing, axes = canvas(len(shown), height=0.9 + 0.27 * len(labels))
    for axis, (name, rows) in zip(axes, shown.items(), strict=True):
        for label, row in rows.items():
            place, ends = labels.index(label), [_share(row, row[key]) for key in ("low", "high")]
            axis.barh(place, _share(row, row["value"]), 0.62, facecolor="#56b4e9" if row["reached"] else "none",
                      edgecolor="#0072b2", hatch=None if row["reached"] else "////", linewidth=1)
            axis.plot(ends, [place, place], color=INK, linewidth=1.5)
            axis.annotate(judged(row), (max(*ends, 1), place), (4, 0), textcoords="offset points", va="center", fontsize="small")
        axis.axvline(1, color=INK, linewidth=1.2, linestyle="--")
        axis.set_title(name, loc="left")
        axis.grid(False, axis="y")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].set_xlim(0, 1.4 * max(1.2, *shares))
    for axis in axes:
        axis.set_xlabel("times as good as the target")
    return drawing


def _share(row: dict, value: float) -> float:
    """How many times as good as the target; far beyond it the bar ends, or it would dwarf the others."""
    return min(row["target"] / value if row["at_most"] else value / row["target"], MOST)


def records(runs: dict[str, dict]):
    """A table for each kind of processor, or the sentence that says that there is none."""
    from spatialbias.book.page import raw
    from spatialbias.book.page import table as box

    parts = (f"<p><strong>{NAMES.get(name, name)}</strong> ({name})</p>{box(table(run)).data}" for name, run in runs.items())
    return raw("".join(parts) if runs else f"<p>{NONE.replace('`', '')}</p>")


__all__ = ["about", "answer", "figure", "load", "precision", "records", "table", "where"]
