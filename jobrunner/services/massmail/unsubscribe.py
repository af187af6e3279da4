"""Opt-out by the link of a mail, by a mail or by a complaint, and taking it back.

It works after the mailing, its campaign or its target were removed. An opt-out takes effect on what is queued already:
each item is judged again when it is to be sent.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jobrunner.db.connection import Connection
from jobrunner.db.sql import load
from jobrunner.services.massmail.visitor import Visitor

FIND = load(__package__, "find_unsubscribe_link")
LOCK = load(__package__, "lock_unsubscribe_link")
OPT_OUT = load(__package__, "opt_out")
OPT_IN = load(__package__, "opt_in")

BY_LINK = "a link"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the link of one mail stands for, and how matters are."""

    queue_item_id: int
    mass_email_id: int
    campaign_id: int | None
    target_type: str
    target_id: str
    email_address: str
    address_key: str
    is_test: bool
    target_list_ids: list[int]
    entirely: bool
    """Whether an opt-out is one from all mass mail, rather than from the lists of the mailing."""
    language: str | None
    """Of the recipient, where it is known."""
    address_opted_out: bool
    """From all mass mail."""
    lists_opted_out: bool

    @property
    def opted_out(self) -> bool:
        """Whether nothing of this kind comes any more."""
        return self.address_opted_out or (self.lists_opted_out and not self.entirely)

    @property
    def can_return(self) -> bool:
        """Whether taking it back brings the mails back: an opt-out of the address that was made elsewhere stays."""
        return self.entirely or not self.address_opted_out


class Unsubscribing:
    """What the page and mail programs ask for; `connection` is its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, item: UUID) -> Subscription | None:
        """Return what an item's link stands for; None where there was no such item, or its mail was informational."""
        return _subscription(await self._connection.fetch(FIND, item))

    async def opt_out(self, item: UUID, visitor: Visitor) -> Subscription | None:
        """Opt out, as often as it is asked; return how matters are now."""
        return await self._connection.transaction(lambda connection: opt_out(connection, item, visitor))

    async def opt_in(self, item: UUID, visitor: Visitor) -> Subscription | None:
        """Take an opt-out back; return how matters are now."""
        return await self._connection.transaction(lambda connection: _change(connection, item, visitor, OPT_IN))


async def opt_out(connection: Any, item: UUID, visitor: Visitor, way: str = BY_LINK) -> Subscription | None:
    """Opt out in the caller's transaction, as `Unsubscribing.opt_out` does; `way` says by what, such as `a mail`."""
    return await _change(connection, item, visitor, OPT_OUT, way)


async def _change(connection: Any, item: UUID, visitor: Visitor, statement: str, *way: str) -> Subscription | None:
    await connection.fetch(LOCK, item)
    found = _subscription(await connection.fetch(FIND, item))
    if found is None:
        return None
    await connection.fetch(
        statement,
        found.queue_item_id,
        found.mass_email_id,
        found.campaign_id,
        found.target_type,
        found.target_id,
        found.email_address,
        found.address_key,
        found.is_test,
        found.target_list_ids,
        found.entirely,
        visitor.user_agent,
        visitor.network,
        *way,
    )
    return _subscription(await connection.fetch(FIND, item))


def _subscription(rows: list[Any]) -> Subscription | None:
    return Subscription(**rows[0]) if rows else None
