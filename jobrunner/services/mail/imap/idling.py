"""IDLE (RFC 2177). The library's waits for ever where the server says BYE in place of `+`, or is lost later."""

import asyncio

from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, one_line
from jobrunner.services.mail.imap.mailbox import Push, PushKind
from jobrunner.services.mail.imap.protocol import ImapProtocol
from jobrunner.services.mail.imap.receiving import MIB, Caps, Pieces

RENEW = 9 * 60.0
"""Seconds after which IDLE is begun anew: servers end it after 30 minutes, what stands between often after 10."""
LONGEST_RENEW = 29 * 60.0
CAPS = Caps(octets=16 * MIB)
"""Between two renewals."""
TOLD = (b"EXISTS", b"EXPUNGE", b"FETCH", b"RECENT", b"OK", b"VANISHED")


class Refused(Exception):
    """The server says NO or BAD to IDLE."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange


class Idling:
    """IDLE under way on a connection; see `mailbox.Idle`, without the sentences for what goes wrong."""

    def __init__(self, protocol: ImapProtocol, renew: float) -> None:
        if not 0 < renew <= LONGEST_RENEW:
            raise ValueError(f"IDLE is renewed after at most {LONGEST_RENEW:g} s, got {renew:g}")
        self._protocol = protocol
        self._renew = renew
        self._renew_at = 0.0
        self._wake = asyncio.Event()
        self._exchange: Exchange | None = None
        self._accepted = False
        self._told: dict[PushKind, Push] = {}

    async def start(self) -> None:
        """Begin, and return when the server has taken notice.

        Raises:
            Refused: it says no; the connection can be used on.
            LineBroken: the connection is over.
        """
        protocol = self._protocol
        self._accepted = False
        self._told = {}
        exchange = self._exchange = Exchange(
            "IDLE",
            protocol.new_tag(),
            wanted=TOLD,
            caps=CAPS,
            take=self._take,
            on_continuation=self._accept,
            wake=self._wake,
        )
        protocol.begin(exchange)
        deadline = protocol.loop.time() + protocol.limits.command
        while not self._accepted:
            if exchange.over:
                self._exchange = None
                raise Refused(exchange)
            await protocol.something(exchange, deadline)
        self._renew_at = protocol.loop.time() + self._renew
        # Whatever was told until now is covered by the search that STARTED asks for.
        before = self._told.get(PushKind.CHANGED)
        self._told = {PushKind.STARTED: Push(PushKind.STARTED, before.exists if before is not None else None)}

    async def next(self) -> Push:
        """Return what is told next."""
        protocol = self._protocol
        while True:
            if protocol.broken is not None:
                raise protocol.broken
            if self._told:
                return self._told.pop(next(iter(self._told)))
            exchange = self._exchange
            if exchange is None or exchange.over:
                protocol.drop()
                words = one_line(exchange.text) if exchange is not None else ""
                raise LineBroken(Fault.LOST, words or "the server ended IDLE by itself")
            self._wake.clear()
            try:
                async with asyncio.timeout_at(self._renew_at) as timer:
                    await self._wake.wait()
            except TimeoutError:
                if not timer.expired():
                    raise
                await self._renew_now()

    async def stop(self) -> None:
        """End it, so that other commands can be given."""
        exchange, self._exchange = self._exchange, None
        if exchange is None or exchange.over:
            return
        self._protocol.write(b"DONE\r\n")
        await self._protocol.finish(exchange)

    async def _renew_now(self) -> None:
        # Cancelled in here the connection is over: an IDLE that is half begun cannot be gone on with.
        try:
            await self.stop()
            await self.start()
        except BaseException:
            self._protocol.drop()
            raise

    def _accept(self, text: bytes) -> None:
        self._accepted = True

    def _take(self, name: bytes, pieces: Pieces) -> None:
        first, _, _ = pieces[0].partition(b" ")
        if name == b"OK":
            self._told.setdefault(PushKind.SIGN_OF_LIFE, Push(PushKind.SIGN_OF_LIFE))
            return
        former = self._told.get(PushKind.CHANGED)
        exists = int(first) if name == b"EXISTS" and first.isdigit() and len(first) < 20 else None
        if exists is None and former is not None:
            exists = former.exists
        self._told[PushKind.CHANGED] = Push(PushKind.CHANGED, exists)
