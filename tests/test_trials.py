"""Trials: keys, messages, roles of the data, and one trial twice."""

import sys
import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spatialbias import components, datasets
from spatialbias import run as running
from spatialbias.datasets.batch import Batch, Data
from spatialbias.roles import examples, fold, load
from spatialbias.run import check, run, suited
from spatialbias.trials import Trial, canonical, explain

SMALL = {
    "model": "coordinet",
    "model_args": {"width": 8, "layers": 2},
    "dataset": "digits",
    "n_train": 20,
    "max_epochs": 2,
    "curve_images": 10,
}


def ids(n_train: int, n_test: int) -> Data:
    """A data set whose inputs say which example they are."""
    train, test = torch.arange(n_train), torch.arange(n_test) + 1_000_000
    return Data(Batch((train.float(),), train), Batch((test.float(),), test), "ids")


def trial(**changes) -> Trial:
    """Roles do not depend on the data set: any that does not restrict `n_train` will do."""
    return Trial(**{"model": "simple_cnn", "dataset": "circles", **changes})


def test_keys_are_stable():
    """A changed key orphans every record: if this fails, a field, a default or the canonical form
    has changed.
    """
    assert (
        Trial(model="coordinet", dataset="cifar10").key
        == "8ec4272971b60f43edd66c1385019b7ca53fa82566948ab5c4bb8f26cfb64c97"
    )
    assert Trial(**SMALL).key == "f157add240a59d8adc7a892d1d6ea9394045d3a07963e08e35328a831f13fde4"


def test_a_key_tells_every_field_apart():
    changes = [
        {"replicate": 1},
        {"role": "tuning"},
        {"learning_rate": 2e-3},
        {"n_train": 21},
        {"batch_size": 32},
        {"model_args": {"width": 9, "layers": 2}},
        {"dataset_args": {"permutation": "fixed"}},
        {"mark_epoch": 1},
        {"stop_loss": 0.1},
        {"optimizer": "sgd"},
        {"schedule": "cosine"},
        {"max_epochs": 3},
        {"beta2": 0.9},
        {"weight_decay": 0.1},
        {"curve_images": 11},
        {"pixels": "unit"},
        {"test_images": 100},
        {"model": "fully_connected", "model_args": {}},
        {"dataset": "cifar10"},
        {"loss": "mean_squared_error"},
    ]
    assert {name for change in changes for name in change} == set(Trial.model_fields)
    assert (
        len({Trial(**SMALL).key, *(Trial(**SMALL | change).key for change in changes)})
        == len(changes) + 1
    )


@pytest.mark.parametrize(
    "table, name",
    [
        (components.MODELS, "coordinet"),
        (components.DATASETS, "digits"),
        (components.LOSSES, "cross_entropy"),
    ],
)
def test_a_raised_revision_changes_the_key(monkeypatch, table, name):
    before = Trial(**SMALL).key
    entry = table[name]
    monkeypatch.setitem(
        table, name, (entry[0] + 1, entry[1]) if isinstance(entry, tuple) else entry + 1
    )
    assert Trial(**SMALL).key != before


