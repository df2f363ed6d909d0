"""Packing, verifying and recomputing what is on record."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch

from spatialbias import checksums, components, paths, results
from spatialbias.store import Store, read_parquet, write_parquet
from spatialbias.studies import Repeats, Study
from spatialbias.training import Execution, detect
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


def kept(trial, numerics="x", measured=("accuracy",)):
    """A record as a store keeps it."""
    return {
        "key": trial.key,
        "trial": trial.model_dump(),
        "stop": {"reason": "loss", "epoch": 1, "loss": 0.1},
        "curve": [],
        "parameters": 1,
        "provenance": {"numerics": numerics, "seconds": 1.0},
        "measured": {name: components.MEASURES.get(name, 1) for name in measured},
        "rows": [
            {"measure": name, "at": "stop", "x": None, "value": 0.5, "n": 1} for name in measured
        ],
    }


def small(name, arms, networks=None):
    """A study of two replicates of the arms, which are rates."""

    def grid(p, arm, replicate):
        yield Trial(
            model="fully_connected",
            dataset="digits",
            n_train=30,
            max_epochs=1,
            replicate=replicate,
            learning_rate=float(arm),
        )

    profiles = dict.fromkeys(components.PROFILES, {"replicates": 2})
    return Study(name, "?", arms, grid, profiles, parameters=Repeats, networks=networks)


@pytest.fixture
def two_studies(tmp_path, monkeypatch):
    """`w.first` of rates 0.1 and 0.2, `w.second` of 0.2 alone; the folder of what is shipped."""
    studies = {"w.first": small("w.first", ("0.1", "0.2")), "w.second": small("w.second", ("0.2",))}
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path / "shipped")
    return studies, tmp_path / "shipped"


def pack(studies, *asked, pending=False):
    chosen = [studies[name] for name in asked or studies]
    assert results.pack(chosen, SimpleNamespace(pending=pending)) == 0


def shipped_in(folder):
    return {
        str(path.relative_to(folder)): len(read_parquet(path))
        for path in sorted(folder.rglob("*.parquet"))
    }


def put(*trials, **options):
    for trial in trials:
        Store(shipped=None).put(kept(trial, **options))


def test_a_record_of_several_studies_is_packed_once(two_studies):
    studies, folder = two_studies
    for numerics in ("x", "y"):  # in all its numerics classes
        put(*studies["w.first"].plan("paper").trials, numerics=numerics)
    pack(studies)
    assert shipped_in(folder) == {"w.first.parquet": 8}


def test_what_an_older_revision_measured_stays_behind(two_studies, monkeypatch, capsys):
    studies, folder = two_studies
    put(*studies["w.second"].plan("paper").trials, measured=("accuracy", "gone"))
    pack(studies)
    for record in read_parquet(folder / "w.second.parquet"):
        assert list(record["measured"]) == ["accuracy"] == [r["measure"] for r in record["rows"]]
    assert "left behind: 2 measures" in capsys.readouterr().out


def test_what_is_not_complete_waits_in_pending(two_studies, capsys):
    """Sweeps go on from it, pages do not show it; when it is complete it is shipped."""
    studies, folder = two_studies
    first, second = (study.plan("paper") for study in studies.values())
    one, rest = first.trials[0], first.trials[1:]
    put(one, numerics=detect().numerics())
    pack(studies)
    assert shipped_in(folder) == {} and "3 trials are wanting" in capsys.readouterr().out
    pack(studies, pending=True)
    assert shipped_in(folder) == {"pending/w.first.parquet": 1}
    shutil.rmtree(Store().folder)
    assert Store().get(one.key) is None
    assert first.sweep(missing="show").records == {}
    assert first.estimate()[0] == 3
    put(*rest, numerics=detect().numerics())
    pack(studies)
    assert shipped_in(folder) == {"w.first.parquet": 4} and Store().get(one.key)


def test_a_complete_study_is_shipped_though_an_earlier_one_wants_more(two_studies):
    studies, folder = two_studies
    first, second = (study.plan("paper") for study in studies.values())
    put(first.trials[0], *second.trials)
    pack(studies, pending=True)
    assert shipped_in(folder) == {"pending/w.first.parquet": 1, "w.second.parquet": 2}


def test_a_study_packed_alone_ships_all_that_it_uses(two_studies):
    """Also what is new of a record that a study not asked for has shipped in another class."""
    studies, folder = two_studies
    put(*studies["w.first"].plan("paper").trials, numerics="x")
    pack(studies, "w.first")
    put(*studies["w.second"].plan("paper").trials, numerics="y")
    pack(studies, "w.second")
    assert shipped_in(folder) == {"w.first.parquet": 4, "w.second.parquet": 4}
    classes = {r["provenance"]["numerics"] for r in read_parquet(folder / "w.second.parquet")}
    assert classes == {"x", "y"}


def test_what_was_shipped_stays_shipped_when_a_study_grows(two_studies):
    studies, folder = two_studies
    put(*studies["w.first"].plan("paper").trials)
    pack(studies)
    shutil.rmtree(Store().folder)
    studies["w.first"] = small("w.first", ("0.1", "0.2", "0.3"))
    new = studies["w.first"].plan("paper", arms="0.3").trials
    put(new[0])
    put(new[0], numerics="y")
    pack(studies, "w.first", pending=True)  # "w.second", which is complete now, is not asked for
    assert shipped_in(folder) == {"pending/w.first.parquet": 2, "w.first.parquet": 4}
    pack(studies, pending=True)
    assert shipped_in(folder) == {
        "pending/w.first.parquet": 2,
        "w.first.parquet": 2,
        "w.second.parquet": 2,
    }
    put(new[1])
    pack(studies)
    assert shipped_in(folder) == {"w.first.parquet": 7}


def test_any_work_ships_the_networks_that_its_study_names(two_studies):
    from safetensors import safe_open

    studies, folder = two_studies
    studies["w.second"] = small("w.second", ("0.2",), networks={"arms": ("0.2",)})
    trial = studies["w.second"].plan("paper").trials[0]
    record, states = run(trial, Execution())
    Store(shipped=None).put(record, states)
    pack(studies)
    path = folder / "weights" / "w.0.2.safetensors"
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["trial"]) == trial.model_dump()
    before = path.stat().st_mtime_ns
    pack(studies)
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in folder.iterdir()] == ["weights"]  # and draws nothing
    write_parquet(folder / "w.parquet", [record])
    assert results.verify([], OPTIONS) == 0
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert results.verify([], OPTIONS) == 1


def test_shipped_networks_whose_weights_are_not_here_are_trained_again(two_studies):
    from safetensors.torch import load_file

    studies, folder = two_studies
    study = studies["w.second"] = small("w.second", ("0.2",), networks={"arms": ("0.2",)})
    assert results.networks([study], OPTIONS) == 0
    trained = run(study.plan("paper").trials[0], detect())[1]["stop"]
    there = load_file(folder / "weights" / "w.0.2.safetensors")
    assert there.keys() == trained.keys()
    assert all(torch.equal(there[name], trained[name].bfloat16()) for name in there)


def test_the_shipped_networks_are_what_was_shipped():
    folder = Path(__file__).parents[1] / "data" / "results" / "weights"
    listed = checksums.read_sums(folder)
    assert listed and set(listed) == {path.name for path in folder.glob("*.safetensors")}
    for name in listed:
        checksums.check(folder / name, (folder / name).read_bytes())


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

    def missing(record, execution, peers):
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


def test_in_another_class_a_run_may_differ_as_replicates_do(made):
    """Two runs of one trial differ by √2 of the spread; one in a thousand may lie farther off."""
    record = made[0]
    (row,) = [row for row in record["rows"] if row["measure"] == "accuracy" and row["at"] == "stop"]
    others = []
    for replicate, off in enumerate((-0.04, -0.02, 0.0, 0.02, 0.04)):
        trial = record["trial"] | {"replicate": replicate}
        rows = [row | {"value": 0.5 + off}]
        others.append(record | {"trial": trial, "rows": rows})
    stranger = record | {"trial": record["trial"] | {"n_train": 31}, "rows": [row | {"value": 0.0}]}
    peers = results.spread(record, [*others, stranger])
    assert peers == [0.46, 0.48, 0.5, 0.52, 0.54]
    elsewhere = record | {"provenance": {"numerics": "cpu abacus fp32 torch 1"}}
    allowed = 8.6103 * 0.0316228 * 2**0.5  # Student's quantile for four degrees of freedom
    for change, good in ((0.9 * allowed, True), (1.1 * allowed, False)):
        rows = [row | {"value": row["value"] + change}]
        found = results.recomputed(elsewhere | {"rows": rows}, Execution(), peers)
        assert found.allowed == pytest.approx(allowed, rel=1e-3) and found.good is good
        assert "spread of 5 replicates" in str(found)
    assert results.recomputed(elsewhere, Execution(), peers[:4]).peers == 0  # too few


def test_what_differs_is_explained(made, monkeypatch, capsys):
    wrong = results.Recomputed("it", 0.5, 0.6, "accuracy", ("a", "a"), False, None)
    monkeypatch.setattr(results, "recomputed", lambda *given: wrong)
    assert results.verify([], SimpleNamespace(sample=1, max_seconds=60)) == 1
    said = capsys.readouterr().out
    assert "DIFFERS" in said and "SPATIALBIAS_STORE" in said


def test_nothing_to_verify_is_no_success(made, capsys):
    study = SimpleNamespace(name="another.study")
    assert (
        results.verify([study], SimpleNamespace(study=["another.study"], sample=0, max_seconds=60))
        == 1
    )
    assert "no shipped records of these studies" in capsys.readouterr().err
    assert results.verify([study], SimpleNamespace(study=[], sample=5, max_seconds=0)) == 0
    assert "only 0 of these records" in capsys.readouterr().out


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
