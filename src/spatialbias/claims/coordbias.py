"""What the author of custom-conv2d (pskugit 2020) reports of the coordinate bias, and his open
questions as hypotheses. Written before the records existed; since then only places, tags and
readings were put right, no rule and no n.

Published recalls are of one run each on 5,000 images, two epochs; our records are of fewer images,
which each page states.
"""

from spatialbias.claims.claim import Claim, Published, Values

CLASSES = tuple(
    {"label": name, "x": float(x)}
    for x, name in ((1, "yellow right"), (2, "yellow left"), (3, "red bottom"))
)
RECALL = Values("segmentation", part="recall")
FOREGROUND = Values("segmentation", part="recall", x=(1.0, 2.0, 3.0), reduce="mean")
LOSS = Values("segmentation", part="loss", sign=-1, unit="nats")
VANILLA = (0.42757, 0.57162, 0.52253)  # printed in its README, rounded as there; background 0.99208
COORDINATE = (0.99721, 0.99590, 0.97750)  # background 0.99704

OWN = {
    "study": "coordbias.segmentation",
    "page": "coordbias/segmentation",
    "n": 10,
    "cost": 0.6,
    "where": "README, results",
}
OPEN = {
    "study": "coordbias.open_questions",
    "page": "coordbias/open_questions",
    "n": 10,
    "cost": 1.0,
    "where": "README, open questions",
    "tag": "S",
    "kind": "hypothesis",
    "values": FOREGROUND,
}


def printed(arm: str, values: tuple[float, ...]) -> tuple[Published, ...]:
    return tuple(Published(v, arm, c["label"]) for c, v in zip(CLASSES, values, strict=True))


CLAIMS = (
    Claim(
        id="coordbias.recall_released",
        statement="With the coordinate bias the recall of every positional class is higher by a large margin (the source's protocol).",
        tag="F",
        arm="coordinate bias, as released",
        rivals=("vanilla, as released",),
        conditions=CLASSES,
        values=RECALL,
        rule="large margin",
        published=(
            *printed("coordinate bias, as released", COORDINATE),
            *printed("vanilla, as released", VANILLA),
        ),
        **OWN,
    ),
    Claim(
        id="coordbias.recall",
        statement="It is higher by a large margin with equal initialisation, a sound optimiser and evaluation mode too.",
        tag="O",
        arm="coordinate bias",
        rivals=("vanilla",),
        conditions=CLASSES,
        values=RECALL,
        rule="large margin",
        **OWN | {"where": "our control"},
    ),
    Claim(
        id="coordbias.loss",
        statement="The validation loss is lower by more than 0.05 nats a pixel (the source's protocol).",
        tag="F",
        arm="coordinate bias, as released",
        rivals=("vanilla, as released",),
        values=LOSS,
        thresholds=(0.05, 0.05),
        published=(
            Published(0.012, "coordinate bias, as released"),
            Published(0.118, "vanilla, as released"),
        ),
        **OWN,
    ),
    Claim(
        id="coordbias.survives_norm",
        statement="A batch norm after the convolution does not cancel the coordinate bias: the gain stays large.",
        arm="coordinate bias, batch norm",
        rivals=("vanilla, batch norm",),
        rule="large margin",
        **OPEN,
    ),
    Claim(
        id="coordbias.only_parameters",
        statement="The gain comes from the additional parameters: maps redrawn for every image do as well (within a point).",
        arm="redrawn random maps",
        rivals=("coordinate bias",),
        rule="level",
        **OPEN,
    ),
    Claim(
        id="coordbias.only_width",
        statement="The gain comes from the additional parameters: a wider network without coordinates does as well (within a point).",
        arm="wider vanilla",
        rivals=("coordinate bias",),
        rule="level",
        **OPEN,
    ),
    Claim(
        id="coordbias.any_mark",
        statement="Any fixed mark of positions will do: fixed random maps do as well as ramps (within a point).",
        arm="fixed random maps",
        rivals=("coordinate bias",),
        rule="level",
        **OPEN | {"tag": "O", "where": "our own question"},
    ),
    Claim(
        id="coordbias.like_coordconv",
        statement="The coordinate bias does as well as CoordConv (within a point).",
        arm="coordinate bias",
        rivals=("CoordConv",),
        rule="level",
        **OPEN,
    ),
    Claim(
        id="coordbias.padding_tells",
        statement="The vanilla network reads positions off its zero padding: with circular padding it does worse.",
        arm="vanilla",
        rivals=("vanilla, circular padding",),
        **OPEN | {"tag": "O", "where": "our own question"},
    ),
)

