"""What the page `coordconv/layer` shows, drawn and measured with the layer itself."""

import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from spatialbias.figures.maps import DIVERGING, plane
from spatialbias.layers import CoordConv2d, coordinate_grid
from spatialbias.models.positions import position_maps
from spatialbias.plots.style import COLOURS, INK, canvas, colour

PLAIN, TOLD, HELD_OUT = COLOURS["simple_cnn"], colour("coordconv", 1), COLOURS["fully_connected"]


@torch.no_grad()
def terms(layer: CoordConv2d, x: Tensor) -> tuple[Tensor, Tensor]:
    """The two summands of the layer's response to (B, C, H, W): (B, C_out, H', W') and, once for
    the batch, (1, C_out, H', W').
    """
    features, position = layer.weight.tensor_split([layer.in_channels], dim=1)
    maps = layer.coordinates(*x.shape[-2:], x.dtype, x.device)[None]
    return layer._conv_forward(x, features, layer.bias), layer._conv_forward(maps, position, None)


def concatenated(layer: CoordConv2d, x: Tensor) -> Tensor:
    """The layer by its definition: coordinate maps behind the features of every image, then one
    convolution.
    """
    maps = layer.coordinates(*x.shape[-2:], x.dtype, x.device).expand(len(x), -1, -1, -1)
    return layer._conv_forward(torch.cat((x, maps), 1), layer.weight, layer.bias)


@torch.no_grad()
def multiply_adds(run, *arguments) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        run(*arguments)
    return counter.get_total_flops() // 2


def diagram(layer: CoordConv2d, x: Tensor, picture: Tensor) -> Figure:
    """From (B, C, H, W) to the response, for the filter that makes most of its coordinates;
    `picture` (3, H, W) of 8 bits is x[0].
    """
    plain, position = terms(layer, x)
    best = int(position[0].flatten(1).std(1).argmax())
    B, C, H, W = x.shape
    C_out, both, *kernel = layer.weight.shape
    maps = layer.coordinates(H, W, x.dtype, x.device)
    D, K = len(maps), " × ".join(map(str, kernel))
    figure, (ax,) = canvas(1, height=4.3)
    ax.set(xlim=(0, 100), ylim=(0, 60))
    ax.set_axis_off()

    def draw(values, left, bottom, label, limit=None, side=15):
        high = side * H / W if H <= W else side
        wide = side if H <= W else side * W / H
        box = (left, left + wide, bottom, bottom + high)
        if limit is None:
            ax.imshow(
                values.permute(1, 2, 0).numpy(), extent=box, interpolation="none", aspect="auto"
            )
        else:
            ax.imshow(
                values.numpy(),
                extent=box,
                interpolation="none",
                aspect="auto",
                cmap=DIVERGING,
                vmin=-limit,
                vmax=limit,
            )
        ax.add_patch(
            Rectangle((left, bottom), wide, high, facecolor="none", edgecolor=INK, linewidth=0.5)
        )
        ax.text(
            left + wide / 2, bottom - 1, label, ha="center", va="top", size=9.5, linespacing=1.25
        )

    def arrow(a, b, ink):
        ax.add_patch(
            FancyArrowPatch(
                a,
                b,
                arrowstyle="-|>",
                mutation_scale=8,
                color=ink,
                linewidth=1.1,
                shrinkA=0,
                shrinkB=0,
            )
        )

    def kernels(bottom, ink, channels, part):
        ax.add_patch(
            FancyBboxPatch(
                (33, bottom),
                21,
                13,
                boxstyle="round,pad=0,rounding_size=1",
                facecolor=ink + "22",
                edgecolor=ink,
            )
        )
        ax.text(
            43.5,
            bottom + 6.5,
            f"weight[:, {part}]\n{C_out} × {channels} × {K}\n= {C_out * channels * kernel[0] * kernel[1]:,}",
            ha="center",
            va="center",
            size=9.5,
            color=ink,
        )

    draw(picture, 8, 41, f"features, B × {C} × {H} × {W}\nanother for each image")
    side = (30 - 2 * D) / D
    for k, (one, name) in enumerate(zip(maps, "xyr")):
        draw(one, 1 + k * (side + 2), 14, name, float(maps.abs().max()), side)
    ax.text(
        15.5,
        9,
        f"coordinates, {D} × {H} × {W}\nthe same for all images",
        ha="center",
        va="top",
        size=9.5,
        linespacing=1.25,
    )
    kernels(42, PLAIN, C, f":{C}")
    kernels(12, TOLD, D, f"{C}:")
    limit = float(
        torch.stack((plain[0, best], position[0, best], (plain + position)[0, best])).abs().max()
    )
    draw(plain[0, best], 61, 41, "conv(features) + b\nB times", limit, 14)
    draw(position[0, best], 61, 11, "conv(coordinates)\nonce", limit, 14)
    draw(
        (plain + position)[0, best],
        85,
        25,
        f"response\nB × {C_out} × {plain.shape[2]} × {plain.shape[3]}",
        limit,
        14,
    )
    for y, ink in ((48.5, PLAIN), (18.5, TOLD)):
        arrow((30, y), (33, y), ink)
        arrow((54, y), (60.5, y), ink)
        arrow((76, y), (84, 31.5 + (1.5 if y > 30 else -1.5)), ink)
    ax.text(80.5, 31.5, "+", size=14, ha="center", va="center", weight="bold")
    return figure


