"""The demo's mailbox: a mail server on loopback that takes every mail and prints it."""

import asyncio
import re
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP

WIDTH = 78
LINK = re.compile(r"http://[^\s<>]+")


def say(text: str = "") -> None:
    print(text, flush=True)


class Mailbox:
    """Prints single mails whole; of a mailing the first one, and of the others who gets what."""

    def __init__(self, started: float) -> None:
        self._started = started
        self.received = 0
        self.single_arrived = asyncio.Event()
        self.links: list[str] = []
        """Those in the first mail of a mailing."""
        self.first_of_mailing = ""
        """Whom that went to."""

    async def listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: SMTP(self, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        self.received += 1
        mail = message_from_bytes(envelope.content, policy=policy.default)
        if "List-Unsubscribe" not in mail:
            after = time.monotonic() - self._started
            what = "An automatic answer" if mail["Auto-Submitted"] == "auto-replied" else "A mail"
            self._print(mail, f"{what} has arrived, {after:.0f} seconds after the start")
            self.single_arrived.set()
        elif not self.links:
            self.first_of_mailing = str(mail["To"])
            self._print(mail, "The first mail of a mass mailing has arrived")
            self.links = LINK.findall(text_of(mail))
        else:
            say(f"=== One more: {mail['To']}: {mail['Subject']}")
        return "250 2.0.0 thank you"

    def _print(self, mail: EmailMessage, title: str) -> None:
        say()
        say(f"=== {title} ".ljust(WIDTH, "="))
        for name in ("From", "To", "Subject"):
            say(f"  {name}: {mail[name]}")
        say()
        for line in text_of(mail).strip().splitlines():
            say(f"  {line}".rstrip())
        say("=" * WIDTH)
        say()


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return body.get_content() if body is not None else ""
