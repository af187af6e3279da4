"""Mails that could not be read: what is kept of them, so that a later version reads them again."""

import logging
from collections.abc import Sequence

import asyncpg

from jobrunner.db.connection import TRANSIENT
from jobrunner.services.mail.importing.storing.batch import Batch, Taken
from jobrunner.services.mail.importing.storing.rows import TROUBLE_LIMIT

NOT_ITS_FAULT = (
    *TRANSIENT,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidTransactionStateError,  # a transaction that was frozen, or a database that only reads
    asyncpg.SyntaxOrAccessError,  # rights, or another version of the tables
)
"""What goes wrong whatever the message is: it is tried again. All else is about this one message."""

log = logging.getLogger("jobrunner.mail")


async def record_troubles(batch: Batch, taken: Sequence[Taken]) -> None:
    """Note what could not be read or stored, so that it is read again: by a later version, or a later run."""
    troubled = [one for one in taken if one.mail.trouble is not None]
    if not troubled:
        return
    for one in troubled:
        log.warning("mail %s: %s; it is kept as a file", one.mail.message_id or one.fetched.uid, one.mail.trouble)
    await batch.fetch(
        "record_failures", *batch.place, batch.folder.uid_validity,
        [one.fetched.stage for one in troubled],
        [one.fetched.uid for one in troubled],
        [(one.mail.trouble or "")[:TROUBLE_LIMIT] for one in troubled],
        [one.email_id for one in troubled],
        [one.mail.attachments[0].sha256 for one in troubled],
    )  # fmt: skip
