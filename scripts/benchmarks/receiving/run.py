"""A whole run, in its order."""

import asyncio
import time
from itertools import chain

from jobrunner.db import migrations
from scripts.benchmarks.receiving import daemon, dovecot, judging, letters, pushes, watching
from scripts.benchmarks.receiving.dovecot import Dovecot
from scripts.benchmarks.receiving.import_run import TEMPLATE, ImportRun
from scripts.benchmarks.receiving.loops import Loop
from scripts.benchmarks.receiving.names import OURS
from scripts.benchmarks.receiving.sizes import LONG, QUICK, Sizes
from scripts.benchmarks.receiving.system import Fetcher
from scripts.benchmarks.report import Report, say
from scripts.benchmarks.samples import Samples, turns
from scripts.benchmarks.server import Server, machine, server

PACKAGES = ("jobrunner", "asyncpg", "uvloop", "aioimaplib")
SETTINGS = {"track_commit_timestamp": "on"}
"""By it the moment of a commit is known."""


class Run:
    """One run: everybody fetches the same mailbox in turns; then ours under IDLE; then what watching costs."""

    def __init__(self, given: Server, mail: Dovecot, sizes: Sizes) -> None:
        self.server = given
        self.mail = mail
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
        await self.compare()
        await self.push()
        await self.watch()
        self.tell("done")
        return self.report

    async def compare(self) -> None:
        """Measure all systems, in turns."""
        user = self.mail.new_user()
        self.tell(f"a mailbox of {self.sizes.messages:,} messages and a large one")
        messages = chain(letters.mailbox(self.sizes.messages), [letters.large(self.sizes.large)])
        count, octets = await asyncio.to_thread(dovecot.fill, self.mail, user, messages)
        took = await asyncio.to_thread(dovecot.warm, self.mail, user)
        self.tell(f"{octets / 1e6:,.0f} MB; Dovecot's first look at it took {took:.1f} s")
        ours = ImportRun(self.server, self.mail.port)
        loops = [Loop(self.mail.port, parses=parses) for parses in (False, True)]
        try:
            await loops[0].fetch(user, count)  # all of it is in the machine's memory from now on
            for number in range(self.sizes.rounds):
                for system in turns([ours, *loops], number):
                    self.tell(f"{system.name}: {count:,} messages")
                    await self.measure(system, user, count)
        finally:
            for loop in loops:
                loop.stop()
        for used in ours.cluster_cpu:
            self.samples.add(judging.CLUSTER_CPU, OURS, used / count * 1e6)
        judging.add_comparison(self.report, self.samples)
        judging.add_memory(self.report, ours.peaks)

    async def measure(self, system: Fetcher, user: str, count: int) -> None:
        """One turn of one system."""
        used = dovecot.spent(self.mail)
        got = await system.fetch(user, count)
        if got.messages != count:
            raise RuntimeError(f"{system.name} says that it has fetched {got.messages:,} of {count:,} messages")
        self.samples.add(judging.RATE, system.name, count / got.seconds)
        self.samples.add(judging.FETCHER_CPU, system.name, got.cpu / count * 1e6)
        self.samples.add(judging.SERVER_CPU, system.name, (dovecot.spent(self.mail) - used) / count * 1e6)

    async def push(self) -> None:
        """New mail, under IDLE and without."""
        self.tell(f"{self.sizes.pushes} messages under IDLE")
        url = await self.server.create_database("pushes", like=TEMPLATE)
        async with daemon.running(url) as running:
            judging.add_pushes(self.report, await pushes.measure_pushes(running, self.mail, self.sizes.pushes))
        if not self.sizes.firings:
            return
        self.tell(f"{self.sizes.firings} messages without IDLE")
        url = await self.server.create_database("firings", like=TEMPLATE)
        async with daemon.running(url) as running:
            judging.add_firings(self.report, await pushes.measure_firings(running, self.mail, self.sizes.firings))

    async def watch(self) -> None:
        """What watching costs."""
        count = self.sizes.watched
        self.tell(f"{count} watched accounts")
        url = await self.server.create_database("watching", like=TEMPLATE)
        async with daemon.running(url) as running:
            costs = await watching.measure_watched(running, self.mail, count, self.sizes.quiet)
        judging.add_watching(self.report, count, *costs)


async def main(*, quick: bool, as_json: bool, database_url: str | None) -> None:
    """Run and print."""
    sizes = QUICK if quick else LONG
    with dovecot.running() as mail:
        async with server(database_url, SETTINGS) as given:
            say(machine(given, PACKAGES))
            report = await Run(given, mail, sizes).whole()
    report.print(as_json=as_json)
