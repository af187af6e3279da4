"""aioimaplib's protocol, where it fails replaced by our own: receiving, waiting, the loss of a connection.

What the library does well stays: the commands and the check that none holds a line end, tags, and the table of which
command is legal in which state. See the tests in `test_library.py` for what each replacement is good for.
"""

import asyncio
from collections import deque
from collections.abc import Iterator

import aioimaplib  # type: ignore[import-untyped]

from jobrunner.services.mail.imap.account import Limits
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, one_line
from jobrunner.services.mail.imap.receiving import UNASKED, Pieces, Receiver

NONAUTH, AUTH, SELECTED, LOGOUT = aioimaplib.NONAUTH, aioimaplib.AUTH, aioimaplib.SELECTED, aioimaplib.LOGOUT
CHUNK = 256 * 1024
"""Octets that are handed to the system at once."""
ANSWERS_AT_ONCE = 1000
"""Answers that are read before others on the event loop have their turn: some milliseconds."""
INJECTED = "something came in clear behind the answer to STARTTLS"


class ImapProtocol(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]
    """One connection. What breaks it ends all that waits, at once, and is kept: it is not used again."""

    transport: asyncio.Transport | None
    state: str

    def __init__(self, limits: Limits) -> None:
        super().__init__(asyncio.get_running_loop())
        self.limits = limits
        self.broken: LineBroken | None = None
        self.greeting = b""
        self.sealed = False
        """Whether nothing may come in clear any more: the answer to STARTTLS was the last."""
        self._receiver = Receiver()
        self._unread: deque[bytes] = deque()
        self._reading: Iterator[Pieces] | None = None
        self._paused = False
        self._pending: dict[str, Exchange] = {}
        self._heard_at = 0.0
        self._greeted = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        super().connection_made(transport)
        self._heard_at = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Read what came. The library reads by calling itself once for each line."""
        self._heard_at = self.loop.time()
        self._unread.append(data)
        if not self._paused:
            self._read()

    def _read(self) -> None:
        """Read on, so much at a time that nothing else on the event loop waits for it."""
        left = ANSWERS_AT_ONCE
        try:
            while self._unread and self.broken is None:
                if self._reading is None:
                    self._reading = self._receiver.feed(self._unread[0])
                for pieces in self._reading:
                    if self.sealed:
                        raise LineBroken(Fault.TLS, INJECTED)
                    self._answer(pieces)
                    left -= 1
                    if not left:
                        self._pause()
                        return
                if self.sealed and not self._receiver.between_answers:
                    raise LineBroken(Fault.TLS, INJECTED)
                self._reading = None
                self._unread.popleft()
        except LineBroken as error:
            self.fail(error)
        if self._paused:
            self._paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            if self.transport is not None and not self.transport.is_closing():
                self.transport.pause_reading()
        self.loop.call_soon(self._read)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait. The library tells nobody, and they wait until their limit."""
        self.fail(LineBroken(Fault.LOST, one_line(str(exc)) if exc is not None else "closed by the server"))

    def pause_writing(self) -> None:
        """Note that the system takes no more for the moment."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Note that it takes more."""
        self._writable.set()
        self._heard_at = self.loop.time()  # that it takes what we send is a sign of life

    # Its end

    def fail(self, error: LineBroken) -> None:
        """End it for that reason; the first one stands."""
        if self.broken is not None:
            return
        self.broken = error
        self.state = LOGOUT
        self._unread.clear()
        pending, self._pending = self._pending, {}
        for exchange in pending.values():
            exchange.wake.set()
        self._greeted.set()
        self._writable.set()
        if self.transport is not None:
            self.transport.abort()

    def drop(self) -> None:
        """Throw it away: an answer that comes late would be taken for that of the next command."""
        self.fail(LineBroken(Fault.LOST, "closed by ourselves"))

    # Commands

    def send(self, line: str, scrub: str | None = None) -> None:
        """Write a line. The library also writes it to its log, passwords in another form than its own too."""
        self.write(f"{line}\r\n".encode())

    def write(self, data: bytes) -> None:
        """Write what is no command of its own: a literal, the answer to a challenge."""
        if self.broken is not None:
            raise self.broken
        assert self.transport is not None
        self.transport.write(data)

    async def write_much(self, data: bytes) -> None:
        """Write it as fast as the server takes it.

        Raises:
            LineBroken: it takes nothing for the limit of silence.
        """
        view = memoryview(data)
        for start in range(0, len(view), CHUNK):
            self.write(bytes(view[start : start + CHUNK]))
            await self.until(self._writable)

    def begin(self, exchange: Exchange) -> None:
        """Send a command. Several may run only where their answers cannot be confused, as those of UID FETCH.

        Raises:
            LineBroken: the connection is over.
        """
        if self.broken is not None:
            raise self.broken
        if self.state not in aioimaplib.aioimaplib.Commands[exchange.name].valid_states:
            raise RuntimeError(f"{exchange.name} is illegal in state {self.state}")
        self._receiver.allow(exchange.caps, more=bool(self._pending))
        self._pending[exchange.tag] = exchange
        self.send(str(exchange))

    async def finish(self, exchange: Exchange) -> None:
        """Return when the tagged line has come.

        Raises:
            LineBroken: it does not come; on that, and on a cancellation, the connection is thrown away.
        """
        deadline = self.loop.time() + self.limits.command
        while not exchange.over:
            await self.something(exchange, deadline)

    async def something(self, exchange: Exchange, deadline: float | None = None) -> None:
        """Return when something has happened about a command, or one that shares its `wake`.

        Raises:
            LineBroken: the connection is over, and the command's end had not come before that.
        """
        exchange.wake.clear()
        try:
            await self.until(exchange.wake, deadline)
        except LineBroken:
            if not exchange.over:
                raise

    async def execute(self, command: Exchange, scrub: str | None = None) -> Exchange:
        """Send a command and wait for its end."""
        self.begin(command)
        await self.finish(command)
        return command

    async def until(self, event: asyncio.Event, deadline: float | None = None) -> None:
        """Wait for what the server does next, no longer than the limits allow.

        The library waits for the end of the whole answer, and for ever where its receiver broke.

        Raises:
            LineBroken: it does not come; on that, and on a cancellation, the connection is thrown away.
        """
        limits = self.limits
        started = self.loop.time()
        deadline = deadline or started + limits.command
        try:
            while not event.is_set() and self.broken is None:
                silent_at = max(self._heard_at, started) + limits.silence
                try:
                    async with asyncio.timeout_at(min(silent_at, deadline)):
                        await event.wait()
                except TimeoutError:
                    self._check_limits(started, deadline)
        except BaseException:
            self.drop()
            raise
        if self.broken is not None:
            raise self.broken

    def _check_limits(self, started: float, deadline: float) -> None:
        limits, now = self.limits, self.loop.time()
        if now >= deadline:
            raise LineBroken(Fault.TIMEOUT, f"not whole within the limit of {limits.command:g} s for a command")
        if now >= max(self._heard_at, started) + limits.silence:
            raise LineBroken(Fault.TIMEOUT, f"silent beyond the limit of {limits.silence:g} s")

    async def greeted(self) -> bytes:
        """Return the server's first line, without its `* `."""
        await self.until(self._greeted)
        return self.greeting

    # Answers

    def _answer(self, pieces: Pieces) -> None:
        line = pieces[0]
        if line.startswith(b"* "):
            pieces[0] = line[2:]
            if not self._greeted.is_set():
                self.greeting = pieces[0]
                self._greeted.set()
            else:
                self._untagged(pieces)
        elif not self._greeted.is_set():
            raise LineBroken(Fault.NONSENSE, one_line(line))
        elif line.startswith(b"+"):
            exchange = next(reversed(self._pending.values()), None)
            if exchange is not None and exchange.on_continuation is not None:
                exchange.on_continuation(line[1:].strip())
                exchange.wake.set()
        else:
            self._tagged(line)

    def _untagged(self, pieces: Pieces) -> None:
        """Give it to the oldest command. The library takes `* ` away wherever it stands, in folders' names too."""
        words = pieces[0].split(b" ", 2)
        name = words[1] if words[0].isdigit() and len(words) > 1 else words[0]
        name = name.upper()
        if name == b"BYE" and not any(exchange.name == "LOGOUT" for exchange in self._pending.values()):
            raise LineBroken(Fault.BYE, one_line(pieces[0][3:]))
        oldest = next(iter(self._pending.values()), None)
        if oldest is not None:
            oldest.receive(name, pieces)

    def _tagged(self, line: bytes) -> None:
        tag, _, rest = line.partition(b" ")
        result, _, text = rest.partition(b" ")
        exchange = self._pending.get(tag.decode("ascii", "replace"))
        word = result.decode("ascii", "replace").upper()
        if exchange is None or word not in ("OK", "NO", "BAD"):
            raise LineBroken(Fault.NONSENSE, one_line(line))
        del self._pending[exchange.tag]
        if not self._pending:
            self._receiver.allow(UNASKED)
        if exchange.name == "STARTTLS" and word == "OK":
            self.sealed = True
        exchange.end(word, text)
