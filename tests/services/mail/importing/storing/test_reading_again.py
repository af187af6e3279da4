"""What could not be read is read again by a later version."""

import pytest

from jobrunner.errors import NotFound
from jobrunner.services.mail.importing.parsing import Limits, parse
from jobrunner.services.mail.importing.reader import MailReader
from jobrunner.services.mail.importing.storing import Fetched, audit_files, list_troubled, read_again, sweep_files
from tests.services.mail.importing.letters import letter, rich
from tests.services.mail.importing.storing.conftest import INBOX, RECEIVED, Office


async def test_it_gets_what_it_says(office: Office):
    account = await office.personal(await office.user("bob"))
    await office.take(account, letter())
    source = rich().replace(b"Subject", b"In-Reply-To: <1@example.com>\nSubject", 1)
    mail = parse(source, limits=Limits(parts=1), keep=office.keep)  # as an earlier version that could read less
    (outcome,) = await office.importer.import_batch(office.connection, account, INBOX, [Fetched(2, RECEIVED, mail)])
    (troubled,) = await list_troubled(office.connection, office.root)
    assert (troubled.id, troubled.trouble) == (outcome.email_id, "it has more than 1 parts")
    assert troubled.source.read_bytes() == source
    async with MailReader(office.root, count=1) as reader:
        assert await read_again(office.connection, reader, [troubled.id]) == {troubled.id: None}
        with pytest.raises(NotFound, match="could not be read"):
            await read_again(office.connection, reader, [troubled.id])
    (row,) = await office.connection.fetch("SELECT * FROM jobrunner.email WHERE id = $1", troubled.id)
    assert (row["trouble"], row["body_plain"], row["source_sha256"]) == (None, "Grüße aus Köln\n", None)
    assert row["replied_id"] == row["thread_id"] < troubled.id
    assert await office.column("SELECT name FROM jobrunner.email_attachment") == ["a.pdf"]
    assert await office.count("mail_fetch_failure") == 0
    await office.connection.execute("UPDATE jobrunner.stored_file SET pinned_until = now() - interval '1 s'")
    assert await sweep_files(office.connection, office.root) == 1
    assert (await audit_files(office.connection, office.root)).without_file == ()


async def test_it_still_cannot_be_read(office: Office):
    account = await office.personal(await office.user("bob"))
    (outcome,) = await office.take(account, letter(to=", ".join(f"a{number}@example.org" for number in range(3_000))))
    assert outcome.email_id is not None
    async with MailReader(office.root, count=1) as reader:
        result = await read_again(office.connection, reader, [outcome.email_id])
    assert result == {outcome.email_id: "it has more than 2,000 addresses"}
    assert len(await list_troubled(office.connection, office.root)) == 1
    assert list((office.root / "incoming").iterdir()) == []
