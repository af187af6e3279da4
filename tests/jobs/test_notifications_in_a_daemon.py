"""Notifications in real daemons: on time, assignments at once, and each once with two of them."""

import asyncio
from typing import Any

import asyncpg

from jobrunner.queue.settings import set_setting
from jobrunner.services.notifications import notify
from jobrunner.services.records import add_task, add_user
from tests.jobs.test_reminders_in_a_daemon import SLOW, daemon, identity
from tests.services.mail.smtp.scripted_server import SILENT, Action, ScriptedServer
from tests.support.daemons import until

Connection = asyncpg.Connection  # type: ignore[type-arg]


async def switch_on(connection: Connection, **settings: Any) -> None:
    defaults = {"stream_email_notifications": True, "assignment_email_notifications": True}
    for name, value in (defaults | settings).items():
        await set_setting(connection, name, value, by="test")


async def test_a_mail_goes_within_a_second_after_its_delay(database_url: str, connection: Connection):
    await switch_on(connection, email_notifications_delay=2)
    await add_user(connection, "Ann", "ann@example.org", id="ann")
    async with ScriptedServer() as server, daemon(database_url, server, "one"):
        late: list[float] = []
        for number in range(4):
            server.reached.clear()
            await notify(connection, "ann", "Post", {"post": "Hello"}, parent=("Case", str(number)))
            await server.until("DOT")
            took = await connection.fetchval(
                "SELECT clock_timestamp() - max(next_attempt_at) FROM jobrunner.notification"
            )
            late.append(took.total_seconds())
        await until(connection, "SELECT count(*) = 4 FROM jobrunner.notification WHERE mail = 'Sent'")
    print(f"seconds after the delay: {late}")
    assert all(0 <= seconds < SLOW for seconds in late), late
    assert min(late) < 1, late
    assert len(server.messages) == 4


async def test_an_assignment_is_mailed_at_once(database_url: str, connection: Connection):
    await switch_on(connection)
    await add_user(connection, "Ann", "ann@example.org", id="ann")
    async with ScriptedServer() as server, daemon(database_url, server, "one"):
        late: list[float] = []
        for _ in range(4):
            server.reached.clear()
            async with connection.transaction():
                task = await add_task(connection, "Call back", None, assigned_user="ann")
                await notify(connection, "ann", "Assignment", parent=("Task", task))
            await server.until("DOT")
            took = await connection.fetchval("SELECT clock_timestamp() - max(created_at) FROM jobrunner.notification")
            late.append(took.total_seconds())
        await until(connection, "SELECT count(*) = 4 FROM jobrunner.notification WHERE mail = 'Sent'")
    print(f"seconds after the assignment: {late}")
    assert all(seconds < SLOW for seconds in late), late
    assert min(late) < 1, late


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
