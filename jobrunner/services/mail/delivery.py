"""What is due goes out by one account over several connections at once, one mail after another on each.

A run takes a row and has its mail delivered: written, handed over, and what became of it stored.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, TypeAlias

from jobrunner.db.connection import TRANSIENT
from jobrunner.errors import InvalidInput, JobrunnerError
from jobrunner.services.mail.accounts import Outgoing
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.patience import persist
from jobrunner.services.mail.settling import (
    SETTLE_LIMIT,
    SETTLE_LIMIT_CANCELLED,
    Settlement,
    broken_off,
    ends_run,
    settlement_of,
)
from jobrunner.services.mail.smtp import Envelope, NoConnection, Outcome, Phase, Pool, Result, Transport

MOST_CONNECTIONS = 4
"""To the mail server, in one run; fewer where the account says so."""
SENT_PER_CONNECTION = 2
"""So many due mails are worth a connection of their own."""
TIME_SLICE = 50.0
"""Seconds after which a run takes no more rows and leaves the rest to the next one."""


class MailNotSent(JobrunnerError):
    """What is due cannot be sent for now: the mail server, the login or the sender is refused. Nothing is lost."""


class Due(Protocol):
    """What was taken to be sent: one mail to one person."""

    @property
    def label(self) -> str:
        """How a log line names it."""

    @property
    def attempt_count(self) -> int:
        """Attempts that counted."""

    @property
    def doubt_count(self) -> int:
        """Attempts after which it may have been sent."""


Written: TypeAlias = tuple[Message, bytes]
"""A mail, and the octets that go over the wire: with its signature."""
Post: TypeAlias = Callable[[Transport, Message, bytes], Awaitable[Result | None]]
"""Hands a mail over; None where it is not to be sent after all."""


async def post(transport: Transport, message: Message, payload: bytes) -> Result:
    """Hand a mail over as the one from whom it is."""
    return await transport.send(payload, Envelope(message.sender.address, message.recipient.address))


class Delivery:
    """The connections of one run at their work; `send` is called once."""

    def __init__(
        self, outgoing: Outgoing, *, room: int, cancelled: Callable[[], bool], log: logging.Logger, subject: str
    ) -> None:
        """Prepare it.

        Args:
            outgoing: the account.
            room: how many rows the run takes at most.
            cancelled: tells whether to come to an end; what is under way is finished.
            log: where faults in writing a mail are told, and what could not be stored.
            subject: the beginning of the sentence where nothing can be sent (`no reminder can be sent`).
        """
        self.room = room
        """How many more rows are to be taken; whoever takes some counts them off."""
        self.trouble: Exception | None = None
        """What ended the work before its time."""
        self._outgoing = outgoing
        self._ends_at = time.monotonic() + TIME_SLICE
        self._cancelled = cancelled
        self._log = log
        self._subject = subject
        self._served = False
        self._no_connection: NoConnection | None = None

    async def send(self, due: int, send_next: Callable[[Transport], Awaitable[bool]]) -> None:
        """Have mails sent until `send_next` finds none.

        Args:
            due: how many there are, about.
            send_next: takes the next one and delivers it; false where there was none. What it raises ends the work, and
                does not disturb what the other connections are about.
        """
        most = min(MOST_CONNECTIONS, self._outgoing.account.limits.max_connections)
        async with self._outgoing.open() as pool, asyncio.TaskGroup() as group:
            for _ in range(min(most, -(-due // SENT_PER_CONNECTION))):
                group.create_task(self._work(pool, send_next))
        if not self._served:
            self.trouble = self.trouble or self._no_connection

    def goes_on(self) -> bool:
        """Whether there is room and time for another mail."""
        return self.room > 0 and time.monotonic() < self._ends_at and not self._cancelled()

    def longest(self, posts: int = 1) -> timedelta:
        """Return how long a mail may take at most that is handed over so many times, until its row is settled."""
        return timedelta(seconds=posts * self._outgoing.account.smtp.send_limit + 2 * SETTLE_LIMIT)

    async def deliver(
        self,
        transport: Transport,
        due: Due,
        *,
        write: Callable[[], Awaitable[Written]],
        settle: Callable[[Settlement], Awaitable[None]],
        post: Post = post,
    ) -> None:
        """Have one mail written, handed over and settled; where the next one would fare the same, the run ends.

        Args:
            transport: a connection of its own.
            due: what was taken.
            write: composes and signs it. What it raises is the fault of this one mail.
            settle: stores what became of it. It is called again while the database is away: a mail that was taken must
                not go out twice.
            post: how it is handed over.
        """
        message = None
        try:
            message, payload = await write()
        except InvalidInput as error:
            result: Result | None = Result(Outcome.LOCAL, Phase.IDLE, str(error))
        except Exception as error:
            self._log.exception("%s: the mail could not be composed", due.label)
            result = Result(Outcome.LOCAL, Phase.IDLE, f"it could not be composed: {error}")
        else:
            try:
                result = await post(transport, message, payload)
            except asyncio.CancelledError:
                await self._settle_cancelled(due, settle, self._judge(due, broken_off(transport), message))
                raise
        if result is None:
            self._outgoing.put_back()
            return
        settlement = self._judge(due, result, message)
        if message is not None and result.outcome is Outcome.ACCEPTED:
            copy = self._outgoing.copy_of(message.message_id, message.sender.address, payload, message.date)
            settlement = replace(settlement, copy=copy)
        await persist(lambda: settle(settlement), SETTLE_LIMIT)
        await self._observe(result)

    def _judge(self, due: Due, result: Result, message: Message | None) -> Settlement:
        """Return what a result means for its mail, and end the work where it means the same for all; at once."""
        if ends_run(result):
            self._end(str(result))
        return settlement_of(result, attempt_count=due.attempt_count, doubt_count=due.doubt_count, message=message)

    async def _settle_cancelled(
        self, due: Due, settle: Callable[[Settlement], Awaitable[None]], settlement: Settlement
    ) -> None:
        try:
            async with asyncio.timeout(SETTLE_LIMIT_CANCELLED):
                await settle(settlement)
        except (*TRANSIENT, TimeoutError):
            self._log.warning("%s: its state could not be stored; the next run frees it", due.label)

    async def _observe(self, result: Result) -> None:
        """Tell the account of a result, and end the work where that holds it back for longer."""
        held = await self._outgoing.observe(result)
        if held is not None and result.outcome is not Outcome.RATE:
            self._end(held)

    def _end(self, reason: str) -> None:
        self.trouble = self.trouble or MailNotSent(f"{self._subject} for now: {reason}")

    async def _work(self, pool: Pool, send_next: Callable[[Transport], Awaitable[bool]]) -> None:
        try:
            async with pool.connection(max(0.0, self._ends_at - time.monotonic())) as transport:
                self._served = True
                while await self._outgoing.may_send(self._may_begin):
                    if not await send_next(transport):
                        self._outgoing.put_back()
                        break
        except NoConnection as error:  # others send by this account; those who got one do the work
            self._no_connection = error
        except Exception as error:  # the database is away, or a fault of ours
            self.trouble = self.trouble or error

    def _may_begin(self) -> bool:
        return self.trouble is None and self.goes_on()
