"""IDLE at servers that do not do as they should."""

import asyncio
from typing import Any

import pytest

from jobrunner.services.mail.imap import Fault, Limits, MailboxError, PushKind
from jobrunner.services.mail.imap.session import Session
from tests.services.mail.imap.conftest import scripted
from tests.services.mail.imap.scripted_server import CLOSE, SILENT, ScriptedServer, ThenClose

SHORT = Limits(connect=1, silence=0.3, command=5, farewell=0.2)


async def watch(mailbox: Session, until: int = 100, **options: Any) -> list[PushKind]:
    """What is told, so many times."""
    kinds = []
    async with mailbox.idle(**options) as idle:
        for _ in range(until):
            kinds.append((await idle.next()).kind)
    return kinds


@pytest.mark.parametrize(
    ("answer", "fault", "usable"),
    [
        ("* BYE no idling", Fault.BYE, False),
        (ThenClose("* BYE no idling\r\n"), Fault.BYE, False),
        (CLOSE, Fault.LOST, False),
        ("TAG NO not here", Fault.DENIED, True),
        ("TAG BAD what", Fault.DENIED, True),
        ("TAG NO [UNAVAILABLE] later", Fault.BUSY, True),
    ],
)
async def test_idle_that_is_not_begun(answer: Any, fault: Fault, usable: bool):
    """F51: BYE in answer to IDLE (aioimaplib's issue 110) is noticed at once; the library waits for ever."""
    async with scripted({"IDLE": answer}) as (_, mailbox):
        async with asyncio.timeout(2):
            with pytest.raises(MailboxError) as caught:
                await watch(mailbox)
        assert caught.value.fault is fault
        assert mailbox.usable is usable


async def test_a_server_that_offers_none():
    async with scripted(server={"capabilities": "IMAP4rev1 AUTH=PLAIN"}) as (server, mailbox):
        with pytest.raises(MailboxError) as caught:
            await watch(mailbox)
        assert caught.value.fault is Fault.UNSUPPORTED
        assert "IDLE" not in server.commands
        await mailbox.noop()


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (ThenClose("+ idling\r\n* BYE going down\r\n"), Fault.BYE),
        ("+ idling\r\n* BYE going down", Fault.BYE),
        (ThenClose("+ idling\r\n* 4 EXISTS\r\n"), Fault.LOST),
        ("+ idling\r\n* 4 EXISTS\r\nTAG OK that is enough", Fault.LOST),
        ("+ idling\r\n* 4 EXI\r\n" + "* 1 EXISTS\r\n" * 210_000, Fault.FLOOD),
    ],
)
async def test_idle_that_ends_in_the_middle(said: Any, fault: Fault):
    """F51, H23: told to whoever waits, at once."""
    async with scripted({"IDLE": said}) as (_, mailbox):
        async with asyncio.timeout(8):
            with pytest.raises(MailboxError) as caught:
                await watch(mailbox)
        assert caught.value.fault is fault
        assert not mailbox.usable


async def test_what_is_told_while_nobody_asks_is_one_push_of_each_kind():
    """However much it is: the last number of messages, and no more memory than that."""
    told = "+ idling\r\n" + "".join(f"* {n} EXISTS\r\n* OK Still here\r\n" for n in range(1, 5001)) + "* 9 EXPUNGE"
    async with scripted({"IDLE": told}) as (server, mailbox):
        async with mailbox.idle() as idle:
            pushes = [await idle.next()]
            while pushes[-1].exists != 5000:
                pushes.append(await idle.next())
            assert pushes[0].kind is PushKind.STARTED
            assert len(pushes) < 50  # a few for each time that the loop came round
        await mailbox.noop()
        assert server.commands[-2:] == ["DONE", "NOOP"]


async def test_a_renewal_that_is_not_answered():
    """F51: the line is half-open, nobody says so: found by the next renewal."""
    async with scripted({"DONE": SILENT}, limits=SHORT) as (_, mailbox):
        with pytest.raises(MailboxError, match="silent") as caught:
            await watch(mailbox, renew=0.05)
        assert caught.value.fault is Fault.TIMEOUT
        assert not mailbox.usable


async def test_idle_that_is_renewed():
    async with scripted() as (server, mailbox):
        assert await watch(mailbox, 3, renew=0.02) == [PushKind.STARTED] * 3
        assert [command for command in server.commands if command in ("IDLE", "DONE")] == ["IDLE", "DONE"] * 3


async def test_a_renewal_that_is_refused():
    async with scripted({"IDLE": [None, "TAG NO enough"]}) as (_, mailbox):
        with pytest.raises(MailboxError, match="enough") as caught:
            await watch(mailbox, renew=0.02)
        assert caught.value.fault is Fault.DENIED


async def test_a_continuation_before_the_text_of_idle_counts_once():
    """`+ OK, next please` and text behind it: no matter what it says."""
    async with scripted({"IDLE": "+ idling {5}\r\n* 5 EXISTS"}) as (_, mailbox), mailbox.idle() as idle:
        assert (await idle.next()).kind is PushKind.STARTED


async def test_a_flood_under_idle_leaves_others_their_turn():
    """H23: 1,500 short lines and more in one read: the loop goes round meanwhile, no longer than some milliseconds."""
    loop = asyncio.get_running_loop()
    longest = 0.0

    async def measure() -> None:
        nonlocal longest
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)

    lines = b"* 1 EXISTS\r\n" * 20_000

    async def flood(server: ScriptedServer, step: str, writer: asyncio.StreamWriter) -> None:
        if step == "IDLE":
            writer.write(lines + b"* 77 EXISTS\r\n")
            await writer.drain()

    async with scripted(server={"then": flood}) as (_, mailbox):
        measuring = asyncio.create_task(measure())
        async with mailbox.idle() as idle:
            while (await idle.next()).exists != 77:
                pass
        measuring.cancel()
        await asyncio.wait([measuring])
    assert longest < 0.1  # of this machine under load; some 5 ms else
