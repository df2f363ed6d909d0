"""What the page `coordbias/claims` says of its verdicts, in words that they choose.

kinds: id of a claim -> "holds", "fails", "undecided" or "not-run".
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from spatialbias.claims import Claim, Verdict
from spatialbias.figures.numbers import NOTHING, listed
from spatialbias.figures.segmentation_place import slight, yellow
from spatialbias.figures.segmentation_tables import mean_recall, place
from spatialbias.statistics import paired

WORDS = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "undecided": ("is undecided", "are undecided"),
    "not-run": ("has not been run", "have not been run"),
}
RIVALS = {  # of the source's explanation of the gain
    "coordbias.only_parameters": "only the parameters",
    "coordbias.only_width": "only the width",
    "coordbias.any_mark": "any fixed mark",
}
SUBJECTS = {  # what an undecided verdict leaves open
    "coordbias.recall_released": "the margin in every class as released",
    "coordbias.recall": "the margin in every class in our protocol",
    "coordbias.loss": "the loss",
    "coordbias.survives_norm": "the gain with norms",
    "coordbias.like_coordconv": "CoordConv",
    "coordbias.padding_tells": "zero padding",
    **RIVALS,
}


def tally(claims: Iterable[Claim], kinds: Mapping[str, str]) -> str:
    """The verdicts counted, apart for what the source reports, what it asks and what we ask."""
    names = (
        "the source's {} results",
        "its {} open questions, turned into statements,",
        "our own {} statements",
    )
    groups: dict[str, list[str]] = {name: [] for name in names}
    results, questions, ours = groups.values()
    for claim in claims:
        (ours if claim.tag == "O" else questions if claim.kind == "hypothesis" else results).append(
            kinds[claim.id]
        )
    texts = []
    for name, found in groups.items():
        counts = Counter(found)
        said = [f"{counts[k]} {words[counts[k] > 1]}" for k, words in WORDS.items() if counts[k]]
        texts.append(f"of {name.format(len(found))} {listed(said) or 'there is no verdict'}")
    text = "; ".join(texts)
    return text[0].upper() + text[1:]


def refuted(verdicts: Mapping[str, Verdict | None], kinds: Mapping[str, str]) -> list[str]:
    """The rival explanations of the gain that fail, with less recall than the coordinate bias."""
    return [
        name
        for claim, name in RIVALS.items()
        if kinds.get(claim) == "fails" and verdicts[claim].findings[0].mean < 0
    ]


def explained(verdicts: Mapping[str, Verdict | None], kinds: Mapping[str, str]) -> str:
    """What follows from the verdicts on the source's result and on its rival explanations."""
    result, gone = kinds["coordbias.recall_released"], refuted(verdicts, kinds)
    there = "The source's result is there in its own protocol on fewer images"
    count = f"{len(gone)} of {len(RIVALS)} rival explanations fall short of it" + (
        f" ({listed(gone)})" if gone else ""
    )
    if result == "holds" and len(gone) == len(RIVALS):
        return f"{there}, and {count}: in these runs it is position, told in order, that brings the gain."
    if result == "holds":
        return f"{there}; {count}, so what brings the gain is not settled."
    if result == "fails":
        return "The source's result is not there in its own protocol on fewer images, so there is no gain in every class to be explained."
    return f"Whether the source's result is there in its own protocol is not settled by our records; {count}."


def unguessed(headline: pd.DataFrame, questions: pd.DataFrame) -> str:
    """The contrasts in the mean of the two yellow recalls, which guessing cannot buy. Frames: of
    the chapter's two studies.
    """
    contrasts = [
        (headline, "coordinate bias", "vanilla"),
        (headline, "coordinate bias, as released", "vanilla, as released"),
        (questions, "coordinate bias", "CoordConv"),
        (questions, "vanilla", "vanilla, circular padding"),
    ]
    counts = Counter(len(paired(yellow(frame), arm, rival)) for frame, arm, rival in contrasts)
    usual = counts.most_common(1)[0][0]
    ours, released, coordconv, padding = (place(*contrast, (1, 2), usual) for contrast in contrasts)
    return (
        f"the coordinate bias is {ours} in our protocol and {released}; it is {coordconv}; the plain network is "
        f"{padding}{slight(questions)}"
        + f" (n = {usual}{' unless said' * (len(counts) > 1)})"
        * bool(usual)
    )


def left_open(kinds: Mapping[str, str], questions: pd.DataFrame) -> str:
    """What the declared rules leave undecided, and how far the luck of a guesser reaches in the
    value that they judge.
    """
    names = [name for claim, name in SUBJECTS.items() if kinds.get(claim) == "undecided"]
    rows = mean_recall(questions)
    runs = 100 * rows.loc[rows["arm"] == "vanilla", "value"]
    reach = (
        f"from {runs.min():.1f} to {runs.max():.1f} %, n = {len(runs)}" if len(runs) else NOTHING
    )
    text = (
        f"The declared rules leave open: {listed(names)}."
        if names
        else "The declared rules leave nothing open."
    )
    return f"{text} They judge recalls into which a guesser's luck enters: the plain network's mean of three classes runs {reach}."
