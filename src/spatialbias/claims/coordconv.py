"""What is claimed of CoordConv on Not-so-Clevr: by Liu et al. (2018), by D'Cruz (2019), who
re-implemented it, and in the authors' retrospective. Written before the records existed.

What a source claims is judged in its own setting first: its corner, initialiser and number of
steps, on 32 pixels or, where it is affordable, on its canvas of 64. Runs fall into two heaps there,
solved or not, so that success rates are judged. A score is an accuracy, an intersection over union
or, of a regression, an error in pixels.
"""

from spatialbias.claims.claim import Claim, Values, over
from spatialbias.claims.coordconv_withdrawn import READINGS, WITHDRAWN
from spatialbias.claims.published import published

__all__ = ["CLAIMS", "READINGS"]

SPLITS = over("split", "uniform", "quadrant", label="{} split")
UNIFORM, QUADRANT = SPLITS
TUTORIAL_UNIFORM, TUTORIAL_QUADRANT = (
    {"label": f"{split} split", "split": f"tutorial_{split}"} for split in ("uniform", "quadrant")
)
SCORE = Values("score", part="test")
ERROR = Values("score", part="test", sign=-1, unit="pixels")
SINGLE = Values("right", part="test, single")  # the share of coordinates, each by itself
NEARLY = 0.95  # of coordinates or of an overlap: "near-perfect"
NUMBERS = published("coordconv")
HEAPS = "runs fall into two heaps, and a mean is judged"

CLASSIFICATION, REGRESSION, RENDERING = (
    {"page": f"coordconv/{page}"} for page in ("classification", "regression", "rendering")
)
EQUAL = {"study": "coordconv.classification", "n": 10, "cost": 0.4, **CLASSIFICATION}
RATE = {"rule": "success rate", "n": 20}
MOST = {**RATE, "thresholds": (0.5, 0.5)}  # most runs
SOMETIMES = {**RATE, "thresholds": (0.05, 0.2)}  # holds in some runs, fails if in hardly any
TUTORIAL = {
    "where": "tutorial, regression",
    "study": "coordconv.tutorial_full_size",
    "conditions": (TUTORIAL_QUADRANT,),
    "n": 20,
    "cost": 1.8,
    **REGRESSION,
}
REMARK = {
    "where": "tutorial, regression",
    "tag": "S",
    "study": "coordconv.tutorial_regression",
    "conditions": (TUTORIAL_QUADRANT,),
    "cost": 1.0,
    "page": "coordconv/remarks",
    **RATE,
}
CHANGED = {  # one thing changed of a network of ours that learns
    "study": "coordconv.one_change",
    "tag": "I",
    "kind": "hypothesis",
    "arm": "rate 0.001",
    "conditions": (QUADRANT,),
    "values": ERROR,
    "thresholds": (0.0, 0.1),
    "n": 10,
    "cost": 0.3,
    "page": "coordconv/remarks",
    "note": HEAPS,
}

