"""Against Postfix's smtp-sink, which offers PIPELINING and DSN."""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase, Pool, Result

MESSAGE = b"Subject: hello\r\n\r\nHello\r\n.leading dot\r\n"

Sink = Callable[..., AbstractAsyncContextManager[int]]


@pytest.fixture
def sink(require_tool: Callable[[str], Path]) -> Sink:
    """Runs a smtp-sink with these flags."""
    program = require_tool("postfix").with_name("smtp-sink")

    @asynccontextmanager
    async def run(*flags: str) -> AsyncIterator[int]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = await asyncio.create_subprocess_exec(program, *user, *flags, f"127.0.0.1:{port}", "64")
        try:
            async with asyncio.timeout(10):
                await greeting(port)
            yield port
        finally:
            process.terminate()
            await process.wait()

    return run


async def greeting(port: int) -> None:
    """Return once it greets."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
            continue
        greeted = await reader.read(3)
        writer.close()
        await writer.wait_closed()
        if greeted == b"220":
            return


def account(port: int) -> Account:
    return Account("127.0.0.1", port, "none", local_hostname="app.example.com")


async def send(pool: Pool, recipient: str = "ann@example.org") -> Result:
    envelope = Envelope(parse_address("system@example.com"), parse_address(recipient), "qid-7", "FAILURE,DELAY")
    async with pool.connection() as session:
        return await session.send(MESSAGE, envelope)


async def test_messages_arrive_whole_over_few_connections(sink: Sink):
    with tempfile.TemporaryDirectory(prefix="jobrunner-sink-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # it writes as nobody
        async with sink("-d", f"{name}/%M.") as port, Pool(account(port), max_connections=3) as pool:
            results = await asyncio.gather(*(send(pool, f"u{number}@example.org") for number in range(50)))
            assert pool.opened <= 3
        received = [path.read_bytes() for path in folder.iterdir()]

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert len(received) == 50
    assert all(b"X-Mail-Args: <system@example.com> RET=HDRS ENVID=qid-7\n" in text for text in received)
    arguments = {line for text in received for line in text.split(b"\n") if line.startswith(b"X-Rcpt-Args")}
    assert arguments == {
        f"X-Rcpt-Args: <u{n}@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;u{n}@example.org".encode()
        for n in range(50)
    }
    assert all(text.rstrip(b"\n").endswith(b"Subject: hello\n\nHello\n.leading dot") for text in received)


@pytest.mark.parametrize(
    ("flags", "outcome", "phase"),
    [
        (("-r", "RCPT"), Outcome.ADDRESS_DEFERRED, Phase.RCPT),
        (("-r", "."), Outcome.DEFERRED, Phase.DOT),
        (("-f", "RCPT"), Outcome.REFUSED, Phase.RCPT),
        (("-f", "DATA"), Outcome.REFUSED, Phase.DATA),
        (("-Q", "MAIL"), Outcome.RATE, Phase.MAIL),
        (("-q", "MAIL"), Outcome.CONNECTION, Phase.MAIL),
        (("-q", "."), Outcome.UNKNOWN, Phase.DOT),
    ],
)
async def test_its_faults(flags: tuple[str, ...], outcome: Outcome, phase: Phase, sink: Sink):
    """F49, F50."""
    async with sink(*flags) as port, Pool(account(port)) as pool:
        result = await send(pool)

    assert (result.outcome, result.phase) == (outcome, phase)
