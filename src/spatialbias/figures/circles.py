"""What the page `coordbias/circles` shows: the coloured circles, how one image is made, and what
can be known without position.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from spatialbias.claims.coordbias import COORDINATE, VANILLA
from spatialbias.datasets import circles
from spatialbias.figures.maps import bare
from spatialbias.plots.style import HOLLOW, INK, SPARE, canvas, marker, use

INKS = (
    INK,
    "#e69f00",
    "#56b4e9",
    "#d55e00",
)  # of the four classes: right and left differ in lightness too
FAINT = 0.16  # how strongly background is drawn
RECALLS = {  # printed in the source's figures: recall of background, yellow right, yellow left, red bottom; single runs
    "vanilla": (0.99208, *VANILLA),
    "coordinate bias": (0.99704, *COORDINATE),
}


@dataclass(frozen=True)
class Scenes:
    """The circles of n images, (n, 3) each, in the order in which they are drawn; `visible` counts
    pixels not covered by later ones.
    """

    yellow: Tensor
    x: Tensor
    y: Tensor
    radius: Tensor
    kind: Tensor
    visible: Tensor
    size: int

    @property
    def cut(self) -> Tensor:
        """Which of them the lower edge cuts off."""
        return self.y + self.radius >= self.size

    @property
    def overlap(self) -> Tensor:
        """Which images (n,) have at least two circles that touch."""
        first, second = (0, 0, 1), (1, 2, 2)
        apart = (self.x[:, first] - self.x[:, second]).square() + (
            self.y[:, first] - self.y[:, second]
        ).square()
        return (apart <= (self.radius[:, first] + self.radius[:, second]).square()).any(1)


def scenes(n: int, size: int = 128, seed: int = 0, part: int = 0) -> Scenes:
    """The circles of the first `n` images of a part (0: training, 1: test): the generator's
    numbers, drawn again.
    """
    drawn = np.random.default_rng([seed, part]).random((n, circles.NUMBERS))
    parts = [
        circles.place(c, size)
        for c in np.split(drawn[:, -5 * circles.CIRCLES :], circles.CIRCLES, axis=1)
    ]
    yellow, x, y, radius, kind = (torch.stack(values, 1) for values in zip(*parts))
    visible, later = torch.empty_like(x), torch.zeros(n, size, size, dtype=torch.bool)
    for k in reversed(range(circles.CIRCLES)):
        disc = circles.discs(x[:, k], y[:, k], radius[:, k], size)
        visible[:, k] = (disc & ~later).flatten(1).sum(1)
        later |= disc
    return Scenes(yellow.bool(), x, y, radius, kind, visible, size)


# ------------------------------------------------------------------------------------------------------------
# pictures


def picture(ax: Axes, image: Tensor, title: str = "") -> None:
    """An image (3, H, W) of 8 bits."""
    ax.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
    bare(ax, title)


def label_image(ax: Axes, label: Tensor, image: Tensor | None = None, title: str = "") -> None:
    """The class of every pixel in its colour; dotted: the rims of red circles, which may count as
    background.
    """
    palette = np.array([to_rgba(ink, FAINT if k == 0 else 1) for k, ink in enumerate(INKS)])
    ax.imshow(palette[label.numpy()], interpolation="none")
    if image is not None:
        red = (image[0] == 255) & (image[1] == 0)
        if red.any():
            ax.contour(
                red.numpy(), levels=[0.5], colors=INKS[3], linewidths=0.8, linestyles="dotted"
            )
    bare(ax, title)


def legend(figure: Figure, place: str = "outside upper center") -> None:
    """The classes in their colours, above the figure."""
    patches = [
        Patch(facecolor=to_rgba(ink, FAINT if k == 0 else 1), edgecolor=ink, label=name)
        for k, (ink, name) in enumerate(zip(INKS, circles.CLASSES))
    ]
    figure.legend(handles=patches, loc=place, ncols=4, fontsize=8.5)


def key() -> Figure:
    """The classes in their colours, as a strip of its own above several pictures."""
    use()
    figure = Figure(figsize=(7.2, 0.35))
    figure.add_axes((0, 0, 1, 1)).set_axis_off()  # a figure without axes is not shown
    legend(figure, "center")
    return figure


def examples(images: Tensor, labels: Tensor) -> Figure:
    """Images and, to the right of each, its labels; two of them a row."""
    figure, axes = canvas(2 * len(images), columns=4, height=1.8)
    for k, (image, label) in enumerate(zip(images, labels)):
        picture(axes[2 * k], image)
        label_image(axes[2 * k + 1], label, image)
    legend(figure)
    return figure


def construction(index: int, size: int = 128, seed: int = 0) -> tuple[Figure, Tensor]:
    """How training image `index` is made: three fields of noise, their mixture, the circles one
    after the other. And the image.
    """
    drawn = np.random.default_rng([seed, 0]).random((index + 1, circles.NUMBERS))[-1:]
    angles = torch.from_numpy(drawn[:, : 3 * circles.NODES]).float().view(3, circles.NODES) * (
        2 * torch.pi
    )
    fields = torch.cat((angles.cos(), angles.sin()), -1) @ circles.noise_basis(size)
    low, high = fields.aminmax(dim=-1, keepdim=True)
    image = ((fields - low) / (high - low) * 127.5).round().to(torch.uint8).view(3, size, size)
    label = torch.zeros(size, size, dtype=torch.long)
    figure, axes = canvas(8, columns=4, height=1.95)
    for k, name in enumerate(("red", "green", "blue")):
        alone = (
            torch.where(torch.arange(3)[:, None, None] == k, image * 2.0, 0).clamp(max=255).byte()
        )
        picture(axes[k], alone, f"noise for {name}")
    picture(axes[3], image, "mixed, at half brightness")
    for k, circle in enumerate(np.split(drawn[:, 3 * circles.NODES :], circles.CIRCLES, axis=1)):
        yellow, x, y, radius, kind = circles.place(circle, size)
        inside = circles.discs(x, y, radius, size)[0]
        image = torch.where(
            inside,
            torch.tensor([255, 255 * int(yellow), 0], dtype=torch.uint8)[:, None, None],
            image,
        )
        label = torch.where(inside, kind, label)
        picture(
            axes[4 + k],
            image,
            f"circle {k + 1}: {'yellow' if yellow else 'red'}, radius {int(radius)}\n"
            f"centre ({int(x)}, {int(y)}), class {int(kind)}",
        )
        axes[4 + k].plot(int(x), int(y), marker="+", color="black", markersize=5, markeredgewidth=1)
    label_image(axes[7], label, image, "labels\n")
    for ax in axes[4:]:
        ax.axvline(size / 2 - 0.5, color="white", linewidth=0.7, linestyle=":")
        ax.axhline(size / 2 - 0.5, color="white", linewidth=0.7, linestyle=":")
    return figure, image


# ----------------------------------------------------------------------------------------------------------
# statistics


def frequencies(labels: Tensor) -> Tensor:
    """P(class | position), over images: (4, H, W)."""
    return torch.stack([(labels == k).float().mean(0) for k in range(len(circles.CLASSES))])


def maps(found: Tensor) -> Figure:
    """Where each class occurs; from clear, where it is rarest, to full colour, where it is most
    frequent.
    """
    figure, axes = canvas(4, columns=4, height=2.1)
    for ax, values, ink, name in zip(axes, found, INKS, circles.CLASSES):
        low, high = float(values.min()), float(values.max())
        shades = LinearSegmentedColormap.from_list(name, [to_rgba(ink, 0), to_rgba(ink, 1)])
        ax.imshow(values.numpy(), cmap=shades, vmin=low, vmax=high, interpolation="none")
        bare(ax, f"{name}\n{low:.0%} to {high:.0%}")
    return figure


def facts(found: Tensor, drawn: Scenes, labels: Tensor, images: Tensor) -> pd.DataFrame:
    """The data set in numbers: classes, covered and cut-off circles, and red pixels whose own half
    says the wrong class.
    """
    red = (images[:, 0] == 255) & (images[:, 1] == 0)
    below = torch.arange(drawn.size)[:, None] >= drawn.size // 2
    rows = {
        f"pixels of {name}": f"{float(share):.2%}"
        for name, share in zip(circles.CLASSES, found.mean((1, 2)))
    }
    rows["images with circles that overlap"] = f"{float(drawn.overlap.float().mean()):.1%}"
    rows["circles that later ones hide altogether"] = (
        f"{float((drawn.visible == 0).float().mean()):.1%}"
    )
    rows["circles cut off at the bottom"] = f"{float(drawn.cut.float().mean()):.1%}"
    rows["red pixels in the half that is not their centre's"] = (
        f"{float(((labels == 3) != below)[red].float().mean()):.1%}"
    )
    return pd.DataFrame(rows.items(), columns=["", f"in {len(labels):,} images"])


# -----------------------------------------------------------------------------------------------
# observers without position


def beliefs(drawn: Scenes, axis: str) -> dict[str, Tensor]:
    """P(the circle lies right, or low) for every circle (n, 3), as believed by observers to whom
    positions are not told.

    Exact, for the generator draws positions uniformly: a belief counts the shifts of what is seen
    that its rules allow. "colour" knows no more than how often it is so; "size" sees the circle's
    radius; "edge" sees besides whether the lower edge cuts it; "scene" sees all circles of the
    image, whole, and only not where the scene lies.
    """
    half, size, r = drawn.size // 2, drawn.size, drawn.radius[..., None]
    shifts = torch.arange(1 - size, size)
    place = (drawn.x if axis == "x" else drawn.y)[..., None] + shifts  # (n, 3, shifts)
    if axis == "x":
        allowed = ((place >= r) & (place + r < half)) | ((place >= half + r) & (place + r < size))
    else:
        allowed = (place >= r) & (place < size)
    beyond = place > half

    def belief(possible: Tensor) -> Tensor:
        return (beyond & possible).sum(-1) / possible.sum(-1)

    alone = belief(allowed)
    cut = place + r >= size
    same = belief(allowed & (cut == drawn.cut[..., None])) if axis == "y" else alone
    return {
        "colour": torch.full_like(alone, float(alone.mean())),
        "size": alone,
        "edge": same,
        "scene": belief(allowed.all(1, keepdim=True).expand_as(allowed)),
    }


def trade_off(drawn: Scenes, belief: Tensor, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Recall of pixels on the far side (right or low) and on the near one, for every threshold on
    `belief`; yellow by x, red by y.
    """
    here = drawn.yellow if axis == "x" else ~drawn.yellow
    far = (drawn.x if axis == "x" else drawn.y) > drawn.size // 2
    values, weight = belief[here].numpy(), drawn.visible[here].double().numpy()
    order = np.argsort(-values, kind="stable")
    hits = np.where(far[here].numpy(), weight, 0)[order].cumsum()
    false = np.where(far[here].numpy(), 0, weight)[order].cumsum()
    last = np.append(
        np.flatnonzero(np.diff(values[order])), len(order) - 1
    )  # equal beliefs are answered alike, or by lot
    return np.append(0, hits[last] / hits[-1]), np.append(1, 1 - false[last] / false[-1])


