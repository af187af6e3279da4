"""A mailing whose mails come back, and a customer who writes: from the mail server through Dovecot to what follows."""

import asyncio
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import asyncpg
from aiosmtpd.smtp import SMTP

from jobrunner.config import load
from jobrunner.services.records import add_user
from tests.services.mail.importing.letters import letter
from tests.services.mailbox.conftest import KEY, PostOffice
from tests.services.massmail.reports.shapes import Sent, exim, postfix
from tests.services.massmail.sending.stage import SITE, Stage
from tests.support.daemons import DaemonProcess, until
from tests.support.dovecot import Dovecot

INVALID = "SELECT count(*) = 2 FROM jobrunner.email_address WHERE invalid"
OPTED_OUT = "SELECT count(*) = 1 FROM jobrunner.target_list_member WHERE opted_out"
ANSWERED = "SELECT count(*) = 1 FROM jobrunner.mail_follow_up WHERE reply = 'Sent'"
BACK = {"a0@d0.example.net": postfix, "a1@d1.example.net": exim}


class Returning:
    """A mail server that takes mails, and reports of some of them later that nobody is there."""

    def __init__(self, dovecot: Dovecot, mailbox: str) -> None:
        self.dovecot = dovecot
        self.mailbox = mailbox
        self.taken: dict[str, Sent] = {}

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (recipient,) = envelope.rcpt_tos
        self.taken[recipient] = sent = Sent(envelope.mail_from, recipient, envelope.original_content)
        if recipient in BACK:
            await asyncio.to_thread(self.dovecot.deliver, self.mailbox, [BACK[recipient](sent)])
        return "250 2.0.0 kept"


async def test_bounces_unsubscriptions_and_a_customer(office: PostOffice, user: str):
    """Two bounces (one by VERP alone), a mail to List-Unsubscribe, and a mail that opens a case and is answered."""
    await add_user(office.connection, "Ann", "ann@example.org", id="ann")
    template = await office.connection.fetchval(
        "INSERT INTO jobrunner.email_template (name, subject, body, is_html)"
        " VALUES ('Got it', 'Case {Case.number}', 'Thanks', false) RETURNING id"
    )
    await office.account(
        user,
        kind="Group",
        takes_unsubscriptions=True,
        create_case=True,
        assign_to_user_id="ann",
        reply=True,
        reply_email_template_id=template,
    )
    loop = asyncio.get_running_loop()
    mail_server = Returning(office.dovecot, user)
    server = await loop.create_server(lambda: SMTP(mail_server, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncpg.create_pool(office.url, min_size=0, max_size=8) as pool:
        stage = Stage(pool, office.url)
        stage.configuration = load(database_url=office.url, secret_key=KEY, site_url=SITE)
        await stage.set(mass_email_verp=True)
        await stage.add_mailing(port, 4)
        await stage.run()
    offered = mail_server.taken["a2@d2.example.net"].field("List-Unsubscribe")
    found = re.search(r"<mailto:(\S+)\?subject=(\S+)>", offered)
    assert found is not None
    now = format_datetime(datetime.now(UTC))
    unsubscribing = letter(
        sender="a2@d2.example.net", to=found[1], subject=found[2].replace("%20", " "), message_id="<u@example.net>"
    )
    asking = letter(
        sender="cus@example.com", to=f"{user}@example.org", subject="Printer", date=now, message_id="<c@example.com>"
    )
    office.dovecot.deliver(user, [unsubscribing, asking])

    daemon = DaemonProcess(
        office.url,
        imports="jobrunner.jobs",
        secret_key=KEY,
        data_dir=office.configuration.data_dir,
        smtp__host="127.0.0.1",
        smtp__port=port,
        smtp__security="none",
        smtp__from_address="system@example.org",
    )
    try:
        for what in (INVALID, OPTED_OUT, ANSWERED):
            await until(office.connection, what, limit=60)
    finally:
        assert await asyncio.to_thread(daemon.stop) == 0
        server.close()
        await server.wait_closed()

    assert await office.subjects() == ["Printer", "[#1] Case 1"]
    figures = await office.connection.fetch(
        "SELECT action::text, count(*) FROM jobrunner.campaign_log WHERE action <> 'Sent' GROUP BY action ORDER BY 1"
    )
    assert [tuple(row) for row in figures] == [("Bounced", 2), ("Opted Out", 1)]
    evidence = await office.connection.fetch("SELECT evidence FROM jobrunner.mailing_report WHERE kind = 'Bounce'")
    assert {row["evidence"] for row in evidence} == {"the address that it came to"}
    assert b"Subject: [#1] Case 1\r\n" in mail_server.taken["cus@example.com"].data
