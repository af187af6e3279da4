"""Messages become rows: once, whole, with their checkpoint (mail-in.md, 3 to 5)."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from jobrunner.errors import Conflict
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.staging import place_of
from jobrunner.services.mail.importing.storing import (
    AccountRef,
    EpochChanged,
    FolderRef,
    Importer,
    Outcome,
    audit_files,
    import_batch,
)
from tests.services.mail.importing.letters import letter, rich
from tests.services.mail.importing.storing.conftest import INBOX, RECEIVED, Office

CHECKPOINT = "SELECT last_uid FROM jobrunner.mail_folder_state"


def results(outcomes: list[Outcome]) -> list[str]:
    return [outcome.result for outcome in outcomes]


async def test_a_mail_with_all_that_belongs_to_it(office: Office):
    account = await office.personal(await office.user("bob"))
    (outcome,) = await office.take(account, rich())
    assert (outcome.result, outcome.is_new_to_account) == ("Imported", True)
    assert outcome.added_users == outcome.notify_users == ("bob",)
    (mail,) = await office.connection.fetch("SELECT * FROM jobrunner.email")
    assert (mail["id"], mail["thread_id"], mail["status"]) == (outcome.email_id, outcome.email_id, "Archived")
    assert (mail["subject"], mail["body_plain"]) == ("Grüße", "Grüße aus Köln\n")
    assert mail["body_html"] == "<p>Grüße aus <b>Köln</b></p>\n"
    assert mail["from_string"] == "Jöhn Doe <john@example.com>"
    assert (mail["message_key"], mail["date_sent"].isoformat()) == ("<rich@example.com>", "2026-03-02T09:00:00+00:00")
    assert (mail["delivery_date"], mail["has_attachments"], mail["trouble"]) == (RECEIVED, True, None)
    addresses = await office.connection.fetch(
        "SELECT role, address_key, name FROM jobrunner.email_recipient ORDER BY role"
    )
    assert [tuple(row) for row in addresses] == [
        ("From", "john@example.com", "Jöhn Doe"),
        ("To", "bob@example.org", ""),
    ]
    (file,) = await office.connection.fetch("SELECT * FROM jobrunner.email_attachment")
    assert (file["name"], file["content_type"], file["size"]) == ("a.pdf", "application/pdf", 2816)
    assert place_of(office.root, file["sha256"]).read_bytes() == bytes(range(256)) * 11
    assert await office.column(CHECKPOINT) == [1]
    assert list((office.root / "incoming").iterdir()) == []


async def test_what_was_done_is_not_done_again(office: Office):
    """F52: a second daemon, or a crash after the commit."""
    account = await office.personal(await office.user("bob"))
    await office.take(account, letter(), letter(message_id="<2@x>"))
    assert results(await office.take(account, letter(), letter(message_id="<2@x>"), letter(message_id="<3@x>"))) == [
        "Known", "Known", "Imported",
    ]  # fmt: skip
    assert await office.count("email") == 3


async def test_nothing_is_written_after_a_reset(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, letter())
    await office.connection.execute("SELECT jobrunner.reset_mail_account('Personal', $1, '2026-02-01')", account.id)
    with pytest.raises(EpochChanged, match="was reset"):
        await office.take(account, letter(message_id="<2@x>"), first=2)
    assert (await office.count("email"), await office.count("mail_folder_state")) == (1, 0)
    assert results(await office.take(replace(account, epoch=1), letter(), first=1)) == ["Merged"]
    with pytest.raises(EpochChanged, match="was removed"):
        await office.take(AccountRef("Personal", 999, 0), letter())


async def test_uids_that_are_numbered_anew(office: Office):
    """F52: the checkpoint begins again, nothing comes twice."""
    account = await office.personal(await office.user("bob"))
    await office.take(account, letter(), letter(message_id="<2@x>"), letter(message_id="<3@x>"))
    again = await office.take(
        account, letter(message_id="<2@x>"), letter(message_id="<4@x>"), folder=FolderRef("INBOX", 2)
    )
    assert results(again) == ["Merged", "Imported"]
    assert again[0].is_new_to_account is False
    assert again[0].added_users == ()
    (state,) = await office.connection.fetch("SELECT * FROM jobrunner.mail_folder_state")
    assert (state["uid_validity"], state["last_uid"], state["validity_changed_at"] is not None) == (2, 2, True)
    copies = await office.column("SELECT uid FROM jobrunner.email_copy WHERE uid_validity = 2 ORDER BY uid")
    assert copies == [1, 2]


async def test_all_or_nothing(office: Office):
    account = await office.personal(await office.user("bob"))

    async def fail(connection: Any, account: AccountRef, outcomes: list[Outcome]) -> None:
        raise RuntimeError("no")

    office.importer = Importer(office.root, follow_up=fail)
    with pytest.raises(RuntimeError):
        await office.take(account, rich())
    assert [await office.count(table) for table in ("email", "email_attachment", "mail_folder_state")] == [0, 0, 0]
    assert (await audit_files(office.connection, office.root)).without_row == ()


async def test_it_is_no_part_of_another_transaction(office: Office):
    account = await office.personal(await office.user("bob"))
    async with office.connection.transaction():
        with pytest.raises(Conflict, match="its own transaction"):
            await office.take(account, letter())


async def test_an_empty_batch(office: Office):
    account = await office.personal(await office.user("bob"))
    assert await office.take(account) == []


# Duplicates


async def test_one_mail_in_two_accounts(office: Office):
    ann, bob = await office.personal(await office.user("ann")), await office.personal(await office.user("bob"))
    (first,) = await office.take(ann, rich())
    (second,) = await office.take(bob, rich(), first=7)
    assert (second.result, second.email_id) == ("Merged", first.email_id)
    assert (second.is_new_to_account, second.added_users, second.notify_users) == (True, ("bob",), ("bob",))
    assert (await office.count("email"), await office.count("email_attachment"), await office.count("email_user")) == (
        1,
        1,
        2,
    )


async def test_the_same_id_for_another_mail(office: Office):
    """Another From and another text: a different mail. Only one of them: a copy that a relay changed."""
    account = await office.personal(await office.user("bob"))
    outcomes = await office.take(
        account,
        letter(b"one"),
        letter(b"two", sender="other@example.com"),
        letter(b"two changed", sender="other@example.com"),
        letter(b"one", sender="relay@example.com"),
        letter(b"three", sender="third@example.com"),
    )
    assert results(outcomes) == ["Imported", "Imported", "Merged", "Merged", "Imported"]
    assert outcomes[2].email_id == outcomes[1].email_id
    assert outcomes[3].email_id == outcomes[0].email_id
    keys = await office.column("SELECT message_key FROM jobrunner.email ORDER BY id")
    assert keys[0] == "<1@example.com>"
    assert all(key.startswith("<1@example.com>#") for key in keys[1:])
    again = await office.take(account, letter(b"two", sender="other@example.com"), first=20)
    assert (results(again), again[0].email_id) == (["Merged"], outcomes[1].email_id)


async def test_without_an_id(office: Office):
    account = await office.personal(await office.user("bob"))
    assert (
        results(await office.take(account, letter(message_id=None), letter(b"x", message_id=None))) == ["Imported"] * 2
    )
    assert results(await office.take(account, letter(message_id=None), first=9)) == ["Merged"]


async def test_a_mail_of_ours_that_comes_back_stays_sent(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, letter())
    await office.connection.execute("UPDATE jobrunner.email SET status = 'Sent'")
    assert results(await office.take(account, letter(), folder=FolderRef("Sent", 3))) == ["Merged"]
    assert await office.column("SELECT status FROM jobrunner.email") == ["Sent"]


async def test_two_who_import_the_same_at_the_same_time(office: Office, database_url: str):
    """F52: no lock on the table, nothing twice, no deadlock; the keys come in opposite orders."""
    accounts = [await office.personal(await office.user(name)) for name in ("ann", "bob", "cid", "dan")]
    letters = [letter(message_id=f"<{number}@x>") for number in range(40)]
    connections = [await asyncpg.connect(database_url) for _ in accounts]
    try:
        all = await asyncio.gather(
            *(
                office.importer.import_batch(
                    connection,
                    account,
                    INBOX,
                    [office.fetched(uid, source) for uid, source in enumerate(letters[:: (-1) ** place], 1)],
                )
                for place, (connection, account) in enumerate(zip(connections, accounts, strict=True))
            )
        )
    finally:
        for connection in connections:
            await connection.close()
    assert sorted(result for outcomes in all for result in results(outcomes)) == ["Imported"] * 40 + ["Merged"] * 120
    assert (await office.count("email"), await office.count("email_user")) == (40, 160)


async def test_two_daemons_on_one_account(office: Office, database_url: str):
    """F52."""
    account = await office.personal(await office.user("bob"))
    letters = [letter(message_id=f"<{number}@x>") for number in range(20)]
    other = await asyncpg.connect(database_url)
    try:
        both = await asyncio.gather(
            office.take(account, *letters),
            import_batch(
                other, account, INBOX, [office.fetched(uid, s) for uid, s in enumerate(letters, 1)], root=office.root
            ),
        )
    finally:
        await other.close()
    assert sorted(set(results(both[0]))) != sorted(set(results(both[1])))
    assert sorted(results(both[0]) + results(both[1])) == ["Imported"] * 20 + ["Known"] * 20


# Who gets it


async def test_the_owner_and_the_default_team(office: Office):
    await office.user("bob")
    await office.team("sales", "bob", is_default=True)
    await office.team("other", "bob")
    inbox = await office.insert("email_folder", user_id="bob", name="Work")
    lists = await office.insert("email_folder", user_id="bob", name="Lists")
    account = await office.personal("bob", email_folder_id=inbox, folder_map=f'{{"INBOX/Lists": {lists}}}')
    await office.take(account, letter(), flags=["\\Seen", "\\Flagged"])
    (outcome,) = await office.take(account, letter(message_id="<2@x>"), folder=FolderRef("INBOX/Lists", 1))
    rows = await office.connection.fetch("SELECT * FROM jobrunner.email_user ORDER BY email_id")
    assert [(r["folder_id"], r["is_read"], r["is_important"], r["is_assigned"]) for r in rows] == [
        (inbox, True, True, True), (lists, False, False, True),
    ]  # fmt: skip
    assert outcome.notify_users == ("bob",)
    assert await office.column("SELECT DISTINCT team_id FROM jobrunner.email_team") == ["sales"]


async def test_the_teams_of_a_group_account(office: Office):
    for name in ("ann", "bob", "cid", "dan", "eve"):
        await office.user(name, active=name != "cid")
    await office.team("help", "ann", "cid")
    await office.team("boss", "bob")
    await office.team("folder", "dan")
    folder = await office.insert("group_email_folder", name="Help")
    await office.insert("group_email_folder_team", group_folder_id=folder, team_id="folder")
    account = await office.group(team_id="help", assign_to_user_id="eve", group_email_folder_id=folder)
    await office.insert("inbound_email_team", inbound_email_id=account.id, team_id="boss")
    (outcome,) = await office.take(account, letter(), flags=["\\Seen"])
    assert outcome.notify_users == ("ann", "bob", "dan", "eve")
    assert await office.column("SELECT user_id FROM jobrunner.email_user WHERE is_assigned") == ["eve"]
    assert await office.column("SELECT team_id FROM jobrunner.email_team ORDER BY 1") == ["boss", "folder", "help"]
    assert await office.column("SELECT group_folder_id FROM jobrunner.email") == [folder]


# Filters


async def test_a_mail_that_is_skipped_leaves_the_checkpoint_behind_it(office: Office, caplog: pytest.LogCaptureFixture):
    account = await office.personal(await office.user("bob"))
    await office.insert("email_filter", name="No spam", is_global=True, subject="*Spam*")
    with caplog.at_level("INFO", logger="jobrunner.mail"):
        outcomes = await office.take(account, letter(subject="Best spam ever"), letter(message_id="<2@x>"))
    assert [(outcome.result, outcome.filter) for outcome in outcomes] == [("Skipped", "No spam"), ("Imported", None)]
    assert f"in INBOX of the personal account {account.id} is skipped by the filter No spam" in caplog.text
    assert (await office.count("email"), await office.column(CHECKPOINT)) == (1, [2])


async def test_a_filter_of_another_account(office: Office):
    ann, bob = await office.personal(await office.user("ann")), await office.personal(await office.user("bob"))
    await office.insert("email_filter", name="x", email_account_id=ann.id, sender="ANN@example.com")
    assert results(await office.take(ann, letter())) == ["Skipped"]
    assert results(await office.take(bob, letter())) == ["Imported"]


async def test_a_filter_that_moves_to_a_group_folder(office: Office):
    await office.user("ann")
    await office.team("billing", "ann")
    folder = await office.insert("group_email_folder", name="Bills")
    await office.insert("group_email_folder_team", group_folder_id=folder, team_id="billing")
    account = await office.group()
    await office.insert(
        "email_filter", name="Bills", inbound_email_id=account.id, action="Move to Group Folder",
        group_email_folder_id=folder, body_contains=["invoice"],
    )  # fmt: skip
    moved, other = await office.take(account, letter(b"Your INVOICE"), letter(message_id="<2@x>"))
    assert (moved.filter, moved.notify_users, other.notify_users) == ("Bills", ("ann",), ())
    assert await office.column("SELECT group_folder_id FROM jobrunner.email ORDER BY id") == [folder, None]


async def test_filters_of_users(office: Office):
    """Each user's own, also of users who come by a merge; never again for who has the mail."""
    ann, bob = await office.personal(await office.user("ann")), await office.personal(await office.user("bob"))
    folder = await office.insert("email_folder", user_id="bob", name="News")
    await office.insert("email_filter", name="Trash", user_id="ann", sender="*@example.com")
    await office.insert(
        "email_filter", name="News", user_id="bob", action="Move to Folder",
        email_folder_id=folder, subject="h*o", mark_as_read=True,
    )  # fmt: skip
    (first,) = await office.take(ann, letter())
    (second,) = await office.take(bob, letter())
    assert (first.added_users, first.notify_users) == (("ann",), ())
    assert (second.added_users, second.notify_users) == (("bob",), ())
    rows = await office.connection.fetch("SELECT * FROM jobrunner.email_user ORDER BY user_id")
    assert [(r["in_trash"], r["folder_id"], r["is_read"]) for r in rows] == [(True, None, False), (False, folder, True)]


