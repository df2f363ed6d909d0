"""Fit one network to in-memory tensors until a stop rule. Knows nothing of trials, data sets or
classes of network.
"""

import copy
import hashlib
import math
import os
import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatialbias.components import one_of
from spatialbias.datasets.batch import Batch

LOSSES = {  # mean over the batch (and over pixels, where there are any)
    "cross_entropy": F.cross_entropy,
    "mean_squared_error": F.mse_loss,
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
}
EVALUATION_BATCH = (
    250  # a network whose activations then leave the cache says so: `evaluation_batch`
)


@dataclass(frozen=True)
class Execution:
    """How a trial is carried out: provenance, not part of the trial."""

    device: str = "cpu"
    precision: str = "fp32"  # of activations and matrix products; weights are always fp32
    threads: int = 1
    flush: bool = False  # numbers too small for a whole mantissa are zero

    def __post_init__(self) -> None:
        one_of(
            ("fp32", "bf16"), precision=self.precision
        )  # a record must not claim a numerics class in which it was not computed

    def numerics(self) -> str:
        """The numerics class: two equal trials give equal bits if their classes are equal."""
        kind = torch.cuda.get_device_name() if self.device == "cuda" else processor()
        return f"{self.device} {kind} {self.precision}{' flushed' * self.flush} torch {torch.__version__.split('+')[0]}"

    @contextmanager
    def arithmetic(self):
        """Computing with so many threads, on which the order of sums and so the bits depend, and as
        this execution says about denormal numbers; not to be nested.
        """
        before, flushed = torch.get_num_threads(), self.flush and torch.set_flush_denormal(True)
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            if flushed:
                torch.set_flush_denormal(False)

    def autocast(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


VECTORS = ("avx", "amx", "fma", "f16c", "sse4", "gfni", "vaes", "sve", "asimd", "bf16", "i8mm")
CHOICES = (  # what else decides which kernels PyTorch, oneDNN and MKL take
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_CBWR",
)


@cache
def processor() -> str:
    """This processor, as finely as its arithmetic may differ: its instruction set, its vendor, and a
    digest of family, model, vector instructions and the settings by which libraries choose among
    them. (Records made before November 2026 name the instruction set alone.)
    """
    said = _cpuinfo()
    vendor = said.get("vendor_id") or platform.processor() or platform.machine()
    telling = [said.get("cpu family"), said.get("model"), torch.backends.cpu.get_cpu_capability()]
    telling += [flag for flag in sorted(_flags()) if flag.startswith(VECTORS)]
    telling += [f"{name}={os.environ[name]}" for name in CHOICES if name in os.environ]
    digest = hashlib.sha256(repr((vendor, telling)).encode()).hexdigest()[:6]
    return f"{instruction_set()} {vendor.replace(' ', '_')} {digest}"


@cache
def _cpuinfo() -> dict[str, str]:
    """What Linux says of the first processor; elsewhere nothing."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _flags() -> list[str]:
    return (_cpuinfo().get("flags") or _cpuinfo().get("Features", "")).split()


@cache
def instruction_set() -> str:
    """Of this processor, as far as speed goes: "amx", "avx512_bf16", "avx512", "avx2", or the
    machine's name.
    """
    flags = _flags()
    if "amx_bf16" in flags and torch.cpu._is_amx_tile_supported():
        return "amx"
    return next(
        (
            name
            for flag, name in (
                ("avx512_bf16", "avx512_bf16"),
                ("avx512f", "avx512"),
                ("avx2", "avx2"),
            )
            if flag in flags
        ),
        platform.machine(),
    )


@cache
def detect(precision: str | None = None, device: str | None = None) -> Execution:
    """The fastest sound way to compute here. bf16 where the hardware has it *and* a probe finds it
    faster.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if precision is None:
        native = device == "cuda" or instruction_set() in ("amx", "avx512_bf16")
        precision = "bf16" if native and (device == "cuda" or _faster_in_bf16()) else "fp32"
    return Execution(device, precision, 1)


def _faster_in_bf16() -> bool:
    def seconds(x: Tensor) -> float:
        """Of the quickest of some products, on the processor and in one thread: neither what else
        runs on the machine nor threads that wait for each other must decide.
        """
        taken = []
        for _ in range(8):
            start = time.process_time()
            x @ x
            taken.append(time.process_time() - start)
        return min(taken)

    x = torch.randn(512, 512)
    with Execution().arithmetic():
        return seconds(x.bfloat16()) < 0.9 * seconds(x)


def try_out(model: nn.Module, data: Batch, loss: str, what: str) -> None:
    """Raise ValueError, before any training, if the network cannot take the data or the loss not
    what it answers.
    """
    if hasattr(model, "solve"):
        return
    some = data[:2]
    try:  # a copy, and torch's generators as they were: a network may draw, or count its batches, even when it answers
        with torch.no_grad(), torch.random.fork_rng():
            out = copy.deepcopy(model).eval()(*some.inputs, *some.shared)
            LOSSES[loss](out, some.target)
        if loss == "cross_entropy" and (most := int(data.target.max())) >= out.shape[1]:
            raise ValueError(f"it answers for {out.shape[1]} classes, and there is a class {most}")
    except (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError) as error:
        raise ValueError(
            f"{what}, loss {loss!r}: they do not fit together ({str(error).splitlines()[0]})"
        ) from None


@dataclass
class Fit:
    """What training leaves: the curve, why and when it stopped, and the weights at the stop and at
    the mark.
    """

    curve: list[dict] = field(
        default_factory=list
    )  # epoch, loss and, at `curve_epoch`s, score; every epoch if the loss matters
    reason: str = (
        "cap"  # "loss", "cap", "diverged", "epochs" (no loss to reach was set) or "solved"
    )
    epoch: int = 0
    loss: float = math.nan
    states: dict[str, dict[str, Tensor]] = field(
        default_factory=dict
    )  # "stop" and, if training went on past it, "mark"
    seconds: float = 0.0


def fit(
    model: nn.Module,
    train: Batch,
    *,
    loss: str,
    learning_rate: float,
    batch_size: int,
    max_epochs: int,
    stop_loss: float | None,
    mark_epoch: int | None,
    order: torch.Generator,
    execution: Execution,
    score=None,
    optimizer: str = "adam",
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    schedule: str = "constant",
) -> Fit:
    """Train `model` on `train`. `score(model) -> float`, if given, is called at `curve_epochs`.

    Stops as soon as the mean loss over all of `train`, in evaluation mode, is at most `stop_loss`;
    at `max_epochs`; or when that loss is not a number. `order` draws the order of the examples.
    """
    started, result = time.perf_counter(), Fit()
    if hasattr(model, "solve"):
        model.solve(*train.inputs, train.target)
        result.reason, result.loss = "solved", math.nan
        result.states["stop"], result.seconds = _state(model), time.perf_counter() - started
        return result
    if train.inputs[0].dim() == 4:
        model.to(memory_format=torch.channels_last)
    optimiser = _optimiser(optimizer, model, learning_rate, beta2, weight_decay)
    scheduler = _schedule(schedule, optimiser, max_epochs)
    for epoch in range(1, max_epochs + 1):
        model.train()
        for part in _batches(torch.randperm(len(train), generator=order), batch_size):
            batch = train[part]
            with execution.autocast():
                output = model(*batch.inputs, *batch.shared)
            optimiser.zero_grad(set_to_none=True)
            LOSSES[loss](output.float(), batch.target).backward()
            optimiser.step()
        result.epoch, due = epoch, curve_epoch(epoch) or epoch in (mark_epoch, max_epochs)
        if not due and stop_loss is None and schedule != "plateau":  # nobody asks for the loss
            scheduler.step()
            continue
        result.loss = mean_loss(model, train, loss, execution)
        entry = {"epoch": epoch, "loss": result.loss}
        if not math.isfinite(result.loss):
            result.reason = "diverged"
        elif stop_loss is not None and result.loss <= stop_loss:
            result.reason = "loss"
        elif epoch == max_epochs:
            result.reason = "cap" if stop_loss is not None else "epochs"
        ended = epoch == max_epochs or result.reason in ("diverged", "loss")
        if score is not None and (ended or due):
            entry["score"] = score(model)
        result.curve.append(entry)
        if ended:
            break
        if epoch == mark_epoch:
            result.states["mark"] = _state(model)
        scheduler.step(result.loss) if schedule == "plateau" else scheduler.step()
    result.states["stop"] = _state(model)
    result.seconds = time.perf_counter() - started
    return result


def curve_epoch(epoch: int) -> bool:
    """Epochs at which the curve holds a score: the first twenty, then every fifth (scores cost as
    much as training).
    """
    return epoch <= 20 or epoch % 5 == 0


def mean_loss(model: nn.Module, batch: Batch, loss: str, execution: Execution) -> float:
    """Mean loss over a batch, in evaluation mode."""
    total = sum(
        float(LOSSES[loss](outputs, part.target)) * len(part)
        for outputs, part in predictions(model, batch, execution)
    )
    return total / len(batch)


@torch.no_grad()
def predictions(model: nn.Module, batch: Batch, execution: Execution, size: int | None = None):
    """Yield (outputs in fp32, the part of the batch that they belong to), in evaluation mode."""
    model.eval()
    size = size or getattr(model, "evaluation_batch", EVALUATION_BATCH)
    for first in range(0, len(batch), size):
        part = batch[first : first + size]
        with execution.autocast():
            yield model(*part.inputs, *part.shared).float(), part


def _batches(order: Tensor, size: int) -> list[Tensor]:
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:  # batch norm cannot train on a single example
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _optimiser(
    name: str, model: nn.Module, learning_rate: float, beta2: float, weight_decay: float
):
    """Weight decay, an L2 penalty of half its size, falls on kernels and matrices only: biases and
    norms go free, and what the network calls `unpenalised`.
    """
    parameters = model.parameters()
    if weight_decay:
        spared = {id(p) for p in getattr(model, "unpenalised", list)()}
        kernels, free = (
            [p for p in model.parameters() if (p.dim() > 1 and id(p) not in spared) is wanted]
            for wanted in (True, False)
        )
        parameters = [{"params": kernels}, {"params": free, "weight_decay": 0.0}]
    if name == "adam":
        return torch.optim.Adam(
            parameters, learning_rate, (0.9, beta2), weight_decay=weight_decay, fused=True
        )
    return torch.optim.SGD(parameters, learning_rate, momentum=0.9, weight_decay=weight_decay)


def _schedule(name: str, optimiser, epochs: int):
    if name == "plateau":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser)
    if name == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    if name == "step":  # to a tenth after each fifth of the epochs
        return torch.optim.lr_scheduler.StepLR(optimiser, max(epochs // 5, 1))
    return torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: value.detach().cpu().contiguous().clone()
        for name, value in model.state_dict().items()
    }
