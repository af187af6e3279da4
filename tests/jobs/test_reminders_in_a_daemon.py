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


async def unschedule(connection: Connection, job: str) -> None:
    """Leave a job to what wakes it."""
    stopped = await connection.execute("UPDATE jobrunner.scheduled_job SET status = 'Inactive' WHERE job = $1", job)
    assert stopped == "UPDATE 1"


async def test_each_is_sent_by_a_job_of_its_own_moment(database_url: str, connection: Connection):
    """Without the schedule, and never early; how quick it is the benchmarks tell."""
    ann = await add_user(connection, "Ann", "ann@example.org")
    async with ScriptedServer() as server, daemon(database_url, server, "one"):
        await unschedule(connection, "SendEmailReminders")
        for number in range(1, 4):
            server.reached.clear()
            start = await connection.fetchval("SELECT now() + interval '62 seconds'")
            await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Email", 60)])
            await server.until("DOT")
            assert await connection.fetchval("SELECT clock_timestamp() > max(remind_at) FROM jobrunner.reminder")
            await until(
                connection,
                "SELECT count(*) = $1 FROM jobrunner.reminder AS r JOIN jobrunner.job_history AS h"
                " ON h.execute_at = r.remind_at WHERE h.name = 'SendEmailReminders' AND h.scheduled_job_id IS NULL"
                " AND h.started_at >= r.remind_at AND h.result->>'sent' = '1' AND r.state = 'Sent'",
                number,
            )
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
