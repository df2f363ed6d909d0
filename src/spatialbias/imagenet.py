"""Train ResNet-50 with one of our layers on ImageNet, or on any folder laid out like it:

    torchrun --nproc_per_node 8 -m spatialbias.imagenet --data /data/imagenet --kind lrlc --place conv5

The folder holds `train/<class>/*.jpg` and `val/<class>/*.jpg`. Without torchrun one process trains.
The same command goes on from the last finished epoch. An image is cropped and flipped by its number
and epoch alone, so neither the number of processes nor an interruption changes what is learnt.
"""

import argparse
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torch.utils.data.distributed import DistributedSampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from tqdm.auto import tqdm

from spatialbias.models.resnet import KINDS, PLACES, freeze_norms, resnet

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as everybody has them


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and val/")
    parser.add_argument("--out", type=Path, default=Path("imagenet"), help="checkpoint and log")
    parser.add_argument("--kind", choices=KINDS, default="convolution")
    parser.add_argument("--place", choices=PLACES, default="insert")
    parser.add_argument("--rank", type=int, default=2)
    parser.add_argument("--size", type=int, default=224, help="side of the images in pixels")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch", type=int, default=128, help="images a process and step")
    parser.add_argument("--rate", type=float, default=0.1, help="per 256 images a step")
    parser.add_argument("--warm-up", type=int, default=5, help="epochs until the full rate")
    parser.add_argument("--decay", type=float, default=1e-4, help="of weights")
    parser.add_argument("--workers", type=int, default=8, help="loaders a process")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--norm", choices=("own", "sync", "frozen"), default="own")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(given)


