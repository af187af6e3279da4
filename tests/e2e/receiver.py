"""A mail server on this event loop that keeps what it is given, octet by octet."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass(frozen=True)
class Received:
    """One message with its envelope."""

    sender: str
    recipient: str
    raw: bytes


@dataclass
class Receiver:
    """Takes everything; `port` is set once it listens."""

    port: int = 0
    received: list[Received] = field(default_factory=list)

    async def listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        assert len(envelope.rcpt_tos) == 1
        self.received.append(Received(envelope.mail_from, envelope.rcpt_tos[0], envelope.original_content))
        return "250 2.0.0 kept"

    def of(self, recipient: str) -> list[Received]:
        return [one for one in self.received if one.recipient == recipient]
