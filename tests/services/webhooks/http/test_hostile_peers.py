"""Peers that hang, drip, never end or break off: each ends within its limit as one sentence, and memory stays flat."""

import asyncio
import gzip
import time
import tracemalloc

import psutil
import pytest

from jobrunner.services.address_guard import Guard
from jobrunner.services.webhooks.answers import judge
from jobrunner.services.webhooks.http.connecting import HEAD_LIMIT
from jobrunner.services.webhooks.http.poster import Limits, Poster
from jobrunner.services.webhooks.http.reply import ANSWER_HEAD, Reply
from tests.services.webhooks.http.peer import OK, Line, Peer, Script, scripted, silent

HOME = Guard(["127.0.0.0/8"])
SHORT = Limits(connect=0.3, total=0.6)
LONG = Limits(connect=10, total=20)
MEGABYTE = 1024 * 1024
FLAT = 3 * MEGABYTE
"""What one answer may cost at most while it is read, the peer's own buffers included."""
KERNEL = 16 * MEGABYTE
"""What the kernel's buffers may have taken of what nobody read."""


async def post_to(script: Script, limits: Limits = LONG, body: bytes = b"[]") -> tuple[Reply, Peer]:
    async with scripted(script) as peer, Poster(HOME, limits) as poster:
        reply = await poster.post(peer.url(), {"webhook-id": "msg_1"}, body)
        await poster.close()
        if peer.lines:
            async with asyncio.timeout(10):
                await peer.ended.wait()
    return reply, peer


def check_sentence(reply: Reply) -> None:
    assert reply.status is None
    assert reply.error
    assert reply.error.isprintable()
    assert len(reply.error) <= 200
    assert not reply.error.endswith(".")
    assert judge(reply).meaning == "endpoint_fault"


def open_connections(port: int) -> list[object]:
    return [line for line in psutil.Process().net_connections() if line.raddr and line.raddr.port == port]


# Time


async def drips_its_head(line: Line) -> None:
    await line.request()
    for octet in OK * 1000:
        await line.send(bytes([octet]))
        await asyncio.sleep(0.02)


async def hangs_amid_the_head(line: Line) -> None:
    await line.request()
    await line.send(OK[:20])
    await silent(line)


@pytest.mark.parametrize("script", [silent, drips_its_head, hangs_amid_the_head])
async def test_no_answer_within_the_total_limit(script: Script):
    """H14."""
    reply, _ = await post_to(script, SHORT)
    check_sentence(reply)
    assert (reply.error_kind, reply.error) == ("timeout", "no answer within the limit of 0.6 s")
    assert reply.connected_ip == "127.0.0.1"
    assert 500 <= reply.duration_ms < 5000
    assert judge(reply).minimum_delay == 60


async def test_a_peer_that_does_not_read_what_is_sent():
    """And what was not sent is dropped with the connection, rather than waiting for the peer."""

    async def script(line: Line) -> None:
        line.writer.transport.pause_reading()
        await let_go.wait()
        await line.reader.read()

    let_go = asyncio.Event()
    async with scripted(script) as peer, Poster(HOME, SHORT) as poster:
        reply = await poster.post(peer.url(), {}, b"x" * 64 * MEGABYTE)
        await asyncio.sleep(0)  # the loop closes it in its next turn
        await asyncio.sleep(0)
        assert not open_connections(peer.port)
        let_go.set()
    check_sentence(reply)
    assert reply.error_kind == "timeout"


