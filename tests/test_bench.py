"""The benchmark: its baseline learns what the engine learns, its timing is sound, and its parts
run.
"""

import json
import statistics
import sys

import pytest
import torch

from spatialbias import bench, models, paths
from spatialbias.bench import display, measuring, plain, processes, report, steps, trial
from spatialbias.datasets.batch import Batch
from spatialbias.training import Execution, fit, mean_loss

FP32 = Execution("cpu", "fp32", 1)


def row(value: float = 2.0, **changes) -> measuring.Row:
    plain_row = {"part": "floor", "name": "a step", "ours": "2 images/s", "other": "1 image/s"}
    return measuring.Row(value=value, low=value, high=value, n=1, **(plain_row | changes))


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path / "results")
    return tmp_path / "results" / "bench.json"


@pytest.mark.parametrize("name", ["coordinet", "simple_cnn"])
def test_the_baseline_learns_the_same_function(name):
    images, target = torch.randn(6, 3, 32, 32), torch.tensor([0, 1, 2, 3, 4, 5])
    torch.manual_seed(0)
    theirs = plain.build(name)
    ours = models.build(name)
    ours.load_state_dict(theirs.state_dict())
    # One batch an epoch, so its order is no matter.
    loss = plain.train(theirs, images, target, epochs=2, learning_rate=1e-4)
    fitted = fit(
        ours,
        Batch((images,), target),
        loss="cross_entropy",
        learning_rate=1e-4,
        batch_size=64,
        max_epochs=2,
        stop_loss=None,
        mark_epoch=None,
        order=torch.Generator().manual_seed(0),
        execution=FP32,
    )
    assert loss == pytest.approx(fitted.loss, abs=1e-4)
    torch.testing.assert_close(theirs(images), ours(images), atol=2e-3, rtol=2e-3)


def test_the_baseline_evaluates_what_the_engine_does():
    images, target = (
        torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8),
        torch.tensor([0, 1, 2, 3, 4, 5]),
    )
    model = plain.build("simple_cnn")
    loss, accuracy = plain.evaluate(model, images, target, lambda x: x.float() / 255, batch_size=4)
    batch = Batch((images.float() / 255,), target)
    assert loss == pytest.approx(mean_loss(model, batch, "cross_entropy", FP32), rel=1e-5)
    assert accuracy == pytest.approx(
        (model(*batch.inputs).argmax(1) == target).double().mean().item()
    )


def test_a_trial_is_added_up_from_its_pieces():
    nothing = trial.Pieces(0, 0, 0)
    assert nothing.whole("coordinet") == 0
    assert trial.Pieces(1, 0, 0).whole("coordinet") == trial.EPOCHS["coordinet"]
    assert trial.Pieces(0, 0, 1).whole("coordinet") == 19 * 2000
    assert trial.Pieces(0, 1, 0).whole("coordinet") == 10_000 + 19 * 2000 + 20 * 500


def test_both_sides_time_every_piece(monkeypatch):
    from spatialbias import datasets

    monkeypatch.setattr(trial, "images", lambda: datasets.load("digits"))
    for side in (trial.ours, trial.plainly):
        pieces = side("simple_cnn", 4, 1, 4)
        assert min(pieces.epoch, pieces.classify, pieces.shift) > 0
        assert pieces.whole("simple_cnn") > trial.EPOCHS["simple_cnn"] * pieces.epoch


def test_the_floor_counts_the_products_of_a_training_step():
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        steps.path_products(16, FP32)()
    widths = [(35, 200), (200, 200), (200, 200), (200, 200)]
    once = sum(2 * 16 * 1024 * a * b for a, b in widths)
    assert (
        counter.get_total_flops() == 3 * once - 2 * 16 * 1024 * 35 * 200
    )  # nothing flows back into the pixels
    with FlopCounterMode(display=False) as counter:
        steps.convolution_products(2, FP32)()
    products = counter.get_total_flops()
    for name in ("coordinet", "simple_cnn"):
        step = steps.training_step(name, 2, FP32)
        with FlopCounterMode(display=False) as counter:
            step()
    assert (
        products == counter.get_total_flops() - 2 * 2 * 8192 * 10 * 3
    )  # all of the step but the last layer


def test_rounds_alternate_and_the_first_does_not_count():
    calls = []
    taken = measuring.alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert "".join(calls) == "abbaab" and [len(v) for v in taken.values()] == [2, 2]
    assert measuring.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    assert measuring.spread([3.0, 1.0, 2.0]) == {"value": 2.0, "low": 1.0, "high": 3.0, "n": 3}


