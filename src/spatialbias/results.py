"""What is on record: `status` counts it, `verify` checks it (and recomputes a sample), `pack` makes
it ready to ship, `networks` trains the shipped networks that are not here.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spatialbias import components, paths
from spatialbias.checksums import SUMS, check, sums
from spatialbias.costs import cost, duration
from spatialbias.records import lacking, on_record
from spatialbias.store import PENDING, Store, numerics_of, read_parquet, write, write_parquet
from spatialbias.trials import Trial, canonical

COMPARED = (
    "accuracy",
    "score",
    "segmentation",
)  # the measure that a recomputation takes, the first that a record has
SHARED = 2000  # test images of both
TOLERANCE = 0.03  # in accuracy, where no spread is known: 3 standard errors of a difference on so many images, rounded up
PEERS = 5  # replicates from which on a spread is known
MEANING = """\
A record that DIFFERS in its own numerics class is not what this code, these data and these libraries
compute: compare `pip freeze` with requirements.txt, and sweep its study into a fresh
SPATIALBIAS_STORE. One that DIFFERS in another class lies farther off than one run in a thousand
would: recompute more of its study before you conclude anything."""


def status(studies, options) -> int:
    """Print, for each study, how many trials of each profile are on record."""
    store = Store(pending=True)
    print(f"{'study':34}{'quick':>16}{'paper':>16}   missing costs about")
    for study in studies:
        cells, note = [], ""
        for profile in ("quick", "paper"):
            plan = study.plan(profile)
            left = _left(plan, store)
            cells.append(f"{len(plan.trials) - len(left)} of {len(plan.trials)}")
            if profile == "paper" and left:
                hours = cost(left, plan.trials, store, study.measures)
                note = "unknown" if hours is None else duration(hours)
        print(f"{study.name:34}{cells[0]:>16}{cells[1]:>16}   {note}")
    return 0


def verify(studies, options) -> int:
    """Check every shipped record's checksum and key; with --sample, recompute some, where their
    data are at hand, and compare. 1 if anything differs.
    """
    from spatialbias.datasets.images import DataMissing
    from spatialbias.training import detect

    store, faults, records = Store(pending=True), 0, []
    asked = (
        {study.name for study in studies} if getattr(options, "study", None) else None
    )  # none named: every file there is
    files = [path for path in store.files() if asked is None or path.stem in asked]
    if not files:
        print(
            f"no shipped records{' of these studies' if asked else ''} in {store.shipped}",
            file=sys.stderr,
        )
        return 1
    for path in files:
        import pyarrow.parquet as pq

        found = read_parquet(path)
        try:
            rows = pq.ParquetFile(path).metadata.num_rows
        except (
            Exception
        ) as error:  # whatever is wrong with the file, it is named and the others are still checked
            print(f"{path.name}: cannot be read ({error})")
            faults += 1
            continue
        current = [r for r in found if _is_current(r)]
        faults += rows - len(found)
        print(
            f"{path.name}: {rows} records, {rows - len(found)} damaged, {len(found) - len(current)} of older revisions"
        )
        records += current
    if asked is None:
        faults += _damaged_networks(store.shipped / "weights")
    if options.sample:
        pool = [
            r
            for r in records
            if r["provenance"].get("total_seconds", 0) <= options.max_seconds and comparable(r)
        ]
        if len(pool) < options.sample:
            print(
                f"only {len(pool)} of these records took at most {options.max_seconds:g} s, so no more are recomputed"
            )
        differing = 0
        for record in random.Random(time.time_ns()).sample(pool, min(options.sample, len(pool))):
            try:
                print(result := recomputed(record, detect(), spread(record, records)))
                differing += not result.good
            except DataMissing as missing:  # no fault of the record's
                print(f"{record['key'][:12]} cannot be recomputed here: {missing}")
        if differing:
            print(MEANING)
        faults += differing
    return 1 if faults else 0


def _damaged_networks(folder: Path) -> int:
    """How many of the shipped networks are not what was shipped; each is named."""
    damaged = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            check(path, path.read_bytes())
        except ValueError as error:
            print(f"{path.name} is damaged: {error}")
            damaged += 1
    return damaged


def _is_current(record: dict) -> bool:
    """Whether a record's trial still has its key: one of older revisions, or of a network that is
    gone, has not.
    """
    try:
        return Trial(**record["trial"]).key == record["key"]
    except ValueError:
        return False


@dataclass(frozen=True)
class Recomputed:
    """A record's result beside that of its trial trained again."""

    what: str
    old: float
    new: float
    measure: str
    classes: tuple[str, str]  # numerics of the record and here
    equal: bool  # the whole curve and every value, bit for bit
    allowed: float | None  # how far the two may lie apart between classes; None: not judged there
    peers: int = 0  # replicates by whose spread that was found

    @property
    def good(self) -> bool:
        if self.classes[0] == self.classes[1]:
            return self.equal
        return self.allowed is None or abs(self.old - self.new) <= self.allowed

    def shown(self, value: float) -> str:
        return (
            f"{100 * value:.2f} %" if self.measure == "accuracy" else f"{self.measure} {value:.4g}"
        )

    @property
    def how(self) -> str:
        if self.equal:
            return "bit for bit equal"
        if self.classes[0] == self.classes[1]:
            return f"the same numerics class ({self.classes[1]})"
        judged = "not judged"
        if self.allowed is not None:
            by = f" by the spread of {self.peers} replicates" if self.peers else ""
            judged = f"{self.shown(self.allowed)} apart allowed{by}"
        return f"another numerics class ({self.classes[1]}; {judged})"

    def __str__(self) -> str:
        said = f"{self.what}: {self.shown(self.old)} on record, {self.shown(self.new)} recomputed; {self.how}"
        return said if self.good else f"{said}  <-- DIFFERS"


