"""The items of a mass e-mail: counted, listed, thinned away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict
from jobrunner.services.massmail.choosing import chosen
from jobrunner.services.massmail.mass_emails.rows import MassEmail

ItemStatus = Literal["Pending", "Sending", "Sent", "Failed", "Skipped", "Uncertain"]

PORTION = 2000
"""Items that are read at once."""


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """Items of the generation that is sent now, tests left out."""

    pending: int
    sending: int
    sent: int
    failed: int
    skipped: int
    uncertain: int
    """Those of which it is not known whether the mail server took them."""
    deferred: int
    """Of the pending ones, those that wait for another attempt."""
    sent_in_last_hour: int
    next_attempt_at: datetime | None
    """When the first of the deferred ones is due."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.pending + self.sending + self.sent + self.failed + self.skipped + self.uncertain


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many items are not sent."""

    status: ItemStatus
    reason: str
    items: int


@dataclass(frozen=True, slots=True)
class Item:
    """One item as a list shows it."""

    id: int
    status: ItemStatus
    target_type: str
    target_id: str
    email_address: str
    generation: int
    attempt_count: int
    is_test: bool
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    code: int | None
    enhanced_code: str | None
    reply: str | None
    reason: str | None


async def settle_items(connection: Queryable, mass_email: MassEmail, *, retry: bool) -> int:
    """Settle what is in doubt: sent again under the same Message-ID, or counted as sent. Return how many items.

    One that is Complete goes on for those that are sent again.

    Raises:
        Conflict: they are to be sent again, and it is neither under way nor Complete.
    """
    (row,) = await connection.fetch(load(__package__, "settle_items"), mass_email.id, retry)
    if not row["mailings"]:
        raise Conflict(
            f"the mass e-mail {mass_email.name!r} is {mass_email.status}: nothing of it is sent again; "
            "settle it with --sent, or start it again for the rest"
        )
    items: int = row["items"]
    return items


def item_status(text: str) -> ItemStatus:
    """Return the status of that name in any spelling; raises InvalidInput."""
    found: ItemStatus = chosen("status of an item", text, get_args(ItemStatus))
    return found


async def count_items(connection: Queryable, mass_email_id: int) -> ItemCounts:
    """Return how many items of a mass e-mail are in which state."""
    (row,) = await connection.fetch(load(__package__, "count_items"), mass_email_id)
    return ItemCounts(**row)


async def count_reasons(connection: Queryable, mass_email_id: int, *, limit: int = 10) -> list[Reason]:
    """Return the commonest reasons why items are not sent, or not yet."""
    return [Reason(**row) for row in await connection.fetch(load(__package__, "count_reasons"), mass_email_id, limit)]


async def list_items(
    connection: Queryable, mass_email_id: int, *, status: ItemStatus | None = None, limit: int | None = None
) -> AsyncIterator[Item]:
    """Yield the items of a mass e-mail by id, read in portions."""
    after, left = 0, limit
    while left is None or left > 0:
        wanted = PORTION if left is None else min(PORTION, left)
        rows = await connection.fetch(load(__package__, "list_items"), mass_email_id, status, after, wanted)
        for row in rows:
            yield Item(**row)
        if len(rows) < wanted:
            return
        after = rows[-1]["id"]
        left = None if left is None else left - wanted


async def count_old_items(connection: Queryable, period: str) -> int:
    """Return how many items `thin_items` would remove in all."""
    (row,) = await connection.fetch(load(__package__, "count_old_items"), period)
    items: int = row["items"]
    return items


async def thin_items(connection: Queryable, period: str, limit: int) -> int:
    """Remove up to `limit` items of mass e-mails that were finished so long ago (`180 days`); return how many.

    Figures stay, as do the links in their mails; nobody gets the mailing a second time when it is started again.
    """
    (row,) = await connection.fetch(load(__package__, "thin_items"), period, limit)
    removed: int = row["removed"]
    return removed