# Threads and parents


async def test_answers_are_linked_in_any_order(office: Office):
    account = await office.personal(await office.user("bob"))
    mails = {
        "a": letter(message_id="<a@x>"),
        "b": letter(message_id="<b@x>", In_Reply_To="<a@x>", References="<a@x>"),
        "c": letter(message_id="<c@x>", References="<a@x> <gone@x> <b@x>"),
        "d": letter(message_id="<d@x>", In_Reply_To="<c@x>"),
    }
    for number, order in enumerate((["a", "b", "c", "d"], ["d", "c", "b", "a"], ["c", "a", "d", "b"])):
        await office.connection.execute("DELETE FROM jobrunner.email")
        for position, name in enumerate(order):
            await office.take(account, mails[name], folder=FolderRef("INBOX", number + 1), first=position + 1)
        await office.connection.execute("DELETE FROM jobrunner.mail_folder_state")
        rows = await office.connection.fetch(
            "SELECT e.message_id, r.message_id, t.message_id FROM jobrunner.email AS e"
            " LEFT JOIN jobrunner.email AS r ON r.id = e.replied_id JOIN jobrunner.email AS t ON t.id = e.thread_id"
            " ORDER BY 1"
        )
        expected = [("<a@x>", None), ("<b@x>", "<a@x>"), ("<c@x>", "<b@x>"), ("<d@x>", "<c@x>")]
        if order == ["c", "a", "d", "b"]:
            expected[2] = ("<c@x>", "<a@x>")  # what it answered was not there when the older one came
        assert [tuple(row) for row in rows] == [(*pair, "<a@x>") for pair in expected], order