def comparable(record: dict) -> str | None:
    """The measure by which a record is compared with its trial trained again: the first that left
    numbers; None if there is none.
    """
    there = {row["measure"] for row in record["rows"] if row["at"] == "stop"}
    return next((name for name in (*COMPARED, *record["measured"]) if name in there), None)


def spread(record: dict, records: list[dict]) -> list[float]:
    """The results of the record's replicates: of trials that are equal but for `replicate`, in its
    numerics class.
    """
    measure, like = comparable(record), _but_replicate(record)
    return [
        _last(other, measure)["value"]
        for other in records
        if numerics_of(other) == numerics_of(record)
        and other["trial"]["model"] == record["trial"]["model"]
        and measure in other["measured"]
        and _but_replicate(other) == like
    ]


def _but_replicate(record: dict) -> dict:
    trial = record["trial"] | {"replicate": 0}
    return trial | {"dataset_args": trial["dataset_args"] | {"replicate": 0}}


def _last(record: dict, measure: str) -> dict:
    return [r for r in record["rows"] if r["measure"] == measure and r["at"] == "stop"][-1]


def recomputed(record: dict, execution, peers: list[float] = ()) -> Recomputed:
    """Train a record's trial again and compare.

    In the same numerics class: bit for bit. In another one the same trial is another run, chaotic
    in its last digits: the two must lie as near each other as two replicates would, by a t-test at
    p = .001 on the spread of `peers`, the results of at least PEERS replicates. With fewer, an
    accuracy must lie within TOLERANCE (of fewer images than SHARED, correspondingly more), and
    anything else is shown but not judged. Raises ValueError if the record has no numbers to compare.
    """
    from scipy.stats import t

    from spatialbias.run import run

    trial = Trial(**record["trial"])
    precision = "bf16" if " bf16 " in numerics_of(record) else "fp32"
    if (measure := comparable(record)) is None:
        raise ValueError(f"the record {record['key'][:12]} has no values to compare")
    fresh, _ = run(trial, type(execution)(execution.device, precision, 1), (measure,))
    olds, news = (
        [row for row in r["rows"] if row["measure"] == measure and row["at"] == "stop"]
        for r in (record, fresh)
    )
    images = olds[-1].get("n") or SHARED
    allowed = TOLERANCE * max(1.0, SHARED / images) ** 0.5 if measure == "accuracy" else None
    if len(peers) >= PEERS:
        allowed = float(t.ppf(0.9995, len(peers) - 1)) * statistics.stdev(peers) * 2**0.5
    return Recomputed(
        what=f"{trial.model} on {trial.n_train or 'the training part'} of {trial.dataset}, replicate {trial.replicate}",
        old=olds[-1]["value"], new=news[-1]["value"], measure=measure, classes=(numerics_of(record), numerics_of(fresh)),
        equal=canonical(fresh["curve"]) == canonical(record["curve"]) and [r["value"] for r in olds] == [r["value"] for r in news],
        allowed=allowed, peers=len(peers) if len(peers) >= PEERS else 0,
    )  # fmt: skip


