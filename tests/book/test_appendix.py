"""What the appendix says of tuning and of reproduction, from made-up records."""

from types import SimpleNamespace

import pytest

from spatialbias.legacy import tuning
from spatialbias.legacy.page import tally


def results(accuracies):
    """{(network, rate): accuracies of its replicates}; all reach the loss."""
    present = [
        (
            arm,
            SimpleNamespace(learning_rate=rate, model_args={}, replicate=r),
            {
                "rows": [{"measure": "accuracy", "at": "stop", "value": value}],
                "stop": {"epoch": 10, "reason": "loss"},
            },
        )
        for (arm, rate), values in accuracies.items()
        for r, value in enumerate(values)
    ]
    return SimpleNamespace(present=present)


TUNED = {
    ("simple_cnn", 0.003): (0.1, 0.101),
    ("simple_cnn", 0.001): (0.25, 0.251),
    ("coordinet", 0.001): (0.3, 0.3),
    ("coordinet", 0.003): (0.2, 0.2),
    ("coordinet", 0.01): (0.12, 0.12),
}


def test_the_grid_is_what_all_were_given_and_the_rest_is_named():
    assert (
        tuning.grid(results(TUNED))
        == "0.001, 0.003, and one more where the best of these lay at an end (Coordinet 0.01)"
    )
    assert tuning.grid(results({})) == "rates that are not on record"


def test_networks_whose_best_lies_at_an_end_are_named_with_what_follows():
    said = tuning.edges(
        results(TUNED | {("coordinet", 0.003): (0.299, 0.3)})
    )  # two that are level: the faster, the first, is chosen
    assert said.startswith(
        "The best mean still lies at an end of what was tried for simple CNN (0.001: it is the rate chosen), Coordinet (0.001: it is"
    )
    assert said.endswith("reported of such a network may be too low.")
    slow = results({("coordinet", 0.001): (0.3, 0.32), ("coordinet", 0.003): (0.301, 0.31)})
    for _, trial, record in slow.present:
        record["stop"]["epoch"] = 20 if trial.learning_rate == 0.001 else 10
    assert "Coordinet (0.001: 0.5 points above the rate chosen)" in tuning.edges(slow)
    inside = {
        ("coordinet", rate): (value,) for rate, value in ((0.001, 0.2), (0.003, 0.3), (0.01, 0.2))
    }
    assert (
        tuning.edges(results(inside))
        == tuning.edges(results({}))
        == "No network's best mean lies at an end of what was tried."
    )


def test_the_many_settings_of_kernel_ridge_fold_away():
    ridge = [
        (
            "kernel_ridge",
            SimpleNamespace(model_args={"gamma": 1.0, "ridge": ridge}, replicate=0),
            {
                "rows": [{"measure": "accuracy", "at": "stop", "value": value}],
                "stop": {"epoch": 0, "reason": "solved"},
            },
        )
        for ridge, value in ((0.1, 0.3), (1.0, 0.32))
    ]
    both = tuning.rates_table(SimpleNamespace(present=results(TUNED).present + ridge)).data
    shown, folded = both.split("<details>")
    assert (
        "kernel ridge: 2 settings, chosen γ 1, ridge 1" in folded
        and "kernel" not in shown
        and "simple CNN" in shown
    )
    assert (
        "<details>" not in tuning.rates_table(results(TUNED)).data
        and "<table" in tuning.rates_table(results({})).data
    )


def test_reversals_are_counted_and_named():
    rates = tuning.by_rate(results(TUNED))
    assert rates["rate"].to_list() == ["those chosen", "0.003", "0.003", "0.01"] and set(
        rates["contrast"]
    ) == {"simple CNN − Coordinet"}
    said = tuning.reversals(rates)
    assert (
        said.startswith("At 1 of 3 other settings")
        and "with Coordinet at 0.003, +5.0 [" in said
        and said.endswith("n = 2.")
    )
    assert tuning.reversals(rates[rates["mean"] < 0]).endswith("at the chosen rates.")
    assert tuning.reversals(rates.assign(low=-1.0, high=1.0)).endswith(
        "so the sign itself is not settled here: simple CNN − Coordinet."
    )
    assert (
        tuning.shown(tuning.by_rate(results({k: v[:1] for k, v in TUNED.items()})))[
            "difference (points)"
        ][0]
        == "-5.0"
    )
    assert tuning.reversals(tuning.by_rate(results({}))) == "That is not on record."


@pytest.mark.parametrize(
    "came_out, said",
    [
        ([(True, True, 0.06)] * 2, "2 of 2 came out bit for bit equal"),
        (
            [(True, True, None), (False, True, 0.06), (False, False, 0.06)],
            "1 of 3 came out bit for bit equal, 1 of 3 of another numerics class came out within the points allowed, 1 of 3 came out otherwise",
        ),
        ([(False, True, None)], "1 of 1 of another numerics class cannot be judged"),
        ([], "no record of them is shipped"),
    ],
)
def test_what_reproduces_is_counted(came_out, said):
    assert (
        tally(
            [
                SimpleNamespace(equal=equal, good=good, allowed=allowed)
                for equal, good, allowed in came_out
            ]
        )
        == said
    )
