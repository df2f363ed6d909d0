"""What the page `coordconv/remarks` says in words chosen by its numbers; errors in pixels, a run
counted by its end.
"""

import pandas as pd

from spatialbias.figures.numbers import NOTHING, rows_of
from spatialbias.figures.starts import FOUND


def below(frame: pd.DataFrame, arm: str, limit: float) -> tuple[int, int]:
    """How many of an arm's runs err by less than `limit` at held-out positions, and how many there
    are.
    """
    values = rows_of(frame, arm=arm, part="test")["value"]
    return int((values < limit).sum()), len(values)


def rates_counted(
    many: pd.DataFrame,
    few: pd.DataFrame,
    slow: str,
    others: tuple[str, ...],
    steps: tuple[str, str],
) -> dict[str, str]:
    """How many runs arrive at each rate, given many steps, and what that makes of the slow one:
    "rates" in full, "rates_short" for the page's opening. steps: many and few, as text.
    """
    arms = (slow, *others)
    counts = {limit: [below(many, arm, limit) for arm in arms] for limit in (FOUND, 1.0)}
    least = rows_of(few, arm=slow, part="test")["value"].min()
    if any(n == 0 for _, n in counts[FOUND]) or pd.isna(least):
        return dict.fromkeys(
            ("rates", "rates_short"), f"How many runs arrive at which rate is {NOTHING} yet."
        )
    half, whole = ([f"{k} of {n}" for k, n in counts[limit]] for limit in (FOUND, 1.0))
    found = f"After {steps[0]} steps {_listed(half, arms)} err by less than half a pixel"
    slowly, best = (
        k / n
        for k, n in (counts[FOUND][0], max(counts[FOUND][1:], key=lambda pair: pair[0] / pair[1]))
    )
    verdict = f"{_rate(slow)} does arrive, if {'less' if slowly < best else 'no less'} often than the best of the others"
    if slowly >= 0.5 * best > 0 and least > 1:
        verdict = f"{_rate(slow)} is slow rather than hopeless"
    if slowly == 0:
        verdict = f"{_rate(slow)} finds nothing in these steps, either"
    return {
        "rates_short": f"{found}: {verdict}.",
        "rates": f"{found}, and {', '.join(whole[:-1])} and {whole[-1]} by less than one. So {verdict}; after {steps[1]} steps the best of "
        f"its runs erred by {least:.1f} pixels.",
    }


def averaging(frame: pd.DataFrame, arm: str, mean: float, middle: float) -> str:
    """What a network with an average in the place of the maximum answers: errors of always
    answering the mean position trained on, or the middle of the canvas, are given in pixels.
    """
    error = rows_of(frame, arm=arm, part="test")["value"].mean()
    if pd.isna(error):
        return f"What a network with an average answers is {NOTHING} yet."
    if abs(error - mean) <= 0.05 * mean and abs(error - mean) < abs(error - middle):
        return (
            f"With an average it answers the mean position that it was trained on (it errs by {error:.1f} pixels, and that answer by "
            f"{mean:.1f}), not the centre of the canvas ({middle:.1f})."
        )
    return (
        f"With an average it errs by {error:.1f} pixels; always answering the mean position trained on costs {mean:.1f}, the centre of "
        f"the canvas {middle:.1f}."
    )


def _rate(arm: str) -> str:
    return arm.removeprefix("rate ")


def _listed(counts: list[str], arms: tuple[str, ...]) -> str:
    parts = [
        f"{count} {'runs at a rate of' if k == 0 else 'at'} {_rate(arm)}"
        for k, (count, arm) in enumerate(zip(counts, arms))
    ]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
