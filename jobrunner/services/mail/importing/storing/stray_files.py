"""Files that no row knows: what a database leaves behind that was put back to an earlier time."""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from jobrunner.db.queryable import WAIT_BRIEFLY, Queryable
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.importing.staging import place_of

LIST_UNKNOWN_FILES = load(__package__, "list_unknown_files")
CLAIM_STRAY_FILES = load(__package__, "claim_stray_files")
DROP_FILES = load(__package__, "drop_files")

AGE = timedelta(days=2)
"""How long ago a file must have been written, by the clock of the machine that wrote it."""
FEW = 10
"""Strays that are believed however few files are known."""
PORTION = 5000
"""Names that are looked up at a time."""
REMOVED_TOGETHER = 200
FOLDER = re.compile("[0-9a-f]{2}")
NAME = re.compile("[0-9a-f]{64}")


async def find_strays(
    connection: Queryable, root: Path, most: int | None = None, age: timedelta = AGE
) -> dict[bytes, int]:
    """Return the hashes and sizes of files with no row that are of age, `most` at most.

    Links, and names that are not ours, are passed over.

    Raises:
        ConfigurationError: most of the files have no row, as if the folder belonged to another database.
        OSError: the folder cannot be read.
    """
    names = _names(root)
    known = unknown = 0
    sizes: dict[bytes, int] = {}
    while portion := await asyncio.to_thread(lambda: list(islice(names, PORTION))):
        rows = await connection.fetch(LIST_UNKNOWN_FILES, portion)
        unknown += len(rows)
        known += len(portion) - len(rows)
        room = len(rows) if most is None else max(most - len(sizes), 0)
        sizes |= await asyncio.to_thread(_of_age, root, [row["sha256"] for row in rows], room, age)
    if unknown > max(known, FEW):
        raise ConfigurationError(
            f"{unknown} of {known + unknown} files in {root} have no row in this database, as if it were another one's "
            f"folder, so none of them was removed: set data_dir to the folder of this database, or move them away"
        )
    return sizes


async def sweep_strays(connection: Any, root: Path, most: int, age: timedelta = AGE) -> tuple[int, int]:
    """Remove files with no row that are of age; return how many, and their bytes: 0 when none is left.

    To find them is to look at all files, so let it find many; REMOVED_TOGETHER go in each transaction, so that none
    lasts. `connection` is one of asyncpg, in no transaction. Imports may go on meanwhile: who pins one of these files
    waits for the end of its transaction; then it puts its file there again.

    Raises:
        ConfigurationError: as `find_strays`.
        OSError: the folder cannot be read, or a file not removed.
        asyncpg.LockNotAvailableError: an import pins one of them, and takes its time.
    """
    strays = await find_strays(connection, root, most, age)
    found = sorted(strays)
    removed = octets = 0
    for begin in range(0, len(found), REMOVED_TOGETHER):
        async with connection.transaction():
            await connection.execute(WAIT_BRIEFLY)
            rows = await connection.fetch(CLAIM_STRAY_FILES, found[begin : begin + REMOVED_TOGETHER])
            claimed = [row["sha256"] for row in rows]
            await asyncio.to_thread(_remove, root, claimed)
            await connection.execute(DROP_FILES, claimed)
        removed += len(claimed)
        octets += sum(strays[sha256] for sha256 in claimed)
    return removed, octets


def _names(root: Path) -> Iterator[bytes]:
    """Yield the hashes of all files in their places."""
    try:
        folders = sorted(
            entry.name
            for entry in os.scandir(root)
            if FOLDER.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        )
    except FileNotFoundError:
        return
    for folder in folders:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                ours = NAME.fullmatch(entry.name) and entry.name.startswith(folder)
                if ours and entry.is_file(follow_symlinks=False):
                    yield bytes.fromhex(entry.name)


def _of_age(root: Path, hashes: list[bytes], most: int, age: timedelta) -> dict[bytes, int]:
    before = time.time() - age.total_seconds()
    found: dict[bytes, int] = {}
    for sha256 in hashes:
        if len(found) >= most:
            break
        try:
            status = os.lstat(place_of(root, sha256))
        except FileNotFoundError:
            continue
        # Either: a file that was copied here has an old time of its content.
        if max(status.st_mtime, status.st_ctime) < before:
            found[sha256] = status.st_size
    return found


def _remove(root: Path, hashes: list[bytes]) -> None:
    for sha256 in hashes:
        place_of(root, sha256).unlink(missing_ok=True)