def pack(studies, options) -> int:
    """Make ready to ship: merge the records of each complete study's paper profile into
    data/results/<study>.parquet, and ship the networks that studies name.

    A study that is not complete keeps what it has shipped; with `options.pending`, what is new of
    it goes to data/results/pending/, which sweeps read and pages do not. Of the studies asked for
    that use a record, it goes with the first complete one, else with the first. What older
    revisions of a measure found stays behind.
    """
    store, shipped = Store(pending=True), Store().packed()
    plans = {study.name: study.plan("paper") for study in studies}
    found = {name: _versions(plan, store) for name, plan in plans.items()}
    left = {name: _left(plan, store) for name, plan in plans.items()}
    order = sorted(plans, key=lambda name: bool(left[name]))  # what is added is written first
    owners: dict[tuple[str, str], str] = {}
    for name in order:
        for which in found[name]:
            owners.setdefault(which, name)
    for name in order:
        path = paths.shipped_results() / f"{name}.parquet"
        pending = path.parent / PENDING / path.name
        mine = {which: record for which, record in found[name].items() if owners[which] == name}
        before = {(k, n): shipped[k][n] for k, n in mine if n in shipped.get(k, {})}
        if not left[name]:
            _write(path, mine.values())
            pending.unlink(missing_ok=True)
            continue
        _write(path, before.values())
        new = [r for which, r in mine.items() if _current(r) != before.get(which)]
        if options.pending:
            _write(pending, new)
        elif new:
            print(
                f"{name}: {len(left[name])} trials are wanting, {len(new)} new records are not shipped; "
                f"--pending keeps them in {pending.parent}"
            )
    _ship_networks(studies, store)
    return 0


def networks(studies, options) -> int:
    """Ship the networks that studies name; train those first whose weights are not here."""
    _ship_networks(studies, Store(pending=True), train=True)
    return 0


def _versions(plan, store: Store) -> dict[tuple[str, str], dict]:
    """The records of a plan by key and numerics class."""
    return {
        (trial.key, numerics): record
        for trial in plan.trials
        for numerics, record in store.all(trial.key).items()
    }


def _left(plan, store: Store) -> list[Trial]:
    """The trials of a plan that are not on record with all measures."""
    records = on_record(plan.trials, plan.study.measures, store)
    return [t for t in plan.trials if lacking(records.get(t.key), plan.study.measures)]


def _write(path: Path, records: Iterable[dict]) -> None:
    """One file of records; none where there are none."""
    records = list(records)
    kept = [_current(record) for record in records]
    if not kept:
        path.unlink(missing_ok=True)
        return
    write_parquet(path, kept)
    old = sum(len(r["measured"]) for r in records) - sum(len(r["measured"]) for r in kept)
    print(
        f"{path.relative_to(paths.shipped_results())}: {len(kept)} records, "
        f"{path.stat().st_size / 1024:.0f} KiB"
        + (f"; left behind: {old} measures of older revisions" if old else "")
    )


def _current(record: dict) -> dict:
    """A record without what was measured by an older revision: it would be measured again, never
    used.
    """
    kept = {
        name: revision
        for name, revision in record["measured"].items()
        if revision == components.MEASURES.get(name)
    }
    return record | {
        "measured": kept,
        "rows": [row for row in record["rows"] if row["measure"] in kept],
    }


def _ship_networks(studies, store: Store, train: bool = False) -> None:
    """Write the first trained network of each arm that a study names to
    data/results/weights/<work>.<arm>.safetensors, as bfloat16, and what the explorer knows in
    advance.
    """
    studies = [study for study in studies if study.networks]
    for study in studies:
        for arm, trial in study.plan("paper", replicates=1, **study.networks).labelled:
            _ship_network(f"{study.name.partition('.')[0]}.{arm}", trial, store, train)
    if studies:
        from spatialbias.explorer import advance

        advance.write()


def _ship_network(name: str, trial: Trial, store: Store, train: bool) -> None:
    from safetensors.torch import save

    from spatialbias import datasets

    here = (store.states(trial.key, numerics) for numerics in store.all(trial.key))
    states = next(filter(None, here), None)
    if not states and train:
        from spatialbias.run import run

        print(f"training {name}", flush=True)
        states = run(trial, measures=())[1]
    if not states:
        print(f"no weights of {name} here: its shipped network stays as it is", file=sys.stderr)
        return
    data = datasets.load(trial.dataset, **trial.dataset_args)
    meta = {
        "trial": json.dumps(trial.model_dump()),
        "mean": json.dumps(data.mean),
        "std": json.dumps(data.std),
        "classes": json.dumps(data.classes),
    }
    half = {
        key: value.bfloat16() if value.is_floating_point() else value
        for key, value in states["stop"].items()
    }
    folder = paths.shipped_results() / "weights"
    path = folder / f"{name}.safetensors"
    if not _same(path, half, meta):  # metadata is written in any order
        write(path, save(half, metadata=meta))
        write(folder / SUMS, sums(folder, "*.safetensors").encode())
    print(f"weights of {name}: {trial.key[:12]}, as bfloat16")


def _same(path, state: dict, meta: dict) -> bool:
    """Whether a file holds these weights with this metadata already."""
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return (
                file.metadata() == meta
                and set(file.keys()) == set(state)
                and all(torch.equal(file.get_tensor(name), value) for name, value in state.items())
            )
    except (SafetensorError, OSError):
        return False
