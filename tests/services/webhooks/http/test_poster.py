"""What the client sends, its connections, its limits and TLS."""

import asyncio
import ssl
import threading
from collections.abc import Callable

import pytest
from aiohttp import web

from jobrunner.services.address_guard import Guard
from jobrunner.services.webhooks.answers import judge
from jobrunner.services.webhooks.http.connecting import GuardedConnector
from jobrunner.services.webhooks.http.connecting import Line as ClientLine
from jobrunner.services.webhooks.http.poster import Limits, Poster
from tests.services.webhooks.http.peer import OK, Line, Script, answering, scripted, silent

HOME = Guard(["127.0.0.0/8"])
LONG = Limits(connect=10, total=20)
ServerTls = Callable[..., ssl.SSLContext]


# What is sent


async def test_a_request_as_it_is_sent():
    seen: list[bytes] = []

    async def script(line: Line) -> None:
        seen.append(await line.request())
        await line.send(OK)

    async with scripted(script) as peer, Poster(HOME) as poster:
        reply = await poster.post(f"{peer.url()}?a=%20b&c#part", {"webhook-id": "msg_1"}, b'{"x":1}')
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=%20b&c HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert fields.pop("User-Agent").startswith("jobrunner/")
    assert fields == {
        "Host": f"127.0.0.1:{peer.port}",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "webhook-id": "msg_1",
        "Content-Length": "7",
    }
    assert body == b'{"x":1}'
    assert (reply.status, reply.answer_head, reply.connected_ip) == (200, "ok", "127.0.0.1")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
async def test_a_header_with_a_line_break_is_never_sent(value: str):
    """H14."""
    async with scripted(answering) as peer, Poster(HOME) as poster:
        with pytest.raises(ValueError, match="control character"):
            await poster.post(peer.url(), {"webhook-event": value}, b"[]")
        assert (await poster.post(peer.url(), {}, b"[]")).status == 200


async def test_a_large_body_comes_whole():
    body = b"[" + b'"0123456789abcdef",' * 60_000 + b"0]"
    seen: list[bytes] = []

    async def script(line: Line) -> None:
        while request := await line.request():
            seen.append(request.partition(b"\r\n\r\n")[2])
            await line.send(OK)

    async with scripted(script) as peer, Poster(HOME, LONG) as poster:
        for sent in (body, b"[]", body):
            assert (await poster.post(peer.url(), {}, sent)).status == 200
    assert seen == [body, b"[]", body]
    assert len(peer.lines) == 1


async def test_where_an_answer_came_before_all_was_sent_the_connection_is_not_used_again():
    body = b"[" + b" " * 30_000_000 + b"]"  # more than sockets hold

    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(OK)
        await line.reader.read()

    async with scripted(script) as peer, Poster(HOME, LONG) as poster:
        assert (await poster.post(peer.url(), {}, body)).status == 200
        assert (await poster.post(peer.url(), {}, b"[]")).status == 200
        assert len(peer.lines) == 2


async def test_no_cookie_is_kept():
    seen: list[bytes] = []

    async def script(line: Line) -> None:
        while request := await line.request():
            seen.append(request)
            await line.send(b"HTTP/1.1 204 No\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: \x01=\x02\r\n\r\n")

    async with scripted(script) as peer, Poster(HOME) as poster:
        for _ in range(2):
            await poster.post(peer.url(), {}, b"[]")
    assert len(seen) == 2
    assert b"ookie" not in b"".join(seen)


# Connections


async def test_a_connection_is_kept_alive():
    async with scripted(answering) as peer, Poster(HOME) as poster:
        for _ in range(5):
            assert (await poster.post(peer.url(), {}, b"[]")).status == 200
        assert len(peer.lines) == 1


async def test_what_is_left_of_an_answer_ends_with_its_connection():
    async def script(line: Line) -> None:
        while await line.request():
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000)

    async with scripted(script) as peer, Poster(HOME, Limits(answer=1000)) as poster:
        for _ in range(2):
            assert (await poster.post(peer.url(), {}, b"[]")).answer_head == "x" * 2048
        assert len(peer.lines) == 2


def dying(end: Callable[[Line], None], first: bytes = b"") -> Script:
    """The first connection answers once, and ends when it is asked again; the others answer."""

    async def script(line: Line) -> None:
        while await line.request():
            if line.number == 1 and line.sent:
                await line.send(first) if first else None
                end(line)
                return
            await line.send(OK)

    return script


def close(line: Line) -> None:
    line.writer.close()


