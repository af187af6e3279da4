"""Message-IDs of ours say what a mail is about, and nobody else can make them."""

from datetime import UTC, datetime

import pytest

from jobrunner.db.secrets import SigningKeys
from jobrunner.services.mail.importing.storing import Importer, RecordId, RecordIds
from tests.services.mail.importing.letters import letter
from tests.services.mail.importing.storing.conftest import Office

NOW = datetime(2026, 3, 2, tzinfo=UTC)
OURS = RecordIds(SigningKeys(2, {1: b"a" * 32, 2: b"b" * 32}))
THEIRS = RecordIds(SigningKeys(2, {2: b"c" * 32}))
COPY = RecordIds(SigningKeys(2, {2: b"b" * 32}), "https://staging.example.org")
"""An installation that began as a copy of our database."""


def test_they_come_back():
    id = OURS.make("Case", "4711", NOW, "example.org")
    assert id.endswith("@example.org>")
    assert OURS.read(id) == RecordId(False, "Case", "4711", NOW)
    assert OURS.make("Case", "4711", NOW, "example.org") != id


def test_one_that_may_go_twice_has_the_same_id_each_time():
    first, second = (OURS.make_stable("Case", "1", NOW, "x", "ann", "7", notification=True) for _ in range(2))
    assert first == second
    assert OURS.read(first) == RecordId(True, "Case", "1", NOW)
    assert OURS.make_stable("Case", "1", NOW, "x", "ann", "8", notification=True) != first


def test_of_a_copy_of_ours_the_record_is_known_and_no_more():
    said = OURS.read(COPY.make("Case", "1", NOW, "x", notification=True))
    assert said == RecordId(True, "Case", "1", NOW, is_of_instance=False)


def test_former_keys_read():
    assert OURS.read(RecordIds(SigningKeys(1, {1: b"a" * 32})).make("Case", "1", NOW, "x")) is not None


@pytest.mark.parametrize(
    "change",
    [lambda id: id.replace("jr.r", "jr.n"), lambda id: id.replace(".2.", ".1."), lambda id: id[:10] + "a" + id[11:]],
)
def test_they_cannot_be_made_up(change):  # fmt: skip
    assert OURS.read(change(OURS.make("Case", "4711", NOW, "example.org"))) is None
    assert OURS.read(THEIRS.make("Case", "4711", NOW, "example.org")) is None


@pytest.mark.parametrize("id", ["", "<a@b>", "<jr.r.a.2.b@c>", "<jr.r." + "a" * 300 + ".2." + "a" * 24 + "@x>"])
def test_others_are_none(id: str):
    assert OURS.read(id) is None


async def test_only_notifications_of_ours_are_dropped(office: Office):
    account = await office.personal(await office.user("bob"))
    office.importer = Importer(office.root, record_ids=OURS)
    outcomes = await office.take(
        account,
        letter(message_id=OURS.make("Note", "1", NOW, "example.org", notification=True)),
        letter(message_id=THEIRS.make("Note", "1", NOW, "example.org", notification=True)),
        letter(message_id=COPY.make("Note", "1", NOW, "example.org", notification=True)),
        letter(message_id=OURS.make("Note", "1", NOW, "example.org")),
    )
    assert [outcome.result for outcome in outcomes] == ["Dropped", "Imported", "Imported", "Imported"]


async def test_an_answer_finds_its_record(office: Office):
    account = await office.personal(await office.user("bob"))
    office.importer = Importer(office.root, record_ids=OURS)
    forged, ours = THEIRS.make("Case", "666", NOW, "x"), OURS.make("Case", "4711", NOW, "x")
    (outcome,) = await office.take(account, letter(In_Reply_To=forged, References=f"{ours} {forged}"))
    assert outcome.parent == ("Case", "4711")
