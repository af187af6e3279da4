"""Telling users of the mails that have come to them, as the last part of an import."""

from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.storing import AccountRef, Outcome
from jobrunner.services.mailbox.follow_ups.enqueue import enqueue_follow_ups

ADD_NOTIFICATIONS = load(__package__, "add_notifications")


async def tell_users(connection: Any, outcomes: list[Outcome]) -> int:
    """Notify those who have a mail now and had it not before, and whose filters want it; return how many were told."""
    pairs = [(one.email_id, user) for one in outcomes if one.email_id is not None for user in one.notify_users]
    if not pairs:
        return 0
    (row,) = await connection.fetch(ADD_NOTIFICATIONS, [id for id, _ in pairs], [user for _, user in pairs])
    told: int = row["told"]
    return told


async def follow_import(connection: Any, account: AccountRef, outcomes: list[Outcome]) -> None:
    """Enqueue what follows from an import, and tell users of it, in its transaction (`Importer.follow_up`)."""
    await enqueue_follow_ups(connection, account, outcomes)
    await tell_users(connection, outcomes)
