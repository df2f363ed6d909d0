"""What the coordinate bias's result pages show: recall by class, guesses of side, confusions,
losses, answers pixel by pixel.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from spatialbias.claims.coordbias import CLAIMS
from spatialbias.datasets.batch import Data
from spatialbias.datasets.circles import CLASSES
from spatialbias.figures import circles, plots
from spatialbias.figures.maps import bare
from spatialbias.figures.segmentation_tables import network, part
from spatialbias.models import build
from spatialbias.plots.style import HOLLOW, INK, blank, canvas, colour, label, marker
from spatialbias.statistics import mean_interval
from spatialbias.studies.coordbias import HEADLINE, QUESTIONS

PROTOCOLS = {"our protocol": HEADLINE[:2], "as released": HEADLINE[2:]}
LAST = next(c for c in CLAIMS if c.id == "coordbias.loss").published
PUBLISHED_LOSS = {  # of validation after epochs 1 and 2, read off the source's figure [F]; the second is the claim's
    "vanilla": (0.126, LAST[1].value),
    "coordinate bias": (0.021, LAST[0].value),
}
PUBLISHED_IMAGES = 5000  # an epoch
UNTOLD = (
    "vanilla",
    "redrawn random maps",
    "wider vanilla",
    "vanilla, batch norm",
    "vanilla, circular padding",
)


def look(arm: str) -> dict:
    """Colour and marker of an arm, the same in every figure of the chapter."""
    arm = network(arm)
    place = QUESTIONS.index(arm) if arm in QUESTIONS else 0
    return {"color": colour(arm, place), "marker": marker(arm, place)}


def _runs(frame: pd.DataFrame, arms: Sequence[str]) -> str:
    counts = frame.groupby("arm")["replicate"].nunique().reindex(arms).dropna().astype(int)
    return f"n = {' and '.join(map(str, dict.fromkeys(counts)))}" if len(counts) else "n = 0"


def _key(
    figure: Figure,
    arms: Sequence[str],
    published: bool = False,
    place: str = "outside upper center",
) -> None:
    handles = [Line2D([], [], linestyle="", label=label(network(a)), **look(a)) for a in arms]
    if published:
        handles.append(Line2D([], [], marker="o", label="published, one run", **HOLLOW))
    figure.legend(handles=handles, loc=place, ncols=min(len(handles), 3), fontsize=8.5)


def recalls(frame: pd.DataFrame) -> Figure:
    """Recall of each class: mean, 95 % interval, single runs, and the published values as hollow
    marks; one panel a protocol.
    """
    figure, axes = canvas(2, height=3.5)
    rows = part(frame, "recall")
    for ax, (protocol, arms) in zip(axes, PROTOCOLS.items()):
        there = [arm for arm in arms if arm in set(rows["arm"])]
        for arm in there:
            ink, shift = look(arm)["color"], 0.17 if network(arm) == "vanilla" else -0.17
            for k in range(len(CLASSES)):
                values = 100 * part(rows, "recall", arm, k)["value"].dropna()
                mean, low, high, _ = mean_interval(values)
                ax.plot(
                    values,
                    np.full(len(values), k + shift),
                    marker="|",
                    color=ink,
                    alpha=0.4,
                    linestyle="",
                    markersize=8,
                )
                ax.plot(
                    np.clip([low, high], 0, 100),
                    [k + shift] * 2,
                    color=ink,
                    linewidth=3,
                    solid_capstyle="round",
                )
                ax.plot(mean, k + shift, markersize=6, **look(arm))
                ax.plot(
                    100 * circles.RECALLS[network(arm)][k],
                    k + shift,
                    markersize=7.5,
                    markeredgewidth=1.3,
                    marker=look(arm)["marker"],
                    **HOLLOW,
                )
        ax.set(
            title=f"{protocol} ({_runs(rows, arms)})",
            xlabel="recall (%)",
            xlim=(-2, 102),
            ylim=(len(CLASSES) - 0.5, -0.5),
        )
        ax.set_yticks(range(len(CLASSES)), CLASSES)
        ax.grid(axis="y", visible=False)
        if not there:
            blank(ax)
    _key(figure, HEADLINE[:2], published=True)
    return figure


def sides(
    frame: pd.DataFrame,
    panels: Mapping[str, Sequence[str]],
    drawn: circles.Scenes,
    published: bool = True,
) -> Figure:
    """Recall of yellow right against yellow left, every run a mark; lines: the best that observers
    without position can do.
    """
    figure, axes = canvas(len(panels), height=3.6 if published else 4.0)
    belief = circles.beliefs(drawn, "x")
    right, left = circles.trade_off(drawn, belief["scene"], "x")
    rows = part(frame, "recall")
    uneven = (
        rows[rows["arm"].isin(sum(map(list, panels.values()), []))]
        .groupby("arm")["replicate"]
        .nunique()
        .nunique()
        > 1
    )
    for ax, (title, arms) in zip(axes, panels.items()):
        ax.plot([0, 100], [100, 0], color=INK, linewidth=1.2)
        ax.plot(100 * right, 100 * left, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        for arm in arms:
            one = rows[rows["arm"] == arm].pivot_table(
                index="replicate", columns="x", values="value"
            )
            one = one.reindex(columns=[1.0, 2.0]).dropna()
            if one.empty:
                continue
            name = label(network(arm)) + f" (n = {len(one)})" * uneven
            ax.plot(
                100 * one[1.0],
                100 * one[2.0],
                linestyle="",
                alpha=0.75,
                clip_on=False,
                label=name,
                **look(arm),
            )
            if published and (there := circles.RECALLS.get(network(arm))):
                ax.plot(
                    100 * there[1],
                    100 * there[2],
                    markersize=8,
                    markeredgewidth=1.3,
                    marker=look(arm)["marker"],
                    clip_on=False,
                    **HOLLOW,
                )
        ax.set(
            title=title,
            xlabel="recall of yellow right (%)",
            xlim=(0, 103),
            ylim=(0, 103),
            aspect="equal",
        )
        if not set(arms) & set(rows["arm"]):
            blank(ax)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8, handletextpad=0.2)
    axes[0].set_ylabel("recall of yellow left (%)")
    return figure


def bars(recall: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """The mean recall of every arm, with the plain network's as a line through all; grey: what
    guessing can get, whatever it leans to.
    """
    if recall.empty:
        return blank()
    figure = plots.bars(
        recall,
        arms,
        ylabel="mean recall of the three classes (%)",
        chance=None,
        baseline="vanilla",
        look=lambda arm, _: look(arm),
    )
    figure.axes[0].axvspan(100 / 3, 200 / 3, color=INK, alpha=0.1, linewidth=0)
    figure.axes[0].set_xlim(0, 102)  # which leaves the names a place of their own
    arms = plots.arms_in(recall, arms)
    if (
        recall.groupby("arm")["replicate"].nunique()[arms].nunique() == 1
    ):  # then the page says it once
        figure.axes[0].set_yticks(range(len(arms)), map(label, arms))
    figure.set_figheight(
        max(figure.get_figheight(), 1.4)
    )  # high enough for its own labels, be there a single line in it
    return figure


def confusions(frame: pd.DataFrame) -> Figure:
    """Which class the pixels of each class were given, in per cent of the row; the mean over
    replicates, one panel a network.
    """
    figure, axes = canvas(len(HEADLINE), columns=2, height=2.75)
    rows, n = part(frame, "confusion"), len(CLASSES)
    for ax, arm in zip(axes, HEADLINE):
        means = (
            rows[rows["arm"] == arm]
            .groupby("x")["value"]
            .mean()
            .reindex(np.arange(float(n * n)))
            .to_numpy()
            .reshape(n, n)
        )
        ink = look(arm)["color"]
        shades = LinearSegmentedColormap.from_list(arm, [to_rgba(ink, 0), to_rgba(ink, 1)])
        ax.imshow(means, cmap=shades, vmin=0, vmax=1, interpolation="none")
        for (i, j), value in np.ndenumerate(means):
            if np.isfinite(value):
                ax.text(
                    j,
                    i,
                    f"{100 * value:.1f}",
                    ha="center",
                    va="center",
                    size=8,
                    color=readable(ink, value),
                )
        released = "as released" if arm.endswith("released") else "our protocol"
        ax.set_title(
            f"{network(arm)}, {released} (n = {rows.loc[rows['arm'] == arm, 'replicate'].nunique()})",
            size=9,
        )
        ax.set_xticks(
            range(n), [c.replace(" ", "\n").replace("kg", "k-\ng") for c in CLASSES], size=8
        )
        ax.set_yticks(range(n), CLASSES, size=8)
        ax.grid(visible=False)
        ax.label_outer()
        if np.isnan(means).all():
            blank(ax)
    for ax in axes[2:]:
        ax.set_xlabel("called")
    for ax in axes[::2]:
        ax.set_ylabel("true")
    return figure


def readable(ink: str, share: float) -> str:
    """Black or white, whichever stands out more from an ink that covers so much of a white page (on
    a dark one the two trade places).
    """
    levels = 1 - share * (1 - np.array(to_rgb(ink)))
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def losses(curves: pd.DataFrame, frame: pd.DataFrame, images: int) -> Figure:
    """Loss over training images seen: on the training images after every epoch, on the test images
    at the end, and as published.
    """
    figure, axes = canvas(2, height=3.2)
    ends, top = part(frame, "loss"), 0.5
    for ax, (protocol, arms) in zip(axes, PROTOCOLS.items()):
        for arm in arms:
            style, own = look(arm), curves[(curves["arm"] == arm) & curves["loss"].notna()]
            for _, run in own.groupby("replicate"):
                ax.plot(
                    images * run["epoch"],
                    run["loss"],
                    color=style["color"],
                    alpha=0.2,
                    linewidth=0.8,
                )
            middle = own.groupby("epoch")["loss"].median()
            top = max(top, 1.5 * middle.max()) if len(middle) else top
            ax.plot(images * middle.index, middle, color=style["color"], markersize=7, marker=".")
            last = ends[ends["arm"] == arm]
            mean, low, high, _ = mean_interval(last["value"].dropna())
            at = images * 1.15 * (last["epochs"].max() if len(last) else np.nan)
            ax.plot([at, at], np.clip([low, high], 1e-4, None), color=style["color"], linewidth=2.5)
            ax.plot(at, mean, markersize=6, **style)
            if protocol == "as released":
                ax.plot(
                    PUBLISHED_IMAGES * np.array([1, 2]),
                    PUBLISHED_LOSS[network(arm)],
                    markersize=7,
                    markeredgewidth=1.3,
                    marker=style["marker"],
                    **HOLLOW,
                )
        ax.set(
            xscale="log",
            yscale="log",
            title=f"{protocol} ({_runs(ends, arms)})",
            xlabel="training images seen",
        )
        seen = sorted(
            {images * int(epoch) for epoch in curves["epoch"].unique()}
            | {PUBLISHED_IMAGES, 2 * PUBLISHED_IMAGES}
        )
        ax.set_xticks(seen[-4:], [f"{n:,}" for n in seen[-4:]])
        ax.xaxis.set_minor_locator(NullLocator())
        if not set(arms) & set(curves["arm"]):
            blank(ax)
    axes[0].set_ylabel("cross-entropy (nats a pixel)")
    axes[0].set_ylim(
        top=top
    )  # one run whose norms have not settled after an epoch must not squeeze all others
    _key(figure, HEADLINE[:2], published=True)
    return figure


def answers(frame: pd.DataFrame, data: Data, number: int) -> Figure:
    """Test image `number` and its labels, and beside them what each network makes of it: above in
    our protocol, below as released.
    """
    image, truth = data.test.inputs[0][number], data.test.target[number]
    rows = frame[
        (frame["measure"] == "segmented")
        & (frame["part"] == str(number))
        & (frame["replicate"] == 0)
    ]
    figure, axes = canvas(6, columns=3, height=2.45)
    circles.picture(axes[0], image, f"test image {number + 1}")
    circles.label_image(axes[3], truth, image, "labels")
    for ax, arm in zip((axes[1], axes[2], axes[4], axes[5]), HEADLINE):
        given = rows[rows["arm"] == arm].sort_values("x")["value"].to_numpy()
        title = network(arm) + (", as released" if arm.endswith("released") else "")
        if given.size != truth.numel():
            circles.label_image(ax, torch.zeros_like(truth), title=title)
            blank(ax)
            continue
        given = torch.tensor(given.tolist()).long().view_as(truth)
        circles.label_image(
            ax,
            given,
            title=f"{title}\n{float((given == truth).float().mean()):.1%} of pixels right",
        )
        ax.contour(truth.numpy() > 0, levels=[0.5], colors=INK, linewidths=0.6) if (
            truth > 0
        ).any() else None
    return figure


@torch.no_grad()
def border(size: int = 128, seed: int = 0) -> dict[str, np.ndarray]:
    """How far an untrained plain network's response to an even picture departs from that in the
    middle: padding -> (size, size).

    A network that does not know where it is answers alike everywhere, up to its pattern of eight
    pixels. In units of the response's own size.
    """
    found, even = {}, torch.full((1, 3, size, size), 0.5, dtype=torch.float64)
    for padding in ("zeros", "circular"):
        torch.manual_seed(seed)
        out = build("vgg9_fcn", padding_mode=padding).double().eval()(even)[0]
        middle = out[:, size // 16 * 8 :, size // 16 * 8 :][:, :8, :8].repeat(
            1, size // 8, size // 8
        )
        found[padding] = (
            (out - middle).square().sum(0).sqrt() / middle.square().sum(0).mean().sqrt()
        ).numpy()
    return found


def from_edge(size: int) -> np.ndarray:
    """Every pixel's distance from the nearest edge, in pixels: 0 at the edge."""
    edge = np.minimum(np.arange(size), np.arange(size)[::-1])
    return np.minimum(edge[:, None], edge[None])


