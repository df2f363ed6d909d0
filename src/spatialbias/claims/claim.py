"""What a source says, as plain data: the statement, its numbers, and the contrast over records that
tests it.

A claim is written so that it reads like the sentence it tests: `arm` does `rule` against `rivals`
in `word` of `conditions`, judged on `values` over `n` replicates. The judge (judge.py) turns it and
a tidy frame into a `Verdict`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from spatialbias.components import one_of
from spatialbias.evidence import REDUCERS, Answer, selection
from spatialbias.statistics import SignTest

# one row a measured value
COLUMNS = "study arm dataset split translation n_train replicate measure at part x value n stop_reason epochs numerics current".split()

# the word in the source -> in how many of m conditions at least
WORDS: dict[str, Callable[[int], int]] = {
    "always": lambda m: m,
    "usually": lambda m: m // 2 + 1,
    "sometimes": lambda m: 1,
}

# rule -> (τ, τ′), in the unit of the values: it holds above τ, it fails below τ′
RULES: dict[str, tuple[float, float]] = {
    "better": (0.0, 0.01),
    "best of several": (0.0, 0.01),
    "large margin": (0.03, 0.03),
    "no improvement": (0.0, 0.01),  # "better" with the verdicts exchanged, condition by condition
    "level": (0.01, 0.01),  # within ±τ by two one-sided tests
    "non-inferiority": (-0.01, -0.01),  # worse by less than a point; being better refutes nobody
    "slope": (0.0, 0.0),  # one slope a replicate, over the conditions' positions
    "interaction": (0.0, 0.0),  # second condition minus first, per replicate
    "success rate": (0.8, 0.8),
}
TRENDS = ("slope", "interaction")  # all conditions make one number a replicate


Selector = (
    str | dict[str, Any]
)  # an arm by its label, or any columns with the values that they must have


def label_of(arm: Selector) -> str:
    """An arm in words: its label, or its selection."""
    return arm if isinstance(arm, str) else ", ".join(str(value) for value in arm.values())


def over(
    column: str, *values: Any, label: str = "{}", position: Callable = lambda value: value
) -> tuple[dict, ...]:
    """Conditions along one column: over("n_train", 97, 195, label="N = {}", position=math.log2).

    position: where a slope puts the condition; by default the value itself.
    """
    return tuple(
        {"label": label.format(value), column: value, "position": position(value)}
        for value in values
    )


@dataclass(frozen=True)
class Values:
    """Which number each run contributes: rows are chosen, then `baseline`, `x` and `reduce` applied
    in this order.
    """

    measure: str
    at: str = "stop"  # or "published": the protocol
    part: str | None = None  # None if the measure has no parts
    x: float | tuple[float, ...] | None = (
        None  # the point of a curve or, to reduce, the points; None if there is one
    )
    baseline: float | None = None  # subtract the curve's value at this x, per run
    reduce: str | None = None  # None (exactly one point is left) or one of REDUCERS, over x
    sign: int = (
        1  # -1 if smaller is better (a loss, a number of epochs): "better" then means smaller
    )
    # rule "success rate" only: the value from which a run counts as a success or, beside a rival,
    # the lead from which a pair does
    success: float = 1.0
    unit: str = "points"  # fractions, shown times 100; any other unit is shown as it is

    def __post_init__(self):
        if self.reduce and not isinstance(self.x, tuple):
            raise ValueError(f"reduce={self.reduce!r} needs x, the tuple of points to use")
        one_of((None, *REDUCERS), reduce=self.reduce)
        one_of((1, -1), sign=self.sign)


@dataclass(frozen=True)
class Published:
    """One number that a source prints, in the unit of the values (whatever their sign).

    arm: whose number; "" for the difference between the claim's arm and its first rival.
    condition: label of the claim's condition that it belongs to (may be left out if there is one
    only).
    select: columns that differ from the claim's values, e.g. {"at": "published"}.
    kind: what it is of, unless a single run: "best of 324 settings, 1,000 epochs". Such a number is
    not held against single runs.
    """

    value: float
    arm: Selector
    condition: str = ""
    tag: str = "F"
    select: dict[str, Any] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement of a source and the contrast that tests it. Raises ValueError if it cannot be
    judged as written.

    An arm's selection goes before a condition's, a condition's before that of the values.
    """

    id: str  # "work.name"
    page: str  # the page of the book that shows it
    statement: str  # what the source says, in our words
    where: str  # its place in the source
    tag: str  # S stated in the text, F read from a figure, C from the released code, I an issue or retrospective, O ours (`where` says so)
    kind: str = "conclusion"  # how the source puts it: "hypothesis" or "conclusion"
    study: str  # whose records
    arm: Selector  # against every rival; without rivals the value itself is tested
    rivals: tuple[Selector, ...] = ()
    conditions: tuple[dict[str, Any], ...] = (
        {"label": "all"},
    )  # columns and their values, each with a label: `over`
    values: Values
    word: str = "always"  # a key of WORDS
    rule: str = "better"  # a key of RULES
    thresholds: tuple[float, float] | None = (
        None  # (τ, τ′) in place of the rule's, where values are not accuracies
    )
    per: str = ""  # of a slope: one step of its conditions' positions, "pixel"
    n: int  # declared replicates: exactly the first n are used
    published: tuple[Published, ...] = ()
    cost: float  # core-hours of the records
    note: str = ""  # why a verdict decides little, whatever it is: what the test cannot tell, and where it is better asked
    title: str = ""  # a heading for figures; by default the name in the id
    variant_of: str = ""  # id of the claim of the source that this one judges in a setting of ours
    empty: str = (
        ""  # why the contrast cannot come out either way: the claim is not testable with it
    )

    def __post_init__(self):
        one_of("SFCIO", tag=self.tag)
        one_of(("hypothesis", "conclusion"), kind=self.kind)
        one_of(WORDS, word=self.word)
        one_of(RULES, rule=self.rule)
        labels = [condition.get("label") for condition in self.conditions]
        selections = [
            *map(selection, (self.arm, *self.rivals)),
            *self.conditions,
            *(p.select for p in self.published),
        ]
        unknown = {column for chosen in selections for column in chosen} - {
            *COLUMNS,
            "label",
            "position",
        }
        positions = {condition.get("position") for condition in self.conditions}
        for fault, found in {
            "the id must read work.name": self.id.count(".") != 1,
            "n must be at least 2": self.n < 2,
            "every condition needs its own label": None in labels
            or not labels
            or len(set(labels)) < len(labels),
            f"a frame has no column {', '.join(sorted(unknown))}": bool(unknown),
            "rivals must be a tuple": not isinstance(self.rivals, tuple),
            "an arm cannot be its own rival": self.arm in self.rivals,
            "best of several needs several rivals": self.rule == "best of several"
            and len(self.rivals) < 2,
            "a success rate has one rival at most": self.rule == "success rate"
            and len(self.rivals) > 1,
            "an interaction needs two conditions": self.rule == "interaction" and len(labels) != 2,
            "a slope needs two or more distinct numeric positions": self.rule == "slope"
            and (
                len(positions) < 2 or not all(isinstance(position, Real) for position in positions)
            ),
            "a slope, and nothing else, says per what it is": (self.rule == "slope")
            != bool(self.per),
            "a published number names no condition of this claim": any(
                p.condition not in labels and (p.condition or len(labels) > 1)
                for p in self.published
            ),
        }.items():
            if found:
                raise ValueError(f"claim {self.id}: {fault}")

    @property
    def work(self) -> str:
        """The work that makes the claim."""
        return self.id.split(".")[0]

    @property
    def tau(self) -> tuple[float, float]:
        """(τ, τ′): a claim holds where the mean is shown to lie above τ, fails where it is shown to
        lie below τ′.
        """
        return self.thresholds or RULES[self.rule]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the records say about one contrast: a condition and a rival, or the trend over all
    conditions.
    """

    condition: str
    rival: str
    mean: float  # of arm - rival, in the values' own sign; for a success rate the rate
    low: float  # 95 % interval: Student's, for a success rate Clopper-Pearson's
    high: float
    n: int  # pairs used
    recorded: int  # complete pairs on record
    p: float  # small where the claim is shown here: against "mean <= τ" (for "better")
    q: float  # small where it is refuted here: against "mean >= τ′" (for "better")
    failed: dict[str, int]  # fits that hit the cap or diverged, per arm
    sign: SignTest | None  # shown if any fit failed


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A published number beside our 95 % prediction interval for a single run."""

    published: Published
    low: float
    high: float
    n: int
    inside: bool | None  # None where we have no interval


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judge's answer, computed and never typed."""

    claim: Claim
    word: str  # "holds", "holds (negligible)", "fails", "undecided", "incomplete (n of planned)" or "not run"
    reason: str  # in plain words
    p_hold: float = float(
        "nan"
    )  # both nan where no verdict is due: no records, too few pairs, too many failed fits
    p_fail: float = float("nan")
    findings: tuple[Finding, ...] = ()  # one a condition and rival
    trend: tuple[Finding, ...] = ()  # one a rival, for the rules "slope" and "interaction"
    margins: dict[float, str] = field(
        default_factory=dict
    )  # for "large margin": threshold -> verdict there
    published: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()  # replicates left out or unused, failed fits

    @property
    def waits(self) -> bool:
        """Whether runs that it declares are wanting."""
        return self.word == "not run" or self.word.startswith("incomplete")

    def says(self, word: str) -> Answer:
        """Whether the verdict is "holds", "fails" or "undecided"; one that waits for replicates says
        nothing.
        """
        one_of(("holds", "fails", "undecided"), word=word)
        said = self.word.removesuffix(" (negligible)")
        if said == word:
            return Answer.BORNE_OUT
        return Answer.CONTRADICTED if said in ("holds", "fails") else Answer.NOT_SHOWN
