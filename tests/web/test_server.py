"""The server: its port, its limits, its end."""

import asyncio
import contextlib
import socket
import time

import httpx
import pytest
from starlette.applications import Starlette

from jobrunner.config import load
from jobrunner.config.model import Http
from jobrunner.errors import ConfigurationError
from jobrunner.web import protocol, server
from jobrunner.web.health import health_routes
from jobrunner.web.limits import BODY_LIMIT
from jobrunner.web.server import HttpServer
from tests.web.conftest import Site


def health(required: bool = True, port: int = 0) -> HttpServer:
    return HttpServer(Starlette(routes=health_routes(list)), Http(port=port), required=required)


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other


async def raw(port: int, request: bytes, limit: float = 20.0) -> bytes:
    """Send bytes, and return all that comes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(limit):
            try:
                writer.write(request)
                await writer.drain()
                return await reader.read()
            except ConnectionError:
                return b"" if reader.at_eof() else await reader.read()
    finally:
        writer.close()


async def test_a_port_that_was_asked_for_and_is_in_use_is_one_sentence(taken: socket.socket):
    port = taken.getsockname()[1]

    with pytest.raises(ConfigurationError, match=f"^port {port} of 127.0.0.1 is in use: set JOBRUNNER_HTTP__PORT to"):
        await health(port=port).start()


async def test_the_default_port_in_use_is_a_warning_and_taken_when_it_is_free(
    taken: socket.socket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "RETRY", 0.01)
    port = taken.getsockname()[1]
    async with health(required=False, port=port) as running:
        assert running.port is None
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        taken.close()
        async with asyncio.timeout(20):
            while running.port is None:
                await asyncio.sleep(0.01)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize("host", ["no such host.invalid", "203.0.113.1"])
async def test_a_host_that_is_none_of_ours_is_one_sentence(host: str):
    with pytest.raises(ConfigurationError, match="JOBRUNNER_HTTP__HOST names no address of this machine"):
        await HttpServer(Starlette(), Http(host=host, port=0), required=True).start()


async def test_what_breaks_while_the_port_is_waited_for_does_not_go_unseen(
    taken: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "RETRY", 0.01)
    async with health(required=False, port=taken.getsockname()[1]) as running:

        async def broken() -> socket.socket:
            raise OSError("too many open files")

        monkeypatch.setattr(running, "_bind", broken)
        async with asyncio.timeout(10):
            assert str(await running.failed()) == "too many open files"


async def test_it_can_be_started_again_on_the_same_port():
    first = health()
    await first.start()
    port = first.port
    assert port is not None
    await first.stop()
    await first.stop()
    async with health(port=port) as second:
        assert second.port == port


async def test_start_and_stop_in_any_order_leave_nothing():
    for pauses in range(12):
        service = health()
        starting = asyncio.create_task(service.start())
        for _ in range(pauses):
            await asyncio.sleep(0)
        await service.stop()
        await asyncio.wait([starting])
        await service.stop()  # the start may have begun only then


async def test_a_client_that_does_not_go_holds_up_no_stop(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "GRACE", 1)
    service = health()
    await service.start()
    assert service.port is not None
    silent = await asyncio.open_connection("127.0.0.1", service.port)
    half = await asyncio.open_connection("127.0.0.1", service.port)
    half[1].write(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    kept = httpx.AsyncClient()
    await kept.get(f"http://127.0.0.1:{service.port}/healthz")

    began = time.monotonic()
    await service.stop()
    assert time.monotonic() - began < 6
    await kept.aclose()
    for _, writer in (silent, half):
        writer.close()


async def test_signals_stay_the_daemons():
    import signal

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with health():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_large_body_is_refused_before_it_is_read(site: Site):
    """H20: 100 MB announced: 413 at once."""
    head = b"POST /unsubscribe/x HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n"
    began = time.monotonic()
    assert (await raw(site.port, head)).startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < 5


async def test_a_body_that_does_not_say_how_large_it_is_is_refused_when_it_grows(site: Site):
    """H20."""
    head = b"POST /unsubscribe/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = await raw(site.port, head + chunk * (BODY_LIMIT // 0x4000 + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_come_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch):
    """H20."""
    monkeypatch.setattr("jobrunner.web.limits.BODY_TIME_LIMIT", 0.2)
    head = b"POST /unsubscribe/x HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-Unsub"
    assert (await raw(site.port, head)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "begun", [b"", b"GET /healthz HTTP/1.1\r\nHos", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /h"]
)
async def test_headers_that_do_not_come_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch, begun: bytes):
    """H20: also those of a second request on the same connection."""
    monkeypatch.setattr(protocol, "HEADER_LIMIT", 0.3)
    answer = await raw(site.port, begun)
    assert b"HTTP/1.1 408 " in answer
    assert answer.startswith(b"HTTP/1.1 200 ") == (b"\r\n\r\n" in begun)


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 5_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX\x00: 1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_request_is_refused_quickly(site: Site, request_text: bytes):
    """H20."""
    began = time.monotonic()
    assert (await raw(site.port, request_text)).startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("pieces", [1, 40])
@pytest.mark.parametrize(
    "form", [b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n"]
)
async def test_long_headers_are_refused(site: Site, form: bytes, pieces: int):
    """H20."""
    request = form % (b"x" * 20_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    answer = asyncio.create_task(reader.readline())
    with contextlib.suppress(ConnectionError):  # it does not wait for the end
        for n in range(pieces):
            writer.write(request[n * len(request) // pieces : (n + 1) * len(request) // pieces])
            await writer.drain()
            await asyncio.wait([answer], timeout=0.001)
    async with asyncio.timeout(20):
        assert (await answer).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    writer.close()


async def test_it_still_serves_after_all_that(site: Site):
    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(raw(site.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert (await site.client.get(f"http://127.0.0.1:{site.port}/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/nothing", "/unsubscribe", "/unsubscribe/", "/static/../../etc/passwd", "/%00"])
async def test_what_is_not_there_is_not_found(site: Site, path: str):
    answer = await site.client.get(f"http://127.0.0.1:{site.port}{path}")
    assert answer.status_code == 404
    assert "leads nowhere" in answer.text


async def test_ready_says_what_is_not(site: Site):
    assert (await site.client.get(f"http://127.0.0.1:{site.port}/readyz")).json() == {
        "status": "ready",
        "troubles": [],
    }
    broken = HttpServer(Starlette(routes=health_routes(lambda: ["sweep"])), Http(port=0), required=True)
    async with broken:
        answer = await site.client.get(f"http://127.0.0.1:{broken.port}/readyz")
        assert (answer.status_code, answer.json()["troubles"]) == (503, ["sweep"])


@pytest.mark.parametrize("proxies", [["10.0.0.0/33"], ["proxy.example"], ["*"], ["10.0.0.1/8"]])
def test_proxies_are_addresses(proxies: list[str]):
    with pytest.raises(ConfigurationError, match="JOBRUNNER_HTTP__TRUSTED_PROXIES must list IP addresses or networks"):
        load(http={"trusted_proxies": proxies})
