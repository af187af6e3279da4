"""The guard where it counts: nothing reaches a listener here, whatever the URL, the resolver or a peer does."""

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import AddressRefused, Guard
from jobrunner.services.webhooks.answers import judge
from jobrunner.services.webhooks.http.poster import Limits, Poster
from jobrunner.services.webhooks.http.reply import Reply
from jobrunner.services.webhooks.http.url import check_url
from tests.services.webhooks.http.listener import OK_AND_CLOSED, Listener, Unguarded

QUICK = Limits(connect=5, total=10)

REACHING = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127.0.0.2",
]
"""Hosts by which an unguarded client comes to this machine."""
OTHERS = [
    "2130706433",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "0x7f.1",
    "0",
    "127.0.0.1.",
    "user@127.0.0.1",
    "user:password@127.0.0.1",
    "example.com@127.0.0.1",
    "good:p@127.0.0.1",
    "[::]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[fe80::1%25lo]",
    "[::1%25lo]",
    "x.localhost",
    "localhost.localdomain",
    "metadata.google.internal",
    "169.254.169.254",
    "100.100.100.200",
    "224.0.0.1",
    "[ff02::1]",
    "127.0.0.1%00.example.com",
    "127.0.0.1\\@example.com",
    "127.0.0.1\t",
    "127.0.0.1 .example.com",
    "127.0.0.1%2eexample.com",
]


def to(host: str, listener: Listener) -> str:
    return f"http://{host}:{listener.port}/hook"


async def post(
    url: str, *, guard: Guard | None = None, addresses: dict[str, Sequence[str]] | None = None, body: bytes = b"[]"
) -> Reply:
    options = {} if addresses is None else {"look_up": lambda name: addresses[name]}
    async with Poster(guard or Guard(), QUICK, **options) as poster:
        return await poster.post(url, {"webhook-id": "msg_1"}, body)


def check_refused(reply: Reply) -> None:
    assert reply.error_kind == "guard"
    assert reply.status is None
    assert reply.connected_ip is None
    assert reply.error
    assert "\n" not in reply.error
    assert "password" not in reply.error.replace("no password", "")
    verdict = judge(reply)
    assert verdict.meaning == "guard"
    assert verdict.reason == reply.error


# Spellings


@pytest.mark.parametrize("host", REACHING)
async def test_without_a_guard_it_is_reached(host: str, listener: Listener):
    """So that the tests below could fail."""
    try:
        reply = await post(to(host, listener), guard=Unguarded())
    except InvalidInput:
        reply = None
    assert reply is not None
    assert reply.status == 200
    assert await listener.connections() == 1


@pytest.mark.parametrize("host", REACHING + OTHERS)
async def test_a_spelling_of_this_machine_is_refused(host: str, listener: Listener):
    """H12, H13: no octet at the listener, neither for a kept URL nor for one that is being entered."""
    check_refused(await post(to(host, listener)))
    with pytest.raises(InvalidInput):
        check_url(to(host, listener), Guard(), https_only=False)
    assert await listener.connections() == 0


@pytest.mark.parametrize("host", REACHING)
async def test_the_socket_refuses_what_the_look_at_the_name_let_through(host: str, listener: Listener):
    """H12: the last word is had where the address is known."""

    class NamesUnchecked(Guard):
        def check_name(self, host: str, port: int) -> None:
            pass

    reply = await post(to(host, listener), guard=NamesUnchecked())
    check_refused(reply)
    assert await listener.connections() == 0


async def test_a_host_behind_the_fragment_is_no_host(listener: Listener):
    """H13."""
    check_refused(await post(f"http://127.0.0.1:{listener.port}#@example.com/"))
    assert await listener.connections() == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "//127.0.0.1/", "x"])
async def test_another_scheme_is_refused(url: str):
    """H13: and no list overrides that."""
    check_refused(await post(url, guard=Guard(["127.0.0.0/8", "127.0.0.1:21", "127.0.0.1:70"])))


@pytest.mark.parametrize("port", [22, 25, 53, 110, 1023])
async def test_another_port_is_refused(port: int):
    """H13."""
    check_refused(await post(f"http://127.0.0.1:{port}/", guard=Guard(["127.0.0.0/8"])))
    check_refused(await post(f"http://good.example:{port}/", guard=Guard(["127.0.0.0/8"]), addresses={}))


# Names


PUBLIC = "8.8.8.8"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "fe80::1%1", "10.0.0.1"],
)
async def test_a_name_that_leads_here_is_refused(address: str, listener: Listener):
    """H13: also by way of an alias, which the resolver has followed by then."""
    reply = await post(to("good.example", listener), addresses={"good.example": [address]})
    check_refused(reply)
    assert reply.error is not None
    assert "good.example leads to" in reply.error
    assert await listener.connections() == 0


