"""What is evaluated on a trained network. A measure is a function of a `Subject` that yields rows
{x, value, n} with an optional `part`; `TABLE` says which ones are also taken at the published cap
of epochs.
"""

from collections.abc import Callable, Iterator

from spatialbias.measures import images, local, places, segmentation
from spatialbias.measures.subject import SHIFTED, Subject, scores

__all__ = ["SHIFTED", "TABLE", "Subject", "scores"]

TABLE: dict[str, tuple[Callable[[Subject], Iterator[dict]], bool]] = {
    **images.TABLE,
    **places.TABLE,
    **segmentation.TABLE,
    **local.TABLE,
}
