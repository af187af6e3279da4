"""A folder that was numbered anew: what is known is not downloaded again (F52)."""

import pytest

from jobrunner.services.mail.imap.session import Session
from jobrunner.services.mailbox.fetching.desk import Portions
from tests.services.mail.importing.letters import letter
from tests.services.mailbox.conftest import PostOffice, letters
from tests.services.mailbox.fetching.test_run import uid_validity, validity

PLACES = (
    "SELECT e.subject, c.uid FROM jobrunner.email_copy AS c JOIN jobrunner.email AS e ON e.id = c.email_id ORDER BY 1"
)


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The UIDs of messages that were asked for as a whole."""
    uids: list[int] = []
    fetch = Session.fetch

    def noting(self: Session, batches, *, section="", octets=0):
        if not section:
            uids.extend(uid for batch in batches for uid in batch)
        return fetch(self, batches, section=section, octets=octets)

    monkeypatch.setattr(Session, "fetch", noting)
    return uids


async def make_anew(office: PostOffice, user: str) -> None:
    with office.dovecot.client(user) as client:
        while uid_validity(client) == await validity(office):
            client.delete("Box")
            client.create("Box")


async def begun(office: PostOffice, user: str, *subjects: str) -> int:
    id = await office.account(user, monitored_folders=["Box"])
    with office.dovecot.client(user) as client:
        client.create("Box")
    office.deliver(user, *subjects, folder="Box")
    await office.fetch(id)
    return id


async def test_only_what_is_unknown_is_downloaded(office: PostOffice, user: str, downloaded: list[int]):
    id = await begun(office, user, "a", "b", "c")
    await make_anew(office, user)
    office.deliver(user, "new", "c", "b", folder="Box")
    downloaded.clear()

    assert (await office.fetch(id)).messages == {"Imported": 1, "Merged": 2}
    assert downloaded == [1]
    assert [tuple(row) for row in await office.connection.fetch(PLACES)] == [("a", 1), ("b", 3), ("c", 2), ("new", 1)]
    downloaded.clear()
    office.deliver(user, "b", "later", folder="Box")
    await office.fetch(id)
    assert downloaded == [4, 5]  # it was read to its end: all is as usual again


async def test_a_run_that_was_cut_short_goes_on_recognising(office: PostOffice, user: str, downloaded: list[int]):
    subjects = [f"n {number}" for number in range(9)]
    id = await begun(office, user, *subjects)
    await make_anew(office, user)
    office.deliver(user, *reversed(subjects), "new", folder="Box")
    downloaded.clear()

    runs = 1
    while (await office.fetch(id, portions=Portions(messages=4), time_slice=0.0)).has_more:
        runs += 1
    assert runs == 3
    assert downloaded == [10]
    assert sorted(await office.subjects()) == sorted([*subjects, "new"])
    assert await office.connection.fetchval("SELECT last_uid FROM jobrunner.mail_folder_state") == 10


async def test_what_is_not_surely_the_same_is_downloaded(office: PostOffice, user: str, downloaded: list[int]):
    """An id that somebody used again, with another size; none at all; and an id that is there twice."""
    id = await begun(office, user, "a", "b")
    await make_anew(office, user)
    reused = letter(b"Other\r\n" * 10, subject="other", sender="eve@example.com", message_id="<a@example.com>")
    (again,) = letters(["b"])
    office.dovecot.deliver(user, [reused, letter(subject="none", message_id=None), again, again], "Box")
    downloaded.clear()

    await office.fetch(id)
    assert downloaded == [1, 2, 4]
    assert await office.subjects() == ["a", "b", "other", "none"]
