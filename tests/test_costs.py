"""What missing trials will cost, from the records of like ones."""

import sys

import pytest

from spatialbias import costs
from spatialbias.costs import estimate
from spatialbias.store import Store, write_parquet
from spatialbias.studies import study
from spatialbias.trials import Trial

MODULE = sys.modules["spatialbias.studies.study"]


def trial(replicate=0, model="fully_connected", n_train=100, **changes):
    values = {"dataset": "digits", "max_epochs": 50, "stop_loss": 0.1, "learning_rate": 1e-3}
    return Trial(model=model, replicate=replicate, **values | {"n_train": n_train} | changes)


def record(trial, seconds, epochs=10, measured=("accuracy",), images=500, **provenance):
    rows = [{"measure": m, "at": "stop", "x": None, "value": 0.5, "n": images} for m in measured]
    return {
        "key": trial.key,
        "trial": trial.model_dump(),
        "stop": {"reason": "loss", "epoch": epochs, "loss": 0.1},
        "curve": [],
        "parameters": 1,
        "provenance": {"numerics": "elsewhere", "seconds": seconds, **provenance},
        "measured": dict.fromkeys(measured, 1),
        "rows": rows,
    }


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "work", tmp_path / "shipped")


def ship(store, *records):
    """Records that are there, not necessarily of the trials asked for."""
    write_parquet(store.shipped / f"{len(store.files())}.parquet", list(records))
    store._index = None


def seconds(trials, store, measures=()):
    return estimate(trials, store, measures)[1] * 3600


def test_nothing_missing_costs_nothing_and_nothing_like_it_is_unknown(store):
    assert estimate([trial()], store, ("accuracy",)) == (1, None)
    ship(store, record(trial(), 5.0))
    assert estimate([trial()], store, ("accuracy",)) == (0, 0.0)


def test_training_costs_by_image_and_epoch(store):
    """The median of like trials; epochs as many as they took, unless fewer are allowed."""
    for replicate, taken in enumerate((10.0, 20.0, 900.0)):
        ship(store, record(trial(replicate), taken))
    assert seconds([trial(7)], store) == pytest.approx(20)
    assert seconds([trial(7), trial(8)], store) == pytest.approx(40)
    assert seconds([trial(7, n_train=200)], store) == pytest.approx(40)
    assert seconds([trial(7, max_epochs=5)], store) == pytest.approx(10)
    assert seconds([trial(7, stop_loss=None)], store) == pytest.approx(100)
    assert seconds([trial(7, model="simple_cnn"), trial(8)], store) == pytest.approx(40)


def test_the_next_number_of_images_counts(store):
    ship(store, record(trial(0, n_train=100), 10.0))
    ship(store, record(trial(0, n_train=400), 10.0))
    assert seconds([trial(7, n_train=390)], store) == pytest.approx(9.75)


def test_canvases_of_another_size_are_scaled(store):
    def on(size):
        return trial(
            model="deconv",
            n_train=None,
            model_args={"size": size},
            dataset="not_so_clevr",
            dataset_args={"size": size, "square": 1},
            stop_loss=None,
        )

    ship(store, record(on(32), 160.0, epochs=50, measured=()))
    assert seconds([on(16)], store) == pytest.approx(10)  # a quarter of centres and of pixels


def test_measuring_is_part_of_the_cost(store):
    """By the images that a measure looked at, or by what it took."""
    ship(store, record(trial(0), 100.0, measured=("accuracy", "rotation"), images=3000))
    alone = 3000 * costs.FORWARD * 0.1
    assert seconds([trial(1)], store, ("rotation",)) == pytest.approx(100 + alone)
    assert seconds([trial(1)], store, ("rotation", "accuracy")) == pytest.approx(100 + 2 * alone)
    taken = {"measuring": {"rotation": 7.0}}
    ship(store, record(trial(1), 100.0, measured=("rotation",), **taken))
    assert seconds([trial(2)], store, ("rotation",)) == pytest.approx(107)


def test_measuring_on_a_part_costs_a_part(store):
    """Whichever of the two was on record."""
    fifth = {"test_images": 100}
    ship(store, record(trial(0), 100.0, measured=("rotation",), measuring={"rotation": 10.0}))
    assert seconds([trial(1, **fifth)], store, ("rotation",)) == pytest.approx(102)
    assert seconds([trial(1, **fifth)], store, ("accuracy",)) == pytest.approx(100)
    ship(store, record(trial(2, **fifth), 100.0, images=100))
    whole, part = 500 * costs.FORWARD * 0.1, 100 * costs.FORWARD * 0.1
    assert seconds([trial(3)], store, ("accuracy",)) == pytest.approx(100 + whole)
    assert seconds([trial(3, **fifth)], store, ("accuracy",)) == pytest.approx(100 + part)


def test_with_the_weights_at_hand_only_measuring_costs(store):
    from spatialbias.run import run
    from spatialbias.training import Execution, detect

    one = trial(max_epochs=2)
    done, states = run(one, Execution("cpu", detect().precision, 1))
    done["provenance"]["seconds"], done["provenance"]["measuring"] = 1000.0, {"rotation": 3.0}
    store.put(done, states)
    assert seconds([one], store, ("rotation",)) == pytest.approx(3)
    for path in (store.folder / "weights").iterdir():
        path.unlink()
    assert seconds([one], store, ("rotation",)) == pytest.approx(1003)


@pytest.mark.parametrize(
    "hours, words", [(0.001, "4 core-seconds"), (0.5, "30 core-minutes"), (30, "30.0 core-hours")]
)
def test_hours_are_said_in_the_unit_that_suits_them(hours, words):
    assert costs.duration(hours) == words


def test_what_takes_long_is_not_begun_unasked(monkeypatch, capsys):

    plan = study("coordinet.reproduce").plan("quick", n_train=20, arms="fully_connected")
    begun = []
    monkeypatch.setattr(MODULE, "sweep", lambda *a, **k: begun.append(k) or {})
    monkeypatch.setattr(MODULE, "estimate", lambda *a: (9, 1.0))
    monkeypatch.setattr(MODULE, "cores", lambda: 2)
    with pytest.raises(ValueError, match="9 trials are missing, about 60 core-minutes.*train=True"):
        plan.sweep()
    assert not begun and "9 trials are missing, about 60 core-min" in capsys.readouterr().err
    plan.sweep(workers=8)  # 7.5 minutes
    plan.sweep(train=True)
    plan.sweep(missing="show")
    monkeypatch.setenv("SPATIALBIAS_TRAIN", "1")
    plan.sweep()
    assert [k["missing"] for k in begun] == ["train", "train", "show", "train"]


def test_the_paper_profile_trains_only_when_asked(monkeypatch):
    plan = study("coordinet.reproduce").plan("paper")
    asked = []
    monkeypatch.setattr(MODULE, "sweep", lambda *a, **k: asked.append(k) or {})
    plan.sweep()
    plan.sweep(train=True)
    assert [k["missing"] for k in asked] == ["show", "train"]
