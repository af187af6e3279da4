"""Who is told of a mail that came in: in the transaction of the import, once for each user and mail."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from jobrunner.services.mail.importing.storing import AccountRef, Fetched, FolderRef, Importer, Outcome
from jobrunner.services.mailbox.follow_ups.telling import follow_import
from jobrunner.services.notifications.preferences import set_preferences
from tests.services.mail.importing.storing.conftest import INBOX
from tests.services.mailbox.desk import Desk


@pytest.fixture(autouse=True)
def telling(desk: Desk) -> None:
    desk.importer = Importer(desk.root, follow_up=follow_import)


async def notes(desk: Desk) -> list[Any]:
    return await desk.connection.fetch("SELECT * FROM jobrunner.notification ORDER BY number")


async def told(desk: Desk) -> list[tuple[str, int]]:
    """Whom, and of which mail."""
    rows = await notes(desk)
    assert {(row["type"], row["related_type"]) for row in rows} <= {("EmailReceived", "Email")}
    return sorted((row["user_id"], int(row["related_id"])) for row in rows)


async def test_a_team_is_told_of_its_mail(desk: Desk):
    """What stands in a notification, and that the mail of it is planned."""
    team = await desk.team("support", *[await desk.user(id) for id in ("ann", "bob")])
    help = await desk.group(team_id=team)
    (mail,) = await desk.arrive(help, desk.letter(subject="Printer", Cc="Eve <eve@example.net>"))
    assert await told(desk) == [("ann", mail), ("bob", mail)]
    (note, _) = await notes(desk)
    assert json.loads(note["data"]) == {
        "from": "Cus <cus@example.com>",
        "to": ["help@example.org"],
        "cc": ["eve@example.net"],
        "subject": "Printer",
    }
    assert (note["parent_type"], note["parent_id"], note["parent_name"]) == ("Email", str(mail), "Printer")
    assert (note["mail"], note["actor_id"]) == ("Waiting", None)
    assert await desk.column("SELECT count(*) FROM jobrunner.job WHERE name = 'SendEmailNotifications'") == [1]


async def test_it_is_about_what_the_mail_is_about(desk: Desk):
    ann = await desk.personal(await desk.user("ann"))
    lead = await desk.insert("lead", first_name="Lee", last_name="Roy", email="lee@example.net")
    await desk.arrive(ann, desk.letter(sender="lee@example.net"))
    (note,) = await notes(desk)
    assert (note["parent_type"], note["parent_id"], note["parent_name"]) == ("Lead", lead, "Lee Roy")


async def test_a_merge_tells_the_new_users_only(desk: Desk):
    ann, bob = [await desk.personal(await desk.user(id)) for id in ("ann", "bob")]
    source = desk.letter()
    (mail,) = await desk.arrive(ann, source)
    assert await told(desk) == [("ann", mail)]
    assert await desk.arrive(bob, source) == [mail]
    assert await told(desk) == [("ann", mail), ("bob", mail)]
    await desk.take(ann, source, folder=FolderRef("INBOX", 2))
    await desk.take(bob, source, folder=FolderRef("Archive", 1))
    assert await told(desk) == [("ann", mail), ("bob", mail)]


async def test_twice_in_one_batch(desk: Desk):
    ann = await desk.personal(await desk.user("ann"))
    source = desk.letter()
    (first, second) = await desk.take(ann, source, source)
    assert first.email_id == second.email_id
    assert [user for user, _ in await told(desk)] == ["ann"]


async def test_nobody_is_told_of_what_they_sent(desk: Desk):
    """By the address of the user or of an account of theirs; colleagues are told."""
    users = [await desk.user(id) for id in ("ann", "bob")]
    await desk.personal("ann")
    await desk.connection.execute("UPDATE jobrunner.email_account SET email_address = 'Sales@example.org'")
    help = await desk.group(team_id=await desk.team("support", *users))
    own, by_account = await desk.arrive(
        help, desk.letter(sender="Ann <ANN@example.org>"), desk.letter(sender="sales@EXAMPLE.org")
    )
    assert await told(desk) == [("bob", own), ("bob", by_account)]


async def test_nobody_is_told_of_a_mail_of_ours(desk: Desk):
    """An automatic answer that is met again in the Sent folder."""
    ann, bob = [await desk.personal(await desk.user(id)) for id in ("ann", "bob")]
    source = desk.letter()
    await desk.arrive(ann, source)
    await desk.connection.execute("UPDATE jobrunner.email SET status = 'Sent'")
    await desk.connection.execute("DELETE FROM jobrunner.notification")
    (outcome,) = await desk.take(bob, source, folder=FolderRef("Sent", 1))
    assert outcome.notify_users == ("bob",)
    assert await told(desk) == []


@pytest.mark.parametrize(
    "filter",
    [
        {"action": "None", "skip_notification": True},
        {"action": "None", "mark_as_read": True},
        {"action": "Skip"},
    ],
)
async def test_a_filter_keeps_it_quiet_for_its_user(desk: Desk, filter: dict[str, Any]):
    users = [await desk.user(id) for id in ("ann", "bob")]
    await desk.insert("email_filter", name="Quiet", user_id="ann", subject="News*", **filter)
    help = await desk.group(team_id=await desk.team("support", *users))
    news, other = await desk.arrive(help, desk.letter(subject="News of May"), desk.letter(subject="Printer"))
    assert await told(desk) == [("ann", other), ("bob", news), ("bob", other)]


async def test_what_was_read_at_the_server_is_not_told(desk: Desk):
    await desk.take(await desk.personal(await desk.user("ann")), desk.letter(), flags=["\\Seen"])
    assert await told(desk) == []


async def test_a_user_who_ignores_mail(desk: Desk):
    users = [await desk.user(id) for id in ("ann", "bob")]
    await set_preferences(desk.connection, "ann", ignored_types=["email", "Case"])
    help = await desk.group(team_id=await desk.team("support", *users))
    (mail,) = await desk.arrive(help, desk.letter())
    assert await told(desk) == [("bob", mail)]


async def test_old_mail_of_a_new_account_is_no_news(desk: Desk):
    ann = await desk.personal(await desk.user("ann"))
    now = datetime.now(UTC)
    messages = [
        Fetched(uid, now - timedelta(days=days), desk.fetched(uid, desk.letter(subject=f"{days} days old")).mail)
        for uid, days in enumerate((400, 4, 2), 1)
    ]
    outcomes = await desk.importer.import_batch(desk.connection, ann, INBOX, messages)
    assert [outcome.notify_users for outcome in outcomes] == [("ann",)] * 3
    assert [json.loads(note["data"])["subject"] for note in await notes(desk)] == ["2 days old"]


async def test_many_addresses_make_no_large_notifications(desk: Desk):
    ann = await desk.personal(await desk.user("ann"))
    await desk.arrive(ann, desk.letter(to=", ".join(f"a{number}@example.net" for number in range(1900))))
    (note,) = await notes(desk)
    assert len(json.loads(note["data"])["to"]) == 100


# Crashes


async def test_what_is_rolled_back_was_told_to_nobody(desk: Desk, database_url: str):
    """F52: the line is lost between the telling and the commit; whoever imports it then tells it, once."""
    ann = await desk.personal(await desk.user("ann"))
    source = desk.letter()
    lost = await asyncpg.connect(database_url)
    ended = asyncio.Event()
    lost.add_termination_listener(lambda _: ended.set())
    seen: list[int] = []

    async def tell_and_lose(connection: Any, account: AccountRef, outcomes: list[Outcome]) -> None:
        await follow_import(connection, account, outcomes)
        seen.append(await connection.fetchval("SELECT count(*) FROM jobrunner.notification"))
        await desk.connection.fetch("SELECT pg_terminate_backend($1, 10000)", connection.get_server_pid())
        async with asyncio.timeout(20):
            await ended.wait()

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await Importer(desk.root, follow_up=tell_and_lose).import_batch(lost, ann, INBOX, [desk.fetched(1, source)])
    assert seen == [1]
    assert await told(desk) == []
    assert await desk.column("SELECT count(*) FROM jobrunner.email") == [0]
    (outcome,) = await desk.take(ann, source)
    assert await told(desk) == [("ann", outcome.email_id)]
    await desk.take(ann, source)
    assert len(await notes(desk)) == 1


async def test_two_accounts_at_the_same_time(desk: Desk, database_url: str):
    """F52: the same forty mails, in opposite orders, to members of one team: each is told once of each."""
    users = [await desk.user(id) for id in ("ann", "bob")]
    team = await desk.team("support", *users)
    groups = [await desk.group(name, team_id=team) for name in ("Help", "Sales")]
    letters = [desk.letter() for _ in range(40)]
    connections = [await asyncpg.connect(database_url) for _ in groups]
    try:
        await asyncio.gather(
            *(
                desk.importer.import_batch(
                    connection,
                    account,
                    INBOX,
                    [desk.fetched(uid, source) for uid, source in enumerate(letters[:: (-1) ** place], 1)],
                )
                for place, (connection, account) in enumerate(zip(connections, groups, strict=True))
            )
        )
    finally:
        for connection in connections:
            await connection.close()
    ids = await desk.column("SELECT id FROM jobrunner.email ORDER BY id")
    assert len(ids) == 40
    assert await told(desk) == [(user, id) for user in users for id in ids]


# Cases


async def test_a_case_takes_what_waits_along(desk: Desk):
    """Who got the mail by the team is told once, and of the case."""
    users = [await desk.user(id) for id in ("ann", "bob")]
    team = await desk.team("support", *users)
    help = await desk.group(create_case=True, team_id=team, assign_to_user_id="ann")
    await desk.get(help, desk.letter(subject="Printer"), desk.letter(subject="Re: [#1] Printer"))
    case = (await desk.case())["id"]
    rows = await notes(desk)
    assert sorted((row["user_id"], row["type"]) for row in rows) == [
        ("ann", "Assignment"), ("ann", "EmailReceived"), ("ann", "EmailReceived"),
        ("bob", "EmailReceived"), ("bob", "EmailReceived"),
    ]  # fmt: skip
    assert {(row["parent_type"], row["parent_id"], row["parent_name"]) for row in rows} == {("Case", case, "Printer")}


async def test_what_was_mailed_already_stays_as_it_is(desk: Desk):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"))
    (mail,) = await desk.arrive(help, desk.letter(subject="Printer"))
    await desk.connection.execute("UPDATE jobrunner.notification SET mail = 'Sent', finished_at = now()")
    await desk.follow()
    rows = [(row["type"], row["parent_type"], row["parent_id"]) for row in await notes(desk)]
    assert rows == [("EmailReceived", "Email", str(mail)), ("Assignment", "Case", (await desk.case())["id"])]


async def test_a_filter_of_the_assignee_holds_for_mails_of_a_case_too(desk: Desk):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"))
    await desk.insert("email_filter", name="Q", user_id="ann", action="None", subject="*", skip_notification=True)
    await desk.get(help, desk.letter(subject="Printer"), desk.letter(subject="Re: [#1] Printer"))
    assert [row["type"] for row in await notes(desk)] == ["Assignment"]
