"""Rows whose file is gone, say since a disk was put back to an earlier time: looked for daily, told by `status`."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from jobrunner.db.queryable import Connect, Queryable
from jobrunner.db.sql import load
from jobrunner.queue.wording import count, moment
from jobrunner.services.mail.importing.staging import place_of
from jobrunner.services.mail.importing.storing.files import LOOK_LIMIT, LOOKED_AT, around

FIND_MISSING_FILES = load(__package__, "find_missing_files")
LIST_MISSED_FILES = load(__package__, "list_missed_files")
NOTE_MISSING_FILES = load(__package__, "note_missing_files")
LIST_NAMED_MISSING_FILES = load(__package__, "list_named_missing_files")

TIME_LIMIT = 60.0
"""Seconds of a look; of a very large folder it sees a part, each time another one."""
MOST = 1000
"""Missing files after which a look ends: they are enough to be told."""
EXAMPLES = 3


async def look_for_missing_files(connect: Connect, root: Path, *, time_limit: float = TIME_LIMIT) -> int:
    """Note which files are not in their places, and which are there again; return how many were found missing.

    No connection is held while it looks at the disk. Killed, it has noted what it had found.

    Raises:
        OSError: the folder cannot be looked at; what is merely not there is missing.
        TimeoutError: a statement took longer than LOOK_LIMIT.
    """
    ends_at = time.monotonic() + time_limit
    missing = await _look(connect, root, await _fetch(connect, LIST_MISSED_FILES, MOST))
    for after, last in around(os.urandom(32)):
        while missing < MOST and time.monotonic() < ends_at:
            rows = await _fetch(connect, FIND_MISSING_FILES, after, last, LOOKED_AT)
            if not rows:
                break
            after = rows[-1]["sha256"]
            missing += await _look(connect, root, [row for row in rows if not row["was_missing"]])
    return missing


async def list_missing_file_troubles(connection: Queryable) -> list[str]:
    """Return a sentence where mails or cases name files that are gone."""
    (row,) = await connection.fetch(LIST_NAMED_MISSING_FILES, EXAMPLES)
    if not row["files"]:
        return []
    more = ", such as" if row["files"] > len(row["examples"]) else ":"
    return [
        f"of mails and cases {count(row['files'], 'file')} cannot be found since {moment(row['since'])}{more} "
        f"{', '.join(row['examples'])}; put back what is in a backup of the folder files in data_dir: each Cleanup "
        "looks again (`jobrunner cleanup run`)"
    ]


async def _look(connect: Connect, root: Path, rows: list[Any]) -> int:
    """Note what has changed for these rows; return how many are missing."""
    gone = await asyncio.to_thread(_gone, root, [row["sha256"] for row in rows])
    news = [row["sha256"] for row in rows if (row["sha256"] in gone) is not row["was_missing"]]
    if news:
        lost = [sha256 for sha256 in news if sha256 in gone]
        await _fetch(connect, NOTE_MISSING_FILES, lost, [sha256 for sha256 in news if sha256 not in gone])
    return len(gone)


def _gone(root: Path, hashes: list[bytes]) -> set[bytes]:
    gone = set()
    for sha256 in hashes:
        try:
            os.stat(place_of(root, sha256))
        except FileNotFoundError:
            gone.add(sha256)
    return gone


async def _fetch(connect: Connect, statement: str, *arguments: Any) -> list[Any]:
    async with connect() as connection:
        rows: list[Any] = await connection.fetch(statement, *arguments, timeout=LOOK_LIMIT)
        return rows