class Cropped(Dataset):
    """Images by number: in training cropped and flipped at random, by number and epoch alone."""

    def __init__(self, folder: Path, size: int, training: bool, seed: int) -> None:
        if not folder.is_dir():
            raise SystemExit(
                f"{folder} is missing: --data must name a folder with train/<class>/*.jpg and "
                "val/<class>/*.jpg, as ImageNet is laid out"
            )
        try:
            self.images = ImageFolder(str(folder))
        except FileNotFoundError as error:
            raise SystemExit(f"{folder} holds no images of classes: {error}") from None
        self.training, self.seed, self.epoch = training, seed, 0
        last = [
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
        first = [v2.Resize(round(size * 256 / 224)), v2.CenterCrop(size)]
        if training:
            first = [v2.RandomResizedCrop(size), v2.RandomHorizontalFlip()]
        self.transform = v2.Compose([*first, *last])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        image, target = self.images[index]
        with torch.random.fork_rng(devices=()):
            torch.manual_seed((self.seed * 1_000 + self.epoch) * 10_000_000 + index)
            return self.transform(image), target


@contextmanager
def processes():
    """(rank, number of processes, device); alone unless torchrun started us."""
    if "WORLD_SIZE" not in os.environ:
        yield 0, 1, torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return
    local, cuda = int(os.environ["LOCAL_RANK"]), torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield dist.get_rank(), dist.get_world_size(), device
    finally:
        dist.destroy_process_group()


def rate(options: argparse.Namespace, progress: float, world: int) -> float:
    """After so many epochs: a linear warm-up, then a cosine to zero."""
    full = options.rate * options.batch * world / 256
    if progress < options.warm_up:
        return full * progress / options.warm_up
    done = (progress - options.warm_up) / max(options.epochs - options.warm_up, 1)
    return full * (1 + torch.cos(torch.tensor(torch.pi * done)).item()) / 2


def summed(values: torch.Tensor) -> list[float]:
    """Over all processes."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values.tolist()


def train(options: argparse.Namespace) -> list[dict]:
    """Train to the last epoch; returns the log, one entry an epoch."""
    with processes() as (rank, world, device):
        data = Cropped(options.data / "train", options.size, True, options.seed)
        test = Cropped(options.data / "val", options.size, False, options.seed)
        sampler = DistributedSampler(data, world, rank, True, options.seed, drop_last=True)
        if len(sampler) < options.batch:
            raise SystemExit(
                f"{len(data)} images for {world} processes are fewer than one step of --batch {options.batch}"
            )
        own = {"batch_size": options.batch, "num_workers": options.workers}
        batches = DataLoader(data, sampler=sampler, drop_last=True, **own)
        part = DataLoader(Subset(test, range(rank, len(test), world)), **own)
        torch.manual_seed(options.seed)
        model = resnet(
            options.kind, options.place, options.rank, options.size, len(data.images.classes)
        )
        if options.norm == "frozen":
            freeze_norms(model)
        if options.norm == "sync" and device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        model = model.to(device, memory_format=torch.channels_last)
        optimiser = torch.optim.SGD(
            model.parameters(), 0.1, momentum=0.9, weight_decay=options.decay, nesterov=True
        )
        log = resume(options, model, optimiser, device)
        parallel = model
        if dist.is_initialized():
            parallel = nn.parallel.DistributedDataParallel(
                model, device_ids=[device.index] if device.type == "cuda" else None
            )
        for epoch in range(len(log), options.epochs):
            sampler.set_epoch(epoch)
            data.epoch = epoch
            loss = one_epoch(options, parallel, optimiser, batches, epoch, world, device, rank == 0)
            right, count = tested(options, model, part, device)
            log.append({"epoch": epoch + 1, "loss": loss, "top1": right / count})
            if rank == 0:
                print(json.dumps(log[-1]), flush=True)
                keep(options, model, optimiser, log)
        return log


def one_epoch(options, model, optimiser, batches, epoch, world, device, shown) -> float:
    """Returns the mean loss."""
    model.train()
    total = torch.zeros(2, device=device)
    bar = tqdm(batches, f"epoch {epoch + 1} of {options.epochs}", disable=not shown, leave=False)
    for step, (images, target) in enumerate(bar):
        now = rate(options, epoch + (step + 1) / len(batches), world)
        for group in optimiser.param_groups:
            group["lr"] = now
        images, target = ready(images, device), target.to(device, non_blocking=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            output = model(images)
        loss = F.cross_entropy(output.float(), target, label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += torch.stack((loss.detach(), loss.new_ones(())))
        if shown and step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}", rate=f"{now:.4f}")
    loss, steps = summed(total)
    return loss / steps


@torch.no_grad()
def tested(options, model, batches, device) -> tuple[float, float]:
    """(right answers, images) over all processes."""
    model.eval()
    counts = torch.zeros(2, device=device)
    for images, target in batches:
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            output = model(ready(images, device))
        hit = (output.argmax(1) == target.to(device)).sum()
        counts += torch.stack((hit, hit.new_tensor(len(target)))).to(counts)
    right, count = summed(counts)
    return right, count


def ready(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    return images.to(device, non_blocking=True, memory_format=torch.channels_last)


def keep(options: argparse.Namespace, model: nn.Module, optimiser, log: list[dict]) -> None:
    """Write the checkpoint under a temporary name, then rename it."""
    options.out.mkdir(parents=True, exist_ok=True)
    state = {
        "settings": settings(options),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "log": log,
    }
    torch.save(state, options.out / "checkpoint.tmp")
    os.replace(options.out / "checkpoint.tmp", options.out / "checkpoint.pt")


def resume(options: argparse.Namespace, model: nn.Module, optimiser, device) -> list[dict]:
    """Take up the checkpoint, if there is one; returns its log. SystemExit if it is of other
    settings.
    """
    path = options.out / "checkpoint.pt"
    if not path.exists():
        return []
    state = torch.load(path, map_location=device, weights_only=True)
    if state["settings"] != settings(options):
        raise SystemExit(f"{path} was made with {state['settings']}: name another --out")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return state["log"]


def settings(options: argparse.Namespace) -> dict:
    """What a checkpoint depends on: neither where it lies nor how it is computed."""
    free = ("data", "out", "workers", "batch", "precision")
    return {key: value for key, value in vars(options).items() if key not in free}


if __name__ == "__main__":
    try:
        train(arguments())
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from the last finished epoch")
