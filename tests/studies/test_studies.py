"""Studies: parameters, the order of trials, and the tidy frames."""

import sys

import pytest

from spatialbias import components, datasets, studies
from spatialbias.components import PROFILES
from spatialbias.store import Store
from spatialbias.studies import Parameters, Study
from spatialbias.studies.study import Results
from spatialbias.trials import Trial

FEW = studies.study("coordinet.few_samples")


@pytest.mark.parametrize("name", studies.names())
@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_of_every_study_is_valid(name, profile):
    study = studies.study(name)
    plan = study.plan(profile)
    assert (
        plan.trials
        and study.name.partition(".")[0] in studies.WORKS
        and study.question.endswith("?")
    )
    assert set(study.measures) <= set(components.MEASURES) and study.measures
    assert {arm for arm, _ in plan.labelled} == set(plan.parameters.arms)
    labels = [(arm, trial.key) for arm, trial in plan.labelled]
    assert len(set(labels)) == len(labels)  # no trial twice in an arm


@pytest.mark.parametrize("name", studies.names())
def test_the_images_of_every_study_can_be_had_on_digits(name):
    """What smoke runs on, and what a page falls back to where a data set is not to be had."""
    found = {}
    for profile in ("smoke", "quick"):
        plan = studies.study(name).plan(profile)
        if plan.images:
            plan = studies.study(name).plan(profile, dataset="digits")
            found |= {(t.dataset, str(t.dataset_args)): t for t in plan.trials}
    for trial in found.values():
        side = datasets.load(trial.dataset, **trial.dataset_args).train.inputs[0].shape[-1]
        assert trial.model_args.get("size", side) == side, trial.dataset_args


@pytest.mark.parametrize("name", studies.names())
def test_arms_differ_and_are_paired(name):
    """Two arms of a study never share a trial, and every arm has the same replicates, sizes and
    folds.
    """
    plan = studies.study(name).plan("paper", replicates=2)
    assert len({trial.key for trial in plan.trials}) == len(plan.trials)
    grid = {}
    for arm, trial in plan.labelled:
        grid.setdefault(arm, set()).add((trial.replicate, trial.n_train, trial.dataset, trial.role))
    assert len(set(map(frozenset, grid.values()))) == 1


def test_a_plan_knows_its_images():
    assert FEW.plan("quick", dataset="mnist").images == "mnist"
    assert studies.study("coordconv.regression").plan("smoke").images is None


def test_quick_is_measured_on_a_part_of_the_test_images_and_paper_on_all():
    for name in studies.names():
        for profile, parts in (("quick", {1000, 500}), ("paper", {None})):
            plan = studies.study(name).plan(profile)
            if plan.images not in (None, "digits"):
                assert {t.test_images for t in plan.trials} <= parts, (name, profile)
    assert {t.test_images for t in FEW.plan("quick", dataset="digits").trials} == {None}
    assert {t.test_images for t in FEW.plan("quick", test_images=10_000).trials} == {None}
    assert {t.test_images for t in FEW.plan("paper", test_images=50).trials} == {50}


def test_tuning_is_on_tuning_images_and_nothing_else_is():
    for name in studies.names():
        roles = {trial.role for trial in studies.study(name).plan("smoke").trials}
        assert roles == ({"tuning"} if name.endswith("tuning") else {"report"}), name


@pytest.mark.parametrize("name", studies.names())
def test_trials_come_replicate_by_replicate(name):
    replicates = [
        trial.replicate for trial in studies.study(name).plan("smoke", replicates=3).trials
    ]
    assert replicates == sorted(replicates) and len(set(replicates)) == 3


def test_order_within_a_replicate_is_arm_by_arm_as_given():
    plan = FEW.plan("quick", arms=("coordinet", "simple_cnn"), n_train=(97, 195), replicates=2)
    assert [(t.replicate, arm, t.n_train) for arm, t in plan.labelled] == [
        (r, arm, n) for r in (0, 1) for arm in ("coordinet", "simple_cnn") for n in (97, 195)
    ]


