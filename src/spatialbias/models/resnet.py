"""torchvision's ResNet-50 with one of its layers replaced, or one more inserted.

Source: Elsayed et al. 2020, the table "Feasibility". It replaces the 3x3 convolutions of conv5, or
inserts a layer; where, it does not say: at the end of conv3 is our choice.
"""

from torch import nn
from torchvision.models import ResNet, resnet50

from spatialbias.components import one_of
from spatialbias.layers.coordconv import CoordConv2d
from spatialbias.layers.lrlc import LRLC2d
from spatialbias.layers.position import check_sizes

KINDS = ("convolution", "coordconv", "lrlc", "input", "wide")
PLACES = ("insert", "conv5")


def resnet(
    kind: str = "convolution",
    place: str = "insert",
    rank: int = 2,
    size: int = 224,
    classes: int = 1000,
) -> ResNet:
    """Images (B, 3, size, size) -> logits (B, classes).

    Args:
        kind: of the layer. "input": `LRLC2d` whose combining weights depend on the input; "wide": a
            convolution with about the parameters of "lrlc", those of the next 1x1 layers counted.
        place: "insert" adds a 3x3 layer with batch norm and ReLU at the end of conv3; "conv5"
            replaces the three 3x3 convolutions of conv5.
        rank: of the low-rank kinds, and what "wide" is measured by.
        size, classes: of the images.

    Raises:
        ValueError: for a kind or place that there is not, or sizes that are not positive.
    """
    one_of(KINDS, kind=kind)
    one_of(PLACES, place=place)
    check_sizes(rank=rank, size=size, classes=classes)
    model = resnet50(num_classes=classes)
    if place == "insert":
        channels, after = 512, model.layer3[0]
        following = after.conv1.out_channels + after.downsample[0].out_channels
        width = _width(kind, rank, channels, following)
        layer = _layer(kind, channels, width, _side(size, 8), rank, 1)
        model.layer2.append(nn.Sequential(layer, nn.BatchNorm2d(width), nn.ReLU(inplace=True)))
        after.conv1 = _widened(after.conv1, width)
        after.downsample[0] = _widened(after.downsample[0], width)
    else:
        side = _side(size, 16)
        for block in model.layer4:
            old = block.conv2
            width = _width(kind, rank, old.in_channels, block.conv3.out_channels)
            block.conv2 = _layer(kind, old.in_channels, width, side, rank, old.stride[0])
            if width != old.out_channels:
                block.bn2 = nn.BatchNorm2d(width)
            block.conv3 = _widened(block.conv3, width)
            side = _side(size, 32)
    return model


def _side(size: int, stride: int) -> int:
    return -(-size // stride)


def _width(kind: str, rank: int, channels: int, following: int) -> int:
    """Filters of the layer: s times as many for "wide", where 9 channels² s + channels following s
    are the parameters of `rank` banks and of an unchanged next layer.
    """
    if kind != "wide":
        return channels
    return round(channels * (9 * channels * rank + following) / (9 * channels + following))


def _layer(kind: str, channels: int, width: int, side: int, rank: int, stride: int) -> nn.Module:
    options = {"stride": stride, "padding": 1, "bias": False}
    if kind in ("lrlc", "input"):
        weights = "input" if kind == "input" else "row_col"
        layer = LRLC2d(
            channels, width, 3, **options, input_size=(side, side), rank=rank, weights=weights
        )
    else:
        layer = (CoordConv2d if kind == "coordconv" else nn.Conv2d)(channels, width, 3, **options)
    if isinstance(layer, LRLC2d):  # as torchvision draws a bank
        nn.init.normal_(layer.weight, std=(2 / (9 * width)) ** 0.5)
    else:
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def _widened(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    if conv.in_channels == in_channels:
        return conv
    wide = nn.Conv2d(
        in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=False
    )
    nn.init.kaiming_normal_(wide.weight, mode="fan_out", nonlinearity="relu")
    return wide


def freeze_norms(model: nn.Module) -> None:
    """Batch norms keep their statistics from now on, in training too."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.train = lambda mode=True, own=module: own
