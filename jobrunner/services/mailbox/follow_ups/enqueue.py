"""Enqueuing what follows, as the last part of an import."""

from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.storing import AccountRef, Outcome

ADD_FOLLOW_UPS = load(__package__, "add_follow_ups")


async def enqueue_follow_ups(connection: Any, account: AccountRef, outcomes: list[Outcome]) -> None:
    """Enqueue what follows from the mails that came to a group account for the first time (`Importer.follow_up`)."""
    new = [outcome.email_id for outcome in outcomes if outcome.is_new_to_account and outcome.email_id is not None]
    if account.kind == "Group" and new:
        await connection.fetch(ADD_FOLLOW_UPS, account.id, new)