def test_a_trial_survives_json():
    import json

    again = Trial(**json.loads(canonical(Trial(**SMALL).model_dump())))
    assert again == Trial(**SMALL) and again.key == Trial(**SMALL).key


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"model": "resnet"}, ["model='resnet'", "simple_cnn"]),
        ({"dataset": "imagenet"}, ["dataset='imagenet'", "cifar10"]),
        ({"model_args": {"wide": 3}}, ["'wide'", "width"]),
        ({"model_args": {"width": "many"}}, ["width='many'", "int"]),
        ({"model_args": {"width": [1, 2]}}, ["model_args.width", "[1, 2]"]),
        ({"dataset_args": {"permute": True}}, ["'permute'", "permutation"]),
        ({"dataset_args": {"permutation": 3}}, ["permutation=3", "str"]),
        ({"n_train": 0}, ["n_train=0", "1"]),
        ({"n_train": "few"}, ["n_train='few'", "integer"]),
        ({"n_train": 1170}, ["n_train=1170", "1168"]),
        ({"n_train": 1.5}, ["n_train=1.5", "integer"]),
        ({"replicate": -1}, ["replicate=-1", "0"]),
        ({"role": "test"}, ["role='test'", "report", "tuning"]),
        ({"learning_rate": 0}, ["learning_rate=0", "0"]),
        ({"learning_rate": float("nan")}, ["learning_rate=nan", "finite"]),
        ({"loss": "hinge"}, ["loss='hinge'", "cross_entropy"]),
        ({"stop_loss": -1}, ["stop_loss=-1", "0"]),
        ({"optimizer": "lbfgs"}, ["optimizer='lbfgs'", "adam"]),
        ({"epochs": 3}, ["epochs=3", "not permitted"]),
        ({"n_train": True}, ["n_train=True", "integer"]),
        ({"learning_rate": "0.1"}, ["learning_rate='0.1'", "number"]),
        (
            {
                "model": "coordconv_classifier",
                "model_args": {"size": 32},
                "dataset": "not_so_clevr",
                "dataset_args": {"size": 16},
            },
            ["32", "16", "same size"],
        ),
        ({"pixels": "raw"}, ["pixels='raw'", "standardised", "unit"]),
        (
            {"dataset": "circles", "n_train": None, "pixels": "unit"},
            ["pixels='unit'", "circles", "digits"],
        ),
        ({"test_images": 500}, ["test_images=500", "'digits'", "500; None"]),
        (
            {"dataset": "circles", "n_train": None, "test_images": 20},
            ["test_images=20", "'circles'"],
        ),
        ({"dataset": "cifar10", "n_train": 60_000}, ["n_train=60000", "45000"]),
        ({"role": "tuning", "n_train": None}, ["role='tuning'", "n_train=None"]),
        ({"role": "tuning", "n_train": 1297}, ["role='tuning'", "n_train=1297"]),
    ],
)
def test_wrong_parameters_are_named_in_one_line(changes, words):
    with pytest.raises(ValueError) as caught:
        Trial(**SMALL | changes)
    message = explain(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"model_args": {"encoding": "cosine"}}, ["encoding='cosine'", "sine"]),
        (
            {"model": "fully_connected", "model_args": {"width": 50_000}},
            ["fully_connected", "20,154,550,010 parameters"],
        ),
        ({"dataset_args": {"permutation": "maybe"}}, ["'digits'", "permutation='maybe'", "fixed"]),
        ({"dataset": "circles", "dataset_args": {"n_train": -5}}, ["n_train=-5", "1"]),
        (
            {"dataset": "not_so_clevr", "dataset_args": {"split": "diagonal"}},
            ["split='diagonal'", "quadrant"],
        ),
    ],
)
def test_what_only_torch_can_tell_is_said_in_one_line_before_any_work(changes, words, monkeypatch):
    monkeypatch.setattr(datasets, "load", lambda *a, **k: pytest.fail("it loaded the data"))
    trial = Trial(**SMALL | changes)
    for act in (check, run):
        with pytest.raises(ValueError) as caught:
            act(trial)
        assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            {"model": "simple_cnn", "model_args": {"classes": 3}},
            ["simple_cnn", "3 classes", "class 9"],
        ),
        ({"model": "coordconv_classifier", "model_args": {}}, ["coordconv_classifier", "digits"]),
        ({"loss": "binary_cross_entropy"}, ["binary_cross_entropy"]),
    ],
)
def test_what_does_not_fit_together_is_said_before_training(changes, words, monkeypatch, fp32):
    monkeypatch.setattr("spatialbias.training.fit", lambda *a, **k: pytest.fail("it trained"))
    with pytest.raises(ValueError, match="do not fit together") as caught:
        run(Trial(**SMALL | changes), fp32)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


def test_what_is_frozen_stays():
    with pytest.raises(ValueError, match="frozen"):
        Trial(**SMALL).n_train = 3


def test_n_train_beyond_the_data_is_refused_where_the_size_is_known_only_later():
    with pytest.raises(ValueError, match="n_train=95.*90.*10"):
        examples(trial(n_train=95), ids(100, 10))
    assert len(examples(trial(n_train=100), ids(100, 10))[0]) == 100


