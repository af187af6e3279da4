"""The daemon as a process: it runs until it is told to stop.

first signal    nothing is claimed any more; running jobs get the grace period, then are returned to Pending
second signal   they are returned at once
third signal    the process ends on the spot; leases bring back what ran
"""

import asyncio
import gc
import logging
import os
import signal
import time

from jobrunner.config import Configuration
from jobrunner.daemon import Daemon
from jobrunner.definitions import Registry
from jobrunner.service_manager import ServiceManager

STOP_LIMIT = 60.0
"""Seconds that a stop is announced to take beyond the jobs' grace: parts that end, results that are stored."""
COLLECT_AFTER = 20_000
"""Objects made and not yet freed after which cycles are looked for (Python: 700 or 2,000).

A daemon's objects are freed by their reference counts; the few cycles (exceptions, tasks) can wait. With
Python's own number collections took 6 to 8 % of the CPU of a daemon that delivers webhooks; one of 20,000
objects takes about a millisecond.
"""

log = logging.getLogger("jobrunner.daemon")


async def run(*, dsn: str, direct_dsn: str, configuration: Configuration, registry: Registry) -> int:
    """Run a daemon until a signal; return the process's exit code."""
    loop = asyncio.get_running_loop()
    manager = ServiceManager.from_environment()
    daemon = Daemon(dsn=dsn, direct_dsn=direct_dsn, configuration=configuration, registry=registry)
    told = asyncio.Event()
    signals, stopping_since = 0, 0.0

    def on_signal(number: int) -> None:
        nonlocal signals, stopping_since
        signals += 1
        told.set()
        if signals == 1:
            stopping_since = time.monotonic()
            manager.stopping(daemon.grace + STOP_LIMIT)
            log.info("%s: stopping, jobs have %g s to end", signal.Signals(number).name, daemon.grace)
        elif signals == 2:
            log.warning("%s again: running jobs are returned now", signal.Signals(number).name)
            daemon.hurry()
        else:
            os._exit(1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    starting = asyncio.create_task(daemon.start())
    waiting = asyncio.create_task(told.wait())
    watching: asyncio.Task[None] | None = None
    try:
        await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            log.info("stopped before it was ready, after %.1f s", time.monotonic() - stopping_since)
            return 0
        starting.result()
        gc.collect()
        gc.freeze()  # what a daemon has loaded stays: collections need not go through it again and again
        gc.set_threshold(COLLECT_AFTER, 10, 10)
        manager.ready(f"Ready: {len(registry.names())} job definitions")
        watching = asyncio.create_task(manager.watch(daemon.host.heartbeat.call))
        failing = asyncio.create_task(daemon.failed())
        await asyncio.wait([waiting, failing], return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        if signals == 0:
            stopping_since = time.monotonic()
            manager.stopping(daemon.grace + STOP_LIMIT)
        await daemon.stop()
        log.info("stopped after %.1f s, %s", time.monotonic() - stopping_since, _returned(daemon))
        if daemon.failure is not None and signals == 0:
            log.error("the daemon ends, since a part of it cannot go on: %s", daemon.failure)
            return 1
        return 0
    finally:
        waiting.cancel()
        if watching is not None:
            watching.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _returned(daemon: Daemon) -> str:
    number = daemon.host.runner.finisher.returned
    if number == 0:
        return "no job went back to the queue"
    return f"{number:,} job{'s' if number > 1 else ''} went back to the queue"
