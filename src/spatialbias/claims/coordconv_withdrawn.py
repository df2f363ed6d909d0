"""Claims that pages still show and the chapter no longer makes: in settings of ours where the
sources' own are judged now, about means of runs that fall into two heaps, or without an answer.

This file goes with the last page that names one of them.
"""

from spatialbias.claims.claim import Claim, Published, Values, over

SPLITS = over("split", "uniform", "quadrant", label="{} split")
UNIFORM, QUADRANT = SPLITS
SCORE = Values("score", part="test")
SINGLE = Values("right", part="test, single")
ERROR = Values("score", part="test", sign=-1, unit="pixels")

NAMING = {
    "study": "coordconv.classification",
    "page": "coordconv/classification",
    "n": 10,
    "cost": 0.4,
}
SUCCESS = {
    "study": "coordconv.success",
    "page": "coordconv/classification",
    "n": 20,
    "cost": 0.3,
}  # fewer could not show a rate above 0.8
FINDING = {"study": "coordconv.regression", "page": "coordconv/regression", "n": 10, "cost": 0.3}
DRAWING = {"study": "coordconv.rendering", "page": "coordconv/rendering", "n": 10, "cost": 0.3}
STEPS = {"study": "coordconv.as_many_steps", "n": 10, "cost": 1.5, "conditions": (QUADRANT,)}
TUNING = {"study": "coordconv.search", "page": "coordconv/classification", "n": 20, "cost": 0.3}
REMARK = {
    "study": "coordconv.remarks",
    "page": "coordconv/remarks",
    "n": 10,
    "cost": 0.3,
    "conditions": (QUADRANT,),
}
SLOWER = {
    "study": "coordconv.regression_slower",
    "page": "coordconv/regression",
    "n": 10,
    "cost": 0.4,
    "tag": "O",
    "kind": "hypothesis",
    "where": "tutorial, regression, at another rate",
    "arm": "coordconv, rate 0.001",
    "values": SINGLE,
    "rule": "large margin",
}
GIVEN = {
    **REMARK,
    "study": "coordconv.rates_given_steps",
    "cost": 0.7,
    "tag": "O",
    "kind": "hypothesis",
    "where": "tutorial, regression, with its steps",
}
LEARNT = {
    **REMARK,
    "study": "coordconv.one_change",
    "kind": "hypothesis",
    "arm": "rate 0.001",
    "values": ERROR,
}
RECIPE = {
    "study": "coordconv.recipes",
    "page": "coordconv/classification",
    "n": 10,
    "cost": 0.3,
    "conditions": (QUADRANT,),
}

# The released sweeps [C], a split: over rate and penalty for CoordConv; for the deconvolution over
# kernel, width and batch besides.
SWEEP, DECONV_SWEEP = "of 6 settings, 50 epochs", "of 324 settings, 1,000 epochs"

# Notes hold whatever the verdict is: they say what its test cannot tell.
RATE = "at the released rate, not at the tutorial's"
STEPS_LACK = "with fewer steps than the tutorial took"
UNASKED = "the unchanged network may not have learnt"

