"""Whether a mail may be answered by a machine, and where to (RFC 3834, 2 and 4)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Address, parse_address
from jobrunner.services.mail.importing.parsing.automatic import is_machine
from jobrunner.services.mailbox.follow_ups.facts import Facts, MailFacts
from jobrunner.services.mailbox.replies.limits import take_allowance
from jobrunner.services.mailbox.settings import MailInSettings

LOOK_AT_PARTIES = load(__package__, "look_at_parties")

OLDEST = timedelta(hours=24)
"""Of older mail nobody expects an answer any more: it is a first fetch, or was long on its way."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Where an answer goes, or why none does."""

    recipient: str | None = None
    reason: str | None = None


async def ask_permission(connection: Any, facts: Facts, settings: MailInSettings) -> Permission:
    """Decide on the answer to a mail, in the caller's transaction; where it may be answered, that is counted.

    Two who decide for the same address, thread, domain or account do it one after the other.
    """
    reason = reason_against(facts)
    if reason is not None:
        return Permission(reason=reason)
    try:
        recipient = recipient_of(facts.mail)
    except InvalidInput as error:
        return Permission(reason=str(error))
    reason = await _reason_by_parties(connection, facts, recipient)
    if reason is None:
        reason = await take_allowance(connection, facts, recipient, settings)
    return Permission(str(recipient)) if reason is None else Permission(reason=reason)


def reason_against(facts: Facts) -> str | None:
    """Return what in the mail itself speaks against an answer."""
    mail = facts.mail
    if mail.is_troubled:
        return "it could not be taken apart"
    if mail.status == "Sent":
        return "it is a mail of our own"
    if mail.never_answer:
        return mail.never_answer[0]
    if facts.now - mail.sent_at > OLDEST:
        return f"it is older than {OLDEST.total_seconds() / 3600:g} hours"
    return None


def recipient_of(mail: MailFacts) -> Address:
    """Return where an answer goes: the return path, or where the server noted none the address in From.

    Raises:
        InvalidInput: that is no address, or one that no person reads.
    """
    recipient = parse_address(mail.return_path or mail.from_address)
    if is_machine(str(recipient)):
        raise InvalidInput(f"no person reads what goes to {recipient}")
    return recipient


async def _reason_by_parties(connection: Any, facts: Facts, recipient: Address) -> str | None:
    (parties,) = await connection.fetch(
        LOOK_AT_PARTIES,
        facts.mail.id,
        [facts.mail.from_address, str(recipient)],
        [facts.account.email_address, *filter(None, [facts.account.reply_from_address])],
    )
    if parties["is_from_us"]:
        return "it is from an address of ours"
    if not parties["is_to_us"]:
        return f"it does not name {facts.account.email_address} in To or Cc"
    return None
