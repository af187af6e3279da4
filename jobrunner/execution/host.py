"""The host: what daemon, cron pass and run-job have in common, a registered life with a heartbeat and a runner."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.connection import STEADY_PLANS, TRANSIENT, Connection, is_pooled
from jobrunner.db.pool import Pool
from jobrunner.db.secrets import Keyring, check_key_file
from jobrunner.definitions import Registry
from jobrunner.execution.attempt import Attempt
from jobrunner.execution.loglines import LogLine
from jobrunner.execution.runner import Runner
from jobrunner.execution.scrub import scrubber
from jobrunner.lifecycle import Group, Service, cancel
from jobrunner.queue.claim import new_token
from jobrunner.queue.daemons import Identity, publish_definitions, register_daemon, remove_daemon
from jobrunner.queue.heartbeat import Heartbeat, Pulse
from jobrunner.queue.settings import Settings, load_settings

LEAVE_LIMIT = 1.0
"""Seconds that removing the host's row may take at its end; else the row runs out by itself."""

log = logging.getLogger("jobrunner.daemon")


class Host(Service):
    """Registers a life in the database and runs claimed jobs until it stops. It claims nothing by itself."""

    stop_limit = None

    def __init__(
        self,
        *,
        dsn: str,
        direct_dsn: str,
        configuration: Configuration,
        registry: Registry,
        on_lines: Callable[[Attempt, list[LogLine]], None] = lambda attempt, lines: None,
        takes_queues: Sequence[str] | None = None,
    ) -> None:
        """`takes_queues`: the queues it says that it takes; None says all, an empty list none."""
        super().__init__("host")
        self.dsn = dsn
        self.direct_dsn = direct_dsn
        self.configuration = configuration
        self.registry = registry
        self.identity = Identity(new_token(), configuration.daemon_name, version("jobrunner"))
        self.settings = Settings()
        self.takes_queues = takes_queues
        self.on_room: Callable[[], None] = lambda: None
        self.on_due: Callable[[float], None] = lambda seconds: None
        self._on_lines = on_lines
        self._connections: list[Connection] = []
        self._parts: Group | None = None
        self._is_registered = False
        self._registering: asyncio.Task[None] | None = None
        self.more_state: Callable[[], dict[str, Any]] = dict
        """What else there is to say of its state."""
        self._blocked: dict[str, Any] | None = None
        self._blocked_since = 0.0

    async def _start(self) -> None:
        configuration = self.configuration
        self.pooled = await is_pooled(self.direct_dsn)
        # A claim that the server loses in a crash only runs again, and the first one's finish is fenced; so its
        # commit waits for no disk. A finish always does.
        self.claiming = self.connection("claim", **STEADY_PLANS, synchronous_commit="off")
        self.finishing = self.connection("finish", **STEADY_PLANS)
        self.upkeep = self.connection("upkeep")
        await check_key_file(self.upkeep, Keyring.from_configuration(configuration))
        self.pool = Pool(
            self.dsn,
            size=configuration.pool_size,
            pooled=self.pooled if self.dsn == self.direct_dsn else await is_pooled(self.dsn),
        )
        self.settings = await load_settings(self.upkeep)
        await self._register()
        self._is_registered = True
        await publish_definitions(self.upkeep, self.registry)
        self.runner = Runner(
            registry=self.registry,
            configuration=configuration,
            pool=self.pool,
            finishing=self.finishing,
            journal=self.connection("journal"),
            daemon=self.identity.name,
            slots=self._slots(),
            scrub=scrubber(configuration),
            on_room=lambda: self.on_room(),
            on_due=lambda seconds: self.on_due(seconds),
            on_lines=self._on_lines,
        )
        self.heartbeat = Heartbeat(
            self.direct_dsn,
            self.identity.id,
            lease=configuration.lease,
            interval=configuration.heartbeat_interval,
            limit=max(configuration.lease / 2, 1.0),
            pooled=self.pooled,
            state=self.state,
            on_pulse=self._on_pulse,
            on_blocked=self._on_blocked,
        )
        # In this order, so that leases are renewed for as long as the runner has something to store.
        self._parts = Group(self.pool, self.heartbeat, self.runner, name="parts of the host")
        self.answer_for(self._parts)
        await self._parts.start()

    async def _stop(self) -> None:
        parts, self._parts = self._parts, None
        try:
            if parts is not None:
                await parts.stop()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        """Remove the row of this life, and close the connections."""
        if self._registering is not None:
            await cancel(self._registering)
            self._registering = None
        if self._is_registered:
            self._is_registered = False
            try:
                async with asyncio.timeout(LEAVE_LIMIT):
                    await remove_daemon(self.upkeep, self.identity.id)
            except (*TRANSIENT, TimeoutError):
                pass  # its row runs out by itself
        for connection in self._connections:
            await connection.close()
        self._connections.clear()

    def connection(self, name: str, **session: str) -> Connection:
        """Return a new connection of its own for a part; it is closed with the host. `session`: see `Connection`."""
        limit = self.configuration.statement_timeout
        connection = Connection(self.direct_dsn, name, limit=limit, pooled=self.pooled, session=session)
        self._connections.append(connection)
        return connection

    async def load_settings(self) -> None:
        """Read the job settings; they apply at once."""
        self.settings = await load_settings(self.upkeep)
        self.runner.resize(self._slots())
        self.on_room()

    def _slots(self) -> int:
        settings = self.settings
        return settings.jobs_pool_concurrency_number if settings.jobs_run_in_parallel else 1

    async def _register(self) -> None:
        await register_daemon(
            self.upkeep,
            self.identity,
            lease=self.configuration.lease,
            queues=self.takes_queues,
            definitions=self.registry.names(),
        )

    def register_again(self) -> None:
        """The row is gone: this daemon was frozen or cut off for longer than its lease, and was forgotten."""
        if self._registering is None or self._registering.done():
            log.warning("this daemon had been forgotten: it registers anew")
            self._registering = asyncio.create_task(self._register_again())

    async def _register_again(self) -> None:
        try:
            await self._register()
            await publish_definitions(self.upkeep, self.registry)  # perhaps all tables are new
        except Exception as error:  # whatever it is: nobody awaits this task, and the next heartbeat begins another
            log.warning("this daemon could not register anew, the next heartbeat tries again: %s", error)

    def _on_pulse(self, pulse: Pulse) -> None:
        self._blocked = None
        lost = [c.id for c in self.runner.claims.values() if c.made_at < pulse.began and c.id not in pulse.alive]
        if lost:
            # A claim that ended while the renewal was on its way is no loss: nothing of it runs any more.
            self.runner.lose(lost)
        if not pulse.registered and self.running:
            self.register_again()

    def _on_blocked(self, place: str, seconds: float) -> None:
        job = self.runner.attempt_of(asyncio.current_task(self.heartbeat.jobs_loop))
        name = job.label if job is not None else "something that is no job"
        if "<frozen importlib" in place:  # code that is used for the first time: it passes, on a slow machine slowly
            log.info("%s has been loading code for %.1f s", name, seconds)
            return
        log.error("%s has been blocking the event loop for %.1f s at %s", name, seconds, place)
        self._blocked = {"job": job.job_id if job else None, "line": place}
        self._blocked_since = time.monotonic() - seconds

    def state(self) -> dict[str, Any]:
        """How this daemon is, as `jobrunner status` reads it from the database. Called on the heartbeat's thread."""
        runner = self.runner
        blocked = self._blocked
        if blocked is not None:
            blocked = {**blocked, "seconds": round(time.monotonic() - self._blocked_since, 1)}
        return {
            "running": len(runner.attempts),
            "held": runner.held,
            "slots": runner.slots.count,
            "slots_busy": runner.blocking,
            "blocked": blocked,
            "fenced": runner.finisher.fenced,
            "did_not_stop": runner.did_not_stop,
            "unhealthy": [part.name for part in runner.parts if not part.healthy] if self.running else [],
            "problems": [*self.registry.problems, *self.settings.problems],
            "listening": True,
            "at": time.time(),
            **self.more_state(),
        }
