"""The benchmark's table: printed, kept by instruction set, read again and drawn for the book."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from spatialbias import paths
from spatialbias.bench.measuring import CORES, Row

BUSY = 0.5  # load at the start above which the machine is said to have been busy with other work
SAYS = {True: "reached", False: "missed", None: "not judged"}


def machine() -> dict:
    """What the numbers depend on. `load` is how many processes already wanted a core when the benchmark began."""
    import torch

    from spatialbias.training import detect, instruction_set

    return {"instruction_set": instruction_set(), "precision": detect(device="cpu").precision,
            "torch": torch.__version__, "cores": os.cpu_count(), "used": CORES,
            "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "made": datetime.now(UTC).isoformat(timespec="seconds")}


def heading(about: dict) -> str:
    line = (f"{about['instruction_set']}, {about['precision']}, torch {about['torch']}, "
            f"{about['used']} of {about['cores']} cores")
    busy = about["load"] is not None and about["load"] > BUSY
    return line + (f"\nother work is running (load {about['load']}): rely on ratios, and least on those of "
                   "`sweep` and `start`, which go by the clock on the wall" if busy else "")


def judged(row: dict, key: str = "value") -> str:
    return row["shown"].format(row[key])


def cells(row: dict) -> dict[str, str]:
    """A row as the words that the table shows."""
    bound = "at most" if row["at_most"] else "at least"
    return {
        "Part": row["part"], "What": row["name"], "Ours": row["ours"], "Compared with": row["other"],
        "Result": judged(row),
        "Rounds": f"{judged(row, 'low')} to {judged(row, 'high')} (n = {row['n']})" if row["n"] > 1 else "one",
        "Target": "none" if row["target"] is None else f"{bound} {judged(row, 'target')}",
        "": SAYS[row["reached"]],
    }


def text(rows: list[Row]) -> str:
    """Some rows as lines of a terminal."""
    return "\n".join(
        f"{c['Part']:7} {c['What']:48} {c['Ours']:>24} | {c['Compared with']:29} {c['Result']:>10} [{c['Rounds']}]"
        f"  {c['Target']}: {c['']}" for c in (cells(row.plain()) for row in rows))


def path() -> Path:
    return paths.shipped_results() / "bench.json"


def load() -> dict[str, dict]:
    """Benchmarks on record, by instruction set: {"machine": …, "rows": […]}; none if there is no file."""
    return json.loads(path().read_text()) if path().is_file() else {}


def save(about: dict, rows: list[Row]) -> None:
    """Keep a whole run in place of the last one with this instruction set; written whole or not at all."""
    kept = load() | {about["instruction_set"]: {"machine": about, "rows": [row.plain() for row in rows]}}
    path().parent.mkdir(parents=True, exist_ok=True)
    temporary = path().with_suffix(f".{os.getpid()}.part")
    temporary.write_text(json.dumps(kept, indent=1) + "\n")
    os.replace(temporary, path())


def table(run: dict):
    """A run as a frame."""
    import pandas as pd

    return pd.DataFrame([cells(row) for row in run["rows"]])


def figure(run: dict):
    """Every ratio that has a target, as a share of its target: bars that cross the line have reached it."""
    from matplotlib import pyplot as plt

    rows = [row for row in run["rows"] if row["target"] and row["value"]][::-1]
    fig, axis = plt.subplots(figsize=(7, 0.9 + 0.34 * len(rows)), layout="constrained")
    for place, row in enumerate(rows):
        ends = sorted(_share(row, row[key]) for key in ("value", "low", "high"))
        share = _share(row, row["value"])
        axis.barh(place, share, 0.6, color="#56b4e9" if row["reached"] else "none", edgecolor="#0072b2",
                  hatch=None if row["reached"] else "///")
        axis.plot([ends[0], ends[-1]], [place, place], color="#333333", lw=1.2)
        axis.annotate(judged(row), (max(ends[-1], 1), place), (6, 0), textcoords="offset points", va="center")
    axis.axvline(1, color="#333333", lw=1, ls="--")
    axis.set_yticks(range(len(rows)), [f"{row['part']}: {row['name']}" for row in rows])
    axis.set_xlabel("share of the target (further right is better; dashed: reached)")
    axis.set_xlim(0, 1.15 * max([1.2, *(_share(row, row[k]) for row in rows for k in ("low", "high"))]))
    axis.spines[["top", "right"]].set_visible(False)
    for patch in (fig.patch, axis.patch):
        patch.set_alpha(0)
    return fig


def _share(row: dict, value: float) -> float:
    return row["target"] / value if row["at_most"] else value / row["target"]
