"""Mails of ours for the Sent folder of the account that they went by.

Such a mail is kept in the transaction that notes it as sent (`keeping_copy`), and a job of its own stores it at the
IMAP server. So nothing of that touches the sending, and a mail that is noted as sent is in the folder at last.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.db.connection import TRANSIENT
from jobrunner.db.sql import load

KEEP_SENT_COPY = load(__package__, "keep_sent_copy")

log = logging.getLogger("jobrunner.mail")


@dataclass(frozen=True, slots=True)
class SentCopy:
    """A mail that was taken."""

    account_id: int
    sender: str
    """The address in From."""
    message_id: str
    sent_at: datetime
    content: bytes
    """The very octets that were handed over."""


@asynccontextmanager
async def keeping_copy(connection: Any, copy: SentCopy | None) -> AsyncIterator[None]:
    """Keep a mail in the transaction of what is stored in the context: that it was sent. Nothing where it is None.

    `connection` is one of asyncpg.
    """
    if copy is None:
        yield
        return
    async with connection.transaction():
        yield
        await keep_copy(connection, copy)


async def keep_copy(connection: Any, copy: SentCopy) -> None:
    """Keep a mail, once. What cannot be kept is logged: the mail is sent all the same."""
    try:
        async with connection.transaction():
            await connection.fetch(
                KEEP_SENT_COPY, copy.account_id, copy.sender, copy.message_id, copy.sent_at, copy.content
            )
    except TRANSIENT:
        raise
    except Exception:
        log.exception("the mail %s was sent, and cannot be kept for the Sent folder", copy.message_id)
