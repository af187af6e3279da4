"""Files that the database does not know, and what goes first where the disk is nearly full."""

import asyncio
import hashlib
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from jobrunner.config import Configuration
from jobrunner.db.connection import Connection
from jobrunner.queue.cleanup_target import CleanupTarget, old_rows
from jobrunner.services.cleanup.run import NEARLY_FULL, CleanupFailed, free_share
from jobrunner.services.cleanup.troubles import list_disk_troubles
from jobrunner.services.mail.cleanup import StrayFiles
from jobrunner.services.mail.importing.staging import place_of
from jobrunner.services.mail.importing.storing import audit_files, settle_files, stray_files
from jobrunner.services.mail.importing.storing.stray_files import find_strays
from tests.services.cleanup.conftest import House

STRAYS = StrayFiles(timedelta(0))
OF_ANY_AGE = CleanupTarget("stray-files", "Files", "2 days", STRAYS, ahead=STRAYS, frees_files=True)


def root_of(house: House) -> Path:
    return house.configuration.data_dir / "files"


def put(house: House, content: bytes) -> Path:
    """Put a file where one with this content belongs, without a row."""
    place = place_of(root_of(house), hashlib.sha256(content).digest())
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


async def know(house: House, path: Path) -> None:
    await house.run(
        "INSERT INTO jobrunner.stored_file (sha256, size, pinned_until) VALUES ($1, 5, now() + interval '1 hour')",
        bytes.fromhex(path.name),
    )


async def test_a_file_that_the_database_does_not_know_goes_after_two_days(house: House):
    stray, known = put(house, b"stray"), put(house, b"known")
    await know(house, known)
    assert await house.preview("stray-files") == {}
    assert (await house.clean("stray-files")).rows == 0
    assert await house.preview(OF_ANY_AGE) == {"stray-files": 1}

    report = await house.clean(OF_ANY_AGE)

    assert (report.rows, report.targets[0].octets) == (1, 5)
    assert (stray.exists(), known.exists()) == (False, True)
    async with house.connect() as looking:
        audit = await audit_files(looking, root_of(house))
    assert (audit.without_file, audit.without_row) == ((), ())


async def test_all_are_found_by_one_look_and_no_transaction_lasts_for_it(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stray_files, "REMOVED_TOGETHER", 3)
    looks: list[bool] = []

    async def find(connection: Any, *arguments: Any) -> dict[bytes, int]:
        looks.append(connection.is_in_transaction())
        return await find_strays(connection, *arguments)

    monkeypatch.setattr(stray_files, "find_strays", find)
    places = [put(house, str(number).encode()) for number in range(10)]
    assert (await house.clean(OF_ANY_AGE)).rows == 10
    assert not any(place.exists() for place in places)
    assert looks == [False, False], "the second one finds none"
    assert await house.run("SELECT count(*) FROM jobrunner.stored_file") == 0


async def test_links_and_names_that_are_not_ours_are_passed_over(house: House, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ("ab" * 32)).write_bytes(b"theirs")
    place = put(house, b"stray")
    link = place.with_name(place.name[:-1] + ("0" if place.name[-1] != "0" else "1"))
    link.symlink_to(outside / ("ab" * 32))
    (root_of(house) / "ab").symlink_to(outside)
    other = place.with_name("README")
    other.write_bytes(b"by hand")

    assert (await house.clean(OF_ANY_AGE)).rows == 1

    assert not place.exists()
    assert link.is_symlink()
    assert other.exists()
    assert (outside / ("ab" * 32)).exists()


async def test_an_import_that_brings_the_same_content_meanwhile_has_its_file(house: House):
    """The import pins the hash and finds the file in its place; who sweeps has it claimed by then, or sees the pin."""
    root = root_of(house)
    (root / "incoming").mkdir(parents=True)
    for number in range(40):
        content = str(number).encode()
        place = put(house, content)
        (root / "incoming" / "waiting").write_bytes(content)
        staged = {"waiting": (hashlib.sha256(content).digest(), len(content))}
        async with house.connect() as importing, asyncio.timeout(30):
            _, report = await asyncio.gather(settle_files(importing, root, staged), house.clean(OF_ANY_AGE))
        assert report.failed == []
        assert place.exists()
        assert await house.run("SELECT count(*) FROM jobrunner.stored_file") == number + 1


async def test_the_folder_of_another_database_is_left_alone_and_named(house: House):
    places = [put(house, str(number).encode()) for number in range(11)]
    with pytest.raises(CleanupFailed, match=r"11 of 11 files in .* have no row in this database"):
        await house.clean(OF_ANY_AGE)
    assert all(place.exists() for place in places)
    for place in places[:6]:
        await know(house, place)
    assert (await house.clean(OF_ANY_AGE)).rows == 5


async def test_a_folder_that_cannot_be_written_fails_by_itself(house: House):
    """As a file in the place of a folder, which not even root can read as one."""
    root_of(house).write_bytes(b"")
    notes = old_rows("notes", "Notes", "1 day", table="jobrunner.lead", time="deleted_at")
    run = house.cleaner("stray-files", notes, free=lambda folder: 0.0)
    with pytest.raises(CleanupFailed, match="files cannot be removed: Not a directory"):
        await run.clean()
    assert [one.target for one in run.report.failed] == ["stray-files"]
    assert len(run.report.targets) == 2


@pytest.mark.parametrize(("free", "first"), [(NEARLY_FULL - 0.01, "files"), (NEARLY_FULL, "mails-in-trash")])
async def test_files_go_first_where_the_disk_is_nearly_full(house: House, free: float, first: str):
    """And once more in their place: mails that went meanwhile have freed others."""
    content = b"x" * 32
    place = place_of(root_of(house), content)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"hello")
    await house.run("INSERT INTO jobrunner.stored_file VALUES ($1, 5, now() - interval '1 hour')", content)
    told: list[str] = []

    report = await house.clean(
        "mails-in-trash",
        "files",
        free=lambda folder: free,
        progress=lambda _, message: told.append(str(message).partition(";")[0]),
    )

    assert [name for name, _ in groupby(told)] == ([first] if first == "files" else []) + ["mails-in-trash", "files"]
    assert {one.target: one.rows for one in report.targets} == {"mails-in-trash": 0, "files": 1}
    assert not place.exists()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with TemporaryDirectory(prefix="jobrunner-small-") as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip("a file system cannot be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


async def test_how_much_of_a_disk_is_free(small_disk: Path, own: Connection):
    """And `jobrunner status` says it when that is next to nothing."""
    folder = small_disk / "not" / "there" / "yet"
    assert free_share(folder) == 1.0
    (small_disk / "filler").write_bytes(b"x" * (2**20 * 97 // 100))
    assert 0 < free_share(folder) < NEARLY_FULL
    (told,) = await list_disk_troubles(own, Configuration(data_dir=folder))
    assert re.match(rf"of the disk with {folder} only [0-4]\.[0-9] % are free: ", told)
    (small_disk / "filler").unlink()
    assert await list_disk_troubles(own, Configuration(data_dir=folder)) == []


async def test_files_that_another_one_is_removing_are_left_to_it_and_it_is_said(house: House):
    """As a clean-up that was killed, until the server learns of it."""
    content = b"x" * 32
    await house.run("INSERT INTO jobrunner.stored_file VALUES ($1, 5, now() - interval '1 hour')", content)
    async with house.connect() as other, other.transaction():
        await other.execute("SELECT FROM jobrunner.stored_file AS f FOR UPDATE")
        report = await house.clean("files")
    assert (report.rows, report.targets[0].note) == (0, "in use: what is left goes with the next run")
    assert (await house.clean("files")).rows == 1
