"""Files that were too large to come with their mail, fetched when somebody wants them."""

import asyncio
import base64
import quopri
from pathlib import Path
from typing import Any

import pytest

from jobrunner.errors import Conflict, NotFound
from jobrunner.services.mailbox.fetching import fetch_attachment
from jobrunner.services.mailbox.fetching.decoding import decoder
from jobrunner.services.mailbox.fetching.desk import Portions
from tests.services.mail.importing.letters import HEAD, multipart, part, rich
from tests.services.mailbox.conftest import PostOffice

SMALL = Portions(batch_octets=20_000, largest=100_000)
FILE = "SELECT * FROM jobrunner.email_attachment ORDER BY id DESC LIMIT 1"


def wanted(office: PostOffice, id: int) -> Any:
    return fetch_attachment(office.connect, office.keyring, office.configuration.data_dir / "files", id)


async def test_it_is_fetched_once_and_kept(office: PostOffice, user: str):
    account = await office.account(user)
    office.dovecot.deliver(user, [rich(300_000)])
    await office.fetch(account, portions=SMALL)
    file = await office.connection.fetchrow(FILE)
    assert file["sha256"] is None

    both = await asyncio.gather(wanted(office, file["id"]), wanted(office, file["id"]))

    assert both[0] == both[1]
    assert both[0].read_bytes() == bytes(range(256)) * (300_000 // 256)
    file = await office.connection.fetchrow(FILE)
    assert (file["size"], file["sha256"].hex()) == (both[0].stat().st_size, both[0].name)
    assert list((office.configuration.data_dir / "files" / "incoming").iterdir()) == []
    await office.connection.execute("DELETE FROM jobrunner.email_account")
    assert await wanted(office, file["id"]) == both[0]  # from here


async def test_what_cannot_be_had_says_why(office: PostOffice, user: str):
    account = await office.account(user)
    office.dovecot.deliver(user, [rich(300_000)])
    await office.fetch(account, portions=SMALL)
    id = (await office.connection.fetchrow(FILE))["id"]
    with pytest.raises(NotFound):
        await wanted(office, id + 1)
    with office.dovecot.client(user) as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Deleted")
        client.expunge()
    with pytest.raises(Conflict, match=r"'a.pdf' was not fetched with its mail, and cannot be had now: "):
        await wanted(office, id)
    await office.connection.execute("UPDATE jobrunner.email_copy SET uid_validity = 1")
    with pytest.raises(Conflict, match="has numbered the folder 'INBOX' anew"):
        await wanted(office, id)
    await office.connection.execute("DELETE FROM jobrunner.email_account")
    with pytest.raises(Conflict, match="no account is left"):
        await wanted(office, id)
    incoming: Path = office.configuration.data_dir / "files" / "incoming"
    assert list(incoming.iterdir()) == []


async def test_texts_without_end_are_files(office: PostOffice, user: str):
    """H07: all of them together are not held in memory, however many."""
    account = await office.account(user)
    text = part(b"x" * 79 + b"\r\n" + (b"y" * 78 + b"\r\n") * 24_000)
    office.dovecot.deliver(user, [HEAD.encode() + multipart(*[text] * 7)])
    await office.fetch(account, portions=SMALL)
    files = await office.connection.fetch("SELECT section FROM jobrunner.email_attachment ORDER BY position")
    assert [file["section"] for file in files if file["section"]] == ["5", "6", "7"]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 76, 1000])
@pytest.mark.parametrize("lines", ["\n", "\r\n", ""])
def test_encodings_are_undone_piece_by_piece(step: int, lines: str):
    content = bytes(range(256)) * 20 + b"odd"
    for encoding, encoded in {
        "BASE64": base64.encodebytes(content).replace(b"\n", lines.encode()),
        "Quoted-Printable": quopri.encodestring(content, quotetabs=True)
        if lines == "\n"
        else quopri.encodestring(b"=\xff" * 999),
        "8bit": content,
    }.items():
        decoding = decoder(encoding)
        pieces = [decoding.feed(encoded[at : at + step]) for at in range(0, len(encoded), step)]
        whole = b"".join([*pieces, decoding.end()])
        assert whole == (content if encoding != "Quoted-Printable" or lines == "\n" else b"=\xff" * 999)


def test_a_line_without_end():
    decoding = decoder("quoted-printable")
    pieces = [decoding.feed(b"=41" * 1_000) for _ in range(200)]
    assert b"".join([*pieces, decoding.end()]) == b"A" * 200_000