def border_figure(found: Mapping[str, np.ndarray]) -> Figure:
    """The maps of `border`, on one logarithmic scale, and their means by distance from the nearest
    edge.
    """
    figure, axes = canvas(3, height=2.3, share_x=False, share_y=False)
    top = max(float(values.max()) for values in found.values()) or 1.0
    shades = LinearSegmentedColormap.from_list(
        "departure", [to_rgba(INK, 0.04), to_rgba("#d55e00", 1)]
    )
    for ax, (padding, values) in zip(axes, found.items()):
        drawn = ax.imshow(
            np.maximum(values, 1e-6), cmap=shades, norm=LogNorm(1e-5, top), interpolation="none"
        )
        bare(ax, f"padding: {padding}")
        distance = from_edge(len(values))
        arm = "vanilla" if padding == "zeros" else "vanilla, circular padding"
        means = [values[distance == d].mean() for d in range(len(values) // 2)]
        axes[2].plot(np.maximum(means, 1e-12), color=look(arm)["color"], label=padding)
    axes[2].set(xlabel="pixels from the edge", title="mean", yscale="log", ylim=(1e-9, 3 * top))
    axes[2].legend(fontsize=8)
    bar = figure.colorbar(drawn, ax=axes[:2], label="departure", aspect=24, shrink=0.75, pad=0.02)
    bar.outline.set_linewidth(0.4)
    return figure
