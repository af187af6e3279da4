"""Mails and failures as they are listed and shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import NotFound
from jobrunner.services.mail.importing.storing.outcome import Kind

LIST_EMAILS = load(__package__, "list_emails")
LIST_FAILURES = load(__package__, "list_failures")
READ_EMAIL = load(__package__, "read_email")


@dataclass(frozen=True, slots=True)
class Email:
    """A mail in a list."""

    id: int
    date_sent: datetime
    sender: str
    subject: str
    status: str
    has_attachments: bool
    thread_id: int
    parent_type: str | None
    parent_id: str | None
    size: int | None
    trouble: str | None
    """Why it could not be read; None where it could."""


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """A message that is no mail yet."""

    id: int
    kind: Kind
    account: str | None
    folder: str
    uid: int
    stage: str
    attempts: int
    failed_at: datetime
    error: str


async def list_emails(
    connection: Queryable,
    *,
    user_id: str | None = None,
    account: tuple[Kind, int] | None = None,
    sender: str | None = None,
    subject: str | None = None,
    in_trouble: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[Email]:
    """Return mails, the newest first, that are all that is asked for; `before` is the id that they are below."""
    kind, account_id = account if account is not None else (None, None)
    rows = await connection.fetch(LIST_EMAILS, user_id, kind, account_id, sender, subject, in_trouble, before, limit)
    return [Email(**dict(row)) for row in rows]


async def list_failures(connection: Queryable, *, limit: int = 100) -> list[FetchFailure]:
    """Return messages that could not be fetched or stored, the newest first."""
    return [FetchFailure(**dict(row)) for row in await connection.fetch(LIST_FAILURES, limit)]


async def read_email(connection: Queryable, id: int) -> dict[str, Any]:
    """Return a mail with its addresses, users, teams and files.

    Raises:
        NotFound: there is none.
    """
    rows = await connection.fetch(READ_EMAIL, id)
    if not rows:
        raise NotFound(f"there is no mail {id}: `jobrunner emails list` shows them")
    return dict(rows[0])
