"""What the explorer shows, standing still: one image under several amounts of a shift, and each
network's answers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import torch
from matplotlib.figure import Figure

from spatialbias.explorer.networks import NoNetworks, of, pictures
from spatialbias.explorer.view import known
from spatialbias.figures import style


def picture(shift: str = "rotation", networks: Mapping | None = None, image: int = 0) -> Figure:
    """One image at several amounts of a shift, a column each; below, each network's answer (bold if
    right) and its probability of the true class (a bar, filled where the answer is right). The
    dotted line is chance.

    image: which of the 30 images, in the order of the test set; 0 is the very first. networks: as
    for `explore`; without any the figure holds the message that says so.
    """
    row = known(shift)
    style.use()
    try:
        given = of(networks)
    except NoNetworks as error:
        return _message(str(error))
    images, target, classes = pictures(given)
    if not 0 <= image < len(images):
        raise ValueError(f"image={image!r}: it must be from 0 to {len(images) - 1}")
    views = torch.cat(
        [row.view(amount, images.shape[3])(images[image : image + 1]) for amount in row.amounts]
    )
    true = int(target[image])
    answers = {
        name: network.probabilities(views) for name, network in given.items()
    }  # (amounts, classes)

    figure = Figure(figsize=(7.2, 1.75 + 0.42 * len(given)), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.03)
    axes = figure.subplots(
        2, len(row.amounts), squeeze=False, height_ratios=(1.25, 0.35 + 0.42 * len(given))
    )
    for column, amount in enumerate(row.amounts):
        _show(axes[0, column], views[column], f"{amount}{row.unit}")
        _bars(
            axes[1, column],
            {name: p[column] for name, p in answers.items()},
            true,
            classes,
            names=column == 0,
        )
    figure.supxlabel(
        f"probability of “{classes[true]}” (filled, bold: the network’s answer is right; dotted: chance)",
        size=style.SIZES["text"],
        parse_math=False,
    )
    return figure


def _show(ax, image: torch.Tensor, title: str) -> None:
    ax.imshow(image.expand(3, -1, -1).permute(1, 2, 0).numpy(), interpolation="none")  # (H, W, 3)
    ax.set_axis_off()
    ax.set_title(title, loc="center")


def _bars(
    ax, answers: Mapping[str, torch.Tensor], true: int, classes: tuple[str, ...], names: bool
) -> None:
    for place, (name, p) in enumerate(answers.items()):
        colour, top = style.colour(name, place), int(p.argmax())
        ax.barh(
            place,
            float(p[true]),
            height=0.34,
            facecolor=colour if top == true else "none",
            edgecolor=colour,
            linewidth=1.2,
        )
        ax.text(
            0,
            place - 0.27,
            classes[top],
            va="bottom",
            size=style.SIZES["text"] - 1,
            parse_math=False,
            weight="bold" if top == true else "normal",
        )
        ax.vlines(
            1 / len(classes),
            place - 0.27,
            place + 0.27,
            color=style.INK,
            linestyle=":",
            linewidth=1.2,
        )
    ax.set(
        xlim=(0, 1),
        ylim=(len(answers) - 0.6, -0.85),
        xticks=(0, 0.5, 1),
        xticklabels=("0", ".5", "1"),
    )
    for text, place in zip(ax.get_xticklabels(), ("left", "center", "right"), strict=True):
        text.set_horizontalalignment(place)  # or the 1 runs into the next column's 0
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.set_yticks(range(len(answers)), [style.label(name) if names else "" for name in answers])
    ax.tick_params(axis="y", length=0)
    for place, (name, text) in enumerate(zip(answers, ax.get_yticklabels(), strict=True)):
        text.set(color=style.colour(name, place), parse_math=False)


def _message(text: str) -> Figure:
    figure = Figure(figsize=(7.2, 0.9))
    figure.text(0.01, 0.5, textwrap.fill(text, 100), va="center", parse_math=False)
    return figure