@pytest.mark.parametrize("end", [close, Line.reset])
async def test_on_a_connection_found_dead_the_same_is_sent_once_more(end: Callable[[Line], None]):
    seen: list[bytes] = []
    inner = dying(end)

    async def script(line: Line) -> None:
        whole = line.request

        async def request() -> bytes:
            got = await whole()
            seen.append(got)
            return got

        line.request = request  # type: ignore[method-assign]
        await inner(line)

    async with scripted(script) as peer, Poster(HOME) as poster:
        assert (await poster.post(peer.url(), {"webhook-id": "msg_1"}, b"[1]")).status == 200
        reply = await poster.post(peer.url(), {"webhook-id": "msg_2"}, b"[2]")
    assert reply.status == 200
    assert len(peer.lines) == 2
    second = [request for request in seen if b"msg_2" in request]
    assert len(second) == 2
    assert second[0] == second[1]


@pytest.mark.parametrize("end", [close, Line.reset])
async def test_once_an_octet_of_the_answer_came_there_is_no_second_try(end: Callable[[Line], None]):
    async with scripted(dying(end, first=b"HTTP/1.1 2")) as peer, Poster(HOME) as poster:
        await poster.post(peer.url(), {}, b"[]")
        reply = await poster.post(peer.url(), {}, b"[]")
        assert (reply.status, reply.error_kind) == (None, "reset")
        assert len(peer.lines) == 1


async def test_a_peer_that_thought_for_a_second_gets_no_second_try(monkeypatch: pytest.MonkeyPatch):
    from jobrunner.services.webhooks.http import connecting

    clock = [0.0]
    monkeypatch.setattr(connecting, "monotonic", lambda: clock[0])

    def late(line: Line) -> None:
        clock[0] += 1.1
        line.writer.close()

    async with scripted(dying(late)) as peer, Poster(HOME) as poster:
        await poster.post(peer.url(), {}, b"[]")
        assert (await poster.post(peer.url(), {}, b"[]")).error_kind == "reset"
        assert len(peer.lines) == 1


async def test_there_is_one_second_try_and_no_third():
    async def script(line: Line) -> None:
        if line.number > 2:
            return
        await line.request()
        opened.append(line)
        if len(opened) == 2:
            both.set()
        await both.wait()
        await line.send(OK)
        await line.request()

    opened: list[Line] = []
    both = asyncio.Event()
    async with scripted(script) as peer, Poster(HOME) as poster:
        # Two kept-alive connections, both of which end when they are used again.
        await asyncio.gather(*(poster.post(peer.url(), {}, b"[]") for _ in range(2)))
        reply = await poster.post(peer.url(), {}, b"[]")
        assert reply.error_kind == "reset"
        assert len(peer.lines) == 2


async def test_aiohttp_makes_our_lines():
    """Else there would be no second try at all."""
    connector = GuardedConnector(HOME, 1024)
    assert isinstance(connector._factory(), ClientLine)
    await connector.close()


async def test_hosts_have_few_connections_each():
    async def script(line: Line) -> None:
        nonlocal most
        while await line.request():
            most = max(most, len([one for one in peer.lines if not one.writer.is_closing()]))
            arrived.release()
            await go.wait()
            await line.send(OK)

    most = 0
    arrived, go = asyncio.Semaphore(0), asyncio.Event()
    async with scripted(script) as peer, Poster(HOME, Limits(connect=10, total=20, per_host=3)) as poster:
        posts = [asyncio.create_task(poster.post(peer.url(), {}, b"[]")) for _ in range(12)]
        for _ in range(3):
            await arrived.acquire()
        go.set()
        replies = await asyncio.gather(*posts)
    assert [reply.status for reply in replies] == [200] * 12
    assert most == 3


async def test_the_wait_for_a_connection_is_within_the_total_limit():
    async with scripted(silent) as peer, Poster(HOME, Limits(connect=5, total=0.5, per_host=1)) as poster:
        replies = await asyncio.gather(*(poster.post(peer.url(), {}, b"[]") for _ in range(2)))
        assert [reply.error_kind for reply in replies] == ["timeout"] * 2
        assert max(reply.duration_ms for reply in replies) < 5000


async def test_a_call_that_is_cancelled_leaves_its_place():
    async with scripted(silent) as peer, Poster(HOME, Limits(connect=10, total=20, per_host=1)) as poster:
        for number in range(3):
            task = asyncio.create_task(poster.post(peer.url(), {}, b"[]"))
            while len(peer.lines) <= number:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


# Names


async def test_a_name_server_that_hangs_holds_up_its_own_names_only():
    answered = threading.Event()
    asked: list[str] = []

    def look_up(name: str) -> list[str]:
        asked.append(name)
        if name == "slow.example":
            answered.wait(30)
        return ["127.0.0.1"]

    async with scripted(answering) as peer, Poster(HOME, Limits(connect=0.4, total=20), look_up=look_up) as poster:
        slow = [asyncio.create_task(poster.post(peer.url(host="slow.example"), {}, b"[]")) for _ in range(9)]
        quick = await poster.post(peer.url(host="quick.example"), {}, b"[]")
        assert quick.status == 200
        replies = await asyncio.gather(*slow)
        assert {reply.error_kind for reply in replies} == {"dns"}
        assert replies[0].error == "the name slow.example was not found within the limit of 0.4 s"
        assert asked.count("slow.example") == 1
        answered.set()
        while not any(reply.status == 200 for reply in replies):  # the name is asked for again, once it is answered
            replies = [await poster.post(peer.url(host="slow.example"), {}, b"[]")]


