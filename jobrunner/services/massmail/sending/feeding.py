"""The feeder: leases the next few items, writes their mails, and lays them ready."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from jobrunner.db.line import Line
from jobrunner.services.mail.accounts import Allowance, SendingAccount, give_back
from jobrunner.services.mail.accounts.outgoing import RATE_USED_UP, WORTH_WAITING
from jobrunner.services.mail.accounts.rates import reserve_domains
from jobrunner.services.massmail.sending.course import Course
from jobrunner.services.massmail.sending.hour import Portion
from jobrunner.services.massmail.sending.items import START, Cursor, Item, Items, Settlement
from jobrunner.services.massmail.sending.ledger import Ledger
from jobrunner.services.massmail.sending.letters import Letter, Writer
from jobrunner.services.massmail.sending.results import Results

TOGETHER = 16
"""Mails that are written at once; others wait for the event loop meanwhile."""


class Feeder:
    """Feeds the buffer of one mass e-mail."""

    def __init__(
        self,
        account: SendingAccount,
        items: Items,
        course: Course,
        results: Results,
        ledger: Ledger,
        side: Line,
        portion: Portion,
        *,
        most: int,
    ) -> None:
        """`side`: the line for its statements; `portion`: what the run may send; `most`: items leased at a time."""
        self._account = account
        self._items = items
        self._course = course
        self._results = results
        self._ledger = ledger
        self._side = side
        self._portion = portion
        self._most = most

    async def run(self, writer: Writer) -> None:
        """Feed until nothing more is due, or the course is stopped."""
        course, after = self._course, START
        try:
            while course.stopped is None:
                await course.buffer.until_soon_low()
                wanted = self._portion.take(self._most - len(course.buffer))
                if course.stopped is not None or wanted < 1:
                    course.sent.has_more = course.sent.has_more or self._portion.is_used_up
                    return
                claimed = await self._items.claim(self._side, wanted, after)
                items = claimed.items
                # Where a lease ran out before its letter's turn came, that letter lies ready still: it and a second one
                # of the same item could go at the same time, over two connections.
                fresh = [item for item in items if item.id not in self._results.leased]
                self._results.leased.update(item.id for item in fresh)
                self._portion.give_back(wanted - len(fresh))
                if items:
                    after = (items[-1].next_attempt_at, items[-1].id)
                    await self._lay_ready(writer, fresh)
                await self._give_back(claimed.allowance.granted - len(fresh))
                if not items and not await self._is_worth_asking_again(claimed.allowance, after):
                    return
                if not items:
                    after = START
        finally:
            course.buffer.finish()

    async def _is_worth_asking_again(self, allowance: Allowance, after: Cursor) -> bool:
        """Nothing was to be had: for want of allowance, or of items from that place on."""
        course = self._course
        if allowance.granted:
            return after != START
        wait = allowance.wait
        if wait is None or wait.total_seconds() > min(WORTH_WAITING, course.ends_at - time.monotonic()):
            course.sent.wait = wait
            course.say(allowance.held or RATE_USED_UP)
            return False
        try:
            async with asyncio.timeout(wait.total_seconds()):
                await course.over.wait()
        except TimeoutError:
            return True
        return False

    async def _lay_ready(self, writer: Writer, items: list[Item]) -> None:
        items = await self._those_at_their_address(items)
        items = await self._those_allowed_by_domain(items)
        for begin in range(0, len(items), TOGETHER):
            # A few at a time as they are wanted, while the database is at the ledger's statement: at any other moment
            # replies of the mail server would wait, and what is to be stored with them. Signing is done in threads.
            await self._course.buffer.until_low()
            if len(self._course.buffer) and not writer.signs:
                await self._ledger.at_work()
            if self._course.stopped is not None:
                return
            few = items[begin : begin + TOGETHER]
            letters: list[Letter] = []
            for item, letter in zip(few, await writer.write(few, datetime.now(UTC)), strict=True):
                if isinstance(letter, Letter):
                    letters.append(letter)
                else:
                    await self._results.settle(item, letter, self._ledger)
            if self._course.stopped is None:
                self._course.buffer.put(letters)

    async def _those_at_their_address(self, items: list[Item]) -> list[Item]:
        """Those whose address is still the target's are sent; the others follow it, and are claimed again."""
        staying = []
        for item in items:
            key = item.target_key
            if not key or key == item.address_key or key.startswith("erased:"):
                staying.append(item)
            else:
                await self._items.follow_address(self._side, item)
                self._results.leased.discard(item.id)
        return staying

    async def _those_allowed_by_domain(self, items: list[Item]) -> list[Item]:
        """Those of a domain that may get no more for now are put off, so that the others have their turn."""
        limits = self._account.limits
        if limits.domain_rate_per_minute is None and limits.domain_rate_per_hour is None:
            return items
        wanted = Counter(item.domain for item in items)
        allowed = await reserve_domains(self._side, self._account.key, wanted, limits=limits)
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
        limits = self._account.limits
        if limits.rate_per_minute is not None or limits.rate_per_hour is not None:
            await give_back(self._side, self._account.key, number)
