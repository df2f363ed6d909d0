"""The page at a chapter's end: every claim of a work with its verdict, from the records of all its studies."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from spatialbias.book.page import box, raw
from spatialbias.book.parameters import check_parameters
from spatialbias.book.verdicts import claims_table, judged, kind
from spatialbias.claims import Claim, expected_false_verdicts, ledger, readings
from spatialbias.figures.plots import forest
from spatialbias.figures.style import INK, VERDICTS, label
from spatialbias.studies import study

SPELT = {"cnn": "CNN", "fc": "FC", "coordinet": "Coordinet", "coordconv": "CoordConv", "h1": "H1", "h2": "H2"}


def _title(claim: str) -> str:
    """A claim's id as a heading: "coordinet.cnn_beats_both" is "CNN beats both"."""
    words = " ".join(SPELT.get(word, word) for word in claim.partition(".")[2].split("_"))
    return words[0].upper() + words[1:]


class Ledger:
    """All claims of one work, judged on what is on record; nothing is trained here."""

    def __init__(self, work: str, profile: str = "paper") -> None:
        check_parameters()
        self.claims = [c for c in ledger() if c.work == work]
        self.profile = profile
        results = {name: study(name).plan("paper").sweep(missing="show") for name in dict.fromkeys(c.study for c in self.claims)}
        self.results, self.frames = results, {name: r.frame() for name, r in results.items()}
        self.on_record = {name: r.frame(stale=True) for name, r in results.items()}  # what the judge sees
        self.verdicts = {c.id: judged(c, self.on_record[c.study]) for c in self.claims}

    def kind(self, claim: str) -> str:
        """The verdict on one claim, without its details."""
        return kind(self.verdicts[claim])

    def numbers(self) -> dict[str, str]:
        """Counts of verdicts, for the prose, and the reading that they allow."""
        kinds = {claim: kind(verdict) for claim, verdict in self.verdicts.items()}
        counts = Counter(kinds.values())
        judged_ = [c for c in self.claims if kinds[c.id] != "not-run"]  # an undecided one ran the same risk
        return {
            "claims": str(len(self.claims)),
            "theirs": str(sum(c.tag != "O" for c in self.claims)),
            "ours": str(sum(c.tag == "O" for c in self.claims)),
            "holds": str(counts["holds"]),
            "fails": str(counts["fails"]),
            "undecided": str(counts["undecided"]),
            "undecided_short": str(short := sum(self._short(c) for c in self.claims)),
            "undecided_full": str(counts["undecided"] - short),
            "not_run": str(counts["not-run"]),
            "theirs_tally": self._tally(c for c in self.claims if c.tag != "O"),
            "ours_tally": self._tally(c for c in self.claims if c.tag == "O"),
            "false_verdicts": f"{expected_false_verdicts(judged_):.1f}",
            "reading": " ".join(sentences[kinds[claim]] for claim, sentences in readings().items() if claim in kinds),
        }

    def _short(self, claim: Claim) -> bool:
        """Whether a claim is undecided for want of replicates."""
        verdict = self.verdicts[claim.id]
        return verdict is not None and kind(verdict) == "undecided" and min(f.n for f in verdict.findings) < claim.n

    def _tally(self, claims: Iterable[Claim]) -> str:
        """ "15 statements: 2 hold, 5 fail, 8 are undecided"."""
        counts = Counter(self.kind(c.id) for c in claims)
        words = {"holds": ("holds", "hold"), "fails": ("fails", "fail"), "undecided": ("is undecided", "are undecided"), "not-run": ("has not been run", "have not been run")}
        parts = [f"{counts[k]} {word[counts[k] > 1]}" for k, word in words.items() if counts[k]]
        return f"{counts.total()} statement{'s' * (counts.total() != 1)}" + ": " * bool(parts) + ", ".join(parts)

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
        """Every contrast between networks in accuracy, in the claimed direction, under its claim and coloured by the verdict."""
        rows = []
        for claim in self.claims:
            verdict = self.verdicts[claim.id]
            if not (verdict and claim.rivals and claim.values.unit == "points") or claim.rule in ("slope", "level", "interaction"):
                continue
            said = kind(verdict)
            rows += [
                {
                    "group": f"{_title(claim.id)}: {verdict.word}",
                    "label": ", ".join(t for t in (label(f.condition), f"vs {label(f.rival)}" if len(claim.rivals) > 1 else "") if t),
                    "ink": VERDICTS.get(said, INK),
                    "margin": claim.tau[0],
                    **{part: getattr(f, part) for part in ("mean", "low", "high", "n")},
                }
                for f in verdict.findings
                if f.n
            ]
        return forest(pd.DataFrame(rows, columns=["group", "label", "ink", "margin", "mean", "low", "high", "n"]))

    def table(self):
        return raw(claims_table(self.claims, self.on_record, linked=True))

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
