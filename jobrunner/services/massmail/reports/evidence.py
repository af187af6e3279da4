"""By what the item is found that a message speaks of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.importing.parsing import Bounce, ParsedMail
from jobrunner.services.mail.importing.parsing.bounces import tokens_in
from jobrunner.services.massmail.tokens import TokenKind, Tokens
from jobrunner.services.records.addresses import address_key

OWN_ID = re.compile(r"<([0-9a-f]{32})@[^<>@\s]+>", re.IGNORECASE)
ENVELOPE = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
ITEM_ID = re.compile(r"[0-9]{1,18}")
MOST = 20
"""Items that one message is taken to speak of, at most."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that points to an item."""

    what: str
    """In words, for people."""
    token: UUID | None
    """`queue_item.token`; None where only its number is known."""
    item_ids: frozenset[int] = frozenset()
    """Where not empty: its number is one of these."""
    needs_address: bool = False
    """Whether the item's address must be among those that the report names."""


def wanted_tokens(mail: ParsedMail) -> tuple[str, ...]:
    """Return the words that may be signed tokens: in the addresses that it came to, and in its subject."""
    addresses = (*mail.delivered_to, *(address.address for address in (*mail.to, *mail.cc)))
    return tokens_in((*addresses, f"{mail.subject.replace('@', ' ')}@"))


def evidence_of_unsubscribing(mail: ParsedMail, tokens: Tokens) -> Evidence | None:
    """Return the item that a mail unsubscribes from, None of any other mail."""
    if mail.bounce is not None:
        return None
    for word in wanted_tokens(mail):
        token = tokens.read(word)
        if token is not None and token.kind is TokenKind.UNSUBSCRIBE:
            return Evidence("the token that it was sent to", token.item)
    return None


def evidence_in_report(mail: ParsedMail, bounce: Bounce, tokens: Tokens) -> Iterator[Evidence]:
    """Yield what points to an item, the best first."""
    for word in bounce.tokens[:MOST]:
        token = tokens.read(word)
        if token is not None and token.kind is TokenKind.BOUNCE:
            yield Evidence("the address that it came to", token.item)
    for id in bounce.envelope_ids:
        if ENVELOPE.fullmatch(id):
            yield Evidence("the name of the envelope", UUID(hex=id))
    numbers = frozenset(int(id) for id in bounce.item_ids if ITEM_ID.fullmatch(id))
    own = _own_tokens(bounce.message_ids)
    for item in own:
        yield Evidence("the returned header", item, numbers)
    if not bounce.message_ids and numbers:
        yield Evidence("the returned header", None, numbers, needs_address=True)
    if not bounce.message_ids and not numbers:
        for item in _own_tokens((*mail.in_reply_to, *reversed(mail.references))):
            yield Evidence("what it answers", item, needs_address=bounce.kind != "complaint")


def named_addresses(bounce: Bounce) -> frozenset[str]:
    """Return the keys of the addresses that a report names as its recipients."""
    names = [name for one in bounce.recipients for name in (one.address, one.original) if name]
    return frozenset(key for name in names if (key := key_of(name)) is not None)


def key_of(address: str) -> str | None:
    """Return the key of an address, None where it is none."""
    try:
        return address_key(parse_address(address))
    except (InvalidInput, UnicodeError):
        return None


def _own_tokens(message_ids: tuple[str, ...]) -> list[UUID]:
    found = [match[1] for id in message_ids[:MOST] if (match := OWN_ID.fullmatch(id))]
    return [UUID(hex=word) for word in dict.fromkeys(found)]
