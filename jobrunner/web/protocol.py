"""uvicorn's HTTP/1.1 with a limit for the time that a request's headers may take, which uvicorn lacks."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_LIMIT = 10.0
"""Seconds from the connection, or the first byte after a request, to the end of the headers."""
TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Protocol(H11Protocol):
    """One connection."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        # For whoever answers a client that does not read: what is under way is not waited for then.
        self.app_state = {**self.app_state, "abort": transport.abort}  # type: ignore[attr-defined]
        super().connection_made(transport)  # type: ignore[arg-type]
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came; what is no whole request yet must become one soon."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_response_complete(self, *arguments: Any) -> None:
        """After an answer the next request may have begun already."""
        super().on_response_complete(*arguments)
        self._stop_timer()
        if self.conn.trailing_data[0]:
            self._watch()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_timer()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_LIMIT, self._too_slow)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.write(TIMEOUT)
            self.transport.close()
