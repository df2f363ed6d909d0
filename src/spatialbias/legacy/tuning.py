"""What the tuning page shows and says, from its results: the grid of rates, what was chosen,
whether another rate changes the ranking.
"""

import pandas as pd

from spatialbias.legacy.page import raw, table
from spatialbias.plots.style import label
from spatialbias.statistics import mean_interval, paired_differences
from spatialbias.studies import Results
from spatialbias.studies.coordinet import choose

RIVALS = ("coordinet", "fully_connected")
FOLDED = ("kernel_ridge",)  # has no rate, and twelve settings
NEITHER = "neither"  # of the two networks is varied: both have their chosen rates


def _settings(results: Results) -> pd.DataFrame:
    rows = []
    for arm, trial, record in results.present:
        ridge = arm == "kernel_ridge"
        rows += [
            {
                "arm": arm,
                "setting": f"γ {trial.model_args['gamma']:g}, ridge {trial.model_args['ridge']:g}"
                if ridge
                else f"{trial.learning_rate:g}",
                "rate": None if ridge else trial.learning_rate,
                "replicate": trial.replicate,
                "value": row["value"],
                "epochs": record["stop"]["epoch"],
                "reason": record["stop"]["reason"],
            }
            for row in record["rows"]
            if row["measure"] == "accuracy" and row["at"] == "stop"
        ]
    return pd.DataFrame(
        rows, columns=["arm", "setting", "rate", "replicate", "value", "epochs", "reason"]
    )


def chosen(results: Results) -> dict[str, str]:
    """The setting of every network that the tuning records choose, as text."""
    return {
        arm: f"γ {c[0]:g}, ridge {c[1]:g}" if isinstance(c, tuple) else f"{c:g}"
        for arm, c in choose(results).items()
    }


def rates_table(results: Results):
    """Every arm and setting: mean accuracy, epochs, stop reasons, and whether it was chosen; the
    many settings of `FOLDED` arms fold away.
    """
    taken, rows = chosen(results), []
    for (arm, setting), group in _settings(results).groupby(["arm", "setting"], sort=False):
        mean, _, _, n = mean_interval(group["value"])
        rows.append(
            {
                "arm": arm,
                "network": label(arm),
                "setting": setting,
                "accuracy (%)": f"{100 * mean:.1f}",
                "n": n,
                "epochs, mean": f"{group['epochs'].mean():.0f}",
                "stopped by": ", ".join(
                    f"{k} {v}" for k, v in group["reason"].value_counts().items()
                ),
                "chosen": "✓" if taken[arm] == setting else "",
            }
        )
    if not rows:
        return table(pd.DataFrame())
    found = pd.DataFrame(rows).sort_values(["network", "setting"], kind="stable")
    folded, found = (
        found[found["arm"].isin(FOLDED)],
        found[~found["arm"].isin(FOLDED)].drop(columns="arm"),
    )
    parts = [table(found).data] if len(found) else []
    for arm, settings in folded.groupby("arm"):
        shown = settings[["setting", "accuracy (%)", "n", "chosen"]]  # no epochs: it is solved
        parts.append(
            f"<details><summary>{label(arm)}: {len(shown)} settings, chosen {taken[arm]}</summary>{table(shown).data}</details>"
        )
    return raw("".join(parts))


def grid(results: Results) -> str:
    """The rates that all networks were given, and which were given more; for the prose."""
    rates = _settings(results).dropna(subset=["rate"]).groupby("arm", sort=False)["rate"].agg(set)
    if rates.empty:
        return "rates that are not on record"
    common = set.intersection(*rates)
    more = [f"{label(arm)} {rate:g}" for arm, own in rates.items() for rate in sorted(own - common)]
    text = ", ".join(f"{rate:g}" for rate in sorted(common))
    return text + (
        f", and one more where the best of these lay at an end ({'; '.join(more)})" if more else ""
    )


