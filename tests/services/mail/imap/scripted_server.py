"""An IMAP server that does what its script says: answers, keeps silent, closes, or talks nonsense, at any step."""

import asyncio
import re
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
class ThenClose:
    """Something is said, and the line closed."""

    text: str | bytes


SILENT = _Silence()
CLOSE = _Close()

Action = str | bytes | ThenClose | _Silence | _Close
Script = Mapping[str, "Action | Sequence[Action | None] | Callable[[str], Action | None]"]
"""For each command what to do: always, at each time it comes (None: as usual), or depending on it.

In what is said `TAG` stands for the command's tag. The greeting is `GREETING`, the end of an IDLE `DONE`.
"""

USUAL: dict[str, str] = {
    "GREETING": "* OK ready",
    "STARTTLS": "TAG OK begin TLS",
    "LOGIN": "TAG OK logged in",
    "AUTHENTICATE": "TAG OK logged in",
    "SELECT": "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] next\r\nTAG OK [READ-WRITE] selected",
    "EXAMINE": "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] next\r\nTAG OK [READ-ONLY] examined",
    "LIST": '* LIST (\\HasNoChildren) "/" INBOX\r\nTAG OK listed',
    "STATUS": "* STATUS INBOX (MESSAGES 3 UNSEEN 1 UIDNEXT 4 UIDVALIDITY 7)\r\nTAG OK told",
    "SEARCH": "* SEARCH 1 2 3\r\nTAG OK found",
    "FETCH": "TAG OK fetched",
    "STORE": "TAG OK stored",
    "APPEND": "TAG OK [APPENDUID 7 4] appended",
    "IDLE": "+ idling",
    "DONE": "TAG OK idled",
    "NOOP": "TAG OK noop",
    "LOGOUT": "* BYE see you\r\nTAG OK bye",
}
LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


@dataclass
class ScriptedServer:
    """Serves on a free port of the loopback address while its context is open."""

    script: Script = field(default_factory=dict)
    capabilities: str = "IMAP4rev1 IDLE UIDPLUS MOVE SASL-IR AUTH=PLAIN"
    starttls: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    then: Callable[["ScriptedServer", str, asyncio.StreamWriter], Any] | None = None
    """Awaited after each answer, with the command's name: for what comes unasked, or in pieces."""

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        """Without their tags, with the lines that answer a challenge."""
        self.clear = b""
        """All that came unencrypted."""
        self.literals: list[bytes] = []
        self.connections = 0
        self.open = 0
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
        """Return once that command has come; `CLOSED` once a connection has ended."""
        async with asyncio.timeout(10):
            await self.reached.setdefault(step, asyncio.Event()).wait()

    def _reach(self, step: str) -> None:
        self.reached.setdefault(step, asyncio.Event()).set()

    def _action(self, step: str, command: str) -> Action:
        self._reach(step)
        usual: Action = USUAL.get(step, f"TAG OK {step}")
        if step == "CAPABILITY":
            offered = self.capabilities
            if self.starttls is not None and not self._over_tls:
                offered += " STARTTLS LOGINDISABLED"
            usual = f"* CAPABILITY {offered}\r\nTAG OK told"
        scripted = self.script.get(step)
        if callable(scripted):
            return scripted(command) or usual
        if isinstance(scripted, str | bytes | ThenClose | _Silence | _Close):
            return scripted
        time = self._times[step] = self._times.get(step, 0) + 1
        if scripted is None or time > len(scripted):
            return usual
        return scripted[time - 1] or usual

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # a cancellation ends this task in any case; asyncio's streams complain of one that goes on
        finally:
            self.open -= 1
            self._reach("CLOSED")
            writer.close()
            self._tasks.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._over_tls = over_tls = self.tls is not None
        if not await self._answer(writer, self._action("GREETING", ""), "", "GREETING"):
            return
        idle_tag = ""
        while line := await reader.readline():
            if not over_tls:
                self.clear += line
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if text == "DONE":
                tag, command, step = idle_tag, text, "DONE"
            else:
                tag, _, command = text.partition(" ")
                step = command.removeprefix("UID ").partition(" ")[0].upper()
            self.commands.append(command)
            self._over_tls = over_tls
            if (literal := LITERAL.search(line)) is not None:
                writer.write(b"+ go on\r\n")
                self.literals.append(await reader.readexactly(int(literal[1])))
                await reader.readline()
            if step == "IDLE":
                idle_tag = tag
            action = self._action(step, command)
            if not await self._answer(writer, action, tag, step):
                return
            while isinstance(action, str) and action.startswith("+") and step == "AUTHENTICATE":
                self.commands.append((await reader.readline()).decode().rstrip("\r\n"))
                action = self._action(step, command)
                if not await self._answer(writer, action, tag, step):
                    return
            if step == "STARTTLS" and isinstance(action, str) and "OK" in action:
                await writer.start_tls(self.starttls)  # type: ignore[arg-type]
                over_tls = True
            if step == "LOGOUT":
                return

    async def _answer(self, writer: asyncio.StreamWriter, action: Action, tag: str, step: str) -> bool:
        match action:
            case str():
                writer.write(f"{action}\r\n".replace("TAG", tag).encode("utf-8", "surrogateescape"))
            case bytes():
                writer.write(action.replace(b"TAG", tag.encode()))
            case ThenClose(text):
                writer.write(text.replace("TAG", tag).encode() if isinstance(text, str) else text)
                await writer.drain()
                return False
            case _Silence():
                await asyncio.Event().wait()
            case _Close():
                return False
        await writer.drain()
        if self.then is not None:
            await self.then(self, step, writer)
        return True
