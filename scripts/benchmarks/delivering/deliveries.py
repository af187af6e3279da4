"""Deliveries a second: 20,000 events in one commit, and the same bytes by a bare loop."""

import time
from typing import Any

from jobrunner.services.webhooks.table import Format
from scripts.benchmarks.delivering.bare_loop import BareLoop
from scripts.benchmarks.delivering.daemon import Daemon
from scripts.benchmarks.delivering.endpoints import Endpoints
from scripts.benchmarks.delivering.events import event_name, numbers_of, portion
from scripts.benchmarks.delivering.names import LOOP, OURS
from scripts.benchmarks.delivering.sizes import FAILS, HANGS, WEBHOOKS
from scripts.benchmarks.samples import Samples
from scripts.benchmarks.server import Server

RATE = "deliveries"
CPU = "CPU a delivery"
CLUSTER_CPU = "CPU a delivery, PostgreSQL"
LIMIT = 300.0
GOOD = [place for place in range(WEBHOOKS) if place not in (HANGS, FAILS)]
EMIT = """
SELECT count(jobrunner.emit(e.event, e.data::jsonb))
FROM (
    SELECT e.event, e.data
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS e (event, data, place)
    ORDER BY e.place
) AS e
"""


async def by_us(daemon: Daemon, endpoints: Endpoints, server: Server, events: int, form: Format, to: Samples) -> None:
    """Emit all in one transaction; the clock starts before its commit."""
    await daemon.add_webhooks(
        [event_name(place) for place in range(WEBHOOKS)], [endpoints.url(place) for place in range(WEBHOOKS)], form
    )
    told = portion(events)
    wanted = sum(len(numbers_of(place, events)) for place in GOOD)
    await endpoints.clear(wanted)
    transaction = daemon.connection.transaction()
    await transaction.start()
    emitted = await daemon.connection.fetchval(EMIT, [event for event, _ in told], [data for _, data in told])
    if emitted != events:
        raise RuntimeError(f"{emitted:,} of {events:,} events were told")
    used, cluster, began = daemon.cpu(), server.cpu(), time.monotonic()
    await transaction.commit()
    last = await endpoints.wait(LIMIT)
    used = daemon.cpu() - used
    to.add(f"{RATE}, {form}", OURS, wanted / (last - began))
    to.add(f"{CPU}, {form}", OURS, used / wanted * 1e6)
    if cluster is not None:
        to.add(f"{CLUSTER_CPU}, {form}", OURS, ((server.cpu() or 0.0) - cluster) / wanted * 1e6)
    check(await endpoints.report(), events, OURS)
    await daemon.remove_webhooks()
    check(await endpoints.report(), events, OURS)  # nothing came afterwards


async def by_loop(loop: BareLoop, endpoints: Endpoints, events: int, form: Format, to: Samples) -> None:
    """Have the loop post them."""
    wanted = sum(len(numbers_of(place, events)) for place in GOOD)
    await loop.prepare([endpoints.url(place) for place in range(WEBHOOKS)], events, form)
    await endpoints.clear(wanted)
    took = await loop.post()
    last = await endpoints.wait(LIMIT)
    to.add(f"{RATE}, {form}", LOOP, wanted / (last - took["began"]))
    to.add(f"{CPU}, {form}", LOOP, took["cpu"] / wanted * 1e6)
    check(await endpoints.report(), events, LOOP)


def check(report: list[list[Any]], events: int, name: str) -> None:
    """See that each good endpoint got its events, in order, once; and that the others were asked, and not too often.

    Raises:
        RuntimeError: that is not so.
    """
    for place in GOOD:
        came = [number for _, _, numbers in report[place] for number in numbers]
        wanted = numbers_of(place, events)
        if came != wanted:
            missing, doubled = len(set(wanted) - set(came)), len(came) - len(set(came))
            raise RuntimeError(
                f"{name}: the endpoint {place} got {len(came):,} of {len(wanted):,} events, {missing:,} are missing, "
                f"{doubled:,} came twice, and in order they are {'' if came == sorted(came) else 'not'}"
            )
    for place in (HANGS, FAILS):
        if not 1 <= len(report[place]) <= 8:
            raise RuntimeError(f"{name}: the endpoint {place}, which is at fault, got {len(report[place])} requests")
