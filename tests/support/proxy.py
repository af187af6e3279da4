"""A proxy between daemon and PostgreSQL that cuts, swallows and delays, connection by connection."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Line:
    """One proxied connection."""

    def __init__(self) -> None:
        self.label = ""
        """The application name that the client gave: which of the daemon's connections it is."""
        self.swallow = False
        """Bytes in both directions vanish, and nobody is told: a half-open connection."""
        self.after_request: Callable[[bytes], bool] | None = None
        """Asked after a piece from the client was passed on; True cuts the line before the answer comes back."""
        self.ended = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """Close both sides."""
        for writer in self._writers:
            with suppress(Exception):
                writer.transport.abort()


class Proxy:
    """Listens on loopback; `url` leads through it."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        query = parse_qs(parts.query)
        self._host = query["host"][0] if "host" in query else parts.hostname or "127.0.0.1"
        self._port = int(query.get("port", [parts.port or 5432])[0])
        self._database = parts.path
        self._user = parts.username or "jobrunner"
        self._tasks: set[asyncio.Task[None]] = set()
        self.lines: list[Line] = []
        self.on_line: Callable[[Line], None] = lambda line: None
        """Called when a connection has said who it is."""

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"postgresql://{self._user}@127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._database}"
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._server.close()
        for line in self.lines:
            line.cut()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def open_lines(self, label: str) -> list[Line]:
        """The connections of that name that stand."""
        return [line for line in self.lines if line.label == label and not line.ended.is_set()]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line = Line()
        self.lines.append(line)
        try:
            if self._host.startswith("/"):
                path = f"{self._host}/.s.PGSQL.{self._port}"
                server_reader, server_writer = await asyncio.open_unix_connection(path)
            else:
                server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
            line._writers = [writer, server_writer]
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(line, reader, server_writer, requests=True))
                group.create_task(self._forward(line, server_reader, writer, requests=False))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            line.cut()
            line.ended.set()
            self._tasks.discard(task)

    async def _forward(
        self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, requests: bool
    ) -> None:
        while data := await reader.read(65536):
            if requests and not line.label and b"application_name\0" in data:
                line.label = data.split(b"application_name\0")[1].split(b"\0")[0].decode()
                self.on_line(line)
            if line.swallow:
                continue
            writer.write(data)
            await writer.drain()
            if requests and line.after_request is not None and line.after_request(data):
                await asyncio.sleep(0.3)  # the server gets it and commits; the answer does not come back
                line.cut()
                raise ConnectionResetError
        line.cut()