ASKED = (
    Claim(
        id="coordconv.perfect",
        statement="CoordConv names every position of the published held-out sets.",
        where="abstract",
        tag="I",
        study="coordconv.naming",
        arm="coordconv",
        conditions=SPLITS,
        values=SCORE,
        cost=1.5,
        published=NUMBERS["coordconv.perfect"],
        **RATE,
        **CLASSIFICATION,
    ),
    Claim(
        id="coordconv.perfect_turned",
        statement="CoordConv names every position of a held-out quadrant, whichever it is.",
        where="our control",
        tag="O",
        kind="hypothesis",
        study="coordconv.naming_turned",
        arm="coordconv",
        variant_of="coordconv.perfect",
        conditions=(QUADRANT,),
        values=SCORE,
        cost=0.8,
        **RATE,
        **CLASSIFICATION,
    ),
    Claim(
        id="coordconv.perfect_tutorial",
        statement="With the tutorial's recipe CoordConv names every held-out position (within a point of 100 %).",
        where="tutorial, classification",
        tag="I",
        study="coordconv.tutorial",
        arm="coordconv",
        conditions=(TUTORIAL_UNIFORM, TUTORIAL_QUADRANT),
        values=SCORE,
        thresholds=(0.99, 0.99),
        published=NUMBERS["coordconv.perfect_tutorial"],
        n=10,
        cost=2.3,
        **CLASSIFICATION,
    ),
    Claim(
        id="coordconv.beats_deconvolution",
        statement="In 50 epochs CoordConv names held-out positions better than a deconvolution by a large margin.",
        where="figure 4",
        tag="I",
        arm="coordconv",
        rivals=("deconv",),
        conditions=SPLITS,
        values=SCORE,
        rule="large margin",
        published=NUMBERS["coordconv.beats_deconvolution"],
        title="Names better than a deconvolution",
        note="a twentieth of the epochs that the deconvolution had in the source",
        **EQUAL,
    ),
    Claim(
        id="coordconv.deconvolution_lost",
        statement="In the held-out quadrant a deconvolution names no position at all (within a point of 0 %).",
        where="tutorial, classification",
        tag="I",
        arm="deconv",
        conditions=(QUADRANT,),
        values=SCORE,
        rule="level",
        published=NUMBERS["coordconv.deconvolution_lost"],
        **EQUAL,
    ),
    Claim(
        id="coordconv.must_know_where",
        statement="Without coordinates the same network cannot name any position (within a point of 0 %).",
        where="tutorial, classification",
        tag="S",
        kind="hypothesis",
        arm="no coordinates",
        conditions=SPLITS,
        values=SCORE,
        rule="level",
        **EQUAL,
    ),
    Claim(
        id="coordconv.easy_to_tune",
        statement="CoordConv is the easier to tune: over random settings it names held-out positions better by a large margin.",
        where="tutorial, conclusion",
        tag="S",
        study="coordconv.search",
        arm="coordconv",
        rivals=("deconv",),
        conditions=(UNIFORM,),
        values=SCORE,
        rule="large margin",
        n=20,
        cost=0.3,
        title="Easier to tune",
        **CLASSIFICATION,
    ),
    Claim(
        id="coordconv.last_epoch",
        statement="With a constant learning rate the last epoch is a matter of luck: a decaying one is better.",
        where="a port's issue; our calibration",
        tag="O",
        kind="hypothesis",
        study="coordconv.recipes",
        arm="coordconv",
        rivals=("constant rate",),
        conditions=(QUADRANT,),
        values=SCORE,
        n=10,
        cost=0.3,
        note=HEAPS,
        title="A decaying rate is better",
        **CLASSIFICATION,
    ),
    Claim(
        id="coordconv.finds_all",
        statement="With the tutorial's recipe, on its canvas, CoordConv finds every coordinate of the held-out quadrant (within a point of 100 %).",
        tag="I",
        arm="coordconv",
        values=Values("right", part="test, single", success=0.99),
        rule="success rate",
        published=NUMBERS["coordconv.finds_all"],
        **TUTORIAL,
    ),
    Claim(
        id="coordconv.finds_quadrant",
        statement="It finds more coordinates there than the tutorial's convolution by a large margin, in most runs.",
        tag="I",
        arm="coordconv",
        rivals=("conv, for quadrant",),
        values=Values("right", part="test, single", success=0.03),
        published=NUMBERS["coordconv.finds_quadrant"],
        title="Finds more than a convolution",
        **TUTORIAL | MOST,
    ),
    Claim(
        id="coordconv.finds_uniform",
        statement="On the uniform split, too, it finds more coordinates than the tutorial's convolution by a large margin.",
        tag="I",
        arm="coordconv",
        rivals=("conv, for uniform",),
        values=SINGLE,
        rule="large margin",
        published=NUMBERS["coordconv.finds_uniform"],
        title="Finds more than a convolution",
        **TUTORIAL
        | {
            "study": "coordconv.tutorial_full_size_uniform",
            "conditions": (TUTORIAL_UNIFORM,),
            "n": 10,
            "cost": 3.0,
        },
    ),
    Claim(
        id="coordconv.finds_released",
        statement="With the released recipe CoordConv finds every coordinate of the held-out positions (within a point of 100 %).",
        where="abstract",
        tag="I",
        study="coordconv.finding",
        arm="coordconv",
        conditions=SPLITS,
        values=Values("right", part="test, single", success=0.99),
        cost=0.9,
        **RATE,
        **REGRESSION,
    ),
    Claim(
        id="coordconv.gap",
        statement="From the uniform split to the quadrant a convolution loses more coordinates than CoordConv does.",
        where="tutorial, results",
        tag="S",
        study="coordconv.regression_slower",
        arm="coordconv, rate 0.001",
        rivals=("conv, for uniform",),
        conditions=SPLITS,
        values=SINGLE,
        rule="interaction",
        n=10,
        cost=0.5,
        note=HEAPS,
        **REGRESSION,
    ),
    Claim(
        id="coordconv.initialiser",
        statement="The initialiser decides: from Glorot's, the tutorial's own, CoordConv finds more coordinates by a large margin than from He's, in most runs.",
        arm="coordconv",
        rivals=("coordconv, He",),
        values=Values("right", part="test, single", success=0.03),
        **REMARK | MOST | {"tag": "O", "where": "our control"},
    ),
    Claim(
        id="coordconv.draws_perfectly",
        statement="CoordConv's squares in the held-out quadrant are near-perfect (an overlap of 95 %).",
        where="abstract",
        tag="I",
        study="coordconv.drawing",
        arm="coordconv",
        conditions=(QUADRANT,),
        values=Values("score", part="test", success=NEARLY),
        cost=1.5,
        **RATE,
        **RENDERING,
    ),
    Claim(
        id="coordconv.draws_ahead",
        statement="It draws squares in the held-out quadrant better than a deconvolution by a large margin, in most runs.",
        where="section 4",
        tag="I",
        study="coordconv.drawing",
        arm="coordconv",
        rivals=("deconv",),
        conditions=(QUADRANT,),
        values=Values("score", part="test", success=0.03),
        cost=1.5,
        title="Draws better than a deconvolution",
        **MOST,
        **RENDERING,
    ),
    Claim(
        id="coordconv.draws_uniform",
        statement="CoordConv's squares on the uniform split are near-perfect (an overlap of 95 %).",
        where="abstract",
        tag="I",
        study="coordconv.drawing_uniform",
        arm="coordconv",
        conditions=(UNIFORM,),
        values=Values("score", part="test", success=NEARLY),
        cost=0.9,
        **RATE,
        **RENDERING,
    ),
    Claim(
        id="coordconv.ten_epochs",
        statement="Ten epochs suffice for near-perfect answers (95 % of the coordinates).",
        tag="S",
        arm="coordconv, 10 epochs",
        values=Values("right", part="test, single", success=NEARLY),
        rule="success rate",
        **TUTORIAL | {"page": "coordconv/remarks"},
    ),
    Claim(
        id="coordconv.long_collapse",
        statement="Longer training can undo it: in some runs fewer coordinates are right after 50 epochs than after 10, by more than ten points.",
        tag="S",
        arm="coordconv, 10 epochs",
        rivals=("coordconv",),
        values=Values("right", part="test, single", success=0.1),
        **TUTORIAL | SOMETIMES | {"page": "coordconv/remarks"},
    ),
    Claim(
        id="coordconv.average_collapses",
        statement="With average pooling the network finds nothing: it errs by more than five pixels.",
        arm="average pooling",
        values=Values("score", part="test", unit="pixels", success=5.0),
        **REMARK,
    ),
    Claim(
        id="coordconv.slow_rate_fails",
        statement="A learning rate of 0.0001 fails: the network errs by more than a pixel.",
        arm="rate 0.0001",
        values=Values("score", part="test", unit="pixels", success=1.0),
        **REMARK,
    ),
    Claim(
        id="coordconv.rates_work",
        statement="Learning rates from 0.001 to 0.01 work: 95 % of the coordinates are right.",
        arm="",
        values=Values("right", part="test, single", success=NEARLY),
        **REMARK
        | {
            "conditions": tuple(
                {"label": f"rate {rate}", "arm": arm, "split": "tutorial_quadrant"}
                for rate, arm in ((0.001, "coordconv"), (0.01, "rate 0.01"))
            )
        },
    ),
    Claim(
        id="coordconv.no_activation",
        statement="The missing activations matter: with ReLU between the layers the error is larger.",
        where="authors' retrospective",
        rivals=("with ReLU",),
        **CHANGED,
    ),
    Claim(
        id="coordconv.strides_hurt",
        statement="With strided downsampling the error is larger.",
        where="a port's README",
        rivals=("strided",),
        **CHANGED,
    ),
    Claim(
        id="coordconv.told_or_lost",
        statement="Without coordinates the error is larger by more than a pixel.",
        where="authors' retrospective",
        rivals=("no coordinates",),
        **CHANGED | {"thresholds": (1.0, 1.0)},
    ),
)
CLAIMS = WITHDRAWN + ASKED
