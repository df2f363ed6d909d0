"""See what a shift does to single images: turn one, crop it, scramble its pixels, and watch every
network answer.

`explore()` is a widget in Jupyter, and in the rendered book the same front end on networks that run
in the browser; `explorer.js` draws both. Saved notebooks stay alive without a kernel: they carry
answers that were computed in advance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape

from torch import nn

from spatialbias.explorer.networks import NoNetworks, load_networks, of

__all__ = ["NoNetworks", "explore", "load_networks"]


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
    from spatialbias.explorer.widget import Explorer, Page, content, state_of

    try:
        given = of(networks)
    except NoNetworks as error:
        from IPython.display import HTML

        return HTML(escape(str(error)))
    shown = content(given, image)
    start = state_of(shown, state)
    if os.environ.get("SPATIALBIAS_PROFILE"):  # the book is being made
        return Page(shown, start, shared=networks is None and image is None)
    return Explorer(given, shown, start)