WITHDRAWN = (
    Claim(
        id="coordconv.draws_nearly_all",
        statement="CoordConv's drawings of held-out squares are not near-perfect (intersection over union below 0.95).",
        where="tutorial, rendering",
        tag="I",
        arm="coordconv",
        conditions=(QUADRANT,),
        values=Values("score", part="test", sign=-1),
        thresholds=(-0.95, -0.95),
        note="it is true of a network that draws nothing; see draws_perfectly",
        **DRAWING,
    ),
    Claim(
        id="coordconv.perfect_given_steps",
        statement="Given as many steps as the sources took, CoordConv names every position of the held-out quadrant (within a point of 100 %).",
        where="abstract, with its steps",
        tag="O",
        kind="hypothesis",
        arm="coordconv, as many steps",
        values=SCORE,
        thresholds=(0.99, 0.99),
        published=(Published(1.0, "coordconv, as many steps", "quadrant split", "I", kind=SWEEP),),
        page="coordconv/classification",
        **STEPS,
    ),
    Claim(
        id="coordconv.normalised_input",
        statement="Normalised positions are easier to learn from than whole pixels.",
        where="ports of the code",
        tag="I",
        kind="hypothesis",
        arm="normalised input",
        rivals=("coordconv",),
        values=SCORE,
        title="Normalised positions are easier",
        **RECIPE,
    ),
    Claim(
        id="coordconv.finds_uniform_slower",
        statement="At a constant rate of 0.001 CoordConv finds more coordinates on the uniform split than a convolution by a large margin.",
        rivals=("conv, for uniform",),
        conditions=(UNIFORM,),
        title="Finds more, rate 0.001",
        **SLOWER,
    ),
    Claim(
        id="coordconv.finds_quadrant_slower",
        statement="At a constant rate of 0.001 CoordConv finds more coordinates on the quadrant split than a convolution by a large margin.",
        rivals=("conv, for quadrant",),
        conditions=(QUADRANT,),
        title="Finds more, rate 0.001",
        **SLOWER,
    ),
    Claim(
        id="coordconv.finds_all_tutorial",
        statement="With the tutorial's own recipe CoordConv finds every coordinate of the held-out quadrant (within a point of 100 %).",
        where="tutorial, regression",
        tag="I",
        arm="coordconv",
        conditions=({"label": "quadrant split", "split": "tutorial_quadrant"},),
        values=SINGLE,
        thresholds=(0.99, 0.99),
        published=(Published(1.0, "coordconv", "quadrant split", "I"),),
        study="coordconv.tutorial_regression",
        page="coordconv/regression",
        n=10,
        cost=1.5,
    ),
    Claim(
        id="coordconv.draws_better",
        statement="CoordConv draws held-out squares better than a deconvolution by a large margin.",
        where="section 4",
        tag="I",
        arm="coordconv",
        rivals=("deconv",),
        conditions=SPLITS,
        values=SCORE,
        rule="large margin",
        title="Draws better than a deconvolution",
        note="in fewer steps than the sources' this is about speed; see draws_better_given_steps",
        **DRAWING,
    ),
    Claim(
        id="coordconv.draws_better_given_steps",
        statement="Given as many steps as the sources took, CoordConv draws squares in the held-out quadrant better than a deconvolution by a large margin.",
        where="section 4, with its steps",
        tag="O",
        kind="hypothesis",
        arm="coordconv painter, as many steps",
        rivals=("deconv painter, as many steps",),
        values=SCORE,
        rule="large margin",
        page="coordconv/rendering",
        title="Draws better, given steps",
        **STEPS,
    ),
    Claim(
        id="coordconv.draws_perfectly_normalised",
        statement="From normalised positions CoordConv's squares in the held-out quadrant are perfect (an overlap within a point of 100 %) in fewer steps.",
        where="our calibration",
        tag="O",
        kind="hypothesis",
        arm="coordconv painter, normalised input",
        values=SCORE,
        thresholds=(0.99, 0.99),
        page="coordconv/rendering",
        **STEPS,
    ),
    Claim(
        id="coordconv.draws_less_in_quadrant",
        statement="CoordConv's drawings are less perfect in the held-out quadrant than on the uniform split.",
        where="tutorial, rendering",
        tag="I",
        arm={"arm": "coordconv", "split": "uniform"},
        rivals=({"arm": "coordconv", "split": "quadrant"},),
        values=SCORE,
        title="Draws less well in the quadrant",
        **DRAWING,
    ),
    Claim(
        id="coordconv.average_collapses_learnt",
        statement="At a rate at which the network learns, average pooling makes the error larger by more than a pixel.",
        where="tutorial, regression, at another rate",
        tag="O",
        rivals=("average pooling",),
        thresholds=(1.0, 1.0),
        **LEARNT,
    ),
    Claim(
        id="coordconv.no_activation_learnt",
        statement="At a rate at which the network learns, ReLU between the layers makes the error larger.",
        where="authors' retrospective, at another rate",
        tag="O",
        rivals=("with ReLU",),
        thresholds=(0.0, 0.1),
        **LEARNT,
    ),
    Claim(
        id="coordconv.strides_hurt_learnt",
        statement="At a rate at which the network learns, strided downsampling makes the error larger.",
        where="a port's README, at another rate",
        tag="O",
        rivals=("strided",),
        thresholds=(0.0, 0.1),
        **LEARNT,
    ),
    Claim(
        id="coordconv.slow_rate_fails_given_steps",
        statement="Given as many steps as the tutorial took, a learning rate of 0.0001 fails: the error stays above a pixel.",
        arm="rate 0.0001",
        values=Values("score", part="test", unit="pixels"),
        thresholds=(1.0, 1.0),
        **GIVEN,
    ),
    Claim(
        id="coordconv.rates_work_given_steps",
        statement="Given as many steps as the tutorial took, learning rates from 0.001 to 0.01 work: the error is below half a pixel.",
        arm="",
        values=ERROR,
        thresholds=(-0.5, -0.5),
        **{
            **GIVEN,
            "conditions": tuple(
                {"label": arm, "arm": arm, "split": "quadrant"}
                for arm in ("rate 0.001", "rate 0.01")
            ),
        },
    ),
)

