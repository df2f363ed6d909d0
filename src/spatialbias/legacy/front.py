"""What the first page says of each chapter, computed from the `paper` records, whatever the profile
of the other pages.
"""

import pandas as pd
from matplotlib.figure import Figure

from spatialbias.claims import readings
from spatialbias.figures import headlines, places_runs, segmentation_place, segmentation_tables
from spatialbias.figures.numbers import rows_of, said
from spatialbias.legacy.ledger import Ledger
from spatialbias.legacy.page import difference_text
from spatialbias.studies import study

N = 390  # photographs
KINDS = {
    "first": "first layer",
    "both": "Fourier code, centre too",
    "fourier": "Fourier code",
    "asked": "Fourier code of the centre",
}


def front() -> tuple[dict[str, str], Figure]:
    """Texts to glue: the tallies of each chapter's ledger, and its main results in numbers; and a
    picture of those.
    """
    ledgers = {work: Ledger(work) for work in ("coordinet", "coordconv", "coordbias")}
    tallies = {work: ledger.numbers() for work, ledger in ledgers.items()}
    texts = {
        f"{work}_{key}": numbers[key]
        for work, numbers in tallies.items()
        for key in ("theirs_tally", "ours_tally")
    }
    texts |= (
        _coordinet(ledgers["coordinet"])
        | _coordconv(ledgers["coordconv"])
        | _coordbias(ledgers["coordbias"])
    )
    return texts, _picture(*ledgers.values())


def _picture(coordinet: Ledger, coordconv: Ledger, coordbias: Ledger) -> Figure:
    named = _named(coordconv)
    told = pd.concat(
        [
            segmentation_place.yellow(coordbias.frames[f"coordbias.{name}"])
            for name in ("segmentation", "open_questions")
        ]
    )
    return headlines.headlines(
        _accuracy(coordinet.frames["coordinet.few_samples"]),
        {
            words: rows_of(named, split=split, part="test")
            for words, split in (("strewn", "uniform"), ("in one corner", "quadrant"))
        },
        told.drop_duplicates(["arm", "replicate"]),
    )


def _accuracy(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["measure"] == "accuracy") & (frame["at"] == "stop")]


def _coordinet(ledger: Ledger) -> dict[str, str]:
    there = rows_of(_accuracy(ledger.frames["coordinet.few_samples"]), n_train=N)
    said_of = {
        name: readings()[f"coordinet.{claim}"][ledger.kind(f"coordinet.{claim}")]
        for name, claim in (
            ("ranking", "cnn_beats_both"),
            ("places", "h2_places_help"),
            ("averaging", "h1_invariance"),
            ("shared", "averaging_unshared"),
            ("neighbours", "pooled_needs_places"),
        )
    }
    return said_of | {
        "N": str(N),
        "cnn_fc": difference_text(there, "simple_cnn", "fully_connected"),
        "pooled_fc": difference_text(there, "pooled_cnn", "fully_connected"),
    }


def _coordconv(ledger: Ledger) -> dict[str, str]:
    score = _named(ledger)
    codes = _scores(study("coordconv.where_to_look").plan("paper").sweep(missing="show").frame())
    named = {
        f"{arm}_quadrant": said(rows_of(score, arm=arm, split="quadrant", part="test")["value"])
        for arm in ("coordconv", "deconv")
    }
    return named | {"comparing": places_runs.comparing(codes, KINDS)}


def _named(ledger: Ledger) -> pd.DataFrame:
    score = pd.concat(
        [_scores(ledger.frames[f"coordconv.{name}"]) for name in ("classification", "success")]
    )
    return score.drop_duplicates(
        ["arm", "split", "replicate", "part"]
    )  # runs that both studies hold are counted once


def _scores(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["measure"] == "score") & (frame["at"] == "stop")]


def _coordbias(ledger: Ledger) -> dict[str, str]:
    frame = ledger.frames["coordbias.segmentation"]
    told = {
        name: segmentation_tables.recall(frame, arm, (1, 2))
        for name, arm in (("told", "coordinate bias"), ("untold", "vanilla"))
    }
    return told | {
        "marks": segmentation_place.ends(
            ledger.frames["coordbias.open_questions"], segmentation_place.MARKED
        )
    }
