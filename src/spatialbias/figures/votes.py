"""A trained Coordinet at work, for the page `coordinet/architecture`: every pixel's vote, and what
becomes of it when pixels change.
"""

import copy
import json

import pandas as pd
import torch
from matplotlib.figure import Figure
from safetensors import safe_open
from torch import Tensor, nn

from spatialbias import datasets, paths, shifts
from spatialbias.explorer.networks import Network, NoNetworks, load_networks
from spatialbias.figures.maps import plane
from spatialbias.figures.numbers import points
from spatialbias.models import build
from spatialbias.plots.style import canvas
from spatialbias.run import initialised, run
from spatialbias.store import Store, numerics_of
from spatialbias.studies import study
from spatialbias.trials import Trial


def trained(profile: str = "quick") -> Network:
    """The shipped Coordinet; where none is shipped, a small one trained now on the embedded digits
    (kept in the store).
    """
    try:
        return load_networks("coordinet")["coordinet"]
    except (NoNetworks, KeyError):
        given = {} if profile == "smoke" else {"n_train": 195, "max_epochs": 40}
        plan = study("coordinet.few_samples").plan(
            "smoke", dataset="digits", arms="coordinet", replicates=1, **given
        )
        trial, store = plan.trials[0], Store()
        record = plan.sweep(store).records[trial.key]
        model = build(trial.model, **trial.model_args)
        model.load_state_dict(
            (store.states(trial.key, numerics_of(record)) or run(trial)[1])["stop"]
        )
        return Network(
            model.requires_grad_(False),
            datasets.load("digits"),
            f"{trial.n_train} of the embedded 8×8 digits",
        )


def travelled(network: Network) -> list[float]:
    """How far the matrices of the shipped Coordinet's path lie from where they started, each as a
    share of its length there; nothing for another network.
    """
    file = paths.shipped_results() / "weights" / "coordinet.coordinet.safetensors"
    if network.data.source != "shipped" or not file.exists():
        return []
    with safe_open(file, "pt") as written:
        trial = Trial(**json.loads(written.metadata()["trial"]))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        start = initialised(trial)
        pairs = zip(start.path, network.model.path, strict=True)
        return [
            float((now.weight - then.weight).norm() / then.weight.norm()) for then, now in pairs
        ]


def exact(network: Network, images: Tensor) -> tuple[nn.Module, Tensor]:
    """The network and normalised images in float64, the pixel path as the source writes it."""
    model = copy.deepcopy(network.model).double().eval()
    model.folded = False
    return model, network.data.normalise(images).double()


def votes(network: Network, images: Tensor) -> dict[str, Tensor]:
    """Every pixel's vote and what it does to the answer, in float64.

    answer (B,); lead (B,): the winner's logit less the mean of all; part (B, P): each pixel's part
    in it, the decoder linearised at this image, which is exact, for it is piecewise linear: lead =
    part.sum(1) + rest; length (B, P) of the votes; total (B, width), what the decoder reads.
    """
    model, x = exact(network, images)
    with torch.no_grad():
        code = model.encoding(model.grid).to(x.dtype).expand(len(x), -1, -1)
        each = model.pixels(
            torch.cat([x.flatten(2).transpose(1, 2), code], 2), model.modulations(x)
        )  # (B, P, width)
    with torch.enable_grad():
        total = (each.sum(1) / model.size**2).requires_grad_()
        logits = model.decoder(total)
        lead = logits.max(1).values - logits.mean(1)
        (slope,) = torch.autograd.grad(lead.sum(), total)
    part = torch.einsum("bph,bh->bp", each, slope) / model.size**2
    return {
        "answer": logits.argmax(1),
        "lead": lead.detach(),
        "part": part,
        "rest": (lead - part.sum(1)).detach(),
        "length": each.norm(dim=2),
        "total": total.detach(),
    }


def vote_maps(
    network: Network, images: Tensor, classes: tuple[str, ...], titles: list[str]
) -> Figure:
    """The pictures, and below each how much more or less every pixel has part in the answer than
    the mean pixel, in 1/1000.
    """
    found = votes(network, images)
    part = 1000 * found["part"]
    mean = part.mean(1, keepdim=True)
    figure, axes = canvas(2 * len(images), columns=len(images), height=2.05)
    limit = float((part - mean).abs().quantile(0.995))
    for k, (top, below) in enumerate(zip(axes[: len(images)], axes[len(images) :])):
        top.imshow(images[k].expand(3, -1, -1).permute(1, 2, 0).numpy(), interpolation="none")
        top.set_axis_off()
        top.set_title(titles[k], size=8.5, loc="center")
        said = f"“{classes[found['answer'][k]]}”, lead {found['lead'][k]:.2g}\na pixel: {mean[k, 0]:.2g} ± {part[k].std():.2g}"
        drawn = plane(below, (part - mean)[k].view(images.shape[2:]).numpy(), said, limit)
    bar = figure.colorbar(
        drawn,
        ax=axes[len(images) :],
        label="more or less than the mean\n(logit / 1000)",
        extend="both",
        aspect=14,
        pad=0.01,
    )
    bar.outline.set_linewidth(0.4)
    return figure


