"""The watcher: which accounts this daemon watches, and that it goes on doing so."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT, Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.imports import imported
from jobrunner.lifecycle import cancel
from jobrunner.queue.claim import new_token
from jobrunner.services.mailbox.settings import load_mail_in_settings

if TYPE_CHECKING:
    from jobrunner.services.mail.imap import Limits
    from jobrunner.services.mailbox.watching.watch import Watch

TAKE_WATCHES = load(__package__, "take_watches")
RELEASE_WATCHES = load(__package__, "release_watches")
NOTE_WATCHED = load(__package__, "note_watched")

LEASE = 30.0
"""Seconds after which another daemon may watch what this one has not renewed."""
INTERVAL = 10.0
"""Seconds between two looks, which renew, too."""
ENTRANCE = 50
"""Connections that are made at the same time."""
TRY_AGAIN = 3600.0
"""Seconds after which an account is tried again whose server cannot IDLE."""
RELEASE_LIMIT = 1.5
"""Seconds that giving up the leases may take at the end; else they run out by themselves."""

log = logging.getLogger("jobrunner.mail")

Place = tuple[Any, int]
"""Kind and id of an account."""


class Watcher(DatabaseLoop):
    """Watches accounts; `once` renews what it has, and takes what nobody watches."""

    def __init__(
        self,
        connection: Connection,
        configuration: Configuration,
        daemon: str,
        *,
        lease: float = LEASE,
        interval: float = INTERVAL,
        limits: "Limits | None" = None,
    ) -> None:
        """`connection` is the watcher's own; `lease` and `interval` in seconds."""
        super().__init__("mail watcher", interval=interval)
        self._connection = connection
        self._configuration = configuration
        self._daemon = daemon
        self._lease = timedelta(seconds=lease)
        self._limits = limits
        self._token = 0
        self._watches: dict[Place, tuple[datetime, Watch, asyncio.Task[None]]] = {}
        self._unwatchable: dict[Place, float] = {}
        self._kept = AsyncExitStack()

    @property
    def watches(self) -> "Mapping[Place, Watch]":
        """The accounts that it watches."""
        return {place: watch for place, (_, watch, _) in self._watches.items()}

    async def once(self) -> None:
        """Look once: settings, leases, and what is to begin or to end."""
        settings = await load_mail_in_settings(self._connection)
        now = time.monotonic()
        self._unwatchable = {place: until for place, until in self._unwatchable.items() if until > now}
        rows = await self._connection.fetch(
            TAKE_WATCHES,
            self._token,
            self._daemon,
            self._lease,
            settings.mail_idle_max_connections if settings.mail_idle else 0,
            [kind for kind, _ in self._unwatchable],
            [id for _, id in self._unwatchable],
        )
        wanted = {(row["kind"], row["id"]): row["modified_at"] for row in rows}
        for place, (modified_at, _, task) in list(self._watches.items()):
            if task.done():
                await self._give_up(place)
                wanted.pop(place, None)  # what it ended by is seen by the next look
            elif wanted.get(place) != modified_at:
                await self._give_up(place)
        for place, modified_at in wanted.items():
            if place not in self._watches:
                await self._begin(place, modified_at, settings.mail_idle_renew * 60.0)
        alive = [place for place, (_, watch, _) in self._watches.items() if watch.alive]
        if alive:
            await self._connection.fetch(NOTE_WATCHED, [kind for kind, _ in alive], [id for _, id in alive])

    async def _begin(self, place: Place, modified_at: datetime, renew: float) -> None:
        await imported("jobrunner.services.mailbox.fetching.readers", "jobrunner.services.mailbox.watching.watch")
        from jobrunner.services.mailbox.fetching.readers import files_root, shared_reader
        from jobrunner.services.mailbox.watching.watch import Watch

        if not self._watches:
            # The processes that read mail stay: what a push brings is not to wait for their start.
            await self._kept.aclose()
            await self._kept.enter_async_context(shared_reader(files_root(self._configuration)))
        watch = Watch(
            *place,
            connection=self._connection,
            keyring=Keyring.from_configuration(self._configuration),
            renew=renew,
            entrance=self._entrance,
            limits=self._limits,
        )
        task = asyncio.create_task(watch.run(), name=f"watch {place[0]} {place[1]}")
        self._watches[place] = (modified_at, watch, task)

    async def _give_up(self, place: Place) -> None:
        await imported("jobrunner.services.mailbox.watching.watch")
        from jobrunner.services.mailbox.watching.watch import CannotWatch

        _, watch, task = self._watches.pop(place)
        await cancel(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CannotWatch):
            log.info("%s is left to the schedule: %s", watch.ref.words, error)
            self._unwatchable[place] = time.monotonic() + TRY_AGAIN
        elif error is not None:
            log.error("watching %s failed, and begins anew: %s", watch.ref.words, error, exc_info=error)
        if not self._watches:
            await self._kept.aclose()

    async def _start(self) -> None:
        self._token = new_token()
        self._entrance = asyncio.Semaphore(ENTRANCE)
        await super()._start()

    async def _stop(self) -> None:
        await super()._stop()
        for place in list(self._watches):
            await self._give_up(place)
        try:
            async with asyncio.timeout(RELEASE_LIMIT):
                await self._connection.fetch(RELEASE_WATCHES, self._token)
        except (*TRANSIENT, TimeoutError):
            pass  # they run out by themselves
