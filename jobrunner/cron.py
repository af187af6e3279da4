"""The cron set-up: one pass, then the end. Two passes at once are harmless, and so is a daemon beside them.

A pass takes back what was lost, fires what is due, and works off what is ready, at most the portion of each queue
(`Jobs Max Portion` for the main one).
"""

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass, field

from jobrunner.config import Configuration
from jobrunner.definitions import Registry
from jobrunner.errors import LimitExceeded
from jobrunner.execution.host import Host
from jobrunner.queue.claim import claim_jobs, look, new_token
from jobrunner.queue.sweep import Sweep
from jobrunner.scheduling import fire_due, seed

log = logging.getLogger("jobrunner.cron")


@dataclass(slots=True)
class Pass:
    """What one pass did."""

    paused: bool = False
    fired: int = 0
    """Jobs that came into being from schedules."""
    ran: int = 0
    seconds: float = 0.0
    taken: Counter[str] = field(default_factory=Counter)
    """Jobs taken of each queue."""


async def run_pass(*, dsn: str, direct_dsn: str, configuration: Configuration, registry: Registry) -> Pass:
    """Do one pass and return what it did."""
    began = time.monotonic()
    done = Pass()
    async with Host(
        dsn=dsn, direct_dsn=direct_dsn, configuration=configuration, registry=registry, takes_queues=[]
    ) as host:
        if host.settings.paused:
            done.paused = True
            return done
        try:
            await seed(host.upkeep, registry)
            await Sweep(host.upkeep, interval=configuration.sweep_interval).once()
            done.fired = await fire_due(host.upkeep, host.settings)
            await _work_off(host, done)
        finally:
            await host.runner.cut_short()
    done.ran = sum(done.taken.values())
    done.seconds = time.monotonic() - began
    return done


async def _work_off(host: Host, done: Pass) -> None:
    """Claim and run until the portions are used or nothing is ready; a finished job may make another ready."""
    room = asyncio.Event()
    host.on_room = room.set
    while True:
        room.clear()
        took = await _claim_once(host, done)
        if not took and not host.runner.held:
            return
        if host.runner.held:
            await _wait_for_room(host, room)


async def _wait_for_room(host: Host, room: asyncio.Event) -> None:
    """Wait until the end of a job was stored. Jobs may run for as long as they like; storing has a limit."""
    limit = host.configuration.statement_timeout
    while not room.is_set():
        storing = not host.runner.attempts
        try:
            async with asyncio.timeout(limit if storing else 1.0):
                await room.wait()
        except TimeoutError:
            if storing:
                raise LimitExceeded(
                    f"the ends of {host.runner.held} jobs could not be stored within {limit:g} s "
                    "(JOBRUNNER_STATEMENT_TIMEOUT): their leases bring them back"
                ) from None


async def _claim_once(host: Host, done: Pass) -> int:
    settings, runner, took = host.settings, host.runner, 0
    for row in await look(host.claiming):
        queue, blocking = row["queue"], row["blocking"]
        wanted = host.configuration.queues
        if queue is None or (wanted is not None and queue not in wanted):
            continue
        limit = min(
            settings.portion(queue) - done.taken[queue],
            settings.concurrency(queue) - runner.in_queue[queue],
            runner.slots_free if blocking else host.configuration.max_running - runner.held,
        )
        if limit <= 0:
            continue
        claim_id = new_token()
        names = [definition.name for definition in host.registry if definition.blocking is blocking]
        rows = await claim_jobs(
            host.claiming,
            claim_id=claim_id,
            daemon_id=host.identity.id,
            lease=host.configuration.lease,
            queue=queue,
            blocking=blocking,
            limit=limit,
            names=names,
        )
        done.taken[queue] += len(rows)
        took += len(rows)
        if rows:
            runner.take(claim_id, rows)
    return took
