"""The networks of CoordConv's three toy tasks.

Sources: Liu et al. 2018, "An intriguing failing of convolutional neural networks and the CoordConv
solution", as their code has the networks; D'Cruz 2019, a tutorial on it, whose variants are options
here. Numbers of parameters are theirs.
"""

import torch
import torch.fx
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.models.positions import convolution, fourier, initialise_, told


class coordconv_classifier(nn.Module):  # noqa: N801  (models go by the names that trials use)
    """Centre (B, 2) -> logits of the canvas's pixels (B, size * width), by 1x1 convolutions over
    the tiled centre.

    7,553 parameters.

    Args:
        size, width: height of the canvas, and its width if that differs.
        mul: factor of the hidden widths 32, 32, 64, 64.
        kernel: of every convolution, padded; the sources' are 1.
        coordinates: what the layers are told; "none" is the control that sees the same everywhere.
        where: which layers are told.
        radius: tell them their distance from the centre too.
        normalise: the input is divided by the canvas to lie in [-1, 1]; the sources feed whole
            pixels.
        coded: the input, normalised, is written in the Fourier code that pixels have with
            coordinates="fourier".
        init: "he", as released, or "glorot", as in the tutorial.
    """

    evaluation_batch = 32

    def __init__(
        self,
        size: int = 64,
        mul: int = 1,
        kernel: int = 1,
        coordinates: str = "xy",
        where: str = "first",
        radius: bool = False,
        normalise: bool = False,
        width: int = 0,
        coded: bool = False,
        init: str = "he",
    ) -> None:
        super().__init__()
        if coded and not normalise:
            raise ValueError("coded=True needs normalise=True: the code is of places in [-1, 1]")
        self.canvas = (size, width or size)
        self.normalise, self.coded = normalise, coded
        widths = (16 if coded else 2, 32 * mul, 32 * mul, 64 * mul, 64 * mul, 1)
        layers: list[nn.Module] = []
        for c_in, c_out, aware in zip(widths, widths[1:], told(where, 5)):
            kind = coordinates if aware else "none"
            layers += [
                convolution(
                    kind, c_in, c_out, kernel, self.canvas, radius and aware, padding="same"
                ),
                nn.ReLU(),
            ]
        self.layers = initialise_(nn.Sequential(*layers[:-1]), init)

    def forward(self, centre: Tensor) -> Tensor:
        height, width = self.canvas
        if self.normalise:
            centre = 2 * centre / (centre.new_tensor([width, height]) - 1) - 1
        if self.coded:
            centre = fourier(centre, 1)
        tiled = (
            centre[:, None, None].expand(-1, height, width, -1).contiguous()
        )  # (B, H, W, 2 or 16)
        return self.layers(tiled.permute(0, 3, 1, 2)).flatten(1)


class coordconv_renderer(nn.Module):  # noqa: N801
    """Centre (B, 2) -> logits of a picture (B, 1, size, width): the classifier, a softmax over the
    canvas, a painter.

    8,074 parameters (`kernel=1`, `mul=1`, the sources' sweep) to 24,210 (3, 2); the tutorial's has
    15,010 (2, 2). `kernel` and `mul` are those of the painter's five convolutions; the other
    arguments are the classifier's.
    """

    evaluation_batch = 32

    def __init__(
        self,
        size: int = 64,
        kernel: int = 1,
        mul: int = 1,
        coordinates: str = "xy",
        where: str = "first",
        radius: bool = False,
        normalise: bool = False,
        width: int = 0,
        init: str = "he",
    ) -> None:
        super().__init__()
        self.find = coordconv_classifier(
            size,
            coordinates=coordinates,
            where=where,
            radius=radius,
            normalise=normalise,
            width=width,
            init=init,
        )
        widths = (1, 8 * mul, 8 * mul, 16 * mul, 16 * mul, 1)
        layers: list[nn.Module] = []
        for c_in, c_out in zip(widths, widths[1:]):
            layers += [_Same(kernel), nn.Conv2d(c_in, c_out, kernel), nn.ReLU()]
        self.paint = initialise_(nn.Sequential(*layers[:-1]), init)

    def forward(self, centre: Tensor) -> Tensor:
        found = self.find(centre)
        exact = torch.promote_types(found.dtype, torch.float32)
        found = found.softmax(1, dtype=exact).to(found.dtype)  # sharpens: one bright pixel
        return self.paint(found.unflatten(1, (1, *self.find.canvas)))


