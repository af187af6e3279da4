"""The connected line, over a pair of sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import cast

import pytest

from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase
from jobrunner.services.mail.smtp.dialogue import Ended, Position
from jobrunner.services.mail.smtp.extensions import Extensions
from jobrunner.services.mail.smtp.line import LimitReached, Line, LineLost
from jobrunner.services.mail.smtp.reply import Nonsense, Reply
from jobrunner.services.mail.smtp.transaction import Transactions

Ends = tuple[Line, socket.socket]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A line, and the server's end of it."""
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    line = Line(cast(asyncio.Transport, transport))
    yield line, theirs
    line.drop()
    theirs.close()


async def until_lost(line: Line) -> None:
    async with asyncio.timeout(5):
        while not line.lost:
            await asyncio.sleep(0.001)


async def test_replies_are_read_one_by_one_in_their_order(ends: Ends):
    line, server = ends
    server.sendall(b"250 one\r\n250 two\r\n354 th")

    assert await line.reply(5) == Reply(250, b"one")
    assert line.take() == Reply(250, b"two")
    assert line.take() is None
    assert not line.quiet
    server.sendall(b"ree\r\n")
    assert await line.reply(5) == Reply(354, b"three")
    assert line.usable


async def test_what_came_before_the_line_was_lost_is_read_first(ends: Ends):
    line, server = ends
    server.sendall(b"250 one\r\n421 bye\r\n")
    server.close()
    await until_lost(line)

    assert [(await line.reply(5)).code for _ in range(2)] == [250, 421]
    with pytest.raises(LineLost):
        await line.reply(5)
    with pytest.raises(LineLost):
        line.write(b"MAIL\r\n")
    assert not line.usable


async def test_what_came_before_nonsense_is_read_first(ends: Ends):
    line, server = ends
    server.sendall(b"250 one\r\nnonsense\r\n250 two\r\n")

    assert (await line.reply(5)).code == 250
    with pytest.raises(Nonsense, match="nonsense"):
        await line.reply(5)
    assert not line.usable


async def test_each_wait_has_a_limit_of_its_own(ends: Ends):
    line, server = ends
    loop = asyncio.get_running_loop()
    for limit in (30.0, 0.05, 600.0, 0.1):
        began = loop.time()
        if limit > 1:
            loop.call_later(0.01, server.sendall, b"250 ok\r\n")
            assert (await line.reply(limit)).code == 250
        else:
            with pytest.raises(LimitReached):
                await line.reply(limit)
            assert limit - 0.01 <= loop.time() - began < 5


async def test_a_drop_wakes_who_waits(ends: Ends):
    line, _ = ends
    waiting = asyncio.create_task(line.reply(30))
    await asyncio.sleep(0)
    line.drop()

    with pytest.raises(LineLost):
        await waiting


async def test_a_message_that_met_a_closed_line_was_not_sent():
    """F49: the server says 354 and closes; that is seen before the message is written, so there is no doubt."""
    ours, server = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)

    class Slow(Line):
        async def reply(self, limit: float) -> Reply:
            reply = await super().reply(limit)
            if reply.code == 354:
                await until_lost(self)
            return reply

    line, position = Slow(cast(asyncio.Transport, transport)), Position()
    transactions = Transactions(Account("mail.example.com"), line, Extensions(), position)
    envelope = Envelope(parse_address("a@example.com"), parse_address("b@example.org"))
    task = asyncio.create_task(transactions.hand_over(b"x\r\n.\r\n", envelope))
    for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        received = await asyncio.to_thread(server.recv, 1000)
        server.sendall(reply)
    assert received == b"DATA\r\n"
    server.close()

    with pytest.raises(Ended) as ended:
        await task
    assert (ended.value.result.outcome, ended.value.result.phase) == (Outcome.CONNECTION, Phase.DATA)
