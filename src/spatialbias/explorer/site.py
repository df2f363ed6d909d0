"""What the rendered book needs to run the networks: its own scripts, the shipped networks as ONNX,
and onnxruntime-web, all as classic scripts with their data inside, because `file://` allows no
others.

onnxruntime-web comes from npm by lock file. Where npm cannot be had the networks do not run and the
page looks answers up, and says so.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from spatialbias import paths
from spatialbias.explorer.networks import Network, NoNetworks, load_networks
from spatialbias.explorer.widget import CSS, HERE, _literal, classic, content

SCRIPTS = ("runtime.js", "explorer.js")  # for each page that shows the explorer, in this order
SECONDS = 300  # that npm may take
ORT = {
    "ort": "ort.wasm.min.js",
    "glue": "ort-wasm-simd-threaded.mjs",
    "wasm": "ort-wasm-simd-threaded.wasm",
}


class Answering(nn.Module):
    """From the bytes of an image to probabilities: what is exported."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.model = network.model
        self.register_buffer("mean", torch.tensor(network.data.mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(network.data.std).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.model((images.float() / 255 - self.mean) / self.std).softmax(1)


def onnx(network: Network, size: tuple[int, int, int] = (3, 32, 32)) -> bytes:
    """The network as ONNX: `images` (B, C, H, W) uint8 to `probabilities` (B, classes)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own future
        program = torch.onnx.export(
            Answering(network).eval(),
            (torch.zeros(2, *size, dtype=torch.uint8),),
            dynamo=True,
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    return program.model_proto.SerializeToString()


def write(folder: Path, runtime: Path | None | bool = True) -> None:
    """Fill a folder of the site. runtime: the folder of onnxruntime-web's `dist`; True takes it from
    npm; None or False does without.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        networks = load_networks()
    except NoNetworks:
        networks = {}
    shown = content(networks) if networks else None
    if runtime is True:
        runtime = from_npm()
    listed = {}
    if runtime:
        for name, file in ORT.items():
            _data(folder, name, (runtime / file).read_bytes())
        for network in networks.values():
            listed[network.digest] = _export(folder, network)
    (folder / "runtime.js").write_text(
        f"globalThis.spatialbiasNetworks = {json.dumps(listed)};\n"
        + (HERE / "runtime.js").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    given = f"({{ data, css: {_literal(CSS)}, state }})[name]"
    (folder / "explorer.js").write_text(
        f"{{ {classic()}\nconst data = {_literal(shown)};\n"
        "globalThis.spatialbiasSite = (el, state) => { if (data) render({ el, model: { get: (name) => "
        f"{given} }} }}); }};\nglobalThis.spatialbiasShifted = shifted; }}\n",
        encoding="utf-8",
    )


def _data(folder: Path, name: str, content: bytes) -> None:
    text = base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
    (folder / f"{name}.js").write_text(
        f'spatialbiasRuntime.data("{name}", "{text}");\n', encoding="utf-8"
    )


def _export(folder: Path, network: Network) -> dict:
    """Write a network's script; what `runtime.js` must know of it. Exports are kept between
    builds.
    """
    from torch.utils.flop_counter import FlopCounterMode

    kept = paths.project() / "_build" / "explorer" / f"{network.digest}.onnx"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        exported = onnx(network)
        kept.with_suffix(".part").write_bytes(exported)
        kept.with_suffix(".part").replace(kept)
    model = kept.read_bytes()
    # Weights are bfloat16 values in float32: byte by byte apart they compress best.
    padded = np.frombuffer(model + bytes(-len(model) % 4), np.uint8)
    _data(folder, network.digest, padded.reshape(-1, 4).T.tobytes())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.model(torch.zeros(1, 3, 32, 32))
    return {"cost": counter.get_total_flops(), "bytes": len(model)}


def from_npm() -> Path | None:
    """onnxruntime-web's `dist`, installed once by the lock file; None where npm cannot be had."""
    place = paths.project() / "_build" / "npm"
    found = place / "node_modules" / "onnxruntime-web" / "dist"
    lock = (HERE / "package-lock.json").read_bytes()
    done = place / "installed"  # written last, so that half an installation is not used
    if (
        done.is_file()
        and done.read_bytes() == lock
        and all((found / f).is_file() for f in ORT.values())
    ):
        return found
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not here: the explorer's page will look answers up")
        return None
    place.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, place / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        subprocess.run(command, cwd=place, check=True, capture_output=True, timeout=SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", b"") or b""
        print(
            "npm cannot fetch onnxruntime-web, so the explorer's page will look answers up: "
            f"{said.decode(errors='replace').strip()[-300:] or error}"
        )
        return None
    done.write_bytes(lock)
    return found
