"""The networks that Coordinet is compared with (Gillen 2021), and the competent company that keeps
the ranking honest.

All take images (B, channels, size, size) and return logits (B, classes). They ignore coordinates,
which some data sets send along for the networks that ask for them.
"""

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.layers.locally_connected import LocallyConnected2d
from spatialbias.layers.position import Unscriptable


class fully_connected(Unscriptable):  # noqa: N801  (models go by the names that trials use)
    """Nine hidden layers of 200 with a residual connection across every layer that keeps its size
    (938,210 parameters).

    The source gives the depth, the width and the residuals; ReLU after each map is our choice.
    `norm="layer"` normalises each map's output: the norm is a confound of the comparison with
    Coordinet.
    """

    def __init__(
        self,
        channels: int = 3,
        size: int = 32,
        classes: int = 10,
        width: int = 200,
        hidden: int = 9,
        norm: str = "none",
    ) -> None:
        super().__init__()
        one_of(("none", "layer"), norm=norm)
        self.first = nn.Linear(channels * size * size, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(hidden - 1))
        self.norms = nn.ModuleList(
            nn.LayerNorm(width) if norm == "layer" else nn.Identity() for _ in range(hidden)
        )
        self.last = nn.Linear(width, classes)

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        h = F.relu(self.norms[0](self.first(images.flatten(1))))
        for block, norm in zip(self.blocks, self.norms[1:], strict=True):
            h = h + F.relu(norm(block(h)))
        return self.last(h)


class simple_cnn(nn.Sequential):  # noqa: N801
    """Six 5x5 convolutions of increasing width, no pooling, one linear layer (672,314 parameters
    for RGB 32x32).

    The source gives the number of layers, the kernel size and "increasing"; widths and padding are
    our choice: `padding="valid"` shrinks the map by four pixels a layer, "same" keeps its size
    (1,901,114 parameters, seven times the multiply-adds).
    """

    def __init__(
        self, channels: int = 3, size: int = 32, classes: int = 10, padding: str = "valid"
    ) -> None:
        one_of(("valid", "same"), padding=padding)
        if padding == "valid" and size < 25:
            raise ValueError(f"size={size}: six valid 5x5 convolutions need at least 25 pixels")
        layers: list[nn.Module] = []
        for width in (16, 32, 48, 64, 96, 128):
            layers += [nn.Conv2d(channels, width, 5, padding=padding), nn.ReLU()]
            channels = width
        side = size if padding == "same" else size - 24
        super().__init__(*layers, nn.Flatten(), nn.Linear(128 * side**2, classes))

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        for layer in self:
            images = layer(images)
        return images


class pooled_cnn(nn.Sequential):  # noqa: N801
    """A good small convolutional network: batch norm, three poolings, global average pooling."""

    def __init__(self, channels: int = 3, classes: int = 10, width: int = 32) -> None:
        layers: list[nn.Module] = []
        for k in range(3):
            for _ in range(2):
                layers += [
                    nn.Conv2d(channels, width << k, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width << k),
                    nn.ReLU(),
                ]
                channels = width << k
            layers.append(nn.MaxPool2d(2) if k < 2 else nn.AdaptiveAvgPool2d(1))
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        for layer in self:
            images = layer(images)
        return images


class strided_cnn(nn.Sequential):  # noqa: N801
    """Two 5x5 layers of stride 2 that take locality, sharing and pooling apart (our experiment).

    `sharing=False` gives every position its own kernel; `pooling="mean"` averages the last map over
    positions, "flatten" keeps them apart.
    """

    def __init__(
        self,
        channels: int = 3,
        size: int = 32,
        classes: int = 10,
        sharing: bool = True,
        pooling: str = "flatten",
        width: int = 32,
    ) -> None:
        one_of(("flatten", "mean"), pooling=pooling)
        layers: list[nn.Module] = []
        for features in (width, 2 * width):
            layers.append(
                nn.Conv2d(channels, features, 5, stride=2)
                if sharing
                else LocallyConnected2d(channels, features, 5, stride=2, input_size=(size, size))
            )
            layers.append(nn.ReLU())
            channels, size = features, (size - 5) // 2 + 1
        pool = [nn.AdaptiveAvgPool2d(1)] if pooling == "mean" else []
        super().__init__(
            *layers,
            *pool,
            nn.Flatten(),
            nn.Linear(channels * (1 if pool else size * size), classes),
        )

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        for layer in self:
            images = layer(images)
        return images


class kernel_ridge(Unscriptable):  # noqa: N801
    """Ridge regression of the one-hot class on an RBF kernel of the pixels: what needs no network
    at all.

    It is solved, not descended: the engine calls `solve` once. `gamma` multiplies the *mean*
    squared pixel difference, `ridge` is added to the kernel's diagonal.
    """

    def __init__(self, classes: int = 10, gamma: float = 1.0, ridge: float = 0.1) -> None:
        super().__init__()
        self.classes, self.gamma, self.ridge = classes, gamma, ridge
        self.register_buffer("support", torch.empty(0, 0))
        self.register_buffer("weight", torch.empty(0, classes))

    def solve(self, images: Tensor, target: Tensor) -> None:
        """Fit to images (N, C, H, W) and classes (N,)."""
        self.support = images.flatten(1).float()
        kernel = rbf_kernel(self.support, self.support, self.gamma).double()
        kernel.diagonal().add_(self.ridge)
        self.weight = torch.linalg.solve(
            kernel, F.one_hot(target, self.classes).double() - 1 / self.classes
        ).float()

    def _load_from_state_dict(self, state_dict, prefix, *rest) -> None:
        for name in ("support", "weight"):  # their shapes are those of what was solved
            if prefix + name in state_dict:
                setattr(self, name, getattr(self, name).new_empty(state_dict[prefix + name].shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        return ridge(images, self.support, self.weight, self.gamma)


@torch.fx.wrap
def ridge(images: Tensor, support: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """What `kernel_ridge` answers, in single precision at least."""
    with torch.autocast(images.device.type, enabled=False):
        kernel = rbf_kernel(images.flatten(1), support, gamma)
        return (kernel @ weight.to(kernel.dtype)).to(weight.dtype)


def rbf_kernel(pixels: Tensor, support: Tensor, gamma: float) -> Tensor:
    """(B, P) and (N, P) -> (B, N), in single precision at least."""
    dtype = torch.promote_types(support.dtype, torch.float32)
    pixels, support = pixels.to(dtype), support.to(dtype)
    if torch.compiler.is_exporting():  # ONNX has no cdist
        squares = (pixels[:, None] - support).square().sum(2)
    else:
        squares = torch.cdist(pixels, support).square()
    return torch.exp(-gamma * squares / pixels.shape[1])
