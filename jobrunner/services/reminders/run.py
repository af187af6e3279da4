"""One run: sends the e-mail reminders that are due, a portion at most."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from jobrunner.db.connection import TRANSIENT
from jobrunner.errors import ConfigurationError, InvalidInput, JobrunnerError
from jobrunner.services.mail.smtp import (
    Account,
    Envelope,
    NoConnection,
    Outcome,
    Phase,
    Pool,
    Pools,
    Result,
    Transport,
    shared_pools,
)
from jobrunner.services.reminders.compose import Letterhead, compose
from jobrunner.services.reminders.rows import PORTION, Connect, DueReminder, Reminders, Settlement

MOST_CONNECTIONS = 4
"""To the mail server, in one run."""
SENT_PER_CONNECTION = 2
"""So many due reminders are worth a connection of their own."""
TIME_SLICE = 50.0
"""Seconds after which a run takes no more rows and leaves the rest to the next one."""
MOST_TROUBLES = 3
"""Broken transactions in a row, over all connections, after which a run gives up on the server."""
DELAYS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60))
"""Before the attempts after the first, second …; the last for all that follow."""
SETTLE_LIMIT = 60.0
"""Seconds for which the result of an accepted mail is offered to a database that is away."""
SETTLE_LIMIT_CANCELLED = 1.5
"""The same for a run that was cancelled."""


class MailNotSent(JobrunnerError):
    """What is due cannot be sent for now: the mail server, the login or the sender is refused. Nothing is lost."""


@dataclass
class Report:
    """What a run has done, by number of reminders."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0
    skipped: int = 0
    missed: int = 0
    uncertain: int = 0
    left: bool = False
    """More is due: the next run is queued."""

    def __str__(self) -> str:
        counts = [f"{count} {name}" for name, count in asdict(self).items() if count and name != "left"]
        return ", ".join(counts) or "nothing was due"


