"""Connections: the guard at the socket, and what is known of the line an answer comes on."""

import asyncio
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from time import monotonic
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientResponse,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler

from jobrunner.services.address_guard import AddressRefused, Guard

HEAD_LIMIT = 64 * 1024
"""Octets of an answer's head, interim answers (1xx) included."""
FRAME_LIMIT = 1024 * 1024
"""Octets that are taken from the line beyond the limit of a body, which is left soon after that: but there may be no
end of chunk extensions and trailers."""
PIECE = 16 * 1024
BROKEN = (ServerDisconnectedError, ClientOSError, ConnectionError)


class HeadTooLong(ClientError):
    """The head of an answer is over `HEAD_LIMIT`."""


class Line(ResponseHandler):
    """A connection: counts what comes; `most` is the limit of an answer as a whole, in octets."""

    received = 0
    """Octets since the last request was sent."""
    peer: str | None = None
    in_head = True

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        super().__init__(loop)
        self._most = most

    def connection_made(self, transport: Any) -> None:
        """Note whom the connection leads to."""
        super().connection_made(transport)
        name = transport.get_extra_info("peername")
        # Without the interface of a link-local address (`fe80::1%eth0`): PostgreSQL's inet has no room for it.
        self.peer = str(name[0]).partition("%")[0] if name else None

    def data_received(self, data: bytes) -> None:
        """Take what came; what does not end breaks the connection."""
        if self.in_head and len(data) > PIECE:
            # The parser's complaints hold what it was given, several times over.
            for start in range(0, len(data), PIECE):
                if self.is_connected() and self.exception() is None:
                    self._take(data[start : start + PIECE])
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        self.received += len(data)
        super().data_received(data)
        if self.received <= HEAD_LIMIT:
            return
        if self.in_head:
            self.set_exception(HeadTooLong())
        elif self.received <= self._most:
            return
        if self.transport is not None:
            self.transport.abort()  # not `abort()`, of which the reader of a body would not hear

    def close(self) -> None:
        """End at once: a gentle close would wait for a peer that does not read what is still to be sent."""
        self.abort()

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take a head from the parser."""
        self.in_head = 100 <= data[0].code <= 199 and data[0].code != 101
        if not self.in_head and self.transport is not None and self.transport.get_write_buffer_size():
            self.force_close()  # answered before it had all: no further request goes on this connection
        super().feed_data(data, size)


@dataclass(slots=True, eq=False)
class Attempt:
    """One request on its way."""

    host: str
    fresh: bool = False
    """It has a connection of its own, or at least tried for one."""
    refused: AddressRefused | None = None
    line: Line | None = None
    sent_at: float | None = None

    def found_dead(self, error: BaseException) -> bool:
        """Say whether its connection had been kept alive and ended within a second, before anything came."""
        if not isinstance(error, BROKEN) or isinstance(error, ClientConnectorError):
            return False
        if self.fresh or (self.line is not None and self.line.received > 0):
            return False
        return self.sent_at is None or monotonic() - self.sent_at < 1.0


current: ContextVar[Attempt] = ContextVar("attempt")
"""The request that the connector works for."""


class Answer(ClientResponse):
    """An answer that tells its request on which line it comes."""

    async def start(self, connection: Any) -> ClientResponse:
        """Wait for the head."""
        attempt = current.get()
        attempt.sent_at = monotonic()
        line = connection.protocol
        if not isinstance(line, Line):
            attempt.fresh = True  # nothing is known of it, so there is no second try
            return await super().start(connection)
        attempt.line = line
        line.received = 0
        line.in_head = True
        return await super().start(connection)


class GuardedSockets:
    """Makes the sockets of a connector, if the guard permits the address."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def __call__(self, info: Any) -> socket.socket:
        """Make the socket for the address that is connected to next.

        Raises:
            AddressRefused: it is denied.
        """
        family, kind, protocol, _, address = info
        attempt = current.get(None)
        try:
            if attempt is None:
                raise AddressRefused("nobody says for which host this connection is")
            try:
                ip = ip_address(address[0])
            except ValueError:
                raise AddressRefused(f"{attempt.host} leads to what is no IP address") from None
            self._guard.check_address(attempt.host, ip, address[1])
        except AddressRefused as refused:
            if attempt is not None:
                attempt.refused = refused
            raise
        attempt.fresh = True
        return socket.socket(family, kind, protocol)


class GuardedConnector(TCPConnector):
    """A connector whose connections are `Line`s; `answer` is the limit of an answer's body, in octets."""

    def __init__(self, guard: Guard, answer: int, **options: Any) -> None:
        super().__init__(socket_factory=GuardedSockets(guard), use_dns_cache=False, **options)
        # aiohttp has no public way to give a protocol of one's own. Without this nothing is sent a second time, and
        # a head is bounded by aiohttp's own limits alone.
        self._factory: Any = partial(Line, self._loop, answer + FRAME_LIMIT)
