"""Reminders in real daemons: on time, and after one was killed while it sent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from jobrunner.services.records import add_meeting, add_user
from tests.services.mail.smtp.scripted_server import SILENT, Action, ScriptedServer
from tests.support.daemons import DaemonProcess, until

SLOW = 20.0
"""Seconds that a busy machine may take for once; the schedule would be a minute later on average."""
Connection = asyncpg.Connection  # type: ignore[type-arg]


@asynccontextmanager
async def daemon(database_url: str, server: ScriptedServer, name: str) -> AsyncIterator[DaemonProcess]:
    process = DaemonProcess(
        database_url,
        imports="",
        name=name,
        smtp__host="127.0.0.1",
        smtp__port=server.port,
        smtp__security="none",
        smtp__from_address="crm@example.com",
    )
    try:
        await process.ready()
        yield process
    finally:
        if process.process.poll() is None:
            await asyncio.to_thread(process.kill)


async def test_it_arrives_within_a_second_of_its_time(database_url: str, connection: Connection):
    ann = await add_user(connection, "Ann", "ann@example.org")
    async with ScriptedServer() as server, daemon(database_url, server, "one"):
        late: list[float] = []
        for _ in range(3):
            server.reached.clear()
            start = await connection.fetchval("SELECT now() + interval '62 seconds'")
            await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Email", 60)])
            await server.until("DOT")
            took = await connection.fetchval("SELECT clock_timestamp() - max(remind_at) FROM jobrunner.reminder")
            late.append(took.total_seconds())
        await until(connection, "SELECT count(*) = 3 FROM jobrunner.reminder WHERE state = 'Sent'")
    assert all(0 <= seconds < SLOW for seconds in late), late
    assert min(late) < 1, late
    assert len(server.messages) == 3


async def test_a_daemon_killed_while_it_sends_doubles_one_mail_of_each_connection_at_most(
    database_url: str, connection: Connection
):
    """F02: another daemon takes the job back and sends the rest."""
    users = [await add_user(connection, f"u{number}", f"u{number}@example.org") for number in range(60)]
    start = await connection.fetchval("SELECT now() + interval '10 minutes'")
    finals = 0

    def answer(command: str) -> Action | None:
        nonlocal finals
        finals += 1
        return SILENT if 20 < finals <= 24 else None

    async with ScriptedServer({"DOT": answer}) as server, daemon(database_url, server, "one") as first:
        await add_meeting(connection, "Budget", start, attendees=users, reminders=[("Email", 3600)])
        await until(connection, "SELECT count(*) = 4 FROM jobrunner.reminder WHERE state = 'Sending'")
        async with asyncio.timeout(20):
            while finals < 24:
                await asyncio.sleep(0.01)
        async with daemon(database_url, server, "two"):
            await asyncio.to_thread(first.kill)
            await until(connection, "SELECT count(*) = 60 FROM jobrunner.reminder WHERE state = 'Sent'", limit=60)

    ids = Counter(identity(message.data) for message in server.messages)
    assert len(ids) == 60
    assert max(ids.values()) <= 2
    assert sum(ids.values()) <= 64
    assert {message.recipients[0] for message in server.messages} == {
        f"<u{number}@example.org>" for number in range(60)
    }


def identity(data: bytes) -> Any:
    return next(line for line in data.split(b"\r\n") if line.startswith(b"Message-ID: "))
