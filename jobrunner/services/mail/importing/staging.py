"""The folder of files: where each lies by its hash, and where one waits until its row is there.

    <root>/ab/abcd…         what rows name, 64 hexadecimal digits of SHA-256; never changed, never run, never unpacked
    <root>/incoming/…       written by whoever takes a message apart; random names

All who import into one database share one folder.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path

CHUNK = 1024 * 1024
INCOMING = "incoming"


def place_of(root: Path, sha256: bytes) -> Path:
    """Return where the file with this hash lies."""
    name = sha256.hex()
    return root / name[:2] / name


def staged_place(root: Path, name: str) -> Path:
    """Return where a file lies that waits."""
    return root / INCOMING / name


def stage(root: Path, content: "bytes | mmap") -> tuple[str, int, bytes]:
    """Write a file that waits; return its name, size and hash. It is not yet safe from a power failure.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    name = secrets.token_hex(16)
    digest = hashlib.sha256()
    size = 0
    path = staged_place(root, name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in _chunks(content):
                digest.update(chunk)
                size += _write(file.fileno(), chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return name, size, digest.digest()


def _chunks(content: "bytes | mmap") -> Iterator[memoryview]:
    with memoryview(content) as view:
        for begin in range(0, len(view), CHUNK):
            with view[begin : begin + CHUNK] as chunk:
                yield chunk


def _write(descriptor: int, chunk: memoryview) -> int:
    written = 0
    while written < len(chunk):
        written += os.write(descriptor, chunk[written:])
    return written
