"""One run: mails the notifications that are due, a portion at most."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.errors import ConfigurationError, JobrunnerError
from jobrunner.services.mail.accounts import Outgoing, SendingAccount
from jobrunner.services.mail.delivery import Delivery, Written
from jobrunner.services.mail.letterhead import Letterhead
from jobrunner.services.mail.patience import persist
from jobrunner.services.mail.settling import SETTLE_LIMIT, Settlement, delay_after
from jobrunner.services.mail.smtp import Pools, Transport
from jobrunner.services.notifications.compose import compose
from jobrunner.services.notifications.decide import decide
from jobrunner.services.notifications.report import Report
from jobrunner.services.notifications.rows import Notification, Notifications, Taken
from jobrunner.services.notifications.settings import NotificationSettings, load_notification_settings

Progress = Callable[[float, str], None]


class Run:
    """Mails what is due; `send` is called once."""

    def __init__(
        self,
        connect: Connect,
        configuration: Configuration,
        *,
        job_id: int | None = None,
        assignments_only: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
        progress: Progress = lambda fraction, message: None,
        log: logging.Logger | None = None,
        pools: Pools | None = None,
        account: SendingAccount | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection; none is held while mail is sent.
            configuration: the site's address, the keys, and the account of the configuration.
            job_id: the job on whose behalf rows are taken.
            assignments_only: leave the rest to the next run.
            cancelled: tells whether to come to an end; what is under way is finished.
            progress: is told how far the run is.
            log: where it tells what became of each notification that was not just sent.
            pools: where the connections to the mail server come from; those that this process shares if None.
            account: by which mail is sent; the system account if None.
        """
        self.report = Report()
        self._connect = connect
        self._configuration = configuration
        self._job_id = job_id
        self._assignments_only = assignments_only
        self._cancelled = cancelled
        self._progress = progress
        self._log = log or logging.getLogger("jobrunner.notifications")
        self._pools = pools
        self._account = account
        self._settings = NotificationSettings()
        self._due = 0

    async def send(self) -> Report:
        """Mail what is due and return what was done.

        Raises:
            ConfigurationError: something is due, and there is no account to send by.
            MailNotSent: the mail server takes nothing for now.
        """
        async with self._connect() as connection:
            self._settings = await load_notification_settings(connection)
        self._rows = Notifications(
            self._connect,
            self._job_id,
            timedelta(hours=self._settings.notification_max_age),
            assignments_only=self._assignments_only,
        )
        self.report.lost = lost = await self._rows.release_lost()
        if lost:
            self._log.warning("%d notifications were being mailed by a run that is lost: once more", lost)
        self.report.missed, self.report.skipped = await self._rows.mark_missed()
        if self.report.missed:
            self._log.warning(
                "%d notifications were missed: nothing mailed them within %d h",
                self.report.missed,
                self._settings.notification_max_age,
            )
        self._due = await self._rows.count_due(self._settings.notification_batch)
        if self._due:
            self._outgoing = await self._require_account()
            self._letterhead = await Letterhead.load(self._connect, self._configuration, self._outgoing.account)
            self._delivery = Delivery(
                self._outgoing,
                room=self._settings.notification_batch,
                cancelled=self._cancelled,
                log=self._log,
                subject="no notification can be mailed",
            )
            await self._delivery.send(self._due, self._send_next)
            await self._leave_rest()
        self._log.info("notifications: %s", self.report)
        if self._due and self._delivery.trouble is not None:
            raise self._delivery.trouble
        return self.report

    async def _require_account(self) -> Outgoing:
        try:
            if self._account is not None:
                keyring = Keyring.from_configuration(self._configuration)
                return Outgoing(self._account, keyring, self._connect, pools=self._pools)
            return await Outgoing.load(self._connect, self._configuration, pools=self._pools)
        except JobrunnerError as error:
            raise ConfigurationError(
                f"{_are(self._due, self._settings.notification_batch)} due and cannot be mailed: {error}"
            ) from None

    async def _leave_rest(self) -> None:
        """Queue the next run for when it can send what is left; after trouble the job comes again by itself, too."""
        held = self._outgoing.held
        if (held is None and self._delivery.trouble is not None) or not await self._rows.count_due(1):
            return
        if held is not None:
            name = self._outgoing.account.name
            self.report.held = held
            self._log.warning("notifications wait: the account %s is held back: %s", name, held)
            await self._rows.hold(f"the account {name} is held back: {held}", self._settings.notification_batch)
            if (wait := await self._outgoing.wait()) is not None:
                await self._rows.wake(wait)
        elif not self._delivery.goes_on():
            self.report.has_more = True
            await self._rows.wake()

    # One mail

    async def _send_next(self, transport: Transport) -> bool:
        """Send one mail; false where nothing is due."""
        taken = await self._rows.take(secrets.randbits(63), self._delivery.longest())
        if taken is None:
            return False
        self._delivery.room -= len(taken.numbers)
        await self._send_one(transport, taken)
        self._tell()
        return True

    def _tell(self) -> None:
        done = min(self._settings.notification_batch - self._delivery.room, self._due)
        self._progress(done / self._due, f"{done} of {self._due} notifications, {self.report.mails} mails")

    async def _send_one(self, transport: Transport, taken: Taken) -> None:
        """Decide on what was taken and mail the rest."""
        try:
            found = await self._rows.read(taken)
        except TRANSIENT:
            raise
        except Exception as error:  # in a function of the application's own
            self._log.exception("%s: what it is about could not be looked at", taken.label)
            reason = f"what it is about could not be looked at: {' '.join(str(error).split())[:300]}"
            self._outgoing.put_back()
            delay = delay_after(taken.attempt_count)
            settlement = Settlement("Waiting", reason, delay, counts=True)
            await persist(partial(self._settle, taken, taken.numbers, settlement), SETTLE_LIMIT)
            return
        mailed, reasons = decide(found, self._settings)
        if reasons:
            for reason in reasons.values():
                self._log.debug("%s: not mailed: %s", taken.label, reason)
            states = await persist(lambda: self._rows.skip(taken, reasons), SETTLE_LIMIT)
            self.report.skipped += len(states)
        if not mailed:
            self._outgoing.put_back()
            return
        numbers = [one.number for one in mailed]
        await self._delivery.deliver(
            transport,
            taken,
            # On a thread: a post may be long, and its Markdown such as takes a second.
            write=partial(asyncio.to_thread, self._write, mailed),
            settle=partial(self._settle, taken, numbers),
        )

    def _write(self, mailed: Sequence[Notification]) -> Written:
        message = compose(mailed, self._letterhead)
        return message, self._outgoing.signed(message.to_bytes(), message.date)

    # Results

    async def _settle(self, taken: Taken, numbers: Sequence[int], settlement: Settlement) -> None:
        self._count(taken, settlement, await self._rows.settle(taken, numbers, settlement))

    def _count(self, taken: Taken, settlement: Settlement, states: Sequence[str]) -> None:
        report = self.report
        report.sent += states.count("Sent")
        report.mails += settlement.state == "Sent"
        report.failed += states.count("Failed")
        report.uncertain += states.count("Uncertain")
        report.postponed += states.count("Waiting")
        if "Failed" in states:
            self._log.warning("%s: no mail was sent: %s", taken.label, settlement.reason)
        elif "Uncertain" in states:
            self._log.warning("%s: sent twice, in doubt both times: %s", taken.label, settlement.reason)
        elif "Waiting" in states:
            self._log.info("%s: put off: %s", taken.label, settlement.reason)
        else:
            self._log.debug("%s: sent", taken.label)


def _are(due: int, limit: int) -> str:
    if due == 1:
        return "1 notification is"
    return f"{due}{' or more' if due >= limit else ''} notifications are"
