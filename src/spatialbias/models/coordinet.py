"""Coordinet: an image classifier that sees one pixel and its coordinate at a time (Gillen 2021).

A fully connected modulator sees the whole image and emits one vector for each modulated layer; the
pixel path takes [pixel value, encoded coordinate] through those layers; the results are summed over
the pixels and decoded. The code of this version was never published: sizes not in the source are
our choice (see the page `coordinet/architecture`).
"""

import math

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.layers.modfc import ModFC, folded_path
from spatialbias.layers.position import Unscriptable, coordinate_grid

torch.fx.wrap("folded_path")

ENCODINGS = ("sine", "raw", "fourier", "embedding", "combined")
MODULATIONS = ("image", "none", "learned", "late")
COORDINATES = ("given", "redrawn", "none")


class Encoding(nn.Module):
    """Coordinates (..., D) in [-1, 1] to a code (..., features).

    "sine" is the source's sin(c i) with constant c, here from pi/2 (one rise over the image) to 8
    pi (a period of four pixels of 32) in a geometric row; "raw" the coordinates themselves;
    "fourier" a trained sine map and "embedding" a trained table read bilinearly, both as in CIPS;
    "combined" those two side by side.
    """

    def __init__(
        self, kind: str = "sine", frequencies: int = 16, dimensions: int = 2, size: int = 32
    ) -> None:
        super().__init__()
        one_of(ENCODINGS, encoding=kind)
        if dimensions != 2 and kind in ("embedding", "combined"):
            raise ValueError(
                f"encoding={kind!r} is a table over an image: it needs two dimensions, not {dimensions}"
            )
        self.kind, self.frequencies = kind, frequencies
        width = frequencies * dimensions
        self.features = {"raw": dimensions, "combined": 2 * width}.get(kind, width)
        if kind in ("fourier", "combined"):
            self.map = nn.Linear(dimensions, width)
            nn.init.uniform_(
                self.map.weight,
                -math.sqrt(9 / dimensions) * math.pi,
                math.sqrt(9 / dimensions) * math.pi,
            )
        if kind in ("embedding", "combined"):
            self.table = nn.Parameter(torch.randn(1, width, size, size))

    def constants(self, like: Tensor) -> Tensor:
        """The constants c of "sine", on `like`'s device. They are made anew at every call, as is
        the grid: what no `state_dict` holds, no way of loading a network can lose.
        """
        dtype = torch.promote_types(like.dtype, torch.float32)
        steps = torch.arange(self.frequencies, dtype=dtype, device=like.device)
        return math.pi / 2 * 16 ** (steps / max(self.frequencies - 1, 1))

    def forward(self, coordinates: Tensor) -> Tensor:
        parts = []
        if self.kind == "raw":
            parts.append(coordinates)
        if self.kind == "sine":
            parts.append((coordinates[..., None] * self.constants(coordinates)).sin().flatten(-2))
        if self.kind in ("fourier", "combined"):
            parts.append(self.map(coordinates.to(self.map.weight.dtype)).sin())
        if self.kind in ("embedding", "combined"):
            flat = coordinates.reshape(1, 1, -1, 2)
            code = F.grid_sample(
                self.table, flat.to(self.table.dtype), align_corners=True, padding_mode="border"
            )
            parts.append(code[0, :, 0].t().unflatten(0, coordinates.shape[:-1]))
        return torch.cat(parts, -1)


