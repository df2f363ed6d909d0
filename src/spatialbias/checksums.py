"""Checksums of a folder's files, in one file beside them, as `sha256sum` writes and checks them."""

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"


def read_sums(folder: Path) -> dict[str, str]:
    """SHA-256 by file name; empty where there is no list."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def sums(folder: Path, pattern: str) -> str:
    """The list of a folder's files of a pattern, as it is written."""
    files = sorted(folder.glob(pattern))
    return "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)


def check(path: Path, content: bytes) -> None:
    """Raise ValueError if the list beside a file gives it another checksum."""
    said = read_sums(path.parent).get(path.name)
    if said is not None and said != hashlib.sha256(content).hexdigest():
        raise ValueError("its checksum does not fit")
