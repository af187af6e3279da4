"""A whole run, in its order."""

import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from jobrunner.db import migrations
from scripts.benchmarks.mailing import inspection, judging, memory, statements, turn
from scripts.benchmarks.mailing.database import SIGNED as SIGNED_ACCOUNT
from scripts.benchmarks.mailing.database import UNSIGNED, Database
from scripts.benchmarks.mailing.keys import make_key
from scripts.benchmarks.mailing.mass_mail import Daemon, MassMail
from scripts.benchmarks.mailing.names import LOOP, LOOP_SIGNED, OURS, SIGNED
from scripts.benchmarks.mailing.obvious_loop import ObviousLoop
from scripts.benchmarks.mailing.profiling import Spy
from scripts.benchmarks.mailing.sink import Sink
from scripts.benchmarks.mailing.sizes import LONG, QUICK, Sizes
from scripts.benchmarks.mailing.smtp_source import SmtpSource
from scripts.benchmarks.mailing.system import Sender
from scripts.benchmarks.report import Report, say
from scripts.benchmarks.samples import Samples, turns
from scripts.benchmarks.server import Server, machine, server

PACKAGES = ("jobrunner", "asyncpg", "uvloop", "aiosmtplib", "dkimpy", "cryptography", "jinja2")
COSTLIEST_STATEMENTS = 3
COSTLIEST_LINES = 12


class Run:
    """One run: everybody sends in turns; then ours is looked into; then ours in sizes."""

    def __init__(self, given: Server, sink: Sink, sizes: Sizes) -> None:
        self.server = given
        self.sink = sink
        self.sizes = sizes
        self.key = make_key()
        self.samples = Samples()
        self.report = Report()
        self.began = time.perf_counter()

    def tell(self, what: str) -> None:
        """Say what comes now, and how long it took to come here."""
        say(f"{time.perf_counter() - self.began:6.1f} s  {what}")

    async def whole(self) -> Report:
        """Measure everything."""
        self.tell(f"a database with {self.sizes.people:,} people")
        url = await self.server.create_database("mailing")
        await migrations.upgrade(url)
        database = Database(url, self.key)
        try:
            await database.open(self.sizes.people)
            await self.compare(database)
            await self.look_into(database)
            await self.grow(database)
        finally:
            await database.close()
        self.tell("done")
        return self.report

    async def compare(self, database: Database) -> None:
        """Measure all systems, in turns."""
        async with running(database) as daemon:
            ours = [MassMail(OURS, UNSIGNED, database, daemon), MassMail(SIGNED, SIGNED_ACCOUNT, database, daemon)]
            with loops(self.sizes, self.key) as (loop, signing_loop):
                self.tell("what each of them sends")
                signing: dict[Sender, str | None] = {ours[1]: self.key, signing_loop: self.key}
                octets = {
                    system.name: await inspection.look_at(system, signing.get(system))
                    for system in (*ours, loop, signing_loop)
                }
                source = SmtpSource(round(octets[OURS]))
                octets[source.name] = await inspection.size_of(source)
                judging.add_sizes(self.report, octets)
                counts: dict[Sender, int] = {loop: self.sizes.by_loop, signing_loop: self.sizes.by_signing_loop}
                for number in range(self.sizes.rounds):
                    for system in turns([*ours, loop, signing_loop, source], number):
                        count = counts.get(system, self.sizes.recipients)
                        self.tell(f"{system.name}: {count:,} messages")
                        await turn.measure(system, count, self.sink, self.server, self.samples)
        judging.add_comparison(self.report, self.samples)

    async def look_into(self, database: Database) -> None:
        """See where the time of ours goes, in turns of their own, since looking takes time itself."""
        count = self.sizes.profiled
        counting = await statements.start_counting(database)
        async with running(database) as daemon:
            for name, account in ((OURS, UNSIGNED), (SIGNED, SIGNED_ACCOUNT)):
                system = MassMail(name, account, database, daemon)
                await system.send(inspection.INSPECTED, self.sink.port)
                if counting:
                    await statements.forget(database)
                self.tell(f"{name}: {count:,} messages, looked into")
                spy = Spy(daemon.pid)
                try:
                    looks = await spy.ready()
                    sent = await system.send(count, self.sink.port)
                    if looks:
                        profile = await spy.end()
                        judging.add_steps(self.report, name, profile, sent.cpu / count * 1e6)
                        for line, seen in profile.lines.most_common(COSTLIEST_LINES):
                            say(f"{seen / profile.lines.total():9.1%}  {line}")
                finally:
                    spy.stop()
                if counting:
                    costly = await statements.read(database, COSTLIEST_STATEMENTS)
                    judging.add_statements(self.report, name, costly, count)
                    for statement in costly:
                        each = statement.milliseconds / statement.calls
                        say(f"{statement.calls:8,} x {each:.3g} ms  {statement.name}")
        if counting:
            await statements.stop_counting(database)

    async def grow(self, database: Database) -> None:
        """Measure memory, in a fresh daemon for each size."""
        peaks: dict[int, float] = {}
        for count in self.sizes.memory:
            async with running(database) as daemon:
                system = MassMail(OURS, UNSIGNED, database, daemon)
                await system.send(inspection.INSPECTED, self.sink.port)
                self.tell(f"{OURS}: {count:,} messages by a fresh daemon")
                before = self.sink.messages()
                await system.send(count, self.sink.port)
                self.sink.check(before, count, OURS)
                peaks[count] = memory.peak(daemon.pid)
        judging.add_memory(self.report, peaks)


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Daemon]:
    """Run a daemon."""
    daemon = Daemon(database)
    try:
        yield daemon
    finally:
        await daemon.stop()


@contextmanager
def loops(sizes: Sizes, key: str) -> Iterator[tuple[ObviousLoop, ObviousLoop]]:
    """Run the obvious loop's processes: without a key, and with one."""
    with tempfile.TemporaryDirectory(prefix="jobrunner-bench-key-") as folder:
        key_file = Path(folder) / "dkim.pem"
        key_file.write_text(key)
        started: list[ObviousLoop] = []
        try:
            started.append(ObviousLoop(LOOP, sizes.people))
            started.append(ObviousLoop(LOOP_SIGNED, sizes.people, key_file))
            yield started[0], started[1]
        finally:
            for loop in started:
                loop.stop()


async def main(*, quick: bool, as_json: bool, database_url: str | None) -> None:
    """Run and print."""
    sizes = QUICK if quick else LONG
    with Sink() as sink:
        async with server(database_url, statements.SETTINGS) as given:
            say(machine(given, PACKAGES))
            report = await Run(given, sink, sizes).whole()
    report.print(as_json=as_json)