class deconv(nn.Module):  # noqa: N801
    """Centre (B, 2) -> logits (B, size²), or (B, 1, size, size) for rendering, by transposed
    convolutions of stride 2.

    For 64x64: 46,465 parameters (`kernel=2`, `mul=1`) to 1,632,001 (4, 3). The tutorial's has no
    norm: 408,193 (2, 3).

    Args:
        size: of the canvas, a power of two from 8.
        kernel: 2, 3 or 4.
        mul: factor of the widths 64, 64, 64, 32, 32; a smaller canvas has fewer of the first.
        norm: batch norm after each layer but the last.
        task: "classification" or "rendering".
        init: "he", as released, or "glorot", as in the tutorial.
    """

    def __init__(
        self,
        size: int = 64,
        kernel: int = 3,
        mul: int = 1,
        norm: bool = True,
        task: str = "classification",
        init: str = "he",
    ) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(
                f"size={size}: every layer doubles the map, so it must be a power of two from 8"
            )
        one_of((2, 3, 4), kernel=kernel)
        one_of(("classification", "rendering"), task=task)
        self.task = task
        widths = [2] + [64 * mul] * (size.bit_length() - 4) + [32 * mul] * 2 + [1]
        layers: list[nn.Module] = []
        for c_in, c_out in zip(widths, widths[1:]):
            layers += [_Double(c_in, c_out, kernel)]
            if c_out > 1:
                layers += [nn.BatchNorm2d(c_out), nn.ReLU()] if norm else [nn.ReLU()]
        self.layers = initialise_(nn.Sequential(*layers), init)

    def forward(self, centre: Tensor) -> Tensor:
        picture = self.layers(centre[:, :, None, None])  # (B, 1, H, W)
        return picture if self.task == "rendering" else picture.flatten(1)