def test_a_row_is_judged_by_its_target():
    assert row().reached is None
    assert row(target=2.0).reached and not row(1.9, target=2.0).reached
    assert (
        row(1.0, target=1.1, at_most=True).reached
        and not row(1.2, target=1.1, at_most=True).reached
    )


def test_the_peak_of_memory_is_that_of_this_process():
    before = processes.peak_gigabytes()
    ballast = b"x" * 400_000_000
    assert max(before, 0.4) <= processes.peak_gigabytes() < max(before, 0.4) + 2
    del ballast
    assert processes.peak_gigabytes() >= 0.4  # the peak, not what is held now


@pytest.mark.skipif(sys.platform != "linux", reason="the figures are for Linux")
def test_cheap_parts_run_and_a_quick_run_is_not_kept(results, capsys):
    assert bench.main(["floor", "start", "layers"], quick=True) == 0
    said = capsys.readouterr().out
    assert (
        "0 modules of torch" in said
        and "coordinet, training step" in said
        and "CoordBiasConv2d, bf16" in said
    )
    assert said.index("0 modules") < said.index("CoordBiasConv2d") < said.index("training step")
    assert not results.exists()


def test_an_unknown_part_is_refused_with_the_names_that_exist():
    with pytest.raises(ValueError, match="unknown part 'memroy'; there are: start, layers"):
        bench.main(["memroy"])


def test_a_whole_run_is_kept_by_instruction_set(results, monkeypatch, capsys):
    monkeypatch.setattr(
        bench,
        "PARTS",
        {"one": ("steps", "one"), "floor": ("steps", "one"), "trial": ("trial", "part")},
    )
    monkeypatch.setattr(
        steps,
        "one",
        lambda quick: [row(target=1.0), row(0.5, target=1.0, name="another")],
        raising=False,
    )
    assert bench.main([], quick=True) == 0 and not results.exists()
    results.parent.mkdir()
    results.write_text(json.dumps({"abacus": {"machine": {}, "rows": []}}))
    assert bench.main(["one"]) == 0
    assert "kept in" in capsys.readouterr().out and [p.name for p in results.parent.iterdir()] == [
        "bench.json"
    ]
    kept = report.load()
    (mine,) = set(kept) - {"abacus"}
    assert kept[mine]["machine"]["torch"] == torch.__version__
    assert (
        bench.main(["one"]) == 0 and len(report.load()[mine]["rows"]) == 2
    )  # in place of the last run of this part
    runs = {mine: kept[mine]}
    runs[mine]["rows"].append(row(5.0, part="trial", name="coordinet, 20 epochs").plain())
    assert "makes 5 times as many trials an hour" in display.answer(runs)
    assert list(display.table(runs[mine])["Target"][:2]) == ["≥ 1.00× ✓", "≥ 1.00× ✗"]
    assert [text.get_text() for text in display.figure(runs).axes[0].get_yticklabels()] == [
        "trial: Coordinet, 20 epochs"
    ]  # speed-ups alone
    both = {
        **runs,
        "abacus": {**runs[mine], "rows": [row(3.0, name="by hand", target=1.0).plain()]},
    }
    assert "on abacus" in display.once(both) and display.once(runs) == ""
    assert (
        display.records(both).data.count("<table") == 2
        and "1 of 2 targets are reached" in display.records(runs).data
    )
    both["abacus"]["rows"].append(
        row(56.0, part="quadrant", name="CoordConv", other="more than 594 s, plain").plain()
    )
    marks = [
        line.get_marker()
        for line in display.figure(both).axes[0].lines
        if line.get_linestyle() == "None" and len(line.get_xdata())
    ]
    assert sorted(marks) == [">", "o"] and "makes 5 times" in display.answer(
        both
    )  # a lower bound is an arrow
    assert torch.__version__ in display.about(runs)


def test_a_cut_run_is_shown_as_a_lower_bound():
    cut = row(
        56.0, ours="10.6 s (3 of 3 runs arrive)", other="more than 594 s, plain", target=10.0
    ).plain() | {"low": 30.0, "high": 57.0, "n": 3}
    shown = report.cells(cut)
    assert (
        shown["Result"] == "> 56.00×"
        and shown["Target"] == "at least 10.00×"
        and shown["Rounds"].startswith("> 30.00× to > 57")
    )
    assert report.judged(row().plain()) == "2.00×"


