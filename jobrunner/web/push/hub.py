"""The hub: knows every page that is connected to this daemon, and reads what they are to show."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

from jobrunner.db.connection import Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.services.popups.popups import open_popups
from jobrunner.services.popups.settings import PopupSettings, load_popup_settings
from jobrunner.web.push.viewer import REFUSED, RESTART, TOO_MANY, Ended, Viewer

MOST_VIEWERS = 400
"""Connections of pages to one daemon, so that of what its HTTP server takes there is room for others."""
PORTION = 500
"""Users of whom one statement reads."""
DEAF_INTERVAL = 1.0
"""Seconds between two looks while no notifications arrive."""
LEAVE_LIMIT = 2.0
"""Seconds that pages have to take their leave when the daemon stops."""


class Hub(DatabaseLoop):
    """Reads for those of whom something has changed, and with each heartbeat for all."""

    def __init__(self, connection: Connection, site_url: str | None, hears: Callable[[], bool]) -> None:
        """`site_url` is where records are, None where nobody has said; `hears` tells whether notifications arrive."""
        super().__init__("popups", interval=PopupSettings().push_heartbeat)
        self.connection = connection
        self.settings = PopupSettings()
        self._site_url = site_url and site_url.rstrip("/")
        self._hears = hears
        self._viewers: dict[str, set[Viewer]] = {}
        self._changed: set[str] = set()
        self._look_at_all = True
        self._looked_at = -float("inf")
        self._empty = asyncio.Event()
        self._empty.set()

    # What happened

    def notified(self, user: str) -> None:
        """Hear that a user's popups have changed; without an id, anybody's may have."""
        if not user:
            self.look_at_all()
        elif user in self._viewers:
            self._changed.add(user)
            self.wake()

    def look_at_all(self) -> None:
        """Read again for all: notifications may have been missed."""
        self._look_at_all = True
        self.wake()

    @contextlib.contextmanager
    def viewer(self, user: str) -> Iterator[Viewer]:
        """Give a page of a user a place; its first state follows.

        Raises:
            Ended: there is none, or the daemon stops.
        """
        if not self.running:
            raise Ended(RESTART)
        of_user = self._viewers.get(user, set())
        if len(of_user) >= self.settings.push_max_connections_per_user or self.count >= MOST_VIEWERS:
            raise Ended(TOO_MANY)
        viewer = Viewer(user)
        self._viewers.setdefault(user, of_user).add(viewer)
        self._empty.clear()
        self._changed.add(user)
        self.wake()
        try:
            yield viewer
        finally:
            of_user = self._viewers[user]
            of_user.discard(viewer)
            if not of_user:
                del self._viewers[user]
            if not self._viewers:
                self._empty.set()

    @property
    def count(self) -> int:
        """How many pages are connected."""
        return sum(map(len, self._viewers.values()))

    # The loop

    async def once(self) -> None:
        """Read for those who wait for it."""
        loop = asyncio.get_running_loop()
        everybody = self._look_at_all or loop.time() - self._looked_at >= self._pause() * 0.9
        changed, self._changed, self._look_at_all = self._changed, set(), False
        try:
            if everybody:
                self.settings = await load_popup_settings(self.connection)
                self._looked_at = loop.time()
            users = sorted(self._viewers if everybody else changed & self._viewers.keys())
            for start in range(0, len(users), PORTION):
                await self._read(users[start : start + PORTION])
        except BaseException:
            self._changed |= changed
            self._look_at_all |= everybody
            raise
        self.interval = self._pause()

    def _pause(self) -> float:
        return self.settings.push_heartbeat if self._hears() else DEAF_INTERVAL

    async def _read(self, users: list[str]) -> None:
        found = await open_popups(self.connection, users, self.settings.past)
        for user in users:
            popups = self._with_urls(found[user]) if user in found else None
            for viewer in self._viewers.get(user, ()):
                if popups is None:
                    viewer.close(REFUSED)
                else:
                    viewer.show(popups)

    def _with_urls(self, popups: str) -> str:
        rows = json.loads(popups)
        for row in rows:
            there = f"/#{row['type']}/view/{quote(row['record'], safe='')}"
            row["url"] = None if self._site_url is None else self._site_url + there
        return json.dumps(rows, separators=(",", ":"))

    async def _stop(self) -> None:
        for viewers in self._viewers.values():
            for viewer in viewers:
                viewer.close(RESTART)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_LIMIT):
                await self._empty.wait()
        await super()._stop()
