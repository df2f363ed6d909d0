"""The networks that the explorer asks: shipped weights, or the reader's own."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from spatialbias import datasets, models, paths
from spatialbias.checksums import check
from spatialbias.datasets import Batch, Data
from spatialbias.explorer.samples import first_of_each_class, samples
from spatialbias.training import Execution
from spatialbias.trials import Trial

NONE = Batch((), torch.empty(0, dtype=torch.long))
# Shipped and shown in this order: arms of the Coordinet chapter's studies, what each is called, its colour.
SHIPPED = {
    "fully_connected": ("fully connected", "#d55e00"),
    "simple_cnn": ("simple CNN", "#0072b2"),
    "pooled_cnn": ("pooled CNN", "#56b4e9"),
    "padded_cnn": ("simple CNN, padded", "#7b5aa6"),
    "coordinet": ("Coordinet", "#009e73"),
    "no modulation": ("Coordinet, unmod\u00adulated", "#7a9a01"),
}
SPARE = ("#8c6bb1", "#bf812d", "#35978f", "#c51b7d", "#4d9221", "#7f7f7f")  # for the reader's own


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
    digest: str = ""  # of the shipped file that it was read from

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Class probabilities (B, classes) of uint8 images (B, C, H, W)."""
        return self._logits(self.data.normalise(images)).softmax(1)

    def gradient(self, image: Tensor) -> Tensor:
        """How much the log-probability of the likeliest class changes with each pixel of a uint8
        image (C, H, W): the derivatives' sizes, in full scales of grey, summed over the channels:
        (H, W).

        The derivative, and not what covering patch by patch changes, because it resolves single
        pixels and is there at once: the page needs up to 95 ms for it (Chromium, one core), for
        225 covered images half a second to four.
        """
        x = self.data.normalise(image[None]).requires_grad_()
        with torch.enable_grad():
            (found,) = torch.autograd.grad(self._logits(x).log_softmax(1).amax(), x)
        scale = found.new_tensor(self.data.std or (1.0,)).view(-1, 1, 1)
        return (found[0] / scale).abs().sum(0)

    def _logits(self, inputs: Tensor) -> Tensor:
        training = self.model.training
        self.model.eval()
        first = next(self.model.parameters())
        shared = (x.to(first.device) for x in self.data.test.shared)
        # A few images are too small a job to share: where others work too, threads that wait for
        # each other take 50 times longer.
        with Execution(threads=1).arithmetic():
            found = self.model(inputs.to(first.device, first.dtype), *shared).float().cpu()
        self.model.train(training)
        return found


def load_networks(work: str = "coordinet", folder: Path | str | None = None) -> dict[str, Network]:
    """The shipped networks of a work by name, from `<work>.<name>.safetensors`, in the order in
    which the explorer shows them.

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
            "explore(my_network)."
        )
    legend = list(SHIPPED)
    return {
        name: found[name]
        for name in sorted(found, key=lambda n: legend.index(n) if n in legend else len(legend))
    }


def _read(path: Path) -> Network:
    from safetensors.torch import load

    content = path.read_bytes()
    check(path, content)
    state = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    written = header.get("__metadata__", {})
    trial, mean, std, classes = (
        json.loads(written[key]) for key in ("trial", "mean", "std", "classes")
    )
    trial = Trial(**trial)
    model = models.build(trial.model, **trial.model_args)
    model.load_state_dict(state)
    data = Data(NONE, NONE, trial.dataset, tuple(classes), "shipped", tuple(mean), tuple(std))
    return Network(
        model.requires_grad_(False).eval(),
        data,
        f"{trial.n_train or 'all'} images",
        hashlib.sha256(content).hexdigest()[:12],
    )


def of(networks: Mapping | nn.Module | None) -> dict[str, Network]:
    """Networks by name from what `explore` was given: a module, or name: module, (module, data) or
    Network. A module alone is taken to be trained on CIFAR-10, normalised as the book does it.

    Raises NoNetworks, or ValueError with one sentence for a network that cannot be shown.
    """
    if networks is None:
        return load_networks()
    if isinstance(networks, nn.Module):
        networks = {type(networks).__name__: networks}
    if not isinstance(networks, Mapping):
        raise ValueError(
            f"networks: a {type(networks).__name__} is no network; give a torch.nn.Module or a dictionary of them"
        )
    if not networks:
        raise NoNetworks("There are no trained networks here: the page gave none.")
    given = {str(name): _network(str(name), value) for name, value in networks.items()}
    first = next(iter(given.values())).data
    for name, network in given.items():
        if not network.data.classes or (network.data.name, network.data.classes) != (
            first.name,
            first.classes,
        ):
            raise ValueError(
                f"networks: {name!r} is of {network.data.name}; all must classify one data set"
            )
    return given


def _network(name: str, value) -> Network:
    if isinstance(value, nn.Module):
        images, _, classes = samples()
        value = (value, Data(NONE, NONE, "cifar10", classes, "samples", CIFAR10[0], CIFAR10[1]))
    if not isinstance(value, Network):
        try:
            value = Network(*value)
        except TypeError:
            value = Network(value, None)
    if not isinstance(value.model, nn.Module) or not isinstance(value.data, Data):
        raise ValueError(
            f"networks: {name!r} is a {type(value.model).__name__}; give a torch.nn.Module, or (module, data)"
        )
    if hasattr(value.model, "solve"):
        raise ValueError(f"networks: {name!r} gives scores, not class probabilities; leave it out")
    if next(value.model.parameters(), None) is None:
        raise ValueError(f"networks: {name!r} has no parameters, so nothing in it was trained")
    return value


CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))  # mean and deviation by channel


def fit(networks: dict[str, Network], images: Tensor) -> None:
    """Raise ValueError with one sentence for a network that cannot take these images or does not
    answer with one number a class.
    """
    for name, network in networks.items():
        size, classes = "x".join(map(str, images.shape[1:])), len(network.data.classes)
        try:
            found = network.probabilities(images[:2])
        except Exception as error:  # whatever a reader's network raises
            reason = str(error).split("\n")[0]
            raise ValueError(
                f"networks: {name!r} cannot take images of {size} ({reason})"
            ) from error
        if found.shape != (len(images[:2]), classes):
            raise ValueError(
                f"networks: {name!r} answers 2 images with {tuple(found.shape)}, not with (2, {classes}): one number a class"
            )


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
