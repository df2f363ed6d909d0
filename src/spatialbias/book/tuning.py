"""What the tuning page shows and says, from its results: the grid of rates, what was chosen, whether another rate changes the ranking."""

import pandas as pd

from spatialbias.book.page import table
from spatialbias.figures.style import label
from spatialbias.statistics import mean_interval, paired_differences
from spatialbias.studies import Results
from spatialbias.studies.coordinet import choose

RIVALS = ("coordinet", "fully_connected")


def _settings(results: Results) -> pd.DataFrame:
    rows = []
    for arm, trial, record in results.present:
        ridge = arm == "kernel_ridge"
        rows += [
            {
                "arm": arm,
                "setting": f"γ {trial.model_args['gamma']:g}, ridge {trial.model_args['ridge']:g}" if ridge else f"{trial.learning_rate:g}",
                "rate": None if ridge else trial.learning_rate,
                "replicate": trial.replicate,
                "value": row["value"],
                "epochs": record["stop"]["epoch"],
                "reason": record["stop"]["reason"],
            }
            for row in record["rows"]
            if row["measure"] == "accuracy" and row["at"] == "stop"
        ]
    return pd.DataFrame(rows, columns=["arm", "setting", "rate", "replicate", "value", "epochs", "reason"])


def _chosen(results: Results) -> dict[str, str]:
    return {arm: f"γ {c[0]:g}, ridge {c[1]:g}" if isinstance(c, tuple) else f"{c:g}" for arm, c in choose(results).items()}


def chosen_rates(results: Results) -> str:
    """The choice as running text."""
    return ", ".join(f"{label(arm)} {value}" for arm, value in _chosen(results).items()) or "nothing yet"


def rates_table(results: Results):
    """Every arm and setting: mean accuracy, epochs, stop reasons, and whether it was chosen."""
    chosen, rows = _chosen(results), []
    for (arm, setting), group in _settings(results).groupby(["arm", "setting"], sort=False):
        mean, _, _, n = mean_interval(group["value"])
        rows.append(
            {
                "network": label(arm),
                "setting": setting,
                "accuracy (%)": f"{100 * mean:.1f}",
                "n": n,
                "epochs, mean": f"{group['epochs'].mean():.0f}",
                "stopped by": ", ".join(f"{k} {v}" for k, v in group["reason"].value_counts().items()),
                "chosen": "✓" if chosen[arm] == setting else "",
            }
        )
    return table(pd.DataFrame(rows).sort_values(["network", "setting"], kind="stable") if rows else pd.DataFrame())


def grid(results: Results) -> str:
    """The rates that all networks were given, and which were given more; for the prose."""
    rates = _settings(results).dropna(subset=["rate"]).groupby("arm", sort=False)["rate"].agg(set)
    if rates.empty:
        return "rates that are not on record"
    common = set.intersection(*rates)
    more = [f"{label(arm)} {rate:g}" for arm, own in rates.items() for rate in sorted(own - common)]
    text = ", ".join(f"{rate:g}" for rate in sorted(common))
    return text + (f", and one more where the best of these lay at an end ({'; '.join(more)})" if more else "")


def by_rate(results: Results) -> pd.DataFrame:
    """Simple CNN minus each rival in points, one of them at each of its rates and the other at its chosen one: contrast, varied, rate,
    mean, low, high, n, and `usual`, the mean at the chosen rates of both."""
    settings, chosen, rows = _settings(results), _chosen(results), []
    values = settings.set_index(["arm", "setting", "replicate"])["value"].sort_index()
    for rival in RIVALS:
        if not {"simple_cnn", rival} <= set(chosen):
            continue
        best = paired_differences(*(values[arm, chosen[arm]] for arm in ("simple_cnn", rival))).mean()
        for varied in ("simple_cnn", rival):
            own = settings[settings["arm"] == varied].drop_duplicates("setting").sort_values("rate")
            for setting in own["setting"]:
                pair = paired_differences(*(values[arm, setting if arm == varied else chosen[arm]] for arm in ("simple_cnn", rival)))
                mean, low, high, n = mean_interval(100 * pair)
                rows.append({"contrast": f"simple CNN − {label(rival)}", "varied": label(varied), "rate": setting, "mean": mean, "low": low,
                             "high": high, "n": n, "usual": 100 * best})
    return pd.DataFrame(rows, columns=["contrast", "varied", "rate", "mean", "low", "high", "n", "usual"])


def shown(rates: pd.DataFrame) -> pd.DataFrame:
    """The same as a reader meets it."""
    text = [f"{r.mean:+.1f}" + (f" [{r.low:+.1f}, {r.high:+.1f}]" if r.n > 1 else "") for r in rates.itertuples()]
    return rates[["contrast", "varied", "rate"]].assign(**{"difference (points)": text, "n": rates["n"]})


def reversals(rates: pd.DataFrame) -> str:
    """At how many settings the sign is that of the chosen rates, and where it is not; for the prose."""
    if rates.empty:
        return "That is not on record."
    other = rates[rates["mean"] * rates["usual"] <= 0]
    text = f"At {len(rates) - len(other)} of {len(rates)} settings the difference has the sign that it has at the chosen rates"
    if other.empty:
        return f"{text}."
    rows = zip(other.itertuples(), shown(other)["difference (points)"], strict=True)
    return f"{text}; not so: " + "; ".join(f"{r.contrast} with {r.varied} at {r.rate}, {said} points, n = {r.n}" for r, said in rows) + "."
