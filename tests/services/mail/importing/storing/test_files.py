"""Files and their rows: neither without the other, whenever the daemon dies."""

import os
import time

import asyncpg
import pytest

from jobrunner.services.mail.importing.staging import place_of, stage
from jobrunner.services.mail.importing.storing import audit_files, files, settle_files, sweep_files
from jobrunner.services.mail.importing.storing.files import discard_staged
from tests.services.mail.importing.letters import rich
from tests.services.mail.importing.storing.conftest import Office

EXPIRE = "UPDATE jobrunner.stored_file SET pinned_until = now() - interval '1 s'"


async def settled(office: Office, content: bytes) -> bytes:
    name, size, sha256 = stage(office.root, content)
    await settle_files(office.connection, office.root, {name: (sha256, size)})
    return sha256


async def test_equal_files_are_one(office: Office):
    first = await settled(office, b"x")
    assert await settled(office, b"x") == first
    assert place_of(office.root, first).read_bytes() == b"x"
    assert await office.count("stored_file") == 1
    assert list((office.root / "incoming").iterdir()) == []
    assert place_of(office.root, first).stat().st_mode & 0o777 == 0o600


async def test_what_nobody_came_to_name_is_swept(office: Office):
    """Killed between the pin, the file and the transaction."""
    sha256 = await settled(office, b"x")
    assert await sweep_files(office.connection, office.root) == 0
    await office.connection.execute(EXPIRE)
    assert await sweep_files(office.connection, office.root) == 1
    assert not place_of(office.root, sha256).exists()
    assert await office.count("stored_file") == 0


async def test_a_sweep_takes_a_batch_and_the_next_one_goes_on(office: Office):
    for number in range(5):
        await settled(office, b"%d" % number)
    stage(office.root, b"fresh")
    await office.connection.execute(EXPIRE)
    assert [await sweep_files(office.connection, office.root, batch=2) for _ in range(4)] == [2, 2, 1, 0]
    assert list(office.root.glob("[0-9a-f][0-9a-f]/*")) == []
    assert len(list((office.root / "incoming").iterdir())) == 1


async def test_a_sweep_looks_at_all_in_portions(office: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "LOOKED_AT", 2)
    for number in range(7):
        await settled(office, b"%d" % number)
    await office.connection.execute(EXPIRE)
    pinned = await settled(office, b"3")
    assert await sweep_files(office.connection, office.root) == 6
    assert await office.connection.fetchval("SELECT sha256 FROM jobrunner.stored_file") == pinned


async def test_what_is_named_stays(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, rich())
    await office.connection.execute(EXPIRE)
    assert await sweep_files(office.connection, office.root) == 0
    audit = await audit_files(office.connection, office.root)
    assert (audit.without_file, audit.without_row) == ((), ())
    await office.connection.execute("DELETE FROM jobrunner.email")
    assert await sweep_files(office.connection, office.root) == 1


async def test_a_row_whose_file_was_never_put_there_is_swept(office: Office):
    """Killed right after the pin."""
    await office.connection.execute("INSERT INTO jobrunner.stored_file VALUES (sha256('x'), 1, now() - interval '1 s')")
    assert await sweep_files(office.connection, office.root) == 1


async def test_the_sweep_and_an_import_of_the_same_file(office: Office, database_url: str):
    """Stepped: the sweep has taken the row and removed the file when somebody pins it again."""
    sha256 = await settled(office, b"x")
    await office.connection.execute(EXPIRE)
    other = await asyncpg.connect(database_url)
    try:
        sweep = other.transaction()
        await sweep.start()
        await other.execute("DELETE FROM jobrunner.stored_file")
        place_of(office.root, sha256).unlink()
        await office.connection.execute("SET lock_timeout = '100 ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await settled(office, b"x")
        await sweep.commit()
    finally:
        await other.close()
    await settled(office, b"x")
    assert place_of(office.root, sha256).exists()


async def test_what_waited_for_too_long_is_swept(office: Office):
    """Killed while a message was taken apart."""
    old, _, _ = stage(office.root, b"old")
    fresh, _, _ = stage(office.root, b"fresh")
    hours_ago = time.time() - 7_200
    os.utime(office.root / "incoming" / old, (hours_ago, hours_ago))
    assert await sweep_files(office.connection, office.root) == 1
    await discard_staged(office.root, [fresh, old])
    assert list((office.root / "incoming").iterdir()) == []


async def test_the_audit_finds_what_does_not_fit(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, rich())
    (sha256,) = await office.column("SELECT sha256 FROM jobrunner.email_attachment")
    place_of(office.root, sha256).unlink()
    foreign = place_of(office.root, bytes(32))
    foreign.parent.mkdir(parents=True)
    foreign.touch()
    audit = await audit_files(office.connection, office.root)
    assert (audit.without_file, audit.without_row) == ((sha256,), (foreign,))
