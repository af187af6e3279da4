"""Sends one mass e-mail for a while: the feeder, the lanes and the ledger (see the package)."""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import Allowance, give_back
from jobrunner.services.mail.accounts.rates import reserve_domains
from jobrunner.services.mail.smtp import NoConnection, Outcome, Phase, Pool, Result, Transport
from jobrunner.services.massmail.mass_emails.states import pause_for
from jobrunner.services.massmail.sending.breakers import BOUNCE_WINDOW, Breakers
from jobrunner.services.massmail.sending.buffer import Buffer
from jobrunner.services.massmail.sending.hour import HourLimit, Portion
from jobrunner.services.massmail.sending.items import START, Answer, Cursor, Item, Items, Settlement
from jobrunner.services.massmail.sending.judging import judge
from jobrunner.services.massmail.sending.ledger import Ledger
from jobrunner.services.massmail.sending.letters import Letter, Writer, renderer_of
from jobrunner.services.massmail.sending.line import PATIENCE, Line
from jobrunner.services.massmail.sending.owner import tell_owner
from jobrunner.services.massmail.sending.preparing import Prepared
from jobrunner.services.massmail.sending.watch import AccountWatch

LEASED_PER_CONNECTION = 2
LAST_LIMIT = 30.0
"""Seconds for which a run that comes to its end waits for mails under way."""
LAST_LIMIT_CANCELLED = 0.5
"""The same for a run that was cancelled, of which little time is left."""
WORTH_WAITING = 10.0
"""Seconds that a run waits for the account to have allowance again."""
LOOK_INTERVAL = 0.2
"""Seconds between two looks at whether the run is to come to its end."""


@dataclass
class Sent:
    """What was done with one mass e-mail, by number of items."""

    counts: Counter[str] = field(default_factory=Counter)
    wait: timedelta | None = None
    """Until its account may be asked again, where that stopped it."""
    has_more: bool = False
    """Items are due still: time or portion ran out."""