class Run:
    """Sends what is due; `send` is called once."""

    def __init__(
        self,
        connect: Connect,
        account: Account | None,
        letterhead: Letterhead | None,
        *,
        job_id: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        log: logging.Logger | None = None,
        pools: Pools | None = None,
        portion: int = PORTION,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection; none is held while mail is sent.
            account: where mail is handed to; None where none is configured.
            letterhead: sender and site; None where no sender is configured.
            job_id: the job on whose behalf rows are taken.
            cancelled: tells whether to come to an end; what is under way is finished.
            log: where it tells what became of each reminder that was not just sent.
            pools: where the connections to the mail server come from; those that this process shares if None.
            portion: the most that is sent.
        """
        self.report = Report()
        self._rows = Reminders(connect, job_id)
        self._account = account
        self._letterhead = letterhead
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.reminders")
        self._pools = pools
        self._served = False
        self._no_connection: NoConnection | None = None
        self._room = portion
        self._ends_at = time.monotonic() + TIME_SLICE
        self._stop: JobrunnerError | Exception | None = None
        self._troubles = 0

    async def send(self) -> Report:
        """Send what is due and return what was done.

        Raises:
            ConfigurationError: something is due, and no mail server or sender is configured.
            MailNotSent: the mail server takes nothing for now.
        """
        if lost := await self._rows.release_lost():
            self._log.warning("%d reminders were being sent by a run that is lost: they are sent once more", lost)
        self.report.missed = await self._rows.mark_missed()
        if self.report.missed:
            self._log.warning("%d reminders were missed: nothing ran until an hour after the start", self.report.missed)
        await self._rows.delete_old()
        if due := await self._rows.count_due():
            await self._send_due(
                self._require_configuration(due), min(MOST_CONNECTIONS, -(-due // SENT_PER_CONNECTION))
            )
            await self._leave_rest()
        self._log.info("reminders: %s", self.report)
        if self._stop is not None:
            raise self._stop
        return self.report

    async def _send_due(self, account: Account, connections: int) -> None:
        pools = self._pools or shared_pools()
        async with (
            pools.lend(account, max_connections=MOST_CONNECTIONS) as pool,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(connections):
                group.create_task(self._work(pool))
        if not self._served:
            self._stop = self._stop or self._no_connection

    def _require_configuration(self, due: int) -> Account:
        if self._account is None:
            raise ConfigurationError(
                f"{_reminders(due)} due and no mail server is configured: set JOBRUNNER_SMTP__HOST (and "
                "JOBRUNNER_SMTP__FROM_ADDRESS); they are sent then, up to an hour after the start"
            )
        if self._letterhead is None:
            raise ConfigurationError(
                f"{_reminders(due)} due and no sender is configured: set JOBRUNNER_SMTP__FROM_ADDRESS; they are sent "
                "then, up to an hour after the start"
            )
        return self._account

    async def _leave_rest(self) -> None:
        """Queue the next run where this one stopped for its portion or its time; after trouble the job comes again."""
        if self._stop is None and (self._room <= 0 or not self._has_time()) and await self._rows.count_due():
            self.report.left = True
            await self._rows.wake()

    def _has_time(self) -> bool:
        return time.monotonic() < self._ends_at and not self._cancelled()

    # One connection

    async def _work(self, pool: Pool) -> None:
        """Send one reminder after another. Nothing that goes wrong here disturbs the other connections."""
        try:
            async with pool.connection(max(0.0, self._ends_at - time.monotonic())) as transport:
                self._served = True
                while self._stop is None and self._room > 0 and self._has_time():
                    self._room -= 1
                    reminder = await self._rows.take(secrets.randbits(63), self._longest())
                    if reminder is None:
                        break
                    await self._send_one(transport, reminder)
        except NoConnection as error:  # others send by this account; those who got one do the work
            self._no_connection = error
        except Exception as error:  # the database is away, or a fault of ours
            self._stop = self._stop or error

    def _longest(self) -> timedelta:
        assert self._account is not None
        return timedelta(seconds=self._account.send_limit + 2 * SETTLE_LIMIT)

    async def _send_one(self, transport: Transport, reminder: DueReminder) -> None:
        settlement = self._reason_to_skip(reminder)
        if settlement is None and reminder.record_start_at != reminder.start_at:
            # It was moved by an application that did not say so.
            await self._rows.plan(reminder)
            settlement = Settlement("Waiting")
        if settlement is None:
            settlement = await self._hand_over(transport, reminder)
        await self._settle(reminder, settlement)

    @staticmethod
    def _reason_to_skip(reminder: DueReminder) -> Settlement | None:
        """What may have changed since it was planned."""
        reasons = (
            (reminder.record_name is None, "the record is gone"),
            (not reminder.record_is_open, "the record is held, done, cancelled or deleted"),
            (reminder.user_name is None, "the user is gone"),
            (not reminder.user_is_active, "the user is not active"),
            (not reminder.email, "the user has no address"),
            (not reminder.is_receiver, "the user has declined or takes no part"),
        )
        return next((Settlement("Skipped", reason) for applies, reason in reasons if applies), None)

    async def _hand_over(self, transport: Transport, reminder: DueReminder) -> Settlement:
        assert self._letterhead is not None
        try:
            message = compose(reminder, self._letterhead)
            payload = message.to_bytes()
        except InvalidInput as error:
            return self._judge(reminder, Result(Outcome.LOCAL, Phase.IDLE, str(error)), None)
        except Exception as error:  # a fault in composing is the fault of one mail
            self._log.exception("%s: the mail could not be composed", reminder.label)
            return self._judge(reminder, Result(Outcome.LOCAL, Phase.IDLE, f"it could not be composed: {error}"), None)
        envelope = Envelope(self._letterhead.sender.address, message.recipient.address)
        try:
            result = await transport.send(payload, envelope)
        except asyncio.CancelledError:
            in_doubt = transport.phase is Phase.DOT
            outcome = Outcome.UNKNOWN if in_doubt else Outcome.CONNECTION
            await self._settle_cancelled(
                reminder, self._judge(reminder, Result(outcome, Phase.IDLE, "the run was stopped"), message.message_id)
            )
            raise
        return self._judge(reminder, result, message.message_id)

    def _judge(self, reminder: DueReminder, result: Result, message_id: str | None) -> Settlement:
        """Return what a result means for its reminder, and note what it means for the run."""
        match result.outcome:
            case Outcome.ACCEPTED:
                self._troubles = 0
                return Settlement("Sent", str(result), message_id=message_id)
            case Outcome.UNKNOWN:
                self._note_trouble(result)
                if reminder.doubt_count:
                    return Settlement("Uncertain", str(result), in_doubt=True, message_id=message_id)
                return Settlement("Waiting", str(result), DELAYS[0], in_doubt=True, message_id=message_id)
        if result.concerns_all:
            self._stop = self._stop or MailNotSent(f"no reminder can be sent for now: {result}")
            return Settlement("Waiting", str(result), message_id=message_id)
        if result.outcome is Outcome.CONNECTION or (result.outcome is Outcome.RATE and not _concerns_recipient(result)):
            self._note_trouble(result)
        else:
            self._troubles = 0
        if result.final:
            return Settlement("Failed", str(result), counts=True, message_id=message_id)
        delay = DELAYS[min(reminder.attempt_count, len(DELAYS) - 1)]
        return Settlement("Waiting", str(result), delay, counts=True, message_id=message_id)

    def _note_trouble(self, result: Result) -> None:
        self._troubles += 1
        if self._troubles >= MOST_TROUBLES:
            self._stop = self._stop or MailNotSent(
                f"no reminder can be sent for now: {self._troubles} attempts in a row broke off, the last: {result}"
            )

    # Results

    async def _settle(self, reminder: DueReminder, settlement: Settlement) -> None:
        """Store a result; a database that is away is asked again, since a mail that was taken must not go out twice."""
        deadline = time.monotonic() + SETTLE_LIMIT
        pause = 0.1
        while True:
            try:
                state = await self._rows.settle(reminder, settlement)
            except TRANSIENT:
                if time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                self._count(reminder, settlement, state)
                return

    async def _settle_cancelled(self, reminder: DueReminder, settlement: Settlement) -> None:
        try:
            async with asyncio.timeout(SETTLE_LIMIT_CANCELLED):
                self._count(reminder, settlement, await self._rows.settle(reminder, settlement))
        except (*TRANSIENT, TimeoutError):
            self._log.warning("%s: its state could not be stored; the next run frees it", reminder.label)

    def _count(self, reminder: DueReminder, settlement: Settlement, state: str | None) -> None:
        match state:
            case "Sent":
                self.report.sent += 1
                self._log.debug("%s: sent", reminder.label)
            case "Failed":
                self.report.failed += 1
                self._log.warning("%s: no mail was sent: %s", reminder.label, settlement.reason)
            case "Skipped":
                self.report.skipped += 1
                self._log.info("%s: not sent: %s", reminder.label, settlement.reason)
            case "Uncertain":
                self.report.uncertain += 1
                self._log.warning("%s: sent twice, in doubt both times: %s", reminder.label, settlement.reason)
            case "Waiting" if settlement.reason is not None:
                self.report.postponed += 1
                self._log.info("%s: put off: %s", reminder.label, settlement.reason)
            case None if settlement.state == "Sent":
                self.report.sent += 1
                self._log.info("%s: sent; it was moved or removed meanwhile", reminder.label)


def _concerns_recipient(result: Result) -> bool:
    """Whether a rate reply is about this recipient, as greylisting is."""
    return result.phase is Phase.RCPT and result.code != 421


def _reminders(due: int) -> str:
    if due == 1:
        return "1 reminder is"
    return f"{due}{' or more' if due >= PORTION else ''} reminders are"
