"""A look at what each system sends, before anything is measured: the same mail, of the same size, signed or not."""

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from statistics import mean
from typing import Any

import dkim  # type: ignore[import-untyped]
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from jobrunner.services.mail.composing.dkim.key import read_key
from scripts.benchmarks.mailing import letter
from scripts.benchmarks.mailing.keys import SELECTOR
from scripts.benchmarks.mailing.recipients import Recipient, recipients
from scripts.benchmarks.mailing.sink import free_port
from scripts.benchmarks.mailing.system import Sender

INSPECTED = 16


@dataclass
class Mailbox:
    """Takes mails and keeps them."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.taken.append((envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 taken"


class Text(HTMLParser):
    """The words of an HTML text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.words += data


async def look_at(system: Sender, key: str | None) -> float:
    """Let a system send some mails, see that they are right, and return how many octets they have on average.

    `key`: with which they must be signed, in PEM; None for those that must not be.
    """
    taken = await _mails_of(system)
    everybody = {one.email: one for one in recipients(INSPECTED)}
    if sorted(address for address, _ in taken) != sorted(everybody):
        raise RuntimeError(f"{system.name} sent to other people than it should")
    for address, octets in taken:
        message = message_from_bytes(octets, policy=default)
        assert isinstance(message, EmailMessage)
        wrong = _fault(message, everybody[address]) or _fault_of_signature(octets, key)
        if wrong:
            raise RuntimeError(f"a mail of {system.name}: {wrong}\n{octets.decode(errors='replace')}")
    return mean(len(octets) for _, octets in taken)


async def size_of(system: Sender) -> float:
    """Return how many octets the mails of a system have that sends one ready message to one address."""
    return mean(len(octets) for _, octets in await _mails_of(system))


async def _mails_of(system: Sender) -> list[tuple[str, bytes]]:
    mailbox = Mailbox()
    free = free_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=free, enable_SMTPUTF8=False)
    await asyncio.to_thread(server.start)
    try:
        await system.send(INSPECTED, free)
    finally:
        await asyncio.to_thread(server.stop)
    return mailbox.taken


def _fault(message: EmailMessage, recipient: Recipient) -> str | None:
    """Return what is wrong with a mail."""
    if message["subject"] != letter.SUBJECT.format(first_name=recipient.first_name):
        return f"its subject is {message['subject']!r}"
    if not message["list-unsubscribe"] or not message["message-id"] or not message["date"]:
        return "it lacks a field of the header"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    if not isinstance(plain, EmailMessage) or not isinstance(html, EmailMessage):
        return "it lacks one of its parts"
    link = message["list-unsubscribe"].strip("<> ")
    values = {**recipient._asdict(), "unsubscribe_url": link}
    if plain.get_content().replace("\r\n", "\n").strip() != letter.text_body(values).strip():
        return "its text is another one"
    if Text(html.get_content().replace("\r\n", "\n")).words.strip() != Text(letter.html_body(values)).words.strip():
        return "its HTML has other words"
    return None


def _fault_of_signature(octets: bytes, key: str | None) -> str | None:
    if key is None:
        return "it is signed" if b"DKIM-Signature:" in octets else None
    record = read_key(SELECTOR, key).dns_record.encode()
    is_valid = dkim.verify(octets, dnsfunc=lambda name, timeout=5: record)
    return None if is_valid else "its signature is not valid"
