"""Until the last page has moved to `plots`."""

from spatialbias.plots.style import *  # noqa: F403
