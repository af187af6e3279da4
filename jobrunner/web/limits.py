"""What every request must keep to: a body is read whole before anything else happens, or refused.

A client that is gone before all of its body has come has asked for nothing: of a form, the half may say the contrary.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_LIMIT = 64 * 1024
"""Bytes of a body."""
BODY_TIME_LIMIT = 10.0
"""Seconds for it to arrive."""
HEADERS_LIMIT = 16 * 1024
"""Bytes of the request line with all headers."""
MESSAGE_LIMIT = 4096
"""Bytes of a message that a page sends, by a WebSocket or by a POST."""


class Limits:
    """ASGI middleware: headers and bodies are small, bodies come in time; else 431, 413 or 408, and a good-bye."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            if _length(scope) <= HEADERS_LIMIT:  # its messages are limited where they arrive
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            return
        if _length(scope) > HEADERS_LIMIT:  # h11 counts only those that come in pieces
            await refuse(send, 431, f"the request line and its headers have more than {HEADERS_LIMIT} bytes")
            return
        announced = _announced(scope["headers"])
        if announced is not None and announced > BODY_LIMIT:
            await refuse(send, 413, f"the body has more than {BODY_LIMIT} bytes")
            return
        try:
            async with asyncio.timeout(BODY_TIME_LIMIT):
                body = await _read(receive)
        except TimeoutError:
            await refuse(send, 408, f"the body did not arrive within {BODY_TIME_LIMIT:g} s")
            return
        except _TooLong:
            await refuse(send, 413, f"the body has more than {BODY_LIMIT} bytes")
            return
        if body is None:
            return
        waiting = [body]

        async def again() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            return await receive()

        await self._app(scope, again, send)


class _TooLong(Exception):
    """A body is over the limit."""


def _length(scope: MutableMapping[str, Any]) -> int:
    line = len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])


def _announced(headers: list[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and len(value) < 20:
            return int(value)
    return None


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None where the client is gone before its end.

    Raises:
        _TooLong: it is over the limit.
    """
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > BODY_LIMIT:
            raise _TooLong
        if not message.get("more_body", False):
            return b"".join(parts)


async def refuse(send: Send, status: int, reason: str) -> None:
    """Answer with a line of text and end the connection."""
    text = f"{reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
