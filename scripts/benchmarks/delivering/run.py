"""A whole run, in its order."""

import time

import asyncpg

from jobrunner.db import migrations
from jobrunner.services.webhooks.table import Format
from scripts.benchmarks.delivering import daemon, deliveries, emitting, judging, latency
from scripts.benchmarks.delivering.bare_loop import BareLoop
from scripts.benchmarks.delivering.endpoints import Endpoints
from scripts.benchmarks.delivering.sizes import LONG, QUICK, Sizes
from scripts.benchmarks.report import Report, say
from scripts.benchmarks.samples import Samples, turns
from scripts.benchmarks.server import Server, machine, server

PACKAGES = ("jobrunner", "asyncpg", "uvloop", "aiohttp")
TEMPLATE = "webhooks"
FORMS: tuple[Format, ...] = ("standard", "array")


class Run:
    """One run: both deliver the same in turns; then ours one by one; then emits without deliveries."""

    def __init__(self, given: Server, sizes: Sizes) -> None:
        self.server = given
        self.sizes = sizes
        self.samples = Samples()
        self.report = Report()
        self.began = time.perf_counter()

    def tell(self, what: str) -> None:
        """Say what comes now, and how long it took to come here."""
        say(f"{time.perf_counter() - self.began:6.1f} s  {what}")

    async def whole(self) -> Report:
        """Measure everything."""
        url = await self.server.create_database(TEMPLATE)
        await migrations.upgrade(url)
        delivering = await self.server.create_database("delivering", like=TEMPLATE)
        endpoints = Endpoints()
        try:
            async with daemon.running(delivering) as running:
                await self.compare(running, endpoints)
                await self.time(running, endpoints)
            await self.emit()
        finally:
            endpoints.stop()
        self.tell("done")
        return self.report

    async def compare(self, running: daemon.Daemon, endpoints: Endpoints) -> None:
        """Measure both, in turns."""
        loop = BareLoop()
        events = self.sizes.events
        try:
            for form, rounds in zip(FORMS, (self.sizes.rounds, self.sizes.array_rounds), strict=True):
                for number in range(rounds):
                    for ours in turns((True, False), number):
                        self.tell(f"{events:,} events, {form}, {'jobrunner' if ours else 'the bare loop'}")
                        if ours:
                            await deliveries.by_us(running, endpoints, self.server, events, form, self.samples)
                        else:
                            await deliveries.by_loop(loop, endpoints, events, form, self.samples)
        finally:
            loop.stop()
        judging.add_deliveries(self.report, self.samples)

    async def time(self, running: daemon.Daemon, endpoints: Endpoints) -> None:
        """Measure how long one takes."""
        self.tell(f"{self.sizes.steady:,} events one by one, {self.sizes.pauses:,} after a pause")
        took = await latency.measure(running, endpoints, steady=self.sizes.steady, pauses=self.sizes.pauses)
        judging.add_latency(self.report, *took)

    async def emit(self) -> None:
        """Measure what an emit costs; no daemon runs there."""
        self.tell("emits")
        url = await self.server.create_database("emitting", like=TEMPLATE)
        connection = await asyncpg.connect(url)
        try:
            await emitting.measure(connection, url, self.sizes.transactions, self.sizes.emit_rounds, self.samples)
        finally:
            await connection.close()
        judging.add_emitting(self.report, self.samples)


async def main(*, quick: bool, as_json: bool, database_url: str | None) -> None:
    """Run and print."""
    sizes = QUICK if quick else LONG
    async with server(database_url) as given:
        say(machine(given, PACKAGES))
        report = await Run(given, sizes).whole()
    report.print(as_json=as_json)
