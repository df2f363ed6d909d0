"""Rows as lines of a terminal, and as the records that the book's page on speed shows."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.measuring import CORES, Row
from spatialbias import paths
from spatialbias.store import write
from spatialbias.training import detect, instruction_set

BUSY = 0.5  # load at the start above which the machine is said to have been busy with other work
SAYS = {True: "reached", False: "missed", None: "not judged"}


def machine() -> dict:
    """What the numbers depend on. `load` is how many processes already wanted a core when the
    benchmark began.
    """
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
    if about["load"] is not None and about["load"] > BUSY:
        line += (
            f"\nother work is running (load {about['load']}): rely on ratios, and least on that of "
            "`sweep`, which goes by the clock on the wall"
        )
    return line


def line(row: Row) -> str:
    value, low, high = (row.shown.format(x) for x in (row.value, row.low, row.high))
    target = "no target" if row.target is None else f"target {row.shown.format(row.target)}"
    return (
        f"{row.part:9} {row.name:48} {row.ours:>24} | {row.other:29} {value:>10} "
        f"[{low} to {high}, n = {row.n}]  {target}: {SAYS[row.reached]}"
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
    kept, name, run = load(), about["instruction_set"], {row.part for row in rows}
    others = [row for row in kept.get(name, {}).get("rows", []) if row["part"] not in run]
    stamp = {"load": about["load"], "made": about["made"][:10]}
    new = [row.plain() | stamp for row in rows]
    kept[name] = {"machine": about, "rows": others + new}
    write(path(), (json.dumps(kept, indent=1) + "\n").encode())
