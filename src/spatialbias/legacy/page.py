"""What a page needs besides its study: one call that checks, trains or reads, and small displays
made from the records.

page = Page("coordinet.few_samples", profile=profile, n_train=n_train, replicates=replicates)
page.frame()                                   # tidy results of the page's study
page.claims("coordinet.cnn_beats_both", …)     # the table of claims with verdicts
page.provenance()                              # where the numbers come from
"""

import html
import os
import re
from collections import Counter
from dataclasses import replace

import pandas as pd

from spatialbias.book.parameters import PageError, check_parameters
from spatialbias.claims import Verdict, ledger, readings
from spatialbias.figures.numbers import points, rows_of, span
from spatialbias.legacy import verdicts
from spatialbias.plots.style import label, split_name
from spatialbias.records import lacking
from spatialbias.statistics import paired
from spatialbias.store import Store, numerics_of
from spatialbias.studies import Results, study
from spatialbias.studies.coordinet_arms import NETWORKS


class Page:
    """A page's study with its parameters, swept. Raises ValueError with one message before any work
    if a parameter is wrong.

    Other studies that the page shows besides are fetched with `also`. Where a data set can neither
    be found nor downloaded, profiles that train use the embedded digits instead and `notice` says
    so.
    """

    def __init__(self, name: str, profile: str = "quick", **parameters) -> None:
        check_parameters()
        self.profile, self.results, self.substitute = (
            os.environ.get("SPATIALBIAS_PROFILE") or profile,
            {},
            None,
        )
        self.main = self.also(name, **parameters)

    def also(self, name: str, measures: tuple[str, ...] | None = None, **parameters) -> Results:
        """Another study under the same profile. measures: those that the page shows, if not all of
        the study's.
        """
        try:
            wanted = replace(study(name), measures=measures) if measures else study(name)
            return self._sweep(wanted.plan(self.profile, **parameters), parameters)
        except (
            ValueError
        ) as error:  # a wrong parameter: one message for the person who gave it, no traceback
            raise PageError(str(error)) from None

    def _sweep(self, plan, given) -> Results:
        if self.profile != "paper" and plan.images:
            from spatialbias.datasets.images import DataMissing, available

            try:
                available(plan.images)
            except DataMissing as error:
                self.substitute = (plan.images, str(error))
                plan = plan.study.plan(self.profile, **{**given, "dataset": "digits"})
        self.results[plan.study.name] = plan.sweep()
        return self.results[plan.study.name]

    def frame(
        self, measure: str | None = None, at: str = "stop", name: str | None = None
    ) -> pd.DataFrame:
        """Tidy values of a study of the page (default: its own), of one measure at one protocol."""
        frame = (self.results[name] if name else self.main).frame()
        return (
            frame if measure is None else frame[(frame["measure"] == measure) & (frame["at"] == at)]
        )

    def notice(self):
        """What the reader must know first: which data, which profile, what is missing."""
        p, parts = self.main.plan.parameters, []
        if self.substitute:
            parts.append(
                f"<b>Not {html.escape(self.substitute[0])}:</b> it could neither be found nor downloaded, so this page was computed on the "
                "embedded 8×8 digits, enlarged. Nothing on it can be compared with the published numbers."
            )
        elif self.main.plan.images not in (None, "cifar10"):
            parts.append(f"This page was computed on <b>{self.main.plan.images}</b>.")
        if self.profile != "paper":
            parts.append(
                f"Profile <b>{self.profile}</b>: {p.replicates} replicate{'s' if p.replicates > 1 else ''} a point, trained just now; "
                "too few for the claims, which were declared for more."
            )
        planned, there, unmeasured = self._counts()
        if planned > there or unmeasured:
            todo = [f"{planned - there} of {planned} trials are not on record yet"] * (
                planned > there
            )
            todo += [
                f"{unmeasured} of {planned} trials {'is' if unmeasured == 1 else 'are'} on record without a measure of this page"
            ] * bool(unmeasured)
            names = " ".join(name for name, r in self.results.items() if r.missing)
            parts.append(
                f"{' and '.join(todo)}; every number below is of those that are, with its own n. "
                f"<code>spatialbias sweep {names} --profile paper</code> completes them."
            )
        return box(parts) if parts else None

    def _counts(self) -> tuple[int, int, int]:
        """Trials planned, trials on record, and those of them that lack a measure: each counted
        once, though studies share trials.
        """
        planned, lack = {}, set()
        for r in self.results.values():
            planned |= {
                trial.key: r.records.get(trial.key) or planned.get(trial.key)
                for trial in r.plan.trials
            }
            lack |= {
                key for key, record in r.records.items() if lacking(record, r.plan.study.measures)
            }
        there = [key for key, record in planned.items() if record]
        return len(planned), len(there), len(lack)

    def verdict(self, claim_id: str) -> Verdict | None:
        """The judge's verdict on one claim, from this page's records; None where the records cannot
        be judged.
        """
        claim = next(c for c in ledger() if c.id == claim_id)
        return verdicts.judged(
            claim,
            self.results[claim.study].frame(stale=True) if claim.study in self.results else None,
        )

    def kind(self, claim_id: str) -> str:
        """The verdict as "holds", "fails", "undecided" or "not-run"; records that cannot be judged
        decide nothing.
        """
        return verdicts.kind(self.verdict(claim_id))

    def sentence(self, *ids: str) -> str:
        """The verdicts on claims as running text, chosen by the verdicts: it is right whatever they
        are.
        """
        claims = sorted((c for c in ledger() if c.id in ids), key=lambda c: ids.index(c.id))
        return " ".join(verdicts.sentence(c, self.verdict(c.id)) for c in claims)

    def reading(self, claim_id: str) -> str:
        """What follows from the verdict on a claim."""
        return readings()[claim_id][self.kind(claim_id)]

    def claims(self, *ids: str):
        """The table of claims: what the source says and found, what we find, the verdict."""
        chosen = [c for c in ledger() if (c.id in ids if ids else c.study in self.results)]
        return raw(
            verdicts.claims_table(chosen, {n: r.frame(stale=True) for n, r in self.results.items()})
        )

    def stops(self):
        """Why trials stopped and what they took, in seconds: one row a network and N, or split, of
        each study if there are several.
        """
        trials = pd.concat([r.trials() for r in self.results.values()]).drop_duplicates(
            "key"
        )  # studies share trials
        several, aimed = (
            trials["study"].nunique() > 1,
            trials["stop_reason"].isin(["loss", "solved", "cap"]).any(),
        )
        rows = []
        for (name, arm, n_train, split), group in trials.groupby(
            ["study", "arm", "n_train", "split"], sort=False, dropna=False
        ):
            counts = Counter(group["stop_reason"])
            row = {"study": name.partition(".")[2].replace("_", " ")} if several else {}
            row |= {"network": label(arm)} | (
                {"N": int(n_train)}
                if pd.notna(n_train)
                else {"split": split_name(split)}
                if split
                else {}
            )
            solved = counts["solved"] == len(group)  # by linear algebra: it has neither
            row |= {
                "trials": len(group),
                "parameters": "–" if solved else span(group["parameters"], ","),
                "rate": "–" if solved else span(group["learning_rate"], "g"),
            }
            cap = {"hit the cap": counts["cap"]} if trials["stop_reason"].eq("cap").any() else {}
            row |= {"loss reached": counts["loss"] + counts["solved"]} | cap if aimed else {}
            row |= (
                {"diverged": counts["diverged"]}
                if trials["stop_reason"].eq("diverged").any()
                else {}
            )
            row |= {"epochs, median": int(group["epochs"].median())} if aimed else {}
            row |= {"epochs, range" if aimed else "epochs": span(group["epochs"], "d")}
            rows.append(row | {"median s": f"{group['seconds'].median():.1f}"})
        return table(pd.DataFrame(rows))

    def networks(self) -> dict | None:
        """What the explorer asks: None for the shipped networks; where none are shipped or the
        profile trains, this page's own.
        """
        from spatialbias import datasets, models
        from spatialbias.explorer import NoNetworks, load_networks

        if self.profile == "paper":
            try:
                load_networks()
                return None
            except NoNetworks:
                pass
        own, store = {}, Store()
        for arm, trial, record in self.main.present:
            if trial.model in NETWORKS and arm == trial.model and arm not in own:
                if (states := store.states(trial.key, numerics_of(record))) is not None:
                    model = models.build(trial.model, **trial.model_args)
                    model.load_state_dict(states["stop"])
                    own[arm] = (model, datasets.load(trial.dataset, **trial.dataset_args))
        return own

    def provenance(self):
        """Records behind the page: how many, of which numerics classes, of which revisions, on
        which data.
        """
        records = {
            (key, numerics_of(record)): record
            for r in self.results.values()
            for key, record in r.records.items()
        }.values()
        classes = Counter(map(numerics_of, records))
        planned, there, unmeasured = self._counts()
        sources = Counter(record["provenance"]["data"] for record in records)
        return provenance(
            {
                "studies": ", ".join(f"<code>{n}</code>" for n in self.results),
                "profile": self.profile,
                "trials on record": f"{there} of {planned}"
                + (f", {unmeasured} of them without a measure of this page" if unmeasured else ""),
                "numerics classes": "; ".join(f"{html.escape(k)}: {v}" for k, v in classes.items())
                or "none",
                "data": "; ".join(f"{html.escape(k)}: {v} trials" for k, v in sources.items())
                or "none",
                "to recompute a sample": "<code>spatialbias results verify --sample 5</code>",
            }
        )


