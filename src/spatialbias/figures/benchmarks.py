"""The benchmarks on record, which several pages quote: `make bench` measures, pages read."""

import json
import re

from spatialbias import paths
from spatialbias.plots.style import label

NAMES = {
    "amx": "AMX (bfloat16 matrix products in tiles)",
    "avx512_bf16": "AVX-512 with bfloat16",
    "avx512": "AVX-512",
    "avx2": "AVX2",
}


def load() -> dict[str, dict]:
    """By instruction set: {"machine": …, "rows": […]}; none if there is no file."""
    path = paths.shipped_results() / "bench.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def rows_of(runs: dict[str, dict], part: str) -> list[dict]:
    return [row for run in runs.values() for row in run["rows"] if row["part"] == part]


def named(row: dict) -> str:
    """What a row measures, networks by their names in the book."""
    return ", ".join(map(label, row["name"].split(", ")))


def precision(runs: dict[str, dict]) -> str:
    """What computing in bf16 does to accuracies, and what follows for contrasts between
    networks.
    """
    rows = rows_of(runs, "precision")
    if not rows:
        return "Whether computing in bf16 changes what is found has not been measured yet."
    network = {id(row): f"“{named(row).partition(', N = ')[0]}”" for row in rows}
    each = "; ".join(f"{network[id(row)]}: {row['ours']}, n = {row['n']}" for row in rows)
    missed = [row for row in rows if row["reached"] is False]
    text = f"Test accuracy in bf16 minus that of the same trials in fp32 ({rows[0]['other']}s): {each}. "
    if not missed:
        return text + "That passes our test of equivalence."
    text += (
        f"Our test of equivalence allows {missed[0]['target']:g} points either way, and "
        f"{' and '.join(network[id(row)] for row in missed)} did not pass it. "
    )
    for row in rows:
        mean, *ends = _numbers(row["ours"])
        if ends and (ends[0] > 0 or ends[1] < 0):
            text += (
                f"bf16 {'lowers' if mean < 0 else 'raises'} {network[id(row)]} by {abs(mean):.2f} "
                "points (the interval excludes 0). "
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
