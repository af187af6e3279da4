"""Measures handing over alone, to Postfix's smtp-sink: our driver beside aiosmtplib's sendmail.

    .venv/bin/python -m scripts.benchmarks.mailing.driver [--messages N] [--rounds N] [--connections N]... [--size N]

Each round starts a smtp-sink of its own (Debian package postfix) on the loopback address. It prints messages a second,
best and median of the rounds, and the client's CPU time for each message, of which other load disturbs less.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import aiosmtplib
import uvloop

from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Pool
from scripts.benchmarks.mailing.sink import Sink

Send = Callable[[int, bytes, int, int], Awaitable[None]]


def message_of(size: int) -> bytes:
    """Return a message of that many octets as our own writer makes them: CRLF, lines of 76."""
    head = b"From: <a@example.org>\r\nTo: <b@example.net>\r\nSubject: measured\r\nMIME-Version: 1.0\r\n\r\n"
    line = b"x" * 74 + b"\r\n"
    return (head + line * (size // len(line) + 1))[: size - 2] + b"\r\n"


async def ours(port: int, message: bytes, connections: int, count: int) -> None:
    """Send by a pool as the jobs do."""
    account = Account("127.0.0.1", port, "none", local_hostname="bench.example.org")
    envelope = Envelope(parse_address("a@example.org"), parse_address("b@example.net"))

    async def work(pool: Pool, share: int) -> None:
        async with pool.connection() as transport:
            for _ in range(share):
                result = await transport.send(message, envelope)
                assert result.outcome is Outcome.ACCEPTED, result

    async with Pool(account, max_connections=connections) as pool:
        await asyncio.gather(*(work(pool, share) for share in shares(count, connections)))


async def sendmail(port: int, message: bytes, connections: int, count: int) -> None:
    """Send by as many kept connections of aiosmtplib's."""

    async def work(share: int) -> None:
        async with aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, start_tls=False, local_hostname="bench.example.org"
        ) as client:
            for _ in range(share):
                await client.sendmail("a@example.org", ["b@example.net"], message)

    await asyncio.gather(*(work(share) for share in shares(count, connections)))


def shares(count: int, connections: int) -> list[int]:
    """Return how many messages each connection sends."""
    return [count // connections + (number < count % connections) for number in range(connections)]


def measure(send: Send, message: bytes, connections: int, count: int) -> tuple[float, float]:
    """Return messages a second, and microseconds of CPU for each."""
    with Sink() as sink:
        wall, cpu = time.perf_counter(), time.process_time()
        uvloop.run(send(sink.port, message, connections, count))  # type: ignore[arg-type]
        return count / (time.perf_counter() - wall), (time.process_time() - cpu) / count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, action="append")
    parser.add_argument("--size", type=int, default=5000)
    options = parser.parse_args()
    message = message_of(options.size)
    print("connections\tclient\tbest/s\tmedian/s\tCPU µs")
    for connections in options.connections or [1, 4, 16]:
        figures: dict[str, list[tuple[float, float]]] = {}
        for _ in range(options.rounds):  # by turns, so that other load meets both
            for send in (ours, sendmail):
                figures.setdefault(send.__name__, []).append(measure(send, message, connections, options.messages))
        for name, rows in figures.items():
            rates, cpus = zip(*rows, strict=True)
            print(
                f"{connections}\t{name}\t{max(rates):.0f}\t{statistics.median(rates):.0f}\t{statistics.median(cpus):.0f}"
            )


if __name__ == "__main__":
    main()
