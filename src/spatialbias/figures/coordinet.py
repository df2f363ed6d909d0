"""Figures and numbers of single pages of the Coordinet chapter, from tidy frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialbias.figures.numbers import NOTHING, points, said
from spatialbias.plots.charts import CHANCE, arms_in
from spatialbias.plots.style import INK, blank, canvas, colour, label, marker
from spatialbias.statistics import mean_interval, paired
from spatialbias.studies import Results
from spatialbias.studies.coordinet_arms import NETWORKS


def published(
    numbers: Mapping[str, Sequence[Sequence[float]]], sizes: Sequence[int], at: Iterable[float]
) -> dict:
    """The source's curves as `plots.lines` takes them: {(N, arm): [(x, accuracy), …]}."""
    at = tuple(at)
    return {
        (n, arm): list(zip(at, curve, strict=True))
        for arm, curves in numbers.items()
        for n, curve in zip(sizes, curves, strict=True)
    }


def curve(frame: pd.DataFrame, measure: str, arm: str, part: str | None = None) -> pd.DataFrame:
    """Replicates x points of one arm's measure, or of a part of it, at the stop."""
    rows = frame[(frame["measure"] == measure) & (frame["arm"] == arm) & (frame["at"] == "stop")]
    rows = rows if part is None else rows[rows["part"] == part]
    return rows.pivot_table(index="replicate", columns="x", values="value")


def shade(ax: Axes, table: pd.DataFrame, ink: str) -> None:
    """The 95 % band of replicates x points of fractions."""
    bands = [mean_interval(table[x].dropna()) for x in table]
    ax.fill_between(
        table.columns,
        [100 * b.low for b in bands],
        [100 * b.high for b in bands],
        color=ink,
        alpha=0.12,
        linewidth=0,
    )


def panels(
    arms: Sequence[str],
    lines: Mapping[str, tuple],
    table: Callable[[str, str], pd.DataFrame],
    xlabel: str,
    beside: Callable[[Axes, str], None] | None = None,
    marked: bool = False,
) -> Figure:
    """One panel a network, with the means and bands of some lines over x, told apart by their dash.

    lines: key -> (name in the legend, dash). table(arm, key): replicates by x, in fractions; empty
    if there is no such line. beside(axes, arm) draws what else belongs into a panel. marked: every
    x has the network's mark.
    """
    if not arms:
        return blank()
    figure, axes = canvas(
        len(arms),
        width=7.6,
        height=3.0 if len(arms) < 4 else 2.6,
        columns=2 if len(arms) == 4 else None,
    )
    for k, (ax, arm) in enumerate(zip(axes, arms, strict=True)):
        mark = {"marker": marker(arm), "markersize": 3.5} if marked else {}
        for key, (_, dash) in lines.items():
            if len(values := table(arm, key)):
                ax.plot(
                    values.columns,
                    100 * values.mean(),
                    color=colour(arm),
                    linestyle=dash,
                    linewidth=1.7,
                    **mark,
                )
                shade(ax, values, colour(arm))
        if beside:
            beside(ax, arm)
        ax.axhline(CHANCE, color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(label(arm), color=colour(arm))
        if k >= len(arms) - ax.get_gridspec().ncols:
            ax.set_xlabel(xlabel)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("test accuracy (%)")
    handles = [axes[0].plot([], [], color=INK, linestyle=dash)[0] for _, dash in lines.values()]
    figure.legend(
        handles,
        [name for name, _ in lines.values()],
        loc="outside lower center",
        ncols=min(len(lines), 4),
        fontsize=8,
    )
    return figure


def dashed(names: Mapping[str, str]) -> dict[str, tuple]:
    """Lines for `panels`: measure -> (name, dash)."""
    dashes = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (4, 1, 1, 1)))
    return {key: (name, dash) for (key, name), dash in zip(names.items(), dashes, strict=False)}


def crop_controls(frame: pd.DataFrame) -> Figure:
    """Cropped, centred exactly, blurred alone, by network: the three, and the pooled CNN, which
    pads, where it is on record.
    """
    lines = dashed(
        {
            "resized_crop": "cropped",
            "resized_crop_exact": "centred exactly",
            "crop_blur": "blur alone",
        }
    )
    measured = arms_in(frame[frame["measure"] == "crop_blur"], (*NETWORKS[::-1], "pooled_cnn"))
    return panels(measured, lines, lambda arm, measure: curve(frame, measure, arm), "pixels of 32")


