"""The same difference never has two values: claims that compare the same two trials in the same
measure judge the same records.
"""

from collections import defaultdict

from spatialbias import claims
from spatialbias.claims.contrasts import contrast_of
from spatialbias.studies import study

WHICH = ["arm", "dataset", "split", "translation", "n_train", "replicate", "learning_rate"]


def test_claims_that_compare_the_same_trials_alike_judge_the_same_records():
    found, frames = defaultdict(dict), {}
    for claim in claims.ledger():
        if claim.empty:
            continue
        if claim.study not in frames:
            results = study(claim.study).plan("paper").sweep(missing="show")
            frames[claim.study] = results.frame(stale=True), results.trials()
        frame, trials = frames[claim.study]
        frame = frame[frame["study"] == claim.study]
        keys = trials.drop_duplicates("key")[[*WHICH, "key"]]
        for condition in claim.conditions:
            for rival in claim.rivals:
                rows = contrast_of(claim, frame, condition, rival).rows.merge(keys, on=WHICH)
                for _, pair in rows.groupby("replicate"):
                    trained = tuple(sorted(set(pair["key"])))
                    numerics = tuple(sorted(set(pair["numerics"])))
                    if len(trained) == 2:
                        found[trained, claim.values][numerics] = claim.id
    assert found
    differing = {tuple(sides.values()) for sides in found.values() if len(sides) > 1}
    assert not differing, f"judged on records of several classes: {differing}"