class Dispatch:
    """Sends what is due of one mass e-mail; `send` is called once."""

    def __init__(
        self,
        prepared: Prepared,
        pool: Pool,
        connect: Connect,
        side: Line,
        *,
        job_id: int | None,
        hour: HourLimit,
        portion: Portion,
        ends_at: float,
        cancelled: Callable[[], bool],
        on_settled: Callable[[int], None],
        log: logging.Logger,
    ) -> None:
        """Prepare it.

        Args:
            prepared: which.
            pool: of the connections of its account.
            connect: lends a connection to the database, for the ledger.
            side: the line for all else.
            job_id: on whose behalf items are leased.
            hour: the limit of the hour.
            portion: what the run may send.
            ends_at: monotonic time at which it comes to its end.
            cancelled: tells whether to come to an end before.
            on_settled: hears how many items were finished.
            log: where it tells what happens.
        """
        account = prepared.account
        self.sent = Sent()
        self._prepared = prepared
        self._pool = pool
        self._connections = max(1, min(account.limits.max_connections, pool.max_connections))
        self._side = side
        self._connect = connect
        self._own = Line(connect)
        self._items = Items(
            prepared.id,
            secrets.randbits(63),
            job_id,
            timedelta(seconds=account.smtp.send_limit + 2 * PATIENCE),
            account,
            prepared.sender.address.domain,
            prepared.is_informational,
            prepared.has_excluding,
            prepared.with_lists,
        )
        self._portion = portion
        self._hour = hour
        self._ends_at = ends_at
        self._is_cancelled = cancelled
        self._on_settled = on_settled
        self._log = log
        self._ledger = Ledger(self._items, self._own, hour, self._note_answer)
        self._buffer = Buffer(low=self._connections, domain_concurrency=account.limits.domain_concurrency)
        self._watch = AccountWatch(account.key)
        self._breakers = Breakers()
        self._leased: set[int] = set()
        """Those whose end is not stored."""
        self._in_doubt: set[int] = set()
        """Of those the ones that were begun to be handed over."""
        self._reached = asyncio.Event()
        """Whether the mail server has answered, or the first connection is done: until then one is enough."""
        self._stopped: str | None = None
        self._halted = False
        self._over = asyncio.Event()
        self._error: BaseException | None = None

    async def send(self) -> Sent:
        """Send what is due until nothing is, or time, portion or account end it.

        Raises:
            Exception: the database is away.
        """
        rows = await self._side.fetch(load(__package__, "read_outcomes"), self._prepared.id, BOUNCE_WINDOW)
        self._breakers = Breakers(rows)
        await self._skip_excluded()
        self._ledger.start()
        try:
            async with renderer_of(self._prepared) as renderer:
                writer = Writer(self._prepared, renderer, self._log)
                await self._run([self._feed(writer), *(self._lane(n) for n in range(self._connections))])
            if self._error is not None:
                raise self._error
            await self._pause_if_all_are_refused()
        finally:
            await self._ledger.close()
            await self._own.close()
        return self.sent

    async def _skip_excluded(self) -> None:
        if not self._prepared.has_excluding:
            return
        async with self._connect() as connection:  # planned for these lists, and without a limit
            rows = await connection.fetch(load(__package__, "skip_excluded_items"), self._prepared.id)
        self.sent.counts["Skipped"] += len(rows)
        self._on_settled(len(rows))

    def stop(self, reason: str, *, halted: bool = False) -> None:
        """Take nothing more; what is under way is finished. `halted`: what is marked already is not begun, either."""
        self._halted = self._halted or halted
        if self._stopped is None:
            self._stopped = reason
            self._log.info("mass e-mail %r: %s", self._prepared.name, reason)
        self._buffer.clear()
        self._reached.set()
        self._over.set()

    # Its parts and their end

    async def _run(self, parts: list[Coroutine[Any, Any, None]]) -> None:
        tasks = {asyncio.create_task(part) for part in parts}
        looking = asyncio.create_task(self._look())
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            self.stop("stopped before its end", halted=True)
            await asyncio.wait(tasks, timeout=LAST_LIMIT_CANCELLED)
            raise
        finally:
            looking.cancel()
            left = [task for task in tasks if not task.done()]
            for task in left:
                task.cancel()
            await asyncio.wait([looking, *tasks])
            await self._give_up_leases(LAST_LIMIT_CANCELLED if left or self._is_cancelled() else PATIENCE)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                self._error = self._error or task.exception()

    async def _look(self) -> None:
        """Come to the end when it is time, or when asked to; break off what then takes too long."""
        while not self._is_cancelled() and time.monotonic() < self._ends_at:  # noqa: ASYNC110 nobody tells of it
            await asyncio.sleep(min(LOOK_INTERVAL, max(0.0, self._ends_at - time.monotonic())))
        self.sent.has_more = self.sent.has_more or not self._buffer.is_drained
        self.stop("its time is over, the rest follows" if not self._is_cancelled() else "the run is to end")

    async def _give_up_leases(self, limit: float) -> None:
        """Store the last results, and free what was not handed over."""
        try:
            await self._ledger.written(limit)
            async with asyncio.timeout(limit):
                await self._items.release(self._side, sorted(self._leased - self._in_doubt))
        except Exception as error:
            self._log.warning(
                "mass e-mail %r: what was leased could not be given back, the next run takes it: %s",
                self._prepared.name,
                error or type(error).__name__,
            )

    # Feeding

    async def _feed(self, writer: Writer) -> None:
        after: Cursor = START
        try:
            while self._stopped is None:
                await self._buffer.until_low()
                wanted = self._portion.take(LEASED_PER_CONNECTION * self._connections - len(self._buffer))
                if self._stopped is not None or wanted < 1:
                    self.sent.has_more = self.sent.has_more or self._portion.is_used_up
                    return
                claimed = await self._items.claim(self._side, wanted, after)
                items = claimed.items
                self._leased.update(item.id for item in items)
                self._portion.give_back(wanted - len(items))
                if items:
                    after = (items[-1].next_attempt_at, items[-1].id)
                    await self._lay_ready(writer, items)
                await self._give_back(claimed.allowance.granted - len(items))
                if not items and not await self._is_worth_asking_again(claimed.allowance, after):
                    return
                if not items:
                    after = START
        finally:
            self._buffer.finish()

    async def _is_worth_asking_again(self, allowance: Allowance, after: Cursor) -> bool:
        """Nothing was to be had: for want of allowance, or of items from that place on."""
        if allowance.granted:
            return after != START
        wait = allowance.wait
        if wait is None or wait.total_seconds() > min(WORTH_WAITING, self._ends_at - time.monotonic()):
            self.sent.wait = wait
            why = allowance.held or "its account may send no more for now"
            self._log.info("mass e-mail %r: %s", self._prepared.name, why)
            return False
        try:
            async with asyncio.timeout(wait.total_seconds()):
                await self._over.wait()
        except TimeoutError:
            return True
        return False

    async def _lay_ready(self, writer: Writer, items: list[Item]) -> None:
        items = await self._those_at_their_address(items)
        items = await self._those_allowed_by_domain(items)
        letters: list[Letter] = []
        for item, letter in zip(items, await writer.write(items, datetime.now(UTC)), strict=True):
            if isinstance(letter, Letter):
                letters.append(letter)
            else:
                await self._settle(item, letter)
        if self._stopped is None:
            self._buffer.put(letters)

    async def _those_at_their_address(self, items: list[Item]) -> list[Item]:
        """Those whose address is still the target's are sent; the others follow it, and are claimed again."""
        staying = []
        for item in items:
            key = item.target_key
            if not key or key == item.address_key or key.startswith("erased:"):
                staying.append(item)
            else:
                await self._items.follow_address(self._side, item)
                self._leased.discard(item.id)
        return staying

    async def _those_allowed_by_domain(self, items: list[Item]) -> list[Item]:
        """Those of a domain that may get no more for now are put off, so that the others have their turn."""
        limits = self._prepared.account.limits
        if limits.domain_rate_per_minute is None and limits.domain_rate_per_hour is None:
            return items
        wanted = Counter(item.domain for item in items)
        allowed = await reserve_domains(self._side, self._prepared.account.key, wanted, limits=limits)
        left = {domain: allowance.granted for domain, allowance in allowed.items()}
        staying, put_off = [], Counter[str]()
        for item in items:
            left[item.domain] -= 1
            if left[item.domain] >= 0:
                staying.append(item)
                continue
            put_off[item.domain] += 1
            wait = (allowed[item.domain].wait or timedelta()) * put_off[item.domain]
            reason = f"{item.domain} gets no more for now"
            self._ledger.add(Settlement(item.id, "Pending", max(wait, timedelta(seconds=1)), reason=reason))
        await self._give_back(put_off.total())
        return staying

    async def _give_back(self, number: int) -> None:
        limits = self._prepared.account.limits
        if limits.rate_per_minute is not None or limits.rate_per_hour is not None:
            await give_back(self._side, self._prepared.account.key, number)

    # One connection

    async def _lane(self, number: int) -> None:
        if number:
            await self._reached.wait()
            if self._buffer.is_drained:
                return
        try:
            if not number and not len(self._buffer) and not await self._buffer.more():
                return
            async with self._pool.connection(max(0.0, self._ends_at - time.monotonic())) as transport:
                await self._hand_over_all(transport)
        except NoConnection as error:  # others send by this account; those who got one do the work
            if not number:
                self.sent.has_more = True
                self.stop(str(error))
        except Exception as error:
            self._error = self._error or error
            self.stop(f"it cannot go on: {error or type(error).__name__}", halted=True)
        finally:
            if not number:  # with nothing to hand over no server answers: the others must not wait for that
                self._reached.set()

    async def _hand_over_all(self, transport: Transport) -> None:
        done: Settlement | None = None
        while True:
            letter = None if self._stopped is not None else self._buffer.take()
            if letter is None and done is None:
                if not await self._buffer.more():
                    return
                continue
            try:
                may_go = await self._ledger.exchange(done, None if letter is None else letter.item.id)
                done = None
                if letter is not None and may_go and not self._halted:
                    done = await self._hand_over(transport, letter)
            finally:
                if letter is not None:
                    self._buffer.done(letter)

    async def _hand_over(self, transport: Transport, letter: Letter) -> Settlement:
        self._in_doubt.add(letter.item.id)
        try:
            result = await transport.send(letter.message, letter.envelope)
        except asyncio.CancelledError:
            outcome = Outcome.UNKNOWN if transport.phase is Phase.DOT else Outcome.CONNECTION
            self._ledger.add(self._judged(letter.item, Result(outcome, Phase.CONNECT, "the run was stopped")))
            raise
        self._reached.set()
        if result.outcome is not Outcome.ACCEPTED:
            self._log.info("item %d (%s): %s", letter.item.id, letter.item.email_address, result)
        return await self._concluded(letter.item, result)

    # Results

    async def _settle(self, item: Item, result: Result) -> None:
        self._log.info("item %d (%s): %s", item.id, item.email_address, result)
        self._ledger.add(await self._concluded(item, result))

    async def _concluded(self, item: Item, result: Result) -> Settlement:
        """Note what a result means for account and mailing; return what it means for the item."""
        if (reason := self._breakers.note(result)) is not None:
            await self._pause(reason)
        if (trouble := await self._watch.note(self._side, result)) is not None:
            self.sent.wait = self.sent.wait or timedelta(minutes=1)
            self.stop(trouble, halted=True)
        settlement = self._judged(item, result)
        if settlement.status == "Pending" and not settlement.is_charged:
            await self._give_back(1)
        return settlement

    def _judged(self, item: Item, result: Result) -> Settlement:
        return judge(
            item,
            result,
            policy=self._prepared.account.uncertain_policy,
            most_attempts=self._prepared.settings.mass_email_max_attempt_count,
        )

    async def _pause(self, reason: str) -> None:
        self.stop(f"paused: {reason}", halted=True)
        if await pause_for(self._side, self._prepared.id, reason):
            await tell_owner(
                self._log, name=self._prepared.name, owner=self._prepared.created_by, reason=f"paused: {reason}"
            )

    async def _pause_if_all_are_refused(self) -> None:
        reason = self._breakers.at_end()
        if reason is not None and not await self._side.fetch(
            load(__package__, "find_unfinished_item"), self._prepared.id
        ):
            await self._pause(reason)

    def _note_answer(self, answer: Answer, settlements: list[Settlement]) -> None:
        finished = len(answer.skipped)
        stored = set(answer.settled)
        for settlement in settlements:
            self._leased.discard(settlement.id)
            self._in_doubt.discard(settlement.id)
            if settlement.id in stored:
                self.sent.counts[settlement.status] += 1
                finished += settlement.status != "Pending"
        self._leased.difference_update(answer.skipped)
        self.sent.counts["Skipped"] += len(answer.skipped)
        if finished:
            self._on_settled(finished)
        if self._hour.used_up:
            self.stop("as many were sent in the last hour as may be")
        if not answer.goes_on and self._stopped is None:
            self.stop("it was paused, aborted or is held back by its campaign")
