"""Records and weights on disk: files written whole or not at all, checksummed; local work lies over
shipped results.

A record is one JSON file, `<key>.<numerics class>.json`, with a checksum inside; a damaged one is
named, set aside and never used. One trial may have a record in each of several numerics classes: a
replicate that was begun on one kind of machine can be made whole on another. Any number of
processes may write to one store. `pack` merges the records of a study into one Parquet file.
"""

import hashlib
import json
import os
import tempfile
import time
import warnings
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from spatialbias import paths
from spatialbias.locks import lock
from spatialbias.trials import canonical

PENDING = "pending"  # in the folder of shipped results: records of studies that are not complete
ABANDONED = 3600.0  # seconds after which a file that is still being written never will be


class Store:
    """Records by key and numerics class. `folder` holds this machine's work, `shipped` (may be
    None) the Parquet files of the project; with `pending`, those of studies that are not complete
    are read too.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        shipped: Path | str | None = "project",
        *,
        pending: bool = False,
    ) -> None:
        self.folder = Path(folder) if folder else paths.work_folder()
        self.shipped = (
            paths.shipped_results() if shipped == "project" else shipped and Path(shipped)
        )
        self.pending = pending
        self._index: dict[str, list[tuple]] | None = None

    def all(self, key: str) -> dict[str, dict]:
        """The records of a key by numerics class: those in `folder`, and the shipped ones of other
        classes.
        """
        folder = self.folder / "records" / key[:2]
        local = [
            record
            for path in sorted(folder.glob(f"{key}*.json"))
            if (record := self._read(path, key)) is not None
        ]
        return self._shipped(key) | {numerics_of(record): record for record in local}

    def get(self, key: str, numerics: str | None = None) -> dict | None:
        """The record of a key in a numerics class (default: in any), or None."""
        found = self.all(key)
        return next(iter(found.values()), None) if numerics is None else found.get(numerics)

    def put(self, record: dict, states: dict | None = None) -> None:
        """Keep a record (and its weights). Atomic: a reader sees the old file or the new one."""
        key, numerics = record["key"], numerics_of(record)
        if states:
            from safetensors.torch import save

            for at, state in states.items():
                content = save(state, {"sha256": _digest(state)})
                write(self.weights_path(key, numerics, at), content)
        body = canonical(record)
        write(
            self.path(key, numerics),
            canonical({"sha256": hashlib.sha256(body).hexdigest(), "record": record}),
        )

    def states(self, key: str, numerics: str) -> dict | None:
        """The trained weights that were kept with a record, by name ("stop", "mark"), or None if
        they were not or one is damaged.
        """
        from safetensors import SafetensorError, safe_open

        found = {}
        for at in ("stop", "mark"):
            path = self.weights_path(key, numerics, at)
            if path.exists():
                try:
                    with safe_open(path, "pt") as file:
                        said, found[at] = (
                            file.metadata() or {},
                            {name: file.get_tensor(name) for name in file.keys()},
                        )
                    if "sha256" in said and said["sha256"] != _digest(found[at]):
                        raise ValueError("its checksum does not fit")
                except (SafetensorError, OSError, ValueError) as error:
                    self._set_aside(path, str(error))
                    return None
        return found if "stop" in found else None

    def path(self, key: str, numerics: str) -> Path:
        return self.folder / "records" / key[:2] / f"{key}.{_short(numerics)}.json"

    def weights_path(self, key: str, numerics: str, at: str = "stop") -> Path:
        return self.folder / "weights" / f"{key}.{_short(numerics)}.{at}.safetensors"

    def packed(self) -> dict[str, dict[str, dict]]:
        """All shipped records by key and numerics class."""
        return {key: self._shipped(key) for key in self._keys()}

    def _shipped(self, key: str) -> dict[str, dict]:
        """The shipped records of a key; a file is read when one of its keys is asked for."""
        found: dict[str, dict] = {}
        for file in self._keys().get(key, ()):
            found |= _records_of(*file).get(key, {})
        return found

    def _keys(self) -> dict[str, list[tuple]]:
        """In which files (path, time of change, size) each key has records."""
        if self._index is None:
            self._index = {}
            for path in self.files():
                file = (path, path.stat().st_mtime_ns, path.stat().st_size)
                for key in _keys_of(*file):
                    self._index.setdefault(key, []).append(file)
        return self._index

    def files(self) -> list[Path]:
        """The Parquet files that are read; what is pending comes last and goes before what is
        shipped.
        """
        if not self.shipped:
            return []
        folders = (self.shipped, self.shipped / PENDING) if self.pending else (self.shipped,)
        return [path for folder in folders for path in sorted(folder.glob("*.parquet"))]

    @contextmanager
    def claim(self, key: str):
        """Yield True if this process alone works on the key. The lock goes with the process,
        however that ends.
        """
        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / key, "w") as file:
            # The file stays: who opened it before it went would hold a lock on a file that nobody
            # else sees.
            yield lock(file)

    def _read(self, path: Path, key: str) -> dict | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            envelope = json.loads(content)
            record = envelope["record"]
            if (
                hashlib.sha256(canonical(record)).hexdigest() != envelope["sha256"]
                or record["key"] != key
            ):
                raise ValueError("its checksum does not fit")
            return record
        except (ValueError, KeyError, TypeError) as error:
            if (
                path.exists() and path.read_bytes() != content
            ):  # another sweep has just written it anew
                return self._read(path, key)
            self._set_aside(path, str(error))
            return None

    @staticmethod
    def _set_aside(path: Path, why: str) -> None:
        aside = path.with_name(path.name + ".damaged")
        done = f"set aside as {aside.name}; it will be computed anew"
        try:
            path.replace(aside)
        except FileNotFoundError:  # another process was first
            return
        except OSError as error:  # a folder that cannot be written
            done = f"it is not used, and cannot be set aside ({error.strerror})"
        warnings.warn(f"{path} is damaged ({why}): {done}", stacklevel=3)


@lru_cache(256)
def _keys_of(path: Path, *_) -> list[str]:
    """The keys in a file, each once. A file that cannot be read is named in a warning."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        keys = pq.read_table(path, columns=["key"])["key"].to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        _warn_damaged(path, error)
        return []
    return list(dict.fromkeys(key for key in keys if key))


