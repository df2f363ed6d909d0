"""The segmentation network of the coordinate-bias study: an encoder cut from VGG, and a decoder
with skip connections.

Source: pskugit, "custom-conv2d", 2020, as its code has the network.
"""

import numpy as np
import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.layers.coordbias import CoordBiasConv2d, random_aside
from spatialbias.layers.coordconv import CoordConv2d


class FixedMapsBiasConv2d(CoordBiasConv2d):
    """A coordinate bias on two fixed random maps: as many parameters, and positions marked, but in
    no order.
    """

    def coordinates(
        self, height: int, width: int, dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        return fixed_maps(height, width).to(device, dtype)


@torch.fx.wrap
@torch.compiler.assume_constant_result
def fixed_maps(height: int, width: int) -> Tensor:
    """What torch.rand draws after manual_seed(10007 height + width), by NumPy's generator of the
    same kind: torch's would be drawn anew in each sample of a vmap, and cannot be exported.
    """
    bits = np.random.RandomState(height * 10007 + width).randint(
        0, 2**32, (2, height, width), np.uint32
    )
    return torch.from_numpy((bits & 0xFFFFFF).astype(np.float32) / 2**24)


class RedrawnMapsBiasConv2d(CoordBiasConv2d):
    """A coordinate bias on random maps drawn anew for every image: as many parameters, and no word
    about position.
    """

    def forward(self, x: Tensor) -> Tensor:
        out = nn.Conv2d.forward(self, x)  # (B, C_out, H, W)
        B, _, height, width = out.shape
        maps = torch.rand_like(out.new_empty((B, 2, height, width)))
        return out + torch.einsum("cd,bdhw->bchw", self.coordinate_bias.to(out.dtype), maps)


LAYERS = {
    "conv": nn.Conv2d,
    "coordbias": CoordBiasConv2d,
    "coordconv": CoordConv2d,
    "fixed_maps": FixedMapsBiasConv2d,
    "redrawn_maps": RedrawnMapsBiasConv2d,
}


class vgg9_fcn(nn.Module):  # noqa: N801  (models go by the names that trials use)
    """Images (B, 3, H, W) -> logits of each pixel's class (B, classes, H, W), for H and W that are
    multiples of 8.

    1,533,284 parameters with `layer="conv"`, 1,535,076 with "coordbias".

    Args:
        layer: the encoder's six convolutions, a key of `LAYERS`.
        init: "equal": every network's encoder starts with the same He-normal weights, whatever its
            layer, and positions come on top. "source": only plain convolutions are initialised so;
            others keep PyTorch's default, as happened in the source.
        statistics: of the batch norms outside training: "running", or "batch", as in the source,
            which never leaves training mode.
        encoder_norm: a batch norm after every convolution of the encoder (the source has none).
        padding_mode: of the encoder's convolutions; zeros betray the border.
        first_width: channels of the first layer; 67 gives plain convolutions 20 parameters more
            than "coordbias" has.
        classes: number of classes.
    """

    evaluation_batch = 25

    def __init__(
        self,
        layer: str = "conv",
        init: str = "equal",
        statistics: str = "running",
        encoder_norm: bool = False,
        padding_mode: str = "zeros",
        first_width: int = 64,
        classes: int = 4,
    ) -> None:
        super().__init__()
        one_of(LAYERS, layer=layer)
        one_of(("equal", "source"), init=init)
        one_of(("running", "batch"), statistics=statistics)
        self.draws = layer == "redrawn_maps"  # from torch's own generator, whenever it answers
        self.statistics, tracked = statistics, statistics == "running"
        self.stages, channels = nn.ModuleList(), 3
        for widths in ((first_width, 64), (128, 128), (256, 256)):
            stage: list[nn.Module] = []
            for width in widths:
                stage += [_convolution(layer, channels, width, init, padding_mode)]
                stage += (
                    [nn.BatchNorm2d(width, track_running_stats=tracked)] if encoder_norm else []
                )
                stage += [nn.ReLU(inplace=True)]
                channels = width
            self.stages.append(nn.Sequential(*stage, nn.MaxPool2d(2)))
        shapes = ((256, 128), (128, 64), (64, 32))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(*shape, 3, 2, padding=1, output_padding=1) for shape in shapes
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width, track_running_stats=tracked) for _, width in shapes
        )
        self.classifier = nn.Conv2d(32, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x, skips = images, []
        for stage in self.stages:
            x = stage(x)
            skips.append(x)  # at H/2, H/4, H/8
        for up, norm, skip in zip(self.ups, self.norms, (skips[1], skips[0], 0)):
            x = norm(F.relu(up(x)) + skip)
        return self.classifier(x)


def _convolution(
    layer: str, in_channels: int, out_channels: int, init: str, padding_mode: str
) -> nn.Conv2d:
    """One layer of the encoder. All kinds leave the random state equal; with `init="equal"` they
    share filters too.
    """
    options = {"padding": 1, "padding_mode": padding_mode}
    plain = nn.Conv2d(in_channels, out_channels, 3, **options)
    default = plain.weight.detach().clone(), plain.bias.detach().clone()
    nn.init.kaiming_normal_(plain.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(plain.bias)
    if layer == "conv":
        return plain
    with random_aside():
        aware = LAYERS[layer](in_channels, out_channels, 3, **options)
    weight, bias = (plain.weight, plain.bias) if init == "equal" else default
    with torch.no_grad():
        aware.weight[:, :in_channels] = weight
        aware.bias.copy_(bias)
    return aware
