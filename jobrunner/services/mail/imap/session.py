"""A mailbox over one connection: `Mailbox` on the protocol, with a sentence for whatever goes wrong."""

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import date, datetime

from jobrunner.services.mail.imap.account import Account
from jobrunner.services.mail.imap.capabilities import Capabilities
from jobrunner.services.mail.imap.codes import code_of
from jobrunner.services.mail.imap.command_line import UIDS_PER_COMMAND, CommandLine
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, MailboxError
from jobrunner.services.mail.imap.fetching import fetch_batches
from jobrunner.services.mail.imap.folders import parse_folder, quote, wire_name
from jobrunner.services.mail.imap.idling import RENEW, Idling
from jobrunner.services.mail.imap.idling import Refused as IdleRefused
from jobrunner.services.mail.imap.mailbox import (
    Details,
    Folder,
    FolderCounts,
    Idle,
    Message,
    OpenFolder,
    Part,
    Push,
)
from jobrunner.services.mail.imap.planning import uid_set
from jobrunner.services.mail.imap.protocol import AUTH, SELECTED, ImapProtocol
from jobrunner.services.mail.imap.reading import read_counts, read_details, read_opening, read_uids
from jobrunner.services.mail.imap.receiving import KIB, MIB, Caps
from jobrunner.services.mail.imap.structure import read_structure
from jobrunner.services.mail.imap.values import (
    number,
    parse_items,
    write_internal_date,
)
from jobrunner.services.mail.imap.windows import Refused as WindowRefused
from jobrunner.services.mail.imap.windows import fetch_windows

