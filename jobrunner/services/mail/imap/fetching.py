"""FETCH of messages in batches, two commands under way at a time."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import one_line
from jobrunner.services.mail.imap.mailbox import Message
from jobrunner.services.mail.imap.planning import uid_set
from jobrunner.services.mail.imap.protocol import ImapProtocol
from jobrunner.services.mail.imap.receiving import KIB, MIB, Caps, Pieces
from jobrunner.services.mail.imap.values import number, parse_items

AT_ONCE = 2
"""Commands under way: while one answer is read, the next is already asked for."""
OVERHEAD = 4 * KIB
"""Octets beside a message that may come with it."""
USUAL = re.compile(rb"\d+ FETCH \(UID (\d+) (?:FLAGS \([^()\"]*\) )?BODY\[[^\]]*\](?:<\d+>)? \{\d+\}", re.IGNORECASE)
"""What most servers send, read at once; all else is read value by value."""


def read_body(pieces: Pieces) -> tuple[int, bytes] | None:
    """Return UID and text of an answer to FETCH; None where it has none, as a change of flags that was not asked for.

    Raises:
        LineBroken: it makes no sense.
    """
    if len(pieces) == 3 and pieces[2] == b")" and (usual := USUAL.fullmatch(pieces[0])) is not None:
        return int(usual[1]), pieces[1]
    items = parse_items(pieces)
    uid = number(items.get(b"UID"))
    body = [value for name, value in items.items() if name.startswith(b"BODY[")]
    if uid is None or not body:
        return None
    text = body[0]
    return uid, text if isinstance(text, bytes) else b""


class _Batch:
    """One command."""

    def __init__(self, uids: Sequence[int]) -> None:
        self.uids = uids
        self.due = set(uids)
        self.exchange: Exchange | None = None


async def fetch_batches(
    protocol: ImapProtocol, batches: Sequence[Sequence[int]], section: str, octets: int
) -> AsyncGenerator[Message, None]:
    """Yield what comes, see `Mailbox.fetch`.

    Raises:
        LineBroken: the connection broke, or something came that nobody asked for.
    """
    waiting = deque(_Batch(uids) for uids in batches if uids)
    running: deque[_Batch] = deque()
    arrived: deque[Message] = deque()
    wake = asyncio.Event()
    limit = max(2 * octets, 8 * MIB)

    def take(name: bytes, pieces: Pieces) -> None:
        found = read_body(pieces)
        if found is None:
            return
        uid, source = found
        for batch in running:
            if uid in batch.due:
                batch.due.remove(uid)
                arrived.append(Message(uid, source))
                return

    def begin(batch: _Batch) -> None:
        caps = Caps(octets=limit + len(batch.uids) * OVERHEAD + Caps().octets, literal=limit)
        batch.exchange = Exchange(
            "FETCH",
            protocol.new_tag(),
            uid_set(batch.uids),
            f"(UID BODY.PEEK[{section}])",
            by_uid=True,
            wanted=(b"FETCH",),
            caps=caps,
            take=take,
            wake=wake,
        )
        running.append(batch)
        protocol.begin(batch.exchange)

    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                begin(waiting.popleft())
            batch = running[0]
            exchange = batch.exchange
            assert exchange is not None
            deadline = protocol.loop.time() + protocol.limits.command
            while True:
                while arrived:
                    yield arrived.popleft()
                if exchange.over:
                    break
                await protocol.something(exchange, deadline)
            running.popleft()
            if exchange.result != "OK":
                if len(batch.uids) == 1:
                    yield Message(batch.uids[0], b"", one_line(exchange.text) or exchange.result)
                else:  # one of them may be at fault: each is asked for alone
                    waiting.extendleft(_Batch([uid]) for uid in sorted(batch.due, reverse=True))
    finally:
        if running:
            protocol.drop()