def test_parameters_are_the_profile_s_unless_given():
    assert FEW.plan("quick").parameters.n_train == (97, 195)
    assert FEW.plan("quick", n_train=None, arms=None).parameters == FEW.plan("quick").parameters
    plan = FEW.plan("quick", n_train=390, arms="coordinet", replicates=1)
    assert plan.parameters.n_train == (390,) and len(plan.trials) == 1
    assert FEW.plan("quick", n_train=[97, 390]).parameters.n_train == (97, 390)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"epochs": 3}, ["coordinet.few_samples", "'epochs'", "max_epochs"]),
        ({"profile": "huge"}, ["profile='huge'", "smoke, quick, paper"]),
        ({"n_train": 0}, ["n_train", "=0", "1"]),
        ({"n_train": "few"}, ["n_train", "'few'", "integer"]),
        ({"n_train": [97, -1]}, ["n_train", "-1", "1"]),
        ({"n_train": 1.5}, ["n_train", "1.5", "integer"]),
        ({"n_train": {}}, ["n_train", "{}"]),
        ({"n_train": ()}, ["n_train=()", "1"]),
        ({"n_train": 46_000}, ["n_train=46000", "45000"]),
        ({"replicates": 0}, ["replicates=0", "1"]),
        ({"replicates": "x"}, ["replicates='x'", "integer"]),
        ({"dataset": "imagenet"}, ["dataset='imagenet'", "cifar10"]),
        ({"arms": "resnet"}, ["arms='resnet'", "simple_cnn"]),
        ({"arms": ()}, ["arms=()", "simple_cnn"]),
        ({"max_epochs": -1}, ["max_epochs=-1", "1"]),
    ],
)
def test_wrong_parameters_are_named_in_one_line(given, words):
    with pytest.raises(ValueError) as caught:
        FEW.plan(**{"profile": "quick", **given})
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_an_unknown_study_is_named():
    for name in ("coordinet.many", "nothing.here", "coordinet"):
        with pytest.raises(ValueError, match=f"'{name}'.*coordinet.few_samples"):
            studies.study(name)


def test_other_data_sets_give_the_networks_their_shapes():
    for dataset in ("mnist", "fashion_mnist", "digits"):
        for arm, trial in FEW.plan("quick", dataset=dataset, n_train=24, replicates=1).labelled:
            assert trial.dataset == dataset
            wanted = {"channels": 1, "size": 28} if dataset != "digits" else {}
            wanted = {
                "pooled_cnn": {k: v for k, v in wanted.items() if k == "channels"},
                "kernel_ridge": {},
            }.get(trial.model, wanted)
            assert wanted.items() <= trial.model_args.items(), arm


# A study of two arms whose records are written by hand.


def grid(p: Parameters, arm: str, replicate: int):
    yield Trial(
        model="fully_connected",
        model_args={"width": 10 if arm == "narrow" else 20},
        dataset="digits",
        n_train=10,
        replicate=replicate,
        mark_epoch=100,
        max_epochs=p.max_epochs,
    )


STUDY = Study(
    "made.up",
    "Is it?",
    ("narrow", "wide"),
    grid,
    {p: {"replicates": 2} for p in PROFILES},
    ("accuracy", "rotation"),
)


def made(trial, epochs=30, reason="loss", published=None, revision=1):
    rows = [
        {"measure": "accuracy", "at": "stop", "x": None, "value": 0.5, "n": 500},
        {"measure": "rotation", "at": "stop", "x": 10.0, "value": 0.25, "n": 100},
        {"measure": "sizes", "at": "stop", "part": "direct", "x": 16.0, "value": 0.1, "n": 100},
    ]
    if published is not None:
        rows.insert(
            0, {"measure": "accuracy", "at": "published", "x": None, "value": published, "n": 500}
        )
    return {
        "key": trial.key,
        "trial": trial.model_dump(),
        "stop": {"reason": reason, "epoch": epochs, "loss": 0.09},
        "curve": [{"epoch": 1, "loss": 2.0, "score": 0.3}, {"epoch": 2, "loss": None}],
        "parameters": 77,
        "provenance": {"numerics": "cpu x", "seconds": 2.0},
        "measured": {"accuracy": revision, "rotation": 1, "sizes": 1},
        "rows": rows,
    }


def results(*records):
    plan = STUDY.plan("quick")
    return Results(plan, {record["key"]: record for record in records})


TRIALS = STUDY.plan("quick").trials  # narrow 0, wide 0, narrow 1, wide 1


def test_the_frame_has_a_row_a_value():
    frame = results(made(TRIALS[0])).frame()
    assert list(frame.columns) == [
        "study",
        "arm",
        "dataset",
        "split",
        "translation",
        "n_train",
        "replicate",
        "learning_rate",
        "stop_reason",
        "epochs",
        "numerics",
        "measure",
        "at",
        "part",
        "x",
        "value",
        "n",
        "current",
    ]
    row = frame[(frame.measure == "rotation") & (frame["at"] == "stop")].iloc[0].to_dict()
    assert row == {
        "study": "made.up",
        "arm": "narrow",
        "dataset": "digits",
        "split": "",
        "translation": 0,
        "n_train": 10,
        "replicate": 0,
        "learning_rate": 1e-3,
        "stop_reason": "loss",
        "epochs": 30,
        "numerics": "cpu x",
        "measure": "rotation",
        "at": "stop",
        "part": "",
        "x": 10.0,
        "value": 0.25,
        "n": 100,
        "current": True,
    }
    assert frame[frame.measure == "accuracy"].x.isna().all() and set(
        frame[frame.measure == "sizes"].part
    ) == {"direct"}


