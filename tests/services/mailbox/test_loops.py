"""Two answering machines against each other, over a mail server and Dovecot, with daemons as they are started (F54)."""

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from aiosmtpd.smtp import SMTP

from jobrunner.config import load
from jobrunner.db.pool import Pool
from tests.conftest import lend_database
from tests.services.mail.importing.letters import letter
from tests.services.mailbox.conftest import KEY, PostOffice
from tests.support.daemons import DaemonProcess, until
from tests.support.dovecot import Dovecot

WATCHED = "SELECT count(*) = $1 FROM jobrunner.mail_account_state WHERE watched_at > now() - interval '1 min'"
DECIDED = "SELECT count(*) >= $1 FROM jobrunner.mail_follow_up WHERE finished_at IS NOT NULL"
REFUSED = "SELECT count(*) > 0 FROM jobrunner.mail_follow_up WHERE reply_reason LIKE '%(email_auto_reply_limit)%'"
MARKS = (
    "Auto-Submitted", "X-Auto-Response-Suppress", "Precedence", "In-Reply-To", "References", "Return-Path",
)  # fmt: skip


class Exchange:
    """A mail server that delivers to Dovecot: the part before the @ is the mailbox. It may be one that strips mails of
    all that tells a machine from a person."""

    def __init__(self, dovecot: Dovecot) -> None:
        self.dovecot = dovecot
        self.strips = False
        self.port = 0
        self.sent: list[tuple[str, str]] = []
        """Senders of the envelope and recipients."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (recipient,) = envelope.rcpt_tos
        sender = envelope.mail_from.strip("<>")
        self.sent.append((sender, recipient))
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.SMTP)
        if self.strips:
            for name in MARKS:
                del message[name]
        message["Return-Path"] = f"<{message['From'] if self.strips else sender}>"
        user = recipient.partition("@")[0]
        await asyncio.to_thread(self.dovecot.deliver, user, [message.as_bytes()])
        return "250 2.0.0 kept"


@asynccontextmanager
async def listening(exchange: Exchange) -> AsyncIterator[Exchange]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(exchange, loop=loop), "127.0.0.1", 0)
    exchange.port = server.sockets[0].getsockname()[1]
    try:
        yield exchange
    finally:
        server.close()
        await server.wait_closed()


async def answering(office: PostOffice, user: str, domain: str, *, limit: int = 5) -> int:
    """A group account that answers whatever comes."""
    await office.connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('email_auto_reply_limit', $1) ON CONFLICT DO NOTHING",
        json.dumps(limit),
    )
    template = await office.connection.fetchval(
        "INSERT INTO jobrunner.email_template (name, subject, body, is_html) VALUES ($1, 'We got it', 'Thanks', false)"
        " RETURNING id",
        f"thanks of {user}",
    )
    return await office.account(
        user, kind="Group", email_address=f"{user}@{domain}", reply=True, reply_email_template_id=template
    )


@asynccontextmanager
async def running(exchange: Exchange, *offices: PostOffice, accounts: int = 1) -> AsyncIterator[None]:
    """A daemon for each, which watches its accounts."""
    processes = [
        DaemonProcess(
            office.url,
            imports="jobrunner.jobs",
            secret_key=KEY,
            data_dir=office.configuration.data_dir,
            smtp__host="127.0.0.1",
            smtp__port=exchange.port,
            smtp__security="none",
            smtp__from_address="system@example.org",
        )
        for office in offices
    ]
    try:
        for office in offices:
            await until(office.connection, WATCHED, accounts, limit=60)
        yield
    finally:
        codes = await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))
    assert codes == [0] * len(processes)


def first(sender: str, to: str) -> bytes:
    now = format_datetime(datetime.now(UTC))
    return letter(sender=sender, to=to, date=now, message_id=f"<{uuid4()}@example.com>", Return_Path=f"<{sender}>")


async def replies(office: PostOffice) -> list[str | None]:
    rows = await office.connection.fetch("SELECT reply::text FROM jobrunner.mail_follow_up ORDER BY email_id")
    return [row["reply"] for row in rows]


async def test_two_of_our_own_accounts_and_one_that_writes_to_itself(office: PostOffice, user: str):
    """F54: addresses of ours are never answered. A customer's mail to both is, once."""
    other = office.dovecot.new_user()
    one, two = f"{user}@example.org", f"{other}@example.org"
    await answering(office, user, "example.org")
    await answering(office, other, "example.org")
    async with listening(Exchange(office.dovecot)) as exchange, running(exchange, office, accounts=2):
        office.dovecot.deliver(user, [first(two, one)])
        office.dovecot.deliver(other, [first(one, two)])
        await until(office.connection, DECIDED, 2)
        office.dovecot.deliver(user, [first(one, one)])
        await until(office.connection, DECIDED, 3)
        customers = first("cus@example.com", f"{one}, {two}")
        office.dovecot.deliver(user, [customers])
        office.dovecot.deliver(other, [customers])
        await until(office.connection, DECIDED, 5)
    assert exchange.sent == [("", "cus@example.com")]


async def test_two_installations_that_answer_each_other(office: PostOffice, elsewhere: PostOffice, user: str):
    """F54: neither knows the other's addresses. One answer ends it, which says of itself what it is; and where
    something between them strips mails of marks, return path and thread, each answers as often as it may."""
    other = office.dovecot.new_user()
    one, two = f"{user}@example.org", f"{other}@example.net"
    await answering(office, user, "example.org", limit=2)
    await answering(elsewhere, other, "example.net", limit=2)
    async with listening(Exchange(office.dovecot)) as exchange, running(exchange, office, elsewhere):
        office.dovecot.deliver(user, [first(two, one)])
        await until(elsewhere.connection, DECIDED, 1)
        await until(office.connection, DECIDED, 1)
        assert exchange.sent == [("", two)]
        assert (await replies(office), await replies(elsewhere)) == (["Sent"], ["Skipped"])

        exchange.strips = True
        office.dovecot.deliver(user, [first(two, one)])
        await until(office.connection, REFUSED, limit=40)
        await until(office.connection, DECIDED, 3)
        await until(elsewhere.connection, DECIDED, 2)
    assert [recipient for _, recipient in exchange.sent[1:]] == [two, one]
    assert (await replies(office), await replies(elsewhere)) == (["Sent", "Sent", "Skipped"], ["Skipped", "Sent"])


@pytest.fixture
def other_database_url(
    server: "psycopg.Connection[Any]", server_url: str, template: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    yield from lend_database(server, server_url, template, request)


@pytest.fixture
async def elsewhere(other_database_url: str, tmp_path: Path, dovecot: Dovecot) -> AsyncIterator[PostOffice]:
    """Another installation, with mailboxes at the same server."""
    configuration = load(
        database_url=other_database_url, migrate_on_start=False, data_dir=tmp_path / "elsewhere", secret_key=KEY
    )
    connection = await asyncpg.connect(other_database_url)
    async with Pool(other_database_url, size=2) as pool:
        yield PostOffice(connection, pool, other_database_url, configuration, dovecot)
    await connection.close()
