"""The page at a chapter's end: every claim of a work with its verdict, from the records of all its
studies.
"""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from spatialbias.book.parameters import check_parameters
from spatialbias.claims import Claim, expected_false_verdicts, ledger, readings
from spatialbias.legacy.page import box, raw
from spatialbias.legacy.verdicts import claims_table, found, judged, kind
from spatialbias.plots.charts import forest
from spatialbias.plots.style import INK, VERDICTS, label
from spatialbias.studies import study

SPELT = {
    "cnn": "CNN",
    "fc": "FC",
    "coordinet": "Coordinet",
    "coordconv": "CoordConv",
    "h1": "H1",
    "h2": "H2",
}
OTHER = {
    "score",
    "right",
    "segmentation",
}  # measures that are, or may be, shares of another kind: of coordinates, of overlap, recall
UNDRAWN = ("slope", "level", "interaction")  # rules of which a difference says little
FEW = 2  # contrasts a claim: more want a heading


def _title(claim: Claim) -> str:
    """A claim's heading: its title, or its id; "coordinet.cnn_beats_both" is "CNN beats both"."""
    words = claim.title or " ".join(
        SPELT.get(word, word) for word in claim.id.partition(".")[2].split("_")
    )
    return words[0].upper() + words[1:]


class Ledger:
    """All claims of one work, judged on what is on record; nothing is trained here."""

    def __init__(self, work: str, profile: str = "paper") -> None:
        check_parameters()
        self.claims = [c for c in ledger() if c.work == work]
        self.profile = profile
        results = {
            name: study(name).plan("paper").sweep(missing="show")
            for name in dict.fromkeys(c.study for c in self.claims)
        }
        self.results, self.frames = results, {name: r.frame() for name, r in results.items()}
        self.on_record = {
            name: r.frame(stale=True) for name, r in results.items()
        }  # what the judge sees
        self.verdicts = {c.id: judged(c, self.on_record[c.study]) for c in self.claims}

    def kind(self, claim: str) -> str:
        """The verdict on one claim, without its details."""
        return kind(self.verdicts[claim])

    def reading(self, *claims: str) -> str:
        """What follows from the verdicts on some claims."""
        return " ".join(readings()[claim][self.kind(claim)] for claim in claims)

    def found(self, claim: str) -> str:
        """What was found on one claim, in numbers."""
        return found(self.verdicts[claim])

    def numbers(self) -> dict[str, str]:
        """Counts of verdicts, for the prose, and the reading that they allow."""
        kinds = {claim: kind(verdict) for claim, verdict in self.verdicts.items()}
        counts = Counter(kinds.values())
        judged_ = [
            c for c in self.claims if kinds[c.id] != "not-run"
        ]  # an undecided one ran the same risk
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
            "noted": str(sum(bool(c.note) for c in self.claims)),
            "theirs_tally": self._tally(c for c in self.claims if c.tag != "O"),
            "ours_tally": self._tally(c for c in self.claims if c.tag == "O"),
            "false_verdicts": f"{expected_false_verdicts(judged_):.1f}",
            "reading": self.reading(*(claim for claim in readings() if claim in kinds)),
        }

    def _short(self, claim: Claim) -> bool:
        """Whether a claim is undecided for want of replicates."""
        verdict = self.verdicts[claim.id]
        return (
            verdict is not None
            and kind(verdict) == "undecided"
            and min(f.n for f in verdict.findings) < claim.n
        )

    def _tally(self, claims: Iterable[Claim]) -> str:
        """ "15 statements: 2 hold, 5 fail, 8 are undecided"."""
        counts = Counter(self.kind(c.id) for c in claims)
        words = {
            "holds": ("holds", "hold"),
            "fails": ("fails", "fail"),
            "undecided": ("is undecided", "are undecided"),
            "not-run": ("has not been run", "have not been run"),
        }
        parts = [f"{counts[k]} {word[counts[k] > 1]}" for k, word in words.items() if counts[k]]
        return (
            f"{counts.total()} statement{'s' * (counts.total() != 1)}"
            + ": " * bool(parts)
            + ", ".join(parts)
        )

    def notice(self):
        """That the ledger is always of the shipped and local `paper` records, whatever the
        profile.
        """
        if self.profile == "paper":
            return None
        return box(
            [
                "The ledger is judged on the <code>paper</code> records, whatever the profile of the other pages: a claim declares its replicates."
            ]
        )

    def picture(self):
        """Every contrast between networks in a share, in the claimed direction, coloured by the
        verdict: under its claim, or, where claims have few contrasts, named after it.
        """
        drawn = [
            c
            for c in self.claims
            if self.verdicts[c.id]
            and c.rivals
            and c.values.unit == "points"
            and c.rule not in UNDRAWN
        ]
        found_ = [(c, f) for c in drawn for f in self.verdicts[c.id].findings if f.n]
        flat = max(Counter(c.id for c, _ in found_).values(), default=0) <= FEW
        rows = []
        for claim, f in found_:
            head, word = _title(claim), self.verdicts[claim.id].word
            where = ", ".join(
                t
                for t in (
                    label(f.condition).removeprefix("all"),
                    f"vs {label(f.rival)}" if len(claim.rivals) > 1 else "",
                )
                if t
            )
            names = (
                {"label": f"{head}{f' ({where})' if where else ''}: {word}"}
                if flat
                else {"group": f"{head}: {word}", "label": where}
            )
            rows.append(
                {
                    **names,
                    "ink": VERDICTS.get(self.kind(claim.id), INK),
                    "margin": claim.tau[0],
                    **{part: getattr(f, part) for part in ("mean", "low", "high", "n")},
                }
            )
        columns = [
            *(() if flat else ("group",)),
            "label",
            "ink",
            "margin",
            "mean",
            "low",
            "high",
            "n",
        ]
        of = " of accuracy" * {c.values.measure for c in drawn}.isdisjoint(OTHER)
        figure = forest(pd.DataFrame(rows, columns=columns), xlabel=f"difference (points{of})")
        if flat:
            for text, row in zip(figure.axes[0].get_yticklabels(), rows):
                text.set_color(row["ink"])
        return figure

    def table(self):
        return raw(claims_table(self.claims, self.on_record, linked=True))

    def provenance(self):
        """Which studies, how complete, of which numerics classes; folded behind their sum."""
        rows = "".join(
            f"<tr><td><code>{name}</code></td><td>{len(r.present)} of {len(r.plan.labelled)}</td><td>"
            f"{'; '.join(f'{k}: {v}' for k, v in r.numerics().items())}</td></tr>"
            for name, r in self.results.items()
        )
        planned = {
            t.key: t.key in r.records for r in self.results.values() for t in r.plan.trials
        }  # studies share trials
        return raw(
            f"<details><summary>Records behind the ledger: {sum(planned.values())} of {len(planned)} trials, {len(self.results)} stud{'ies' if len(self.results) > 1 else 'y'}</summary>"
            "<div class='provenance scroll'><table><tr><th>study</th><th>trials on record</th><th>numerics class</th></tr>"
            + rows
            + "</table></div></details>"
        )