@torch.no_grad()
def affine(response: Tensor, margin: int) -> tuple[float, float]:
    """How far a filter's response (H, W) to the coordinates is from a plane, as a share of its
    range: inside `margin` and anywhere.
    """
    H, W = response.shape
    grid = coordinate_grid(H, W, torch.float64).flatten(1).T
    design, inside = (
        torch.cat((grid, torch.ones(len(grid), 1, dtype=torch.float64)), 1),
        torch.zeros(H, W, dtype=torch.bool),
    )
    inside[margin : H - margin, margin : W - margin] = True
    flat, keep = response.double().flatten(), inside.flatten()
    fit = design @ torch.linalg.lstsq(design[keep], flat[keep]).solution
    off, span = (flat - fit).abs(), flat.max() - flat.min()
    return float(off[keep].max() / span), float(off.max() / span)


@torch.no_grad()
def responses(height: int, width: int, kernel: int, seed: int, filters: int = 4) -> Figure:
    """conv(coordinates) of fresh filters: with x and y above, with x, y and r below; the arrow
    points uphill along the ramp.
    """
    figure, axes = canvas(2 * filters, columns=filters, height=1.85)
    for row, radius in enumerate((False, True)):
        torch.manual_seed(seed)
        layer = CoordConv2d(3, filters, kernel, padding=kernel // 2, radius=radius)
        found = terms(layer, torch.zeros(1, 3, height, width))[1][0]
        for k, (ax, one) in enumerate(zip(axes[row * filters :], found)):
            step_x, step_y, *rest = layer.weight[k, 3:].sum((1, 2)).tolist()
            uphill = torch.tensor([step_x / (width - 1), step_y / (height - 1)])
            tip = uphill / uphill.norm() * min(height, width) / 3
            factors = f"{step_x:+.2f} x {step_y:+.2f} y" + "".join(
                f" {step_r:+.2f} r" for step_r in rest
            )
            plane(ax, one, factors.replace("-", "−"))
            middle = torch.tensor([(width - 1) / 2, (height - 1) / 2])
            ax.annotate(
                "",
                (middle + tip).tolist(),
                (middle - tip).tolist(),
                arrowprops={"arrowstyle": "-|>", "color": INK},
            )
    return figure


@torch.no_grad()
def equivariance(pictures: Tensor, kernel: int, seeds: int, shifts: list[int]) -> pd.DataFrame:
    """How much a fresh layer's response to a picture changes besides moving along, when the picture
    moves right on an empty canvas.

    value: root of the mean square of response(moved) - moved(response), over where the kernel sees
    the whole picture, as a share of the response's deviation. `pictures` (B, C, H, W), normalised,
    on a canvas of twice their width. A replicate is an initialisation.
    """
    B, C, H, W = pictures.shape
    canvases = {s: F.pad(pictures.double(), (s, W - s)) for s in (0, *shifts)}
    rows, m = [], kernel // 2
    for seed in range(seeds):
        for arm, make in (
            ("coordconv, with r", CoordConv2d),
            ("coordconv", CoordConv2d),
            ("no coordinates", nn.Conv2d),
        ):
            torch.manual_seed(seed)
            layer = make(
                C,
                16,
                kernel,
                padding=m,
                dtype=torch.float64,
                **({"radius": True} if arm.endswith("r") else {}),
            )
            seen = {s: layer(x)[:, :, m : H - m, s + m : s + W - m] for s, x in canvases.items()}
            scale = seen[0].std((0, 2, 3)).square().mean().sqrt()
            rows += [
                {
                    "arm": arm,
                    "shift": s,
                    "replicate": seed,
                    "value": float((seen[s] - seen[0]).square().mean().sqrt() / scale),
                }
                for s in shifts
            ]
    return pd.DataFrame(rows)


def slips(height: int, width: int) -> tuple[Figure, dict[str, tuple[float, float]]]:
    """Coordinates of a map that is not square, as they should be and as they are found elsewhere,
    with the range of each.
    """
    x, y = coordinate_grid(height, width)
    wrong_x, wrong_y = position_maps("exchanged", height, width)
    maps = {
        "x": x,
        "x, sides\nexchanged": wrong_x,
        "y": y,
        "y, sides\nexchanged": wrong_y,
        "r": (x**2 + y**2).sqrt(),
        "r about\n(0.5, 0.5)": ((x - 0.5) ** 2 + (y - 0.5) ** 2).sqrt(),
    }
    ranges = {name: (float(one.min()), float(one.max())) for name, one in maps.items()}
    figure, axes = canvas(6, height=2.9)
    limit = max(float(one.abs().max()) for one in maps.values())
    for ax, (name, one) in zip(axes, maps.items()):
        drawn = plane(ax, one, name, limit)
        ax.set_xlabel("{:.2f} to {:.2f}".format(*ranges[name]), size=8)
        if one.max() - one.min() > 0:
            ax.contour(one.numpy(), levels=[-1, 0, 1], colors=INK, linewidths=0.8)
    figure.colorbar(drawn, ax=axes, shrink=0.75, aspect=18, pad=0.01).outline.set_linewidth(0.4)
    return figure, ranges
