"""Notifications in real daemons: at their moment, assignments at once, and each once with two of them."""

import asyncio
from typing import Any

import asyncpg

from jobrunner.queue.settings import set_setting
from jobrunner.services.notifications import notify
from jobrunner.services.records import add_task, add_user
from tests.jobs.test_reminders_in_a_daemon import daemon, identity, unschedule
from tests.services.mail.smtp.scripted_server import SILENT, Action, ScriptedServer
from tests.support.daemons import until

Connection = asyncpg.Connection  # type: ignore[type-arg]


async def switch_on(connection: Connection, **settings: Any) -> None:
    defaults = {"stream_email_notifications": True, "assignment_email_notifications": True}
    for name, value in (defaults | settings).items():
        await set_setting(connection, name, value, by="test")


async def test_each_mail_goes_by_a_job_of_its_own_moment(database_url: str, connection: Connection):
    """Without the schedule, and never before its delay; how quick it is the benchmarks tell."""
    await switch_on(connection, email_notifications_delay=2)
    await add_user(connection, "Ann", "ann@example.org", id="ann")
    async with ScriptedServer() as server, daemon(database_url, server, "one"):
        await unschedule(connection, "SendEmailNotifications")
        for number in range(1, 5):
            server.reached.clear()
            await notify(connection, "ann", "Post", {"post": "Hello"}, parent=("Case", str(number)))
            due = await connection.fetchval("SELECT max(next_attempt_at) FROM jobrunner.notification")
            await server.until("DOT")
            assert await connection.fetchval("SELECT clock_timestamp() > $1", due)
            await until(
                connection,
                "SELECT (SELECT count(*) FROM jobrunner.notification WHERE mail = 'Sent') = $1"
                " AND EXISTS (SELECT FROM jobrunner.job_history AS h WHERE h.name = 'SendEmailNotifications'"
                " AND h.execute_at - $2 BETWEEN interval '0' AND interval '250 ms' AND h.started_at >= $2"
                " AND h.result->>'sent' = '1')",
                number,
                due,
            )
    assert len(server.messages) == 4


async def test_an_assignment_is_mailed_by_a_job_that_begins_with_it(database_url: str, connection: Connection):
    await switch_on(connection)
    await add_user(connection, "Ann", "ann@example.org", id="ann")
    async with ScriptedServer() as server, daemon(database_url, server, "one"):
        await unschedule(connection, "SendEmailNotifications")
        for number in range(1, 5):
            server.reached.clear()
            async with connection.transaction():
                task = await add_task(connection, "Call back", None, assigned_user="ann")
                await notify(connection, "ann", "Assignment", parent=("Task", task))
            await server.until("DOT")
            await until(
                connection,
                "SELECT (SELECT count(*) FROM jobrunner.notification WHERE mail = 'Sent') = $1"
                " AND (SELECT count(*) FROM jobrunner.job_history AS h WHERE h.name = 'SendAssignmentEmails'"
                " AND h.execute_at = h.created_at AND h.result->>'sent' = '1') = $1",
                number,
            )
    assert len(server.messages) == 4


async def test_a_daemon_killed_while_it_sends_doubles_one_mail_of_each_connection_at_most(
    database_url: str, connection: Connection
):
    """F02: another daemon takes the job back and mails the rest."""
    await switch_on(connection, email_notifications_delay=0)
    for number in range(40):
        await add_user(connection, f"u{number}", f"u{number}@example.org", id=f"u{number}")
    finals = 0

    def answer(command: str) -> Action | None:
        nonlocal finals
        finals += 1
        return SILENT if 20 < finals <= 24 else None

    async with ScriptedServer({"DOT": answer}) as server, daemon(database_url, server, "one") as first:
        await connection.execute(
            "INSERT INTO jobrunner.notification (user_id, type, parent_type, parent_id)"
            " SELECT 'u' || n, 'Post', 'Case', '1' FROM generate_series(0, 39) AS n"
        )
        await until(connection, "SELECT count(*) = 4 FROM jobrunner.notification WHERE mail = 'Sending'")
        async with asyncio.timeout(20):
            while finals < 24:
                await asyncio.sleep(0.01)
        async with daemon(database_url, server, "two"):
            await asyncio.to_thread(first.kill)
            await until(connection, "SELECT count(*) = 40 FROM jobrunner.notification WHERE mail = 'Sent'", limit=60)

    received = [identity(message.data) for message in server.messages]
    assert len(set(received)) == 40
    assert len(received) <= 44
    assert {message.recipients[0] for message in server.messages} == {f"<u{n}@example.org>" for n in range(40)}
