"""Signatures in threads: the same as in one, in their order, and nobody waits for them."""

import asyncio
import threading
from datetime import UTC, datetime

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.composing.dkim.key import read_key
from jobrunner.services.mail.composing.dkim.signer import Signer
from jobrunner.services.massmail.sending.signing import Signing

KEY = read_key(
    "test",
    generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
)
SIGNER = Signer("example.com", [KEY])
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def message(number: int) -> bytes:
    return f"From: a@example.com\r\nTo: b{number}@example.net\r\nSubject: {number}\r\n\r\nText {number}.\r\n".encode()


def threads() -> int:
    return sum(thread.name.startswith("dkim") for thread in threading.enumerate())


async def test_each_message_gets_its_own_signature_in_order():
    for count in (0, 1, 2, 5, 16):
        signing = Signing(SIGNER)
        messages = [message(number) for number in range(count)]
        fields = await signing.sign(messages, NOW)
        signing.close()

        assert fields == [SIGNER.sign(one, at=NOW) for one in messages]
        for one, signature in zip(messages, fields, strict=True):
            assert isinstance(signature, bytes)
            assert dkim.verify(signature + one, dnsfunc=lambda name, timeout=5: KEY.dns_record.encode())


async def test_one_that_cannot_be_signed_fails_alone():
    signing = Signing(SIGNER)
    fields = await signing.sign([message(1), b"Subject: of nobody\r\n\r\n", message(2)], NOW)
    signing.close()

    assert [isinstance(one, JobrunnerError) for one in fields] == [False, True, False]
    assert "must have a From field" in str(fields[1])


async def test_the_event_loop_goes_on_meanwhile():
    signing = Signing(SIGNER)
    under_way = asyncio.create_task(signing.sign([message(number) for number in range(50)], NOW))
    turns = 0
    while not under_way.done():
        await asyncio.sleep(0)
        turns += 1
    signing.close()

    assert turns > 10, "signed in the loop there are one or two"


async def test_a_cancelled_one_leaves_no_thread():
    signing = Signing(SIGNER)
    under_way = asyncio.create_task(signing.sign([message(number) for number in range(20)], NOW))
    async with asyncio.timeout(30):
        while not threads():
            await asyncio.sleep(0)
        under_way.cancel()
        await asyncio.wait([under_way])
        signing.close()
        while threads():  # they end by themselves, and tell nobody
            await asyncio.sleep(0.01)

    assert under_way.cancelled()
