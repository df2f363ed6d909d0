"""Training: the stop rule, the reasons, the mark, odd batches, and half precision."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spatialbias import training
from spatialbias.datasets.batch import Batch
from spatialbias.training import EVALUATION_BATCH, Execution, curve_epoch, fit, mean_loss


def batch(n=12, features=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch((torch.randn(n, features, generator=generator),), torch.arange(n) % 3)


def train(model, data, execution, **changes):
    options = {
        "loss": "cross_entropy",
        "learning_rate": 1e-2,
        "batch_size": 5,
        "max_epochs": 4,
        "stop_loss": None,
        "mark_epoch": None,
        "order": torch.Generator().manual_seed(0),
    }
    return fit(model, data, execution=execution, **options | changes)


def linear():
    torch.manual_seed(0)
    return nn.Linear(4, 3)


class Moody(nn.Linear):
    """Answers `good` in one mode (the target's logits) and nothing in the other."""

    def __init__(self, good_in_training: bool):
        super().__init__(4, 3)
        self.good_in_training = good_in_training

    def forward(self, x):
        right = F.one_hot((x[:, 0] * 0).long(), 3) * 50.0
        return super().forward(x) * 1e-9 + (
            right if self.training == self.good_in_training else -right
        )


@pytest.mark.parametrize("good_in_training, reason", [(True, "cap"), (False, "loss")])
def test_the_stop_rule_looks_in_evaluation_mode(fp32, good_in_training, reason):
    data = batch()
    data = Batch(data.inputs, torch.zeros(len(data), dtype=torch.long))
    result = train(Moody(good_in_training), data, fp32, stop_loss=0.1)
    assert result.reason == reason and result.epoch == (4 if reason == "cap" else 1)


@pytest.mark.parametrize(
    "n", [3, EVALUATION_BATCH, EVALUATION_BATCH + 1, 2 * EVALUATION_BATCH + 77]
)
def test_mean_loss_is_over_all_examples(fp32, n):
    model, data = linear(), batch(n)
    with torch.no_grad():
        one_by_one = [
            float(F.cross_entropy(model(data.inputs[0][i : i + 1]), data.target[i : i + 1]))
            for i in range(n)
        ]
    assert mean_loss(model, data, "cross_entropy", fp32) == pytest.approx(
        sum(one_by_one) / n, rel=1e-5
    )


def test_the_loss_on_record_is_that_of_the_weights_kept(fp32):
    model, data = linear(), batch()
    result = train(model, data, fp32)
    again = linear()
    again.load_state_dict(result.states["stop"])
    assert (
        result.loss
        == result.curve[-1]["loss"]
        == pytest.approx(mean_loss(again, data, "cross_entropy", fp32), rel=1e-6)
    )
    assert [entry["epoch"] for entry in result.curve] == [1, 2, 3, 4] and result.reason == "epochs"


def test_stops_at_the_first_epoch_that_reaches_the_loss(fp32):
    whole = train(linear(), batch(), fp32, max_epochs=30)
    losses = [entry["loss"] for entry in whole.curve]
    aim = losses[11]
    result = train(linear(), batch(), fp32, max_epochs=30, stop_loss=aim)
    assert result.reason == "loss" and result.epoch == next(
        e for e, loss in enumerate(losses, 1) if loss <= aim
    )
    assert [entry["loss"] for entry in result.curve] == losses[: result.epoch]


def test_cap_and_epochs_are_told_apart(fp32):
    assert train(linear(), batch(), fp32, stop_loss=1e-9).reason == "cap"
    assert train(linear(), batch(), fp32).reason == "epochs"
    assert train(linear(), batch(), fp32, stop_loss=1e9, max_epochs=1).reason == "loss"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_divergence_ends_training(fp32, value):
    class Bad(nn.Linear):
        def forward(self, x):
            return super().forward(x) * value

    data = Batch(batch().inputs, torch.zeros(12, 3))
    result = train(Bad(4, 3), data, fp32, loss="mean_squared_error", stop_loss=0.1)
    assert result.reason == "diverged" and result.epoch == 1 and not math.isfinite(result.loss)


def test_an_infinite_loss_is_divergence_too(fp32):
    class Far(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 1e-9 + 1e30  # squared, beyond single precision

    result = train(
        Far(4, 3),
        Batch(batch().inputs, torch.zeros(12, 3)),
        fp32,
        loss="mean_squared_error",
        learning_rate=1e-30,
        optimizer="sgd",
    )
    assert result.loss == math.inf and result.reason == "diverged" and result.epoch == 1


def test_what_is_solved_is_not_descended(fp32):
    class Solved(nn.Module):
        def solve(self, x, target):
            self.register_buffer("seen", x.sum(0))

    data = batch()
    result = train(Solved(), data, fp32, stop_loss=0.1)
    assert (
        result.reason == "solved"
        and torch.equal(result.states["stop"]["seen"], data.inputs[0].sum(0))
        and result.curve == []
    )


def test_the_mark_is_the_state_after_that_epoch(fp32):
    marked = train(linear(), batch(), fp32, max_epochs=6, mark_epoch=3)
    short = train(linear(), batch(), fp32, max_epochs=3)
    assert torch.equal(marked.states["mark"]["weight"], short.states["stop"]["weight"])
    assert not torch.equal(marked.states["stop"]["weight"], marked.states["mark"]["weight"])


@pytest.mark.parametrize("mark", [6, 7])
def test_no_mark_where_training_ended_by_then(fp32, mark):
    assert set(train(linear(), batch(), fp32, max_epochs=6, mark_epoch=mark).states) == {"stop"}


def test_a_last_batch_of_one_joins_the_one_before(fp32):
    seen = []

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4)
            self.last = nn.Linear(4, 3)

        def forward(self, x):
            if self.training:
                seen.append(len(x))
            return self.last(self.norm(x))

    train(Counts(), batch(11), fp32, batch_size=5, max_epochs=1)
    train(Counts(), batch(12), fp32, batch_size=5, max_epochs=1)
    assert seen == [5, 6, 5, 5, 2]


def test_every_example_once_an_epoch_in_the_generator_s_order(fp32):
    seen = []

    class Recorder(nn.Linear):
        def forward(self, x):
            if self.training:
                seen.append(x[:, 0].detach().clone())
            return super().forward(x)

    data = Batch((torch.arange(48.0).view(12, 4),), torch.arange(12) % 3)
    train(Recorder(4, 3), data, fp32, max_epochs=2)
    order = torch.Generator().manual_seed(0)
    wanted = (
        torch.cat([torch.randperm(12, generator=order), torch.randperm(12, generator=order)]) * 4.0
    )
    assert torch.equal(torch.cat(seen), wanted)


def test_scores_at_the_curve_s_epochs_the_mark_and_the_end(fp32):
    result = train(linear(), batch(), fp32, max_epochs=28, mark_epoch=23, score=lambda model: 0.5)
    assert [entry["epoch"] for entry in result.curve if "score" in entry] == [
        *range(1, 21),
        23,
        25,
        28,
    ]
    assert [e for e in range(1, 32) if curve_epoch(e)] == [*range(1, 21), 25, 30]


def test_training_is_adam_by_hand(fp32):
    """One step over one batch, against Adam's formula: the first step is the rate times the sign of
    the gradient.
    """
    model, data = linear(), batch()
    before = model.weight.detach().clone()
    F.cross_entropy(model(data.inputs[0]), data.target).backward()
    gradient = model.weight.grad.clone()
    result = train(model, data, fp32, batch_size=12, max_epochs=1)
    torch.testing.assert_close(
        result.states["stop"]["weight"], before - 1e-2 * gradient.sign(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "schedule, last", [("constant", 1.0), ("cosine", 0.5 * (1 + math.cos(math.pi * 3 / 4)))]
)
def test_schedules(fp32, schedule, last):
    """SGD on a loss of constant gradient: the last step is as long as the schedule says."""
    rates = []

    class Slope(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            if self.training:
                rates.append(float(self.a.detach()))
            return self.a * torch.ones(len(x))

    model = Slope()
    data = Batch(
        (torch.zeros(2, 1),), torch.full((2,), 1e4)
    )  # the gradient is -2e4, but for parts in a million
    result = train(
        model,
        data,
        fp32,
        loss="mean_squared_error",
        optimizer="sgd",
        learning_rate=1e-9,
        schedule=schedule,
        max_epochs=4,
    )
    steps = torch.tensor([*rates[1:], float(result.states["stop"]["a"])]) - torch.tensor(rates)
    momentum = 1 + 0.9 + 0.9**2 + 0.9**3
    assert float(steps[-1] / steps[0]) == pytest.approx(last * momentum, rel=1e-3)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weight_decay_falls_on_matrices_only(fp32, optimizer):
    model, data = linear(), batch()
    nn.init.ones_(model.bias)
    flat = type(data)(
        (data.inputs[0] * 0,), data.target * 0, data.shared
    )  # no input: the loss pulls at the bias alone
    before = model.weight.clone()
    plain, decayed = (
        train(copy.deepcopy(model), flat, fp32, optimizer=optimizer, weight_decay=decay).states[
            "stop"
        ]
        for decay in (0.0, 0.1)
    )
    assert torch.equal(plain["bias"], decayed["bias"]) and torch.equal(plain["weight"], before)
    assert (decayed["weight"].abs() < before.abs()).all()


def test_losses_are_means_over_everything():
    output, dense = torch.randn(2, 3, 4, 5), torch.randint(3, (2, 4, 5))
    by_pixel = -output.log_softmax(1).gather(1, dense[:, None])
    torch.testing.assert_close(training.LOSSES["cross_entropy"](output, dense), by_pixel.mean())
    target = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(
        training.LOSSES["mean_squared_error"](output, target), ((output - target) ** 2).mean()
    )
    p = output.sigmoid()
    torch.testing.assert_close(
        training.LOSSES["binary_cross_entropy"](output, target),
        -(target * p.log() + (1 - target) * (1 - p).log()).mean(),
    )


def test_half_precision_stays_close_with_full_precision_weights(fp32):
    half = Execution("cpu", "bf16", 1)
    data, fits = batch(40, seed=3), []
    for execution in (fp32, half):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
        fits.append(train(model, data, execution, max_epochs=12))
    assert all(value.dtype == torch.float32 for value in fits[1].states["stop"].values())
    assert not torch.equal(fits[0].states["stop"]["0.weight"], fits[1].states["stop"]["0.weight"])
    for a, b in zip(fits[0].curve, fits[1].curve):
        assert b["loss"] == pytest.approx(a["loss"], rel=0.03)
    assert (
        "bf16" in half.numerics()
        and half.numerics() != fp32.numerics()
        and torch.__version__.split("+")[0] in half.numerics()
    )


def test_what_is_asked_for_is_detected():
    assert training.detect("fp32", "cpu") == Execution("cpu", "fp32", 1)
    assert training.detect("bf16", "cpu").precision == "bf16"


CPU = {"vendor_id": "Genuine", "cpu family": "6", "model": "143", "flags": "fpu avx512f amx_bf16"}


@pytest.mark.parametrize(
    "changed, environment, same",
    [
        ({"flags": "amx_bf16 avx512f fpu"}, {}, True),
        ({"flags": CPU["flags"] + " hypervisor", "microcode": "0x2b"}, {}, True),
        ({"flags": CPU["flags"] + " avx512_fp16"}, {}, False),  # as two kinds of "avx512_bf16" do
        ({"model": "173"}, {}, False),
        ({"vendor_id": "Authentic"}, {}, False),
        ({}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}, False),
    ],
)
def test_a_numerics_class_is_as_fine_as_the_arithmetic(monkeypatch, changed, environment, same):
    def named(info):
        monkeypatch.setattr(training, "_cpuinfo", lambda: info)
        training.instruction_set.cache_clear()
        training.processor.cache_clear()
        return Execution("cpu", "fp32", 1).numerics()

    for name in training.CHOICES:
        monkeypatch.delenv(name, raising=False)
    before = named(CPU)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (named(CPU | changed) == before) is same
    monkeypatch.undo()
    training.instruction_set.cache_clear()
    training.processor.cache_clear()


def test_the_probe_of_bf16_runs_in_one_thread(monkeypatch):
    """Threads that wait for each other on a busy machine would decide by chance, and with them the
    numerics class.
    """
    seen, clock, before = set(), training.time.process_time, torch.get_num_threads()
    monkeypatch.setattr(
        training.time, "process_time", lambda: seen.add(torch.get_num_threads()) or clock()
    )
    assert (
        training._faster_in_bf16() in (False, True)
        and seen == {1}
        and torch.get_num_threads() == before
    )


def test_a_loss_that_nobody_asks_for_is_computed_at_the_curves_epochs_only(fp32):
    data = batch()
    few = train(linear(), data, fp32, max_epochs=33)
    every = train(linear(), data, fp32, max_epochs=33, stop_loss=1e-9)
    assert [e["epoch"] for e in few.curve] == [*range(1, 21), 25, 30, 33]
    assert few.curve == [e for e in every.curve if e["epoch"] in {e["epoch"] for e in few.curve}]
    assert (few.epoch, few.reason, every.reason) == (33, "epochs", "cap")
    assert all(
        torch.equal(a, b)
        for a, b in zip(few.states["stop"].values(), every.states["stop"].values())
    )


def test_a_rate_that_follows_the_loss_sees_it_after_every_epoch(fp32):
    assert len(train(linear(), batch(), fp32, max_epochs=33, schedule="plateau").curve) == 33


def test_denormal_numbers_are_flushed_where_the_execution_says_so():
    def left() -> float:
        return float(
            torch.full((8,), 1e-30) @ torch.full((8,), 1e-12)
        )  # 8e-42, less than the least normal number

    flushed = Execution("cpu", "fp32", 1, flush=True)
    assert left() > 0
    with flushed.arithmetic():
        assert left() == 0
    assert left() > 0
    assert flushed.numerics() != Execution("cpu", "fp32", 1).numerics()


def test_an_execution_has_its_own_number_of_threads_and_gives_the_others_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with Execution(threads=1).arithmetic():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_no_record_claims_a_precision_that_there_is_not():
    with pytest.raises(ValueError, match="precision='fp64'.*bf16"):
        training.detect("fp64", "cpu")


def test_trying_out_leaves_the_network_and_the_generator_as_they_were():
    class Draws(torch.nn.Module):
        """Draws and counts whenever it answers."""

        def __init__(self):
            super().__init__()
            self.seen = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x):
            with torch.no_grad():
                self.seen += 1
            return x[:, :3] + torch.rand(3)

    model, before = Draws(), torch.random.get_rng_state()
    training.try_out(
        model,
        Batch((torch.rand(4, 5, generator=torch.Generator()),), torch.tensor([0, 1, 2, 0])),
        "cross_entropy",
        "it",
    )
    assert model.seen == 0 and model.training and torch.equal(torch.random.get_rng_state(), before)


def test_a_class_is_as_fine_as_the_arithmetic(monkeypatch, fp32):
    """Two processors of one instruction set, and one with other kernels chosen, are three classes."""
    flags = "fma avx2 avx512f avx512_bf16"

    def numerics(said, **settings):
        training.processor.cache_clear()
        for name in training.CHOICES:
            monkeypatch.delenv(name, raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(training, "_cpuinfo", lambda: said)
        return fp32.numerics()

    one = {"vendor_id": "A", "cpu family": "6", "model": "143", "flags": flags}
    classes = [
        numerics(one),
        numerics(one | {"flags": flags + " avx512_fp16"}),
        numerics(one | {"vendor_id": "B"}),
        numerics(one | {"model": "1"}),
        numerics(one, ONEDNN_MAX_CPU_ISA="AVX2"),
        numerics({}),
    ]
    assert len(set(classes)) == len(classes)
    assert classes[0] == numerics(one | {"flags": "ht " + flags})  # which computes nothing
    assert " A " in classes[0] and " fp32 torch " in classes[0]
    training.processor.cache_clear()
