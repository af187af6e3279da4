"""What is known of an e-mail address, whoever has it: whether its owner opted out, and whether it is valid.

Addresses are compared by `jobrunner.address_key()`: lower case, the domain as A-labels.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.address import Address, parse_address
from jobrunner.services.records.refusal import refusals_in_words


@dataclass(frozen=True, slots=True)
class AddressState:
    """One address. The moments and reasons are None where they do not apply."""

    key: str
    is_known: bool
    """Whether it has a row; one without stands as new addresses start."""
    opted_out: bool
    """It gets no mass mail but Informational Email."""
    invalid: bool
    """It gets no mass mail at all."""
    opted_out_at: datetime | None
    invalid_at: datetime | None
    opted_out_reason: str | None
    invalid_reason: str | None


def address_key(address: Address) -> str:
    """Return the key of an address, the same that `jobrunner.address_key()` makes in SQL."""
    return f"{unicodedata.normalize('NFC', address.local).lower()}@{address.domain}"


async def find_address(connection: Queryable, email: str) -> AddressState:
    """Return what is known of an address.

    Raises:
        InvalidInput: it is none.
    """
    parse_address(email)
    (row,) = await connection.fetch(load(__package__, "find_address"), email)
    return AddressState(**row)


async def opt_out(connection: Queryable, email: str, reason: str | None = None) -> bool:
    """Note that its owner wants no mass mail; return whether that is new."""
    return await _change(connection, "opt_out_address", email, reason)


async def opt_in(connection: Queryable, email: str) -> bool:
    """Take that back, or settle that a new address does not start opted out; return whether anything changed."""
    return await _change(connection, "opt_in_address", email)


async def mark_invalid(connection: Queryable, email: str, reason: str | None = None) -> bool:
    """Note that mail to it comes back; return whether that is new."""
    return await _change(connection, "mark_address_invalid", email, reason)


async def mark_valid(connection: Queryable, email: str) -> bool:
    """Take that back; return whether it was invalid."""
    return await _change(connection, "mark_address_valid", email)


async def _change(connection: Queryable, statement: str, email: str, *reason: str | None) -> bool:
    parse_address(email)
    cut = [text and text[:1000] for text in reason]
    with refusals_in_words():
        return bool(await connection.fetch(load(__package__, statement), email, *cut))
