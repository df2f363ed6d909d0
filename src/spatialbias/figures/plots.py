"""Until the last page has moved to `plots`."""

from spatialbias.plots.charts import *  # noqa: F403
