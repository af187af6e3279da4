"""The lanes: each hands letters over by one connection, one at a time, once the ledger has marked them."""

import asyncio
import time

from jobrunner.db.line import Line
from jobrunner.services.mail.smtp import NoConnection, Outcome, Phase, Pool, Result, Transport
from jobrunner.services.massmail.sending.course import Course
from jobrunner.services.massmail.sending.items import Item, Items, Settlement
from jobrunner.services.massmail.sending.ledger import Ledger
from jobrunner.services.massmail.sending.letters import Letter
from jobrunner.services.massmail.sending.results import Results


class Lanes:
    """The lanes of one mass e-mail; the first one goes ahead and finds out whether the mail server answers."""

    def __init__(self, pool: Pool, course: Course, results: Results, ledger: Ledger, items: Items, side: Line) -> None:
        """`side`: the line for what is not the ledger's."""
        self._pool = pool
        self._course = course
        self._results = results
        self._ledger = ledger
        self._items = items
        self._side = side

    async def run(self, number: int) -> None:
        """Run one of them, the first with the number 0, until nothing comes any more."""
        course, is_first = self._course, number == 0
        if not is_first:
            await course.reached.wait()
            if course.buffer.is_drained:
                return
        try:
            if is_first and not len(course.buffer) and not await course.buffer.more():
                return
            async with self._pool.connection(max(0.0, course.ends_at - time.monotonic())) as transport:
                await self._hand_over_all(transport)
        except NoConnection as error:  # others send by this account; those who got one do the work
            if is_first:
                course.sent.has_more = True
                course.stop(str(error))
        except Exception as error:
            course.fail(error)
        finally:
            if is_first:  # with nothing to hand over no server answers: the others must not wait for that
                course.reached.set()

    async def _hand_over_all(self, transport: Transport) -> None:
        course = self._course
        done: Settlement | None = None
        while True:
            letter = None if course.stopped is not None else course.buffer.take()
            if letter is None and done is None:
                if not await course.buffer.more():
                    return
                continue
            try:
                may_go = await self._ledger.exchange(done, None if letter is None else letter.item.id)
                done = None
                if letter is not None and may_go and not course.halted:
                    done = await self._hand_over(transport, letter)
                elif letter is not None and not may_go and course.stopped is None:
                    await self._release(letter.item)
            finally:
                if letter is not None:
                    course.buffer.done(letter)

    async def _release(self, item: Item) -> None:
        """Give up an item that was neither marked nor skipped: its target has another address, which it may follow."""
        leased = self._results.leased
        if item.id not in leased:
            return
        leased.discard(item.id)  # before it can be claimed again, by this run as well
        try:
            await self._items.release(self._side, [item.id])
        except BaseException:
            leased.add(item.id)
            raise

    async def _hand_over(self, transport: Transport, letter: Letter) -> Settlement:
        item, results = letter.item, self._results
        results.in_doubt.add(item.id)
        try:
            result = await transport.send(letter.payload, letter.envelope)
        except asyncio.CancelledError:
            outcome = Outcome.UNKNOWN if transport.phase is Phase.DOT else Outcome.CONNECTION
            self._ledger.add(results.judged(item, Result(outcome, Phase.CONNECT, "the run was stopped")))
            raise
        self._course.reached.set()
        if result.outcome is not Outcome.ACCEPTED:
            results.tell(item, result)
        else:
            await results.keep(letter)
        return await results.conclude(item, result)
