"""New mail under IDLE: from the server's push to the commit of the mail."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from scripts.benchmarks.receiving.daemon import Daemon
from scripts.benchmarks.receiving.letters import letter
from tests.support.dovecot import Dovecot

LIMIT = 90.0
COMMITTED = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(e.xmin))
FROM jobrunner.email AS e
WHERE e.subject = $1
"""
THERE = "SELECT EXISTS (SELECT FROM jobrunner.email AS e WHERE e.subject = $1)"
IS_QUIET = "SELECT NOT EXISTS (SELECT FROM jobrunner.job AS j WHERE j.name = 'CheckEmailAccounts')"
WATCHED = "SELECT count(*) FROM jobrunner.mail_account_state AS s WHERE s.watched_at IS NOT NULL"


class Wire:
    """Stands between daemon and server, and notes when the server tells an idling client of a new message."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.pushes: list[float] = []
        """Seconds since the epoch."""

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            idling = [False]
            with suppress(OSError):
                await asyncio.gather(
                    self._pass(reader, far_writer, idling, is_client=True),
                    self._pass(far_reader, writer, idling, is_client=False),
                )
            for side in (writer, far_writer):
                side.transport.abort()
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idling: list[bool], *, is_client: bool
    ) -> None:
        while octets := await reader.read(65536):
            if is_client:
                idling[0] = octets.rstrip().endswith(b" IDLE")
            elif idling[0] and b" EXISTS" in octets:
                self.pushes.append(time.time())
            writer.write(octets)
        with suppress(OSError):
            writer.write_eof()


async def wait(connection: Any, query: str, *arguments: Any, wanted: int = 1, every: float = 0.01) -> None:
    """Wait until a query gives at least so much."""
    async with asyncio.timeout(LIMIT):
        while True:
            if (await connection.fetchval(query, *arguments) or 0) >= wanted:
                return
            await asyncio.sleep(every)


async def measure_pushes(daemon: Daemon, server: Dovecot, count: int) -> list[float]:
    """Return milliseconds from the push to the commit, of messages that come one after another."""
    user = server.new_user()
    took: list[float] = []
    async with Wire(server.port) as wire:
        await daemon.add_account(user, wire.port, idle=True)
        await daemon.start()
        await wait(daemon.connection, WATCHED)
        for number in range(-1, count):
            await wait(daemon.connection, IS_QUIET)
            wire.pushes.clear()
            subject = f"push {number}"
            await asyncio.to_thread(server.deliver, user, [letter(subject)])
            await wait(daemon.connection, THERE, subject)
            if number >= 0:  # the first one starts the processes that read
                took.append((float(await daemon.connection.fetchval(COMMITTED, subject)) - wire.pushes[0]) * 1000)
    return took


async def measure_firings(daemon: Daemon, server: Dovecot, count: int) -> list[float]:
    """Return seconds from the full minute to the commit, of messages that nobody is told of."""
    user = server.new_user()
    took: list[float] = []
    await daemon.set("mail_idle", "no")
    await daemon.add_account(user, server.port, idle=True)
    await daemon.start()
    for number in range(count):
        subject = f"firing {number}"
        await asyncio.to_thread(server.deliver, user, [letter(subject)])
        delivered = time.time()
        await wait(daemon.connection, THERE, subject, every=0.1)
        committed = float(await daemon.connection.fetchval(COMMITTED, subject))
        took.append(committed - (delivered // 60 + 1) * 60)
    return took
