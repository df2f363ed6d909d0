"""What is on record and what is wanting.

Pairs must be of one numerics class. A replicate that another kind of machine began is therefore
made whole here, in this one's.
"""

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
