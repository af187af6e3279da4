"""The endpoints: a process of its own with a port for each, as small as a server of HTTP/1.1 can be.

It reads commands as lines of JSON and answers each with one. Of every request it keeps when it came, by the clock that
all processes of a machine share, and what was in it.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scripts.benchmarks.delivering.sizes import FAILS, HANGS, WEBHOOKS

MODULE = "scripts.benchmarks.delivering.endpoints"
ROOT = Path(__file__).parents[3]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
SORRY = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nsorry"
MARK = b'"number":'
"""In the data of each event, once."""


class Record:
    """What came, at all endpoints."""

    def __init__(self) -> None:
        self.clear(0)

    def clear(self, wanted: int) -> None:
        """Forget all, and be done when so many events have come to the good endpoints."""
        self.requests: list[list[tuple[float, bytes, bytes]]] = [[] for _ in range(WEBHOOKS)]
        self.left = wanted
        self.done = asyncio.Event()
        self.last = 0.0

    def note(self, place: int, head: bytes, body: bytes) -> None:
        """Keep a request."""
        now = time.monotonic()
        self.requests[place].append((now, head, body))
        if place not in (HANGS, FAILS):
            self.left -= body.count(MARK)
            self.last = now
            if self.left <= 0:
                self.done.set()

    def report(self) -> list[list[Any]]:
        """Return for each endpoint what came: the time, the id and the numbers of the events of each request."""
        return [
            [[moment, message_id(head), numbers_in(body)] for moment, head, body in requests]
            for requests in self.requests
        ]


def message_id(head: bytes) -> str:
    """Return the webhook-id of a request."""
    return head.lower().partition(b"\r\nwebhook-id: ")[2].partition(b"\r\n")[0].decode()


def numbers_in(body: bytes) -> list[int]:
    """Return the numbers of the events in a body of either format."""
    read = json.loads(body)
    return [one["number"] for one in (read if isinstance(read, list) else [read["data"]])]


class Connection(asyncio.Protocol):
    """One connection to an endpoint."""

    def __init__(self, place: int, record: Record) -> None:
        self._place = place
        self._record = record
        self._buffer = b""
        self._answer = SORRY if place == FAILS else b"" if place == HANGS else OK

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(self._buffer) < end + 4 + size:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + size], self._buffer[end + 4 + size :]
            self._record.note(self._place, head, body)
            if self._answer:
                self._transport.write(self._answer)


async def serve() -> None:
    """Listen, and follow the commands on standard input until it ends."""
    loop = asyncio.get_running_loop()
    record = Record()
    ports = []
    for place in range(WEBHOOKS):
        server = await loop.create_server(lambda place=place: Connection(place, record), "127.0.0.1", 0)  # type: ignore[misc]
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        match json.loads(line):
            case ["clear", int(wanted)]:
                record.clear(wanted)
                print("{}", flush=True)
            case ["wait", limit]:
                try:
                    async with asyncio.timeout(limit):
                        await record.done.wait()
                except TimeoutError:
                    pass
                print(json.dumps({"left": record.left, "last": record.last}), flush=True)
            case ["report"]:
                print(json.dumps(record.report()), flush=True)


class Endpoints:
    """That process, and what may be asked of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ports: list[int] = self._read()

    def url(self, place: int) -> str:
        """Return the URL of an endpoint."""
        return f"http://127.0.0.1:{self.ports[place]}/hooks/bench"

    async def clear(self, wanted: int) -> None:
        """Forget all, and wait for so many events at the good endpoints from now on."""
        await asyncio.to_thread(self._ask, ["clear", wanted])

    async def wait(self, limit: float) -> float:
        """Return when the last of them came; raises RuntimeError where some are missing after `limit` seconds."""
        answer = await asyncio.to_thread(self._ask, ["wait", limit])
        if answer["left"] > 0:
            raise RuntimeError(f"after {limit:g} s {answer['left']:,} events have not come")
        last: float = answer["last"]
        return last

    async def report(self) -> list[list[Any]]:
        """Return what came (see `Record.report`)."""
        report: list[list[Any]] = await asyncio.to_thread(self._ask, ["report"])
        return report

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, command: list[Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of the endpoints has ended")
        return json.loads(line)


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
