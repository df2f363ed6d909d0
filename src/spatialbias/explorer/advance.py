"""What the explorer knows before anybody asks: answers on a grid of turns and crops, for where no
network can run, and accuracies from the records. For the shipped networks both lie beside the
weights, in `answers.safetensors`, which `spatialbias results pack` writes.
"""

from __future__ import annotations

import json
import time

import torch
from torch import Tensor

from spatialbias import paths
from spatialbias.explorer.networks import Network, NoNetworks, load_networks
from spatialbias.explorer.samples import samples
from spatialbias.explorer.view import View

ANGLES = tuple(range(-180, 181, 10))
MEASURES = {"turn": "rotation", "crop": "resized_crop", "right": "translation"}
STUDIES = ("coordinet.rotation", "coordinet.resized_crop", "coordinet.hypotheses")  # where they are
SECONDS = 2.0  # that the answers of a reader's own network may take


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
    """The grid and the curves of the shipped networks, from the file; empty where it is of other
    weights or missing.
    """
    from safetensors.torch import load

    try:
        content = (paths.shipped_results() / "weights" / "answers.safetensors").read_bytes()
    except OSError:
        return {}, {}
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header["__metadata__"]["about"])
    curves = {name: about["curves"].get(name, {}) for name in networks}
    if any(about["digests"].get(name) != one.digest for name, one in networks.items()):
        return {}, curves
    found = load(content)
    sizes, count = crops(32), len(samples()[1])
    grid = {"angles": ANGLES, "crops": sizes, "images": list(range(count))}
    return grid | {"answers": {name: found[name] for name in networks}}, curves


def curves(names, n_train: int) -> dict[str, dict[str, list]]:
    """By network and control: rows [amount, mean, low, high, n] of the accuracy over the shift, from
    the records of networks trained on `n_train` images; low and high are the 95 % interval.
    """
    import pandas as pd

    from spatialbias.statistics import mean_interval
    from spatialbias.studies import study

    frames = []
    for name in STUDIES:
        plan = study(name).plan("paper", n_train=n_train)
        frames.append(plan.sweep(missing="show").frame())
    frame = pd.concat(frames)
    frame = frame[(frame["at"] == "stop") & frame["measure"].isin(MEASURES.values())]
    frame = frame.drop_duplicates(["arm", "measure", "x", "replicate"])
    found: dict[str, dict[str, list]] = {name: {} for name in names}
    for name in names:
        for control, measure in MEASURES.items():
            rows = frame[(frame["arm"] == name) & (frame["measure"] == measure)]
            by_amount = rows.groupby(rows["x"].astype(float))["value"]
            line = [[x, *mean_interval(values.astype(float))] for x, values in by_amount]
            if len(line) > 1:
                found[name][control] = [[round(float(v), 4) for v in row] for row in line]
    return found


def write() -> None:
    """Compute `answers.safetensors` for the shipped networks, unless it is theirs already."""
    from safetensors.torch import save

    from spatialbias.store import write as write_file

    try:
        networks = load_networks()
    except NoNetworks:
        return
    found = shipped(networks)[0].get("answers") or {
        name: answers(network, samples()[0]) for name, network in networks.items()
    }
    about = {
        "digests": {name: network.digest for name, network in networks.items()},
        "curves": curves(networks, int(next(iter(networks.values())).trained_on.split()[0])),
    }
    path = paths.shipped_results() / "weights" / "answers.safetensors"
    write_file(path, save(found, metadata={"about": json.dumps(about)}))
    print(f"{path.name}: answers of {', '.join(networks)}, {path.stat().st_size / 1024:.0f} KiB")
