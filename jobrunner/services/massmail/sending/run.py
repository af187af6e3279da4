"""One run of ProcessMassEmail: builds what is due, settles what is in doubt, sends what is In Process."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.line import GONE, Line
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.execution.outcome import error_text
from jobrunner.services.mail.accounts import Outgoing
from jobrunner.services.mail.smtp import Pools
from jobrunner.services.mail.templates import InvalidTemplate
from jobrunner.services.massmail.mass_emails.building import build_mailing, list_due
from jobrunner.services.massmail.mass_emails.states import complete, fail, pause_for
from jobrunner.services.massmail.sending.course import Sent
from jobrunner.services.massmail.sending.dispatch import Dispatch
from jobrunner.services.massmail.sending.hour import HourLimit, Portion
from jobrunner.services.massmail.sending.items import release_lost
from jobrunner.services.massmail.sending.owner import tell_owner
from jobrunner.services.massmail.sending.pace import Pace
from jobrunner.services.massmail.sending.preparing import Prepared, TemplateGone, Unusable, prepare
from jobrunner.services.massmail.sending.turns import turns
from jobrunner.services.massmail.settings import MassMailSettings, load_mass_mail_settings

TIME_SLICE = 50.0
"""Seconds after which a run hands over nothing more, and leaves the rest to the next one."""
MOST_ACCOUNTS = 3
"""By which one run sends at the same time: each holds a connection to the database."""


@dataclass
class Report:
    """What a run has done: mailings that were built, and items by what became of them."""

    built: int = 0
    completed: int = 0
    items: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    """Items that a run which is gone had left in doubt."""
    has_more: bool = False
    """More is due: the next run follows at once."""

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.built or self.completed or self.lost or self.items.total())

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the job's result."""
        words = ("Sent", "Pending", "Failed", "Skipped", "Uncertain")
        items = {"deferred" if word == "Pending" else word.lower(): self.items[word] for word in words}
        return {"built": self.built, **items, "lost": self.lost, "completed": self.completed, "has_more": self.has_more}


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
        progress: Callable[[float, str], None] = lambda fraction, words: None,
        time_slice: float = TIME_SLICE,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection: one for the run, and one for each account that it sends by.
            configuration: where the system account, the site and the keys are.
            job_id: the job on whose behalf items are leased.
            cancelled: tells whether to come to an end; what is under way is finished.
            log: where it tells what happens.
            pools: where the connections to mail servers come from; those that this process shares if None.
            progress: hears how far it is.
            time_slice: seconds after which it ends.
        """
        self.report = Report()
        self._connect = connect
        self._side = Line(connect)
        self._configuration = configuration
        self._job_id = job_id
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.massmail")
        self._pools = pools
        self._progress = progress
        self._ends_at = time.monotonic() + time_slice
        self._places = asyncio.Semaphore(MOST_ACCOUNTS)
        self._waits: list[timedelta] = []
        self._faults: list[Exception] = []

    async def send(self) -> Report:
        """Send what is due and return what was done; nothing, where as many runs as may are under way here.

        Raises:
            Exception: the database is away; or what ended one mass e-mail that nobody foresaw, after all others had
                their turn.
        """
        mine = turns()
        if not mine.begin():
            self._log.info("two runs are under way in this process: another follows them")
            return self.report
        try:
            try:
                await self._send()
            finally:
                asked = mine.end()
            if asked or self.report.has_more:
                self.report.has_more = True
                await self._side.fetch(load(__package__, "wake_mass_email"), None)
        finally:
            await self._side.close()
        if self._faults:
            raise self._faults[0]
        return self.report

    async def _send(self) -> None:
        self.report.lost = await release_lost(self._side)
        if self.report.lost:
            self._log.warning("%d mails were being sent by a run that is lost", self.report.lost)
        await self._build()
        await self._send_all()

    async def _build(self) -> None:
        for due in await list_due(self._side):
            if self._is_over():
                self.report.has_more = True
                return
            built = None
            async with self._alone(due.id), self._connect() as connection:  # no limit: a long list takes its time
                built = await build_mailing(connection, due.id)
            if built is not None:
                self.report.built += 1
                left_out = ", ".join(f"{number:,} {reason}" for reason, number in built.left_out.items()) or "nobody"
                self._log.info("mass e-mail %r: %d mails to send, left out: %s", due.name, built.queued, left_out)

    async def _send_all(self) -> None:
        rows = await self._side.fetch(load(__package__, "list_mailings"))
        if not rows:
            return
        settings = await load_mass_mail_settings(self._side)
        (counts,) = await self._side.fetch(load(__package__, "count_progress"))
        pace = Pace(counts["total"], counts["done"], self._progress)
        pace.report()
        hour = HourLimit(settings.mass_email_max_per_hour_count)
        portion = Portion(settings.mass_email_max_per_batch_count)
        by_account: dict[str, list[int]] = {}
        for row in rows:
            by_account.setdefault(row["account"], []).append(row["id"])
        async with asyncio.TaskGroup() as group:
            for ids in by_account.values():
                group.create_task(self._send_by_one_account(ids, settings, hour, portion, pace))
        pace.report()
        await self._plan_next(hour)

    async def _send_by_one_account(
        self, ids: list[int], settings: MassMailSettings, hour: HourLimit, portion: Portion, pace: Pace
    ) -> None:
        async with self._places:
            for place, id in enumerate(ids):
                if self._is_over() or portion.is_used_up or hour.used_up:
                    self.report.has_more = self.report.has_more or not hour.used_up
                    return
                # Each gets its share of the time, so that a long one does not hold up a short one.
                share = (self._ends_at - time.monotonic()) / (len(ids) - place)
                async with self._alone(id):
                    await self._send_one(id, settings, hour, portion, pace, time.monotonic() + share)

    async def _send_one(
        self, id: int, settings: MassMailSettings, hour: HourLimit, portion: Portion, pace: Pace, ends_at: float
    ) -> None:
        try:
            prepared = await prepare(self._side, self._configuration, settings, id)
            sent = await self._dispatch(prepared, hour, portion, pace, ends_at)
        except TemplateGone as error:
            if await fail(self._side, id, str(error)):
                await self._tell_owner(id, f"failed: {error}")
            return
        except (Unusable, InvalidTemplate) as error:
            reason = f"its template cannot be sent: {error}" if isinstance(error, InvalidTemplate) else str(error)
            if await pause_for(self._side, id, reason):
                await self._tell_owner(id, f"paused: {reason}")
            return
        self.report.items += sent.counts
        self.report.has_more = self.report.has_more or sent.has_more
        if sent.wait is not None:
            self._waits.append(sent.wait)
        if await complete(self._side, id):
            self.report.completed += 1
            self._log.info("mass e-mail %r: complete", prepared.name)

    async def _dispatch(
        self, prepared: Prepared, hour: HourLimit, portion: Portion, pace: Pace, ends_at: float
    ) -> Sent:
        keyring = Keyring.from_configuration(self._configuration)
        account = Outgoing(prepared.account, keyring, lambda: nullcontext(self._side), pools=self._pools)
        async with account.open() as pool:
            return await Dispatch(
                prepared,
                account,
                pool,
                self._connect,
                self._side,
                job_id=self._job_id,
                hour=hour,
                portion=portion,
                ends_at=ends_at,
                cancelled=self._cancelled,
                on_settled=pace.add,
                log=self._log,
            ).send()

    @asynccontextmanager
    async def _alone(self, id: int) -> AsyncIterator[None]:
        """Keep what fails in one mass e-mail until the others had their turn; not where the database is away."""
        try:
            yield
        except (*TRANSIENT, *GONE):
            raise
        except Exception as error:
            self._log.exception("mass e-mail %d: %s", id, error_text(error))
            self._faults.append(error)

    async def _tell_owner(self, id: int, reason: str) -> None:
        (row,) = await self._side.fetch(load(__package__, "read_mailing"), id)
        await tell_owner(self._log, name=row["name"], owner=row["created_by"], reason=reason)

    async def _plan_next(self, hour: HourLimit) -> None:
        """Have the job run again when something is due that is not now; the schedule is the net."""
        wait = min(self._waits, default=None)
        rows = await self._side.fetch(load(__package__, "find_next_moment"), wait, hour.used_up)
        if rows and rows[0]["moment"] is not None:
            await self._side.fetch(load(__package__, "wake_mass_email"), rows[0]["moment"])

    def _is_over(self) -> bool:
        return self._cancelled() or time.monotonic() >= self._ends_at
