"""Letters that lie ready for a connection."""

import asyncio
from collections import Counter, deque

from jobrunner.services.massmail.sending.letters import Letter


class Buffer:
    """A few letters, taken in their order, but for receiving domains to which enough connections are busy."""

    def __init__(self, *, low: int, domain_concurrency: int) -> None:
        """`low`: at so many letters or fewer more are wanted, and at twice as many they are to be claimed."""
        self._low = low
        self._concurrency = domain_concurrency
        self._letters: deque[Letter] = deque()
        self._busy: Counter[str] = Counter()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._claimable = asyncio.Event()
        self._claimable.set()
        self._finished = False

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def is_drained(self) -> bool:
        """Whether nothing lies ready and nothing more comes."""
        return self._finished and not self._letters

    async def until_low(self) -> None:
        """Return once more letters are wanted."""
        await self._wanted.wait()

    async def until_soon_low(self) -> None:
        """Return once it is time to claim more, which takes a while."""
        await self._claimable.wait()

    def put(self, letters: list[Letter]) -> None:
        """Lay letters ready."""
        self._letters.extend(letters)
        self._look()
        for _ in letters:
            self._wake_one()

    def finish(self) -> None:
        """No more come."""
        self._finished = True
        self._wake_all()

    def clear(self) -> None:
        """Throw away what lies ready; no more come."""
        self._letters.clear()
        self._wanted.set()
        self._claimable.set()
        self.finish()

    def take(self) -> Letter | None:
        """Return the next letter that may go now, if there is one; `done` is to follow."""
        for place, letter in enumerate(self._letters):
            domain = letter.item.domain
            if self._busy[domain] < self._concurrency:
                self._busy[domain] += 1
                del self._letters[place]
                self._look()
                return letter
        return None

    def done(self, letter: Letter) -> None:
        """Free the place at its domain."""
        domain = letter.item.domain
        self._busy[domain] -= 1
        if not self._busy[domain]:
            del self._busy[domain]
        if self._letters:
            self._wake_one()

    async def more(self) -> bool:
        """Wait until it is worth while to take again; False where nothing comes any more."""
        if self.is_drained:
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        return not self._finished or bool(self._letters)

    def _look(self) -> None:
        if len(self._letters) <= 2 * self._low:
            self._claimable.set()
        else:
            self._claimable.clear()
        if len(self._letters) <= self._low:
            self._wanted.set()
            if self._finished and not self._letters:
                self._wake_all()
        else:
            self._wanted.clear()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._waiters:
            self._wake_one()
