"""The jobs SendEmailNotifications and SendAssignmentEmails: thin, configured, and cheap to import."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration
from jobrunner.definitions import registry
from jobrunner.errors import ConfigurationError
from jobrunner.jobs.send_email_notifications import send_assignment_emails, send_email_notifications
from jobrunner.queue.settings import set_setting
from jobrunner.services.notifications import notify
from jobrunner.services.records import add_user
from tests.services.mail.smtp.scripted_server import ScriptedServer

NOTHING = {
    "sent": 0,
    "mails": 0,
    "postponed": 0,
    "failed": 0,
    "skipped": 0,
    "missed": 0,
    "uncertain": 0,
    "lost": 0,
    "has_more": False,
    "held": None,
}


class Context:
    """What the jobs use of a JobContext."""

    def __init__(self, pool: Any, server: ScriptedServer | None = None) -> None:
        smtp = {} if server is None else {"host": "127.0.0.1", "port": server.port, "security": "none"}
        if server is not None:
            smtp["from_address"] = "crm@example.com"
        self.job_id = 4711
        self.log = logging.getLogger("jobrunner.job.SendEmailNotifications")
        self.cancelled = False
        self.configuration = Configuration(smtp=smtp, site_url="https://crm.example.com")  # type: ignore[arg-type]
        self.again = self.idle = False
        self.fraction = 0.0
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection:
            yield connection

    def progress(self, fraction: float, message: str | None = None) -> None:
        self.fraction = fraction

    def more(self) -> None:
        self.again = True

    def nothing_to_do(self) -> None:
        self.idle = True


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool:
        yield pool


async def notify_ann(pool: Any, type: str = "Post") -> None:
    async with pool.acquire() as connection:
        for name in ("email_notifications_delay", "stream_email_notifications", "assignment_email_notifications"):
            await set_setting(connection, name, 0 if name.endswith("delay") else True, by="test")
        await add_user(connection, "Ann", "ann@example.org", id="ann")
        await notify(connection, "ann", type, {"post": "Hello"}, parent=("Case", "1"))


def test_their_definitions():
    registry.load()
    definition = registry.find("send-email-notifications")
    assert (definition.name, definition.crontab, definition.often) == ("SendEmailNotifications", "*/2 * * * *", True)
    assignments = registry.find("SendAssignmentEmails")
    assert (assignments.queue, assignments.crontab) == ("e0", None)
    assert not any(one.blocking or one.has_data or one.deadline is None for one in (definition, assignments))


async def test_nothing_to_do(pool: Any):
    context = Context(pool)
    assert await send_email_notifications(context) == NOTHING
    assert context.idle
    assert not context.again


async def test_it_mails_by_the_account_of_the_configuration(pool: Any):
    await notify_ann(pool)
    async with ScriptedServer() as server:
        context = Context(pool, server)
        assert await send_email_notifications(context) == NOTHING | {"sent": 1, "mails": 1}
    assert not context.idle
    assert context.fraction == 1
    assert [message.sender for message in server.messages] == ["<crm@example.com>"] or [
        message.sender.split()[0] for message in server.messages
    ] == ["<crm@example.com>"]


async def test_it_mails_by_the_system_account_of_the_database(pool: Any):
    await notify_ann(pool)
    async with ScriptedServer() as server, ScriptedServer() as other:
        await pool.execute(
            "INSERT INTO jobrunner.smtp_account (name, kind, host, port, security, from_address, reply_to_address)"
            " VALUES ('mailer', 'System', '127.0.0.1', $1, 'none', 'mailer@example.com', 'help@example.com')",
            server.port,
        )
        assert (await send_email_notifications(Context(pool, other)))["sent"] == 1
    assert other.messages == []
    (message,) = server.messages
    assert b"\r\nFrom: mailer@example.com\r\n" in message.data
    assert b"\r\nReply-To: help@example.com\r\n" in message.data


async def test_assignments(pool: Any):
    await notify_ann(pool, "Assignment")
    async with ScriptedServer() as server:
        context = Context(pool, server)
        assert (await send_assignment_emails(context))["sent"] == 1
        assert (await send_assignment_emails(context))["sent"] == 0
    assert len(server.messages) == 1


async def test_without_a_server_it_fails_with_one_sentence(pool: Any):
    await notify_ann(pool)
    with pytest.raises(
        ConfigurationError,
        match=r"^1 notification is due and cannot be mailed: there is no system account to send by: set JOBRUNNER_SMTP",
    ):
        await send_email_notifications(Context(pool))
    assert await pool.fetchval("SELECT count(*) FROM jobrunner.notification WHERE mail = 'Waiting'") == 1
