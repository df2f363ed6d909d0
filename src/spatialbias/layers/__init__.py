"""Layers that are told places, or whose filters differ from place to place or image to image. Each
is an `nn.Module`.
"""

from .coordbias import CoordBiasConv2d
from .coordconv import CoordConv2d
from .locally_connected import LocallyConnected2d
from .lrlc import LRLC2d
from .modfc import ModFC
from .position import coordinate_grid

__all__ = [
    "CoordBiasConv2d",
    "CoordConv2d",
    "LRLC2d",
    "LocallyConnected2d",
    "ModFC",
    "coordinate_grid",
]