def at(frame, measure="accuracy"):
    return frame[frame.measure == measure].set_index("at")["value"].to_dict()


@pytest.mark.parametrize(
    "epochs, published, wanted",
    [
        (
            30,
            None,
            {"stop": 0.5, "published": 0.5},
        ),  # stopped before the published cap: the stop is what the source would have
        (100, None, {"stop": 0.5, "published": 0.5}),
        (130, 0.4, {"stop": 0.5, "published": 0.4}),  # went on: measured at the cap too
        (130, None, {"stop": 0.5}),
    ],
)  # went on, and was not measured there: nothing is made up
def test_published_is_filled_only_where_training_had_ended(epochs, published, wanted):
    assert at(results(made(TRIALS[0], epochs, published=published)).frame()) == wanted


def test_without_a_mark_the_stop_is_published(monkeypatch):
    trial = TRIALS[0].model_copy(update={"mark_epoch": None})
    plan = STUDY.plan("quick")
    object.__setattr__(plan, "labelled", (("narrow", trial),))
    assert at(Results(plan, {trial.key: made(trial, 130)}).frame()) == {
        "stop": 0.5,
        "published": 0.5,
    }


def test_what_an_older_revision_measured_is_told():
    both = results(made(TRIALS[0], revision=0), made(TRIALS[1]))
    frame, now = both.frame(stale=True), both.frame()
    assert (
        now.current.all() and not frame.current.all() and len(now) == frame.current.sum()
    )  # prose and figures never meet it
    assert now[now.measure == "accuracy"].arm.unique().tolist() == ["wide"] and set(now.arm) == {
        "narrow",
        "wide",
    }
    current = frame[frame.measure == "accuracy"].groupby("arm").current.all().to_dict()
    assert (
        current == {"narrow": False, "wide": True}
        and frame[frame.measure == "rotation"].current.all()
    )


def test_right_at_any_n():
    empty = results()
    assert (
        empty.missing == 4 and len(empty.frame()) == len(empty.curves()) == len(empty.trials()) == 0
    )
    assert list(empty.frame().columns) == list(results(made(TRIALS[0])).frame().columns)
    some = results(made(TRIALS[1]), made(TRIALS[2], reason="cap"))
    assert some.missing == 2 and [arm for arm, _, _ in some.present] == ["wide", "narrow"]
    table = some.trials()
    assert (
        table.key.tolist() == [TRIALS[1].key, TRIALS[2].key]
        and table.stop_reason.tolist() == ["loss", "cap"]
        and table.replicate.tolist() == [0, 1]
        and table.parameters.tolist() == [77, 77]
    )
    assert some.numerics() == {"cpu x": 2}


def test_curves_have_a_row_an_epoch():
    curves = results(made(TRIALS[0])).curves()
    assert curves.epoch.tolist() == [1, 2] and curves.score.tolist()[0] == 0.3
    assert curves.score.isna().tolist() == [False, True] and curves.loss.isna().tolist() == [
        False,
        True,
    ]


def test_paper_only_shows_unless_told_otherwise(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        sys.modules[Study.__module__],
        "sweep",
        lambda trials, measures, store, *, missing, **rest: seen.append(missing) or {},
    )
    for profile, missing in (
        ("paper", None),
        ("quick", None),
        ("paper", "train"),
        ("smoke", "show"),
    ):
        STUDY.plan(profile).sweep(Store(tmp_path, None), missing)
    assert seen == ["show", "train", "train", "show"]


def test_the_estimate_reads_the_store_it_is_given(tmp_path):
    store = Store(tmp_path / "work", None)
    store.put(made(TRIALS[0]))
    count, hours = STUDY.plan("quick").estimate(store)
    assert count == 4 and hours > 4 * 2.0 / 3600  # begun elsewhere: to be made whole here
    store.put(made(TRIALS[1]))
    assert STUDY.plan("quick").estimate(store) == (2, pytest.approx(hours / 2))


def test_a_work_still_to_come_has_no_studies(monkeypatch):
    there = studies.names()
    monkeypatch.setattr(studies, "WORKS", (*studies.WORKS, "to_come"))
    assert studies.names() == there
    with pytest.raises(ValueError, match="unknown study 'to_come.a'; there are: coordinet"):
        studies.study("to_come.a")


def test_a_frame_is_made_once_and_is_the_caller_s_own(monkeypatch):
    results = Results(STUDY.plan("quick"), {TRIALS[0].key: made(TRIALS[0])})
    first = results.frame()
    monkeypatch.setattr(Results, "_base", lambda *a: pytest.fail("it was made again"))
    first.loc[:, "value"] = 7.0
    assert not results.frame().equals(first) and len(results.frame(stale=True)) == len(first)
