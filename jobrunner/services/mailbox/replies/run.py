"""One run: sends the automatic answers of one group account that are due, a portion at most."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect
from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.message import Message
from jobrunner.services.mail.delivery import Delivery, Written, post
from jobrunner.services.mail.report import Report
from jobrunner.services.mail.settling import Settlement
from jobrunner.services.mail.smtp import Envelope, Outcome, Pools, Result, Transport
from jobrunner.services.mail.templates import Renderer, RenderingFailed
from jobrunner.services.mailbox.replies.compose import as_sent, compose, values_of
from jobrunner.services.mailbox.replies.rows import PORTION, Answers, DueAnswer
from jobrunner.services.mailbox.replies.setup import set_up

LOOK_AGAIN = timedelta(minutes=10)
"""How long an SMTP account that waits for a person is left alone."""


class Run:
    """Sends what is due; `send` is called once."""

    def __init__(
        self,
        connect: Connect,
        configuration: Configuration,
        account_id: int,
        *,
        job_id: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        log: logging.Logger | None = None,
        pools: Pools | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection; none is held while mail is sent.
            configuration: the keys, and the mail server of the configuration.
            account_id: the group account.
            job_id: the job on whose behalf rows are taken.
            cancelled: tells whether to come to an end; what is under way is finished.
            log: where it tells what became of each answer that was not just sent.
            pools: where the connections to the mail server come from; those that this process shares if None.
        """
        self.report = Report()
        self._rows = Answers(connect, account_id, job_id)
        self._connect = connect
        self._configuration = configuration
        self._account_id = account_id
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.mail")
        self._pools = pools
        self._rendering = asyncio.Lock()
        self._needs_path = False
        """The mail server refuses an empty return path."""

    async def send(self) -> Report:
        """Send what is due and return what was done.

        Raises:
            ConfigurationError: something is due, and there is no account to send by.
            JobrunnerError: the template cannot be used.
            MailNotSent: the mail server takes nothing for now.
        """
        self.report.lost = await self._rows.release_lost()
        if self.report.lost:
            self._log.warning("%d answers were being sent by a run that is lost: once more", self.report.lost)
        self.report.failed = await self._rows.expire()
        due = await self._rows.count_due()
        if not due:
            return self.report
        setup = await set_up(self._connect, self._configuration, self._account_id, pools=self._pools)
        if setup is None:
            self.report.skipped = await self._rows.drop("its account gives no automatic answers any more")
            return self.report
        self._setup = setup
        self._delivery = Delivery(
            setup.outgoing,
            room=PORTION,
            cancelled=self._cancelled,
            log=self._log,
            subject=f"{setup.name} can send no automatic answer",
        )
        async with Renderer(setup.stationery.templates) as self._renderer:
            await self._delivery.send(due, self._send_next)
        await self._leave_rest()
        if self._delivery.trouble is not None:
            raise self._delivery.trouble
        return self.report

    async def _leave_rest(self) -> None:
        """Queue the next run for when it can send what is left; after trouble the job comes again by itself, too."""
        outgoing = self._setup.outgoing
        if (held := outgoing.held) is not None:
            self.report.held = held
            await self._rows.hold(f"the SMTP account {outgoing.account.name} is held back: {held}")
            # Where only a person can help, nobody tells us when that is done.
            await self._rows.wake(await outgoing.wait() or LOOK_AGAIN)
        elif self._delivery.trouble is None and not self._delivery.goes_on() and await self._rows.count_due():
            self.report.has_more = True
            await self._rows.wake()

    # One answer

    async def _send_next(self, transport: Transport) -> bool:
        """Send one answer; false where none is due."""
        self._delivery.room -= 1
        answer = await self._rows.take(secrets.randbits(63), self._delivery.longest(posts=2))
        if answer is None:
            return False
        await self._delivery.deliver(
            transport,
            answer,
            write=partial(self._write, answer),
            settle=partial(self._settle, answer),
            post=partial(self._post, answer),
        )
        return True

    async def _write(self, answer: DueAnswer) -> Written:
        async with self._rendering:
            (texts,) = await self._renderer.render([values_of(answer)])
        if isinstance(texts, RenderingFailed):
            raise InvalidInput(str(texts))
        message = compose(answer, self._setup.stationery, texts, self._setup.message_id(answer, answer.now))
        return message, self._setup.outgoing.signed(message.to_bytes(), message.date)

    async def _post(self, answer: DueAnswer, transport: Transport, message: Message, payload: bytes) -> Result | None:
        """Send it with no return path, so that nothing comes back; where a server demands one, with the account's."""
        if not await self._rows.name(answer, message.message_id):
            return None
        if not self._needs_path:
            result = await transport.send(payload, Envelope(None, message.recipient.address))
            self._needs_path = result.outcome is Outcome.SENDER_REFUSED
            if not self._needs_path:
                return result
        # What comes back to the account is a report, or says of itself that it is automatic: never answered.
        return await post(transport, message, payload)

    # Results

    async def _settle(self, answer: DueAnswer, settlement: Settlement) -> None:
        message = settlement.message
        sent = None if message is None else as_sent(answer, message)
        self._count(answer, settlement, await self._rows.settle(answer, settlement, sent))

    def _count(self, answer: DueAnswer, settlement: Settlement, state: str | None) -> None:
        match state or settlement.state:
            case "Sent":
                self.report.sent += 1
                self._log.info("%s: sent to %s", answer.label, answer.recipient)
            case "Failed":
                self.report.failed += 1
                self._log.warning("%s: it was not sent: %s", answer.label, settlement.reason)
            case "Uncertain":
                self.report.uncertain += 1
                self._log.warning("%s: sent twice, in doubt both times: %s", answer.label, settlement.reason)
            case "Waiting":
                self.report.postponed += 1
                self._log.info("%s: put off: %s", answer.label, settlement.reason)
