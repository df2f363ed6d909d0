"""What the page `coordinet/architecture` shows: the network drawn from the module itself, its codes, modulation, votes and norms.

Every number in a figure is read from the network that is handed in or computed with it; numerical identities in float64.
"""

import copy
import math

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from spatialbias import datasets, shifts
from spatialbias.explorer.networks import Network, NoNetworks, load_networks
from spatialbias.figures.maps import plane
from spatialbias.figures.style import COLOURS, INK, SPARE, canvas, label, use
from spatialbias.layers import coordinate_grid
from spatialbias.models import build
from spatialbias.models.coordinet import Encoding
from spatialbias.store import Store
from spatialbias.studies import study
from spatialbias.trials import run

ROUND = "round,pad=0,rounding_size=1"
GREEN, BLUE, RED = COLOURS["coordinet"], COLOURS["simple_cnn"], COLOURS["fully_connected"]


def power(value: float) -> str:
    """A small number as a reader likes it: 3·10⁻¹⁶; 0.0024 as it is."""
    if not value or abs(value) >= 1e-4:
        return f"{value:.2g}"
    digits, exponent = f"{value:.0e}".split("e")
    return f"{digits}·10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


# ------------------------------------------------------------------------------------------------------ sizes and costs


def costs(model: nn.Module, images: Tensor) -> dict[str, tuple[int, int]]:
    """(parameters, multiply-adds an image) of the whole model ("") and of each submodule by name, matrix products and convolutions only."""
    model = copy.deepcopy(model).float()
    model.folded = False  # count the layers as the source writes them
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(images[:1])
    root, counted = type(model).__name__, counter.get_flop_counts()
    return {name: (sum(p.numel() for p in part.parameters()), sum(counted.get(f"{root}.{name}" if name else root, {}).values()) // 2)
            for name, part in model.named_modules()}


def company(model: nn.Module, images: Tensor) -> pd.DataFrame:
    """Coordinet beside the networks that it is compared with: parameters, multiply-adds an image, how often a weight is used."""
    shared = {"fully_connected": "nothing: each pixel has weights of its own", "simple_cnn": "one small window of weights, at every place",
              "coordinet": "the path of one pixel, by all pixels; in the modulator nothing"}
    shape = {"channels": images.shape[1], "size": images.shape[2]}
    rows = []
    for name, what in shared.items():
        parameters, products = costs(model if name == "coordinet" else build(name, **shape), images)[""]
        rows.append({"network": label(name), "parameters": f"{parameters:,}", "multiply-adds an image (millions)": f"{products / 1e6:.1f}",
                     "uses of a weight, mean": f"{products / parameters:.0f}", "what is shared": what})
    return pd.DataFrame(rows)


def diagram(model: nn.Module, image: Tensor) -> Figure:
    """The flow of data through a Coordinet with modulation by the image, its sizes and costs; `image` (C, H, W) uint8 is drawn in."""
    figure, (ax,) = canvas(1, height=3.7)
    ax.set(xlim=(0, 100), ylim=(0, 51))
    ax.set_axis_off()
    cost = costs(model, torch.zeros(1, model.channels, model.size, model.size))
    count, E, L = model.size**2, model.path[0].in_features, len(model.path)
    small = 8 if L < 5 else 6.8

    def box(x, y, w, h, ink, title, *lines, size=8.0):
        ax.add_patch(FancyBboxPatch((x, y), w, h, boxstyle=ROUND, facecolor=ink + "22", edgecolor=ink, linewidth=1.2))
        ax.text(x + w / 2, y + h - 1.4, title, ha="center", va="top", color=ink, weight="bold", size=size + 0.7)
        ax.text(x + w / 2, y + h - 4.9, "\n".join(lines), ha="center", va="top", size=size, linespacing=1.4)

    def arrow(*points, ink=INK):
        for a, b in zip(points, points[1:]):
            last = b is points[-1]
            ax.add_patch(FancyArrowPatch(a, b, arrowstyle="-|>" if last else "-", mutation_scale=8, color=ink, linewidth=1.1,
                                         shrinkA=0, shrinkB=0))

    def million(products):
        return f"{products / 1e6:,.0f} M" if products >= 1e8 else f"{products / 1e6:.2g} M"

    def sizes(network):
        maps = [part for part in network if isinstance(part, nn.Linear)]
        return " → ".join(f"{n}" for n in (maps[0].in_features, *(part.out_features for part in maps)))

    # The picture, and one of its pixels
    ax.imshow(image.expand(3, -1, -1).permute(1, 2, 0).numpy(), extent=(1, 16, 30, 47), interpolation="none", aspect="auto")
    x, y = 1 + 15 * (round(model.size * 0.4) + .5) / model.size, 47 - 17 * (round(model.size * 0.6) + .5) / model.size
    ax.add_patch(Rectangle((x - .6, y - .7), 1.2, 1.4, facecolor="none", edgecolor=RED, linewidth=1.6))
    ax.text(8.5, 47.6, f"{model.channels} × {model.size} × {model.size}", ha="center", va="bottom", size=8)
    # The modulator's way
    start, stop = 20.5, 79.0
    box(start, 34, stop - start, 13, BLUE, "modulator: sees the whole image, fully connected", sizes(model.modulator),
        f"{cost['modulator'][0]:,} parameters", f"{million(cost['modulator'][1])} multiply-adds")
    arrow((16.3, 40.5), (start, 40.5), ink=BLUE)
    # One pixel's way
    ax.add_patch(FancyBboxPatch((0, 3.6), stop + .8, 21.2, boxstyle=ROUND, facecolor="none", edgecolor=GREEN, linestyle=(0, (4, 3))))
    ax.text(1, 2.8, f"for each of {count:,} pixels, alone, with the same weights", color=GREEN, size=8.5, va="top")
    kind = {"embedding": "table"}.get(model.encoding.kind, model.encoding.kind)
    box(1, 6, 16, 15.5, RED, "one pixel", f"value: {model.channels}", f"{kind} code: {E - model.channels}", f"together: {E}")
    arrow((x, y - .7), (x, 21.5), ink=RED)
    gap = 2.2
    w = (stop - 1 - start - gap * (L - 1)) / L
    for k, layer in enumerate(model.path):
        left, (parameters, products) = start + k * (w + gap), cost[f"path.{k}"]
        box(left, 6, w, 15.5, GREEN, f"ModFC {k + 1}", f"{layer.in_features} → {layer.out_features}", f"{parameters:,}",
            million(products), size=small)
        arrow((17 if k == 0 else left - gap, 13.5), (left, 13.5))
        arrow((left + w / 2, 34), (left + w / 2, 21.5), ink=BLUE)
        ax.text(left + w / 2 + .8, 29.4, f"$m_{{{k + 1}}}$: {model.sizes[k]}", size=small, va="center")
    # The sum and the decoder
    ax.text(89.5, 13.5, "Σ", ha="center", va="center", size=18, color=GREEN)
    ax.text(90, 9.6, f"{count:,} votes\nof length √{model.width}", ha="center", va="top", size=8)
    arrow((stop - 1, 13.5), (87, 13.5))
    box(82, 24, 17.5, 15.5, INK, "decoder", sizes(model.decoder), f"{cost['decoder'][0]:,}", million(cost["decoder"][1]))
    arrow((89.5, 16.8), (89.5, 24))
    arrow((89.5, 39.5), (89.5, 44))
    ax.text(89.5, 44.6, "class", ha="center", va="bottom", size=9, weight="bold")
    return figure


# ------------------------------------------------------------------------------------------------------------ the codes


def encodings(size: int, frequencies: int = 16) -> dict[str, Encoding]:
    """One of each kind, those with parameters as they are before training (from a fixed seed)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {kind: Encoding(kind, frequencies, size=size) for kind in ("sine", "raw", "fourier", "embedding")}


@torch.no_grad()
def codes(size: int = 32, frequencies: int = 16) -> Figure:
    """Above: slots of the sine code for x, slow to fast; below: its length, a slot for y, and slots of the other codes."""
    grid, kinds = coordinate_grid(size, size).permute(1, 2, 0), encodings(size, frequencies)
    maps = {kind: code(grid).numpy() for kind, code in kinds.items()}  # (H, W, features)
    c = kinds["sine"].c.numpy() / math.pi
    chosen = np.unique(np.linspace(0, frequencies - 1, 6).round().astype(int))
    figure, axes = canvas(2 * len(chosen), columns=len(chosen), height=1.42)
    for ax, k in zip(axes, chosen):
        plane(ax, maps["sine"][..., k], f"sin({c[k]:.3g}π x)", 1)
    middle = chosen[len(chosen) // 2]
    rest = [(np.linalg.norm(maps["sine"], axis=2), "length of\nthe sine code", None),
            (maps["sine"][..., frequencies + middle], f"sin({c[middle]:.3g}π y)", 1),
            (maps["raw"][..., 0], "raw x", 1), (maps["fourier"][..., 0], "Fourier slot\n(untrained)", 1),
            (maps["fourier"][..., 1], "another", 1), (maps["embedding"][..., 0], "table slot\n(untrained)", None)]
    for ax, (values, title, limit) in zip(axes[len(chosen):], rest):
        plane(ax, values, title, limit)
    return figure


@torch.no_grad()
def similarities(size: int = 32, frequencies: int = 16) -> dict[str, Tensor]:
    """Dot products between the codes of all pixels, (P, P), in units of the mean squared length of a code."""
    grid = coordinate_grid(size, size).flatten(1).t()
    products = {}
    for kind, encoding in encodings(size, frequencies).items():
        code = encoding(grid)
        products[kind] = code @ code.t() / code.square().sum(1).mean()
    return products


def by_distance(product: Tensor, size: int) -> np.ndarray:
    """The mean of a (P, P) matrix over the pairs of pixels that lie 0, 1, 2, … pixels apart (rounded)."""
    y, x = np.divmod(np.arange(size * size), size)
    apart = np.hypot(x[:, None] - x, y[:, None] - y).round().astype(int).ravel()
    return (np.bincount(apart, product.numpy().ravel()) / np.bincount(apart))[:size]


def similarity(size: int = 32, frequencies: int = 16) -> Figure:
    """How much the codes of two pixels have in common: with one pixel (maps), and on average over distance (lines)."""
    products = similarities(size, frequencies)
    use()
    figure = Figure(figsize=(7.2, 2.75), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    row, column = size // 4, round(size * 0.3)
    names = {"sine": ("sine", GREEN), "raw": ("raw", SPARE[1]), "fourier": ("Fourier", SPARE[0]), "embedding": ("table", SPARE[3])}
    for ax, (kind, (name, _)) in zip(left.subplots(2, 2).flat, names.items()):
        plane(ax, products[kind][row * size + column].view(size, size).numpy(), name, 1.5)
        ax.plot(column, row, marker="+", color=INK, markersize=7)
    ax = right.subplots()
    for kind, (name, ink) in names.items():
        line = by_distance(products[kind], size)
        ax.plot(line, color=ink)
        k, rise = {"sine": (size - 6, -13), "raw": (size // 3, 4), "fourier": (size - 6, 5), "embedding": (1, 4)}[kind]
        ax.annotate(name, (k, line[k]), xytext=(2, rise), textcoords="offset points", color=ink, size=8.5)
    ax.axhline(0, color=INK, linewidth=0.8, linestyle=":")
    ax.set(xlabel="distance (pixels)", ylabel="dot product of codes (1: itself)")
    return figure


# -------------------------------------------------------------------------------------------------- a trained network


def trained(profile: str = "quick") -> Network:
    """The shipped Coordinet; where none is shipped, a small one trained now on the embedded digits (kept in the store)."""
    try:
        return load_networks("coordinet")["coordinet"]
    except (NoNetworks, KeyError):
        given = {} if profile == "smoke" else {"n_train": 195, "max_epochs": 40}
        plan = study("coordinet.few_samples").plan("smoke", dataset="digits", arms="coordinet", replicates=1, **given)
        trial, store = plan.trials[0], Store()
        plan.sweep(store)
        model = build(trial.model, **trial.model_args)
        model.load_state_dict((store.states(trial.key) or run(trial)[1])["stop"])
        return Network(model.requires_grad_(False), datasets.load("digits"), f"{trial.n_train} of the embedded 8×8 digits")


def exact(network: Network, images: Tensor) -> tuple[nn.Module, Tensor]:
    """The network and normalised images in float64, the pixel path as the source writes it."""
    model = copy.deepcopy(network.model).double().eval()
    model.folded = False
    return model, network.data.normalise(images).double()


@torch.no_grad()
def stages(network: Network, images: Tensor) -> dict[str, Tensor]:
    """What each stage makes of the images, (B, features). Of a modulation only the direction: its length has no effect."""
    model, x = exact(network, images)
    parts = {f"$m_{k}$": F.normalize(m, dim=1) for k, m in enumerate(model.modulations(x).split(model.sizes, 1), 1)}
    total = votes(network, images)["total"]
    return {"the pixels": x.flatten(1), **parts, "sum of votes": total, "logits": model.decoder(total)}


def between(features: Tensor, target: Tensor, shuffles: int = 2000) -> tuple[float, float, float]:
    """Share of the variance that lies between class means; and the 95 % range of it when the classes are dealt at random."""
    x = (features - features.mean(0)).numpy()
    gram, member = x @ x.T, F.one_hot(target).double().numpy()
    member = member[:, member.any(0)]
    project = (member / member.sum(0)) @ member.T
    deal = np.random.default_rng(0)
    chance = []
    for _ in range(shuffles):
        order = deal.permutation(len(x))
        chance.append((gram * project[order][:, order]).sum() / gram.trace())
    return float((gram * project).sum() / gram.trace()), *map(float, np.quantile(chance, (0.025, 0.975)))


def parts_of_modulation(network: Network, images: Tensor, target: Tensor) -> dict[str, float]:
    """Mean square of m - 1, each layer's m scaled to mean square 1, split: the same for all images, between classes, within."""
    model, x = exact(network, images)
    with torch.no_grad():
        m = math.sqrt(model.width) * torch.cat([F.normalize(part, dim=1) for part in model.modulations(x).split(model.sizes, 1)], 1) - 1
    common, share = float(m.mean(0).square().mean() / m.square().mean()), between(m, target)[0]
    return {"common": common, "between": share * (1 - common), "within": (1 - share) * (1 - common)}


def modulation(network: Network, images: Tensor, target: Tensor, classes: tuple[str, ...]) -> Figure:
    """Left: the pictures in the plane of the two main directions of their modulation; right: variance between classes, stage by stage."""
    found = stages(network, images)
    m = torch.cat([v for name, v in found.items() if name.startswith("$m")], 1)
    u, s, _ = torch.linalg.svd(m - m.mean(0), full_matrices=False)
    place, explained = (u * s)[:, :2].numpy(), (s.square() / s.square().sum())[:2].tolist()
    use()
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    left.margins(0.13)
    left.plot(*place.T, linestyle="")
    taken, span = [], np.ptp(place, axis=0)
    for k in sorted(target.unique().tolist(), key=lambda k: place[target == k].mean(0)[1]):
        middle = place[target == k].mean(0)
        for (px, py), picture in zip(place[target == k], images[target == k]):
            left.plot([px, middle[0]], [py, middle[1]], color=INK, linewidth=0.6, alpha=0.6)
            left.add_artist(AnnotationBbox(OffsetImage(picture.expand(3, -1, -1).permute(1, 2, 0).numpy(), zoom=0.45, interpolation="none"),
                                           (px, py), frameon=False, pad=0))
        while any(abs(middle[0] - a) < 0.2 * span[0] and abs(middle[1] - b) < 0.06 * span[1] for a, b in taken):
            middle = middle + (0, 0.01 * span[1])
        taken.append(middle)
        left.annotate(classes[k], middle, color="white", size=7, ha="center", va="center", zorder=5,
                      bbox={"boxstyle": "round,pad=0.2", "facecolor": "#00664b", "edgecolor": "none"})
    left.set(xticks=[], yticks=[], xlabel=f"first main direction of m ({explained[0]:.0%})", ylabel=f"second ({explained[1]:.0%})")
    for k, features in enumerate(found.values()):
        share, low, high = between(features, target)
        right.plot([100 * low, 100 * high], [k, k], color=INK, linewidth=6, alpha=0.3, solid_capstyle="butt")
        right.plot(100 * share, k, marker="^", color=GREEN, markersize=7)
    right.annotate("classes dealt\nat random", (100 * high, k), xytext=(4, 0), textcoords="offset points", size=7.5, va="center")
    right.set_yticks(range(len(found)), list(found))
    right.set(ylim=(len(found) - 0.5, -0.5), xlabel="variance between classes (%)")
    right.set(xticks=range(0, 101, 20), xlim=(0, 1.3 * right.get_xlim()[1]))
    right.grid(axis="y", visible=False)
    return figure


@torch.no_grad()
def exchanged(network: Network, images: Tensor, times: int = 3) -> dict[str, int]:
    """The pixels of one picture with the modulation of another, in pairs whose answers differ: whose answer comes out, how often."""
    x = network.data.normalise(images)
    usual, found = network.model(x).argmax(1), {"modulation": 0, "pixels": 0, "neither": 0, "pairs": 0}
    for k in range(1, times + 1):
        other, out = usual.roll(k), network.model(x, context=x.roll(k, 0)).argmax(1)
        differ = usual != other
        hits = {"modulation": out == other, "pixels": out == usual, "neither": (out != other) & (out != usual), "pairs": differ}
        found = {name: found[name] + int((hit & differ).sum()) for name, hit in hits.items()}
    return found


# --------------------------------------------------------------------------------------------------- votes of the pixels


def votes(network: Network, images: Tensor) -> dict[str, Tensor]:
    """Every pixel's vote and what it does to the answer, in float64.

    answer (B,); lead (B,): the winner's logit less the mean of all; part (B, P): each pixel's part in it, the decoder
    linearised at this image, which is exact, for it is piecewise linear: lead = part.sum(1) + rest; length (B, P) of the
    votes; total (B, width), what the decoder reads.
    """
    model, x = exact(network, images)
    with torch.no_grad():
        code = model.encoding(model.grid).to(x.dtype).expand(len(x), -1, -1)
        each = model.pixels(torch.cat([x.flatten(2).transpose(1, 2), code], 2), model.modulations(x))  # (B, P, width)
    with torch.enable_grad():
        total = (each.sum(1) / model.size**2).requires_grad_()
        logits = model.decoder(total)
        lead = logits.max(1).values - logits.mean(1)
        slope, = torch.autograd.grad(lead.sum(), total)
    part = torch.einsum("bph,bh->bp", each, slope) / model.size**2
    return {"answer": logits.argmax(1), "lead": lead.detach(), "part": part, "rest": (lead - part.sum(1)).detach(),
            "length": each.norm(dim=2), "total": total.detach()}


def vote_maps(network: Network, images: Tensor, classes: tuple[str, ...], titles: list[str]) -> Figure:
    """The pictures, and below each how much more or less every pixel has part in the answer than the mean pixel, in 1/1000."""
    found = votes(network, images)
    part = 1000 * found["part"]
    mean = part.mean(1, keepdim=True)
    figure, axes = canvas(2 * len(images), columns=len(images), height=2.05)
    limit = float((part - mean).abs().quantile(0.995))
    for k, (top, below) in enumerate(zip(axes[:len(images)], axes[len(images):])):
        top.imshow(images[k].expand(3, -1, -1).permute(1, 2, 0).numpy(), interpolation="none")
        top.set_axis_off()
        top.set_title(titles[k], size=8.5, loc="center")
        said = f"“{classes[found['answer'][k]]}”, lead {found['lead'][k]:.2g}\na pixel: {mean[k, 0]:.2g} ± {part[k].std():.2g}"
        drawn = plane(below, (part - mean)[k].view(images.shape[2:]).numpy(), said, limit)
    bar = figure.colorbar(drawn, ax=axes[len(images):], label="more or less than the mean\n(logit / 1000)", extend="both", aspect=14,
                          pad=0.01)
    bar.outline.set_linewidth(0.4)
    return figure


@torch.no_grad()
def disturbances(network: Network, images: Tensor) -> pd.DataFrame:
    """What the answers do when pixels are moved, blackened or left out. Columns: what, change (largest, of a logit), changed (answers)."""
    model, x = exact(network, images)
    B, size, deal = len(x), model.size, torch.Generator().manual_seed(0)
    order, usual = torch.randperm(size * size, generator=deal), model(x)
    flat, grid = x.flatten(2), model.grid
    shuffled, corner = flat[..., order], ~shifts.mask_disc(torch.ones(1, 1, size, size, dtype=torch.uint8)).bool().flatten()
    black = network.data.normalise(torch.zeros_like(images)).double().flatten(2)
    one = torch.zeros(size * size, dtype=torch.bool)
    one[order[0]] = True

    cases = {"pixels shuffled, each takes its coordinates along": model(shuffled, grid[order], context=x),
             "pixels shuffled, the coordinates stay": model(shuffled, grid, context=x),
             "the modulator sees shuffled pixels, the path the true ones": model(x, context=shuffled.view_as(x))}
    for name, region in (("one pixel", one), (f"the corners ({corner.double().mean():.0%} of the pixels)", corner)):
        blackened = torch.where(region, black, flat).view_as(x)
        cases[f"{name} absent from the path"] = model(x, weights=(~region).to(x.dtype), context=x)
        cases[f"{name} black in the path"] = model(blackened, context=x)
        cases[f"{name} black to the modulator"] = model(x, context=blackened)
    return pd.DataFrame([{"what": name, "change": float((out - usual).abs().max()), "of": B,
                          "changed": int((out.argmax(1) != usual.argmax(1)).sum())} for name, out in cases.items()])


# ------------------------------------------------------------------------------------------------- the theorem on norms


def path(model: nn.Module, x: Tensor, m: Tensor, inner: bool = True, epsilon: float = 0.0) -> Tensor:
    """The pixel path (B, P, E) -> (B, P, width) of any LayerNorm variant; `inner=False` leaves out the scale of all norms but the last."""
    for k, (layer, part) in enumerate(zip(model.path, m.split(model.sizes, 1))):
        y = F.linear(F.relu(x) if k else x, layer.weight, layer.bias) * part[:, None]
        y = y - y.mean(-1, keepdim=True)
        if inner or k == len(model.path) - 1:
            y = y * (y.square().mean(-1, keepdim=True) + epsilon).rsqrt()
        x = y if layer.gain is None else y * layer.gain + layer.shift
    return x


def theorem(images: Tensor, seed: int = 0, epsilon: float = 0.0, **arguments) -> dict[str, float]:
    """How much the logits of a fresh Coordinet change, relative to their largest, when what should not matter is changed (float64).

    Biases and affine parameters, where `arguments` ask for them, are moved off their start by 0.1. `images` (B, C, H, W) normalised.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build("coordinet", channels=images.shape[1], size=images.shape[2], **arguments).double()
        for layer in model.path:
            for start in (layer.bias, layer.gain, layer.shift):
                if start is not None:
                    start.data.add_(0.1 * torch.randn(len(start), dtype=torch.float64))
        direction = torch.randn(len(images), model.decoder[-1].out_features, dtype=torch.float64)
    images = images.double()
    code = model.encoding(model.grid).double().detach().expand(len(images), -1, -1)
    x, m = torch.cat([images.flatten(2).transpose(1, 2), code], 2), model.modulations(images).detach().requires_grad_()
    wrt = [m, *(layer.weight for layer in model.path)]

    def logits(x=x, m=m, inner=True):
        return model.decoder(path(model, x, m, inner, epsilon).sum(1) / model.size**2)

    def gradients(out):
        return torch.autograd.grad((out * direction).sum(), wrt)

    usual, bare = logits(), logits(inner=False)
    wanted, found = gradients(usual), gradients(bare)
    worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, wanted))
    along = max(float(F.cosine_similarity(w.detach().flatten(), g.flatten(), dim=0).abs()) for w, g in zip(wrt[1:], wanted[1:]))
    with torch.no_grad():
        length = path(model, x, m, True, epsilon).norm(dim=2)
        changed = {"m of every layer × 10": logits(m=10 * m), "a pixel’s whole input × 10": logits(x=10 * x)}
        model.path[len(model.path) // 2].weight.mul_(10)
        changed = {"inner norms left out": bare, **changed, "one weight matrix × 10": logits()}
        change = {name: float((out - usual).abs().max() / usual.abs().max()) for name, out in changed.items()}
    return {"inner norms left out": change.pop("inner norms left out"), "inner norms left out: gradients": worst, **change,
            "gradient along the weights": along, "spread of the votes’ lengths": float(length.std() / length.mean())}


def theorem_figure(found: dict[str, dict[str, float]]) -> Figure:
    """`theorem` for several variants: one row a change, one mark a variant, on a logarithmic axis."""
    rows = list(next(iter(found.values())))
    figure, (ax,) = canvas(1, height=0.9 + 0.36 * len(rows))
    style = dict(zip(found, ((GREEN, "^"), (SPARE[0], "o"), (SPARE[1], "s"), (BLUE, "D"))))
    for j, (variant, changes) in enumerate(found.items()):
        ink, mark = style[variant]
        ax.plot([max(changes[r], 1e-17) for r in rows], [k + 0.13 * (j - (len(found) - 1) / 2) for k in range(len(rows))], color=ink,
                marker=mark, linestyle="", label=variant, markersize=6)
    ax.set_xscale("log")
    ax.set_yticks(range(len(rows)), rows)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlim=(3e-18, 10), xlabel="relative change (float64)")
    ax.grid(axis="y", visible=False)
    ax.axvspan(3e-18, 1e-9, color=INK, alpha=0.08, linewidth=0)
    ax.text(2e-10, len(rows) - 0.6, "rounding", ha="right", size=7.5)
    figure.legend(loc="outside upper right", ncols=len(found), fontsize=8.5, labelcolor="linecolor", handletextpad=0.2)
    return figure
