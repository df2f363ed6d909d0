"""Coordinet: an image classifier that sees one pixel and its coordinate at a time (Gillen 2021).

A fully connected modulator sees the whole image and emits one vector for each modulated layer; the
pixel path takes [pixel value, encoded coordinate] through those layers; the results are summed over
the pixels and decoded. The code of this version was never published: sizes not in the source are
our choice (see the page `coordinet/architecture`).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.layers.modfc import ModFC, folded_path
from spatialbias.layers.position import coordinate_grid

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
        self.kind = kind
        width = frequencies * dimensions
        self.features = {"raw": dimensions, "combined": 2 * width}.get(kind, width)
        if kind == "sine":
            steps = torch.arange(frequencies) / max(frequencies - 1, 1)
            self.register_buffer("c", math.pi / 2 * 16**steps, persistent=False)
        if kind in ("fourier", "combined"):
            self.map = nn.Linear(dimensions, width)
            nn.init.uniform_(
                self.map.weight,
                -math.sqrt(9 / dimensions) * math.pi,
                math.sqrt(9 / dimensions) * math.pi,
            )
        if kind in ("embedding", "combined"):
            self.table = nn.Parameter(torch.randn(1, width, size, size))

    def forward(self, coordinates: Tensor) -> Tensor:
        parts = []
        if self.kind == "raw":
            parts.append(coordinates)
        if self.kind == "sine":
            parts.append((coordinates[..., None] * self.c).sin().flatten(-2))
        if self.kind in ("fourier", "combined"):
            parts.append(self.map(coordinates.to(self.map.weight.dtype)).sin())
        if self.kind in ("embedding", "combined"):
            flat = coordinates.reshape(1, 1, -1, 2)
            code = F.grid_sample(
                self.table, flat.to(self.table.dtype), align_corners=True, padding_mode="border"
            )
            parts.append(code[0, :, 0].t().reshape(*coordinates.shape[:-1], -1))
        return torch.cat(parts, -1)


class coordinet(nn.Module):  # noqa: N801  (models go by the names that trials use)
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
        self.register_buffer(
            "grid", coordinate_grid(size, size).flatten(1).t().contiguous(), persistent=False
        )

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
        coordinates = _places(coordinates, self.grid, B, P, self.dimensions)
        m = modulations
        if m is None:
            source = images if context is None else context
            if (
                self.modulation in ("image", "late")
                and source.shape[1:].numel() != self.channels * self.size**2
            ):
                raise ValueError(
                    f"the modulator needs {self.channels}x{self.size}x{self.size} images: give `context` or `modulations`"
                )
            m = self.modulations(source)
        if m is not None and m.shape != (B, sum(self.sizes)):
            raise ValueError(
                f"modulations are {tuple(m.shape)}, but these {B} images need {(B, sum(self.sizes))}"
            )
        if self.coordinates == "redrawn":
            coordinates = torch.rand(B, P, self.dimensions, device=pixels.device) * 2 - 1
        elif self.coordinates == "none":
            coordinates = torch.zeros_like(coordinates)
        code = self.encoding(coordinates)
        x = torch.cat([pixels, code.to(pixels.dtype).expand(B, P, -1)], 2)  # (B, P, E)
        total = self._pool(x, None if self.modulation == "late" else m, weights)
        return self.decoder(
            torch.cat([total, m.to(total.dtype)], 1) if self.modulation == "late" else total
        )

    def _pool(self, x: Tensor, m: Tensor | None, weights: Tensor | None) -> Tensor:
        if self.folded and not (
            torch.compiler.is_exporting() or torch.jit.is_tracing()
        ):  # its loop would fix the batch size
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
                return (h * share[..., None]).sum(1)
            total = (h if weights is None else h * weights.expand(h.shape[:2])[..., None]).sum(1)
        if self.pooling == "sum":
            return total / self.size**2
        count = x.shape[1] if weights is None else weights.expand(x.shape[:2]).sum(1, keepdim=True)
        return total / count

    def pixels(self, x: Tensor, m: Tensor | None) -> Tensor:
        """Every pixel's vote (B, P, width), layer by layer as the source writes it, from [value,
        code] (B, P, E).
        """
        parts = [None] * len(self.path) if m is None else m.split(self.sizes, 1)
        for k, (layer, part) in enumerate(zip(self.path, parts, strict=True)):
            x = layer(F.relu(x) if k else x, part)
        return x


class coordinet_v1(nn.Module):  # noqa: N801
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
        self.register_buffer(
            "grid", coordinate_grid(size, size).flatten(1).t().contiguous(), persistent=False
        )

    def forward(self, images: Tensor, coordinates: Tensor | None = None) -> Tensor:
        """Logits (B, classes); arguments as in `coordinet`. ValueError for coordinates of another
        shape.
        """
        pixels = images.flatten(2).transpose(1, 2)  # (B, P, C)
        places = _places(coordinates, self.grid, *pixels.shape[:2], 2)
        sines = self.frequencies(places.to(self.frequencies.weight.dtype)).sin().to(pixels.dtype)
        code = sines + 3 * pixels.mean(2, keepdim=True)  # (B, P, E - C - 2)
        x = torch.cat([pixels, code, places.to(pixels.dtype).expand(*pixels.shape[:2], 2)], 2)
        return self.decoder(self.encoder(x).mean(1))


def _places(coordinates: Tensor | None, grid: Tensor, B: int, P: int, dimensions: int) -> Tensor:
    """The coordinates of B sets of P pixels, or the training grid, if they are as many: other
    shapes would broadcast.
    """
    if coordinates is None:
        if P != len(grid):
            side = math.isqrt(len(grid))
            raise ValueError(
                f"{P} pixels an image, but coordinates=None means the {side}x{side} training grid"
            )
        coordinates = grid
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
