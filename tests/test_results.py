"""Packing, verifying and recomputing what is on record."""

from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from spatialbias import components, paths, results
from spatialbias.store import Store, read_parquet, write_parquet
from spatialbias.studies import study
from spatialbias.training import Execution
from spatialbias.trials import Trial, run

OPTIONS = SimpleNamespace(sample=0, max_seconds=60)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """One tiny record, shipped in a folder of its own."""
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path / "shipped")
    trial = Trial(
        model="fully_connected", dataset="digits", n_train=30, max_epochs=2, curve_images=10
    )
    record, _ = run(trial, Execution())
    write_parquet(tmp_path / "shipped" / "a.study.parquet", [record])
    return record, tmp_path / "shipped" / "a.study.parquet"


def test_a_sound_record_verifies(made, capsys):
    assert results.verify([], OPTIONS) == 0
    assert "1 records, 0 damaged, 0 of older revisions" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_changed_value_is_found(made, capsys):
    record, path = made
    table = pq.read_table(path).to_pylist()
    table[0]["parameters"] += 1
    schema = pq.read_schema(path)
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist(table, schema), path)
    assert results.verify([], OPTIONS) == 1
    assert "1 damaged" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_a_truncated_file_is_named(made, capsys):
    path = made[1]
    path.write_bytes(path.read_bytes()[:-40])
    assert results.verify([], OPTIONS) == 1
    assert path.name in capsys.readouterr().out


def test_recomputing_is_bit_for_bit_in_one_class(made):
    found = results.recomputed(made[0], Execution())
    assert found.good and "bit for bit equal" in str(found)


def test_recomputing_finds_a_wrong_record(made):
    record = made[0]
    record["curve"][0]["loss"] += 0.1
    found = results.recomputed(record, Execution())
    assert not found.good and "DIFFERS" in str(found)


def test_a_record_of_several_studies_is_packed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path / "shipped")
    monkeypatch.setenv("SPATIALBIAS_STORE", str(tmp_path / "work"))
    monkeypatch.setattr(results, "_ship_networks", lambda store: None)
    monkeypatch.setattr(results, "_draw_headline", lambda store: None)
    few, rotation = study("coordinet.few_samples"), study("coordinet.rotation")
    trial = next(t for arm, t in rotation.plan("paper").labelled if arm == "fully_connected")
    assert trial.key in {t.key for t in few.plan("paper").trials}
    for numerics in ("x", "y"):  # in all its numerics classes
        Store(shipped=None).put(
            {
                "key": trial.key,
                "trial": trial.model_dump(),
                "stop": {"reason": "loss", "epoch": 1, "loss": 0.1},
                "curve": [],
                "parameters": 1,
                "provenance": {"numerics": numerics, "seconds": 1.0},
                "measured": {
                    "accuracy": components.MEASURES["accuracy"],
                    "warps": 0,
                },  # the second is out of date
                "rows": [
                    {"measure": name, "at": "stop", "x": None, "value": 0.5, "n": 1}
                    for name in ("accuracy", "warps")
                ],
            }
        )
    assert results.pack([few, rotation], OPTIONS) == 0
    packed = read_parquet(tmp_path / "shipped" / "coordinet.few_samples.parquet")
    assert [(r["key"], r["provenance"]["numerics"]) for r in packed] == [
        (trial.key, "x"),
        (trial.key, "y"),
    ]
    assert all(
        list(r["measured"]) == ["accuracy"] == [row["measure"] for row in r["rows"]] for r in packed
    )
    assert not (tmp_path / "shipped" / "coordinet.rotation.parquet").exists()


PLACE = Trial(
    model="coordconv_classifier",
    model_args={"size": 16},
    dataset="not_so_clevr",
    dataset_args={"size": 16},
    max_epochs=1,
)


def test_other_tasks_are_recomputed_by_their_own_measure():
    record, _ = run(PLACE, Execution(), ("canvas", "score"))
    found = results.recomputed(record, Execution())
    assert found.good and "bit for bit" in str(found) and "score 0" in str(found)
    record["rows"][-1]["value"] += 0.5  # score is the last measure taken
    found = results.recomputed(record, Execution())
    assert not found.good and "DIFFERS" in str(found)
    record["provenance"]["numerics"] = (
        "cpu abacus fp32 torch 1"  # all or nothing by a hair: shown, not judged
    )
    found = results.recomputed(record, Execution())
    assert found.good and "another numerics class" in str(found)


