"""One run: sends the e-mail reminders that are due, a portion at most."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.errors import ConfigurationError, JobrunnerError, NotFound
from jobrunner.services.mail import report
from jobrunner.services.mail.accounts import Outgoing, SendingAccount
from jobrunner.services.mail.delivery import Delivery, Written
from jobrunner.services.mail.letterhead import Letterhead
from jobrunner.services.mail.patience import persist
from jobrunner.services.mail.settling import SETTLE_LIMIT, Settlement
from jobrunner.services.mail.smtp import Pools, Transport
from jobrunner.services.reminders.compose import compose
from jobrunner.services.reminders.rows import PORTION, DueReminder, Reminders


@dataclass
class Report(report.Report):
    """What a run has done, by number of reminders."""

    missed: int = 0


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
        self._portion = portion

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
        if due := await self._rows.count_due():
            self._outgoing = await self._require_account(due)
            self._letterhead = await Letterhead.load(self._connect, self._configuration, self._outgoing.account)
            self._delivery = Delivery(
                self._outgoing,
                room=self._portion,
                cancelled=self._cancelled,
                log=self._log,
                subject="no reminder can be sent",
            )
            await self._delivery.send(due, self._send_next)
            await self._leave_rest()
        self._log.info("reminders: %s", self.report)
        if due and self._delivery.trouble is not None:
            raise self._delivery.trouble
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

    async def _leave_rest(self) -> None:
        """Queue the next run for when it can send what is left; after trouble the job comes again by itself, too."""
        if (held := self._outgoing.held) is not None:
            self.report.held = held
            await self._rows.hold(f"the account {self._outgoing.account.name} is held back: {held}")
            if (wait := await self._outgoing.wait()) is not None:
                await self._rows.wake(wait)
        elif self._delivery.trouble is None and not self._delivery.goes_on() and await self._rows.count_due():
            self.report.has_more = True
            await self._rows.wake()

    # One mail

    async def _send_next(self, transport: Transport) -> bool:
        """Send one reminder; false where none is due."""
        self._delivery.room -= 1
        reminder = await self._rows.take(secrets.randbits(63), self._delivery.longest())
        if reminder is None:
            return False
        await self._send_one(transport, reminder)
        return True

    async def _send_one(self, transport: Transport, reminder: DueReminder) -> None:
        settlement = self._reason_to_skip(reminder)
        if settlement is None and reminder.record_start_at != reminder.start_at:
            # It was moved by an application that did not say so.
            await self._rows.plan(reminder)
            settlement = Settlement("Waiting")
        if settlement is not None:
            self._outgoing.put_back()
            await persist(partial(self._settle, reminder, settlement), SETTLE_LIMIT)
            return
        await self._delivery.deliver(
            transport, reminder, write=partial(self._write, reminder), settle=partial(self._settle, reminder)
        )

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

    async def _write(self, reminder: DueReminder) -> Written:
        message = compose(reminder, self._letterhead)
        return message, self._outgoing.signed(message.to_bytes(), message.date)

    # Results

    async def _settle(self, reminder: DueReminder, settlement: Settlement) -> None:
        self._count(reminder, settlement, await self._rows.settle(reminder, settlement))

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


def _reminders(due: int) -> str:
    if due == 1:
        return "1 reminder is"
    return f"{due}{' or more' if due >= PORTION else ''} reminders are"
