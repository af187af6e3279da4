"""Messages are taken apart in processes of their own; one that is too much costs nothing but itself (H07)."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from jobrunner.services.mail.importing.html import clean_html
from jobrunner.services.mail.importing.parsing import ParsedMail, parse
from jobrunner.services.mail.importing.reader import MailReader, ReaderLimits, StorageFault
from jobrunner.services.mail.importing.source_only import source_only
from jobrunner.services.mail.importing.staging import staged_place
from tests.services.mail.importing.letters import HEAD, letter, multipart, part, rich

MIB = 2**20
LIMITS = ReaderLimits(memory=300 * MIB, cpu=1.0, wall=5.0, clean=1.0)


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[MailReader]:
    async with MailReader(tmp_path, count=1, limits=LIMITS) as reader:
        yield reader


def holds(reader: MailReader, mail: ParsedMail) -> list[bytes]:
    return [staged_place(reader.root, file.staged or "").read_bytes() for file in mail.attachments]


async def test_a_batch(reader: MailReader):
    sources = [rich(), letter(), b"", letter(subject="last")]
    mails = await reader.parse(sources)
    assert [mail.subject for mail in mails] == ["Grüße", "Hello", "", "last"]
    expected = parse(rich())
    assert (mails[0].text, mails[0].html, mails[0].message_key) == (expected.text, expected.html, expected.message_key)
    assert holds(reader, mails[0]) == [file.content for file in expected.attachments]
    assert mails[0].attachments[0].sha256 == expected.attachments[0].sha256
    assert reader.starts == 1
    assert await reader.parse([]) == []


async def test_a_message_in_a_file(reader: MailReader, tmp_path: Path):
    for source in (rich(), b""):
        path = tmp_path / "message"
        path.write_bytes(source)
        (mail,) = await reader.parse([path])
        assert (mail.subject, mail.size) == (parse(source).subject, len(source))
    assert reader.starts == 1


def pdf(megabytes: int) -> bytes:
    """A file as a part of so many octets."""
    return part(b"QUJD" * (megabytes * MIB // 4), "application/pdf", Content_Transfer_Encoding="base64")


def slow() -> bytes:
    """What takes the reader some tenths of a second: many tags in a text within its limits."""
    return HEAD.encode() + multipart(part(b"<a " * 345_000, "text/html"))


@pytest.fixture
async def hasty_reader(tmp_path: Path) -> AsyncIterator[MailReader]:
    async with MailReader(tmp_path, count=1, limits=replace(LIMITS, cpu=0.1)) as reader:
        yield reader


async def test_one_that_takes_too_long(hasty_reader: MailReader):
    """H07: it is kept with its header, its neighbours are read."""
    reader = hasty_reader
    before, stuck, after = await reader.parse([letter(subject="a"), slow(), letter(subject="b")])
    assert (before.subject, after.subject) == ("a", "b")
    assert stuck.trouble == "could not be read: it takes more than 0.1 s to compute"
    assert (stuck.subject, stuck.message_id) == ("Hello", "<1@example.com>")
    assert holds(reader, stuck) == [slow()]
    assert stuck.attachments[0].name == "message.eml"


async def test_one_that_takes_too_much_memory(reader: MailReader, tmp_path: Path):
    """H07: a file of octets that are decoded at once, beyond what the process may have."""
    source = HEAD.encode() + multipart(
        part(b"QUJD" * (40 * MIB), "application/pdf", Content_Transfer_Encoding="base64")
    )
    path = tmp_path / "message"
    path.write_bytes(source)
    kept, after = await reader.parse([path, letter()])
    assert kept.trouble == "could not be read: it takes more memory than it may"
    assert (kept.subject, kept.size, kept.attachments[0].size) == ("Hello", len(source), len(source))
    assert after.trouble is None


async def test_a_process_that_is_killed(reader: MailReader):
    await reader.parse([letter()])
    (pid,) = reader.pids
    os.kill(pid, signal.SIGSTOP)
    reading = asyncio.create_task(reader.parse([letter(subject="a"), letter(subject="b")]))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    first, second = await reading
    assert first.trouble in (None, "could not be read: the process that read it was killed")
    assert (first.subject, second.subject, second.trouble) == ("a", "b", None)


async def test_one_that_kills_every_process(reader: MailReader, tmp_path: Path):
    """It is kept without its header: of a file that grows shorter under the reader, the kernel says SIGBUS."""
    mail = source_only(tmp_path, b"octets", "could not be read: twice")
    assert (mail.trouble, mail.size, holds(reader, mail)) == ("could not be read: twice", 6, [b"octets"])
    assert mail.message_key.startswith("source:")


async def test_a_folder_that_cannot_be_written(reader: MailReader):
    """Not the message's fault: nothing of the batch is to be imported."""
    await reader.parse([letter()])
    (reader.root / "incoming").rmdir()
    with pytest.raises(StorageFault, match="No such file"):
        await reader.parse([letter(), rich()])


async def test_the_loop_is_not_held(reader: MailReader):
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - began)

    await reader.parse([letter()])
    watching = asyncio.create_task(watch())
    await reader.parse([rich(200_000)] * 20)
    watching.cancel()
    assert longest < 0.2  # 50 ms on a machine with nothing else to do


async def test_a_process_has_nothing(reader: MailReader, monkeypatch: pytest.MonkeyPatch):
    """H21."""
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://u:canary@localhost/x")
    await reader.parse([letter()])
    process = psutil.Process(reader.pids[0])
    assert "canary" not in str(process.environ())
    assert "JOBRUNNER_DATABASE_URL" not in process.environ()
    assert process.num_fds() <= 4


async def test_its_memory_with_a_large_message(tmp_path: Path):
    """A file of 50 MB within 300 MB."""
    source = HEAD.encode() + multipart(
        part(b"QUJD" * (50 * MIB // 4), "application/pdf", Content_Transfer_Encoding="base64")
    )
    path = tmp_path / "message"
    path.write_bytes(source)
    async with MailReader(tmp_path, count=1) as reader:
        (mail,) = await reader.parse([path])
        assert (mail.trouble, mail.attachments[0].size) == (None, 50 * MIB // 4 * 3)
        assert peak(reader.pids[0]) < 200 * MIB


def peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    pytest.skip("the kernel does not say what a process used")


async def test_two_batches_in_two_processes(tmp_path: Path):
    async with MailReader(tmp_path, count=2) as reader:
        results = await asyncio.gather(*(reader.parse([letter(subject=str(number))]) for number in range(6)))
        assert [mail.subject for (mail,) in results] == [str(number) for number in range(6)]
        assert len(reader.pids) == 2


async def test_a_batch_that_is_given_up(reader: MailReader):
    reading = asyncio.create_task(reader.parse([slow()]))
    while not reader.pids:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert [mail.subject for mail in await reader.parse([letter()])] == ["Hello"]


async def test_cleaning(reader: MailReader):
    html = '<p onclick="x">Hi <img src="cid:a"></p>'
    assert await reader.clean(html, {"a": "/1"}) == clean_html(html, {"a": "/1"})


async def test_html_that_takes_too_long_to_clean_is_shown_as_text(reader: MailReader):
    """H09: fonts that each paragraph begins anew, within the depth that is allowed."""
    html = "<p>" + "".join(f"<font title={number}>" for number in range(390)) + "<p>x" * 20_000
    cleaned = await reader.clean(html)
    assert cleaned.is_text
    assert cleaned.html.startswith("<pre>x")
    assert [mail.subject for mail in await reader.parse([letter()])] == ["Hello"]
