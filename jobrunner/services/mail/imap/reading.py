"""What single answers say: of a folder, of messages, of a search."""

import asyncio
from array import array

from jobrunner.services.mail.imap.codes import code_of
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.mailbox import Details, FolderCounts
from jobrunner.services.mail.imap.receiving import KIB, Pieces
from jobrunner.services.mail.imap.values import number, parse_internal_date, parse_items, parse_values

SEARCH_STEP = 64 * KIB
"""Octets of an answer to SEARCH that are read at a time, so that the event loop is not held up."""


def read_counts(exchange: Exchange) -> FolderCounts:
    """Return what STATUS said.

    Raises:
        LineBroken: it makes no sense.
    """
    values = parse_values(exchange.answers[-1])[2:] if exchange.answers else []
    found = values[0] if values and isinstance(values[0], list) else []
    pairs = zip(found[::2], found[1::2], strict=False)
    told = {name.upper(): number(value) for name, value in pairs if isinstance(name, bytes)}
    return FolderCounts(
        messages=told.get(b"MESSAGES") or 0,
        unseen=told.get(b"UNSEEN") or 0,
        uid_next=told.get(b"UIDNEXT"),
        uid_validity=told.get(b"UIDVALIDITY"),
    )


def read_opening(exchange: Exchange) -> dict[bytes, int]:
    """Return the numbers that SELECT or EXAMINE told, by name."""
    told: dict[bytes, int] = {}
    for pieces in exchange.answers:
        first, _, rest = pieces[0].partition(b" ")
        if first.isdigit():
            value, name = number(first), b"EXISTS"
        else:
            name, argument = code_of(rest)
            value = number(argument)
        if value is not None:
            told[name] = value
    return told


def read_details(pieces: Pieces) -> Details | None:
    """Return what an answer to FETCH says of a message, None where it is not the one that was asked for.

    Raises:
        LineBroken: it makes no sense.
    """
    items = parse_items(pieces)
    uid, size, flags = number(items.get(b"UID")), number(items.get(b"RFC822.SIZE")), items.get(b"FLAGS")
    if uid is None or size is None:
        return None  # a change of flags that was not asked for
    named = flags if isinstance(flags, list) else []
    return Details(
        uid=uid,
        size=size,
        flags=frozenset(flag.decode("ascii", "replace") for flag in named if isinstance(flag, bytes)),
        received=parse_internal_date(items.get(b"INTERNALDATE")),
    )


async def read_uids(line: bytes, found: "array[int]") -> None:
    """Read the numbers of an answer to SEARCH, piece by piece."""
    at = len(b"SEARCH")
    while at < len(line):
        end = line.find(b" ", at + SEARCH_STEP)
        end = end if end >= 0 else len(line)
        for word in line[at:end].split():
            if not word.isdigit() or len(word) > 10:
                break  # `(MODSEQ n)` at the end, where CONDSTORE is on
            found.append(int(word))
        at = end
        await asyncio.sleep(0)
