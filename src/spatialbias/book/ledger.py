"""The page at a chapter's end: every claim of a work with its verdict, from the records of all its studies."""

from collections import Counter

import pandas as pd

from spatialbias.book.page import SENTENCES, WORDS, box, claims_table, raw
from spatialbias.book.parameters import check_parameters
from spatialbias.claims import JudgeError, expected_false_verdicts, judge, ledger
from spatialbias.figures.plots import forest
from spatialbias.studies import study

READINGS = {  # what follows from the verdicts that a chapter turns on
    (
        "coordinet.cnn_beats_both",
        "fails",
    ): "The ranking that the source's conclusion rests on is not there once all networks are trained to the loss that it names.",
    ("coordinet.cnn_beats_both", "holds"): "The ranking that the source's conclusion rests on is there with enough repeats, too.",
    ("coordinet.cnn_beats_both", "undecided"): "The ranking that the source's conclusion rests on is not settled by our records.",
    ("coordinet.h2_places_help", "holds"): "Coordinet does use where its pixels are: random places cost it accuracy.",
    (
        "coordinet.h2_places_help",
        "fails",
    ): "Coordinet hardly uses where its pixels are: random places do as well as true ones, so it cannot speak for or against an explanation by relative location.",
    ("coordinet.h2_places_help", "undecided"): "Whether Coordinet uses where its pixels are is not settled by our records.",
    (
        "coordinet.h1_invariance",
        "holds",
    ): "What does help at this size is averaging over positions, which the source's convolutional network leaves out.",
    ("coordinet.h1_invariance", "fails"): "Averaging over positions does not help at this size.",
    ("coordinet.h1_invariance", "undecided"): "Whether averaging over positions helps is not settled by our records.",
    ("coordinet.cnn_rotation", "holds"): "Under rotation the convolutional network keeps its lead.",
    ("coordinet.cnn_rotation", "fails"): "Under rotation, too, the convolutional network has no large lead.",
    ("coordinet.cnn_rotation", "undecided"): "How far the convolutional network leads under rotation is not settled.",
}


class Ledger:
    """All claims of one work, judged on what is on record; nothing is trained here."""

    def __init__(self, work: str, profile: str = "paper") -> None:
        check_parameters()
        self.claims = [c for c in ledger() if c.work == work]
        self.profile = profile
        results = {name: study(name).plan("paper").sweep(missing="show") for name in dict.fromkeys(c.study for c in self.claims)}
        self.results, self.frames = results, {name: r.frame() for name, r in results.items()}
        self.verdicts = {}
        for claim in self.claims:
            try:
                self.verdicts[claim.id] = judge(claim, self.frames[claim.study])
            except JudgeError:
                self.verdicts[claim.id] = None

    def _kind(self, claim_id: str) -> str:
        verdict = self.verdicts[claim_id]
        return "fails" if verdict is None else WORDS[next(k for k in WORDS if verdict.word.startswith(k))]

    def numbers(self) -> dict[str, str]:
        """Counts of verdicts, for the prose, and the reading that they allow."""
        counts = Counter(self._kind(c.id) for c in self.claims)
        judged = [c for c in self.claims if self._kind(c.id) in ("holds", "fails")]
        told = dict.fromkeys(i for i, _ in READINGS if i in self.verdicts)
        reading = [READINGS.get((i, self._kind(i)), SENTENCES["not-run"].format(i)) for i in told]
        return {
            "claims": str(len(self.claims)),
            "holds": str(counts["holds"]),
            "fails": str(counts["fails"]),
            "undecided": str(counts["undecided"]),
            "not_run": str(counts["not-run"]),
            "false_verdicts": f"{expected_false_verdicts(judged):.1f}",
            "reading": " ".join(reading),
        }

    def notice(self):
        """That the ledger is always of the shipped and local `paper` records, whatever the profile."""
        if self.profile == "paper":
            return None
        return box(
            [
                "The ledger is judged on the <code>paper</code> records, whatever the profile of the other pages: a claim declares its replicates."
            ]
        )

    def picture(self):
        """Every contrast in accuracy, in the claimed direction."""
        rows = []
        for claim in self.claims:
            verdict = self.verdicts[claim.id]
            if verdict is None or claim.values.unit != "points" or claim.rule in ("success rate", "slope", "level", "interaction"):
                continue
            rows += [
                {
                    "label": " ".join(
                        t
                        for t in (claim.id.partition(".")[2].replace("_", " ") + ":", f.condition, f"vs {f.rival}" if f.rival else "")
                        if t
                    ),
                    "mean": f.mean,
                    "low": f.low,
                    "high": f.high,
                    "n": f.n,
                }
                for f in verdict.findings
                if f.n
            ]
        return forest(pd.DataFrame(rows, columns=["label", "mean", "low", "high", "n"]))

    def table(self):
        return claims_table(self.claims, self.frames)

    def provenance(self):
        """Which studies, how complete, of which numerics classes."""
        rows = "".join(
            f"<tr><td><code>{name}</code></td><td>{len(r.present)} of {len(r.plan.labelled)}</td><td>"
            f"{'; '.join(f'{k}: {v}' for k, v in r.numerics().items())}</td></tr>"
            for name, r in self.results.items()
        )
        return raw(
            "<div class='provenance scroll'><table><tr><th>study</th><th>trials on record</th><th>numerics class</th></tr>"
            + rows
            + "</table></div>"
        )
