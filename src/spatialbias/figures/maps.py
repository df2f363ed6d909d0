"""Until the last page has moved to `plots`."""

from spatialbias.plots.maps import *  # noqa: F403
