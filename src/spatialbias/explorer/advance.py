"""What the explorer knows before anybody asks: answers on a grid of turns and crops, for where no
network can run, and accuracies from the records. For the shipped networks both lie beside the
weights, in `answers.safetensors`, which `spatialbias results pack` writes.
"""

from __future__ import annotations

import json
import time

import torch
from torch import Tensor

from spatialbias import datasets, paths
from spatialbias.checksums import SUMS, sums
from spatialbias.explorer.networks import Network, NoNetworks, load_networks
from spatialbias.explorer.samples import samples
from spatialbias.explorer.view import View

ANGLES = tuple(range(-180, 181, 10))
MEASURES = {"turn": "rotation", "crop": "resized_crop", "right": "translation"}
SECONDS = 2.0  # that the answers of a reader's own network may take
IMAGES = 1000  # test images behind a curve that no records give


def crops(side: int) -> tuple[int, ...]:
    """Ten sizes of crops, all of the image first."""
    return tuple(side - k * max(1, side // 16) for k in range(10))


def answers(network: Network, images: Tensor, angles=ANGLES, sizes=None) -> Tensor:
    """Probabilities of images (B, C, H, W) over turns and crops: (B, angles, crops, classes), uint8
    in 255ths.
    """
    sizes = sizes or crops(images.shape[3])
    found = [network.probabilities(View(a, c)(images)) for a in angles for c in sizes]
    stacked = torch.stack(found, 1).unflatten(1, (len(angles), len(sizes)))
    return (255 * stacked).round().to(torch.uint8)


def quick(networks: dict[str, Network], images: Tensor) -> dict:
    """A grid of the first image alone, as coarse as SECONDS demand."""
    image, sizes = images[:1], crops(images.shape[3])
    began = time.perf_counter()
    for network in networks.values():
        network.probabilities(image)
    affordable = SECONDS / (time.perf_counter() - began + 1e-3)
    thin = next((k for k in (1, 2, 3, 6) if 37 / k * 10 / min(k, 3) < affordable), 9)
    angles, sizes = ANGLES[::thin], sizes[:: min(thin, 3)]
    return {
        "angles": angles,
        "crops": sizes,
        "images": [0],
        "answers": {name: answers(one, image, angles, sizes) for name, one in networks.items()},
    }


def shipped(networks: dict[str, Network]) -> tuple[dict, dict]:
    """The grid and the curves of the shipped networks, from the file; no grid where it lacks the
    answers of one of them, or holds those of other weights.
    """
    found, curves = _stored(networks)
    about = {name: curves.get(name, {}) for name in networks}
    if not set(networks) <= set(found):
        return {}, about
    images = list(range(len(samples()[1])))
    grid = {"angles": ANGLES, "crops": crops(32), "images": images}
    return grid | {"answers": {name: found[name] for name in networks}}, about


def _stored(networks: dict[str, Network]) -> tuple[dict[str, Tensor], dict]:
    """Answers of these very networks, and all curves, as far as the file has them."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = _file().read_bytes()
        found = load(content)
    except (OSError, SafetensorError):
        return {}, {}
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header["__metadata__"]["about"])
    same = {name for name, one in networks.items() if about["digests"].get(name) == one.digest}
    return {name: p for name, p in found.items() if name in same}, about["curves"]


def _file():
    return paths.shipped_results() / "weights" / "answers.safetensors"


def curves(names, n_train: int) -> dict[str, dict[str, list]]:
    """By network and control: rows [amount, mean, low, high, n] of the accuracy over the shift, from
    the records of networks trained on `n_train` images; low and high are the 95 % interval, which one
    run alone has not: no rows then.
    """
    from spatialbias.evidence import effect
    from spatialbias.studies import names as study_names
    from spatialbias.studies import study

    shown = set(MEASURES.values())
    studies = [study(name) for name in study_names() if name.startswith("coordinet.")]
    plans = [one.plan("paper", n_train=n_train) for one in studies if shown & set(one.measures)]
    found: dict[str, dict[str, list]] = {name: {} for name in names}
    for plan in plans:  # a curve is of one study: of the first with the most runs
        frame = plan.sweep(missing="show").frame()
        frame = frame[(frame["at"] == "stop") & (frame["dataset"] == "cifar10")]
        for name in names:
            for control, measure in MEASURES.items():
                rows = frame[(frame["arm"] == name) & (frame["measure"] == measure)]
                amounts = sorted(set(rows["x"].astype(float)))
                if len(amounts) < 2:
                    continue
                of = [effect(rows, measure=measure, x=x, scale=1.0) for x in amounts]
                if of[0].n > found[name].get(control, [[1]])[0][-1]:
                    found[name][control] = [
                        [x, *(round(float(v), 4) for v in (e.mean, e.low, e.high)), e.n]
                        for x, e in zip(amounts, of)
                    ]
    return found


def accuracy(network: Network, images: Tensor, target: Tensor, view: View | None = None) -> float:
    """The share of test images (N, C, H, W) that the network names right, seen so."""
    parts = zip(images.split(250), target.split(250), strict=True)
    view = view or View()
    right = sum(int((network.probabilities(view(x)).argmax(1) == y).sum()) for x, y in parts)
    return round(right / len(images), 4)


def measured(network: Network, had: dict, amounts: dict[str, list]) -> dict:
    """Of one network: its accuracy on all test images, and rows as those of `curves` where `had`
    has none, with n = 1 and no interval, over the first 1,000.
    """
    test = datasets.load(network.data.name).test
    images, target = test.inputs[0], test.target
    found = {"accuracy": accuracy(network, images, target)}
    for control in amounts.keys() - had.keys():
        each = [
            accuracy(network, images[:IMAGES], target[:IMAGES], View(**{control: int(x)}))
            for x in amounts[control]
        ]
        found[control] = [[x, value, value, value, 1] for x, value in zip(amounts[control], each)]
    return found


def write() -> None:
    """Compute `answers.safetensors` for the shipped networks, but for what it has of them already.

    Raises DataMissing where the test images of a new network cannot be had.
    """
    from safetensors.torch import save

    from spatialbias.store import write as write_file

    try:
        networks = load_networks()
    except NoNetworks:
        return
    there, before = _stored(networks)
    found = {
        name: there[name] if name in there else answers(network, samples()[0])
        for name, network in networks.items()
    }
    about = curves(networks, int(next(iter(networks.values())).trained_on.split()[0]))
    amounts = {
        control: [row[0] for row in rows[control]]
        for rows in about.values()
        for control in MEASURES
        if control in rows
    }
    for name, network in networks.items():
        own = before.get(name, {}) if name in there else {}
        if "accuracy" not in own or amounts.keys() - own.keys():
            own = measured(network, about[name], amounts)
        about[name] = own | about[name]
    digests = {name: network.digest for name, network in networks.items()}
    path = _file()
    metadata = {"about": json.dumps({"digests": digests, "curves": about})}
    write_file(path, save(found, metadata=metadata))
    write_file(path.parent / SUMS, sums(path.parent, "*.safetensors").encode())
    print(f"{path.name}: answers of {', '.join(networks)}, {path.stat().st_size / 1024:.0f} KiB")
