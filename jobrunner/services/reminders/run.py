"""One run: sends the e-mail reminders that are due, a portion at most."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.secrets import Keyring
from jobrunner.errors import ConfigurationError, InvalidInput, JobrunnerError, NotFound
from jobrunner.services.mail.accounts import Outgoing, SendingAccount
from jobrunner.services.mail.patience import persist
from jobrunner.services.mail.smtp import Envelope, NoConnection, Outcome, Phase, Pool, Pools, Result, Transport
from jobrunner.services.reminders.compose import Letterhead, compose
from jobrunner.services.reminders.rows import PORTION, Connect, DueReminder, Reminders, Settlement

MOST_CONNECTIONS = 4
"""To the mail server, in one run; fewer where the account says so."""
SENT_PER_CONNECTION = 2
"""So many due reminders are worth a connection of their own."""
TIME_SLICE = 50.0
"""Seconds after which a run takes no more rows and leaves the rest to the next one."""
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
    lost: int = 0
    """That a run which is gone had left in doubt; they are due again."""
    left: bool = False
    """More is due: the next run is queued."""
    held: str | None = None
    """Why the account sends nothing more for now; what is due waits."""

    def __str__(self) -> str:
        words = [f"{count} {name}" for name, count in asdict(self).items() if count and name not in ("left", "held")]
        if self.held is not None:
            words.append(f"held back: {self.held}")
        return ", ".join(words) or "nothing was due"


class Run:
    """Sends what is due; `send` is called once."""

    def __init__(
        self,
        connect: Connect,
        configuration: Configuration,
        *,
        job_id: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        log: logging.Logger | None = None,
        pools: Pools | None = None,
        account: SendingAccount | None = None,
        portion: int = PORTION,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection; none is held while mail is sent.
            configuration: the site's address, the keys, and the account of the configuration.
            job_id: the job on whose behalf rows are taken.
            cancelled: tells whether to come to an end; what is under way is finished.
            log: where it tells what became of each reminder that was not just sent.
            pools: where the connections to the mail server come from; those that this process shares if None.
            account: by which mail is sent; the system account if None.
            portion: the most that is sent.
        """
        self.report = Report()
        self._rows = Reminders(connect, job_id)
        self._connect = connect
        self._configuration = configuration
        self._account = account
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.reminders")
        self._pools = pools
        self._served = False
        self._no_connection: NoConnection | None = None
        self._room = portion
        self._ends_at = time.monotonic() + TIME_SLICE
        self._stop: JobrunnerError | Exception | None = None

    async def send(self) -> Report:
        """Send what is due and return what was done.

        Raises:
            ConfigurationError: something is due, and there is no account to send by.
            MailNotSent: the mail server takes nothing for now.
        """
        self.report.lost = lost = await self._rows.release_lost()
        if lost:
            self._log.warning("%d reminders were being sent by a run that is lost: they are sent once more", lost)
        self.report.missed = await self._rows.mark_missed()
        if self.report.missed:
            self._log.warning("%d reminders were missed: nothing ran until an hour after the start", self.report.missed)
        await self._rows.delete_old()
        if due := await self._rows.count_due():
            self._outgoing = await self._require_account(due)
            self._letterhead = Letterhead.of(self._outgoing.account, self._configuration.site_url)
            await self._send_due(due)
            await self._leave_rest()
        self._log.info("reminders: %s", self.report)
        if self._stop is not None:
            raise self._stop
        return self.report

    async def _require_account(self, due: int) -> Outgoing:
        try:
            if self._account is not None:
                keyring = Keyring.from_configuration(self._configuration)
                return Outgoing(self._account, keyring, self._connect, pools=self._pools)
            return await Outgoing.load(self._connect, self._configuration, pools=self._pools)
        except NotFound:
            reason = (
                "no mail server is configured: set JOBRUNNER_SMTP__HOST and JOBRUNNER_SMTP__FROM_ADDRESS, or "
                "`jobrunner smtp-account add NAME --kind System`"
            )
        except JobrunnerError as error:
            reason = f"cannot be sent: {error}"
        raise ConfigurationError(
            f"{_reminders(due)} due and {reason}; they are sent then, up to an hour after the start"
        )

    async def _send_due(self, due: int) -> None:
        most = min(MOST_CONNECTIONS, self._outgoing.account.limits.max_connections)
        async with self._outgoing.open() as pool, asyncio.TaskGroup() as group:
            for _ in range(min(most, -(-due // SENT_PER_CONNECTION))):
                group.create_task(self._work(pool))
        if not self._served:
            self._stop = self._stop or self._no_connection

    async def _leave_rest(self) -> None:
        """Queue the next run for when it can send what is left; after trouble the job comes again by itself, too."""
        if (held := self._outgoing.held) is not None:
            self.report.held = held
            await self._rows.hold(f"the account {self._outgoing.account.name} is held back: {held}")
            if (wait := await self._outgoing.wait()) is not None:
                await self._rows.wake(wait)
        elif self._stop is None and (self._room <= 0 or not self._has_time()) and await self._rows.count_due():
            self.report.left = True
            await self._rows.wake()

    def _goes_on(self) -> bool:
        return self._stop is None and self._room > 0 and self._has_time()

    def _has_time(self) -> bool:
        return time.monotonic() < self._ends_at and not self._cancelled()

    # One connection

    async def _work(self, pool: Pool) -> None:
        """Send one reminder after another. Nothing that goes wrong here disturbs the other connections."""
        try:
            async with pool.connection(max(0.0, self._ends_at - time.monotonic())) as transport:
                self._served = True
                while await self._outgoing.may_send(self._goes_on):
                    self._room -= 1
                    reminder = await self._rows.take(secrets.randbits(63), self._longest())
                    if reminder is None:
                        self._outgoing.put_back()
                        break
                    await self._send_one(transport, reminder)
        except NoConnection as error:  # others send by this account; those who got one do the work
            self._no_connection = error
        except Exception as error:  # the database is away, or a fault of ours
            self._stop = self._stop or error

    def _longest(self) -> timedelta:
        return timedelta(seconds=self._outgoing.account.smtp.send_limit + 2 * SETTLE_LIMIT)

    async def _send_one(self, transport: Transport, reminder: DueReminder) -> None:
        settlement = self._reason_to_skip(reminder)
        if settlement is None and reminder.record_start_at != reminder.start_at:
            # It was moved by an application that did not say so.
            await self._rows.plan(reminder)
            settlement = Settlement("Waiting")
        if settlement is not None:
            self._outgoing.put_back()
            await self._settle(reminder, settlement)
            return
        message_id, result = await self._hand_over(transport, reminder)
        await self._settle(reminder, self._judge(reminder, result, message_id))
        held = await self._outgoing.observe(result)
        if held is not None and result.outcome is not Outcome.RATE:
            self._stop = self._stop or MailNotSent(f"no reminder can be sent for now: {held}")

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

    async def _hand_over(self, transport: Transport, reminder: DueReminder) -> tuple[str | None, Result]:
        """Compose and send; return the Message-ID and what became of it."""
        try:
            message = compose(reminder, self._letterhead)
            payload = self._outgoing.signed(message.to_bytes(), message.date)
        except InvalidInput as error:
            return None, Result(Outcome.LOCAL, Phase.IDLE, str(error))
        except Exception as error:  # a fault in composing is the fault of one mail
            self._log.exception("%s: the mail could not be composed", reminder.label)
            return None, Result(Outcome.LOCAL, Phase.IDLE, f"it could not be composed: {error}")
        envelope = Envelope(self._letterhead.sender.address, message.recipient.address)
        try:
            return message.message_id, await transport.send(payload, envelope)
        except asyncio.CancelledError:
            in_doubt = transport.phase is Phase.DOT
            stopped = Result(Outcome.UNKNOWN if in_doubt else Outcome.CONNECTION, Phase.IDLE, "the run was stopped")
            await self._settle_cancelled(reminder, self._judge(reminder, stopped, message.message_id))
            raise

    def _judge(self, reminder: DueReminder, result: Result, message_id: str | None) -> Settlement:
        """Return what a result means for its reminder; where it would meet all others, too, the run ends."""
        match result.outcome:
            case Outcome.ACCEPTED:
                return Settlement("Sent", str(result), message_id=message_id)
            case Outcome.UNKNOWN if reminder.doubt_count:
                return Settlement("Uncertain", str(result), in_doubt=True, message_id=message_id)
            case Outcome.UNKNOWN:
                return Settlement("Waiting", str(result), DELAYS[0], in_doubt=True, message_id=message_id)
            case Outcome.RATE if not _concerns_recipient(result):
                return Settlement("Waiting", str(result), message_id=message_id)
        if result.concerns_all:
            self._stop = self._stop or MailNotSent(f"no reminder can be sent for now: {result}")
            return Settlement("Waiting", str(result), message_id=message_id)
        if result.final:
            return Settlement("Failed", str(result), counts=True, message_id=message_id)
        delay = DELAYS[min(reminder.attempt_count, len(DELAYS) - 1)]
        return Settlement("Waiting", str(result), delay, counts=True, message_id=message_id)

    # Results

    async def _settle(self, reminder: DueReminder, settlement: Settlement) -> None:
        """Store a result, patiently: a mail that was taken must not go out twice."""
        state = await persist(lambda: self._rows.settle(reminder, settlement), SETTLE_LIMIT)
        self._count(reminder, settlement, state)

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