def difference_text(frame: pd.DataFrame, arm: str, rival: str, **where) -> str:
    """The mean paired difference of two arms over replicates, as text."""
    return points(paired(rows_of(frame, **where), arm, rival))


def table(frame: pd.DataFrame):
    """A small table that scrolls inside its box; text is escaped."""
    return raw(
        f"<div class='scroll'>{frame.to_html(index=False, border=0, escape=True, na_rep='–')}</div>"
    )


def provenance(rows: dict[str, str]):
    """Where a page's numbers come from, as a small table; its texts are HTML."""
    return raw(
        "<div class='provenance'><table>"
        + "".join(f"<tr><th>{k}</th><td>{v}</td></tr>" for k, v in rows.items())
        + "</table></div>"
    )


def box(parts: list[str]):
    return raw(
        f"<div class='admonition note notice'><p class='admonition-title'>What this page shows</p>{''.join(f'<p>{p}</p>' for p in parts)}</div>"
    )


def raw(text: str):
    from IPython.display import HTML

    return HTML(_typeset(text))


def _typeset(text: str) -> str:
    """Python writes negative numbers with a hyphen, a book with a minus; and no line ends within
    "95 %" or "n = 10".
    """
    text = re.sub(r"(?:(?<=[\s\[(>])|^)-(?=\d)", "−", text)
    return re.sub(r"\bn = (?=\d)", "n\u00a0=\u00a0", re.sub(r"(?<=\d) %", "\u00a0%", text))


