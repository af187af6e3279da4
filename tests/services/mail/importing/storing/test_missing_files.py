"""A file that is gone is found by the daily look, and told until it is back."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobrunner.services.mail.importing.staging import place_of
from jobrunner.services.mail.importing.storing import missing_files
from jobrunner.services.mail.importing.storing.files import LAST, around
from jobrunner.services.mail.importing.storing.missing_files import list_missing_file_troubles, look_for_missing_files
from tests.services.mail.importing.letters import rich
from tests.services.mail.importing.storing.conftest import Office
from tests.services.mail.importing.storing.test_files import EXPIRE, settled


async def look(office: Office, **options: Any) -> int:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        yield office.connection

    return await look_for_missing_files(connect, office.root, **options)


async def test_it_is_named_until_it_is_back(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, rich())
    await office.connection.execute(EXPIRE)
    assert await look(office) == 0
    assert await list_missing_file_troubles(office.connection) == []
    row = await office.connection.fetchrow(
        "SELECT name, email_id, sha256 FROM jobrunner.email_attachment WHERE sha256 IS NOT NULL LIMIT 1"
    )
    place = place_of(office.root, row["sha256"])
    os.rename(place, office.root / "elsewhere")

    assert [await look(office), await look(office)] == [1, 1]

    (told,) = await list_missing_file_troubles(office.connection)
    assert told.startswith("of mails and cases 1 file cannot be found since ")
    assert f": '{row['name']}' of e-mail {row['email_id']}; " in told
    os.rename(office.root / "elsewhere", place)
    assert await look(office) == 0
    assert await list_missing_file_troubles(office.connection) == []


async def test_one_that_comes_in_once_more_is_back(office: Office):
    sha256 = await settled(office, b"x")
    await office.connection.execute(EXPIRE)
    place_of(office.root, sha256).unlink()
    assert await look(office) == 1
    await settled(office, b"x")
    assert await office.connection.fetchval("SELECT count(missing_since) FROM jobrunner.stored_file") == 0


async def test_what_is_on_its_way_is_not_missing(office: Office):
    place_of(office.root, await settled(office, b"x")).unlink()
    assert await look(office) == 0


async def test_what_nobody_names_is_not_told(office: Office):
    place_of(office.root, await settled(office, b"x")).unlink()
    await office.connection.execute(EXPIRE)
    assert await look(office) == 1
    assert await list_missing_file_troubles(office.connection) == []


async def test_it_looks_at_all_in_portions(office: Office, monkeypatch: pytest.MonkeyPatch):
    for number in range(7):
        place_of(office.root, await settled(office, b"%d" % number)).unlink()
    await office.connection.execute(EXPIRE)
    monkeypatch.setattr(missing_files, "LOOKED_AT", 2)
    assert await look(office) == 7


async def test_it_ends_with_its_time_and_when_there_are_many(office: Office, monkeypatch: pytest.MonkeyPatch):
    for number in range(7):
        place_of(office.root, await settled(office, b"%d" % number)).unlink()
    await office.connection.execute(EXPIRE)
    assert await look(office, time_limit=0) == 0
    monkeypatch.setattr(missing_files, "LOOKED_AT", 2)
    monkeypatch.setattr(missing_files, "MOST", 3)
    assert await look(office) in (3, 4)


def test_around_every_hash_once():
    start = bytes(range(32))
    for sha256 in (bytes(32)[:-1] + b"\1", start, start[:-1] + b"\x20", LAST):
        assert sum(after < sha256 <= last for after, last in around(start)) == 1
