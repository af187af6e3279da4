"""Mails of a mass e-mail in the Sent folder: only where the mailing says so, and as they were taken."""

import pytest

from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import Stage

NAMES_IT = """
INSERT INTO jobrunner.inbound_email (
    name, email_address, host, username, fetch_since, store_sent_emails, sent_folder, smtp_account_id
)
VALUES ('news', 'news@example.com', 'mail.example.com', 'news', '2026-01-01', true, 'Sent', $1)
"""


@pytest.mark.parametrize("stores", [True, False])
async def test_what_was_taken_is_kept_where_the_mailing_says_so(stage: Stage, stores: bool):
    script = {"RCPT": lambda command: "550 5.1.1 no such" if "a1@" in command else None}
    async with ScriptedServer(script) as server:  # type: ignore[arg-type]
        await stage.add_mailing(server.port, 3, store_sent_emails=stores)
        await stage.pool.execute(NAMES_IT, stage.account)
        report = await stage.run()
    assert report is not None
    assert (await stage.counts())["Sent"] == 2
    rows = await stage.pool.fetch("SELECT message_id, content FROM jobrunner.sent_copy")
    assert len(rows) == (2 if stores else 0)
    taken = [message.data for message in server.messages]
    for row in rows:
        assert row["content"] in taken
        assert f"Message-ID: {row['message_id']}\r\n".encode() in row["content"]


async def test_what_cannot_be_kept_is_sent_all_the_same(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2, store_sent_emails=True)
        await stage.pool.execute(NAMES_IT, stage.account)
        await stage.pool.execute("ALTER TABLE jobrunner.sent_copy ADD CONSTRAINT never CHECK (false)")
        await stage.run()
    assert await stage.counts() == {"Sent": 2}
