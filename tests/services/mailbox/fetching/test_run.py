"""Runs at a real Dovecot: what is new becomes mails, once and in order."""

import imaplib

import pytest

from jobrunner.services.mail.imap import Fault, MailboxError
from jobrunner.services.mailbox.fetching.desk import Portions
from tests.services.mail.importing.letters import letter, rich
from tests.services.mailbox.conftest import PostOffice, letters
from tests.support.dovecot import PASSWORD


async def test_what_is_new_becomes_mails_once_and_in_order(office: PostOffice, user: str):
    id = await office.account(user)
    office.deliver(user, *(f"one {n}" for n in range(5)))

    first = await office.fetch(id)
    second = await office.fetch(id)
    office.deliver(user, "two 0", "two 1")
    third = await office.fetch(id)

    assert first.messages == {"Imported": 5}
    assert second.found_nothing
    assert third.messages == {"Imported": 2}
    assert await office.subjects() == [*(f"one {n}" for n in range(5)), "two 0", "two 1"]
    state = await office.state(id)
    assert state["connected_at"] is not None
    assert state["failures"] == 0


async def test_what_was_imported_is_marked_as_read_and_with_keep_unread_is_not(office: PostOffice, user: str):
    keeping = await office.account(user, keep_fetched_emails_unread=True)
    office.deliver(user, "a", "b")

    await office.fetch(keeping)
    assert flags(office, user) == [b"", b""]

    await office.connection.execute("UPDATE jobrunner.email_account SET keep_fetched_emails_unread = false")
    office.deliver(user, "c")
    await office.fetch(keeping)
    assert [b"\\Seen" in one for one in flags(office, user)] == [False, False, True]


def flags(office: PostOffice, user: str) -> list[bytes]:
    with office.dovecot.client(user) as client:
        client.select("INBOX", readonly=True)
        _, rows = client.fetch("1:*", "(FLAGS)")
        return [b" ".join(flag for flag in imaplib.ParseFlags(row) if flag != b"\\Recent") for row in rows]


async def test_many_messages_in_portions_large_ones_between_them(office: PostOffice, user: str):
    """Small ones come in batches, large ones alone, and all in the order of their UIDs."""
    id = await office.account(user)
    messages = letters(f"n {n}" for n in range(40))
    for place in (7, 8, 30):
        messages[place] = letter(
            b"x" * 79 + b"\r\n" + b"y" * 60_000, subject=f"n {place}", message_id=f"<large{place}@example.com>"
        )
    messages[20] = rich(100_000)
    office.dovecot.deliver(user, messages)

    report = await office.fetch(id, portions=Portions(messages=15, batch_messages=4, batch_octets=20_000))

    assert report.messages == {"Imported": 40}
    wanted = [f"n {n}" for n in range(40)]
    wanted[20] = "Grüße"
    assert await office.subjects() == wanted
    assert list((office.configuration.data_dir / "files" / "incoming").iterdir()) == []


async def test_of_a_message_that_is_too_large_comes_the_text(office: PostOffice, user: str):
    id = await office.account(user)
    office.dovecot.deliver(user, [rich(300_000), *letters(["after"])])

    report = await office.fetch(id, portions=Portions(batch_octets=20_000, largest=100_000))

    assert report.messages == {"Imported": 2}
    row = await office.connection.fetchrow("SELECT * FROM jobrunner.email ORDER BY id LIMIT 1")
    assert row["subject"] == "Grüße"
    assert "Grüße aus Köln" in row["body_plain"]
    assert "<b>Köln</b>" in row["body_html"]
    (file,) = await office.connection.fetch("SELECT * FROM jobrunner.email_attachment WHERE email_id = $1", row["id"])
    assert (file["name"], file["sha256"], file["section"]) == ("a.pdf", None, "2")


async def test_the_run_that_is_over_leaves_the_rest_to_the_next(office: PostOffice, user: str):
    id = await office.account(user)
    office.deliver(user, *(f"n {n}" for n in range(9)))
    portions = Portions(messages=4)

    first = await office.fetch(id, portions=portions, time_slice=0)
    assert (first.messages, first.has_more) == ({"Imported": 4}, True)
    await office.fetch(id, portions=portions, time_slice=0)
    last = await office.fetch(id, portions=portions, time_slice=0)

    assert (last.messages, last.has_more) == ({"Imported": 1}, False)
    assert await office.subjects() == [f"n {n}" for n in range(9)]


