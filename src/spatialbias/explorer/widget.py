"""The explorer of shifts: its content, as plain data, and the widget that answers from the kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spatialbias import shifts
from spatialbias.explorer import advance
from spatialbias.explorer.hosts import Widget, module, packed
from spatialbias.explorer.networks import SHIPPED, SPARE, Network, fit, pictures
from spatialbias.explorer.view import grain, order

CONTROLS = ("turn", "crop", "right", "down", "blur", "noise")


def content(networks: dict[str, Network], image=None) -> dict:
    """What the front end draws from: images, networks, curves and answers in advance.

    Raises ValueError for unsuitable networks or an unreadable image.
    """
    images, target, classes = pictures(networks)
    fit(networks, images)
    seen = target.tolist()
    names = [f"{classes[k]} {seen[:i].count(k) + 1}" for i, k in enumerate(seen)]
    if image is not None:
        images = torch.cat([own(image, tuple(images.shape[1:])), images])
        seen, names = [-1, *seen], ["your image", *names]
    ours = all(network.digest for network in networks.values())
    grid, curves = advance.shipped(networks) if ours else ({}, {})
    if not grid or image is not None:
        grid = advance.quick(networks, images)
    return {
        "kind": "shifts",
        "size": list(images.shape[1:]),
        "classes": list(classes),
        "images": packed(images),
        "labels": seen,
        "names": names,
        "noise": packed(grain(tuple(images.shape[1:]))),
        "order": order(*images.shape[2:]).tolist(),
        "networks": [
            {
                "name": name,
                "label": SHIPPED[name][0] if name in SHIPPED else name,
                "colour": SHIPPED[name][1] if name in SHIPPED else SPARE[k % len(SPARE)],
                "digest": network.digest,
                "note": _note(network, curves.get(name, {})),
                "curves": curves.get(name, {}),
            }
            for k, (name, network) in enumerate(networks.items())
        ],
        "grid": grid | {"answers": {name: packed(p) for name, p in grid["answers"].items()}},
    }


def _note(network: Network, curves: dict) -> str:
    if not network.trained_on:
        return ""
    upright = next((row for row in curves.get("turn", ()) if row[0] == 0), None)
    facts = [f"trained on {network.trained_on}"]
    if "accuracy" in curves:
        facts.append(f"test accuracy {100 * curves['accuracy']:.0f} %")
    if upright is not None and upright[4] > 1:
        mean, low, high = (round(100 * value) for value in upright[1:4])
        facts.append(f"mean of {upright[4]:.0f} like it {mean} % (interval {low} to {high} %)")
    return " · ".join(facts)


def own(image, size: tuple[int, int, int]) -> Tensor:
    """The reader's image as (1, C, H, W) uint8: its central square, at the networks' resolution.

    image: a file, a PIL image, or an array or tensor (H, W), (H, W, C) or (C, H, W), uint8 or in
    [0, 1]. Raises ValueError for anything else.
    """
    if isinstance(image, str | Path):
        try:
            with Image.open(image) as opened:
                image = opened.convert("RGB")
        except OSError as error:
            raise ValueError(f"image={str(image)!r} cannot be read as an image: {error}") from None
    if isinstance(image, Image.Image):
        image = np.array(image.convert("RGB"))
    try:
        pixels = torch.as_tensor(image).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"image is a {type(image).__name__}; give a file, a PIL image or an array"
        ) from None
    if pixels.ndim == 2:
        pixels = pixels[None]
    elif pixels.ndim == 3 and pixels.shape[0] not in (1, 3):
        pixels = pixels.permute(2, 0, 1)
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3, 4) or 0 in pixels.shape:
        raise ValueError(
            f"image has the shape {tuple(pixels.shape)}; (H, W), (H, W, 3) or (3, H, W) is needed"
        )
    pixels = pixels[:3].float()
    if torch.as_tensor(image).is_floating_point():
        if not 0 <= pixels.min() <= pixels.max() <= 1:
            raise ValueError("image holds floating-point values outside [0, 1]")
        pixels = 255 * pixels
    if not 0 <= pixels.min() <= pixels.max() <= 255:
        raise ValueError("image holds values outside 0 to 255")
    C, H, W = pixels.shape
    side = min(H, W)
    top, left = (H - side) // 2, (W - side) // 2
    square = pixels[None, :, top : top + side, left : left + side].round().to(torch.uint8)
    square = shifts.resize(square, size[2])
    return (
        square.float().mean(1, keepdim=True).round().to(torch.uint8)
        if size[0] == 1
        else (square.expand(1, size[0], size[1], size[2]).contiguous())
    )


def state_of(content: dict, start: dict) -> dict:
    """A starting state of the controls, checked. Raises ValueError with what is allowed."""
    half = content["size"][2] // 2
    ranges = {"turn": (-180, 180), "crop": (half - 2, 2 * half), "noise": (0, 100)}
    ranges |= {"right": (-half, half), "down": (-half, half), "blur": (0, half + half // 2)}
    checked = {}
    for name, value in start.items():
        if name in ranges:
            low, high = ranges[name]
            if not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name}={value!r}: a whole number from {low} to {high} is needed")
        elif name in ("corners", "scramble"):
            value = bool(value)
        elif name == "network":
            known = [network["name"] for network in content["networks"]]
            if value not in known:
                raise ValueError(f"network={value!r}: there are {', '.join(known)}")
        elif name == "start":
            if value not in content["names"]:
                raise ValueError(f"start={value!r}: there are {', '.join(content['names'])}")
            name, value = "image", content["names"].index(value)
        else:
            raise ValueError(
                f"{name!r} is no control; there are {', '.join((*CONTROLS, 'corners', 'scramble', 'network', 'start'))}"
            )
        checked[name] = value
    return checked


class Explorer(Widget):
    """An image under the reader's hands; `probabilities` are each network's last answer, on the
    image that the reader sees.
    """

    _esm = module("shifts")

    def __init__(self, networks: dict[str, Network], content: dict, state: dict) -> None:
        super().__init__(content, state)
        self.networks, self.probabilities = networks, {}

    def answers(self, inputs: bytearray, message: dict) -> list[Tensor]:
        """Of images: probabilities (n, classes) of each network, or of one its gradient (H, W)."""
        images = torch.frombuffer(inputs, dtype=torch.uint8).view(-1, *self.data["size"])
        asked = {name: self.networks[name] for name in message["names"]}
        if message.get("gradient"):
            return [network.gradient(images[0]) for network in asked.values()]
        found = {name: network.probabilities(images) for name, network in asked.items()}
        if len(images) == 1:
            self.probabilities = {**self.probabilities, **{k: p[0] for k, p in found.items()}}
        return list(found.values())
