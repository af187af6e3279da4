"""What accounts cost that are watched and get no mail."""

import asyncio
import time
from dataclasses import dataclass

from scripts.benchmarks.receiving.daemon import Daemon
from scripts.benchmarks.receiving.memory import memory
from scripts.benchmarks.receiving.pushes import IS_QUIET, WATCHED, wait
from tests.support.dovecot import Dovecot

SETTLING = 2.0
"""Seconds after which nothing of the start is left."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a daemon."""

    memory: float
    """MB that it holds, without the processes below it."""
    cpu: float
    """Seconds a minute, those below it included."""


async def measure(daemon: Daemon, seconds: float) -> Cost:
    """Look at it for a while."""
    await asyncio.sleep(SETTLING)
    began, used = time.perf_counter(), daemon.cpu()
    await asyncio.sleep(seconds)
    spent = (daemon.cpu() - used) / (time.perf_counter() - began) * 60
    return Cost(memory(daemon.pid) or 0.0, spent)


async def measure_watched(daemon: Daemon, server: Dovecot, count: int, seconds: float) -> tuple[Cost, Cost]:
    """Return what the daemon costs with one account that is watched, and with so many."""
    costs: list[Cost] = []
    for number in (1, count):
        for _ in range(1 if number == 1 else count - 1):
            await daemon.add_account(server.new_user(), server.port, idle=True)
        if number == 1:
            await daemon.start()
        await wait(daemon.connection, WATCHED, wanted=number, every=0.1)
        await wait(daemon.connection, IS_QUIET, every=0.1)
        costs.append(await measure(daemon, seconds))
    return costs[0], costs[1]