async def test_answers_in_one_batch(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(
        account,
        letter(message_id="<c@x>", In_Reply_To="<b@x>"),
        letter(message_id="<b@x>", In_Reply_To="<a@x>"),
        letter(message_id="<a@x>"),
    )
    assert len(set(await office.column("SELECT thread_id FROM jobrunner.email"))) == 1
    assert await office.column("SELECT count(replied_id) FROM jobrunner.email") == [2]


async def test_mails_that_answer_each_other_or_themselves(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, letter(message_id="<a@x>", References="<b@x> <a@x>"))
    await office.take(account, letter(message_id="<b@x>", References="<a@x>"), first=2)
    circle = [letter(message_id="<c@x>", References="<d@x>"), letter(message_id="<d@x>", References="<c@x>")]
    await office.take(account, *circle, first=3)
    threads = await office.column("SELECT thread_id FROM jobrunner.email ORDER BY id")
    assert threads[0] == threads[1]
    assert threads[2] == threads[3]


async def test_the_parent_of_a_mail(office: Office):
    account = await office.personal(await office.user("bob"))
    acme = await office.insert("account", name="Acme", email="info@acme.example")
    ann = await office.insert("contact", first_name="Ann", email="Ann@example.com", account_id=acme)
    lee = await office.insert("lead", first_name="Lee", email="lee@example.net")
    outcomes = await office.take(
        account,
        letter(),
        letter(message_id="<2@x>", sender="lee@example.net"),
        letter(message_id="<3@x>", sender="nobody@example.net", Reply_To="info@acme.example"),
        letter(message_id="<4@x>", sender="nobody@example.net"),
        letter(message_id="<5@x>", sender="lee@example.net", In_Reply_To="<1@example.com>"),
        letter(message_id="<6@x>", sender="bob@example.org", to="lee@example.net"),
    )
    assert [outcome.parent for outcome in outcomes] == [
        ("Account", acme), ("Lead", lee), ("Account", acme), None, ("Account", acme), ("Lead", lee),
    ]  # fmt: skip
    office.importer = Importer(office.root, b2c=True)
    (outcome,) = await office.take(account, letter(message_id="<7@x>"), first=7)
    assert outcome.parent == ("Contact", ann)


async def test_a_person_with_the_address_of_a_mailbox_of_ours_is_no_parent(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.insert("contact", first_name="Bob", email="bob@example.org")
    (outcome,) = await office.take(account, letter(sender="nobody@example.net"))
    assert outcome.parent is None


async def test_the_teams_of_what_is_answered_and_of_the_case(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.team("help")
    await office.team("sales")
    case = await office.insert("case_record", name="Help!")
    await office.insert("case_team", case_id=case, team_id="help")
    (first,) = await office.take(account, letter())
    await office.connection.execute("UPDATE jobrunner.email SET parent_type = 'Case', parent_id = $1", case)
    await office.insert("email_team", email_id=first.email_id, team_id="sales")
    (answer,) = await office.take(account, letter(message_id="<2@x>", In_Reply_To="<1@example.com>"), first=2)
    assert answer.parent == ("Case", case)
    teams = await office.column(
        "SELECT team_id FROM jobrunner.email_team WHERE email_id = $1 ORDER BY 1", answer.email_id
    )
    assert teams == ["help", "sales"]


# Troubles, bounces, what follows


async def test_what_cannot_be_read_is_kept(office: Office):
    """H07: with its header, its source and the reason; the next one is imported."""
    account = await office.personal(await office.user("bob"))
    source = letter(to=", ".join(f"a{number}@example.org" for number in range(3_000)))
    outcomes = await office.take(account, source, letter(message_id="<2@x>"))
    assert results(outcomes) == ["Imported", "Imported"]
    (mail, _) = await office.connection.fetch("SELECT * FROM jobrunner.email ORDER BY id")
    assert (mail["subject"], mail["trouble"]) == ("Hello", "it has more than 2,000 addresses")
    assert place_of(office.root, mail["source_sha256"]).read_bytes() == source
    (failure,) = await office.connection.fetch("SELECT * FROM jobrunner.mail_fetch_failure")
    assert (failure["uid"], failure["stage"], failure["error"]) == (1, "parse", "it has more than 2,000 addresses")
    assert (failure["email_id"], failure["source_sha256"]) == (mail["id"], mail["source_sha256"])


BOUNCE = letter(b"550 5.1.1 user unknown\r\nundeliverable: x@example.com", sender="MAILER-DAEMON@example.com")


class Reports:
    """Takes reports of delivery."""

    def __init__(self, fault: type[Exception] | None = None) -> None:
        self.seen: list[ParsedMail] = []
        self.fault = fault

    def may_want(self, mail: ParsedMail) -> bool:
        return mail.bounce is not None

    async def take(self, connection: Any, mail: ParsedMail) -> bool:
        self.seen.append(mail)
        if self.fault is RuntimeError:
            raise RuntimeError("no")
        if self.fault is not None:
            await connection.execute("SELECT * FROM jobrunner.there_is_none")
        return True


async def test_what_somebody_claims_is_handed_over(office: Office):
    reports = Reports()
    office.importer = Importer(office.root, claimant=reports)

    assert results(await office.take(await office.group(), BOUNCE, letter())) == ["Claimed", "Imported"]

    assert [mail.bounce.verdict for mail in reports.seen if mail.bounce] == ["hard"]
    assert await office.count("email") == 1


async def test_of_a_personal_account_nothing_is(office: Office):
    office.importer = Importer(office.root, claimant=Reports())
    assert results(await office.take(await office.personal(await office.user("bob")), BOUNCE)) == ["Imported"]


@pytest.mark.parametrize("fault", [RuntimeError, asyncpg.UndefinedTableError])
async def test_what_cannot_be_judged_is_a_mail(office: Office, fault: type[Exception]):
    office.importer = Importer(office.root, claimant=Reports(fault))
    assert results(await office.take(await office.group(), BOUNCE)) == ["Imported"]


async def test_what_follows_is_part_of_the_import(office: Office):
    account = await office.personal(await office.user("bob"))

    async def follow(connection: Any, account: AccountRef, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ($1, 'true')", outcome.result)

    office.importer = Importer(office.root, follow_up=follow)
    await office.take(account, letter())
    assert "Imported" in await office.column("SELECT name FROM jobrunner.setting")


async def test_an_import_that_is_frozen_lets_the_folder_go(office: Office, database_url: str):
    """F52: the server ends a transaction in which nothing happens; whoever waits for the folder imports, and once."""
    account = await office.personal(await office.user("bob"))
    frozen = await asyncpg.connect(database_url)
    ended = asyncio.Event()
    frozen.add_termination_listener(lambda _: ended.set())

    async def freeze(connection: Any, account: Any, outcomes: Any) -> None:
        assert await connection.fetchval("SELECT current_setting('idle_in_transaction_session_timeout')") == "1min"
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '200 ms'")
        await ended.wait()

    async def import_and_freeze() -> None:
        message = office.fetched(1, letter())
        await Importer(office.root, follow_up=freeze).import_batch(frozen, account, INBOX, [message])

    freezing = asyncio.create_task(import_and_freeze())
    async with asyncio.timeout(20):
        with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
            await freezing
    assert results(await office.take(account, letter())) == ["Imported"]