async def test_a_name_that_is_not_there_is_told():
    async with Poster(HOME) as poster:
        reply = await poster.post("https://no-such-host.invalid/", {}, b"[]")
    assert reply.error_kind == "dns"
    assert reply.error
    assert "no-such-host.invalid" in reply.error
    assert judge(reply).meaning == "endpoint_fault"


async def test_a_look_up_may_fail_in_any_way():
    def look_up(name: str) -> list[str]:
        raise errors.pop()

    errors = [UnicodeError("label too long"), OSError("no resolver"), RuntimeError("odd")]
    async with Poster(HOME, look_up=look_up) as poster:
        while errors:
            assert (await poster.post("https://good.example/", {}, b"[]")).error_kind == "dns"


async def test_nobody_listens():
    async with scripted(answering) as peer:
        pass
    async with Poster(HOME) as poster:
        reply = await poster.post(peer.url(), {}, b"[]")
    assert (reply.error_kind, reply.error) == ("refused", "the connection was refused")


# TLS


async def test_tls_is_spoken_and_verified(server_tls: ServerTls, client_tls: ssl.SSLContext):
    """The name in the URL is what the certificate must be for, whatever address it led to."""
    async with (
        scripted(answering, server_tls("hooks.example.com")) as peer,
        Poster(HOME, tls=client_tls, look_up=lambda name: ["127.0.0.1"]) as poster,
    ):
        good = await poster.post(peer.url("https", "hooks.example.com"), {}, b"[]")
        dotted = await poster.post(peer.url("https", "hooks.example.com."), {}, b"[]")
        other = await poster.post(peer.url("https", "other.example.com"), {}, b"[]")
    assert (good.status, good.connected_ip) == (200, "127.0.0.1")
    assert dotted.status == 200
    assert other.error_kind == "tls"
    assert other.error
    assert "other.example.com" in other.error


async def test_a_certificate_nobody_trusts(server_tls: ServerTls):
    async with scripted(answering, server_tls()) as peer, Poster(HOME) as poster:
        reply = await poster.post(peer.url("https"), {}, b"[]")
    assert reply.error_kind == "tls"
    assert reply.error
    assert reply.error.startswith("its certificate is not trusted: ")
    assert not peer.requests


async def test_a_peer_that_speaks_no_tls(client_tls: ssl.SSLContext):
    async def script(line: Line) -> None:
        await line.reader.read(1)
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with scripted(script) as peer, Poster(HOME, tls=client_tls) as poster:
        reply = await poster.post(peer.url("https"), {}, b"[]")
    assert reply.error_kind == "tls"
    assert reply.error
    assert reply.error.startswith("TLS failed: ")


async def test_tls_that_never_comes_is_within_the_limit_of_a_connection(client_tls: ssl.SSLContext):
    async with scripted(silent) as peer, Poster(HOME, Limits(connect=0.4, total=20), tls=client_tls) as poster:
        reply = await poster.post(peer.url("https"), {}, b"[]")
    assert (reply.error_kind, reply.error) == ("timeout", "no connection within the limit of 0.4 s")
    assert judge(reply).minimum_delay == 60


async def test_tls_that_breaks_off(client_tls: ssl.SSLContext):
    async def script(line: Line) -> None:
        await line.reader.read(1)
        line.reset()

    async with scripted(script) as peer, Poster(HOME, LONG, tls=client_tls) as poster:
        reply = await poster.post(peer.url("https"), {}, b"[]")
    assert reply.error_kind == "reset"


# With a server that many have


async def test_it_gets_along_with_a_whole_server():
    seen: list[tuple[str | None, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.headers.get("webhook-id"), await request.read()))
        return web.json_response({"ok": True}, status=202)

    application = web.Application()
    application.router.add_post("/hook", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with Poster(HOME) as poster:
        replies = await asyncio.gather(*(poster.post(url, {"webhook-id": f"m{n}"}, b"%d" % n) for n in range(50)))
    await runner.cleanup()
    assert {(reply.status, reply.answer_head) for reply in replies} == {(202, '{"ok": true}')}
    assert sorted(seen) == sorted((f"m{n}", b"%d" % n) for n in range(50))


async def test_a_peer_on_this_link_is_told_without_its_interface():
    """PostgreSQL's inet has no room for it, and a result that cannot be stored means a second request."""
    transport = asyncio.Transport({"peername": ("fe80::1%eth0", 443, 0, 2)})
    line = ClientLine(asyncio.get_running_loop(), 1)
    line.connection_made(transport)
    assert line.peer == "fe80::1"
