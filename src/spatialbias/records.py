"""What is on record, what is wanting and what that will cost.

Pairs must be of one numerics class. A replicate that another kind of machine began is therefore
made whole here, in this one's.
"""

import statistics
from collections import Counter
from collections.abc import Iterable

from spatialbias import components
from spatialbias.store import Store
from spatialbias.trials import Trial


def lacking(record: dict | None, measures: tuple[str, ...]) -> bool:
    """Whether a trial must be run, or only measured, to have all measures at their current
    revisions.
    """
    return record is None or any(
        record["measured"].get(m) != components.MEASURES[m] for m in measures
    )


def on_record(trials: Iterable[Trial], measures: tuple[str, ...], store: Store) -> dict[str, dict]:
    """Records by key: of each replicate (of one data set, size and loss), in the one numerics class
    that has most of it.
    """
    records = {}
    for group in _replicates(trials):
        found = {t.key: store.all(t.key) for t in group}
        whole, there = Counter(), Counter()
        for versions in found.values():
            there.update(versions.keys())
            whole.update(
                numerics for numerics, record in versions.items() if not lacking(record, measures)
            )
        best = max(
            sorted(there), key=lambda numerics: (whole[numerics], there[numerics]), default=None
        )
        records |= {key: versions[best] for key, versions in found.items() if best in versions}
    return records


def wanting(
    trials: Iterable[Trial], measures: tuple[str, ...], store: Store, precision: str | None = None
) -> list[Trial]:
    """The trials to run or measure on this machine, until each replicate is complete in one
    numerics class.
    """
    from spatialbias.run import suited
    from spatialbias.training import detect

    todo = []
    for group in _replicates(trials):
        records = on_record(group, measures, store)
        if any(lacking(records.get(t.key), measures) for t in group):
            here = detect(precision)
            todo += [
                t for t in group if lacking(store.get(t.key, suited(t, here).numerics()), measures)
            ]
    return todo


def _replicates(trials: Iterable[Trial]) -> list[list[Trial]]:
    """Trials that are compared with each other, in the order given."""
    groups: dict[tuple, dict[str, Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.replicate, trial.dataset, trial.n_train, trial.loss), {})[
            trial.key
        ] = trial
    return [list(group.values()) for group in groups.values()]


def estimate(
    trials: list[Trial], store: Store, measures: tuple[str, ...]
) -> tuple[int, float | None]:
    """(trials to run, core-hours that they will take): by the median seconds an epoch of like
    trials on record; None if there are no like ones.
    """
    known: dict[tuple, list[float]] = {}
    shipped = (record for versions in store.packed().values() for record in versions.values())
    for record in [*shipped, *(record for t in trials for record in store.all(t.key).values())]:
        seconds = record["provenance"].get("total_seconds", record["provenance"]["seconds"])
        known.setdefault(_kind(record["trial"]), []).append(seconds / record["trial"]["max_epochs"])
    todo = wanting(trials, measures, store)
    seconds = [
        statistics.median(known[kind]) * t.max_epochs
        for t in todo
        if (kind := _kind(t.model_dump())) in known
    ]
    if todo and not seconds:
        return len(todo), None
    return len(todo), sum(seconds) / max(len(seconds), 1) * len(todo) / 3600


def _kind(trial: dict) -> tuple:
    """What an epoch costs depends on this most of all."""
    return trial["model"], trial["n_train"], trial["dataset_args"].get("size")
