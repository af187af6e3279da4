"""Whatever comes is imported: no exception, none lost (H07). JOBRUNNER_LONG tries 50,000."""

import asyncio
import gc
import os
import time
from dataclasses import asdict
from itertools import islice
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.services.mail.importing.html import clean_html
from jobrunner.services.mail.importing.parsing import ParsedMail, parse
from jobrunner.services.mail.importing.reader import MailReader
from jobrunner.services.mail.importing.storing import Fetched, audit_files
from tests.services.mail.importing.mutations import WORDS, corpus, mutated
from tests.services.mail.importing.storing.conftest import INBOX, RECEIVED, Office, office

__all__ = ["office"]

LONG = "JOBRUNNER_LONG" in os.environ
NUMBER = 50_000 if LONG else 300
PORTION = 100


def texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for inner in value.values() for text in texts(inner)]
        case list() | tuple():
            return [text for inner in value for text in texts(inner)]
    return []


def is_storable(mail: ParsedMail, source: bytes) -> None:
    """What PostgreSQL has a place for, and a name for each file."""
    for text in texts(asdict(mail)):
        assert "\0" not in text
        text.encode()
    assert mail.size == len(source)
    assert "\n" not in mail.subject
    assert mail.message_key
    assert len(mail.message_key) <= 255
    for file in mail.attachments:
        assert 0 < len(file.name.encode()) <= 255
        assert not {"/", "\\", "\n", "\0"} & set(file.name)
        assert file.sha256 is not None


def test_each_is_read():
    slowest = 0.0
    for source in [*corpus(), *islice(mutated(1), NUMBER)]:
        started = time.process_time()
        mail = parse(source)
        slowest = max(slowest, time.process_time() - started)
        assert mail.trouble is None or not mail.trouble.startswith(
            ("Type", "Value", "Key", "Index", "Attribute", "Unicode")
        )
        assert mail.oddities == ()
        is_storable(mail, source)
        if mail.html is not None:
            clean_html(mail.html).html.encode()
    assert slowest < 1


octets_of_text = st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace"))
pieces = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=40), octets_of_text))
FIELDS = [
    "From", "To", "Subject", "Date", "Message-ID", "References", "Content-Type", "Content-Disposition",
    "Content-Transfer-Encoding", "Return-Path", "X-Failed-Recipients",
]  # fmt: skip


@settings(max_examples=2_000 if LONG else 150, deadline=None)
@given(st.sampled_from(FIELDS), pieces)
def test_any_value_of_a_field(name: str, value: list[bytes]):
    source = name.encode() + b": " + b"".join(value) + b"\r\n\r\nbody"
    mail = parse(source)
    assert mail.oddities == ()
    is_storable(mail, source)


@settings(max_examples=2_000 if LONG else 150, deadline=None)
@given(pieces)
def test_any_octets(octets: list[bytes]):
    source = b"".join(octets)
    is_storable(parse(source), source)


async def test_each_is_stored(office: Office):
    """Through the reader's processes into the tables: each UID has its outcome, each mail its rows and files."""
    account = await office.personal(await office.user("bob"))
    sources = [*corpus(), *islice(mutated(2), NUMBER)]
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()  # not the clock: how busy the machine is does not matter
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - began)

    gc.freeze()  # as a daemon does: what this process holds beside is no part of the import
    watching = asyncio.create_task(watch())
    results: list[str] = []
    async with MailReader(office.root, count=2) as reader:
        for begin in range(0, len(sources), PORTION):
            mails = await reader.parse(sources[begin : begin + PORTION])
            messages = [Fetched(uid, RECEIVED, mail) for uid, mail in enumerate(mails, begin + 1)]
            outcomes = await office.importer.import_batch(office.connection, account, INBOX, messages)
            results += [outcome.result for outcome in outcomes if outcome.email_id is not None]
        assert reader.starts <= 2
    watching.cancel()
    gc.unfreeze()
    assert len(results) == len(sources)
    assert await office.count("email") == results.count("Imported") > len(sources) // 2
    assert await office.column("SELECT last_uid FROM jobrunner.mail_folder_state") == [len(sources)]
    assert await audit_files(office.connection, office.root) == type(await audit_files(office.connection, office.root))(
        (), ()
    )
    assert longest < 0.05
