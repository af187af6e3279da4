"""From the commit of an event to the first octet of its request: events one after another, and after a pause."""

import asyncio
import json
import random
import time

from scripts.benchmarks.delivering.daemon import Daemon
from scripts.benchmarks.delivering.deliveries import GOOD
from scripts.benchmarks.delivering.endpoints import Endpoints
from scripts.benchmarks.delivering.events import account, event_name
from scripts.benchmarks.delivering.sizes import WEBHOOKS

GAP = 0.01
"""Seconds between two events, on average."""
PAUSE = 1.5
"""Seconds after which the queue sleeps."""
LIMIT = 60.0
EMIT = "SELECT jobrunner.emit($1, $2::jsonb)"


async def measure(daemon: Daemon, endpoints: Endpoints, *, steady: int, pauses: int) -> tuple[list[float], list[float]]:
    """Return milliseconds of both kinds. The clock of each starts before the statement that commits it."""
    await daemon.add_webhooks(
        [event_name(place) for place in range(WEBHOOKS)],
        [endpoints.url(place) for place in range(WEBHOOKS)],
        "standard",
    )
    first = await of(daemon, endpoints, range(steady), lambda: random.expovariate(1 / GAP))
    second = await of(daemon, endpoints, range(pauses), lambda: PAUSE)
    await daemon.remove_webhooks()
    return first, second


async def of(daemon: Daemon, endpoints: Endpoints, numbers: range, gap: object) -> list[float]:
    """Emit one event after another, with a gap before each, and return what they took."""
    assert callable(gap)
    await endpoints.clear(len(numbers))
    emitted: dict[int, float] = {}
    for number in numbers:
        await asyncio.sleep(gap())
        place = GOOD[number % len(GOOD)]
        emitted[number] = time.monotonic()
        await daemon.connection.execute(EMIT, event_name(place), json.dumps(account(number)))
    await endpoints.wait(LIMIT)
    came: dict[int, float] = {}
    for requests in await endpoints.report():
        for moment, _, told in requests:
            for number in told:
                came.setdefault(number, moment)
    return [(came[number] - moment) * 1000 for number, moment in emitted.items()]
