"""Taking reports about mass mail in the place of the import."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.parsing import Bounce, ParsedMail
from jobrunner.services.mail.importing.parsing.parsed import BounceRecipient, Verdict
from jobrunner.services.massmail.reports.evidence import (
    Evidence,
    evidence_in_report,
    evidence_of_unsubscribing,
    key_of,
    named_addresses,
    wanted_tokens,
)
from jobrunner.services.massmail.tokens import Tokens

FIND_ITEM = load(__package__, "find_item")
ADD_REPORT = load(__package__, "add_report")

GRAVITY: dict[Verdict | None, int] = {"hard": 3, "soft": 2, "policy": 1, None: 0}
Kind = Literal["Bounce", "Notice", "Complaint", "Unsubscribe"]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says of its item."""

    kind: Kind
    verdict: Verdict | None = None
    status: str | None = None
    diagnostic: str = ""


class MailingReports:
    """Takes bounces, complaints and mails that unsubscribe (`Importer.claimant`)."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def may_want(self, mail: ParsedMail) -> bool:
        """Return whether it is a report, or has a word in it that may be a token."""
        if mail.bounce is not None:
            return mail.bounce.kind != "receipt"
        return bool(wanted_tokens(mail))

    async def take(self, connection: Any, mail: ParsedMail) -> bool:
        """Keep what a message says of an item, and enqueue that it is settled; false where it speaks of none."""
        bounce = mail.bounce
        if bounce is None:
            evidence = evidence_of_unsubscribing(mail, self._tokens)
            item = None if evidence is None else await _find(connection, evidence, frozenset())
            if evidence is None or item is None:
                return False
            await _add(connection, mail, evidence, item, _Said("Unsubscribe"))
            return True
        named = named_addresses(bounce)
        for evidence in evidence_in_report(mail, bounce, self._tokens):
            item = await _find(connection, evidence, named)
            if item is not None:
                await _add(connection, mail, evidence, item, _said_of(bounce, item["address_key"]))
                return True
        return False


async def _find(connection: Any, evidence: Evidence, named: frozenset[str]) -> Any:
    rows = await connection.fetch(FIND_ITEM, evidence.token, sorted(evidence.item_ids))
    for row in rows:
        is_other = evidence.item_ids and row["queue_item_id"] not in evidence.item_ids
        if not is_other and not (evidence.needs_address and row["address_key"] not in named):
            return row
    return None


def _said_of(bounce: Bounce, address_key: str) -> _Said:
    if bounce.kind == "complaint":
        return _Said("Complaint")
    own = [one for one in bounce.recipients if address_key in (key_of(one.address), key_of(one.original or ""))]
    # Where only another address is named, mail was forwarded to it: that it came back is told of the item's own.
    worst = max(own or bounce.recipients, key=lambda one: GRAVITY[one.verdict], default=None)
    if worst is None:
        # A text that names nobody is one that failed; a report that names nobody says nothing.
        return _Said("Bounce", "soft") if bounce.kind == "text" else _Said("Notice")
    return _Said("Bounce" if worst.verdict else "Notice", worst.verdict, worst.status, _diagnostic(worst))


def _diagnostic(recipient: BounceRecipient) -> str:
    return recipient.diagnostic if recipient.verdict else f"{recipient.action}: {recipient.diagnostic}"


async def _add(connection: Any, mail: ParsedMail, evidence: Evidence, item: Any, said: _Said) -> None:
    token: UUID = item["token"]
    await connection.fetch(
        ADD_REPORT,
        token,
        item["queue_item_id"],
        said.kind,
        said.verdict,
        evidence.what,
        said.status,
        said.diagnostic[:1000],
        item["address_key"],
        mail.message_key,
    )
