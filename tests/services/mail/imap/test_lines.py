"""Lines that break between us and a real Dovecot (F51): by a proxy that cuts and swallows."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from jobrunner.services.mail.imap import Fault, Limits, MailboxError, Message, connect, plan_batches
from jobrunner.services.mail.imap.session import Session
from tests.services.mail.imap.conftest import Accounts, Connect
from tests.support.dovecot import Dovecot
from tests.support.proxy import Line, Proxy


class CuttingProxy(Proxy):
    """Cuts a line when so many octets have come from the server."""

    cut_after: int | None = None

    async def _forward(
        self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, requests: bool
    ) -> None:
        if requests:
            await super()._forward(line, reader, writer, requests=True)
            return
        while data := await reader.read(4096):
            if line.swallow:
                continue
            if self.cut_after is not None:
                data = data[: self.cut_after]
                self.cut_after -= len(data)
            writer.write(data)
            await writer.drain()
            if self.cut_after == 0:
                writer.close()  # what was sent arrives
                await asyncio.Event().wait()
        line.cut()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def proxy_to(dovecot: Dovecot) -> CuttingProxy:
    return CuttingProxy(f"imap://127.0.0.1:{dovecot.port}")


MESSAGES = [b"Subject: %d\r\n\r\n" % number + b"x" * 998 + b"\r\n" for number in range(60)]


async def fetch(mailbox: Session, batches: Sequence[Sequence[int]], found: list[Message]) -> None:
    async with aclosing(mailbox.fetch(batches)) as messages:
        async for message in messages:
            found.append(message)


async def watch(mailbox: Session, begun: Callable[[], None], **options: Any) -> None:
    """Idle until that breaks; call `begun` when it has begun."""
    async with mailbox.idle(**options) as idle:
        await idle.next()
        begun()
        while True:
            await idle.next()


@pytest.mark.parametrize("octets", [1, 500, 1100, 5000, 20_000, 50_000])
async def test_a_line_dropped_in_a_fetch(octets: int, dovecot: Dovecot, user: str, account: Accounts):
    """In a line, in a literal, between two: told at once, and what came before it has come whole."""
    await asyncio.to_thread(dovecot.deliver, user, MESSAGES)
    async with proxy_to(dovecot) as proxy:
        mailbox = await connect(account(port=proxy.port))
        await mailbox.open("INBOX")
        plan = plan_batches(await mailbox.details(await mailbox.search()), most_messages=20)
        proxy.cut_after = octets
        found: list[Message] = []
        async with asyncio.timeout(4):
            with pytest.raises(MailboxError) as caught:
                await fetch(mailbox, plan.batches, found)
        assert caught.value.fault is Fault.LOST
        assert [message.source for message in found] == MESSAGES[: len(found)]
        assert len(found) < 60
        assert not mailbox.usable
        # A new connection begins where this one was.
        again = await connect(account())
        await again.open("INBOX")
        rest = plan_batches(await again.details(await again.search(after=len(found))))
        await fetch(again, rest.batches, found)
        assert [message.source for message in found] == MESSAGES
        await again.logout()


async def test_a_line_cut_under_idle(dovecot: Dovecot, account: Accounts):
    """Told at once; the library's future never ends."""
    async with proxy_to(dovecot) as proxy:
        mailbox = await connect(account(port=proxy.port))
        await mailbox.open("INBOX")
        async with asyncio.timeout(4):
            with pytest.raises(MailboxError) as caught:
                await watch(mailbox, proxy.lines[0].cut)
        assert caught.value.fault is Fault.LOST


async def test_a_half_open_line_is_found_by_the_renewal(dovecot: Dovecot, account: Accounts):
    """Nothing comes any more, and nobody says so."""
    async with proxy_to(dovecot) as proxy:
        limits = Limits(silence=0.3)
        mailbox = await connect(account(port=proxy.port, limits=limits))
        await mailbox.open("INBOX")

        def swallow() -> None:
            proxy.lines[0].swallow = True

        with pytest.raises(MailboxError) as caught:
            await watch(mailbox, swallow, renew=0.1)
        assert caught.value.fault is Fault.TIMEOUT


async def test_a_half_open_line_is_found_in_a_call(dovecot: Dovecot, account: Accounts):
    async with proxy_to(dovecot) as proxy:
        mailbox = await connect(account(port=proxy.port, limits=Limits(silence=0.3)))
        proxy.lines[0].swallow = True
        with pytest.raises(MailboxError) as caught:
            await mailbox.noop()
        assert caught.value.fault is Fault.TIMEOUT


async def test_keep_alive_is_on(opened: Connect):
    """Where nothing is asked for a long time the system finds a half-open line, after two minutes."""
    async with opened() as mailbox:
        transport = mailbox._protocol.transport
        assert transport is not None
        connection: Any = transport.get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, interval, count = (
            connection.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count == 120
