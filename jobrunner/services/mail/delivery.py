"""What is due goes out by one account over several connections at once, one mail after another on each."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.accounts import Outgoing
from jobrunner.services.mail.settling import ends_run
from jobrunner.services.mail.smtp import NoConnection, Outcome, Pool, Result, Transport

MOST_CONNECTIONS = 4
"""To the mail server, in one run; fewer where the account says so."""
SENT_PER_CONNECTION = 2
"""So many due mails are worth a connection of their own."""
TIME_SLICE = 50.0
"""Seconds after which a run takes no more rows and leaves the rest to the next one."""


class MailNotSent(JobrunnerError):
    """What is due cannot be sent for now: the mail server, the login or the sender is refused. Nothing is lost."""


class Delivery:
    """The connections of one run at their work; `send` is called once."""

    def __init__(self, outgoing: Outgoing, ends_at: float, goes_on: Callable[[], bool], *, subject: str) -> None:
        """Prepare it.

        Args:
            outgoing: the account.
            ends_at: monotonic time after which no connection is waited for.
            goes_on: whether another mail is to be begun; asked before each.
            subject: the beginning of the sentence where nothing can be sent (`no reminder can be sent`).
        """
        self.trouble: Exception | None = None
        """What ended the work before its time."""
        self._outgoing = outgoing
        self._ends_at = ends_at
        self._goes_on = goes_on
        self._subject = subject
        self._served = False
        self._no_connection: NoConnection | None = None

    async def send(self, due: int, send_next: Callable[[Transport], Awaitable[bool]]) -> None:
        """Have mails sent until `send_next` finds none.

        Args:
            due: how many there are, about.
            send_next: takes the next one and sends it; false where there was none. What it raises ends the work, and
                does not disturb what the other connections are about.
        """
        most = min(MOST_CONNECTIONS, self._outgoing.account.limits.max_connections)
        async with self._outgoing.open() as pool, asyncio.TaskGroup() as group:
            for _ in range(min(most, -(-due // SENT_PER_CONNECTION))):
                group.create_task(self._work(pool, send_next))
        if not self._served:
            self.trouble = self.trouble or self._no_connection

    def note(self, result: Result) -> None:
        """End the work where the next mail would fare the same; at once, before the result is stored."""
        if ends_run(result):
            self._end(str(result))

    async def observe(self, result: Result) -> None:
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
        return self.trouble is None and self._goes_on()
