"""See what a shift does to single images: turn one, crop it, scramble its pixels, and watch every
network answer; and two siblings, a square that networks draw and name, and the kernels of a low-rank
locally connected layer place by place.

Each is a widget in Jupyter, and in the rendered book the same front end on networks that run in the
browser: `shifts.js`, `square.js` and `kernels.js` draw them. Saved notebooks stay alive without a
kernel: they carry answers that were computed in advance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape

from torch import Tensor, nn

from spatialbias.explorer.networks import NoNetworks, load_networks, of

__all__ = ["NoNetworks", "explore", "explore_kernels", "explore_square", "load_networks"]


def explore(networks: nn.Module | Mapping | None = None, image=None, **state):
    """Shift an image and watch the class probabilities of each network.

    Args:
        networks: None for the book's own; a network of yours, or several by name, each a module or
            (module, data). A module alone must take CIFAR-10's images (B, 3, 32, 32), normalised by
            channel as the book does it, and return ten logits an image.
        image: one of yours: a file, a PIL image, or an array (H, W), (H, W, 3) or (3, H, W).
        state: where the controls start: `start="frog 1"` (the image), `turn=40`, `crop=24`,
            `right=3`, `down=-2`, `blur=8`, `noise=20`, `corners=True`, `scramble=True`,
            `network="simple_cnn"`.

    Returns:
        A widget, or while the book is made the page that stands for it. Without networks, a message
        that says how to come by them.

    Raises:
        ValueError: for what cannot be shown.
    """
    from spatialbias.explorer.widget import Explorer, content, state_of

    try:
        given = of(networks)
    except NoNetworks as error:
        return _message(error)
    shown = content(given, image)
    start = state_of(shown, state)
    return _page(shown, start, networks is None and image is None) or Explorer(given, shown, start)


def explore_square(**state):
    """Drag a Not-so-Clevr square and watch CoordConv and a deconvolution draw it and name the place
    of its centre; a quarter of the canvas was held out of their training.

    Args:
        state: where its centre starts, `x=22`, `y=21` (whole pixels from 4 to 27).

    Returns:
        As `explore` does.
    """
    from spatialbias.explorer.square import Square, content, networks, state_of

    start = state_of(state)
    try:
        given = networks()
    except NoNetworks as error:
        return _message(error)
    shown = content(given)
    return _page(shown, start, True) or Square(given, shown, start)


def explore_kernels(
    networks: str | Sequence[str] | nn.Module | None = None,
    images: Tensor | None = None,
    name: str = "kernels",
    **state,
):
    """Move over the map of a low-rank locally connected layer's combining weights and see the
    kernels that stand at each place.

    Args:
        networks: names of shipped ones ("images, K = 4"; see `load_networks("lrlc")`), or a module
            of yours; the first `LRLC2d` in each is shown. None: three for faces, whose weights come
            from row and column, from a table and from the image.
        images: for weights that depend on them, (N, 1 or 3, H, W): uint8 for the shipped networks,
            which have some of their own; for a module what it takes.
        name: of this widget in the page's address (`#kernels=layer,row,column,bank,image`).
        state: where it starts, each counted from 0: `layer=1` (of the networks), `row=3`,
            `column=5`, `bank=1`, and, of a layer whose weights depend on the image, `image=2`.

    Returns:
        As `explore` does.

    Raises:
        ValueError: for a network without such a layer, or without the images that it needs.
    """
    from spatialbias.explorer.kernels import FACES, Kernels, content, given, state_of

    try:
        shown = content(given(FACES if networks is None else networks), images, name)
    except NoNetworks as error:
        return _message(error)
    start = state_of(shown, state)
    return _page(shown, start, False) or Kernels(shown, start)


def _page(shown: dict, start: dict, shared: bool):
    """The page that stands for a widget, while the book is made."""
    from spatialbias.explorer.hosts import Page

    return Page(shown, start, shared) if os.environ.get("SPATIALBIAS_PROFILE") else None


def _message(error: NoNetworks):
    from IPython.display import HTML

    return HTML(escape(str(error)))
