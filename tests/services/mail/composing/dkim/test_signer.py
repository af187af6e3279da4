"""Signatures, verified by dkimpy as a receiver would."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import dkim
import pytest
from hypothesis import HealthCheck, given, settings

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.dkim.key import SigningKey
from jobrunner.services.mail.composing.dkim.signer import SIGNED, Signer
from jobrunner.services.mail.composing.fields import ListId, bulk_fields, unsubscribe_fields
from jobrunner.services.mail.composing.mailing import Mailing
from jobrunner.services.mail.composing.parts import Attachment
from tests.services.mail.composing.samples import lines, mailboxes, texts

MOMENT = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)
Verify = Callable[[bytes], list[bool]]


@pytest.fixture(scope="session")
def signer(rsa_key: SigningKey, ed25519_key: SigningKey) -> Signer:
    return Signer("Example.com", [ed25519_key, rsa_key])


@pytest.fixture(scope="session")
def verify(signer: Signer) -> Verify:
    """What dkimpy says of the two signatures; the records come from a name server in a dictionary."""
    records = {f"{key.selector}._domainkey.example.com.".encode(): key.dns_record.encode() for key in signer.keys}

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name]

    def run(message: bytes) -> list[bool]:
        return [attempt(dkim.DKIM(message), index) for index in (0, 1)]

    def attempt(reader: dkim.DKIM, index: int) -> bool:
        try:
            return bool(reader.verify(index, dnsfunc=look_up))
        except dkim.DKIMException:
            return False

    return run


def message(
    sender: Mailbox | None = None, recipient: Mailbox | None = None, subject: str = "Grüße", text: str = "x  y\n"
) -> bytes:
    return Mailing(
        sender or Mailbox(parse_address("news@mail.example.com"), "Garden News"),
        text=[text],
        html=[f"<p>{text}</p>\n\n\n"],
        reply_to=Mailbox(parse_address("answers@example.com")),
        list_id=ListId("garden.example.com"),
        headers=bulk_fields("c1", "m7", "newsletter", "example"),
        attachments=[Attachment("a.bin", bytes(100))],
    ).compose(
        recipient or Mailbox(parse_address("ann@example.org"), "Ann"),
        subject=subject,
        message_id="<abc@example.com>",
        date=MOMENT,
        headers=unsubscribe_fields(f"https://example.com/{'k' * 100}"),
    )


def test_both_signatures_hold_rsa_first(signer: Signer, verify: Verify):
    whole = message()
    fields = signer.sign(whole, at=MOMENT)

    assert verify(fields + whole) == [True, True]
    assert re.findall(rb"a=([a-z0-9-]+)", fields) == [b"rsa-sha256", b"ed25519-sha256"]
    assert fields.count(b"\r\n d=example.com; s=") == 2
    assert fields.count(f" t={int(MOMENT.timestamp())};".encode()) == 2
    assert b"l=" not in re.sub(rb"(?s) b[h]?=.*?(;|$)", b"", fields)
    assert all(len(line) <= 78 for line in fields.split(b"\r\n"))


def test_every_field_that_a_provider_asks_for_is_signed_and_from_twice(signer: Signer):
    fields = signer.sign(message())
    listed = re.sub(rb"\s", b"", re.findall(rb"(?s)h=(.*?);", fields)[0]).decode().split(":")

    assert sorted(listed) == sorted([*(set(SIGNED) - {"content-transfer-encoding"}), "from"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(mailboxes, mailboxes, lines, texts)
def test_any_message_verifies(
    signer: Signer, verify: Verify, sender: Mailbox, recipient: Mailbox, subject: str, text: str
):
    whole = message(sender, recipient, subject, text)

    assert verify(signer.sign(whole) + whole) == [True, True]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Subject: ", b"Subject: Re: "),
        (b"ann@example.org", b"eve@example.org"),
        (b"<abc@", b"<abd@"),
        (b"https://example.com/", b"https://example.net/"),
        (b"One-Click", b"Two-Click"),
        (b"Garden News", b"Garden Views"),
        (b"answers@", b"questions@"),
        (b"c1:m7", b"c1:m8"),
        (b"multipart/mixed", b"multipart/digest"),
        (b"x  y", b"x  z"),
        (b"x  y", b"xy"),
        (b"\r\nTo: ", b"\r\nFrom: eve@example.net\r\nTo: "),
        (b"--=_mixed--\r\n", b"--=_mixed--\r\nmore\r\n"),
    ],
)
def test_what_was_changed_on_the_way_does_not_verify(before: bytes, after: bytes, signer: Signer, verify: Verify):
    whole = message()
    assert before in whole
    changed = whole.replace(before, after)

    assert verify(signer.sign(whole) + changed) == [False, False]


def test_what_relays_may_change_still_verifies(signer: Signer, verify: Verify):
    """Relaxed: other folding, runs of blanks, a field added above."""
    whole = message()
    changed = whole.replace(b"Subject: ", b"SUBJECT:\r\n \t").replace(b"x  y", b"x \t y") + b"\r\n\r\n"

    assert verify(b"Received: from a by b; date\r\n" + signer.sign(whole) + changed) == [True, True]


def test_one_key_is_enough(rsa_key: SigningKey):
    whole = message()
    record = rsa_key.dns_record.encode()

    signed = Signer("example.com", [rsa_key]).sign(whole) + whole
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: record)


def test_a_signer_serves_several_threads(signer: Signer, verify: Verify):
    messages = [message(subject=f"Number {number}") for number in range(40)]
    with ThreadPoolExecutor(4) as threads:
        fields = list(threads.map(signer.sign, messages))

    assert all(verify(field + whole) == [True, True] for field, whole in zip(fields, messages, strict=True))


def test_what_cannot_be_signed_is_refused(rsa_key: SigningKey, signer: Signer):
    with pytest.raises(InvalidInput, match="must have a From field"):
        signer.sign(b"To: a@b\r\n\r\nx\r\n")
    with pytest.raises(InvalidInput, match="may have one subject field"):
        signer.sign(b"From: a@b\r\nSubject: x\r\nsubject: y\r\n\r\nx\r\n")
    with pytest.raises(InvalidInput, match="selectors of their own"):
        Signer("example.com", [])
    with pytest.raises(InvalidInput, match="selectors of their own"):
        Signer("example.com", [rsa_key, rsa_key])
    with pytest.raises(InvalidInput, match="no address"):
        Signer("example.com; x=y", [rsa_key])