READINGS = {  # what follows from the verdicts that the chapter turns on
    "coordbias.recall_released": {
        "holds": "With the source's optimiser, batch, initial filters and batch norm, on fewer images, the network with the coordinate bias finds every positional class better by a large margin.",
        "fails": "With the source's optimiser, batch, initial filters and batch norm, on fewer images, the network with the coordinate bias does not find every positional class better by a large margin.",
        "undecided": "Whether it finds every positional class better by a large margin, with the source's optimiser, batch, initial filters and batch norm, is not settled by our records.",
        "not-run": "The source's protocol has not been run yet.",
    },
    "coordbias.recall": {
        "holds": "With equal initialisation, a sound optimiser and evaluation mode the large margin is there in every class, too: it does not come from what else differed between the source's networks.",
        "fails": "With equal initialisation, a sound optimiser and evaluation mode there is no large margin in every class.",
        "undecided": "Whether the large margin is there in every class with equal initialisation, a sound optimiser and evaluation mode is not settled by our records.",
        "not-run": "The comparison with equal initialisation has not been run yet.",
    },
    "coordbias.survives_norm": {
        "holds": "A batch norm after every convolution does not cancel the coordinate bias: the gain stays large.",
        "fails": "With a batch norm after every convolution the gain of the coordinate bias is no longer large.",
        "undecided": "Whether the gain stays large with a batch norm after every convolution is not settled by our records.",
        "not-run": "The networks with a batch norm have not been run yet.",
    },
    "coordbias.only_parameters": {
        "holds": "Parameters alone explain the gain: maps redrawn for every image, with as many and no word about position, do as well within a point.",
        "fails": "Maps redrawn for every image, with as many parameters and no word about position, end more than a point away from the coordinate bias.",
        "undecided": "Whether maps redrawn for every image, with as many parameters, do as well is not settled by our records.",
        "not-run": "Redrawn maps have not been run yet.",
    },
    "coordbias.only_width": {
        "holds": "A wider network without coordinates does as well within a point.",
        "fails": "A wider network without coordinates ends more than a point away from the coordinate bias.",
        "undecided": "Whether a wider network without coordinates does as well is not settled by our records.",
        "not-run": "The wider network has not been run yet.",
    },
    "coordbias.any_mark": {
        "holds": "A mark of positions need not be a ramp: fixed random maps do as well within a point.",
        "fails": "It matters how positions are marked: fixed random maps end more than a point away from the coordinate bias.",
        "undecided": "Whether fixed random maps do as well as ramps is not settled by our records.",
        "not-run": "Fixed random maps have not been run yet.",
    },
    "coordbias.like_coordconv": {
        "holds": "The coordinate bias does as well as CoordConv within a point, with a ninth of its additional parameters.",
        "fails": "The coordinate bias ends more than a point away from CoordConv.",
        "undecided": "Whether the coordinate bias does as well as CoordConv is not settled by our records.",
        "not-run": "CoordConv has not been run on this task yet.",
    },
    "coordbias.padding_tells": {
        "holds": "The plain network reads positions off its zero padding: with circular padding it does worse.",
        "fails": "The plain network gains less than a point from its zero padding, if anything.",
        "undecided": "Whether the plain network reads positions off its zero padding is not settled by our records.",
        "not-run": "Circular padding has not been run yet.",
    },
}
