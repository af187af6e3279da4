"""The step: all that follows from one mail at one account, in the caller's transaction."""

from dataclasses import dataclass
from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mailbox.cases import CaseStep, find_or_open_case
from jobrunner.services.mailbox.follow_ups.facts import Facts, read_facts
from jobrunner.services.mailbox.replies.permission import Permission, ask_permission
from jobrunner.services.mailbox.settings import load_mail_in_settings

FINISH_FOLLOW_UP = load(__package__, "finish_follow_up")


@dataclass(frozen=True, slots=True)
class Followed:
    """What followed from a mail."""

    case: CaseStep | None
    answer: Permission | None
    """None where the account answers nothing."""

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the job's result."""
        told: dict[str, Any] = {}
        if self.case is not None:
            told |= {"case": self.case.number, "case_act": self.case.act, "assigned_to": self.case.assigned_user_id}
        if self.answer is not None:
            told["answer"] = "due" if self.answer.reason is None else f"none: {self.answer.reason}"
        return told


async def follow_up(connection: Any, email_id: int, inbound_email_id: int) -> Followed | None:
    """Do what follows, once; None where that was done before, or the mail or the account is gone.

    `connection` is one of asyncpg in a transaction: all of it is committed with that, or nothing.
    """
    facts = await read_facts(connection, email_id, inbound_email_id)
    if facts is None:
        return None
    case = None
    if facts.account.create_case and not facts.mail.is_automatic:
        case = await find_or_open_case(connection, facts.mail, facts.account)
    answer = await _decide(connection, facts, case) if facts.account.reply else None
    state = None if answer is None else "Waiting" if answer.reason is None else "Skipped"
    await connection.fetch(
        FINISH_FOLLOW_UP,
        email_id,
        inbound_email_id,
        None if case is None else case.id,
        None if case is None else case.act,
        state,
        None if answer is None else answer.reason,
        None if answer is None else answer.recipient,
    )
    return Followed(case, answer)


async def _decide(connection: Any, facts: Facts, case: CaseStep | None) -> Permission:
    """Decide whether the mail is answered; where cases are opened, only what opens one is."""
    if case is not None and case.act != "Opened":
        return Permission(reason=f"it belongs to case {case.number}, which was there before")
    settings = await load_mail_in_settings(connection)
    return await ask_permission(connection, facts, settings)
