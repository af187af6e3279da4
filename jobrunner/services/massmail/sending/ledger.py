"""The ledger: stores what became of mails and marks those that go next, for all connections together."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobrunner.db.line import Line
from jobrunner.services.massmail.sending.hour import HourLimit
from jobrunner.services.massmail.sending.items import Answer, Items, Settlement

GATHERING_LIMIT = 0.005
"""Seconds for which a statement waits at most for the results of mails that are being handed over."""


@dataclass(slots=True)
class _Entry:
    settlement: Settlement | None
    going: int | None
    answered: "asyncio.Future[bool] | None"


class Ledger:
    """Writes entries in the order in which they come, all that wait in one statement, one statement at a time.

    So a commit is shared by many connections. While mails are being handed over it waits for their results for as long
    as a statement takes, a few milliseconds at most: half as many statements cost less than that.
    """

    def __init__(
        self, items: Items, line: Line, hour: HourLimit, on_answer: Callable[[Answer, list[Settlement]], None]
    ) -> None:
        """`on_answer` hears of every statement what it stored and what the database says."""
        self._items = items
        self._line = line
        self._hour = hour
        self._on_answer = on_answer
        self._away = 0
        """Connections that were told to go, and whose results have not come."""
        self._took = 0.0
        """Seconds of the last statement."""
        self._all_here = asyncio.Event()
        self._waiting: list[_Entry] = []
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._at_work = asyncio.Event()
        """While the database is at a statement."""
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="ledger of a mass e-mail")

    def add(self, settlement: Settlement) -> None:
        """Have the end of an item stored that was not handed over, or not to its end; without waiting for it."""
        self._put(_Entry(settlement, None, None))

    async def exchange(self, settlement: Settlement | None, going: int | None) -> bool:
        """Store a result and mark what goes next; return whether that may go. Both are committed then.

        Raises:
            Exception: the database is away for longer than it is waited for.
        """
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if settlement is not None:
            self._came_back()
        self._put(_Entry(settlement, going, answered))
        return await answered

    async def written(self, limit: float) -> None:
        """Return once nothing waits to be written; raises TimeoutError."""
        async with asyncio.timeout(limit):
            await self._idle.wait()
        if self._error is not None:
            raise self._error

    async def at_work(self) -> None:
        """Return while the database is at a statement: what takes long here is best done then.

        Not later than one would have begun, had anything been there to be written.
        """
        if self._at_work.is_set():
            return
        try:
            async with asyncio.timeout(GATHERING_LIMIT):
                await self._at_work.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Write no more; what still waits is dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _put(self, entry: _Entry) -> None:
        if self._error is not None:
            if entry.answered is not None:
                entry.answered.set_exception(self._error)
            return
        self._waiting.append(entry)
        self._wanted.set()
        self._idle.clear()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await self._gather()
            entries, self._waiting = self._waiting, []
            self._wanted.clear()
            try:
                await self._write(entries)
            except Exception as error:
                self._fail(error, entries)
            if not self._waiting:
                self._idle.set()

    async def _gather(self) -> None:
        await asyncio.sleep(0)  # those whose answers came in the same moment come along
        if not self._away:
            return
        self._all_here.clear()
        try:
            async with asyncio.timeout(min(self._took, GATHERING_LIMIT)):
                await self._all_here.wait()
        except TimeoutError:
            pass

    def _came_back(self) -> None:
        self._away -= 1
        if not self._away:
            self._all_here.set()

    async def _write(self, entries: list[_Entry]) -> None:
        settlements = [entry.settlement for entry in entries if entry.settlement is not None]
        settlements.sort(key=lambda settlement: settlement.id)  # rows are locked in that order
        wanted = [entry.going for entry in entries if entry.going is not None]
        room = None
        if self._hour.must_count(len(wanted)):
            room = self._hour.room(await self._items.count_hour(self._line))
        began = time.monotonic()
        self._at_work.set()
        try:
            answer = await self._items.exchange(self._line, settlements, wanted, room)
        finally:
            self._at_work.clear()
        self._took = time.monotonic() - began
        if room is not None:
            self._hour.told(room, len(wanted), len(answer.going))
        self._on_answer(answer, settlements)
        going = set(answer.going)
        self._away += len(going)
        for entry in entries:
            if entry.answered is not None and not entry.answered.done():
                entry.answered.set_result(entry.going in going)

    def _fail(self, error: Exception, entries: list[_Entry]) -> None:
        """Nothing is handed over any more: what became of it could not be stored."""
        self._error = error
        entries, self._waiting = entries + self._waiting, []
        for entry in entries:
            if entry.answered is not None and not entry.answered.done():
                entry.answered.set_exception(error)
