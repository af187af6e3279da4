"""Items as a run has them: leased with all that their mails say, settled, given up."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import Allowance, SendingAccount

State = Literal["Pending", "Sent", "Failed", "Uncertain"]
Bounce = Literal["Hard", "Soft"]
Cursor = tuple[datetime, int]
START: Cursor = (datetime(1, 1, 1, tzinfo=UTC), 0)
"""Before every item."""


class Item(NamedTuple):
    """One mail to one address, leased to us."""

    id: int
    token: UUID
    next_attempt_at: datetime
    attempt_count: int
    doubt_count: int
    break_count: int
    email_address: str
    address_key: str
    target_type: str
    target_id: str
    name: str | None
    """Of the target, as all that follows; None where that is gone."""
    first_name: str | None
    last_name: str | None
    email: str | None
    target_key: str | None
    """Of its address, as it is now."""
    language: str | None
    account_name: str | None
    fields: str | None
    """JSON."""
    linked_name: str | None
    """Of the account that a contact belongs to."""
    linked_email: str | None
    target_list_id: int | None
    """The first list that it is on, where that was asked for."""

    @property
    def domain(self) -> str:
        """The receiving domain."""
        return self.address_key.rpartition("@")[2]

    def person(self) -> dict[str, Any]:
        """Return what a template may name of it."""
        own = {
            "name": self.name,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "email": self.email,
            "email_address": self.email,
            "language": self.language,
            "account_name": self.linked_name or self.account_name,
            "account": {"name": self.linked_name or self.account_name, "email": self.linked_email},
        }
        return own if self.fields is None or self.fields == "{}" else {**json.loads(self.fields), **own}


class Settlement(NamedTuple):
    """What became of an item; in the order of the statement's arrays."""

    id: int
    status: State
    delay: timedelta | None = None
    """For Pending: before the next attempt; None for due as before."""
    is_charged: bool = False
    is_in_doubt: bool = False
    broke_off: bool = False
    code: int | None = None
    enhanced_code: str | None = None
    reply: str | None = None
    reason: str | None = None
    bounce: Bounce | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought."""

    items: list[Item]
    allowance: Allowance
    """What the account may send; of what was granted, that which is more than the items is to be given back."""


class Answer(NamedTuple):
    """What the ledger's statement says."""

    goes_on: bool
    """Whether the mailing is still to be sent."""
    settled: list[int]
    going: list[int]
    """Those that may go."""
    skipped: list[int]
    invalidated: int | None = None
    """Addresses that are invalid from now on."""


@dataclass(frozen=True)
class Items:
    """The statements about the items of one mass e-mail, on behalf of one sender."""

    mass_email_id: int
    token: int
    """The sender's, drawn anew for each."""
    job_id: int | None
    lease: timedelta
    account: SendingAccount
    from_domain: str
    is_informational: bool
    has_excluding: bool
    with_lists: bool
    are_tests: bool = False

    async def claim(self, line: Queryable, wanted: int, after: Cursor) -> Claimed:
        """Lease up to `wanted` items that are due, from a place on; as many as the account may send."""
        limits = self.account.limits
        rows = await line.fetch(
            load(__package__, "claim_items"),
            self.mass_email_id,
            self.token,
            self.job_id,
            self.lease,
            wanted,
            self.account.key,
            limits.rate_per_minute,
            limits.rate_per_hour,
            *after,
            self.with_lists,
        )
        granted, wait, held = rows[0][:3]
        return Claimed([Item._make(row[3:]) for row in rows if row["id"] is not None], Allowance(granted, wait, held))

    async def exchange(
        self, line: Queryable, settlements: Sequence[Settlement], going: Sequence[int], room: int | None = None
    ) -> Answer:
        """Store results and mark what goes next, of that `room` at most, in one commit."""
        columns = list(zip(*settlements, strict=True)) or [()] * len(Settlement._fields)
        (row,) = await line.fetch(
            load(__package__, "exchange_items"),
            self.mass_email_id,
            self.token,
            self.lease,
            *columns,
            going,
            self.from_domain,
            self.is_informational,
            self.has_excluding,
            self.are_tests,
            room,
        )
        return Answer(*row)

    async def count_hour(self, line: Queryable) -> int:
        """Return how many mails of all mass e-mails were sent in the last hour, or are being sent."""
        (row,) = await line.fetch(load(__package__, "count_hour"))
        used: int = row["used"]
        return used

    async def release(self, line: Queryable, ids: Sequence[int]) -> int:
        """Give up leased items that were not handed over; return how many there were."""
        if not ids:
            return 0
        return len(await line.fetch(load(__package__, "release_items"), self.mass_email_id, self.token, list(ids)))

    async def follow_address(self, line: Queryable, item: Item) -> None:
        """Let a leased item follow its target to another address, and give it up."""
        await line.fetch(load(__package__, "follow_address"), item.id, self.token, item.email)


async def release_lost(line: Queryable) -> int:
    """Settle what was being sent by runs that are lost; return how many items that were."""
    return len(await line.fetch(load(__package__, "release_lost_items")))
