"""Telling the user to whom a case is assigned."""

from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mailbox.follow_ups.facts import MailFacts
from jobrunner.services.notifications import notify

FIND_NOTICE = load(__package__, "find_notice")
MOVE_NOTIFICATIONS = load(__package__, "move_notifications")


async def tell_of_assignment(connection: Any, mail: MailFacts, case_id: str, name: str, user: str | None) -> None:
    """Tell a user of a case that a mail has opened."""
    if user is None:
        return
    actor = {"actor_name": mail.from_name or mail.from_address} if mail.from_name or mail.from_address else {}
    await notify(connection, user, "Assignment", actor, parent=("Case", case_id), parent_name=name)


async def tell_of_mail(connection: Any, mail: MailFacts, case_id: str, name: str, user: str | None) -> None:
    """Tell a user of a mail about one of their cases, unless the import has, or a filter of theirs forbids it."""
    if user is None or await connection.fetch(FIND_NOTICE, user, mail.id):
        return
    sender = f"{mail.from_name} <{mail.from_address}>" if mail.from_name else mail.from_address
    await notify(
        connection,
        user,
        "EmailReceived",
        {"from": sender, "subject": mail.subject},
        parent=("Case", case_id),
        parent_name=name,
        related=("Email", str(mail.id)),
    )


async def move_notifications(connection: Any, mail: MailFacts, case_id: str, name: str) -> None:
    """Make what the import has told of a mail, and was not mailed yet, about its case."""
    await connection.fetch(MOVE_NOTIFICATIONS, mail.id, case_id, name)