@given(st.integers(1, 90), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_subsets_are_disjoint_while_the_pool_lasts(n_train, first):
    data, a_round = ids(100, 10), 90 // n_train
    first -= first % a_round
    chosen = [
        examples(trial(n_train=n_train, replicate=first + k), data)[0].target
        for k in range(a_round)
    ]
    together = torch.cat(chosen)
    assert len(together.unique()) == n_train * a_round and int(together.max()) < 90


def test_the_pool_is_shuffled_anew_when_used_up():
    subset = [
        set(examples(trial(n_train=45, replicate=r), ids(100, 10))[0].target.tolist())
        for r in range(4)
    ]
    assert (
        not subset[0] & subset[1]
        and not subset[2] & subset[3]
        and subset[0] not in (subset[2], subset[3])
    )


@given(st.integers(1, 90), st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_tuning_never_sees_what_is_reported_and_trains_on_neither(n_train, replicate):
    data = ids(100, 20)
    reported, tested = examples(trial(n_train=n_train, replicate=replicate), data)
    tuned, chosen_on = examples(trial(n_train=n_train, replicate=replicate, role="tuning"), data)
    assert set(chosen_on.target.tolist()) == set(range(90, 100)) and torch.equal(
        tested.target, data.test.target
    )
    assert not set(range(90, 100)) & set(reported.target.tolist()) and not set(
        range(90, 100)
    ) & set(tuned.target.tolist())


def test_tuning_without_a_size_learns_from_four_fifths():
    train, test = examples(
        trial(dataset="not_so_clevr", dataset_args={"size": 16}, n_train=None, role="tuning"),
        data := ids(1000, 10),
    )
    assert (len(train), len(test)) == (800, 200) and sorted(
        [*train.target, *test.target]
    ) == sorted(data.train.target)


def test_tuning_draws_other_subsets():
    report, tune = (
        examples(trial(n_train=30, role=role), ids(1000, 10))[0].target
        for role in ("report", "tuning")
    )
    assert not torch.equal(report, tune) and len(set(report.tolist()) & set(tune.tolist())) < 10


@given(st.integers(5, 400))
@settings(max_examples=40, deadline=None)
def test_folds_are_fifths_that_cover_the_test_set(n):
    data = ids(10, n)
    parts = [fold(data.test, k).target for k in range(5)]
    assert torch.equal(torch.cat(parts), data.test.target)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert [trial(replicate=r).fold for r in (0, 4, 5, 13)] == [0, 4, 0, 3]


def test_arms_of_a_replicate_share_subset_and_order(monkeypatch):
    """And replicates do not: what `fit` is given, for two networks and two replicates."""
    from spatialbias import training

    seen = {}
    for replicate in (0, 1):
        for model in ("fully_connected", "pooled_cnn"):

            def spy(network, train, *, order, **rest):
                seen[model, replicate] = (  # noqa: B023
                    train.target.tolist(),
                    order.initial_seed(),
                    train.inputs[0].sum().item(),
                )
                raise InterruptedError

            monkeypatch.setattr(training, "fit", spy)
            with pytest.raises(InterruptedError):
                run(Trial(model=model, dataset="digits", n_train=30, replicate=replicate))
    assert (
        seen["fully_connected", 0] == seen["pooled_cnn", 0]
        and seen["fully_connected", 1] == seen["pooled_cnn", 1]
    )
    assert all(a != b for a, b in zip(seen["pooled_cnn", 0], seen["pooled_cnn", 1]))


def test_one_trial_twice_is_equal_to_the_bit(fp32):
    one, states = run(Trial(**SMALL), fp32)
    torch.manual_seed(99)  # what happened before does not matter
    torch.rand(7)
    two, again = run(Trial(**SMALL), fp32)
    assert all(torch.equal(states["stop"][name], again["stop"][name]) for name in states["stop"])
    assert (one["curve"], one["rows"], one["stop"]) == (two["curve"], two["rows"], two["stop"])
    other, third = run(Trial(**SMALL | {"replicate": 1}), fp32)
    assert not torch.equal(states["stop"]["decoder.0.weight"], third["stop"]["decoder.0.weight"])


def test_a_record_is_plain_data_and_tells_its_story(fp32):
    record, states = run(
        Trial(**SMALL | {"stop_loss": 50.0, "mark_epoch": 1}), fp32, ("accuracy", "quarter_turns")
    )
    canonical(record)  # raises on anything but plain data
    assert record["key"] == Trial(**record["trial"]).key
    assert (
        record["stop"]["reason"] == "loss"
        and record["stop"]["epoch"] == 1
        and set(states) == {"stop"}
    )
    assert record["measured"] == {
        name: components.MEASURES[name] for name in ("accuracy", "quarter_turns")
    }
    assert [row["at"] for row in record["rows"]] == ["stop"] * 5
    assert record["rows"][0]["n"] == 500 and record["rows"][1]["n"] == 100
    assert (
        record["provenance"]["numerics"] == fp32.numerics()
        and "scikit-learn" in record["provenance"]["data"]
    )
    assert record["parameters"] == sum(value.numel() for value in states["stop"].values())


def test_the_published_cap_is_measured_too_when_training_goes_on(fp32):
    record, states = run(Trial(**SMALL | {"mark_epoch": 1}), fp32, ("accuracy", "quarter_turns"))
    assert set(states) == {"stop", "mark"} and record["stop"]["reason"] == "epochs"
    assert [(r["measure"], r["at"]) for r in record["rows"]][:2] == [
        ("accuracy", "published"),
        ("accuracy", "stop"),
    ]
    assert {r["at"] for r in record["rows"] if r["measure"] == "quarter_turns"} == {"stop"}
    early, _ = run(Trial(**SMALL | {"max_epochs": 1}), fp32)
    assert early["rows"][0]["value"] == record["rows"][0]["value"]


def test_measures_can_be_taken_later_and_are_the_same(fp32):
    record, states = run(Trial(**SMALL), fp32, ("accuracy", "translation"))
    later, _ = run(Trial(**SMALL), fp32, ("accuracy",))
    running.measure(later, states, ("translation",), fp32)
    running.measure(later, states, ("translation",), fp32)  # again: in place of the older rows
    assert later["rows"] == record["rows"] and later["measured"] == record["measured"]


def test_pixels_are_scaled_as_the_trial_says():
    scaled = {}
    for pixels in ("standardised", "unit"):
        t = Trial(**SMALL | {"pixels": pixels})
        data = load(t)
        batch = data.normalise(examples(t, data)[0].inputs[0])
        scaled[pixels] = (float(batch.min()), float(batch.max()))
    assert (
        scaled["unit"] == (0, 1) and scaled["standardised"][0] < 0 < 1 < scaled["standardised"][1]
    )


@pytest.mark.parametrize("name, value", [("pixels", "unit"), ("test_images", 20)])
def test_a_field_that_came_later_stays_unsaid(name, value):
    assert name not in Trial(**SMALL).model_dump()
    said = Trial(**SMALL | {name: value})
    assert Trial(**said.model_dump()) == said and said.model_dump()[name] == value


@pytest.mark.parametrize("role", ["report", "tuning"])
def test_a_part_of_the_test_images_is_the_same_for_every_trial(role):
    whole = Trial(**SMALL | {"role": role})
    train, test = examples(whole, data := load(whole))
    found = []
    for replicate in range(2):
        t = Trial(**SMALL | {"role": role, "test_images": 60, "replicate": replicate})
        found.append(examples(t, data))
    assert torch.equal(found[0][0].inputs[0], train.inputs[0])
    assert torch.equal(found[0][1].inputs[0], found[1][1].inputs[0]) and len(found[0][1]) == 60
    there = {x.numpy().tobytes() for x in test.inputs[0]}
    drawn = [x.numpy().tobytes() for x in found[0][1].inputs[0]]
    assert set(drawn) <= there and drawn != [x.numpy().tobytes() for x in test.inputs[0][:60]]


def test_what_is_measured_on_a_part_is_never_taken_for_the_whole(fp32):
    """Not in one process, which keeps shifted images, either."""
    counts = []
    for part in (None, 100, None):
        t = Trial(**SMALL | {"test_images": part})
        record, _ = run(t, fp32, ("accuracy", "quarter_turns"))
        counts.append({row["measure"]: row["n"] for row in record["rows"]})
        assert record["key"] == t.key
    assert counts[0] == counts[2] == {"accuracy": 500, "quarter_turns": 100}
    assert counts[1] == {"accuracy": 100, "quarter_turns": 20}


def test_all_60_000_images_of_mnist_can_be_asked_for():
    assert Trial(model="coordinet_v1", dataset="fashion_mnist", n_train=60_000).n_train == 60_000


def test_divergence_is_a_record(fp32):
    hopeless = Trial(
        model="fully_connected",
        dataset="digits",
        n_train=20,
        optimizer="sgd",
        learning_rate=1e6,
        max_epochs=30,
    )
    record, _ = run(hopeless, fp32)
    assert (
        record["stop"]["reason"] == "diverged"
        and record["stop"]["loss"] is None
        and record["curve"][-1]["loss"] is None
    )
    canonical(record)


def test_regression_needs_nothing_special(fp32):
    record, _ = run(
        Trial(
            model="fully_connected",
            model_args={"channels": 1, "size": 16, "classes": 2, "width": 8, "hidden": 2},
            dataset="not_so_clevr",
            dataset_args={"task": "regression", "size": 16, "square": 3},
            loss="mean_squared_error",
            max_epochs=3,
        ),
        fp32,
        (),
    )
    losses = [entry["loss"] for entry in record["curve"]]
    scores = [entry["score"] for entry in record["curve"]]  # errors in pixels
    assert losses[-1] < losses[0] and 0 < scores[-1] < 16 * 2**0.5 and record["rows"] == []


def test_pixelwise_classes_need_nothing_special(monkeypatch, fp32):
    class dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 4, 1)

        def forward(self, images):
            return self.layer(images)

    module = types.ModuleType("spatialbias.models.dense")
    module.dense = dense
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(components.MODELS, "dense", (1, "dense"))
    record, states = run(
        Trial(
            model="dense",
            dataset="circles",
            dataset_args={"n_train": 12, "n_test": 10, "size": 32},
            max_epochs=2,
            batch_size=4,
        ),
        fp32,
    )
    model = dense()
    model.load_state_dict(states["stop"])
    data = datasets.load("circles", n_train=12, n_test=10, size=32)
    right = (model(data.test.inputs[0] / 255).argmax(1) == data.test.target).float().mean()
    assert (
        record["rows"][0]["value"] == pytest.approx(float(right), abs=1e-6)
        and "score" in record["curve"][0]
    )


def test_data_that_need_fp32_are_computed_so_and_without_denormal_numbers():
    from spatialbias.training import Execution

    asked = Execution("cpu", "bf16", 1)
    squares = Trial(
        model="coordconv_classifier",
        model_args={"size": 16},
        dataset="not_so_clevr",
        dataset_args={"size": 16},
    )
    assert suited(squares, asked) == Execution("cpu", "fp32", 1, flush=True)
    assert suited(Trial(model="fully_connected", dataset="digits", n_train=97), asked) == asked


@pytest.mark.parametrize("curve_images, scored", [(1000, 9), (9, 2), (1, 1)])
def test_the_curve_is_scored_on_all_test_examples_only_where_they_are_few(
    monkeypatch, curve_images, scored
):
    from spatialbias import training

    seen, real = [], training.predictions
    monkeypatch.setattr(
        training,
        "predictions",
        lambda model, batch, *rest: seen.append(len(batch)) or real(model, batch, *rest),
    )
    squares = Trial(
        model="coordconv_classifier",
        model_args={"size": 16},
        dataset="not_so_clevr",
        dataset_args={"size": 16},
        max_epochs=1,
        curve_images=curve_images,
    )
    run(squares, measures=())
    assert seen == [
        55,
        scored,
    ]  # the loss of the positions trained on, and the curve's score; nine are held out