def edges(results: Results) -> str:
    """The networks whose best mean still lies at the least or the greatest rate that they were
    given, how much better that is than the rate chosen, and what follows; for the prose.
    """
    means = (
        _settings(results)
        .dropna(subset=["rate"])
        .groupby(["arm", "rate"], sort=False)["value"]
        .mean()
    )
    taken, found = chosen(results), []
    for arm in dict.fromkeys(means.index.get_level_values("arm")):
        best, tried = means[arm].idxmax(), means[arm].index
        if len(tried) > 1 and best in (tried.min(), tried.max()):
            more = 100 * (means[arm][best] - means[arm][float(taken[arm])])
            found.append(
                f"{label(arm)} ({best:g}: {f'{more:.1f} points above' if more else 'it is'} the rate chosen)"
            )
    if not found:
        return "No network's best mean lies at an end of what was tried."
    return (
        f"The best mean still lies at an end of what was tried for {', '.join(found)}. A better rate may lie beyond it, so what is "
        "reported of such a network may be too low."
    )


def by_rate(results: Results) -> pd.DataFrame:
    """Simple CNN minus each rival in points, one of them at each of its rates and the other at its
    chosen one: contrast, varied, rate, mean, low, high, n, and `usual`, the mean at the chosen
    rates of both. That setting stands first, with neither varied.
    """
    settings, taken, rows = _settings(results), chosen(results), []
    values = settings.set_index(["arm", "setting", "replicate"])["value"].sort_index()
    for rival in RIVALS:
        if not {"simple_cnn", rival} <= set(taken):
            continue
        usual = None
        for varied in (NEITHER, "simple_cnn", rival):
            own = (
                settings[settings["arm"] == varied]
                .drop_duplicates("setting")
                .sort_values("rate")["setting"]
            )
            for setting in [None] if varied == NEITHER else own[own != taken[varied]]:
                pair = paired_differences(
                    *(
                        values[arm, setting if arm == varied else taken[arm]]
                        for arm in ("simple_cnn", rival)
                    )
                )
                mean, low, high, n = mean_interval(100 * pair)
                usual = mean if usual is None else usual
                rows.append(
                    {
                        "contrast": f"simple CNN − {label(rival)}",
                        "varied": label(varied),
                        "rate": setting or "those chosen",
                        "mean": mean,
                        "low": low,
                        "high": high,
                        "n": n,
                        "usual": usual,
                    }
                )
    return pd.DataFrame(
        rows, columns=["contrast", "varied", "rate", "mean", "low", "high", "n", "usual"]
    )


def shown(rates: pd.DataFrame) -> pd.DataFrame:
    """The same as a reader meets it."""
    text = [
        f"{r.mean:+.1f}" + (f" [{r.low:+.1f}, {r.high:+.1f}]" if r.n > 1 else "")
        for r in rates.itertuples()
    ]
    return rates[["contrast", "varied", "rate"]].assign(
        **{"difference (points)": text, "n": rates["n"]}
    )


def reversals(rates: pd.DataFrame) -> str:
    """At how many other settings the sign is that of the chosen rates, where it is not, and whether
    it is settled there; for the prose.
    """
    if rates.empty:
        return "That is not on record."
    both, others = rates[rates["varied"] == NEITHER], rates[rates["varied"] != NEITHER]
    other = others[others["mean"] * others["usual"] <= 0]
    text = f"At {len(others) - len(other)} of {len(others)} other settings the difference has the sign that it has at the chosen rates"
    if len(other):
        rows = zip(other.itertuples(), shown(other)["difference (points)"], strict=True)
        text += "; not so: " + "; ".join(
            f"{r.contrast} with {r.varied} at {r.rate}, {said} points, n = {r.n}"
            for r, said in rows
        )
    unsettled = both.loc[(both["low"] <= 0) & (both["high"] >= 0), "contrast"]
    text += "."
    if len(unsettled):
        text += f" At the chosen rates the interval contains zero, so the sign itself is not settled here: {'; '.join(unsettled)}."
    return text
