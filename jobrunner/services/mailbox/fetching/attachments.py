"""Files that were not fetched with their mail, since that was too large: fetched when somebody wants one."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO

from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, JobrunnerError, NotFound
from jobrunner.services.mail.imap import Mailbox, MailboxError, Part, connect
from jobrunner.services.mail.importing.staging import INCOMING, place_of, staged_place
from jobrunner.services.mail.importing.storing import settle_files
from jobrunner.services.mailbox.accounts.loading import load_account
from jobrunner.services.mailbox.accounts.tokens import Connect, keeping_token
from jobrunner.services.mailbox.fetching.decoding import Decoder, decoder

MOST = 1024 * 1024 * 1024
"""Octets of a part that is fetched."""

FIND_ATTACHMENT = load(__package__, "find_attachment")
KEEP_ATTACHMENT = load(__package__, "keep_attachment")


class _Gone(JobrunnerError):
    """The server has it no more."""


async def fetch_attachment(connect_database: Connect, keyring: Keyring, root: Path, id: int) -> Path:
    """Return where a file of a mail lies; one that is not here yet is fetched from its account, and kept.

    Args:
        connect_database: lends an asyncpg connection; none is held while the file is fetched.
        keyring: opens the account's password.
        root: the folder of files.
        id: of the row in `email_attachment`.

    Raises:
        NotFound: there is no such file.
        Conflict: no account has it any more; says why.
    """
    async with connect_database() as connection:
        rows = await connection.fetch(FIND_ATTACHMENT, id)
    if not rows:
        raise NotFound(f"there is no file {id} of a mail")
    if rows[0]["sha256"] is not None:
        return place_of(root, rows[0]["sha256"])
    trouble = "no account is left by which its mail came"
    for row in rows:
        if row["kind"] is None:
            continue
        try:
            return await _fetch(connect_database, keyring, root, id, row)
        except (MailboxError, NotFound, Conflict, _Gone) as error:
            trouble = str(error)
    raise Conflict(f"the file {rows[0]['name']!r} was not fetched with its mail, and cannot be had now: {trouble}")


async def _fetch(connect_database: Connect, keyring: Keyring, root: Path, id: int, row: Any) -> Path:
    async with connect_database() as connection:
        account = await load_account(connection, keyring, row["kind"], row["account_id"])
    name = secrets.token_hex(16)
    waiting = staged_place(root, name)
    await asyncio.to_thread((root / INCOMING).mkdir, parents=True, exist_ok=True, mode=0o700)
    try:
        async with keeping_token(account, keyring, connect_database):
            mailbox = await connect(account.imap)
            try:
                opened = await mailbox.open(row["folder"], read_only=True)
                if opened.uid_validity != row["uid_validity"]:
                    raise _Gone(f"{account.imap.place} has numbered the folder {row['folder']!r} anew")
                size, sha256 = await _download(mailbox, row["uid"], row["section"], waiting)
            finally:
                await mailbox.logout()
        async with connect_database() as connection:
            await settle_files(connection, root, {name: (sha256, size)})
            await connection.fetch(KEEP_ATTACHMENT, id, sha256, size)
    finally:
        await asyncio.to_thread(waiting.unlink, missing_ok=True)
    return place_of(root, sha256)


async def _download(mailbox: Mailbox, uid: int, section: str, waiting: Path) -> tuple[int, bytes]:
    """Write a part, decoded; return its size and hash."""
    details = await mailbox.details([uid])
    part = next((one for one in _parts(await mailbox.structure(uid)) if (one.section or "1") == section), None)
    if not details or part is None:
        raise _Gone("its message is no longer in the folder")
    digest, decoding = hashlib.sha256(), decoder(part.encoding)
    size = 0
    with await asyncio.to_thread(waiting.open, "xb") as file:
        windows = mailbox.windows(uid, part.size, at_most=MOST, section=section)
        async with aclosing(windows):
            async for window in windows:
                size += await asyncio.to_thread(_write, file, decoding, digest, window)
        size += await asyncio.to_thread(_write, file, decoding, digest, None)
    return size, digest.digest()


def _write(file: BinaryIO, decoding: Decoder, digest: Any, window: bytes | None) -> int:
    content = decoding.end() if window is None else decoding.feed(window)
    digest.update(content)
    return file.write(content)


def _parts(part: Part) -> Iterator[Part]:
    yield part
    for inner in part.parts:
        yield from _parts(inner)
