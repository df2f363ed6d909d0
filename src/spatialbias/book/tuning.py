"""Tables of the tuning page, from its results."""

import pandas as pd

from spatialbias.book.page import table
from spatialbias.figures.style import label
from spatialbias.statistics import mean_interval, paired_differences
from spatialbias.studies import Results
from spatialbias.studies.coordinet import choose


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


def headline_by_rate(results: Results):
    """Simple CNN minus each rival, with one of them at every rate and the other at its chosen one: does the sign change?"""
    settings, chosen = _settings(results), _chosen(results)
    pick = settings.set_index(["arm", "setting", "replicate"])["value"].sort_index()
    rows = []
    for rival in ("coordinet", "fully_connected"):
        for varied in ("simple_cnn", rival):
            for setting in settings.loc[settings["arm"] == varied, "setting"].drop_duplicates():
                one, other = (pick[arm, setting if arm == varied else chosen[arm]] for arm in ("simple_cnn", rival))
                mean, low, high, n = mean_interval(paired_differences(one, other))
                rows.append(
                    {
                        "contrast": f"simple CNN − {label(rival)}",
                        "varied": label(varied),
                        "rate": setting,
                        "difference (points)": f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]",
                        "n": n,
                        "sign": "+" if mean > 0 else "−",
                    }
                )
    return table(pd.DataFrame(rows))