def test_what_bf16_does_is_followed_to_its_end():
    passed = row(
        0.2,
        part="precision",
        name="fully_connected, N = 390: bf16 minus fp32",
        ours="-0.04 points",
        other="90 % interval",
        target=0.3,
        at_most=True,
    )
    missed = row(
        0.5,
        part="precision",
        name="shared, flattened, N = 390: bf16 minus fp32",
        ours="-0.31 points [-0.49, -0.12]",
        other="90 % interval",
        target=0.3,
        at_most=True,
    )
    assert display.precision({"amx": {"rows": [passed.plain()]}}).endswith(
        "passes our test of equivalence."
    )
    said = display.precision({"amx": {"rows": [passed.plain(), missed.plain()]}})
    assert (
        "“fully connected”: -0.04 points" in said
        and "“shared, flattened” did not pass" in said
        and "off by 0.3 points, by the interval's far end 0.5" in said
    )
    assert (
        "bf16 lowers “shared, flattened” by 0.31 points (the interval excludes 0)" in said
        and "raises" not in said
    )
    assert (
        "not been measured" in display.precision({"amx": {"rows": [row().plain()]}})
        and display.where({}) == "nothing yet"
    )


def test_nothing_on_record_is_said(results):
    assert report.load() == {} and display.figure({}) is None
    assert (
        "No benchmark is on record" in display.answer({})
        and "No benchmark" in display.records({}).data
    )


def test_precision_is_judged_by_the_farther_end_of_the_interval():
    from spatialbias.bench import precision

    half, full = [30.1, 30.2, 29.9, 30.0], [30.0, 30.0, 30.0, 30.0]
    found = precision.row("a network", half, full)
    mean, margin = (
        0.05,
        2.353363 * statistics.stdev([0.1, 0.2, -0.1, 0.0]) / 2,
    )  # t at 95 % with 3 degrees of freedom
    assert (
        found.value == pytest.approx(mean + margin, abs=1e-4)
        and found.reached is True
        and found.n == 4
    )
    assert "+0.05 points" in found.ours and "n = 4" in report.cells(found.plain())["Rounds"]
    assert precision.row("a network", [31.0, 30.0, 31.0], [30.0, 30.0, 30.0]).reached is False


def test_time_to_a_perfect_quadrant_counts_until_it_is_first_perfect(monkeypatch):
    from spatialbias import training
    from spatialbias.bench import quadrant

    monkeypatch.setattr(quadrant, "EPOCHS", 3)
    taken, epochs, arrived, model = quadrant.to_perfect(
        16, 0
    )  # three epochs on 55 positions: too short to learn them
    assert (epochs, arrived) == (3, False) and taken > 0
    assert [len(side) for side in quadrant.denormals(model, 16, 1)] == [3, 3]

    seen, real = [], training.predictions

    def from_the_second_epoch_on(model, batch, execution, size=None):
        for outputs, part in real(model, batch, execution, size):
            if len(batch) == 9:  # the held-out positions
                seen.append(len(part))
                outputs = torch.nn.functional.one_hot(part.target, outputs.shape[1]).float() * (
                    sum(seen) > len(batch)
                )
            yield outputs, part

    monkeypatch.setattr(training, "predictions", from_the_second_epoch_on)
    sooner, epochs, arrived, _ = quadrant.to_perfect(16, 0)
    assert (epochs, arrived) == (2, True) and sooner > 0


def test_the_plain_program_is_timed_with_its_held_out_score(monkeypatch):
    from spatialbias.bench import quadrant

    def a_second(function, *arguments) -> float:
        function(*arguments)
        return 1.0

    monkeypatch.setattr(
        quadrant, "seconds", a_second
    )  # 55 positions to train on in batches of 16, and 9 held out
    assert quadrant.plain_epoch(16, 2) == (4 + 1) / torch.get_num_threads()


def test_the_epochs_needed_are_a_lower_bound_where_a_run_never_arrives(monkeypatch):
    from types import SimpleNamespace

    from spatialbias import studies
    from spatialbias.bench import quadrant

    def run(*scores):
        return (
            "coordconv",
            None,
            {
                "curve": [{"epoch": k, "score": s} for k, s in enumerate(scores, 1)],
                "stop": {"epoch": 9},
            },
        )

    def on_record(*runs):
        plan = SimpleNamespace(sweep=lambda missing: SimpleNamespace(present=list(runs)))
        monkeypatch.setattr(
            studies, "study", lambda name: SimpleNamespace(plan=lambda *a, **k: plan)
        )
        return quadrant.needed()

    assert on_record() == (None, True)
    assert on_record(run(0.2, 1, 1), run(0.5, 0.5, 0.5, 1)) == (3, True)
    assert on_record(run(0.2, 1), run(0.5, 0.9)) == (5.5, False)
