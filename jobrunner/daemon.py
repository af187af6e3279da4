"""The daemon: all its parts, which start in order, tell each other what happens, and stop in reverse."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from jobrunner.config import Configuration
from jobrunner.db import migrations
from jobrunner.db.connection import REFUSED, TRANSIENT
from jobrunner.db.loop import DatabaseLoop
from jobrunner.definitions import Registry
from jobrunner.errors import DatabaseUnavailable
from jobrunner.execution.claimer import Claimer
from jobrunner.execution.host import Host
from jobrunner.imports import imported
from jobrunner.lifecycle import Group, Service
from jobrunner.queue.retention import Retention
from jobrunner.queue.settings import Settings
from jobrunner.queue.sweep import Sweep
from jobrunner.queue.wake import Listener
from jobrunner.queue.watch import Watch, find_cancellations
from jobrunner.scheduling import Scheduler, seed

START_LIMIT = 60.0
"""Seconds that a daemon waits at its start for a database that does not answer yet."""

log = logging.getLogger("jobrunner.daemon")

T = TypeVar("T")


class Daemon(Service):
    """All parts of one daemon."""

    stop_limit = None

    def __init__(self, *, dsn: str, direct_dsn: str, configuration: Configuration, registry: Registry) -> None:
        """`dsn` for jobs, `direct_dsn` for the engine's own connections, past a pooler where there is one."""
        super().__init__("daemon")
        self._configuration = configuration
        self._registry = registry
        self._direct_dsn = direct_dsn
        self.host = Host(
            dsn=dsn,
            direct_dsn=direct_dsn,
            configuration=configuration,
            registry=registry,
            takes_queues=configuration.queues,
        )
        self.grace = configuration.grace
        self._hurry = asyncio.Event()
        self._services: Group | None = None
        self._on_listening: list[Callable[[], None]] = []
        self.answer_for(self.host)

    async def _start(self) -> None:
        configuration, host = self._configuration, self.host
        if configuration.migrate_on_start:
            applied = await _patiently(lambda: migrations.upgrade(self._direct_dsn))
            if applied:
                log.info("the database was migrated to %s", applied[-1])
        await _patiently(host.start)
        await _patiently(lambda: seed(host.upkeep, self._registry))
        self.claimer = Claimer(
            host.claiming,
            host.runner,
            daemon_id=host.identity.id,
            registry=self._registry,
            settings=self._settings,
            lease=configuration.lease,
            max_running=configuration.max_running,
            queues=configuration.queues,
            hears=lambda: self.listener.listening,
            register=host.register_again,
        )
        host.on_room = self.claimer.room
        host.on_due = self.claimer.due_in
        self.watch = Watch(
            host.connection("watch"),
            {"settings": self._settings_changed, "cancellations": self._cancel},
        )
        self.listener = Listener(
            self._direct_dsn,
            host.identity.id,
            on_wake=self.claimer.notified,
            on_change=self._edited,
            on_connect=self._look_everywhere,
        )
        self.sweep = Sweep(
            host.upkeep,
            interval=configuration.sweep_interval,
            patience=configuration.heartbeat_interval + 2 * max(DatabaseLoop.backoff),
            on_returned=self.claimer.look_now,
        )
        self.scheduler = Scheduler(host.connection("schedule"), self._settings, on_fired=self.claimer.look_now)
        self.retention = Retention(host.upkeep, self._settings)
        self._services = Group(
            self.listener,
            self.sweep,
            self.claimer,
            self.scheduler,
            self.watch,
            self.retention,
            *await self._mail(),
            *await self._web(),
            name="services of the daemon",
        )
        self.answer_for(self._services)
        host.more_state = self._state
        await self._services.start()
        log.info(
            "%s is ready: %d job definitions, %s",
            host.identity.name,
            len(self._registry.names()),
            "all queues" if configuration.queues is None else "queues " + ", ".join(configuration.queues),
        )

    async def _mail(self) -> list[Service]:
        if not {"CheckEmailAccounts", "CheckInboundEmails"} & set(self._registry.names()):
            return []  # what a watched account starts would not run here
        await imported("jobrunner.services.mailbox.watching")
        from jobrunner.services.mailbox.watching import Watcher

        return [Watcher(self.host.connection("mail"), self._configuration, self.host.identity.name)]

    async def _web(self) -> list[Service]:
        if not self._configuration.http.enabled:
            return []
        await imported("jobrunner.web.service")
        from jobrunner.web.service import Web  # a quarter of a second that other commands need not take

        host = self.host
        web = Web(
            self._configuration,
            host.connection("web"),
            host.connection("hits"),
            self._troubles,
            popups_connection=host.connection("popups"),
            hears=lambda: self.listener.listening,
        )
        self.listener.channels["jobrunner_popup"] = web.hub.notified
        self._on_listening.append(web.hub.look_at_all)
        return [web]

    async def _stop(self) -> None:
        services, self._services = self._services, None
        try:
            if services is not None:
                try:
                    await services.stop()
                finally:
                    await self._end_jobs()
        finally:
            await self.host.stop()

    async def _end_jobs(self) -> None:
        """Give running jobs the grace period, or until somebody hurries; then return them, and store all that."""
        runner = self.host.runner
        self.host.heartbeat.beat_now()
        winding = asyncio.create_task(runner.wind_down(self.grace))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([winding, hurry], return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not winding.done():
            winding.cancel()
            await asyncio.wait([winding])
            await runner.cut_short()

    def hurry(self) -> None:
        """Give running jobs no grace any more."""
        self._hurry.set()

    @property
    def services(self) -> Sequence[Service]:
        """What works beside the host, for whoever watches health."""
        return () if self._services is None else self._services.parts

    # What parts tell each other

    def _settings(self) -> Settings:
        return self.host.settings

    def _look_everywhere(self) -> None:
        for look in self._on_listening:
            look()
        self.claimer.look_now()
        self.watch.wake()
        self.scheduler.changed()

    def _edited(self, topic: str) -> None:
        if topic == "scheduled_jobs":
            self.scheduler.changed()
        else:
            self.watch.wake()

    async def _settings_changed(self) -> None:
        await self.host.load_settings()
        self.scheduler.changed()
        self.claimer.look_now()

    async def _cancel(self) -> None:
        self.host.runner.cancel(await find_cancellations(self.host.upkeep, self.host.identity.id))

    def _troubles(self) -> list[str]:
        state = self._state()
        return [*state["unhealthy"], *([] if state["listening"] else ["listening"])]

    def _state(self) -> dict[str, Any]:
        parts = [*self.services, *self.host.runner.parts]
        return {
            # Until its first try has ended, nothing speaks against it.
            "listening": self.listener.listening or not (self.listener.passes or self.listener.failures),
            "unhealthy": [part.name for part in parts if not part.healthy],
            "paused": self.host.settings.paused,
        }


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do what needs the database, which may come up later than the daemon."""
    deadline = time.monotonic() + START_LIMIT
    pause = 0.2
    while True:
        try:
            return await work()
        except TRANSIENT as error:
            hopeless = isinstance(error, REFUSED) or (isinstance(error, DatabaseUnavailable) and not error.may_pass)
            if hopeless or time.monotonic() + pause > deadline:
                raise
            log.warning("%s; trying again for %.0f s", error, deadline - time.monotonic())
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
