"""Mails that could not be read, read again: by a later version, or when somebody asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import NotFound
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.reader import MailReader
from jobrunner.services.mail.importing.staging import place_of
from jobrunner.services.mail.importing.storing.files import discard_staged, settle_files, staged_files
from jobrunner.services.mail.importing.storing.rows import (
    attachment_row,
    recipient_rows,
    references_of,
    row_of,
    rows_as_json,
)
from jobrunner.services.mail.importing.storing.troubles import NOT_ITS_FAULT

LIST_TROUBLED = load(__package__, "list_troubled")
FIND_TROUBLED = load(__package__, "find_troubled")


@dataclass(frozen=True, slots=True)
class Troubled:
    """A mail that could not be read."""

    id: int
    subject: str
    from_string: str
    trouble: str
    size: int
    received: datetime
    source: Path
    """The message as it came."""


async def list_troubled(connection: Queryable, root: Path, *, after: int = 0, limit: int = 100) -> list[Troubled]:
    """Return mails that could not be read, in the order of their numbers, beyond `after`."""
    return [_troubled(row, root) for row in await connection.fetch(LIST_TROUBLED, after, limit)]


async def read_again(connection: Any, reader: MailReader, email_ids: Sequence[int]) -> dict[int, str | None]:
    """Read mails from their sources again; return for each why it still cannot be read, None where it could.

    One that can be read gets what it says: text, addresses, files, its thread. Its users, teams, parent and key stay as
    they are, and nothing follows from it. `connection` is one of asyncpg, in no transaction.

    Raises:
        NotFound: one of them is not there, or has no trouble.
    """
    results: dict[int, str | None] = {}
    for id in email_ids:
        rows = await connection.fetch(FIND_TROUBLED, id)
        if not rows:
            raise NotFound(f"there is no mail {id} that could not be read")
        troubled = _troubled(rows[0], reader.root)
        (mail,) = await reader.parse([troubled.source])
        results[id] = mail.trouble
        staged = staged_files([mail])
        if mail.trouble is not None:
            await discard_staged(reader.root, staged)
            continue
        await settle_files(connection, reader.root, staged)
        try:
            await _replace(connection, troubled, mail)
        except NOT_ITS_FAULT:
            raise
        except asyncpg.PostgresError as error:
            results[id] = f"could not be stored: {error}"
    return results


async def _replace(connection: Any, troubled: Troubled, mail: ParsedMail) -> None:
    """Put what was read of a mail in the place of its trouble, unless somebody else has just done it."""
    id = troubled.id
    references = list(enumerate(references_of(mail)))
    async with connection.transaction():
        replaced = await connection.fetch(
            load(__package__, "replace_email"), id, rows_as_json([row_of(mail, troubled.received)])
        )
        if not replaced:
            return
        await connection.fetch(load(__package__, "insert_recipients"), rows_as_json(recipient_rows(id, mail)))
        files = [attachment_row(id, position, file) for position, file in enumerate(mail.attachments)]
        await connection.fetch(load(__package__, "insert_attachments"), rows_as_json(files))
        await connection.fetch(
            load(__package__, "insert_references"),
            [id] * len(references), [position for position, _ in references], [ref for _, ref in references],
        )  # fmt: skip
        await connection.fetch(load(__package__, "link_replies"), [id])
        await connection.fetch(load(__package__, "thread_mails"), [id])


def _troubled(row: Any, root: Path) -> Troubled:
    return Troubled(
        row["id"],
        row["subject"],
        row["from_string"],
        row["trouble"],
        row["size"],
        row["delivery_date"],
        place_of(root, row["source_sha256"]),
    )
