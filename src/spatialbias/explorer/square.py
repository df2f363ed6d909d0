"""Not-so-Clevr under the reader's hands: drag a square, and watch CoordConv and a deconvolution draw
it and name the place of its centre.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spatialbias.datasets import not_so_clevr
from spatialbias.explorer.hosts import Widget, module, packed
from spatialbias.explorer.networks import Network, NoNetworks, load_networks

SIZE, SQUARE = 32, 9  # of the canvas and the square, in pixels
# Shipped, arms of the CoordConv chapter's studies: whose each is, and what it does.
SHIPPED = {
    "coordconv draws, normalised input": ("CoordConv", "draws"),
    "coordconv names": ("CoordConv", "names"),
    "deconv draws, as many steps": ("deconvolution", "draws"),
    "deconv names": ("deconvolution", "names"),
}
COLOURS = {"CoordConv": "#009e73", "deconvolution": "#d55e00"}
STEP = 4  # pixels between the places whose answers the page has in advance


class Answering(nn.Module):
    """From a centre (2,), in pixels, to what is shown (size²,): the brightness of each pixel that a
    network draws, or the probability with which it names it.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.model = network.model

    def forward(self, centre: Tensor) -> Tensor:
        found = self.model(centre[None])[0]
        return found.flatten().sigmoid() if found.dim() > 1 else found.softmax(0)


def networks() -> dict[str, Network]:
    """The shipped networks. Raises NoNetworks if one is missing."""
    found = load_networks("coordconv")
    if missing := SHIPPED.keys() - found:
        raise NoNetworks(f"There are no trained networks here: {', '.join(missing)} is missing.")
    return {name: found[name] for name in SHIPPED}


def content(given: dict[str, Network]) -> dict:
    """What the front end draws from."""
    places = not_so_clevr.positions(SIZE, SIZE, SQUARE)
    held_out = not_so_clevr.hold_out(places, SIZE, SIZE, "quadrant")
    some = torch.arange(SQUARE // 2, SIZE - SQUARE // 2, STEP)
    grid = torch.cartesian_prod(some, some).float()  # (N, 2): x in the outer loop
    return {
        "kind": "square",
        "size": [2],
        "canvas": SIZE,
        "square": SQUARE,
        "held_out": places[held_out].amin(0).tolist(),  # from this corner on
        "networks": [
            {
                "name": name,
                "owner": SHIPPED[name][0],
                "does": SHIPPED[name][1],
                "colour": COLOURS[SHIPPED[name][0]],
                "digest": network.digest,
            }
            for name, network in given.items()
        ],
        "grid": {
            "places": some.tolist(),
            "answers": {
                name: packed((255 * answers(network, grid)).round().to(torch.uint8))
                for name, network in given.items()
            },
        },
    }


@torch.no_grad()
def answers(network: Network, centres: Tensor) -> Tensor:
    """What a network shows (N, size²) of centres (N, 2)."""
    return torch.stack([Answering(network)(centre) for centre in centres])


def state_of(start: dict) -> dict:
    """Where the square starts. Raises ValueError with what is allowed."""
    low, high = SQUARE // 2, SIZE - 1 - SQUARE // 2
    for name, value in start.items():
        if name not in ("x", "y") or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(
                f"{name}={value!r}: the square starts at x= and y=, whole numbers from {low} to {high}"
            )
    return {"x": 22, "y": 21} | start


class Square(Widget):
    """A square under the reader's hands."""

    _esm = module("square")

    def __init__(self, given: dict[str, Network], content: dict, state: dict) -> None:
        super().__init__(content, state)
        self.networks = given

    def answers(self, inputs: bytearray, message: dict) -> list[Tensor]:
        centres = torch.frombuffer(inputs, dtype=torch.float32).view(-1, 2)
        return [answers(self.networks[name], centres) for name in message["names"]]