FOLDERS_LIMIT = 10_000
SEARCH_CAPS = Caps(octets=24 * MIB, line=16 * MIB)
"""Some 1.5 million UIDs."""
DETAILS = "(UID FLAGS INTERNALDATE RFC822.SIZE)"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Session(CommandLine):
    """A `Mailbox` of one connection. `connect` makes one."""

    def __init__(self, account: Account, protocol: ImapProtocol, capabilities: Capabilities, token: str | None) -> None:
        super().__init__(account, protocol, token)
        self._capabilities = capabilities
        self._openings: dict[str, OpenFolder] = {}

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server offers after the login, in capitals."""
        return self._capabilities

    @property
    def usable(self) -> bool:
        """Whether the connection stands, as far as we were told."""
        return self._protocol.broken is None

    # Folders

    async def folders(self, pattern: str = "*") -> list[Folder]:
        """See `Mailbox`."""
        caps = Caps(octets=8 * MIB, literal=4 * KIB, line=16 * KIB)
        exchange = await self._run("LIST", '""', wire_name(pattern), wanted=(b"LIST",), caps=caps)
        if len(exchange.answers) > FOLDERS_LIMIT:
            raise self._failure(Fault.FLOOD, "LIST", f"more than {FOLDERS_LIMIT} folders")
        with self._sentences("LIST"):
            return [folder for pieces in exchange.answers if (folder := parse_folder(pieces)) is not None]

    async def counts(self, folder: str) -> FolderCounts:
        """See `Mailbox`."""
        items = "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"
        exchange = await self._run("STATUS", wire_name(folder), items, wanted=(b"STATUS",))
        with self._sentences("STATUS"):
            return read_counts(exchange)

    async def create(self, folder: str) -> None:
        """See `Mailbox`."""
        await self._run("CREATE", wire_name(folder))

    async def subscribe(self, folder: str) -> None:
        """See `Mailbox`."""
        await self._run("SUBSCRIBE", wire_name(folder))

    async def open(self, folder: str, *, read_only: bool = False) -> OpenFolder:
        """See `Mailbox`."""
        name = "EXAMINE" if read_only else "SELECT"
        step = f"the opening of the folder {folder[:100]!r}"
        try:
            exchange = await self._run(name, wire_name(folder), wanted=(b"OK", b"EXISTS"), step=step)
        except MailboxError as error:
            if error.fault.keeps_line:
                self._protocol.state = AUTH  # no folder is open now
            raise
        self._protocol.state = SELECTED  # the library does not know that after EXAMINE
        told = read_opening(exchange)
        self._read_only = read_only or code_of(exchange.text)[0] == b"READ-ONLY"
        validity = told.get(b"UIDVALIDITY")
        if not validity:
            raise self._failure(Fault.UNSUPPORTED, "UIDVALIDITY", "without it no message could be told from another")
        self._openings[folder] = opened = OpenFolder(
            name=folder,
            uid_validity=validity,
            uid_next=told.get(b"UIDNEXT"),
            exists=told.get(b"EXISTS") or 0,
            read_only=self._read_only,
        )
        return opened

    def last_opening(self, folder: str) -> OpenFolder | None:
        """See `Mailbox`."""
        return self._openings.get(folder)

    # Finding

    async def search(self, *, after: int = 0, since: date | None = None, until: int | None = None) -> Sequence[int]:
        """See `Mailbox`. No CHARSET, which some servers refuse and the library adds."""
        criteria = []
        if after or until is not None:
            criteria.append(f"UID {after + 1}:{until if until is not None else '*'}")
        if since is not None:
            criteria.append(f"SINCE {since.day}-{MONTHS[since.month - 1]}-{since.year}")
        if not criteria:
            criteria.append("ALL")
        exchange = await self._run("SEARCH", *criteria, by_uid=True, wanted=(b"SEARCH",), caps=SEARCH_CAPS)
        found = array("L")
        for pieces in exchange.answers:
            await read_uids(pieces[0], found)
        # `n:*` names the newest message also where its UID is below n.
        if until is None:
            uids = [uid for uid in found if uid > after]
        else:
            uids = [uid for uid in found if after < uid <= until]
        return sorted(set(uids))

    async def find(self, message_id: str) -> Sequence[int]:
        """See `Mailbox`. A server compares a part of the header; what has more than the id asked for is no concern."""
        if not message_id.isascii() or not message_id.isprintable():
            raise ValueError("only an id in printable ASCII can be searched for")
        criteria = ("HEADER", "MESSAGE-ID", quote(message_id))
        exchange = await self._run("SEARCH", *criteria, by_uid=True, wanted=(b"SEARCH",), caps=SEARCH_CAPS)
        found = array("L")
        for pieces in exchange.answers:
            await read_uids(pieces[0], found)
        return sorted(set(found))

    async def details(self, uids: Sequence[int]) -> list[Details]:
        """See `Mailbox`."""
        found: dict[int, Details] = {}
        for start in range(0, len(uids), UIDS_PER_COMMAND):
            asked = sorted(uids[start : start + UIDS_PER_COMMAND])
            exchange = await self._run("FETCH", uid_set(asked), DETAILS, by_uid=True, wanted=(b"FETCH",))
            with self._sentences("FETCH"):
                wanted = set(asked)
                for pieces in exchange.answers:
                    details = read_details(pieces)
                    if details is not None and details.uid in wanted:
                        found.setdefault(details.uid, details)
        return [found[uid] for uid in sorted(found)]

    # Fetching

    async def fetch(
        self, batches: Sequence[Sequence[int]], *, section: str = "", octets: int = 0
    ) -> AsyncGenerator[Message, None]:
        """See `Mailbox`."""
        with self._turn(), self._sentences("FETCH"):
            async with aclosing(fetch_batches(self._protocol, batches, section, octets)) as messages:
                async for message in messages:
                    yield message

    async def windows(
        self, uid: int, size: int, *, at_most: int, section: str = "", window: int = MIB
    ) -> AsyncGenerator[bytes, None]:
        """See `Mailbox`."""
        with self._turn(), self._sentences("FETCH"):
            parts = fetch_windows(self._protocol, uid, size, section=section, window=window, at_most=at_most)
            try:
                async with aclosing(parts):
                    async for part in parts:
                        yield part
            except WindowRefused as refused:
                raise self._refusal(refused.exchange) from None

    async def structure(self, uid: int) -> Part:
        """See `Mailbox`. Of one message only, since its strings may hold anything."""
        caps = Caps(line=MIB, literal=MIB)
        exchange = await self._run("FETCH", str(uid), "(UID BODYSTRUCTURE)", by_uid=True, wanted=(b"FETCH",), caps=caps)
        with self._sentences("FETCH"):
            for pieces in exchange.answers:
                items = parse_items(pieces)
                if number(items.get(b"UID")) == uid and b"BODYSTRUCTURE" in items:
                    return read_structure(items[b"BODYSTRUCTURE"])
        raise self._failure(Fault.VANISHED, "FETCH")

    # Changing

    async def append(
        self, folder: str, message: bytes, *, flags: Collection[str] = (), received: datetime | None = None
    ) -> int | None:
        """See `Mailbox`."""
        step = f"storing in the folder {folder[:100]!r}"
        protocol = self._protocol
        asked = asyncio.Event()
        arguments = [wire_name(folder)]
        if flags:
            arguments.append(f"({' '.join(flags)})")
        if received is not None:
            arguments.append(write_internal_date(received))
        arguments.append(f"{{{len(message)}}}")
        exchange = Exchange("APPEND", protocol.new_tag(), *arguments, on_continuation=lambda _: asked.set())
        with self._turn(), self._sentences(step):
            protocol.begin(exchange)
            while not asked.is_set() and not exchange.over:
                await protocol.something(exchange)
            if not exchange.over:
                await protocol.write_much(message)
                protocol.write(b"\r\n")
                await protocol.finish(exchange)
        self._require_ok(exchange, step)
        code, argument = code_of(exchange.text)
        return number(argument.partition(b" ")[2]) if code == b"APPENDUID" else None

    async def add_flags(self, uids: Sequence[int], flags: Collection[str]) -> None:
        """See `Mailbox`."""
        await self._each("STORE", uids, "+FLAGS.SILENT", f"({' '.join(flags)})")

    async def delete(self, uids: Sequence[int]) -> None:
        """See `Mailbox`. A server without UIDPLUS could only delete whatever else is marked too: it is not asked."""
        if "UIDPLUS" not in self._capabilities:
            raise self._failure(Fault.UNSUPPORTED, "the deletion of single messages", "it offers no UIDPLUS")
        await self.add_flags(uids, ["\\Deleted"])
        await self._each("EXPUNGE", uids)

    # Waiting and leaving

    @asynccontextmanager
    async def idle(self, *, renew: float = RENEW) -> AsyncIterator[Idle]:
        """See `Mailbox`."""
        if "IDLE" not in self._capabilities:
            raise self._failure(Fault.UNSUPPORTED, "IDLE")
        idling = Idling(self._protocol, renew)
        with self._turn():
            try:
                await self._idle_start(idling)
                yield _Told(self, idling)
                with self._sentences("IDLE"):
                    await idling.stop()
            except asyncio.CancelledError:
                self.drop()
                raise
            except Exception:
                # The caller's own: the connection goes on, if it can be brought back to where it was.
                with suppress(LineBroken):
                    await idling.stop()
                raise

    async def _idle_start(self, idling: Idling) -> None:
        with self._sentences("IDLE"):
            try:
                await idling.start()
            except IdleRefused as refused:
                raise self._refusal(refused.exchange) from None

    async def noop(self) -> None:
        """See `Mailbox`."""
        await self._run("NOOP")

    async def logout(self) -> None:
        """See `Mailbox`."""
        protocol = self._protocol
        if self._busy:  # in the middle of something: LOGOUT would wait for its end
            self.drop()
            return
        try:
            async with asyncio.timeout(self.account.limits.farewell):
                await protocol.execute(Exchange("LOGOUT", protocol.new_tag()))
        except (LineBroken, TimeoutError):
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """See `Mailbox`."""
        self._protocol.drop()


class _Told:
    """`Idle` with the sentences for what goes wrong."""

    def __init__(self, session: Session, idling: Idling) -> None:
        self._session = session
        self._idling = idling

    async def next(self) -> Push:
        with self._session._sentences("IDLE"):
            try:
                return await self._idling.next()
            except IdleRefused as refused:
                raise self._session._refusal(refused.exchange) from None
