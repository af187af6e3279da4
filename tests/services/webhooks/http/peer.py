"""A peer that does what a script says, connection by connection."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Line:
    """One connection to the peer."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        """From 1."""
        self.reader = reader
        self.writer = writer
        self.sent = 0
        """Octets that were handed to the kernel."""

    async def request(self) -> bytes:
        """Read one request with its body; empty at the end."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        return head + await self.reader.readexactly(length)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.sent += len(data)

    async def for_ever(self, data: bytes) -> None:
        """Send the same until the other side has enough."""
        while True:
            await self.send(data)

    def reset(self) -> None:
        """End with a RST."""
        self.writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]


class Peer:
    """A running peer; `ended` is set whenever a connection has ended."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self.lines: list[Line] = []
        self.requests: list[bytes] = []
        self.port = 0
        self.ended = asyncio.Event()

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}/hook"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line = Line(len(self.lines) + 1, reader, writer)
        self.lines.append(line)
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
                await self._script(line)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)
            self.ended.set()

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for line in self.lines:
            line.writer.transport.abort()
        if tasks:
            await asyncio.wait(tasks)


@contextlib.asynccontextmanager
async def scripted(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    peer = Peer(script)
    server = await asyncio.start_server(peer.accept, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        await peer.stop()


async def answering(line: Line) -> None:
    """Answer whatever comes with 200."""
    while await line.request():
        await line.send(OK)


async def silent(line: Line) -> None:
    """Read, and say nothing."""
    while await line.reader.read(65_536):
        pass
