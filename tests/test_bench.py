"""The benchmark: its baseline learns what the engine learns, its timing is sound, and its parts
run.
"""

import json
import statistics
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import (
    __main__,
    circles,
    measuring,
    plain,
    precision,
    processes,
    quadrant,
    report,
    steps,
    trial,
)
from spatialbias import datasets, models, paths, studies, training
from spatialbias.datasets import circles as generator
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
    found = measuring.row("part", "name", "ours", "other", [3.0, 1.0, 2.0])
    assert (found.value, found.low, found.high, found.n) == (2.0, 1.0, 3.0, 3)


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


def test_precision_is_judged_by_the_farther_end_of_the_interval():
    half, full = [30.1, 30.2, 29.9, 30.0], [30.0, 30.0, 30.0, 30.0]
    found = precision.judge("a network", half, full)
    mean, margin = (
        0.05,
        2.353363 * statistics.stdev([0.1, 0.2, -0.1, 0.0]) / 2,
    )  # t at 95 % with 3 degrees of freedom
    assert (
        found.value == pytest.approx(mean + margin, abs=1e-4)
        and found.reached is True
        and found.n == 4
    )
    assert (
        "+0.05 points" in found.ours
        and "n = 4]  target within 0.30 points: reached" in report.line(found)
    )
    assert precision.judge("a network", [31.0, 30.0, 31.0], [30.0, 30.0, 30.0]).reached is False


def test_time_to_a_perfect_quadrant_counts_until_it_is_first_perfect(monkeypatch):
    monkeypatch.setattr(quadrant, "EPOCHS", 3)
    taken, epochs, arrived = quadrant.to_perfect(
        16, 0
    )  # three epochs on 55 positions: too short to learn them
    assert (epochs, arrived) == (3, False) and taken > 0

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
    sooner, epochs, arrived = quadrant.to_perfect(16, 0)
    assert (epochs, arrived) == (2, True) and sooner > 0


def test_the_plain_program_is_timed_with_its_held_out_score(monkeypatch):
    def a_second(function, *arguments) -> float:
        function(*arguments)
        return 1.0

    monkeypatch.setattr(
        quadrant, "seconds", a_second
    )  # 55 positions to train on in batches of 16, and 9 held out
    assert quadrant.plain_epoch(16, 2) == (4 + 1) / torch.get_num_threads()


def test_the_epochs_needed_are_a_lower_bound_where_a_run_never_arrives(monkeypatch):

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


def test_cheap_parts_run_and_a_quick_run_is_not_kept(results, capsys):
    assert __main__.main(["floor", "circles", "layers", "local", "--quick"]) == 0
    said = capsys.readouterr().out
    assert (
        said.index("CoordBiasConv2d, bf16") < said.index("training step") < said.index("pixel by")
    )
    assert not results.exists()


def test_an_unknown_part_is_refused_with_the_names_that_exist(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["memroy"])
    assert "unknown part 'memroy'; there are: layers, local, resnet" in capsys.readouterr().err


def test_a_whole_run_is_kept_by_instruction_set(results, monkeypatch, capsys):
    rows = [row(target=1.0), row(0.5, target=1.0, name="another")]
    monkeypatch.setattr(__main__, "PARTS", {"floor": lambda quick: rows})
    results.parent.mkdir()
    other = {"machine": {}, "rows": [row(part="layers").plain()]}
    results.write_text(json.dumps({"abacus": other, training.instruction_set(): other}))
    for _ in range(2):  # the second takes the place of the first
        assert __main__.main([]) == 0
    assert "kept in" in capsys.readouterr().out and [*results.parent.iterdir()] == [results]
    kept = json.loads(results.read_text())
    mine = kept[training.instruction_set()]
    assert kept["abacus"] == other and mine["machine"]["torch"] == torch.__version__
    assert [(r["part"], r["reached"]) for r in mine["rows"]] == [
        ("layers", None),
        ("floor", True),
        ("floor", False),
    ]
    floors = [row for run in kept.values() for row in run["rows"] if row["part"] == "floor"]
    assert floors == mine["rows"][1:]


def test_the_loop_over_pixels_makes_the_data_set_s_images():
    (images,), labels = generator.generate(2, 64, np.random.default_rng(0))
    for uniform, image, label in zip(circles.rows(2), images, labels):
        pixels, classes = circles.image(uniform, 64)
        assert np.array_equal(classes, label)
        assert np.abs(pixels.astype(int) - image.numpy()).max() <= 1
