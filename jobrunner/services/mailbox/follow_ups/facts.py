"""A mail and the group account that it came to, as far as what follows depends on them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load

READ_FOLLOW_UP = load(__package__, "read_follow_up")


@dataclass(frozen=True, slots=True)
class MailFacts:
    """The mail."""

    id: int
    status: str
    subject: str
    body_plain: str
    message_id: str | None
    thread_id: int
    from_key: str | None
    from_address: str
    from_name: str
    return_path: str | None
    is_automatic: bool
    never_answer: tuple[str, ...]
    is_troubled: bool
    """It could not be taken apart."""
    sent_at: datetime
    """When it was sent, or the server got it, whichever was before."""
    date_sent: datetime
    parent_type: str | None
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The account, and what it does with its mail."""

    id: int
    name: str
    email_address: str
    create_case: bool
    case_distribution: str | None
    team_id: str | None
    assign_to_user_id: str | None
    target_user_position: str | None
    reopen_on_reply: bool
    notify_assignee: bool
    reply: bool
    reply_from_address: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Both of them."""

    mail: MailFacts
    account: AccountFacts
    now: datetime
    """The database's clock."""


async def read_facts(connection: Queryable, email_id: int, inbound_email_id: int) -> Facts | None:
    """Return what is known and lock it; None where it was done already, or the mail or the account is gone."""
    rows = await connection.fetch(READ_FOLLOW_UP, email_id, inbound_email_id)
    if not rows:
        return None
    row: dict[str, Any] = dict(rows[0])
    row |= {"id": email_id, "never_answer": tuple(row["never_answer"])}
    account = {"id": row["account_id"], "name": row["account_name"]}
    return Facts(
        MailFacts(**{name: row[name] for name in MailFacts.__slots__}),
        AccountFacts(**account, **{name: row[name] for name in AccountFacts.__slots__ if name not in account}),
        row["now"],
    )
