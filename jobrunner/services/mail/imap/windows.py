"""FETCH of one large message, window by window, so that little of it is in memory at a time."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator

from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken
from jobrunner.services.mail.imap.fetching import AT_ONCE, read_body
from jobrunner.services.mail.imap.protocol import ImapProtocol
from jobrunner.services.mail.imap.receiving import Caps, Pieces

ORIGIN = re.compile(rb"\]<(\d+)>")


class Refused(Exception):
    """The server says NO or BAD to a FETCH."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange


class _Window:
    """One part of the message, asked for."""

    def __init__(self, offset: int, exchange: Exchange) -> None:
        self.offset = offset
        self.exchange = exchange
        self.text: bytes | None = None


async def fetch_windows(
    protocol: ImapProtocol, uid: int, size: int, *, section: str, window: int, at_most: int
) -> AsyncGenerator[bytes, None]:
    """Yield a message window by window, see `Mailbox.windows`.

    Raises:
        LineBroken: the connection broke, or more comes than `at_most`; VANISHED, and the line can be used on.
        Refused: the server will not hand it over; the line can be used on.
    """
    running: deque[_Window] = deque()
    wake = asyncio.Event()
    received = 0

    def take(name: bytes, pieces: Pieces) -> None:
        found = read_body(pieces)
        if found is None or found[0] != uid or not running:
            return
        origin = ORIGIN.search(pieces[0])
        offset = int(origin[1]) if origin is not None else running[0].offset
        for asked in running:
            if asked.offset == offset and asked.text is None:
                asked.text = found[1]

    def begin(offset: int) -> None:
        exchange = Exchange(
            "FETCH",
            protocol.new_tag(),
            str(uid),
            f"(UID BODY.PEEK[{section}]<{offset}.{window}>)",
            by_uid=True,
            wanted=(b"FETCH",),
            caps=Caps(octets=window + Caps().octets, literal=window),
            take=take,
            wake=wake,
        )
        running.append(_Window(offset, exchange))
        protocol.begin(exchange)

    async def finish_first() -> _Window:
        deadline = protocol.loop.time() + protocol.limits.command
        while not running[0].exchange.over:
            await protocol.something(running[0].exchange, deadline)
        return running.popleft()

    try:
        offset = 0
        while True:
            # What lies behind the size that the server gave is asked for only when all before it came whole.
            while not running or (len(running) < AT_ONCE and offset < size):
                begin(offset)
                offset += window
            done = await finish_first()
            if done.exchange.result == "OK" and done.text:
                received += len(done.text)
                if received > at_most:
                    raise LineBroken(Fault.FLOOD, f"a message of more than {at_most} octets")
                yield done.text
                if len(done.text) == window:
                    continue
            while running:
                await finish_first()
            if done.exchange.result != "OK" and received < size:
                raise Refused(done.exchange)
            if done.exchange.result == "OK" and done.text is None:
                raise LineBroken(Fault.VANISHED)
            return
    finally:
        if running:
            protocol.drop()
