"""The claimer: decides what to claim next, and when to sleep.

**Awake or asleep.** A daemon starts asleep: its row says so, and each enqueue that sees it notifies. At light load it
stays so, claims what each notification names and starts it within a millisecond or two. Under load notifications would
cost more than they bring (NOTIFY takes a lock of the whole cluster at commit): after `BUSY_ROUNDS` rounds that
found work within `BUSY_WITHIN`, it says that it is awake and looks by itself, every `AWAKE_PAUSE`, until nothing has
come for `AWAKE_IDLE`.

**Falling asleep.** An enqueue that looked at the daemon's row before it said "asleep" does not notify, and may commit
later. So after it has fallen asleep a daemon goes on looking, with pauses that grow to a second, until every
transaction that was open at that moment has ended.

**Fairness.** Each queue has a weight. The queue that has had the least for its weight claims first; each has a limit
of its own on what runs, so a full queue never fills the daemon.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Any

from jobrunner.db.connection import Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.definitions import Registry
from jobrunner.execution.runner import Runner
from jobrunner.queue.claim import BEGINNING, Place, claim_jobs, look, new_token
from jobrunner.queue.daemons import mark_asleep, mark_awake
from jobrunner.queue.settings import Settings

LOOK_EVERY = 0.02
"""Seconds between two looks at all queues while a daemon is awake."""
AWAKE_PAUSE = 0.002
"""Seconds between two claims of a daemon that is awake and found nothing."""
AWAKE_IDLE = 0.25
"""Seconds without work after which it falls asleep."""
BUSY_ROUNDS = 20
BUSY_WITHIN = 0.1
"""So many rounds with work within so many seconds make a sleeping daemon wake."""
OVERLAP_PAUSES = (0.01, 1.0)
"""First and longest pause, in seconds, between looks while old transactions are open after falling asleep."""
RESTART_AFTER = 20.0
RESTART_LIMIT = 1.0
"""A busy queue is claimed from the beginning after so many times what that took last, at most so many seconds."""
DEAF_POLL = 1.0
"""Seconds between two looks while notifications do not arrive."""

log = logging.getLogger("jobrunner.execution")

Lane = tuple[str, bool]
"""A queue's name, and whether it is the side of its blocking jobs."""


