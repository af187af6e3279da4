"""The seam between who reads mail and how it is read."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as the server lists it."""

    name: str
    """In Unicode; INBOX in capitals."""
    delimiter: str | None
    """Between the names of folder and subfolder; None where there are no subfolders."""
    flags: frozenset[str]
    """In lower case, as `\\sent` or `\\haschildren`."""
    selectable: bool
    """Whether it can be opened; also False for a name that is no proper modified UTF-7."""


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """What the server says of a folder when it is opened."""

    name: str
    uid_validity: int
    uid_next: int | None
    """The lowest UID that the next message can have; None where the server does not say."""
    exists: int
    """Messages in it."""
    read_only: bool


@dataclass(frozen=True, slots=True)
class FolderCounts:
    """What the server says of a folder without opening it."""

    messages: int
    unseen: int
    uid_next: int | None
    uid_validity: int | None


@dataclass(frozen=True, slots=True)
class Details:
    """What is asked of a message before itself."""

    uid: int
    size: int
    """Octets, as the server says (RFC822.SIZE)."""
    flags: frozenset[str]
    """As the server writes them, as `\\Seen`."""
    received: datetime | None
    """When the server received it (INTERNALDATE)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, or the section of it that was asked for."""

    uid: int
    source: bytes
    refused: str | None = None
    """Where the server will not hand over this one: its words; the source is empty then."""


class PushKind(Enum):
    """What was told under IDLE."""

    STARTED = "started"
    """IDLE has begun, or begun again: what came before is not told, so search now."""
    CHANGED = "changed"
    """The number of messages, or one of them, changed: search now."""
    SIGN_OF_LIFE = "sign of life"
    """Nothing but that the server is there."""


@dataclass(frozen=True, slots=True)
class Push:
    """A hint, never the truth: a search by UID decides what there is."""

    kind: PushKind
    exists: int | None = None
    """The number of messages, where it was told."""


class Idle(Protocol):
    """IDLE under way."""

    async def next(self) -> Push:
        """Return what is told next; several of one kind that nobody has asked for yet are one.

        The first is STARTED, and so is one after each renewal. May be cancelled and called again.

        Raises:
            MailboxError: the connection is over, or the server did not answer the renewal.
        """
        ...


class Mailbox(Protocol):
    """An account's mail over one connection that is logged in. One task uses it at a time.

    Everything raises `MailboxError`. Where its `fault.keeps_line` is False, and after a cancellation, the connection is
    over: a new one is opened.
    """

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server offers after the login, in capitals."""
        ...

    @property
    def usable(self) -> bool:
        """Whether the connection stands, as far as we were told."""
        ...

    async def folders(self, pattern: str = "*") -> list[Folder]:
        """Return the folders whose names fit: `*` stands for anything, `%` for anything but the delimiter."""
        ...

    async def counts(self, folder: str) -> FolderCounts:
        """Return how many messages a folder holds, without opening it."""
        ...

    async def create(self, folder: str) -> None:
        """Make a folder."""
        ...

    async def subscribe(self, folder: str) -> None:
        """Have a folder shown by programs that show only those subscribed to."""
        ...

    async def open(self, folder: str, *, read_only: bool = False) -> OpenFolder:
        """Open a folder; the calls below work in it. Read only (EXAMINE), nothing in it can change by us."""
        ...

    def last_opening(self, folder: str) -> OpenFolder | None:
        """Return what the server said when a folder was last opened over this connection."""
        ...

    async def search(self, *, after: int = 0, since: date | None = None, until: int | None = None) -> Sequence[int]:
        """Return the UIDs, ascending, above `after`, up to `until`, and received on that day or later.

        The server compares days without a time zone: ask for a day more and compare `Details.received`.
        """
        ...

    async def find(self, message_id: str) -> Sequence[int]:
        """Return the UIDs, ascending, of messages with that Message-ID, which is ASCII."""
        ...

    async def details(self, uids: Sequence[int]) -> list[Details]:
        """Return size, flags and time of these messages, ascending; those that are gone are left out."""
        ...

    def fetch(
        self, batches: Sequence[Sequence[int]], *, section: str = "", octets: int = 0
    ) -> AsyncGenerator[Message, None]:
        """Yield the messages, or that section of each (`HEADER`, `HEADER.FIELDS (MESSAGE-ID)`, `2.1`), by batches.

        Two batches are asked for at once, and a third when the first has been taken, so at most two are in memory.
        Nothing is marked as read. Those that are gone are left out. `octets` is how much a batch is to hold at most,
        as `plan_batches` gives it; twice as much is accepted. Left before its end, the connection is thrown away.
        """
        ...

    def windows(
        self, uid: int, size: int, *, at_most: int, section: str = "", window: int = 1024 * 1024
    ) -> AsyncGenerator[bytes, None]:
        """Yield a large message, or a section of it, window by window; one of more than `at_most` octets is a FLOOD.

        Left before its end, the connection is thrown away.
        """
        ...

    async def structure(self, uid: int) -> "Part":
        """Return of which parts a message is made, for one that is not fetched whole."""
        ...

    async def append(
        self, folder: str, message: bytes, *, flags: Collection[str] = (), received: datetime | None = None
    ) -> int | None:
        """Store a message in a folder; return its UID where the server tells."""
        ...

    async def add_flags(self, uids: Sequence[int], flags: Collection[str]) -> None:
        """Add flags, as `\\Seen`, to messages."""
        ...

    async def delete(self, uids: Sequence[int]) -> None:
        """Delete messages for good; these only, whatever else is marked as deleted."""
        ...

    def idle(self, *, renew: float = ...) -> AbstractAsyncContextManager[Idle]:
        """Let the server tell what happens in the open folder, while the context is open; other calls come after it.

        Every `renew` seconds it is begun anew. Left by a cancellation, the connection is thrown away.
        """
        ...

    async def noop(self) -> None:
        """Ask whether the server is there."""
        ...

    async def logout(self) -> None:
        """Take leave of the server, within seconds, and close the connection. Never raises."""
        ...

    def drop(self) -> None:
        """Throw the connection away, at once and without a word."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message (BODYSTRUCTURE)."""

    section: str
    """Its number, as `2.1`, for `windows`; empty for a multipart that is the whole message."""
    content_type: str
    """In lower case, as `text/plain`."""
    charset: str | None = None
    encoding: str = "7bit"
    size: int = 0
    """Octets, as encoded."""
    disposition: str | None = None
    """`attachment`, `inline`, or None."""
    filename: str | None = None
    """As the header has it, perhaps encoded: no name for a file."""
    content_id: str | None = None
    parts: tuple["Part", ...] = ()
