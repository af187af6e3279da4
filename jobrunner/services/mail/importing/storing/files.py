"""Files and their rows: neither is ever without the other for longer than a pin lasts (see the package)."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.staging import INCOMING, place_of, staged_place

PIN = timedelta(hours=1)
"""How long a file that nobody names yet is kept: longer than any import takes."""
PORTION = 200
"""Files that one transaction removes, and one sweep, if it is not told otherwise."""
SYNCING = 8
"""Files that are made safe at the same time."""
NAME_LENGTH = 64
LOOKED_AT = 5000
"""Rows that one statement looks at."""
LOOK_LIMIT = 30.0
"""Seconds that it may take."""
LAST = b"\xff" * 32

PIN_FILES = load(__package__, "pin_files")
LIST_UNUSED_FILES = load(__package__, "list_unused_files")
DROP_UNUSED_FILES = load(__package__, "drop_unused_files")
LIST_FILES = load(__package__, "list_files")


@dataclass(frozen=True, slots=True)
class FileAudit:
    """What does not fit; both are empty where all is well."""

    without_file: tuple[bytes, ...]
    """Hashes that a mail or a failure names, and that have no file."""
    without_row: tuple[Path, ...]
    """Files that no row knows."""


def staged_files(mails: Iterable[ParsedMail]) -> dict[str, tuple[bytes, int]]:
    """Return the files of mails that wait: for each name its hash and size."""
    return {
        file.staged: (file.sha256, file.size)
        for mail in mails
        for file in mail.attachments
        if file.staged is not None and file.sha256 is not None
    }


async def settle_files(connection: Queryable, root: Path, staged: Mapping[str, tuple[bytes, int]]) -> None:
    """Put files into their places, and pin them so that a row may name them within the hour.

    `connection` must not be in a transaction: the pins are to hold whatever follows. `staged` has for each name in
    `incoming` its hash and size.

    Raises:
        OSError: a file cannot be moved.
    """
    if not staged:
        return
    sizes = dict(sorted(staged.values()))
    await connection.fetch(PIN_FILES, list(sizes.keys()), list(sizes.values()), PIN)
    await asyncio.to_thread(_place, root, {name: sha256 for name, (sha256, _) in staged.items()})


async def discard_staged(root: Path, names: Iterable[str]) -> None:
    """Remove files that wait and will not be needed."""

    def remove() -> None:
        for name in names:
            staged_place(root, name).unlink(missing_ok=True)

    await asyncio.to_thread(remove)


async def sweep_files(connection: Any, root: Path, *, batch: int = PORTION) -> int:
    """Remove files that nobody names and whose pin ran out, with their rows; return how many: 0 when none is left.

    At most `batch`, PORTION in each transaction, so that none lasts; call it again until it returns 0. To find them may
    mean to look at all, LOOKED_AT in each statement, so let it find many. When no such file is left, what has waited in
    `incoming` for longer than a pin lasts. Imports and other sweeps may go on meanwhile, and where one was killed the
    next one goes on. `connection` is one of asyncpg, in no transaction.

    Raises:
        asyncpg.LockNotAvailableError: all that it found are held by others at this moment.
        TimeoutError: a statement took longer than LOOK_LIMIT.
    """
    unused = await _find_unused(connection, batch)
    removed = 0
    for begin in range(0, len(unused), PORTION):
        async with connection.transaction():
            # Who pins one of them at this moment waits for the commit, makes a new row and puts the file there again.
            rows = await connection.fetch(DROP_UNUSED_FILES, unused[begin : begin + PORTION])
            dropped = [row["sha256"] for row in rows]
            await asyncio.to_thread(_remove, root, dropped)
        removed += len(dropped)
    if unused and not removed:
        raise asyncpg.LockNotAvailableError("all unused files that were found are held by others")
    return removed or await asyncio.to_thread(_remove_stale, root, batch)


async def _find_unused(connection: Any, most: int) -> list[bytes]:
    """Return the hashes of files that may go. It begins anywhere, so that the next one need not pass all that stays."""
    found: list[bytes] = []
    for after, last in around(os.urandom(len(LAST))):
        while len(found) < most:
            (row,) = await connection.fetch(LIST_UNUSED_FILES, after, last, LOOKED_AT, timeout=LOOK_LIMIT)
            if row["ends_at"] is None:
                break
            after = row["ends_at"]
            found += row["unused"]
    return found[:most]


def around(start: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the ranges, each from behind its first to its last, that hold every hash once, `start` the last of all."""
    return (start, LAST), (b"", start)


async def audit_files(connection: Queryable, root: Path) -> FileAudit:
    """Compare rows and files. Imports at the same time may show up as files that will soon be named."""
    rows = await connection.fetch(LIST_FILES)
    known = {row["sha256"] for row in rows}
    named = [row["sha256"] for row in rows if row["is_named"]]
    return await asyncio.to_thread(_audit, root, known, named)


def _place(root: Path, staged: Mapping[str, bytes]) -> None:
    """Move files, in the order: what they hold is safe, then their names are."""
    moves = {staged_place(root, name): place_of(root, sha256) for name, sha256 in staged.items()}
    needed = {waiting: place for waiting, place in moves.items() if not place.exists()}
    folders = {place.parent for place in needed.values()}
    if missing := {folder for folder in folders if not folder.exists()}:
        for folder in missing:
            folder.mkdir(exist_ok=True, mode=0o700)
        folders |= {root}
    # Together: a file system writes what several wait for at once.
    with ThreadPoolExecutor(SYNCING) as threads:
        list(threads.map(_sync, needed))
        for waiting, place in needed.items():
            os.replace(waiting, place)
        list(threads.map(_sync, folders))
    for waiting in moves.keys() - needed.keys():
        waiting.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(root: Path, hashes: list[bytes]) -> None:
    for sha256 in hashes:
        place_of(root, sha256).unlink(missing_ok=True)


def _remove_stale(root: Path, most: int) -> int:
    removed = 0
    before = time.time() - PIN.total_seconds()
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(root / INCOMING):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < before:
                    os.unlink(entry.path)
                    removed += 1
            if removed == most:
                break
    return removed


def _audit(root: Path, known: set[bytes], named: list[bytes]) -> FileAudit:
    without_row = [
        path
        for path in root.glob("[0-9a-f][0-9a-f]/*")
        if len(path.name) != NAME_LENGTH or bytes.fromhex(path.name) not in known
    ]
    without_file = [sha256 for sha256 in named if not place_of(root, sha256).exists()]
    return FileAudit(tuple(without_file), tuple(without_row))