class coordinet(Unscriptable):  # noqa: N801  (models go by the names that trials use)
    """The source's Coordinet2. Every departure that the book studies is an option; the defaults are
    the source's.

    modulation: "image" (the source), "none", "learned" (one trained vector a layer, the same for
        every image) or "late" (the modulator's vector goes to the decoder, the pixel path is not
        modulated).
    summary: what the modulator sees: 0 the image, k only its means over k x k blocks (1: one colour).
    coordinates: "given", or for every pixel of every image drawn anew from torch's generator each
        time the network answers ("redrawn"), or the centre for all pixels ("none"): neither tells it
        where a pixel lies.
    side, norm: where ModFC modulates and how it normalises, see `ModFC`. bias, affine: give ModFC
    those parameters. encoding, frequencies: see `Encoding`; dimensions: of the coordinates (3 on a
    sphere).
    pooling: "sum" (the source; divided by the constant size x size, so that the decoder starts at a
        sensible scale), "mean" over the pixels present, or "attention" (softmax over pixels of a
        learned score).
    folded: train and evaluate on `folded_path`, where there is one. It is as good as the same
        function while modulations are near 1 or above, as trained ones are; `folded_path` says how
        it departs for small ones. Exported and traced networks are always layer by layer.
    """

    accepts_pixels = True

    def __init__(
        self,
        channels: int = 3,
        size: int = 32,
        classes: int = 10,
        width: int = 200,
        layers: int = 4,
        modulation: str = "image",
        side: str = "output",
        norm: str = "layer",
        bias: bool = False,
        affine: bool = False,
        encoding: str = "sine",
        frequencies: int = 16,
        dimensions: int = 2,
        pooling: str = "sum",
        folded: bool = True,
        summary: int = 0,
        coordinates: str = "given",
    ) -> None:
        super().__init__()
        one_of(MODULATIONS, modulation=modulation)
        one_of(COORDINATES, coordinates=coordinates)
        one_of(("sum", "mean", "attention"), pooling=pooling)
        self.channels, self.size, self.width, self.modulation, self.pooling = (
            channels,
            size,
            width,
            modulation,
            pooling,
        )
        self.dimensions, self.summary, self.coordinates = dimensions, summary, coordinates
        self.draws = coordinates == "redrawn"
        self.encoding = Encoding(encoding, frequencies, dimensions, size)
        first = channels + self.encoding.features
        self.path = nn.ModuleList(
            ModFC(width if k else first, width, side, norm, bias, affine) for k in range(layers)
        )
        sizes = [
            layer.out_features if side == "output" else layer.in_features for layer in self.path
        ]
        self.sizes = [width] if modulation == "late" else sizes
        if modulation in ("image", "late"):
            self.modulator = nn.Sequential(
                nn.Linear(channels * (summary or size) ** 2, width),
                nn.ReLU(),
                nn.Linear(width, width),
                nn.ReLU(),
                nn.Linear(width, sum(self.sizes)),
            )
            with torch.no_grad():  # no modulation at the start: m = 1 + something small
                self.modulator[-1].bias.add_(1.0)
        elif modulation == "learned":
            self.vectors = nn.Parameter(torch.ones(sum(sizes)))
        self.score = nn.Linear(width, 1) if pooling == "attention" else None
        self.decoder = nn.Sequential(
            nn.Linear(width * (2 if modulation == "late" else 1), width),
            nn.ReLU(),
            nn.Linear(width, classes),
        )
        # The folded path is faster, and the same function up to epsilons; it exists for the
        # source's layer and for sums over pixels.
        self.folded = (
            folded
            and side == "output"
            and norm == "layer"
            and not (bias or affine)
            and pooling != "attention"
        )

    @property
    def grid(self) -> Tensor:
        """The training images' places (size², 2)."""
        return training_grid(self.size, next(self.parameters()))

    def modulations(self, images: Tensor) -> Tensor | None:
        """One vector for each layer, side by side: (B, sum of the layers' widths), or None where
        there is no modulation.
        """
        if self.modulation in ("image", "late"):
            if self.summary:
                images = images.reshape(-1, self.channels, self.size, self.size)
                images = F.adaptive_avg_pool2d(images, self.summary)
            return self.modulator(images.flatten(1))
        return self.vectors.expand(images.shape[0], -1) if self.modulation == "learned" else None

    def forward(
        self,
        images: Tensor,
        coordinates: Tensor | None = None,
        weights: Tensor | None = None,
        context: Tensor | None = None,
        modulations: Tensor | None = None,
    ) -> Tensor:
        """Logits (B, classes) of any set of pixels at any coordinates.

        images: (B, C, H, W), or (B, C, P) for a set of P pixels. coordinates: (P, D) for all images
        or (B, P, D), x first, in [-1, 1] over the training image; None for the training grid.
        weights: (P,) or (B, P), each pixel's weight in the sum (its area, say; 0 abstains).
        context: what the modulator sees, (B, C, size, size); None for `images`, which must then be
        of that size. modulations: (B, sum of widths), instead of the modulator's. ValueError for
        other shapes.
        """
        pixels = images.flatten(2).transpose(1, 2)  # (B, P, C)
        B, P, _ = pixels.shape
        places = _places(coordinates, pixels, self.size, self.dimensions)
        m = modulations
        if m is None:
            source = images if context is None else context
            if self.modulation in ("image", "late"):
                source = _modulator_s(source, self.channels, self.size)
            m = self.modulations(source)
        if m is not None:
            m = _an_image_s(m, B, sum(self.sizes))
        if self.coordinates == "redrawn":
            blank = pixels.new_empty((B, P, self.dimensions), dtype=torch.float32)
            places = torch.rand_like(blank) * 2 - 1
        elif self.coordinates == "none":
            places = torch.zeros_like(places)
        code = self.encoding(places)
        x = torch.cat([pixels, code.to(pixels.dtype).expand(B, P, -1)], 2)  # (B, P, E)
        total = self._pool(x, None if self.modulation == "late" else m, weights)
        return self.decoder(
            torch.cat([total, m.to(total.dtype)], 1) if self.modulation == "late" else total
        )

    def _pool(self, x: Tensor, m: Tensor | None, weights: Tensor | None) -> Tensor:
        if self.folded:
            total = folded_path(
                x,
                None if m is None else m.unflatten(1, (len(self.path), -1)),
                [layer.weight for layer in self.path],
                weights,
            )
        else:
            h = self.pixels(x, m)
            if self.score is not None:
                share = self.score(h)[..., 0].float()
                share = (share if weights is None else share + weights.log()).softmax(1)
                return (h * share[..., None]).sum(1).to(h.dtype)
            total = (h if weights is None else h * weights.expand(h.shape[:2])[..., None]).sum(1)
        if self.pooling == "sum":
            return total / self.size**2
        count = x.shape[1] if weights is None else weights.expand(x.shape[:2]).sum(1, keepdim=True)
        return total / count

    def pixels(self, x: Tensor, m: Tensor | None) -> Tensor:
        """Every pixel's vote (B, P, width), layer by layer as the source writes it, from [value,
        code] (B, P, E).
        """
        first = 0
        for k, layer in enumerate(self.path):
            width = layer.out_features if layer.side == "output" else layer.in_features
            part = None if m is None else m[:, first : first + width]
            x = layer(F.relu(x) if k else x, part)
            first += width
        return x


