"""The benchmark's table: printed, kept by instruction set, and read again."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from spatialbias import paths
from spatialbias.bench.measuring import CORES, Row

BUSY = 0.5  # load at the start above which the machine is said to have been busy with other work
SAYS = {True: "reached", False: "missed", None: "not judged"}


def machine() -> dict:
    """What the numbers depend on. `load` is how many processes already wanted a core when the
    benchmark began.
    """
    import torch

    from spatialbias.training import detect, instruction_set

    return {
        "instruction_set": instruction_set(),
        "precision": detect(device="cpu").precision,
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "used": CORES,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def heading(about: dict) -> str:
    line = (
        f"{about['instruction_set']}, {about['precision']}, torch {about['torch']}, "
        f"{about['used']} of {about['cores']} cores"
    )
    return line + (
        f"\nother work is running (load {about['load']}): rely on ratios, and least on that of `sweep`, "
        "which goes by the clock on the wall"
        if busy(about)
        else ""
    )


def busy(about: dict) -> bool:
    return about["load"] is not None and about["load"] > BUSY


def judged(row: dict, key: str = "value") -> str:
    """A number of a row; of a comparison with a run that was cut short a lower bound, and marked as
    one.
    """
    cut = key != "target" and row["other"].startswith("more than")
    return "> " * cut + row["shown"].replace("}x", "}×").format(row[key])


def cells(row: dict) -> dict[str, str]:
    """A row as the words that the table shows."""
    bound = (
        "" if row["shown"].startswith("within") else "at most " if row["at_most"] else "at least "
    )
    return {
        "Part": row["part"],
        "What": row["name"],
        "Ours": row["ours"],
        "Compared with": row["other"],
        "Result": judged(row),
        "Rounds": "one"
        if row["n"] == 1
        else f"n = {row['n']}"
        if row["low"] == row["high"]
        else f"{judged(row, 'low')} to {judged(row, 'high')} (n = {row['n']})",
        "Target": "none" if row["target"] is None else f"{bound}{judged(row, 'target')}",
        "Judged": SAYS[row["reached"]],
    }


def text(rows: list[Row]) -> str:
    """Some rows as lines of a terminal."""
    return "\n".join(
        f"{c['Part']:7} {c['What']:48} {c['Ours']:>24} | {c['Compared with']:29} {c['Result']:>10} [{c['Rounds']}]"
        f"  {c['Target']}: {c['Judged']}"
        for c in (cells(row.plain()) for row in rows)
    )


def path() -> Path:
    return paths.shipped_results() / "bench.json"


def load() -> dict[str, dict]:
    """Benchmarks on record, by instruction set: {"machine": …, "rows": […]}; none if there is no
    file.
    """
    return json.loads(path().read_text()) if path().is_file() else {}


def save(about: dict, rows: list[Row]) -> None:
    """Keep the parts that were run in place of the last ones with this instruction set; written
    whole or not at all.
    """
    from spatialbias.bench import PARTS
    from spatialbias.store import write

    kept, name, run = load(), about["instruction_set"], {row.part for row in rows}
    others = [row for row in kept.get(name, {}).get("rows", []) if row["part"] not in run]
    new = [row.plain() | {"load": about["load"]} for row in rows]
    kept[name] = {
        "machine": about,
        "rows": sorted(others + new, key=lambda row: list(PARTS).index(row["part"])),
    }
    write(path(), (json.dumps(kept, indent=1) + "\n").encode())