async def test_a_body_that_drips_is_left_at_the_total_limit():
    """H14: the status has come by then, and counts."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            await line.send(b"x")
            await asyncio.sleep(0.02)

    reply, _ = await post_to(script, SHORT)
    assert (reply.status, reply.error_kind, reply.error) == (200, None, None)
    assert reply.answer_head.startswith("xxx")
    assert 500 <= reply.duration_ms < 5000


async def test_one_that_hangs_holds_up_no_other():
    async def waits(line: Line) -> None:
        await line.request()
        held.set()
        await silent(line)

    async def answers(line: Line) -> None:
        while await line.request():
            await line.send(OK)

    held = asyncio.Event()
    async with scripted(waits) as slow, scripted(answers) as quick, Poster(HOME, LONG) as poster:
        stuck = asyncio.create_task(poster.post(slow.url(), {}, b"[]"))
        await held.wait()
        started = time.monotonic()
        for _ in range(20):
            assert (await poster.post(quick.url(), {}, b"[]")).status == 200
        assert time.monotonic() - started < 5
        assert not stuck.done()
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck


# Size


def endless(head: bytes, rest: bytes) -> Script:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(head)
        await line.for_ever(rest)

    return script


CHUNK = b"x" * 65_536
HUGE_BODIES = {
    "a gigabyte": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", CHUNK),
    "until it ends": (b"HTTP/1.1 200 OK\r\n\r\n", CHUNK),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + CHUNK + b"\r\n"),
    "one chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n", CHUNK),
    "small chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
}
HUGE_FRAMES = {
    "chunk extensions": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=", CHUNK),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-T: x\r\n" * 8192),
}
HUGE_HEADS = {
    "one line": (b"HTTP/1.1 200 OK\r\nX-Long: ", CHUNK),
    "a name": (b"HTTP/1.1 200 OK\r\n", CHUNK),
    "lines": (b"HTTP/1.1 200 OK\r\n", b"X-Line: x\r\n" * 5000),
    "long lines": (b"HTTP/1.1 200 OK\r\n", b"X-Line: " + b"x" * 8000 + b"\r\n"),
    "continuations": (b"HTTP/1.1 200 OK\r\nX-Long: x\r\n", b" x\r\n" * 10_000),
    "a reason": (b"HTTP/1.1 200 ", CHUNK),
    "a version": (b"HTTP/1.", b"1" * 65_536),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "interim answers with headers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000),
    "blank lines": (b"", b"\r\n" * 30_000),
    "nothing but noise": (b"", b"\0" * 65_536),
}


async def memory_of(script: Script) -> tuple[Reply, Peer, int]:
    await post_to(script)  # what is loaded and kept once
    tracemalloc.start()
    try:
        reply, peer = await post_to(script)
        return reply, peer, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", HUGE_BODIES)
async def test_of_a_huge_body_its_beginning_is_read(name: str):
    """H14."""
    reply, peer, memory = await memory_of(endless(*HUGE_BODIES[name]))
    assert (reply.status, reply.error_kind) == (200, None)
    assert reply.answer_head == "x" * ANSWER_HEAD
    assert memory < FLAT
    assert sum(line.sent for line in peer.lines) < KERNEL
    assert reply.duration_ms < 10_000


@pytest.mark.parametrize("name", HUGE_FRAMES)
async def test_a_body_whose_frame_never_ends_is_left(name: str):
    """H14: where the head comes together with what is wrong, it is no HTTP."""
    reply, peer, memory = await memory_of(endless(*HUGE_FRAMES[name]))
    assert (reply.status, reply.error_kind) in ((200, None), (None, "protocol"))
    assert memory < FLAT
    assert sum(line.sent for line in peer.lines) < KERNEL
    assert reply.duration_ms < 10_000


@pytest.mark.parametrize("name", HUGE_HEADS)
async def test_a_head_that_never_ends_is_no_answer(name: str):
    """H14."""
    reply, peer, memory = await memory_of(endless(*HUGE_HEADS[name]))
    check_sentence(reply)
    assert reply.error_kind in ("protocol", "reset")
    assert memory < FLAT
    assert sum(line.sent for line in peer.lines) < KERNEL
    assert reply.duration_ms < 10_000


async def test_the_limits_leave_room():
    """What is inside of them is an answer: 100 header lines, 60 KB of body."""

    async def script(line: Line) -> None:
        await line.request()
        lines = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 400) for number in range(100))
        await line.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n" + lines)
        await line.send(b"Content-Length: 60000\r\n\r\n" + b"y" * 60_000)
        await silent(line)

    reply, _ = await post_to(script)
    assert reply.status == 200
    assert HEAD_LIMIT > 45_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
async def test_nothing_is_decompressed(encoding: str):
    """H14: a bomb stays as small as it came."""
    bomb = gzip.compress(gzip.compress(bytes(50 * MEGABYTE)))

    async def script(line: Line) -> None:
        request = await line.request()
        assert b"Accept-Encoding: identity\r\n" in request
        await line.send(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(bomb))
            + bomb
        )
        await silent(line)

    reply, _, memory = await memory_of(script)
    assert reply.status == 200
    assert len(reply.answer_head.encode()) <= ANSWER_HEAD
    assert "\0" not in reply.answer_head
    assert memory < FLAT


# What breaks off, and what is not HTTP


async def closes_at_once(line: Line) -> None:
    pass


async def closes_after_the_request(line: Line) -> None:
    await line.request()


async def closes_amid_the_head(line: Line) -> None:
    await line.request()
    await line.send(OK[:20])


async def resets_after_the_request(line: Line) -> None:
    await line.request()
    line.reset()


async def resets_amid_the_head(line: Line) -> None:
    await line.request()
    await line.send(OK[:20])
    line.reset()


@pytest.mark.parametrize(
    "script",
    [
        closes_at_once,
        closes_after_the_request,
        closes_amid_the_head,
        resets_after_the_request,
        resets_amid_the_head,
    ],
)
async def test_a_connection_that_ends_before_an_answer(script: Script):
    """H14: and on a fresh connection there is no second try."""
    reply, peer = await post_to(script)
    check_sentence(reply)
    assert reply.error_kind == "reset"
    assert len(peer.lines) == 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "frame", [b"Content-Length: 100\r\n\r\nbegin", b"Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"]
)
async def test_a_body_that_breaks_off_leaves_the_status(reset: bool, frame: bytes):
    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 503 Away\r\nRetry-After: 120\r\n" + frame)
        if reset:
            line.reset()

    reply, _ = await post_to(script)
    assert (reply.status, reply.error_kind, reply.retry_after) == (503, None, "120")
    assert judge(reply).minimum_delay == 120


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"220 mail.example.com ESMTP\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 100 + b"\r\n\r\n",
        b"<html>\x1b[31m\x85\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_no_answer(answer: bytes):
    """H14."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(answer)
        await silent(line)

    reply, _ = await post_to(script)
    check_sentence(reply)
    assert reply.error_kind == "protocol"
    assert "^" not in (reply.error or ""), "the parser's own marks are no words"


@pytest.mark.parametrize("status", [101, 199, 204, 304, 600, 999])
async def test_an_odd_status_is_an_answer_or_none(status: int):
    async def script(line: Line) -> None:
        await line.request()
        await line.send(
            f"HTTP/1.1 {status} Odd\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await silent(line)

    reply, _ = await post_to(script, SHORT)
    assert reply.status in (status, None)
    assert judge(reply).meaning == ("success" if status == 204 else "endpoint_fault")


async def test_an_answer_before_all_was_read():
    """As servers refuse what is too large."""

    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await silent(line)

    reply, _ = await post_to(script, body=b"x" * MEGABYTE)
    assert reply.status == 413
    assert judge(reply).too_large


@pytest.mark.parametrize("text", [b"\xff\xfe\0", "é".encode() * 5000, "🦊".encode() * 2000, b"\xf0\x9f\xa6" * 1000])
async def test_what_is_kept_of_an_answer_can_be_stored(text: bytes):
    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    reply, _ = await post_to(script)
    assert "\0" not in reply.answer_head
    assert len(reply.answer_head.encode()) <= ANSWER_HEAD