class coordinet_v1(Unscriptable):  # noqa: N801
    """The published first version: a trained sine code, no modulation, the mean over pixels
    (173,151 parameters).

    Per pixel: the value, 3 times the value added to a trained sine map of E - 3 features, the raw
    coordinates (E = `embedding`; E - channels - 2 features for other channel numbers, our
    extension). Three-layer encoder, three-layer decoder.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 28,
        classes: int = 10,
        embedding: int = 50,
        latent: int = 200,
    ) -> None:
        super().__init__()
        self.size = size
        features = embedding - channels - 2
        if features < 1:
            raise ValueError(
                f"embedding={embedding}: it must be at least {channels + 3}, for {channels} channels, two "
                "coordinates and one sine feature"
            )
        self.frequencies = nn.Linear(2, features)
        half = features // 2
        with torch.no_grad():  # first half of the rows runs along x, second half along y, with frequencies 28 k / features
            rising = 28 * torch.arange(features) / features
            self.frequencies.weight[:half, 0] = rising[:half]
            self.frequencies.weight[half:, 1] = rising[: features - half]
        self.encoder = _mlp(embedding, 200, 200, latent)
        self.decoder = _mlp(latent, 200, 200, classes)

    @property
    def grid(self) -> Tensor:
        """The training images' places (size², 2)."""
        return training_grid(self.size, next(self.parameters()))

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        """Logits (B, classes); arguments as in `coordinet`. ValueError for coordinates of another
        shape.
        """
        pixels = images.flatten(2).transpose(1, 2)  # (B, P, C)
        B, P, _ = pixels.shape
        places = _places(coordinates, pixels, self.size, 2).to(pixels.dtype)
        sines = self.frequencies(places).sin().to(pixels.dtype)
        code = sines + 3 * pixels.mean(2, keepdim=True)  # (B, P, E - C - 2)
        x = torch.cat([pixels, code, places.expand(B, P, 2)], 2)
        return self.decoder(self.encoder(x).mean(1))


def training_grid(size: int, like: Tensor) -> Tensor:
    """The places of an image's pixels (size², 2), row by row, on `like`'s device; in single
    precision at least, for they are finer than what half precision tells apart.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    return coordinate_grid(size, size, dtype, like.device).flatten(1).t().contiguous()


# Checks are wrapped, for torch.fx.symbolic_trace to pass over.


@torch.fx.wrap
def _modulator_s(images: Tensor, channels: int, size: int) -> Tensor:
    """Images, if they are such as the modulator sees."""
    if images.shape[1:].numel() != channels * size**2:
        raise ValueError(
            f"the modulator needs {channels}x{size}x{size} images: give `context` or `modulations`"
        )
    return images


@torch.fx.wrap
def _an_image_s(modulations: Tensor, B: int, width: int) -> Tensor:
    """Modulations, if there is one vector an image."""
    if modulations.shape != (B, width):
        raise ValueError(
            f"modulations are {tuple(modulations.shape)}, but these {B} images need {(B, width)}"
        )
    return modulations


@torch.fx.wrap
def _places(coordinates: Tensor | None, pixels: Tensor, size: int, dimensions: int) -> Tensor:
    """The coordinates of B sets of P pixels, or the training grid, if they are as many: other
    shapes would broadcast.
    """
    B, P = pixels.shape[:2]
    if coordinates is None:
        if P != size**2:
            raise ValueError(
                f"{P} pixels an image, but coordinates=None means the {size}x{size} training grid"
            )
        coordinates = training_grid(size, pixels)
    batch = coordinates.shape[:-2]
    if (
        coordinates.shape[-2:] != (P, dimensions)
        or len(batch) > 1
        or (batch and batch[0] not in (1, B))
    ):
        raise ValueError(
            f"coordinates are {tuple(coordinates.shape)}, but {B} images of {P} pixels need {(P, dimensions)} "
            f"or {(B, P, dimensions)}"
        )
    return coordinates


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
