"""See what a shift does to single pictures: `explore` is a widget to play with, `picture` the
figure that stands in its place where nobody can.

Which of the two a page shows: `SPATIALBIAS_PROFILE` is set while the book is made, and `explore`
then returns the picture; in any other Jupyter kernel it returns the widget; without a kernel, the
picture. A widget that was executed with nobody in front of it (papermill, a plain `jupyter-book
build`) carries the picture along as SVG, which is what programs without widgets show. No reader
meets a slider that does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from spatialbias.explorer.networks import NoNetworks, load_networks, of
from spatialbias.explorer.still import picture
from spatialbias.explorer.view import known

__all__ = ["NoNetworks", "explore", "load_networks", "picture"]


def explore(shift: str = "rotation", networks: Mapping | None = None, live: bool | None = None):
    """Turn, crop and move a picture and watch the class probabilities of each network.

    shift: "rotation", "resized_crop" or "translation": which slider comes first, and what the
    picture shows.
    networks: name: (model, data), trained networks with the `Data` they were trained on; None for
    the shipped ones.
    live: None decides as this module's docstring says.

    Returns an ipywidgets widget or, where there is no live front end, the Figure of `picture`.
    Without networks both hold a message that says how to come by them. Raises ValueError for an
    unknown shift or unsuitable networks.
    """
    known(shift)
    if not (front_end() if live is None else live):
        return picture(shift, networks)
    from spatialbias.explorer.widget import Explorer, message

    try:
        return Explorer(shift, of(networks))
    except NoNetworks as error:
        return message(str(error))


def front_end() -> bool:
    """Whether a person with widgets may be looking: a Jupyter kernel that is not making the
    book.
    """
    if os.environ.get("SPATIALBIAS_PROFILE"):
        return False
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
