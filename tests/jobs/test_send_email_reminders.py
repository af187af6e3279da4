"""The job SendEmailReminders: thin, configured, and cheap to import."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration
from jobrunner.definitions import registry
from jobrunner.errors import ConfigurationError
from jobrunner.jobs.send_email_reminders import send_email_reminders
from jobrunner.services.records import add_meeting, add_user
from tests.services.mail.smtp.scripted_server import ScriptedServer


class Context:
    """What the job uses of a JobContext."""

    def __init__(self, pool: Any, smtp: dict[str, Any]) -> None:
        self.job_id = 4711
        self.log = logging.getLogger("jobrunner.job.SendEmailReminders")
        self.cancelled = False
        self.configuration = Configuration(smtp=smtp, site_url="https://crm.example.com")  # type: ignore[arg-type]
        self.again = False
        self.idle = False
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection:
            yield connection

    def more(self) -> None:
        self.again = True

    def nothing_to_do(self) -> None:
        self.idle = True


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        yield pool


async def remind(pool: Any, *names: str) -> None:
    now = await pool.fetchval("SELECT now() + interval '5 minutes'")
    async with pool.acquire() as connection:
        users = [await add_user(connection, name, f"{name}@example.org") for name in names]
        await add_meeting(connection, "Budget", now, attendees=users, reminders=[("Email", 3600)])


def test_its_definition():
    registry.load()
    definition = registry.find("send-email-reminders")

    assert definition.name == "SendEmailReminders"
    assert definition.crontab == "*/2 * * * *"
    assert definition.often
    assert not definition.blocking
    assert not definition.has_data
    assert definition.deadline is not None


def test_importing_the_jobs_imports_no_mail():
    code = (
        "import sys, jobrunner.jobs; "
        "print([m for m in ('aiosmtplib', 'email', 'asyncpg', 'pydantic', 'ssl') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "aiosmtplib" not in answer.stdout
    assert "pydantic" not in answer.stdout


async def test_it_sends_what_is_due_as_it_is_configured(pool: Any):
    await remind(pool, "ann", "bob")
    async with ScriptedServer() as server:
        context = Context(
            pool,
            {
                "host": "127.0.0.1",
                "port": server.port,
                "security": "none",
                "from_address": "crm@example.com",
                "from_name": "The CRM",
                "local_hostname": "app.example.com",
            },
        )
        result = await send_email_reminders(context)

    assert result == {
        "sent": 2,
        "postponed": 0,
        "failed": 0,
        "skipped": 0,
        "missed": 0,
        "uncertain": 0,
        "lost": 0,
        "has_more": False,
        "held": None,
    }
    assert not context.again
    assert not context.idle
    assert sorted(message.recipients[0] for message in server.messages) == ["<ann@example.org>", "<bob@example.org>"]
    assert all(b"From: The CRM <crm@example.com>\r\n" in message.data for message in server.messages)
    assert server.commands[0] == "EHLO app.example.com"


async def test_without_a_server_it_fails_with_one_sentence_only_when_something_is_due(pool: Any):
    context = Context(pool, {})
    assert (await send_email_reminders(context))["sent"] == 0
    assert context.idle

    await remind(pool, "ann")
    with pytest.raises(
        ConfigurationError, match=r"^1 reminder is due and no mail server is configured: set JOBRUNNER_SMTP__HOST"
    ):
        await send_email_reminders(context)
    assert await pool.fetchval("SELECT count(*) FROM jobrunner.reminder WHERE state = 'Waiting'") == 1


async def test_a_run_that_released_what_was_lost_has_not_been_idle(pool: Any):
    await remind(pool, "ann")
    await pool.execute(
        "UPDATE jobrunner.reminder SET state = 'Sending', doubt_count = 1, sender_token = 1,"
        " sender_until = now() - interval '1 second'"
    )
    context = Context(pool, {})
    assert (await send_email_reminders(context))["lost"] == 1
    assert not context.idle


async def test_its_own_time_wakes_it(pool: Any):
    """The job is queued for the very moment, in the transaction that plans it."""
    async with pool.acquire() as connection:
        user = await add_user(connection, "ann", "ann@example.org")
        start = await connection.fetchval("SELECT now() + interval '1 hour'")
        await add_meeting(connection, "Budget", start, attendees=[user], reminders=[("Email", 60)])
        rows = await connection.fetch("SELECT name, execute_at, status, hold, data FROM jobrunner.job")
        (remind_at,) = await connection.fetchrow("SELECT remind_at FROM jobrunner.reminder")

    assert [tuple(row) for row in rows] == [("SendEmailReminders", remind_at, "Pending", "Time", "{}")]