@torch.no_grad()
def disturbances(network: Network, images: Tensor) -> pd.DataFrame:
    """What the answers do when pixels are moved, blackened or left out. Columns: what, change
    (largest, of a logit), changed (answers).
    """
    model, x = exact(network, images)
    B, size, deal = len(x), model.size, torch.Generator().manual_seed(0)
    order, usual = torch.randperm(size * size, generator=deal), model(x)
    flat, grid = x.flatten(2), model.grid
    shuffled, corner = (
        flat[..., order],
        ~shifts.mask_disc(torch.ones(1, 1, size, size, dtype=torch.uint8)).bool().flatten(),
    )
    black = network.data.normalise(torch.zeros_like(images)).double().flatten(2)
    one = torch.zeros(size * size, dtype=torch.bool)
    one[order[0]] = True

    cases = {
        "pixels shuffled, each takes its coordinates along": model(
            shuffled, grid[order], context=x
        ),
        "pixels shuffled, the coordinates stay": model(shuffled, grid, context=x),
        "the modulator sees shuffled pixels, the path the true ones": model(
            x, context=shuffled.view_as(x)
        ),
    }
    for name, region in (
        ("one pixel", one),
        (f"the corners ({100 * corner.double().mean():.0f} % of the pixels)", corner),
    ):
        blackened = torch.where(region, black, flat).view_as(x)
        cases[f"{name} absent from the path"] = model(x, weights=(~region).to(x.dtype), context=x)
        cases[f"{name} black in the path"] = model(blackened, context=x)
        cases[f"{name} black to the modulator"] = model(x, context=blackened)
    return pd.DataFrame(
        [
            {
                "what": name,
                "change": float((out - usual).abs().max()),
                "of": B,
                "changed": int((out.argmax(1) != usual.argmax(1)).sum()),
            }
            for name, out in cases.items()
        ]
    )


def abstaining(frame: pd.DataFrame) -> pd.Series:
    """What leaving the filling out of the sum changes in Coordinet's accuracy on turned pictures, a
    replicate; frame: rows of `rotation` and `rotation_abstain`.
    """
    rows = frame[(frame["arm"] == "coordinet") & (frame["at"] == "stop") & (frame["x"] > 0)]
    turned, without = (
        rows[rows["measure"] == name].groupby("replicate")["value"].mean()
        for name in ("rotation", "rotation_abstain")
    )
    return (without - turned).dropna()


def corners(moved: pd.DataFrame, part: float, share: float, left_out: pd.Series) -> str:
    """Whether the votes of black corners cost accuracy, or the modulator's sight of them; for the
    prose.

    moved: `disturbances`. part, share: what the filling of a turned picture has of the votes' part
    in the lead, and of the pixels.
    left_out: `abstaining`.
    """
    ratio = part / share
    much = (
        "about its share by number"
        if abs(ratio - 1) < 0.25
        else f"{'more' if ratio > 1 else 'less'} than its share by number"
    )
    black = moved[moved["what"].str.contains("the corners.* black ")]
    x, y = (
        int(black.loc[black["what"].str.contains(where), "changed"].iloc[0])
        for where in ("black in", "black to")
    )
    text = (
        f"Of what all votes add to the lead the filling gives {part:.0%}, {much}. Blackened in the path alone, corners change {x} of "
        f"{black['of'].iloc[0]} answers; blackened to the modulator alone, {y}. "
    )
    text += (
        "So it is not their votes that cost accuracy, it is what the modulator sees."
        if 5 * x <= y and y
        else "So it is their votes that cost accuracy, not what the modulator sees."
        if 5 * y <= x and x
        else "So both change answers."
        if x + y
        else "So neither changes an answer."
    )
    if len(left_out):
        text += f" In several such networks, leaving the filling out of the sum changes accuracy on turned pictures by {points(left_out)}."
    return text
