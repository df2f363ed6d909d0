"""What the book's page on speed shows of the benchmarks on record."""

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
    text = f"Test accuracy in bf16 minus that of the same trials in fp32 ({rows[0]['other']}s): {each}. "
    if not missed:
        return text + "That passes our test of equivalence."
    names = " and ".join(f"“{named(row).partition(', N = ')[0]}”" for row in missed)
    off = max(abs(float(row["ours"].split()[0])) for row in missed)
    return (text + f"Our test of equivalence allows {missed[0]['target']:g} points either way, and {names} did not pass it. So a contrast "
            f"between networks of different kinds may be off by about {off:.1f} points, which matters where a verdict is about one point.")


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
    """All rows of one kind of processor."""
    return pd.DataFrame([cells(row) | {"What": named(row)} for row in run["rows"]])


def figure(runs: dict[str, dict]):
    """Every result that has a target, as a share of it, one panel a kind of processor: bars that cross the line have reached
    theirs. None for no runs."""
    from spatialbias.figures.style import INK, canvas

    shown = {name: {f"{row['part']}: {named(row)}": row for row in run["rows"] if row["target"] and row["value"]}
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
        axis.set_xlabel("share of the target")
    return drawing


def _share(row: dict, value: float) -> float:
    """As a share of the target; far beyond it the bar ends, or it would dwarf the others."""
    return min(row["target"] / value if row["at_most"] else value / row["target"], MOST)


def records(runs: dict[str, dict]):
    """A table for each kind of processor, or the sentence that says that there is none."""
    from spatialbias.book.page import raw
    from spatialbias.book.page import table as box

    parts = (f"<p><strong>{NAMES.get(name, name)}</strong> ({name})</p>{box(table(run)).data}" for name, run in runs.items())
    return raw("".join(parts) if runs else f"<p>{NONE.replace('`', '')}</p>")


__all__ = ["about", "answer", "figure", "load", "precision", "records", "table", "where"]
