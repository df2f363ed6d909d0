"""What a page needs: its studies under its parameters, the statements that its text rests on, its
claims and where its numbers come from.

    page = Page("coordinet/shifts", profile, n_train=n_train, replicates=replicates)
    turned = page.frame("coordinet.rotation")
    lead = effect(turned, "simple_cnn", "fully_connected", measure="rotation", x=TURNS, n_train=390)
    page.rests_on(f"by {lead:.1f} points with 390 training images", lead.above(0))
    page.notice()                                # nothing, as long as the shipped records are shown
    page.claims("coordinet.cnn_rotation")        # one line a claim
    page.records()                               # at the end: statements, trials, provenance
"""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from spatialbias import paths, plots
from spatialbias.book import claims, show
from spatialbias.book.parameters import (
    PageError,
    Stopped,
    check_parameters,
    check_profile,
    check_value,
)
from spatialbias.book.statements import Statement, plain, written_on
from spatialbias.claims import EvidenceError, Verdict, judge, ledger
from spatialbias.evidence import Answer, every
from spatialbias.records import lacking
from spatialbias.store import numerics_of
from spatialbias.studies import Results, study

PER_MEASURE = 500  # rows of a measure that the page offers as CSV


class Page:
    """A page of the book by its path ("coordinet/shifts"), with its parameters.

    Opened as it is (profile "paper", no parameter given) it shows the shipped records and trains
    nothing. A parameter that is given reaches every study of the page that has it, and what is
    missing then is trained. Where a data set can neither be found nor downloaded, profiles that
    train use the embedded digits, and `notice` says so.
    Raises PageError, one message, before any work if a parameter is wrong.
    """

    def __init__(self, name: str, profile: str = "paper", **parameters) -> None:
        check_parameters()
        plots.use()
        self.profile = os.environ.get("SPATIALBIAS_PROFILE") or profile
        check_profile(self.profile)
        self.given = {key: value for key, value in parameters.items() if value is not None}
        self.taken: set[str] = set()  # parameters that the page or a study of it has
        self.shipped = self.profile == "paper" and not self.given
        self.text = written_on(paths.project() / "book" / f"{name}.ipynb")
        self.name, self.results, self.statements = name, {}, []
        self.substitute: tuple[str, str] | None = None

    # ------------------------------------------------------------------------------- records

    def study(self, name: str, measures: tuple[str, ...] | None = None, **fixed) -> Results:
        """The results of a study under the page's parameters. measures: those that the page shows,
        if not all of the study's. fixed: parameters that this page sets for this study, unless the
        reader gives them.
        """
        try:
            wanted = replace(study(name), measures=measures) if measures else study(name)
            own = {k: v for k, v in self.given.items() if k in wanted.parameters.model_fields}
            self.taken |= set(own)
            plan = wanted.plan(self.profile, **{**fixed, **own})
            if not self.shipped and plan.images:
                plan = self._with_data(plan, {**fixed, **own})
            how = "show" if self.shipped else "train"
            self.results[name] = plan.sweep(missing=how)
        except KeyboardInterrupt:
            raise Stopped(
                f"in {name}; every trial that is finished is kept, and the page goes on from there"
            ) from None
        except ValueError as error:  # a wrong parameter: no traceback for the person who gave it
            raise PageError(str(error)) from None
        return self.results[name]

    def _with_data(self, plan, parameters):
        from spatialbias.datasets.images import DataMissing, available

        try:
            available(plan.images)
        except DataMissing as error:
            self.substitute = (plan.images, str(error))
            try:
                return plan.study.plan(self.profile, **{**parameters, "dataset": "digits"})
            except ValueError as unfit:
                raise ValueError(f"{error}; nor can digits take its place: {unfit}") from None
        return plan

    def frame(self, name: str, measure: str | None = None, at: str = "stop") -> pd.DataFrame:
        """Tidy values of a study, fetched if it was not yet; of one measure at one protocol."""
        frame = (self.results.get(name) or self.study(name)).frame()
        return (
            frame if measure is None else frame[frame["measure"].eq(measure) & frame["at"].eq(at)]
        )

    def verdict(self, claim: str) -> Verdict:
        """The judge's verdict on a claim, from this page's records. With parameters or profiles that
        train, nothing is trained for a claim alone: of a study that the page does not show it is
        "not run".
        """
        (found,) = (one for one in ledger() if one.id == claim)
        results = self.results.get(found.study) or (self.shipped and self.study(found.study))
        return judge(found, results.frame(stale=True) if results else None)

    def takes(self, **parameters: tuple) -> None:
        """Parameters that the page itself uses, rather than a study of it: of each its value and
        the values that are allowed besides None, a range or a tuple. Raises PageError for others.
        """
        for name, (value, allowed) in parameters.items():
            check_value(name, value, allowed)
        self.taken |= set(parameters)

    # ------------------------------------------------------------------------------- text

    def rests_on(self, text: str, *conditions: Answer | Iterable[Answer]) -> None:
        """The page's text says `text`, its numbers filled in from the records, which is true under
        these conditions: answers of effects or verdicts.
        """
        answers = []
        for condition in conditions:
            answers += [condition] if isinstance(condition, str) else list(condition)
        self._state(text, every(answers))

    def states(self, *texts: str) -> None:
        """The page's text says these, which no run can change: published numbers, constants of the
        protocol, what is computed exactly.
        """
        for text in texts:
            self._state(text, Answer.BORNE_OUT)

    def _state(self, text: str, answer: Answer) -> None:
        written = self.text is None or plain(text) in self.text
        self.statements.append(Statement(text, answer, written))

    def notice(self):
        """The page's first output: nothing while the shipped records are shown; then every
        statement made so far must stand (PageError quotes those that do not). Under other profiles
        and parameters, which of them do not, in one line that unfolds.
        """
        if unknown := [name for name in self.given if name not in self.taken]:
            raise PageError(f"nothing on this page has a parameter {unknown[0]!r}")
        if self.shipped:
            return self._check()
        if not self.statements and not self.substitute:
            return None
        parts = []
        if self.substitute:
            parts.append(
                f"<b>Not {html.escape(self.substitute[0])}</b>, which could neither be found nor "
                "downloaded: computed on the embedded 8×8 digits."
            )
        counts = Counter(one.answer.value for one in self.statements)
        found = ", ".join(f"{count} {answer}" for answer, count in counts.items())
        line = f"This text was written for the shipped records. With yours: {found or 'nothing'}."
        rows = [
            {"statement, with your numbers": one.text, "your records": one.answer.value}
            for one in self.statements
        ]
        parts.append(show.fold(line, show.table_html(pd.DataFrame(rows))) if rows else line)
        return show.raw(f"<div class='notice'>{'<br>'.join(parts)}</div>")

    def _check(self) -> None:
        """Raise PageError unless every statement stands; in draft mode write down those that do
        not.
        """
        fallen = [one for one in self.statements if not one.stands]
        if draft := os.environ.get("SPATIALBIAS_DRAFT"):
            lines = [
                json.dumps([self.name, one.text, one.answer.value, one.written]) for one in fallen
            ]
            with Path(draft).open("a", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in lines)
        elif fallen:
            said = "\n".join(f"  {one.answer.value}: {one.text}" for one in fallen)
            raise PageError(
                f"{self.name}: the text does not say what the shipped records do. "
                f"As they would have it:\n{said}"
            )
        self.statements = [one for one in self.statements if one not in fallen]

    # ------------------------------------------------------------------------------- the end

    def claims(self, *ids: str):
        """What the source says beside what we find: one line a claim, which unfolds."""
        chosen = sorted((c for c in ledger() if c.id in ids), key=lambda c: ids.index(c.id))
        if absent := set(ids) - {c.id for c in chosen}:
            raise PageError(f"there is no claim {', '.join(sorted(absent))}")
        return show.raw(claims.rows([(c, self._judged(c)) for c in chosen]))

    def ledger(self, work: str, own: bool):
        """All claims of a work, those of its source or our own, judged on what is on record under
        any profile: a claim declares its replicates.
        """
        chosen = [c for c in ledger() if c.work == work and (c.tag == "O") is own]
        for name in {c.study for c in chosen} - set(self.results):
            self.results[name] = study(name).plan("paper").sweep(missing="show")
        judged = [(c, self._judged(c)) for c in chosen]
        return show.raw(claims.tally(judged) + claims.rows(judged))

    def _judged(self, claim) -> Verdict | str:
        try:
            return self.verdict(claim.id)
        except EvidenceError as error:
            return str(error)

    def records(self):
        """Where the page's numbers come from, folded: what its text rests on, what is missing, the
        trials by network, and the provenance of the records.
        """
        if self.shipped:
            self._check()
        parts = []
        if self.statements:
            said = [{"statement": one.text, "records": one.answer.value} for one in self.statements]
            summary = f"What the text rests on ({len(said)})"
            parts.append(show.fold(summary, show.table_html(pd.DataFrame(said))))
        if len(trials := self._trials()):
            parts.append(show.fold("All runs, by network", show.table_html(trials)))
        if len(values := self._values()):
            parts.append(show.fold("The numbers", show.download(values, f"{self.name}.csv")))
        parts.append(show.fold("Provenance", show.pairs(self._provenance())))
        return show.raw("".join(parts))

    def _trials(self) -> pd.DataFrame:
        """One row a network and N, or split: how many runs, how long they trained, why they
        stopped.
        """
        if not self.results:
            return pd.DataFrame()
        trials = pd.concat([r.trials() for r in self.results.values()]).drop_duplicates("key")
        rows = []
        keys = ["arm", "n_train", "split"]
        for (arm, n_train, split), group in trials.groupby(keys, sort=False, dropna=False):
            reasons = Counter(group["stop_reason"])
            row = {"network": plots.label(arm)}
            row |= {"N": f"{n_train:.0f}"} if pd.notna(n_train) else {"split": split}
            rows.append(
                row
                | {
                    "runs": len(group),
                    "parameters": show.span(group["parameters"], ","),
                    "learning rate": show.span(group["learning_rate"], "g"),
                    "epochs": show.span(group["epochs"], "d"),
                    "stopped by": ", ".join(f"{why} {count}" for why, count in reasons.items()),
                    "median s": f"{group['seconds'].median():.1f}",
                }
            )
        return pd.DataFrame(rows)

    def _values(self) -> pd.DataFrame:
        """Mean, deviation and number of runs of everything measured at the stop; without measures
        that take a value a pixel.
        """
        keys = ["study", "arm", "dataset", "split", "n_train", "measure", "part", "x"]
        tables = []
        for results in self.results.values():
            frame = results.frame()
            for _, rows in frame[frame["at"].eq("stop")].groupby("measure"):
                found = rows.groupby(keys, dropna=False)["value"].agg(["mean", "std", "count"])
                tables += [found.reset_index()] * (len(found) <= PER_MEASURE)
        return pd.concat(tables) if tables else pd.DataFrame()

    def _provenance(self) -> dict[str, str]:
        records = {
            (key, numerics_of(record)): record
            for results in self.results.values()
            for key, record in results.records.items()
        }.values()
        planned = {t.key for results in self.results.values() for t in results.plan.trials}
        lacks = {
            trial.key
            for results in self.results.values()
            for trial in results.plan.trials
            if lacking(results.records.get(trial.key), results.plan.study.measures)
        }
        classes = Counter(map(numerics_of, records))
        sources = Counter(record["provenance"]["data"] for record in records)
        missing = f"{len(lacks)} of {len(planned)}"
        if lacks:
            names = " ".join(name for name, r in self.results.items() if r.missing)
            missing += f": <code>spatialbias sweep {names} --profile paper</code> completes them"
        return {
            "studies": ", ".join(f"<code>{name}</code>" for name in self.results),
            "profile": html.escape(self.profile),
            "runs planned": str(len(planned)),
            "of these not on record": missing,
            "numerics classes": _counts(classes),
            "data": _counts(sources),
            "to recompute a sample": "<code>spatialbias results verify --sample 5</code>",
        }


def _counts(counter: Counter) -> str:
    return "; ".join(f"{html.escape(what)}: {count}" for what, count in counter.items()) or "none"