def test_a_record_without_the_usual_measures_is_recomputed_too():
    record, _ = run(PLACE, Execution(), ("right",))
    found = results.recomputed(record, Execution())
    assert found.good and "right" in str(found)


def test_a_record_whose_data_are_not_at_hand_is_no_fault(made, monkeypatch, capsys):
    from spatialbias.datasets.images import DataMissing

    def missing(record, execution):
        raise DataMissing("no pictures")

    monkeypatch.setattr(results, "recomputed", missing)
    assert results.verify([], SimpleNamespace(sample=1, max_seconds=60)) == 0
    assert (
        f"{made[0]['key'][:12]} cannot be recomputed here: no pictures" in capsys.readouterr().out
    )


def test_in_another_class_few_images_are_allowed_more(made):
    record = made[0]
    record["provenance"]["numerics"] = "cpu abacus fp32 torch 1"
    (row,) = [row for row in record["rows"] if row["measure"] == "accuracy" and row["at"] == "stop"]
    assert row["n"] == 500  # a quarter of the images, twice the deviation
    for change, good in ((0.055, True), (0.065, False)):
        result = results.recomputed(
            record | {"rows": [row | {"value": row["value"] + change}]}, Execution()
        )
        assert result.allowed == pytest.approx(0.06) and result.good is good and not result.equal


def test_nothing_to_verify_is_no_success(made, capsys):
    study = SimpleNamespace(name="another.study")
    assert (
        results.verify([study], SimpleNamespace(study=["another.study"], sample=0, max_seconds=60))
        == 1
    )
    assert "no shipped records of these studies" in capsys.readouterr().err
    assert results.verify([study], SimpleNamespace(study=[], sample=5, max_seconds=0)) == 0
    assert "only 0 of these records" in capsys.readouterr().out


def test_what_is_packed_alone_does_not_hide_what_another_study_s_file_holds(tmp_path, monkeypatch):
    """A record goes with the first of its studies, whichever was asked for."""
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path / "shipped")
    monkeypatch.setenv("SPATIALBIAS_STORE", str(tmp_path / "work"))
    for name in ("_ship_networks", "_draw_headline"):
        monkeypatch.setattr(results, name, lambda store: None)
    few, rotation = study("coordinet.few_samples"), study("coordinet.rotation")
    trial = next(t for arm, t in rotation.plan("paper").labelled if arm == "fully_connected")
    Store(shipped=None).put(
        {
            "key": trial.key,
            "trial": trial.model_dump(),
            "stop": {"reason": "loss", "epoch": 1, "loss": 0.1},
            "curve": [],
            "parameters": 1,
            "provenance": {"numerics": "x", "seconds": 1.0},
            "measured": {"accuracy": components.MEASURES["accuracy"]},
            "rows": [{"measure": "accuracy", "at": "stop", "x": None, "value": 0.5, "n": 1}],
        }
    )
    results.pack([rotation], OPTIONS)
    assert not list((tmp_path / "shipped").glob("*"))
    results.pack([few], OPTIONS)
    assert [path.stem for path in (tmp_path / "shipped").glob("*")] == ["coordinet.few_samples"]


def test_a_record_of_a_network_that_is_gone_is_counted_and_the_rest_checked(made, capsys):
    record, path = made
    gone = record | {"trial": record["trial"] | {"model": "gone"}}
    write_parquet(path.with_name("a.gone.parquet"), [gone])
    assert results.verify([], OPTIONS) == 0
    said = capsys.readouterr().out
    assert (
        "a.gone.parquet: 1 records, 0 damaged, 1 of older revisions" in said
        and "a.study.parquet: 1 records, 0 damaged, 0 of older" in said
    )


def test_what_has_no_values_to_compare_says_so(made):
    record = made[0] | {"rows": [], "measured": {}}
    assert results.comparable(record) is None
    with pytest.raises(ValueError, match="no values to compare"):
        results.recomputed(record, Execution())