READINGS = {  # what follows from the verdicts that the chapter turns on
    "coordconv.perfect": {
        "holds": "Told its positions, the network names every held-out pixel, run after run: the failing that the source describes is mended.",
        "fails": "Told its positions, and trained for fewer steps than the sources took, the network does not name every held-out pixel run after run, taken over all four corners that may be held out; the sources held out one, at the bottom right.",
        "undecided": "How often the network names every held-out pixel, once it is told its positions, is not settled by our records.",
        "not-run": "Whether the network names every held-out pixel, once it is told its positions, has not been run yet.",
    },
    "coordconv.perfect_given_steps": {
        "holds": "Given as many steps as the sources took, it names every position of the held-out quadrant.",
        "fails": "Even with as many steps as the sources took it does not name every position of the held-out quadrant.",
        "undecided": "Whether it names every position of the held-out quadrant, given as many steps as the sources took, is not settled by our records.",
        "not-run": "Runs with as many steps as the sources took have not been made yet.",
    },
    "coordconv.must_know_where": {
        "holds": "Without coordinates the same network names nothing, so what it achieves with them is due to them.",
        "fails": "Without coordinates the same network names some positions: it has another way to know where it is.",
        "undecided": "Whether the same network is lost without coordinates is not settled by our records.",
        "not-run": "The same network without coordinates has not been run yet.",
    },
    "coordconv.beats_deconvolution": {
        "holds": "In equal epochs it leaves the deconvolution far behind.",
        "fails": "In equal epochs its lead over the deconvolution is not large on both splits.",
        "undecided": "How far it leads a deconvolution of equal epochs is not settled.",
        "not-run": "The comparison with a deconvolution has not been run yet.",
    },
    "coordconv.finds_all": {
        "holds": "Asked where a lit pixel lies, it finds every coordinate, too.",
        "fails": "Asked where a lit pixel lies, it does not find every coordinate with the released recipe: most of what is published of that task rests on single runs.",
        "undecided": "Whether it finds every coordinate of a lit pixel is not settled by our records.",
        "not-run": "The search for a lit pixel has not been run yet.",
    },
    "coordconv.finds_quadrant_slower": {
        "holds": "At a constant rate of 0.001 it finds far more coordinates in the held-out quadrant than the convolution built for it.",
        "fails": "At a constant rate of 0.001, too, it has no large lead over the convolution built for the held-out quadrant.",
        "undecided": "Whether it has a large lead over the convolution built for the held-out quadrant, at a constant rate of 0.001, is not settled by our records.",
        "not-run": "At a constant rate of 0.001 it has not been compared with the convolutions yet.",
    },
    "coordconv.draws_better_given_steps": {
        "holds": "Given time, it draws squares in the quadrant far better than a deconvolution.",
        "fails": "At drawing squares in the quadrant it has no large lead over the deconvolution, even given time.",
        "undecided": "Whether it draws squares in the quadrant far better than a deconvolution, given time, is not settled by our records.",
        "not-run": "Drawing with as many steps as the sources took has not been run yet.",
    },
    "coordconv.last_epoch": {
        "holds": "A rate that decays makes the last epoch better than the released constant rate does, so the recipe has a part in what was published.",
        "fails": "A rate that decays makes the last epoch no better than the released constant rate does.",
        "undecided": "Whether a decaying rate makes the last epoch better is not settled.",
        "not-run": "A decaying rate has not been compared with a constant one yet.",
    },
    "coordconv.average_collapses_learnt": {
        "holds": "At a constant rate of 0.001, chosen because the unchanged network learns there, average pooling in the place of the maximum costs it more than a pixel.",
        "fails": "At a constant rate of 0.001, chosen because the unchanged network learns there, average pooling in the place of the maximum does not cost it more than a pixel.",
        "undecided": "Whether average pooling, in the place of the maximum, costs more than a pixel at a constant rate of 0.001, at which the unchanged network learns, is not settled by our records.",
        "not-run": "Average pooling has not been tried at a rate at which the unchanged network learns.",
    },
    "coordconv.no_activation_learnt": {
        "holds": "ReLU between the layers makes the error larger there.",
        "fails": "ReLU between the layers does not make the error larger there.",
        "undecided": "Whether ReLU between the layers makes the error larger there is not settled.",
        "not-run": "ReLU between the layers has not been tried there.",
    },
    "coordconv.strides_hurt_learnt": {
        "holds": "Strides make it larger there.",
        "fails": "Strides do not make it larger there.",
        "undecided": "Whether strides make it larger there is not settled.",
        "not-run": "Strides have not been tried there.",
    },
    "coordconv.told_or_lost": {
        "holds": "Leaving out the coordinates costs more than a pixel there; at a rate of its own a changed network might do better.",
        "fails": "Leaving out the coordinates does not cost more than a pixel there.",
        "undecided": "Whether leaving out the coordinates costs more than a pixel there is not settled.",
        "not-run": "It has not been tried without coordinates there.",
    },
    "coordconv.rates_work_given_steps": {
        "holds": "Given as many steps as the tutorial took, rates from 0.001 to 0.01 work.",
        "fails": "Given as many steps as the tutorial took, not every rate from 0.001 to 0.01 works.",
        "undecided": "Whether rates from 0.001 to 0.01 work, given as many steps as the tutorial took, is not settled.",
        "not-run": "The rates have not been tried with as many steps as the tutorial took.",
    },
}
