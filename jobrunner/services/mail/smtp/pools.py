"""The pools of a process: one for each account, shared by all jobs that send by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.pool import GRACE, IDLE_CLOSE, MOST_CONNECTIONS, Pool
from jobrunner.services.mail.smtp.session import MESSAGES_PER_CONNECTION


@dataclass
class _Entry:
    pool: Pool
    users: int = 0


class Pools:
    """Pools of one event loop. A pool lives while somebody uses it, so nothing is left when the loop ends."""

    def __init__(self) -> None:
        self._entries: dict[Account, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def lend(
        self,
        account: Account,
        *,
        max_connections: int = MOST_CONNECTIONS,
        messages_per_connection: int = MESSAGES_PER_CONNECTION,
        idle_close: float = IDLE_CLOSE,
    ) -> AsyncIterator[Pool]:
        """Lend the pool of an account. Equal accounts have one, with the limits of whoever came first.

        When its last user leaves, its connections are closed: the runs of a job are minutes apart, and servers do not
        like to be kept waiting.
        """
        entry = self._entries.get(account)
        if entry is None:
            pool = Pool(
                account,
                max_connections=max_connections,
                messages_per_connection=messages_per_connection,
                idle_close=idle_close,
            )
            entry = self._entries[account] = _Entry(pool)
        entry.users += 1
        try:
            yield entry.pool
        finally:
            try:
                if entry.users == 1:
                    await entry.pool.rest()  # who comes meanwhile gets this pool: its limit holds for both
            finally:
                entry.users -= 1
                if not entry.users:
                    if self._entries.get(account) is entry:
                        del self._entries[account]
                    await entry.pool.close(0)

    async def close(self, grace: float = GRACE) -> None:
        """Close all pools at once, as `Pool.close` does; whoever lends one later gets a new one."""
        entries, self._entries = list(self._entries.values()), {}
        await asyncio.gather(*(entry.pool.close(grace) for entry in entries))


_of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Pools]" = WeakKeyDictionary()


def shared_pools() -> Pools:
    """Return the pools of the running event loop, which all who send share."""
    loop = asyncio.get_running_loop()
    pools = _of_loop.get(loop)
    if pools is None:
        pools = _of_loop[loop] = Pools()
    return pools