async def test_of_mixed_addresses_the_denied_ones_are_skipped(listener: Listener):
    """H13: 127.0.0.2 plays the public address."""
    guard = Guard(["127.0.0.2:" + str(listener.port)])
    mixed = ["127.0.0.1", "::1", "10.0.0.1", "127.0.0.2"]
    for addresses in (mixed, mixed[::-1]):
        reply = await post(to("good.example", listener), guard=guard, addresses={"good.example": addresses})
        assert reply.status == 200
        assert reply.connected_ip == "127.0.0.2"


async def test_a_name_with_only_denied_addresses_names_the_rule(listener: Listener):
    """H13."""
    reply = await post(to("good.example", listener), addresses={"good.example": ["127.0.0.1", "::1", "10.0.0.1"]})
    check_refused(reply)
    assert reply.error == "good.example leads to 127.0.0.1, which is loopback (127.0.0.0/8)"


async def test_an_answer_that_changes_is_judged_at_each_connection(listener: Listener):
    """H13: rebinding. The URL was good when it was entered and when it was sent to for the first time."""
    listener.answer = OK_AND_CLOSED
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2"]])
    guard = Guard(["127.0.0.2:" + str(listener.port)])
    url = check_url(to("good.example", listener), guard, https_only=False)
    async with Poster(guard, QUICK, look_up=lambda name: next(answers)) as poster:
        first, second, third = [await poster.post(url, {}, b"[]") for _ in range(3)]
    assert (first.status, first.connected_ip) == (200, "127.0.0.2")
    check_refused(second)
    assert third.status == 200
    assert await listener.connections() == 2


async def test_an_address_that_changes_after_the_look_is_refused_at_the_socket(listener: Listener):
    """H13: the resolver sifts, the factory of sockets decides."""
    looks = 0

    class Changing(Guard):
        def check_address(self, host: str, ip: IPv4Address | IPv6Address, port: int) -> None:
            nonlocal looks
            looks += 1
            if looks > 2:  # one for each address, when the name was found
                raise AddressRefused(f"{ip} is no longer permitted")

    reply = await post(
        to("good.example", listener), guard=Changing(), addresses={"good.example": ["127.0.0.1", "127.0.0.2"]}
    )
    check_refused(reply)
    assert looks > 2
    assert await listener.connections() == 0


@pytest.mark.parametrize("answer", [[], ["no address"], ["127.0.0.1.example"]])
async def test_a_name_without_addresses_is_not_found(answer: list[str], listener: Listener):
    reply = await post(to("good.example", listener), addresses={"good.example": answer})
    assert (reply.error_kind, reply.status) == ("dns", None)
    assert judge(reply).meaning == "endpoint_fault"


# Proxies and redirects


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
async def test_the_environment_names_no_proxy(variable: str, listener: Listener, monkeypatch: pytest.MonkeyPatch):
    """H13: a proxy here would be connected to instead of the address that was judged."""
    monkeypatch.setenv(variable, f"http://127.0.0.1:{listener.port}")
    guard = Guard(["127.0.0.3:80"])
    await post("http://good.example/", guard=guard, addresses={"good.example": ["127.0.0.3"]})
    assert await listener.connections() == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "where", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "/elsewhere", "file:///etc/passwd"]
)
async def test_a_redirect_is_not_followed(status: int, where: str, listener: Listener):
    """H13."""
    requests = 0

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await reader.readuntil(b"\r\n\r\n")
        location = where.format(port=listener.port)
        writer.write(f"HTTP/1.1 {status} Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reply = await post(f"http://127.0.0.1:{port}/", guard=Guard([f"127.0.0.1:{port}"]), body=b"")
    assert (reply.status, requests) == (status, 1)
    verdict = judge(reply)
    assert verdict.meaning == "endpoint_fault"
    assert reply.location == where.format(port=listener.port)
    assert "redirect" in verdict.reason
    assert await listener.connections() == 0


# What is allowed


async def test_an_allowed_host_is_reached(listener: Listener):
    for entry, host in (
        (f"localhost:{listener.port}", "localhost"),
        (f"127.0.0.1:{listener.port}", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1"),
        (f"[::1]:{listener.port}", "[::1]"),
        (f"intranet:{listener.port}", "intranet"),
    ):
        reply = await post(
            to(host, listener), guard=Guard([entry]), addresses={"intranet": ["127.0.0.1"], "localhost": ["127.0.0.1"]}
        )
        assert reply.status == 200, entry
        assert reply.answer_head == "ok"
    assert await listener.connections() == 5
