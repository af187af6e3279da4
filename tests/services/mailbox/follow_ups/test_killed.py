"""A daemon that is killed while cases are opened: each mail has one, and all members have as many as the others."""

import asyncio
from collections import Counter

from tests.services.mailbox.desk import Desk
from tests.services.mailbox.replies.answers import KEY
from tests.support.daemons import DaemonProcess, until

MAILS = 150
CASES = "SELECT count(*) >= $1 FROM jobrunner.case_record"
DONE = "SELECT count(*) = 0 FROM jobrunner.mail_follow_up WHERE done_at IS NULL"


async def test_killed_amid_its_work(desk: Desk):
    """F02: kill -9 with some cases committed, some half written and the rest to come; another daemon goes on."""
    users = [await desk.user(id) for id in ("ann", "bob", "cyd")]
    team = await desk.team("support", *users)
    help = await desk.group(create_case=True, team_id=team, case_distribution="Round-Robin")
    await desk.take(help, *(desk.letter(sender=f"c{n}@example.com") for n in range(MAILS)))
    first = DaemonProcess(desk.url, imports="jobrunner.jobs", name="one", secret_key=KEY)
    try:
        await until(desk.connection, CASES, MAILS // 5, limit=60)
    finally:
        await asyncio.to_thread(first.kill)
    assert await desk.connection.fetchval(CASES, MAILS) is False
    second = DaemonProcess(desk.url, imports="jobrunner.jobs", name="two", secret_key=KEY)
    try:
        await until(desk.connection, DONE, limit=60)
    finally:
        assert await asyncio.to_thread(second.stop) == 0

    rows = await desk.connection.fetch("SELECT email_id, assigned_user_id FROM jobrunner.case_record")
    assert len({row["email_id"] for row in rows}) == len(rows) == MAILS
    assert Counter(row["assigned_user_id"] for row in rows) == dict.fromkeys(users, MAILS // 3)
    assert Counter(await desk.column("SELECT user_id FROM jobrunner.notification")) == dict.fromkeys(users, MAILS // 3)
