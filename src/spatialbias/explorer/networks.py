"""The networks that the explorer asks: shipped weights, or the ones that a page has trained."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from spatialbias import datasets, models, paths
from spatialbias.datasets import Batch, Data
from spatialbias.explorer.samples import first_of_each_class, samples
from spatialbias.figures import style
from spatialbias.training import Execution
from spatialbias.trials import Trial

NONE = Batch((), torch.empty(0, dtype=torch.long))


class NoNetworks(RuntimeError):
    """There is no trained network to ask; the message says how to come by one."""


@dataclass(frozen=True)
class Network:
    """A trained classifier, with the data set (its classes and normalisation; the examples may be
    missing).
    """

    model: nn.Module
    data: Data
    trained_on: str = ""

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities (B, classes) of uint8 images (B, C, H, W)."""
        self.model.eval()
        device = next(self.model.parameters()).device
        shared = (x.to(device) for x in self.data.test.shared)
        # A few images are too small a job to share: where others work too, threads that wait for
        # each other take 50 times longer.
        with Execution(threads=1).arithmetic():
            return (
                self.model(self.data.normalise(images).to(device), *shared).float().softmax(1).cpu()
            )


def load_networks(work: str = "coordinet", folder: Path | str | None = None) -> dict[str, Network]:
    """The shipped networks of a work by name, from `<work>.<name>.safetensors`, in the order of the
    book's legend.

    Each file's metadata holds `trial`, `mean`, `std` and `classes` as JSON. A damaged file is named
    in a warning and left out. Raises NoNetworks if none is left. `folder` defaults to
    data/results/weights.
    """
    place = Path(folder) if folder else paths.shipped_results() / "weights"
    found = {}
    for path in sorted(place.glob(f"{work}.*.safetensors")):
        try:
            found[path.name.removeprefix(f"{work}.").removesuffix(".safetensors")] = _read(path)
        except Exception as error:  # whatever is wrong with a file, the others are still good
            warnings.warn(
                f"{path.name} is not used, it is damaged or of another version ({error})",
                stacklevel=2,
            )
    if not found:
        raise NoNetworks(
            f"There are no trained networks here: data/results/weights holds no usable {work}.*.safetensors. "
            "`spatialbias results pack` writes them from the records of this machine. Or give your own: "
            'networks={"simple_cnn": (model, data)}.'
        )
    legend = list(style.LABELS)
    return dict(
        sorted(
            found.items(),
            key=lambda item: legend.index(item[0]) if item[0] in legend else len(legend),
        )
    )


def _read(path: Path) -> Network:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        written = file.metadata() or {}
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    trial, mean, std, classes = (
        json.loads(written[key]) for key in ("trial", "mean", "std", "classes")
    )
    trial = Trial(**trial)
    model = models.build(trial.model, **trial.model_args)
    model.load_state_dict(state)
    data = Data(NONE, NONE, trial.dataset, tuple(classes), "shipped", tuple(mean), tuple(std))
    return Network(model.requires_grad_(False), data, f"{trial.n_train or 'all'} images")


def of(networks: Mapping | None) -> dict[str, Network]:
    """Networks by name from what `explore` was given. Raises NoNetworks, or ValueError for
    unsuitable ones.
    """
    if networks is None:
        return load_networks()
    if not networks:
        raise NoNetworks("There are no trained networks here: the page gave none.")
    given = {
        name: value if isinstance(value, Network) else Network(*value)
        for name, value in networks.items()
    }
    first = next(iter(given.values())).data
    for name, network in given.items():
        if hasattr(network.model, "solve"):
            raise ValueError(
                f"networks: {name!r} gives scores, not class probabilities; leave it out"
            )
        if not network.data.classes or (network.data.name, network.data.classes) != (
            first.name,
            first.classes,
        ):
            raise ValueError(
                f"networks: {name!r} is of {network.data.name}; all must classify one data set"
            )
    return given


def pictures(networks: dict[str, Network]) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images that these networks can be shown, their classes and the class names: the samples if
    the networks are for CIFAR-10, else the first three test images of each class.
    """
    data = next(iter(networks.values())).data
    if data.name == "cifar10" and not data.test.shared:
        images, target, classes = samples()
        if classes == data.classes:
            return images, target, classes
    test = data.test if len(data.test) else datasets.load(data.name).test
    chosen = first_of_each_class(test.target, len(data.classes))
    return test.inputs[0][chosen], test.target[chosen], data.classes