class Claimer(DatabaseLoop):
    """Claims for one runner. `once` is one round: look where due, then claim from each lane that has work."""

    def __init__(
        self,
        connection: Connection,
        runner: Runner,
        *,
        daemon_id: int,
        registry: Registry,
        settings: Callable[[], Settings],
        lease: float,
        max_running: int,
        queues: Collection[str] | None = None,
        hears: Callable[[], bool] = lambda: True,
        register: Callable[[], object] | None = None,
    ) -> None:
        """`queues` None takes all; `hears` says whether notifications arrive; `lease` in seconds."""
        super().__init__("claimer", interval=None, grace=3.0)
        self._connection = connection
        self._runner = runner
        self._daemon_id = daemon_id
        self._settings = settings
        self._lease = lease
        self._max_running = max_running
        self._queues = None if queues is None else frozenset(queues)
        self._hears = hears
        self._names = {
            blocking: [definition.name for definition in registry if definition.blocking is blocking]
            for blocking in (False, True)
        }
        # A fan-out's preparator is a coroutine, whatever its children are: the row's kind is the definition's.
        self._hot: set[Lane] = set()
        self._served: dict[str, float] = {}
        self._places: dict[Lane, Place] = {}
        self._from_start_at: dict[Lane, float] = {}
        self._look_at = 0.0
        self._due_at: float | None = None
        self._asleep = True
        self._horizon: int | None = None
        self._needs_horizon = True
        self._overlap_pause = OVERLAP_PAUSES[0]
        self._worked_at = 0.0
        self._rounds: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._on_forgotten = register
        self._hinted = False
        """Notified since the last look: what was announced may wait for its time or its group."""
        self.open = True
        """False: claims nothing any more."""
        self.claimed = 0

    # What others tell it

    def notified(self, queue: str) -> None:
        """An enqueue into this queue was announced."""
        self._hot.add((queue, False))
        self._hot.add((queue, True))
        self._hinted = True
        self.wake()

    def look_now(self) -> None:
        """Something may have become ready: look at all queues."""
        self._look_at = 0.0
        self.wake()

    def due_in(self, seconds: float) -> None:
        """A job's time comes in so many seconds."""
        at = time.monotonic() + max(seconds, 0.0)
        if self._due_at is None or at < self._due_at:
            self._due_at = at
            self.wake()

    def room(self) -> None:
        """Jobs have ended: perhaps there is room to claim."""
        if self._hot or not self._asleep:
            self.wake()

    # The round

    async def once(self) -> None:
        """Look where it is time to, and claim."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.open or self._settings().paused:
            self._again_in(1.0)
            return
        now = time.monotonic()
        if now >= self._look_at or (self._due_at is not None and now >= self._due_at):
            await self._look()
        if await self._claim():
            await self._note_work()
            # The next claims are on their way before the jobs of the last one begin, which are tasks that have not run
            # yet: so both sides work at once. Until the next look, so that a pass ends.
            while (
                time.monotonic() < self._look_at and self.open and not self._settings().paused and await self._claim()
            ):
                await self._note_work()
            self.wake()
        elif self._hinted:
            self.look_now()
        else:
            await self._rest()

    async def _look(self) -> None:
        self._hinted = False
        rows = await look(self._connection)
        now = time.monotonic()
        self._look_at = now + LOOK_EVERY
        due = rows[0]["next_due_in"]
        self._due_at = None if due is None else now + max(due, 0.0)
        self._hot |= {(row["queue"], row["blocking"]) for row in rows if row["queue"] is not None}
        oldest, horizon = rows[0]["oldest"], rows[0]["horizon"]
        if self._needs_horizon:
            self._horizon, self._needs_horizon = horizon, False
        if self._horizon is not None and oldest >= self._horizon:
            self._horizon = None

    async def _claim(self) -> bool:
        """Claim from each lane once, as far as there is room. Returns whether jobs came."""
        worked = False
        settings = self._settings()
        if self._queues is not None:
            self._hot = {lane for lane in self._hot if lane[0] in self._queues}
        for lane in sorted(self._hot, key=lambda lane: (self._served.get(lane[0], 0.0), lane)):
            queue, blocking = lane
            names = self._names[blocking]
            if not names:
                self._hot.discard(lane)
                continue
            portion = settings.portion(queue)
            limit = settings.concurrency(queue)
            room = min(limit - self._runner.in_queue[queue], self._max_running - self._runner.held)
            want = min(portion, limit)
            if blocking:
                room = min(room, self._runner.slots_free)
            elif room < want and room < max(limit // 2, 1):
                room = 0  # wait until a claim is worth its round trip
            if room <= 0:
                continue
            want = min(want, room)
            claim_id = new_token()
            began = time.monotonic()
            rows = await claim_jobs(
                self._connection,
                claim_id=claim_id,
                daemon_id=self._daemon_id,
                lease=self._lease,
                queue=queue,
                blocking=blocking,
                limit=want,
                names=names,
                begin=self._place(lane),
            )
            self._note_place(lane, rows, began, drained=len(rows) < want)
            if rows:
                worked = True
                self.claimed += len(rows)
                self._charge(queue, len(rows) / settings.weight(queue))
                self._runner.take(claim_id, rows)
                if not self.open:  # it was stopped while the answer was on its way
                    break
        return worked

    def _place(self, lane: Lane) -> Place:
        """Where the next claim of a lane begins: where the last one ended, now and then at the beginning."""
        if time.monotonic() >= self._from_start_at.get(lane, 0.0):
            self._places.pop(lane, None)
        return self._places.get(lane, BEGINNING)

    def _note_place(self, lane: Lane, rows: list[Any], began: float, *, drained: bool) -> None:
        if lane not in self._places:
            # From the beginning again after a while in proportion to what that took: it may walk over dead entries.
            now = time.monotonic()
            self._from_start_at[lane] = now + min(max(LOOK_EVERY, RESTART_AFTER * (now - began)), RESTART_LIMIT)
            if drained:
                self._hot.discard(lane)
        elif drained:
            self._from_start_at[lane] = 0.0
        if rows:
            last = rows[-1]
            self._places[lane] = (last["priority"], last["execute_at"], last["id"])

    def _charge(self, queue: str, cost: float) -> None:
        # A queue that comes back does not get what it never asked for: it starts level with the least served.
        least = min(self._served.values(), default=0.0)
        self._served[queue] = max(self._served.get(queue, 0.0), least) + cost
        if least > 1e9:
            self._served = {name: served - least for name, served in self._served.items()}

    async def _note_work(self) -> None:
        self._worked_at = now = time.monotonic()
        if not self._asleep:
            return
        self._rounds.append(now)
        if len(self._rounds) < BUSY_ROUNDS:
            return
        first = self._rounds.pop(0)
        if now - first <= BUSY_WITHIN:
            self._rounds.clear()
            self._asleep = False
            await mark_awake(self._connection, self._daemon_id)

    async def _rest(self) -> None:
        """Nothing to claim: wait for the next moment at which something may be there."""
        now = time.monotonic()
        if not self._asleep:
            if now - self._worked_at < AWAKE_IDLE:
                self._hot |= {(queue, blocking) for queue in self._served for blocking in (False, True)}
                self._again_in(AWAKE_PAUSE)
                return
            await self._fall_asleep()
            return
        wait = float(self._settings().daemon_interval)
        if not self._hears():
            wait = min(wait, DEAF_POLL)
        if self._horizon is not None:
            wait = min(wait, self._overlap_pause)
            self._overlap_pause = min(self._overlap_pause * 2, OVERLAP_PAUSES[1])
        if self._due_at is not None:
            wait = min(wait, max(self._due_at - now, 0.0005))
        self._look_at = now + wait
        self._again_in(wait)

    async def _fall_asleep(self) -> None:
        if not await mark_asleep(self._connection, self._daemon_id) and self._on_forgotten is not None:
            self._on_forgotten()
        self._asleep = True
        self._needs_horizon = True
        self._overlap_pause = OVERLAP_PAUSES[0]
        self._rounds.clear()
        self.look_now()

    def _again_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self.wake)

    async def _stop(self) -> None:
        self.open = False  # a claim that is on its way is still taken
        await super()._stop()
        if self._timer is not None:
            self._timer.cancel()