def upper_red(drawn: Scenes, background: float) -> float:
    """The share of the background that is red circles in the upper half; `background`: of all
    pixels.
    """
    return float(drawn.visible[~drawn.yellow & (drawn.y <= drawn.size // 2)].sum()) / (
        background * drawn.x.shape[0] * drawn.size**2
    )


def kept(drawn: Scenes, background: float, observer: str, recall: float) -> float:
    """The recall of background that an observer can have beside a recall of red."""
    far, near = trade_off(drawn, beliefs(drawn, "y")[observer], "y")
    return 1 - upper_red(drawn, background) * (1 - float(np.interp(recall, far, near)))


OBSERVERS = {
    "colour": ("its colour", INK, "-"),
    "size": ("and its size", SPARE[2], (0, (5, 2))),
    "edge": ("and the edge", SPARE[1], (0, (1, 1))),
    "scene": ("the whole scene,\nbut not where it lies", SPARE[0], "-"),
}


def observers(drawn: Scenes, background: float) -> tuple[Figure, dict[str, float]]:
    """What observers without position can reach, with the published networks; and the best mean of
    the two recalls, by axis and observer.

    background: the share of pixels that are background, of which red circles in the upper half are
    a part.
    """
    figure, axes = canvas(2, height=3.5, share_y=False, share_x=False)
    best, upper = {}, upper_red(drawn, background)
    for ax, axis in zip(axes, "xy"):
        for name, belief in beliefs(drawn, axis).items():
            far, near = trade_off(drawn, belief, axis)
            best[f"{axis} {name}"] = float((far + near).max() / 2)
            if (
                axis == "y"
            ):  # the background that it could keep at the vanilla network's recall of red
                best[f"at vanilla {name}"] = 1 - upper * (
                    1 - float(np.interp(RECALLS["vanilla"][3], far, near))
                )
            if axis == "x" and name in ("size", "edge"):
                continue  # they see no more than the colour tells: left and right are alike
            text, ink, dash = OBSERVERS[name]
            ax.plot(
                100 * far,
                100 * (near if axis == "x" else 1 - upper * (1 - near)),
                color=ink,
                linestyle=dash,
                label=text,
            )
    for name, (ground, right, left, bottom) in RECALLS.items():
        for ax, point, at in zip(axes, ((right, left), (bottom, ground)), ((7, 3), (7, 5))):
            ax.plot(
                100 * point[0],
                100 * point[1],
                marker=marker(name),
                markersize=7,
                markeredgewidth=1.3,
                clip_on=False,
                **HOLLOW,
            )
            end = point[0] > 0.9
            ax.annotate(
                name,
                (100 * point[0], 100 * point[1]),
                xytext=(-8, 9) if end else at,
                textcoords="offset points",
                size=8,
                ha="right" if end else "left",
                color=INK,
                annotation_clip=False,
            )
    axes[0].set(
        xlabel="recall of yellow right (%)",
        ylabel="recall of yellow left (%)",
        title="yellow: which side?",
        xlim=(0, 100),
        ylim=(0, 106),
    )
    axes[1].set(
        xlabel="recall of red bottom (%)",
        ylabel="recall of background (%)",
        title="red: how low?",
        xlim=(0, 100),
        ylim=(100 * (1 - 1.1 * upper), 100.3),
    )
    figure.legend(
        *axes[1].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize=8.5,
        labelcolor="linecolor",
        title="an observer who sees",
        title_fontsize=8.5,
    )
    return figure, best
