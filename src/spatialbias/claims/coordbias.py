"""What the author of custom-conv2d (pskugit 2020) reports of the coordinate bias, and his open questions as hypotheses.
Written before the records existed.

Published recalls are of one run each on 5,000 images, two epochs; our records are of fewer images, which each page states.
"""

from spatialbias.claims.claim import Claim, Published, Values

CLASSES = tuple({"label": name, "x": float(x)} for x, name in ((1, "yellow right"), (2, "yellow left"), (3, "red bottom")))
RECALL = Values("segmentation", part="recall")
FOREGROUND = Values("segmentation", part="recall", x=(1.0, 2.0, 3.0), reduce="mean")
LOSS = Values("segmentation", part="loss", sign=-1, unit="nats")
VANILLA = (0.42757, 0.57162, 0.52253)  # printed in its README, rounded as there; background 0.99208
COORDINATE = (0.99721, 0.99590, 0.97750)  # background 0.99704

OWN = {"study": "coordbias.segmentation", "page": "coordbias/segmentation", "n": 10, "cost": 0.6, "where": "README, results"}
OPEN = {"study": "coordbias.open_questions", "page": "coordbias/open_questions", "n": 10, "cost": 1.0, "where": "README, open questions",
        "tag": "S", "kind": "hypothesis", "values": FOREGROUND}


def printed(arm: str, values: tuple[float, ...]) -> tuple[Published, ...]:
    return tuple(Published(v, arm, c["label"]) for c, v in zip(CLASSES, values, strict=True))


CLAIMS = (
    Claim(id="coordbias.recall_released", statement="With the coordinate bias the recall of every positional class is higher by a large margin (the source's protocol).",
          tag="F", arm="coordinate bias, as released", rivals=("vanilla, as released",), conditions=CLASSES, values=RECALL, rule="large margin",
          published=(*printed("coordinate bias, as released", COORDINATE), *printed("vanilla, as released", VANILLA)), **OWN),
    Claim(id="coordbias.recall", statement="It is higher by a large margin with equal initialisation, a sound optimiser and evaluation mode too.",
          tag="F", arm="coordinate bias", rivals=("vanilla",), conditions=CLASSES, values=RECALL, rule="large margin",
          published=(*printed("coordinate bias", COORDINATE), *printed("vanilla", VANILLA)), **OWN),
    Claim(id="coordbias.loss", statement="The validation loss is lower by more than 0.05 nats a pixel (the source's protocol).",
          tag="F", arm="coordinate bias, as released", rivals=("vanilla, as released",), values=LOSS, thresholds=(0.05, 0.05),
          published=(Published(0.012, "coordinate bias, as released"), Published(0.118, "vanilla, as released")), **OWN),
    Claim(id="coordbias.survives_norm", statement="A batch norm after the convolution does not cancel the coordinate bias: the gain stays large.",
          arm="coordinate bias, batch norm", rivals=("vanilla, batch norm",), rule="large margin", **OPEN),
    Claim(id="coordbias.only_parameters", statement="The gain comes from the additional parameters: maps redrawn for every image do as well (within a point).",
          arm="redrawn random maps", rivals=("coordinate bias",), rule="level", **OPEN),
    Claim(id="coordbias.only_width", statement="The gain comes from the additional parameters: a wider network without coordinates does as well (within a point).",
          arm="wider vanilla", rivals=("coordinate bias",), rule="level", **OPEN),
    Claim(id="coordbias.any_mark", statement="Any fixed mark of positions will do: fixed random maps do as well as ramps (within a point).",
          arm="fixed random maps", rivals=("coordinate bias",), rule="level", **OPEN),
    Claim(id="coordbias.like_coordconv", statement="The coordinate bias does as well as CoordConv (within a point).",
          arm="coordinate bias", rivals=("CoordConv",), rule="level", **OPEN),
    Claim(id="coordbias.padding_tells", statement="The vanilla network reads positions off its zero padding: with circular padding it does worse.",
          arm="vanilla", rivals=("vanilla, circular padding",), **OPEN),
)
