"""What Gillen (2021) claims of Coordinet, and the contrasts that test it. Written before the
records existed.

Accuracies are fractions of the test images. "stop" is the source's stated protocol (trained to loss
0.1), "published" what its plots show (the same, but cut at 100 epochs). Published numbers were read
off its plots: single runs.
"""

import csv
import math
from statistics import fmean

from spatialbias import paths
from spatialbias.claims.claim import Claim, Published, Values, over
from spatialbias.studies.coordinet_arms import PUBLISHED_N as PUBLISHED_SIZES

SIZES = tuple(
    c | {"dataset": "cifar10"}
    for c in over("n_train", *PUBLISHED_SIZES, label="N = {}", position=math.log2)
)
FEWEST = ({"label": "N = 97", "n_train": 97, "dataset": "cifar10"},)
ONE = ({"label": "N = 390", "n_train": 390, "dataset": "cifar10"},)
TURNS = tuple(float(a) for a in range(10, 90, 10))
N = 10  # replicates declared for every contrast of the chapter


def _read() -> dict[tuple[str, str, int], dict[float, float]]:
    """Curves read off the source's plots: {(measure, network, N): {x: accuracy}}; x is 0 where there
    is none.
    """
    curves: dict[tuple[str, str, int], dict[float, float]] = {}
    with open(paths.published() / "curves" / "coordinet.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            which = row["measure"], row["arm"], int(row["n_train"])
            curves.setdefault(which, {})[float(row["x"] or 0)] = float(row["value"])
    return curves


CURVES = _read()
LABELS = tuple(c["label"] for c in SIZES)


def last(*arms: str) -> tuple[Published, ...]:
    """Test accuracy at the last plotted epoch."""
    return tuple(
        Published(CURVES["accuracy", arm, n][0], arm, label, select={"at": "published"})
        for arm in arms
        for n, label in zip(PUBLISHED_SIZES, LABELS, strict=True)
    )


def turned(*arms: str) -> tuple[Published, ...]:
    """The mean of the published accuracies from 10 to 80 degrees."""
    return tuple(
        Published(fmean(CURVES["rotation", arm, n].values()), arm, label)
        for arm in arms
        for n, label in zip(PUBLISHED_SIZES, LABELS, strict=True)
    )


def cropped(arm: str, rival: str) -> tuple[Published, ...]:
    """By how much more the smallest crop changes one than the other, in the published curves."""

    def change(name: str, n: int) -> float:
        return CURVES["resized_crop", name, n][23] - CURVES["resized_crop", name, n][32]

    return tuple(
        Published(change(arm, n) - change(rival, n), "", label)
        for n, label in zip(PUBLISHED_SIZES, LABELS, strict=True)
    )


ALL = ("simple_cnn", "coordinet", "fully_connected")
LAST = {arm: tuple(CURVES["accuracy", arm, n][0] for n in PUBLISHED_SIZES) for arm in ALL}
CHAPTER = {"tag": "S", "n": N}
FEW = {"study": "coordinet.few_samples", "page": "coordinet/few_samples", **CHAPTER}
TURN = {"study": "coordinet.rotation", "page": "coordinet/shifts", **CHAPTER, "cost": 1.5}
WHY = {
    "study": "coordinet.hypotheses",
    "page": "coordinet/hypotheses",
    **CHAPTER,
    "conditions": ONE,
    "cost": 0.5,
}
PART = {
    "study": "coordinet.ablations",
    "page": "coordinet/architecture",
    **CHAPTER,
    "conditions": ONE,
    "cost": 1.0,
}
AVERAGE = WHY | {
    "study": "coordinet.averaging",
    "cost": 0.4,
    "tag": "O",
    "kind": "hypothesis",
    "values": Values("accuracy"),
    "where": "our own question",
}
GRID = {
    "study": "coordinet.beyond_the_grid",
    "page": "coordinet/beyond_the_grid",
    **CHAPTER,
    "cost": 0.5,
}
INERT = (
    "this Coordinet hardly uses its pixels, and so neither their places nor the path that they take"
)
SMALL = {
    "study": "coordinet.unmodulated",
    "page": "coordinet/hypotheses",
    **CHAPTER,
    "conditions": FEWEST,
    "values": Values("accuracy"),
    "kind": "hypothesis",
    "cost": 0.3,
}
OURS = {"tag": "O", "where": "our own question"}
WARPED = SMALL | {
    "study": "coordinet.unmodulated_shifts",
    "page": "coordinet/beyond_the_grid",
    "where": "Importance",
}
ACCURACY = Values("accuracy")
LOST = Values("rotation", x=TURNS, baseline=0.0, reduce="mean", sign=-1)
PADDED = {
    "arm": "padded_cnn",
    "rivals": ("simple_cnn",),
    "conditions": FEWEST,
    "kind": "hypothesis",
    "cost": 0.3,
    **CHAPTER,
    **OURS,
}
WITH_MORE = {"conditions": SIZES, "word": "usually", "cost": 4.0}

CLAIMS = (
    Claim(
        id="coordinet.cnn_beats_both",
        statement="Trained to the same loss, the convolutional network always beats both others by a large margin.",
        where="Experiments, first paragraph under the graphs",
        arm="simple_cnn",
        rivals=("coordinet", "fully_connected"),
        conditions=SIZES,
        values=ACCURACY,
        word="always",
        rule="large margin",
        published=last("simple_cnn"),
        cost=2.0,
        **FEW,
    ),
    Claim(
        id="coordinet.cnn_beats_both_at_cap",
        statement="Cut at 100 epochs, as in the plots, the convolutional network always beats both others by a large margin.",
        where="Experiments, the text's sentence at the end of its graphs",
        arm="simple_cnn",
        rivals=("coordinet", "fully_connected"),
        conditions=SIZES,
        values=Values("accuracy", at="published"),
        word="always",
        rule="large margin",
        cost=2.0,
        **FEW,
    ),
    Claim(
        id="coordinet.coordinet_beats_fc",
        statement="Coordinet usually beats the fully connected network.",
        where="Experiments, first paragraph under the graphs",
        arm="coordinet",
        rivals=("fully_connected",),
        conditions=SIZES,
        values=ACCURACY,
        word="usually",
        rule="better",
        published=last("coordinet", "fully_connected"),
        cost=2.0,
        **FEW,
    ),
    Claim(
        id="coordinet.coordinet_near_cnn",
        statement="Coordinet is hoped to be comparable to the convolutional network: usually worse by less than a point.",
        where="Introduction",
        kind="hypothesis",
        arm="coordinet",
        rivals=("simple_cnn",),
        conditions=SIZES,
        values=ACCURACY,
        word="usually",
        rule="non-inferiority",
        cost=2.0,
        **FEW,
    ),
    Claim(
        id="coordinet.same_loss",
        statement="All three networks are trained to loss 0.1 (within the 100 epochs that the plots show).",
        where="Experiments, first paragraph",
        arm="",
        conditions=tuple(
            {"label": f"{arm}, N = {n}", "arm": arm, "n_train": n, "dataset": "cifar10"}
            for arm in ALL
            for n in PUBLISHED_SIZES
        ),
        values=Values("converged", at="published", unit=""),
        word="always",
        rule="success rate",
        cost=4.0,
        note="ten of twenty runs are planned",
        **FEW | {"n": 20},
    ),
    Claim(
        id="coordinet.data_overwhelms",
        statement="From N = 195 to 1562 more images make up for the prior: the fully connected network gains on the convolutional one (points a doubling).",
        where="Experiments, first paragraph, our reading",
        kind="hypothesis",
        arm="fully_connected",
        rivals=("simple_cnn",),
        conditions=SIZES,
        values=ACCURACY,
        rule="slope",
        per="doubling",
        cost=2.0,
        **FEW | {"tag": "O"},
    ),
    Claim(
        id="coordinet.cnn_rotation",
        statement="Under rotation the convolutional network mostly beats both others by a large margin.",
        where="Experiments, rotation",
        arm="simple_cnn",
        rivals=("coordinet", "fully_connected"),
        conditions=SIZES,
        values=Values("rotation", x=TURNS, reduce="mean"),
        word="usually",
        rule="large margin",
        published=turned(*ALL),
        **TURN,
    ),
    Claim(
        id="coordinet.cnn_rotation_loss",
        statement="Under rotation the convolutional network usually loses less of its accuracy than both others.",
        where="Experiments, rotation, our reading",
        arm="simple_cnn",
        rivals=("coordinet", "fully_connected"),
        conditions=SIZES,
        values=Values("rotation", x=TURNS, baseline=0.0, reduce="mean"),
        word="usually",
        rule="best of several",
        **TURN | {"tag": "O"},
    ),
    Claim(
        id="coordinet.coordinet_worst_rotation",
        statement="Under rotation Coordinet usually generalises worst of the three.",
        where="Experiments, rotation",
        arm="coordinet",
        rivals=("simple_cnn", "fully_connected"),
        conditions=SIZES,
        values=Values("rotation", x=TURNS, reduce="mean", sign=-1),
        word="usually",
        rule="best of several",
        **TURN,
    ),
    Claim(
        id="coordinet.coordinet_drops_fastest",
        statement="Coordinet usually loses most accuracy in the first 20 degrees.",
        where="Rotation graphs, our reading (they show it for 195 and 1562 images)",
        arm="coordinet",
        rivals=("simple_cnn", "fully_connected"),
        conditions=SIZES,
        values=Values("rotation", x=20.0, baseline=0.0, sign=-1),
        word="usually",
        rule="best of several",
        **TURN | {"tag": "O"},
    ),
    Claim(
        id="coordinet.black_ground",
        statement="Where pictures lie on black anyway (MNIST), the convolutional network still loses less by turning than both others.",
        where="our own question",
        kind="hypothesis",
        arm="simple_cnn",
        rivals=("coordinet", "fully_connected"),
        conditions=tuple(
            c | {"dataset": "mnist"} for c in over("n_train", 97, 390, label="N = {}")
        ),
        values=Values("rotation", x=TURNS, baseline=0.0, reduce="mean"),
        rule="best of several",
        **TURN | {"study": "coordinet.mnist", "tag": "O", "cost": 0.5},
    ),
    Claim(
        id="coordinet.crop_level",
        statement="Cropping to 23 pixels usually costs Coordinet as much as the convolutional network (within a point).",
        where="our own question, put to the ResizedCrop graphs",
        kind="hypothesis",
        arm="coordinet",
        rivals=("simple_cnn",),
        conditions=SIZES,
        values=Values("resized_crop", x=23.0, baseline=32.0),
        word="usually",
        rule="level",
        published=cropped("coordinet", "simple_cnn"),
        cost=1.5,
        study="coordinet.resized_crop",
        page="coordinet/shifts",
        **CHAPTER | {"tag": "O"},
    ),
    Claim(
        id="coordinet.h2_cnn_needs_places",
        statement="The source's convolutional network uses the arrangement: with all pixels permuted it loses.",
        where="Hypothesis 2, our reading (both hypotheses predict it)",
        kind="hypothesis",
        arm="simple_cnn",
        rivals=("simple_cnn, permuted",),
        values=ACCURACY,
        **WHY | {"tag": "O"},
    ),
    Claim(
        id="coordinet.h2_places_help",
        statement="With its modulator, too, relative location is what Coordinet uses: true places beat random ones.",
        where="Hypothesis 2, our reading",
        kind="hypothesis",
        arm="coordinet, true places",
        rivals=("coordinet, random places",),
        values=ACCURACY,
        empty=INERT,
        **WHY | {"tag": "O"},
    ),
    Claim(
        id="coordinet.h1_sharing",
        statement="Sharing helps where positions are kept apart: one kernel everywhere beats one a position.",
        where="Hypothesis 1, our reading",
        kind="hypothesis",
        arm="shared, flattened",
        rivals=("unshared, flattened",),
        values=ACCURACY,
        **WHY | {"tag": "O", "study": "coordinet.averaging"},
    ),
    Claim(
        id="coordinet.h1_invariance",
        statement="With one kernel everywhere, averaging over positions beats keeping them apart.",
        where="Hypothesis 1, our reading",
        kind="hypothesis",
        arm="shared, pooled",
        rivals=("shared, flattened",),
        values=ACCURACY,
        **WHY | {"tag": "O", "study": "coordinet.averaging"},
    ),
    Claim(
        id="coordinet.h1_locality",
        statement="Locality helps even without sharing: one kernel a position, kept apart, beats full connection.",
        where="our own question",
        kind="hypothesis",
        arm="unshared, flattened",
        rivals=("fully_connected",),
        values=ACCURACY,
        note="the networks differ in depth and width, too",
        **WHY | {"tag": "O", "study": "coordinet.averaging"},
    ),
    Claim(
        id="coordinet.averaging_unshared",
        statement="Averaging over positions helps without sharing, too: one kernel a position, averaged, beats the same flattened.",
        arm="unshared, pooled",
        rivals=("unshared, flattened",),
        **AVERAGE,
    ),
    Claim(
        id="coordinet.sharing_averaged",
        statement="Where positions are averaged, sharing helps: one kernel everywhere beats one a position.",
        arm="shared, pooled",
        rivals=("unshared, pooled",),
        **AVERAGE,
    ),
    Claim(
        id="coordinet.pooled_needs_places",
        statement="A pooled and normalised convolutional network needs the arrangement: with all pixels permuted it loses by a large margin.",
        arm="pooled_cnn",
        rivals=("pooled_cnn, permuted",),
        rule="large margin",
        **AVERAGE,
    ),
    Claim(
        id="coordinet.pooled_without_places",
        statement="Even with all pixels permuted a pooled and normalised convolutional network beats the fully connected network.",
        arm="pooled_cnn, permuted",
        rivals=("fully_connected",),
        **AVERAGE,
    ),
    Claim(
        id="coordinet.conclusion",
        statement="Telling a network where its pixels are cannot replicate the convolution's prior: the convolutional network beats Coordinet.",
        where="Conclusions",
        arm="simple_cnn",
        rivals=("coordinet",),
        values=ACCURACY,
        empty=INERT,
        **WHY,
    ),
    Claim(
        id="coordinet.output_as_input",
        statement="Modulating the output and normalising does the same as CIPS's modulated, demodulated weights (within a point).",
        where="Techniques, ModFC",
        kind="hypothesis",
        arm="coordinet",
        rivals=("input side, demodulated",),
        values=ACCURACY,
        rule="level",
        empty=INERT,
        **PART,
    ),
    Claim(
        id="coordinet.sine_beats_raw",
        statement="Raw coordinates work, but a vector of sines improves on them.",
        where="Techniques, positional encoding",
        kind="hypothesis",
        arm="coordinet",
        rivals=("raw coordinates",),
        values=ACCURACY,
        empty=INERT,
        **PART,
    ),
    Claim(
        id="coordinet.other_resolutions",
        statement="Other resolutions are processed easily by Coordinet with its modulator: accuracy at 24, 48 and 64 pixels is that at 32 (within a point).",
        where="Importance",
        kind="hypothesis",
        arm={"arm": "coordinet", "part": "weighted"},
        rivals=({"arm": "coordinet", "part": "weighted", "x": 32.0},),
        conditions=tuple(
            {"label": f"{s:.0f} pixels", "n_train": 390, "dataset": "cifar10", "x": s}
            for s in (24.0, 48.0, 64.0)
        ),
        values=Values("sizes"),
        rule="level",
        empty=INERT,
        **GRID,
    ),
    Claim(
        id="coordinet.mixed_resolution",
        statement="Different resolutions within one image are processed easily (within a point of the full image).",
        where="Importance",
        kind="hypothesis",
        arm={"arm": "coordinet", "part": "weighted"},
        rivals=({"arm": "coordinet", "part": "full"},),
        conditions=ONE,
        values=Values("foveated"),
        rule="level",
        empty=INERT,
        **GRID,
    ),
    Claim(
        id="coordinet.lens",
        statement="Told the true places of a fish-eye picture, Coordinet beats the convolutional network on the straightened one.",
        where="Importance, our reading",
        kind="hypothesis",
        arm={"arm": "coordinet", "part": "told"},
        rivals=({"arm": "simple_cnn", "part": "straightened"},),
        conditions=tuple(
            {"label": f"strength {s}", "n_train": 390, "dataset": "cifar10", "x": s}
            for s in (0.25, 0.5, 1.0)
        ),
        values=Values("warps"),
        empty=INERT,
        **GRID | {"tag": "O"},
    ),
    Claim(
        id="coordinet.conclusion_pooled",
        statement="A pooled convolutional network beats a network that has no more than access to relative location (no modulator).",
        arm="pooled_cnn, small",
        rivals=("unmodulated",),
        title="pooled, against the network without a modulator",
        variant_of="coordinet.conclusion",
        **SMALL | OURS | {"kind": "conclusion"},
    ),
    Claim(
        id="coordinet.conclusion_padded",
        statement="The source's convolutional network, padded and without pooling, beats a network that has no more than access to relative location (no modulator).",
        arm="padded_cnn, small",
        rivals=("unmodulated",),
        title="padded, against the network without a modulator",
        variant_of="coordinet.conclusion",
        **SMALL | OURS | {"kind": "conclusion"},
    ),
    Claim(
        id="coordinet.location_beats_fc",
        statement="Access to relative location (no modulator) beats full connection.",
        arm="unmodulated",
        rivals=("fully_connected, small",),
        **SMALL | OURS,
    ),
    Claim(
        id="coordinet.places_help",
        statement="Without a modulator, the pixel path uses where its pixels lie: true places beat places drawn anew for every image.",
        where="Hypothesis 2, our reading",
        arm="unmodulated",
        rivals=("unmodulated, redrawn places",),
        variant_of="coordinet.h2_places_help",
        **SMALL | {"tag": "O"},
    ),
    Claim(
        id="coordinet.places_beat_none",
        statement="Without a modulator, true places beat none (colours without places).",
        where="Hypothesis 2, our reading",
        arm="unmodulated",
        rivals=("unmodulated, no places",),
        **SMALL | {"tag": "O"},
    ),
    Claim(
        id="coordinet.nearness_helps",
        statement="Without a modulator, what is near what matters, not only which is which: true places beat permuted and random fixed ones.",
        where="Hypothesis 2, our reading",
        arm="unmodulated",
        rivals=("unmodulated, permuted places", "unmodulated, random places"),
        rule="best of several",
        **SMALL | {"tag": "O"},
    ),
    Claim(
        id="coordinet.modulation_helps",
        statement="Modulated by the image, the network beats the same one without modulation.",
        where="Techniques, ModFC, our reading",
        arm="modulated by the image",
        rivals=("unmodulated",),
        **SMALL | {"tag": "O"},
    ),
    Claim(
        id="coordinet.a_colour_suffices",
        statement="A modulator that sees the mean colour alone does as much: worse by less than a point than one that sees the image.",
        arm="modulated by one colour",
        rivals=("modulated by the image",),
        rule="non-inferiority",
        **SMALL | OURS,
    ),
    Claim(
        id="coordinet.path_inert",
        statement="Modulated by the image, Coordinet hardly uses its pixels: nine answers in ten stay when all are set to the mean.",
        arm="modulated by the image",
        thresholds=(0.9, 0.9),
        **SMALL | OURS | {"values": Values("uses", part="no pixels, kept")},
    ),
    Claim(
        id="coordinet.path_used",
        statement="Without a modulator, Coordinet uses where its pixels lie: of ten answers fewer than eight stay when places are exchanged.",
        arm="unmodulated",
        thresholds=(-0.8, -0.8),
        **SMALL | OURS | {"values": Values("uses", part="exchanged coordinates, kept", sign=-1)},
    ),
    Claim(
        id="coordinet.padding_helps",
        statement="With 97 training images the source's convolutional network gains by padding its maps.",
        study="coordinet.padding",
        page="coordinet/few_samples",
        values=ACCURACY,
        **PADDED,
    ),
    Claim(
        id="coordinet.padding_helps_with_more",
        statement="With 195 to 1562 training images it usually gains by padding, too.",
        study="coordinet.padding_more",
        page="coordinet/few_samples",
        values=ACCURACY,
        **PADDED | WITH_MORE,
    ),
    Claim(
        id="coordinet.padding_rotation",
        statement="With 97 training images the convolutional network loses more of its accuracy by turning if it pads.",
        study="coordinet.padding_shifts",
        page="coordinet/shifts",
        values=LOST,
        **PADDED,
    ),
    Claim(
        id="coordinet.padding_rotation_with_more",
        statement="With 195 to 1562 training images, too, it usually loses more by turning if it pads.",
        study="coordinet.padding_shifts_more",
        page="coordinet/shifts",
        values=LOST,
        **PADDED | WITH_MORE,
    ),
    Claim(
        id="coordinet.resolutions_unmodulated",
        statement="Other resolutions are processed easily without a modulator: accuracy at 12, 24 and 32 pixels is worse than at the trained 16 by less than a point.",
        arm={"arm": "unmodulated", "part": "weighted"},
        rivals=({"arm": "unmodulated", "part": "weighted", "x": 16.0},),
        rule="non-inferiority",
        variant_of="coordinet.other_resolutions",
        **WARPED
        | {
            "tag": "O",
            "where": "Importance, our reading",
            "conditions": tuple(
                {"label": f"{s:.0f} pixels", "n_train": 97, "dataset": "cifar10", "x": s}
                for s in (12.0, 24.0, 32.0)
            ),
            "values": Values("sizes"),
        },
    ),
    Claim(
        id="coordinet.lens_unmodulated",
        statement="Told the true places of a fish-eye picture, Coordinet without a modulator beats a pooled convolutional network on the straightened one.",
        arm={"arm": "unmodulated", "part": "told"},
        rivals=({"arm": "pooled_cnn, small", "part": "straightened"},),
        variant_of="coordinet.lens",
        **WARPED
        | {
            "tag": "O",
            "where": "Importance, our reading",
            "conditions": tuple(
                {"label": f"strength {s}", "n_train": 97, "dataset": "cifar10", "x": s}
                for s in (0.25, 0.5, 1.0)
            ),
            "values": Values("warps"),
        },
    ),
)