async def test_the_folder_numbered_anew_is_read_again_and_nothing_twice(office: PostOffice, user: str):
    """F52: UIDVALIDITY changes. What is known is recognised; what is new comes in; the change is shown."""
    id = await office.account(user, monitored_folders=["Box"])
    with office.dovecot.client(user) as client:
        client.create("Box")
        office.deliver(user, "a", "b", "c", folder="Box")
        await office.fetch(id)
        client.delete("Box")
        client.create("Box")
        while uid_validity(client) == await validity(office):
            client.delete("Box")
            client.create("Box")
    office.deliver(user, "b", "c", "d", folder="Box")

    report = await office.fetch(id)

    assert report.messages == {"Imported": 1, "Merged": 2}
    assert await office.subjects() == ["a", "b", "c", "d"]
    changed = "SELECT validity_changed_at IS NOT NULL FROM jobrunner.mail_folder_state"
    assert await office.connection.fetchval(changed)
    assert (await office.fetch(id)).found_nothing


async def test_the_folder_is_numbered_anew_amid_an_import(office: PostOffice, user: str):
    """F52: the first run has imported a part; then the folder is made again with the same mails in another order."""
    id = await office.account(user, monitored_folders=["Box"])
    subjects = [f"n {n}" for n in range(30)]
    options = {"portions": Portions(messages=10), "time_slice": 0.0}
    with office.dovecot.client(user) as client:
        client.create("Box")
        office.deliver(user, *subjects, folder="Box")
        assert (await office.fetch(id, **options)).has_more
        while uid_validity(client) == await validity(office):
            client.delete("Box")
            client.create("Box")
    office.deliver(user, *reversed(subjects), folder="Box")

    while (await office.fetch(id, **options)).has_more:
        pass

    assert sorted(await office.subjects()) == sorted(subjects)
    assert await office.connection.fetchval("SELECT count(*) FROM jobrunner.email_copy") == 30


def uid_validity(client: imaplib.IMAP4) -> int:
    _, rows = client.status("Box", "(UIDVALIDITY)")
    assert rows[0] is not None
    return int(rows[0].split()[-1].rstrip(b")"))


async def validity(office: PostOffice) -> int:
    value: int = await office.connection.fetchval("SELECT uid_validity FROM jobrunner.mail_folder_state")
    return value


async def test_fetch_since_is_kept_and_the_older_ones_cost_nothing_later(office: PostOffice, user: str):
    id = await office.account(user, fetch_since=None, use_imap=False)
    await office.connection.execute("UPDATE jobrunner.email_account SET use_imap = true, fetch_since = '2026-03-01'")
    with office.dovecot.client(user) as client:
        for day, message in zip(("27-Feb-2026", "02-Mar-2026", "28-Feb-2026"), letters(["a", "b", "c"]), strict=True):
            client.append("INBOX", "", f'"{day} 12:00:00 +0000"', message)

    assert (await office.fetch(id)).messages == {"Imported": 1}
    assert await office.subjects() == ["b"]
    assert await office.connection.fetchval("SELECT last_uid FROM jobrunner.mail_folder_state") == 3
    assert (await office.fetch(id)).found_nothing


async def test_patterns_stand_for_folders_and_a_missing_one_holds_up_no_other(office: PostOffice, user: str):
    id = await office.account(user, monitored_folders=["Gone", "Kund*", "INBOX"])
    with office.dovecot.client(user) as client:
        client.create("Kunden/A")
        client.create("Kunden/B")
    for folder in ("INBOX", "Kunden/A", "Kunden/B"):
        office.deliver(user, folder, folder=folder)

    report = await office.fetch(id)

    assert report.messages == {"Imported": 3}
    assert "Gone" in report.troubles[0]
    assert "no such folder" in report.troubles[0]
    state = await office.state(id)
    assert "Gone" in state["last_trouble"]
    assert state["last_trouble_folder"] == "Gone"
    assert state["retry_at"] is None


async def test_a_wrong_password_is_told_and_waits(office: PostOffice, user: str):
    """Four times refused: 5, 15, 60 minutes, then it is paused. The words are the server's, without the password."""
    id = await office.account(user, password=f"not-{PASSWORD}")
    for failures in range(1, 5):
        with pytest.raises(MailboxError) as refused:
            await office.fetch(id)
        assert refused.value.fault is Fault.LOGIN
        state = await office.state(id)
        assert state["failures"] == failures
        assert "refuses the login" in state["last_trouble"]
        assert PASSWORD not in state["last_trouble"]
        assert (state["paused_kind"] is not None) == (failures == 4)
    assert state["paused_kind"] == "authentication"


async def test_an_account_that_was_reset_in_between_begins_anew(office: PostOffice, user: str):
    id = await office.account(user)
    office.deliver(user, "a", "b")
    await office.fetch(id)
    await office.connection.execute("SELECT jobrunner.reset_mail_account('Personal', $1, '2020-01-01')", id)

    assert (await office.fetch(id)).messages == {"Merged": 2}
    assert await office.subjects() == ["a", "b"]
