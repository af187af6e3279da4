"""The values in an answer: atoms, quoted strings, literals, lists (RFC 3501, 4). One read for each answer."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from jobrunner.services.mail.imap.fault import Fault, LineBroken
from jobrunner.services.mail.imap.receiving import LITERAL, Pieces

Value = bytes | None | list["Value"]
"""A string or an atom; NIL; a list."""

TOKEN = re.compile(
    rb"""
    BODY\[[^\]]{0,4000}\](?:<\d+>)?  # the name of an item, which may hold blanks and parentheses
    | "(?:[^"\\]+|\\.)*+"           # a quoted string
    | ".*                             # one without its end: all the rest, so that it is looked at once
    | [()] | [^\s()"]+
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
CLOSED = re.compile(rb'"(?:[^"\\]+|\\.)*+"', re.DOTALL)
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
DEPTH_LIMIT = 100
DATE = re.compile(rb" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")


def parse_values(pieces: Pieces) -> list[Value]:
    """Return the values of an answer. The library counts parentheses, in strings too, and is led astray by them.

    Raises:
        LineBroken: parentheses or quotes do not match.
    """
    values: list[Value] = []
    stack = [values]
    for index in range(0, len(pieces), 2):
        tokens = TOKEN.findall(pieces[index])
        if index + 1 < len(pieces) and tokens:
            last = tokens.pop()  # the announcement of the literal; it may stand on an atom, as in BINARY's ~{5}
            if not LITERAL.search(last):
                raise LineBroken(Fault.NONSENSE, "a literal in the wrong place")
        for token in tokens:
            if token == b"(":
                if len(stack) > DEPTH_LIMIT:
                    raise LineBroken(Fault.FLOOD, f"lists deeper than {DEPTH_LIMIT}")
                opened: list[Value] = []
                stack[-1].append(opened)
                stack.append(opened)
            elif token == b")":
                stack.pop()
                if not stack:
                    raise LineBroken(Fault.NONSENSE, "a parenthesis too many")
            elif token[:1] == b'"':
                if not CLOSED.fullmatch(token):
                    raise LineBroken(Fault.NONSENSE, "a quoted string without its end")
                text = token[1:-1]
                stack[-1].append(ESCAPED.sub(rb"\1", text) if b"\\" in text else text)
            else:
                stack[-1].append(None if token.upper() == b"NIL" else token)
        if index + 1 < len(pieces):
            stack[-1].append(pieces[index + 1])
    if len(stack) > 1:
        raise LineBroken(Fault.NONSENSE, "a parenthesis is missing")
    return values


def parse_items(pieces: Pieces) -> dict[bytes, Value]:
    """Return the items of `n FETCH (NAME value …)` by their names, in upper case.

    Raises:
        LineBroken: it is not such an answer.
    """
    values = parse_values(pieces)
    items = values[2] if len(values) > 2 else None
    if not isinstance(items, list) or len(items) % 2:
        raise LineBroken(Fault.NONSENSE, "an answer to FETCH without pairs")
    return {name.upper(): value for name, value in _pairs(items) if isinstance(name, bytes)}


def _pairs(items: list[Value]) -> Iterator[tuple[Value, Value]]:
    return zip(items[::2], items[1::2], strict=True)


def number(value: Value) -> int | None:
    """Return the number that a value is, of at most 20 digits; or None."""
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) <= 20 else None


def parse_internal_date(value: Value) -> datetime | None:
    """Return an INTERNALDATE, or None where it is none."""
    found = DATE.fullmatch(value) if isinstance(value, bytes) else None
    if found is None:
        return None
    try:
        month = MONTHS.index(found[2].lower()) + 1
        offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
        zone = timezone(-offset if found[7] == b"-" else offset)
        day, year, hour, minute, second = (int(found[at]) for at in (1, 3, 4, 5, 6))
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def write_internal_date(moment: datetime) -> str:
    """Return an aware datetime as APPEND takes it, quoted."""
    month = MONTHS[moment.month - 1].decode().title()
    return f'"{moment.day:2d}-{month}-{moment:%Y %H:%M:%S %z}"'
