"""What the rendered book needs to run the networks: its own scripts, the shipped networks as ONNX,
and onnxruntime-web, all as classic scripts with their data inside, because `file://` allows no
others.

onnxruntime-web comes from npm by lock file. Where npm cannot be had the networks do not run and the
page looks answers up, and says so.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from spatialbias import paths
from spatialbias.explorer import export, square
from spatialbias.explorer.hosts import CSS, HERE, literal, script
from spatialbias.explorer.networks import NoNetworks, load_networks
from spatialbias.explorer.widget import content

SCRIPTS = ("runtime.js", "explorer.js")  # for each page that shows the explorer, in this order
FIRST_LETTER = 0x3000  # of 32,768, none of them a surrogate, quote or line end
SECONDS = 300  # that npm may take
ORT = {
    "ort": "ort.wasm.min.js",
    "glue": "ort-wasm-simd-threaded.mjs",
    "wasm": "ort-wasm-simd-threaded.wasm",
}


def write(folder: Path, runtime: Path | None | bool = True) -> None:
    """Fill a folder of the site. runtime: the folder of onnxruntime-web's `dist`; True takes it from
    npm; None or False does without.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown, programs = {}, {}  # content by kind; by a network's digest what makes its ONNX, and cost
    with suppress(NoNetworks):
        networks = load_networks()
        shown["shifts"] = content(networks)
        programs |= {n.digest: partial(export.classifier, n) for n in networks.values()}
    with suppress(NoNetworks):
        networks = square.networks()
        shown["square"] = square.content(networks)
        programs |= {
            n.digest: partial(export.of_centre, square.Answering(n)) for n in networks.values()
        }
    if runtime is True:
        runtime = from_npm()
    listed = {}
    if runtime:
        for name, file in ORT.items():
            _data(folder, name, (runtime / file).read_bytes())
        listed = {digest: _export(folder, digest, make) for digest, make in programs.items()}
    (folder / "runtime.js").write_text(
        f"globalThis.spatialbiasNetworks = {json.dumps(listed)};\n"
        + (HERE / "runtime.js").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    given = f"({{ data: data[kind], css: {literal(CSS)}, state }})[name]"
    (folder / "explorer.js").write_text(
        f"{{ {script('shifts', 'square')}\nconst data = {literal(shown)};\n"
        "globalThis.spatialbiasSite = (el, kind, state) => { if (data[kind]) render({ el, model: { get: (name) => "
        f"{given} }} }}); }};\nglobalThis.spatialbiasShifted = shifted; }}\n",
        encoding="utf-8",
    )


def _data(folder: Path, name: str, content: bytes) -> None:
    """Bytes as a script in UTF-16, whose mark at the beginning goes before whatever a server says:
    fifteen bits a letter, among letters that need no escape. In UTF-8 seven bits took a byte.
    """
    packed = gzip.compress(content, 9, mtime=0)
    bits = np.unpackbits(np.frombuffer(packed, np.uint8))
    bits = np.pad(bits, (0, -len(bits) % 15)).reshape(-1, 15)
    letters = FIRST_LETTER + bits @ (1 << np.arange(14, -1, -1))
    text = letters.astype("<u2").tobytes().decode("utf-16-le")
    script = f'spatialbiasRuntime.data("{name}", {len(packed)}, "{text}");\n'
    (folder / f"{name}.js").write_bytes(codecs.BOM_UTF16_LE + script.encode("utf-16-le"))


def _export(folder: Path, digest: str, make: Callable[[], tuple[bytes, int]]) -> dict:
    """Write a network's script; what `runtime.js` must know of it. Exports are kept between
    builds.
    """
    code = hashlib.sha256(Path(export.__file__).read_bytes()).hexdigest()[:8]
    kept = paths.project() / "_build" / "explorer" / f"{digest}-{code}"
    if not kept.is_dir():
        model, cost = make()
        part = kept.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        (part / "cost").write_text(str(cost), encoding="utf-8")
        (part / "onnx").write_bytes(model)
        part.replace(kept)
    model = (kept / "onnx").read_bytes()
    # Weights are bfloat16 values in float32: byte by byte apart they compress best.
    padded = np.frombuffer(model + bytes(-len(model) % 4), np.uint8)
    _data(folder, digest, padded.reshape(-1, 4).T.tobytes())
    return {"cost": int((kept / "cost").read_text("utf-8")), "bytes": len(model)}


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