class _Double(nn.ConvTranspose2d):
    """Transposed convolution that doubles the map, cropped as the sources' framework does (at the
    end, if unevenly).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__(in_channels, out_channels, kernel, stride=2, padding=(kernel - 2) // 2)

    def forward(self, x: Tensor) -> Tensor:
        doubled = nn.functional.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding
        )
        return doubled[..., : 2 * x.shape[-2], : 2 * x.shape[-1]]


class _Same(nn.Module):
    """Padding such that a convolution divides a map by its stride, rounded up; the odd row and
    column at the end.
    """

    def __init__(self, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return _padded(x, self.kernel, self.stride)


@torch.fx.wrap
def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    ends: list[int] = []
    for side in (x.shape[-1], x.shape[-2]):
        left = (side - 1) % stride + 1  # what the last step covers, from 1 to the stride
        total = max(kernel - left, 0)
        ends += [total // 2, total - total // 2]
    return nn.functional.pad(x, ends)


class coordconv_regressor(nn.Module):  # noqa: N801
    """Picture (B, 1, H, W) -> coordinates (B, 2): five convolutions and a global maximum (906
    parameters).

    Args:
        activation: "none", as released (by oversight, the authors said later), or "relu" between
            the layers.
        pool: "max", or "average", with which the tutorial saw it always predict the centre.
        padding: "same" as released, or "valid" as in the tutorial.
        stride: of the last two convolutions.
        coordinates, where, radius: what the layers are told, and which; see `coordconv_classifier`.
        size, width: of the canvas; needed only where `coordinates` are maps of a fixed size.
        init: "he", as released, or "glorot", as in the tutorial.
    """

    def __init__(
        self,
        activation: str = "none",
        pool: str = "max",
        padding: str = "same",
        stride: int = 1,
        coordinates: str = "xy",
        where: str = "first",
        radius: bool = False,
        size: int = 64,
        width: int = 0,
        init: str = "he",
    ) -> None:
        super().__init__()
        one_of(("none", "relu"), activation=activation)
        one_of(("max", "average"), pool=pool)
        one_of(("same", "valid"), padding=padding)
        self.pool = pool
        canvas, layers = (size, width or size), []
        shapes = ((1, 8, 1, 1), (8, 8, 1, 1), (8, 8, 1, 1), (8, 8, 3, stride), (8, 2, 3, stride))
        for (c_in, c_out, kernel, step), aware in zip(shapes, told(where, 5)):
            margin = kernel // 2 if padding == "same" else 0
            layers += [
                convolution(
                    coordinates if aware else "none",
                    c_in,
                    c_out,
                    kernel,
                    canvas,
                    radius and aware,
                    stride=step,
                    padding=margin,
                )
            ]
            if activation == "relu":
                layers += [nn.ReLU()]
            canvas = tuple((side + 2 * margin - kernel) // step + 1 for side in canvas)
        layers = layers[: -1 if activation == "relu" else None]
        self.layers = initialise_(nn.Sequential(*layers), init)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.layers(picture)
        return x.amax((2, 3)) if self.pool == "max" else x.mean((2, 3))


class conv_regressor_uniform(nn.Sequential):  # noqa: N801
    """Picture (B, 1, size, size) -> coordinates (B, 2), built for the uniform split.

    72,850 parameters (`mul=1`), 159,330 (2). `tutorial=True` pads nothing and pools with stride 1.
    With init="he", as released, that holds of the convolutions; the two dense layers keep
    TensorFlow's default there too, and go without a penalty.
    """

    def __init__(
        self, size: int = 64, mul: int = 1, tutorial: bool = False, init: str = "he"
    ) -> None:
        layers: list[nn.Module] = []
        channels, width = 1, 16 * mul
        for layer in range(4):
            layers += [nn.Conv2d(channels, width, 3, padding=0 if tutorial else 1), nn.ReLU()]
            if layer < 3:
                layers += [nn.MaxPool2d(2, stride=1 if tutorial else 2)]
            channels = width
        side = size - 11 if tutorial else size // 8
        if side < 1:
            raise ValueError(f"size={size}: the network's poolings leave nothing of it")
        super().__init__(
            *layers, nn.Flatten(), nn.Linear(width * side**2, 64), nn.ReLU(), nn.Linear(64, 2)
        )
        initialise_(self, init)
        for dense in (self[-3], self[-1]):
            initialise_(dense, "glorot")

    def unpenalised(self) -> list[nn.Parameter]:
        """Weights that weight decay leaves alone."""
        return [self[-3].weight, self[-1].weight]


class conv_regressor_quadrant(nn.Module):  # noqa: N801
    """Picture (B, 1, H, W) -> coordinates (B, 2), built for the quadrant split.

    12,914 parameters (`mul=1`), 49,890 (2). It ends in a ReLU and a global average.
    `tutorial=True`: no padding, and a last kernel of 2 that covers all that 64x64 pixels leave.
    `init`: "he", as released, or "glorot", as in the tutorial.
    """

    def __init__(self, mul: int = 1, tutorial: bool = False, init: str = "he") -> None:
        super().__init__()
        width = 16 * mul

        def conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
            return [
                nn.Identity() if tutorial else _Same(kernel, stride),
                nn.Conv2d(c_in, c_out, kernel, stride),
            ]

        def norm() -> nn.Module:
            return (
                nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
                if tutorial
                else nn.BatchNorm2d(width)
            )

        layers = [
            *conv(1, width, 5, 2),
            nn.ReLU(),
            *conv(width, width, 1),
            nn.ReLU(),
            norm(),
            *conv(width, width, 3),
            nn.ReLU(),
            *conv(width, width, 3, 2),
            nn.ReLU(),
            *conv(width, width, 3, 2),
        ]
        layers += [nn.ReLU(), norm()] if tutorial else [norm(), nn.ReLU()]
        layers += [*conv(width, width, 3, 2), nn.ReLU(), *conv(width, width, 1), nn.ReLU()]
        if tutorial:
            layers += [*conv(width, 2, 2), nn.ReLU()]
        else:
            layers += [*conv(width, width, 3, 2), nn.ReLU(), *conv(width, 2, 3), nn.ReLU()]
        self.layers = initialise_(nn.Sequential(*layers), init)

    def forward(self, picture: Tensor) -> Tensor:
        return self.layers(picture).mean((2, 3))
