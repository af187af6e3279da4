"""Finding the case of a mail, or opening one."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from jobrunner.db.sql import load
from jobrunner.services.mailbox.cases.choosing import choose_assignee
from jobrunner.services.mailbox.cases.telling import move_notifications, tell_of_assignment, tell_of_mail
from jobrunner.services.mailbox.follow_ups.facts import AccountFacts, MailFacts

FIND_CASE = load(__package__, "find_case")
FIND_NUMBERED_CASE = load(__package__, "find_numbered_case")
FIND_OTHER_FOLLOW_UP = load(__package__, "find_other_follow_up")
FIND_SENDER = load(__package__, "find_sender")
OPEN_CASE = load(__package__, "open_case")
COPY_ATTACHMENTS = load(__package__, "copy_attachments")
ATTACH_MAIL = load(__package__, "attach_mail")
REOPEN_CASE = load(__package__, "reopen_case")

NUMBER = re.compile(r"\[#(\d{1,18})[^\]\d]*\]")
DESCRIPTION_LIMIT = 1024 * 1024
"""Characters of a mail's text that become the description of its case."""

Act = Literal["Opened", "Attached", "Reopened"]


@dataclass(frozen=True, slots=True)
class CaseStep:
    """The case of a mail, and how that came about."""

    id: str
    number: int
    act: Act
    assigned_user_id: str | None


async def find_or_open_case(connection: Any, mail: MailFacts, account: AccountFacts) -> CaseStep | None:
    """Put a mail into its case, and open that where there is none; in the caller's transaction.

    None where it is one of our own mails that came back and belongs to no case: nobody asks anything.
    """
    number = number_in(mail.subject)
    case = await _find_by_parent(connection, mail)
    if case is None and number is not None:
        case = _first(await connection.fetch(FIND_NUMBERED_CASE, number, mail.from_key))
    if case is not None:
        return await _attach(connection, mail, account, case)
    if mail.status == "Sent":
        return None
    return await _open(connection, mail, account, number)


def number_in(subject: str) -> int | None:
    """Return the number of a case that a subject names, as in `Re: [#12] Printer`."""
    match = NUMBER.search(subject)
    return int(match[1]) if match else None


async def _find_by_parent(connection: Any, mail: MailFacts) -> Any:
    if mail.parent_type != "Case":
        return None
    return _first(await connection.fetch(FIND_CASE, mail.parent_id))


async def _attach(connection: Any, mail: MailFacts, account: AccountFacts, case: Any) -> CaseStep:
    act: Act = "Attached"
    # A mail of ours, or one that another account has put there already, is no new word of the customer.
    is_news = mail.status != "Sent" and not await connection.fetch(FIND_OTHER_FOLLOW_UP, mail.id, case["id"])
    if is_news and account.reopen_on_reply and await connection.fetch(REOPEN_CASE, case["id"]):
        act = "Reopened"
    await connection.fetch(ATTACH_MAIL, mail.id, case["id"], case["assigned_user_id"])
    await move_notifications(connection, mail, case["id"], case["name"])
    if is_news and account.notify_assignee:
        await tell_of_mail(connection, mail, case["id"], case["name"], case["assigned_user_id"])
    return CaseStep(case["id"], case["number"], act, case["assigned_user_id"])


async def _open(connection: Any, mail: MailFacts, account: AccountFacts, number: int | None) -> CaseStep:
    (sender,) = await connection.fetch(FIND_SENDER, mail.from_key, mail.parent_type, mail.parent_id)
    assignee = await choose_assignee(connection, account)
    (case,) = await connection.fetch(
        OPEN_CASE,
        mail.subject,
        _description(mail, number),
        assignee,
        account.id,
        mail.id,
        sender["account_id"],
        sender["contact_id"],
        sender["lead_id"],
        account.team_id,
    )
    await connection.fetch(COPY_ATTACHMENTS, case["id"], mail.id)
    await connection.fetch(ATTACH_MAIL, mail.id, case["id"], assignee)
    await move_notifications(connection, mail, case["id"], mail.subject)
    if account.notify_assignee:
        await tell_of_assignment(connection, mail, case["id"], mail.subject, assignee)
    return CaseStep(case["id"], case["number"], "Opened", assignee)


def _description(mail: MailFacts, number: int | None) -> str:
    text = mail.body_plain[:DESCRIPTION_LIMIT]
    if number is None:
        return text
    note = f"(The subject names case {number}, which the sender's address does not occur on, or which is not there.)"
    return f"{note}\n\n{text}"


def _first(rows: list[Any]) -> Any:
    return rows[0] if rows else None