def glue(**values) -> None:
    """Make values available to the prose as {glue:text}`name`."""
    from myst_nb import glue as put

    for name, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        put(
            name,
            float(value) if number else _typeset(re.sub(r"(?<=\d)%", " %", str(value))),
            display=False,
        )


def reproduction(name: str = "coordinet.reproduce") -> tuple[str, pd.DataFrame]:
    """Train the small shipped trials of a study again, here and now: the answer in words, and a
    table of them beside their records.
    """
    from spatialbias.results import recomputed
    from spatialbias.run import suited
    from spatialbias.training import detect

    shipped, rows, results = Store().packed(), [], []
    for arm, trial in study(name).plan("paper").labelled:
        versions = shipped.get(trial.key, {})
        record = versions.get(suited(trial).numerics()) or next(iter(versions.values()), None)
        if record is None:
            rows.append({"network": label(arm), "made on": "no record is shipped"})
            continue
        results.append(r := recomputed(record, detect()))
        allowed = (
            "not judged between classes"
            if r.allowed is None
            else f"within {100 * r.allowed:.0f} points"
        )
        verdict = "bit for bit equal" if r.equal else allowed if r.good else "differs"
        rows.append(
            {
                "network": label(arm),
                "made on": r.classes[0],
                "on record": r.shown(r.old),
                "here": r.shown(r.new),
                "verdict": f"{'✓' if r.good else '✗'} {verdict}",
            }
        )
    return tally(results), pd.DataFrame(rows).fillna("")


def tally(results: list) -> str:
    """How many trials came out as recorded, of `results.Recomputed`; for the prose."""
    kinds = {
        "came out bit for bit equal": lambda r: r.equal,
        "of another numerics class came out within the points allowed": lambda r: (
            r.good and not r.equal and r.allowed is not None
        ),
        "of another numerics class cannot be judged": lambda r: (
            r.good and not r.equal and r.allowed is None
        ),
        "came out otherwise": lambda r: not r.good,
    }
    counts = {what: sum(map(test, results)) for what, test in kinds.items()}
    return (
        ", ".join(f"{n} of {len(results)} {what}" for what, n in counts.items() if n)
        or "no record of them is shipped"
    )
