"""A mail server that does what its script says: answers, keeps silent, closes, or talks nonsense, at any step."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


class _Silence:
    """No answer, and the line stays open."""


class _Close:
    """The line is closed without an answer."""


@dataclass(frozen=True)
class Late:
    """An answer that comes when another connection has been opened."""

    text: str
    connection: int


SILENT = _Silence()
CLOSE = _Close()

Action = str | bytes | Late | _Silence | _Close
Script = Mapping[str, "Action | Sequence[Action | None] | Callable[[str], Action | None]"]
"""For each step what to do: always, at each time it comes (None: as usual), or depending on the command."""

USUAL = {
    "GREETING": "220 test.example ESMTP",
    "STARTTLS": "220 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go ahead",
    "DOT": "250 2.0.0 queued",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
}


@dataclass
class Received:
    """One message that arrived whole."""

    sender: str
    recipients: list[str]
    data: bytes
    """As it was sent, dots stuffed, without the final one."""
    connection: int
    over_tls: bool


@dataclass
class ScriptedServer:
    """Serves on a free port of the loopback address while its context is open."""

    script: Script = field(default_factory=dict)
    offers: Sequence[str] = ("8BITMIME", "SIZE 1000000", "SMTPUTF8")
    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    auth: str = ""
    pipelining: bool = False
    lenient: bool = False
    """Whether DATA is answered by 354 also where there is no recipient, as RFC 2920 allows."""

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.clear: bytes = b""
        """All that came unencrypted."""
        self.messages: list[Received] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.reached: dict[str, asyncio.Event] = {}
        self.port = 0
        self._times: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, limit=2**24)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def until(self, step: str) -> None:
        """Return once a command of that step has come."""
        async with asyncio.timeout(10):
            await self.reached.setdefault(step, asyncio.Event()).wait()

    def _action(self, step: str, command: str) -> Action:
        self.reached.setdefault(step, asyncio.Event()).set()
        usual: Action = self._hello() if step == "EHLO" else USUAL[step]
        scripted = self.script.get(step)
        if callable(scripted):
            return scripted(command) or usual
        if isinstance(scripted, str | bytes | Late | _Silence | _Close):
            return scripted
        time = self._times[step] = self._times.get(step, 0) + 1
        if scripted is None or time > len(scripted):
            return usual
        return scripted[time - 1] or usual

    def _hello(self) -> str:
        offers = [*self.offers, *(["PIPELINING"] if self.pipelining else [])]
        if self.starttls is not None and not self._over_tls:
            offers.append("STARTTLS")
        if self.auth:
            offers.append(f"AUTH {self.auth}")
        lines = ["test.example", *offers]
        return "\r\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}" for line in lines)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.reached.setdefault(f"connection {self.connections}", asyncio.Event()).set()
        try:
            await self._talk(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # a cancellation ends this task in any case; asyncio's streams complain of one that goes on
        finally:
            self.open -= 1
            writer.close()
            self._tasks.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._over_tls = over_tls = self.tls is not None
        sender, recipients = "", list[str]()
        if not await self._answer(writer, self._action("GREETING", "")):
            return
        while line := await reader.readline():
            if not over_tls:
                self.clear += line
            command = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self.commands.append(command)
            step = command[:4].upper() if command[:8].upper() != "STARTTLS" else "STARTTLS"
            self._over_tls = over_tls
            action = self._action(step, command)
            if step == "DATA" and action == USUAL["DATA"] and not recipients and not self.lenient:
                action = "554 5.5.1 no valid recipients"
            if not await self._answer(writer, action):
                return
            done = isinstance(action, str) and action[0] in "23"
            match step:
                case "STARTTLS" if done:
                    await writer.start_tls(self.starttls)  # type: ignore[arg-type]
                    over_tls = True
                case "RSET" if done:
                    sender, recipients = "", []
                case "MAIL" if done:
                    sender, recipients = command.partition(":")[2], []
                case "RCPT" if done:
                    recipients.append(command.partition(":")[2])
                case "AUTH" if isinstance(action, str) and action.startswith("334"):
                    self.commands.append((await reader.readline()).decode().rstrip("\r\n"))
                    if not await self._answer(writer, self._action("AUTH", "")):
                        return
                case "DATA" if done:
                    data = b""
                    while (row := await reader.readline()) != b".\r\n":
                        if not row:
                            return  # a message without its end was not received
                        data += row
                    self.messages.append(Received(sender, recipients, data, number, over_tls))
                    if not await self._answer(writer, self._action("DOT", sender + "".join(recipients))):
                        return
                case "QUIT":
                    return

    async def _answer(self, writer: asyncio.StreamWriter, action: Action) -> bool:
        match action:
            case str():
                writer.write(f"{action}\r\n".encode())
            case bytes():
                writer.write(action)
            case Late():
                await self.until(f"connection {action.connection}")
                writer.write(f"{action.text}\r\n".encode())
            case _Silence():
                await asyncio.Event().wait()
            case _Close():
                return False
        await writer.drain()
        return not (isinstance(action, str) and action.startswith("421"))