@lru_cache(256)
def _records_of(path: Path, *_) -> dict[str, dict[str, dict]]:
    """The records in a file by key and numerics class: a page asks for them study by study."""
    records: dict[str, dict[str, dict]] = {}
    for record in read_parquet(path):
        records.setdefault(record["key"], {})[numerics_of(record)] = record
    return records


def _warn_damaged(path: Path, error: Exception) -> None:
    warnings.warn(f"{path} is damaged ({error}): none of its records is used", stacklevel=4)


def numerics_of(record: dict) -> str:
    """The numerics class that a record was computed in."""
    return record["provenance"]["numerics"]


def _short(numerics: str) -> str:
    """A numerics class in a file's name."""
    return hashlib.sha256(numerics.encode()).hexdigest()[:8]


def _digest(state: dict) -> str:
    """SHA-256 of a network's weights, by name."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(
            name.encode() + state[name].contiguous().flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it: it is whole or it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(".*.part"):  # by a process that was killed while it wrote
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            with suppress(OSError, AttributeError):  # not every file system has modes
                os.fchmod(file.fileno(), 0o644)  # a temporary file is its owner's alone
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:  # which disk is full?
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


NESTED = (
    "curve",
    "rows",
)  # lists of flat dicts: nested columns, so that any Parquet reader can open them
PLAIN = ("trial", "stop", "provenance", "measured")  # small dicts, as JSON


def write_parquet(path: Path, records: list[dict]) -> None:
    """One row a record: key, checksum, parameters, nested curve and rows; trial, stop and
    provenance as JSON text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    curve = pa.list_(
        pa.struct([("epoch", pa.int64()), ("loss", pa.float64()), ("score", pa.float64())])
    )
    rows = pa.list_(
        pa.struct(
            [
                ("measure", pa.string()),
                ("at", pa.string()),
                ("part", pa.string()),
                ("x", pa.float64()),
                ("value", pa.float64()),
                ("n", pa.int64()),
            ]
        )
    )
    schema = pa.schema(
        [
            ("key", pa.string()),
            ("sha256", pa.string()),
            ("parameters", pa.int64()),
            ("curve", curve),
            ("rows", rows),
            *[(name, pa.string()) for name in PLAIN],
        ]
    )
    table = pa.Table.from_pylist(
        [
            {
                "key": r["key"],
                "sha256": hashlib.sha256(canonical(r)).hexdigest(),
                "parameters": r["parameters"],
                **{name: r[name] for name in NESTED},
                **{name: canonical(r[name]).decode() for name in PLAIN},
            }
            for r in sorted(records, key=lambda r: (r["key"], numerics_of(r)))
        ],
        schema,
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=12)
    write(path, sink.getvalue().to_pybytes())


def read_parquet(path: Path) -> list[dict]:
    """Records as they were written. A damaged file or row is named in a warning and left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        _warn_damaged(path, error)
        return []
    records = []
    for row in table:
        try:
            record = {
                "key": row["key"],
                "parameters": row["parameters"],
                **{name: json.loads(row[name]) for name in PLAIN},
            }
        except (KeyError, TypeError, ValueError) as error:
            warnings.warn(
                f"{path}: the record {str(row.get('key'))[:12]} is damaged ({error!r}) and is not used",
                stacklevel=2,
            )
            continue
        # "score" is missing where the curve was not scored, "part" where a measure has only one;
        # Parquet fills them with None.
        for name in NESTED:
            record[name] = [
                {k: v for k, v in entry.items() if v is not None or k not in ("score", "part")}
                for entry in row[name]
            ]
        if hashlib.sha256(canonical(record)).hexdigest() == row["sha256"]:
            records.append(record)
        else:
            warnings.warn(
                f"{path}: the record {row['key'][:12]} is damaged and is not used", stacklevel=2
            )
    return records
