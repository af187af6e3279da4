"""From a notification to the answer to it: sent, stored in the Sent folder, met there again, answered."""

import json
from typing import Any

from jobrunner.queue.settings import set_setting
from jobrunner.services.mail.importing.storing import Importer, load_record_ids
from jobrunner.services.mailbox.fetching import files_root
from jobrunner.services.mailbox.sent import StoreRun
from jobrunner.services.notifications import notify
from jobrunner.services.notifications.run import Run
from tests.services.mail.accounts.books import add_row
from tests.services.mail.imap.conftest import QUICK
from tests.services.mail.importing.letters import letter
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.mailbox.conftest import PostOffice


async def notified(office: PostOffice, server: ScriptedServer) -> str:
    """Mail a user what happened to a case; return the mail's Message-ID."""
    here = office.connection
    await set_setting(here, "stream_email_notifications", True, "test")
    await here.execute(
        "INSERT INTO jobrunner.app_user (id, name, email) VALUES ('bob', 'Bob', 'bob@example.org')"
        " ON CONFLICT DO NOTHING"
    )
    number = await notify(here, "bob", "Post", {"post": "Hello"}, parent=("Case", "c1"), parent_name="Printer")
    await here.execute(
        "UPDATE jobrunner.notification SET (created_at, next_attempt_at) = (created_at - interval '31 s',"
        " now() - interval '1 s') WHERE number = $1",
        number,
    )
    report = await Run(office.connect, office.configuration).send()
    assert report.sent == 1, report
    id: Any = await here.fetchval("SELECT message_id FROM jobrunner.notification WHERE number = $1", number)
    assert id.encode() in server.messages[-1].data
    return str(id)


async def importer(office: PostOffice) -> Importer:
    ids = await load_record_ids(office.connection, office.keyring, office.configuration.site_url)
    return Importer(files_root(office.configuration), record_ids=ids)


async def test_a_notification_its_copy_and_its_answer(office: PostOffice, user: str):
    """The copy in the Sent folder is no mail that came in; a forged one is; an answer is about the case."""
    async with ScriptedServer() as server:
        system = await add_row(
            office.connection,
            name="ours",
            kind="System",
            host="127.0.0.1",
            port=server.port,
            security="none",
            from_address="crm@example.org",
        )
        id = await office.account(
            user,
            kind="Group",
            smtp_account_id=int(system),
            store_sent_emails=True,
            sent_folder="Sent",
            monitored_folders=["INBOX", "Sent"],
        )
        ours = await notified(office, server)
    stored = await StoreRun(office.connect, office.configuration, "Group", id, limits=QUICK).store()
    assert stored.stored == 1
    forged = ours.replace("<jr.n.", "<jr.n.aa")
    office.dovecot.deliver(
        user,
        [
            letter(subject="forged", message_id=forged),
            letter(subject="Re: Printer", message_id="<answer@example.org>", In_Reply_To=ours, References=ours),
            letter(subject="of a stranger", message_id="<other@example.org>", In_Reply_To=forged),
        ],
    )
    report = await office.fetch(id, kind="Group", importer=await importer(office))
    assert report.messages == {"Imported": 3, "Dropped": 1}
    rows = await office.connection.fetch("SELECT subject, parent_type, parent_id FROM jobrunner.email ORDER BY subject")
    assert [tuple(row) for row in rows] == [
        ("Re: Printer", "Case", "c1"),
        ("forged", None, None),
        ("of a stranger", None, None),
    ]


async def test_by_an_account_that_no_mailbox_names_nothing_is_kept(office: PostOffice, user: str):
    async with ScriptedServer() as server:
        await add_row(
            office.connection,
            name="ours",
            kind="System",
            host="127.0.0.1",
            port=server.port,
            security="none",
            from_address="crm@example.org",
        )
        await office.account(user, kind="Group", store_sent_emails=True, sent_folder="Sent")
        await notified(office, server)
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.sent_copy") == 0
    jobs = await office.connection.fetch("SELECT name, data FROM jobrunner.job WHERE name = 'StoreSentEmails'")
    assert [json.loads(row["data"]) for row in jobs] == []