def reached(*results: Results) -> str:
    """How many of the trials of some studies reached the loss, and which did not; for the prose."""
    trials = pd.concat([r.trials() for r in results]).drop_duplicates("key")  # studies share trials
    late = trials[~trials["stop_reason"].isin(["loss", "solved"])]
    if trials.empty:
        return "No trial is on record."
    if late.empty:
        return f"All {len(trials)} trials reached loss 0.1."
    counts = late.groupby(["arm", "n_train", "stop_reason"], sort=False).size()
    how = {
        "cap": "stopped at the cap",
        "diverged": "diverged",
        "epochs": "stopped after the epochs given",
    }
    which = "; ".join(
        f"{count} of {label(arm)} at N = {n}, which {how.get(why, why)}"
        for (arm, n, why), count in counts.items()
    )
    return (
        f"Of {len(trials)} trials {len(trials) - len(late)} reached loss 0.1; the others: {which}."
    )


def late(
    frame: pd.DataFrame, arm: str, rival: str, otherwise: int, cap: int = 100
) -> dict[str, str]:
    """Which trials went on past the published cap of epochs, and where most of them are (or at N =
    `otherwise`) the difference of two arms at that cap and at the stop; for the prose.
    """
    beyond = frame[(frame["measure"] == "epochs") & (frame["value"] > cap)]
    counts = beyond.groupby(["n_train", "arm"]).size()
    size = int(counts.groupby("n_train").sum().idxmax()) if len(counts) else otherwise
    rows = frame[(frame["measure"] == "accuracy") & (frame["n_train"] == size)]
    gaps = {at: points(paired(rows[rows["at"] == at], arm, rival)) for at in ("published", "stop")}
    said_ = (
        ", ".join(f"{count} of {label(name)} at N = {n}" for (n, name), count in counts.items())
        or "none"
    )
    return {
        "late": said_,
        "late_n": str(size),
        "late_capped": gaps["published"],
        "late_stop": gaps["stop"],
    }


def longest(frame: pd.DataFrame, batch: int) -> str:
    """Where networks take most epochs and, if that is one N for most of them, what its last batch
    is like; for the prose.
    """
    rows = frame[
        (frame["measure"] == "epochs") & (frame["at"] == "stop") & (frame["arm"] != "kernel_ridge")
    ]
    medians = rows.groupby(["arm", "n_train"])["value"].median().unstack()
    if len(medians.columns) < 2:
        return ""
    most = medians.idxmax(axis=1)
    n = int(most.mode()[0])
    who = "all" if (most == n).all() else f"{(most == n).sum()} of {len(most)}"
    text = f"Most epochs, by the median, are taken at N = {n} by {who} networks."
    whole, rest = divmod(n, batch)
    if rest and rest < batch / 4 and whole:
        text += (
            f" A cause that we have not tested: {n} = {whole}·{batch} + {rest}, so one step in {whole + 1} is taken on {rest} images, "
            "as large a step as the others and a much noisier one."
        )
    return text


def best(accuracy: pd.DataFrame, size: int) -> str:
    """The arm with the highest mean accuracy at N = size, and that; for the prose."""
    rows = accuracy[accuracy["n_train"] == size].dropna(subset=["value"])
    if rows.empty:
        return NOTHING
    arm = rows.groupby("arm")["value"].mean().idxmax()
    return f"{label(arm)}, {said(rows.loc[rows['arm'] == arm, 'value'])}"


def against_published(verdicts: Iterable) -> dict[str, str]:
    """How many published single runs lie outside our prediction intervals, and below; for the
    prose.
    """
    there = [
        c for verdict in verdicts if verdict for c in verdict.published if c.inside is not None
    ]
    outside = [c for c in there if not c.inside]
    counts = {
        "published": len(there),
        "outside": len(outside),
        "below": sum(c.published.value < c.low for c in outside),
    }
    return {name: str(n) if there else NOTHING for name, n in counts.items()}


def sizes(frame: pd.DataFrame) -> str:
    return "/".join(str(n) for n in sorted(frame["n_train"].unique())) or "390"
