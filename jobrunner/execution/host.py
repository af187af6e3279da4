"""The host: what daemon, cron pass and run-job have in common, a registered life with a heartbeat and a runner."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT, Connection, is_pooled
from jobrunner.db.pool import Pool
from jobrunner.definitions import Registry
from jobrunner.execution.attempt import Attempt
from jobrunner.execution.loglines import LogLine
from jobrunner.execution.runner import Runner
from jobrunner.execution.scrub import scrubber
from jobrunner.lifecycle import Service
from jobrunner.queue.claim import new_token
from jobrunner.queue.daemons import Identity, publish_definitions, register_daemon, remove_daemon
from jobrunner.queue.heartbeat import Heartbeat, Pulse
from jobrunner.queue.settings import Settings, load_settings

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
        self.more_state: Callable[[], dict[str, Any]] = dict
        self._blocked: dict[str, Any] | None = None
        self._blocked_since = 0.0
        self._registering: asyncio.Task[None] | None = None

    async def _start(self) -> None:
        configuration = self.configuration
        self.pooled = await is_pooled(self.direct_dsn)
        # A claim that the server loses in a crash only runs again, and the first one's finish is fenced; so its
        # commit waits for no disk. A finish always does.
        self.claiming = self.connection("claim", synchronous_commit="off")
        self.finishing = self.connection("finish")
        self.upkeep = self.connection("upkeep")
        self._journal_line = self.connection("journal")
        self.pool = Pool(
            self.dsn,
            size=configuration.pool_size,
            pooled=self.pooled if self.dsn == self.direct_dsn else await is_pooled(self.dsn),
        )
        await self.load_settings()
        await self._register()
        await publish_definitions(self.upkeep, self.registry)
        await self.pool.start()
        self.runner = Runner(
            registry=self.registry,
            configuration=configuration,
            pool=self.pool,
            finishing=self.finishing,
            journal=self._journal_line,
            daemon=self.identity.name,
            slots=self._slots(),
            scrub=scrubber(configuration),
            on_room=lambda: self.on_room(),
            on_due=lambda seconds: self.on_due(seconds),
            on_lines=self._on_lines,
        )
        await self.runner.start()
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
        await self.heartbeat.start()

    async def _stop(self) -> None:
        for part in (getattr(self, "runner", None), getattr(self, "heartbeat", None), getattr(self, "pool", None)):
            if part is not None:
                await part.stop()
        try:
            async with asyncio.timeout(1.0):
                await remove_daemon(self.upkeep, self.identity.id)
        except (*TRANSIENT, TimeoutError, AttributeError):
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
        if hasattr(self, "runner"):
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
            self._registering = asyncio.create_task(self._register())
            self._registering.add_done_callback(lambda task: task.cancelled() or task.exception())

    def _on_pulse(self, pulse: Pulse) -> None:
        self._blocked = None
        if not hasattr(self, "runner"):
            return
        lost = [c.id for c in self.runner.claims.values() if c.made_at < pulse.began and c.id not in pulse.alive]
        if lost:
            # A claim that ended while the renewal was on its way is no loss: nothing of it runs any more.
            self.runner.lose(lost)
        if not pulse.registered and self.running:
            self.register_again()

    def _on_blocked(self, place: str, seconds: float) -> None:
        job = self.runner.attempt_of(asyncio.current_task(self.heartbeat.jobs_loop))
        name = job.label if job is not None else "something that is no job"
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
            "unhealthy": [part.name for part in runner.parts if not part.healthy],
            "problems": [*self.registry.problems, *self.settings.problems],
            "listening": True,
            "at": time.time(),
            **self.more_state(),
        }
