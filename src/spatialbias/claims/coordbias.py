"""What the author of custom-conv2d (pskugit 2020) reports of the coordinate bias, and his open
questions as hypotheses, the way round that he hopes for. Written before the records existed.

Published recalls are of one run each on 5,000 images, two epochs; our records are of fewer images,
which each page states. The recall of one class can be bought by giving all circles of its colour
one name; what we ask ourselves is therefore judged in `which_side`, on replicates that no earlier
claim has seen.
"""

from spatialbias.claims.claim import Claim, Values, over
from spatialbias.claims.published import published

CLASSES = tuple(
    {"label": name, "x": float(x)}
    for x, name in ((1, "yellow right"), (2, "yellow left"), (3, "red bottom"))
)
RECALL = Values("segmentation", part="recall")
LOSS = Values("segmentation", part="loss", sign=-1, unit="nats")
SIDE = Values("which_side")
SIDES = over("part", "yellow", "red", label="{} circles")
NUMBERS = published("coordbias")

RELEASED = {
    "study": "coordbias.segmentation",
    "page": "coordbias/segmentation",
    "where": "README, results",
    "tag": "F",
    "arm": "coordinate bias, as released",
    "rivals": ("vanilla, as released",),
    "n": 10,
    "cost": 0.8,
}
SIDED = {
    "page": "coordbias/segmentation",
    "study": "coordbias.which_side",
    "tag": "O",
    "conditions": SIDES,
    "values": SIDE,
    "rule": "large margin",
    "n": 10,
    "cost": 1.0,
}
OPEN = {
    "page": "coordbias/open_questions",
    "study": "coordbias.controls",
    "kind": "hypothesis",
    "conditions": SIDES,
    "values": SIDE,
    "n": 10,
    "cost": 2.2,
}
MARKS = OPEN | {"study": "coordbias.marks", "n": 20, "cost": 1.8}
README = {"tag": "S", "where": "README, open questions"}
OURS = {"tag": "O", "where": "our own question"}

CLAIMS = (
    Claim(
        id="coordbias.recall_released",
        statement="Trained as released, on 600 images of 5,000, the network with the coordinate bias has a much higher recall of every class that depends on place.",
        conditions=CLASSES,
        values=RECALL,
        rule="large margin",
        published=NUMBERS["coordbias.recall_released"],
        note="one name for all circles of a colour buys one of these recalls; see side_released",
        **RELEASED,
    ),
    Claim(
        id="coordbias.side_released",
        statement="Trained as released, on 600 images of 5,000, the network with the coordinate bias tells the sides apart much better.",
        where="README, results, in a measure that guessing cannot raise",
        arm="coordinate bias, as released",
        rivals=("vanilla, as released",),
        variant_of="coordbias.recall_released",
        **SIDED,
    ),
    Claim(
        id="coordbias.side",
        statement="With equal initial filters, Adam and evaluation mode it tells the sides apart much better, too.",
        where="our control",
        arm="coordinate bias",
        rivals=("vanilla",),
        variant_of="coordbias.recall_released",
        **SIDED,
    ),
    Claim(
        id="coordbias.loss",
        statement="Trained as released, on 600 images of 5,000, the network with the coordinate bias ends with a validation loss lower by more than 0.05 nats a pixel.",
        values=LOSS,
        thresholds=(0.05, 0.05),
        published=NUMBERS["coordbias.loss"],
        **RELEASED,
    ),
    Claim(
        id="coordbias.quicker",
        statement="The network with the coordinate bias learns more quickly: it reaches a loss of 0.2 nats a pixel in fewer steps.",
        values=Values("epochs", sign=-1, unit="hundred images sooner"),
        thresholds=(0.0, 1.0),
        **RELEASED | {"study": "coordbias.time_to_loss", "tag": "S", "cost": 0.3},
    ),
    Claim(
        id="coordbias.not_parameters",
        statement="More parameters do not explain the gain: as many on maps redrawn for every image, or a wider network, give much less.",
        arm="coordinate bias",
        rivals=("redrawn random maps", "wider vanilla"),
        rule="large margin",
        **README,
        **OPEN,
    ),
    Claim(
        id="coordbias.survives_norm",
        statement="A batch norm after every convolution does not cancel the coordinate bias: the gain stays large.",
        arm="coordinate bias, batch norm",
        rivals=("vanilla, batch norm",),
        rule="large margin",
        **README,
        **OPEN,
    ),
    Claim(
        id="coordbias.order_matters",
        statement="A mark on every position is not enough: ramps give much more than fixed random maps, each at its own learning rate.",
        arm="coordinate bias",
        rivals=("fixed random maps",),
        rule="large margin",
        **OURS,
        **MARKS,
    ),
    Claim(
        id="coordbias.like_coordconv",
        statement="The coordinate bias does no worse than CoordConv (by less than a point), each at its own learning rate.",
        arm="coordinate bias",
        rivals=("CoordConv",),
        rule="non-inferiority",
        **README,
        **MARKS,
    ),
    Claim(
        id="coordbias.padding_tells",
        statement="The vanilla network reads positions off its zero padding: with circular padding it knows less.",
        arm="vanilla",
        rivals=("vanilla, circular padding",),
        **OURS,
        **OPEN,
    ),
)
