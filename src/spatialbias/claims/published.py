"""The numbers that the sources print, from `data/published/<work>.csv`.

Columns: claim (the id that they stand beside), arm ("" for the difference between the claim's arm
and its first rival), condition (its label; "" if the claim has one only), value (in the unit of the
claim's values), tag (S stated in the text, F read from a figure, C from the code, I from an issue
or a copy), kind (what it is of, unless a single run) and select ("column=value" where it differs
from the claim's values; several are separated by semicolons). An arm with "=" in it is such a
selection, too.
"""

import csv
from collections import defaultdict

from spatialbias import paths
from spatialbias.claims.claim import Published


def published(work: str) -> dict[str, tuple[Published, ...]]:
    """The published numbers of a work by claim, () for a claim that has none.

    Raises FileNotFoundError if the work has no such file.
    """
    numbers = defaultdict(tuple)
    with open(paths.published() / f"{work}.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            arm = _selection(row["arm"]) if "=" in row["arm"] else row["arm"]
            numbers[row["claim"]] += (
                Published(
                    float(row["value"]),
                    arm,
                    row["condition"],
                    row["tag"],
                    _selection(row["select"]),
                    row["kind"],
                ),
            )
    return numbers


def _selection(text: str) -> dict[str, str]:
    return dict(pair.strip().split("=", 1) for pair in text.split(";") if pair.strip())
