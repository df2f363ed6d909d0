"""The page at a chapter's end: every claim of a work with its verdict, from the records of all its studies."""

from collections import Counter

import pandas as pd

from spatialbias.book.page import box, raw
from spatialbias.book.parameters import check_parameters
from spatialbias.book.verdicts import SENTENCES, _lower, claims_table, judged, kind
from spatialbias.claims import expected_false_verdicts, ledger
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
    ("coordconv.perfect", "holds"): "Told its positions, the network names every held-out pixel, run after run: the failing that the source describes is mended.",
    ("coordconv.perfect", "fails"): "Told its positions, the network does not name every held-out pixel run after run: a single perfect run, as published, says too little.",
    ("coordconv.perfect", "undecided"): "How often the network names every held-out pixel, once it is told its positions, is not settled by our records.",
    ("coordconv.perfect", "not-run"): "Whether the network names every held-out pixel, once it is told its positions, has not been run yet.",
    ("coordconv.must_know_where", "holds"): "Without coordinates the same network names nothing, so what it achieves with them is due to them.",
    ("coordconv.must_know_where", "fails"): "Without coordinates the same network names some positions: it has another way to know where it is.",
    ("coordconv.must_know_where", "undecided"): "Whether the same network is lost without coordinates is not settled by our records.",
    ("coordconv.must_know_where", "not-run"): "The same network without coordinates has not been run yet.",
    ("coordconv.beats_deconvolution", "holds"): "In equal epochs it leaves the deconvolution far behind.",
    ("coordconv.beats_deconvolution", "fails"): "In equal epochs its lead over the deconvolution is not large on both splits.",
    ("coordconv.beats_deconvolution", "undecided"): "How far it leads a deconvolution of equal epochs is not settled.",
    ("coordconv.beats_deconvolution", "not-run"): "The comparison with a deconvolution has not been run yet.",
    ("coordconv.last_epoch", "holds"): "A rate that decays makes the last epoch better than the released constant rate does, so the recipe has a part in what was published.",
    ("coordconv.last_epoch", "fails"): "A rate that decays makes the last epoch no better than the released constant rate does.",
    ("coordconv.last_epoch", "undecided"): "Whether a decaying rate makes the last epoch better is not settled.",
    ("coordconv.last_epoch", "not-run"): "A decaying rate has not been compared with a constant one yet.",
    ("coordbias.recall_released", "holds"): "Trained as the source trained, the network with the coordinate bias finds every positional class better by a large margin.",
    ("coordbias.recall_released", "fails"): "Trained as the source trained, the network with the coordinate bias does not find every positional class better by a large margin.",
    ("coordbias.recall_released", "undecided"): "Whether it finds every positional class better by a large margin, trained as the source trained, is not settled by our records.",
    ("coordbias.recall_released", "not-run"): "The source's protocol has not been run yet.",
    ("coordbias.recall", "holds"): "With equal initialisation, a sound optimiser and evaluation mode the large margin is there in every class, too: it does not come from what else differed between the source's networks.",
    ("coordbias.recall", "fails"): "With equal initialisation, a sound optimiser and evaluation mode there is no large margin in every class.",
    ("coordbias.recall", "undecided"): "Whether the large margin is there in every class with equal initialisation, a sound optimiser and evaluation mode is not settled by our records.",
    ("coordbias.recall", "not-run"): "The comparison with equal initialisation has not been run yet.",
    ("coordbias.survives_norm", "holds"): "A batch norm after every convolution does not cancel the coordinate bias: the gain stays large.",
    ("coordbias.survives_norm", "fails"): "With a batch norm after every convolution the gain of the coordinate bias is no longer large.",
    ("coordbias.survives_norm", "undecided"): "Whether the gain stays large with a batch norm after every convolution is not settled by our records.",
    ("coordbias.survives_norm", "not-run"): "The networks with a batch norm have not been run yet.",
    ("coordbias.only_parameters", "holds"): "Parameters alone explain the gain: maps redrawn for every image, with as many and no word about position, do as well within a point.",
    ("coordbias.only_parameters", "fails"): "Maps redrawn for every image, with as many parameters and no word about position, end more than a point away from the coordinate bias.",
    ("coordbias.only_parameters", "undecided"): "Whether maps redrawn for every image, with as many parameters, do as well is not settled by our records.",
    ("coordbias.only_parameters", "not-run"): "Redrawn maps have not been run yet.",
    ("coordbias.only_width", "holds"): "A wider network without coordinates does as well within a point.",
    ("coordbias.only_width", "fails"): "A wider network without coordinates ends more than a point away from the coordinate bias.",
    ("coordbias.only_width", "undecided"): "Whether a wider network without coordinates does as well is not settled by our records.",
    ("coordbias.only_width", "not-run"): "The wider network has not been run yet.",
    ("coordbias.any_mark", "holds"): "A mark of positions need not be a ramp: fixed random maps do as well within a point.",
    ("coordbias.any_mark", "fails"): "It matters how positions are marked: fixed random maps and ramps are more than a point apart.",
    ("coordbias.any_mark", "undecided"): "Whether fixed random maps do as well as ramps is not settled by our records.",
    ("coordbias.any_mark", "not-run"): "Fixed random maps have not been run yet.",
    ("coordbias.like_coordconv", "holds"): "The coordinate bias does as well as CoordConv within a point, with a ninth of its additional parameters.",
    ("coordbias.like_coordconv", "fails"): "The coordinate bias and CoordConv are more than a point apart.",
    ("coordbias.like_coordconv", "undecided"): "Whether the coordinate bias does as well as CoordConv is not settled by our records.",
    ("coordbias.like_coordconv", "not-run"): "CoordConv has not been run on this task yet.",
    ("coordbias.padding_tells", "holds"): "The plain network reads positions off its zero padding: with circular padding it does worse.",
    ("coordbias.padding_tells", "fails"): "The plain network gains less than a point from its zero padding, if anything.",
    ("coordbias.padding_tells", "undecided"): "Whether the plain network reads positions off its zero padding is not settled by our records.",
    ("coordbias.padding_tells", "not-run"): "Circular padding has not been run yet.",
}


class Ledger:
    """All claims of one work, judged on what is on record; nothing is trained here."""

    def __init__(self, work: str, profile: str = "paper") -> None:
        check_parameters()
        self.claims = [c for c in ledger() if c.work == work]
        self.profile = profile
        results = {name: study(name).plan("paper").sweep(missing="show") for name in dict.fromkeys(c.study for c in self.claims)}
        self.results, self.frames = results, {name: r.frame() for name, r in results.items()}
        self.verdicts = {c.id: judged(c, self.frames[c.study]) for c in self.claims}

    def _kind(self, claim_id: str) -> str:
        return kind(self.verdicts[claim_id])

    def numbers(self) -> dict[str, str]:
        """Counts of verdicts, for the prose, and the reading that they allow."""
        counts = Counter(self._kind(c.id) for c in self.claims)
        judged = [c for c in self.claims if self._kind(c.id) in ("holds", "fails")]
        statements = {c.id: _lower(c.statement.rstrip(".")) for c in self.claims}
        told = dict.fromkeys(i for i, _ in READINGS if i in self.verdicts)
        reading = [READINGS.get((i, self._kind(i)), SENTENCES["not-run"].format(statements[i])) for i in told]
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
        return raw(claims_table(self.claims, self.frames))

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
