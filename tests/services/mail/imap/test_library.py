"""What aioimaplib does where we do something else: when one of these fails, a replacement of ours may go.

Each has its counterpart, a test of ours that fails with the library's own protocol: named in the docstring.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioimaplib
import pytest

from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken
from jobrunner.services.mail.imap.protocol import SELECTED, ImapProtocol
from tests.services.mail.imap.conftest import QUICK
from tests.services.mail.imap.scripted_server import CLOSE, ScriptedServer

WAIT = 0.3
"""Seconds after which something that does not happen is taken not to happen."""


@asynccontextmanager
async def library(
    script: Any = None, capabilities: str = "IMAP4rev1 IDLE AUTH=XOAUTH2"
) -> AsyncIterator[tuple[ScriptedServer, aioimaplib.IMAP4]]:
    """The library's own client at a scripted server, in no state yet."""
    async with ScriptedServer(script or {}, capabilities=capabilities) as server:
        client = aioimaplib.IMAP4("127.0.0.1", server.port, timeout=5)
        await client.wait_hello_from_server()
        try:
            yield server, client
        finally:
            client.protocol.transport.abort()
            for task in [*client.tasks, *client.protocol.tasks]:
                task.cancel()
                await asyncio.wait([task])


async def hangs(call: Any) -> bool:
    """Whether it does not come to an end."""
    task = asyncio.ensure_future(call)
    _, waiting = await asyncio.wait([task], timeout=WAIT)
    task.cancel()
    await asyncio.wait([task])
    return bool(waiting)


class NoTransport(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def test_many_short_lines_in_one_read():
    """H23: the receiver calls itself for each line. Ours: here below, and `test_receiving`."""
    lines = b"* 1 EXISTS\r\n" * 1500
    protocol = aioimaplib.IMAP4ClientProtocol(asyncio.get_running_loop())
    protocol.connection_made(NoTransport())
    protocol.state = SELECTED
    with pytest.raises(RecursionError):
        protocol.data_received(lines)

    ours = ImapProtocol(QUICK)
    ours.connection_made(NoTransport())
    ours.data_received(b"* OK ready\r\n")
    ours.state = SELECTED
    exchange = Exchange("NOOP", ours.new_tag(), wanted=(b"EXISTS",))
    ours.begin(exchange)
    ours.data_received(lines + f"{exchange.tag} OK done\r\n".encode())
    await ours.finish(exchange)
    assert len(exchange.answers) == 1500


async def test_a_line_and_a_literal_without_end():
    """H23: kept whole, whatever they grow to. Ours: `test_a_connection_that_breaks_at_any_step`."""
    protocol = aioimaplib.IMAP4ClientProtocol(asyncio.get_running_loop())
    protocol.connection_made(NoTransport())
    protocol.state = SELECTED
    for _ in range(20):
        protocol.data_received(b"x" * 1024 * 1024)
    assert len(protocol.incomplete_line) == 20 * 1024 * 1024

    ours = ImapProtocol(QUICK)
    ours.connection_made(transport := NoTransport())
    ours.data_received(b"* OK ready\r\n")
    ours.data_received(b"* 1 FETCH (BODY[] {1000000000000}\r\n")
    assert transport.aborted
    with pytest.raises(LineBroken) as caught:
        ours.write(b"x")
    assert caught.value.fault is Fault.FLOOD


async def test_a_connection_closed_in_a_command():
    """F51: nobody is told. Ours: `test_a_connection_that_breaks_at_any_step`."""
    async with library({"NOOP": CLOSE}) as (_, client):
        assert await hangs(client.protocol.simple_command("NOOP"))


async def test_goodbye_in_answer_to_idle():
    """F51 (aioimaplib's issue 110). Ours: `test_idle_that_is_not_begun`."""
    async with library({"IDLE": "* BYE no idling"}) as (_, client):
        await client.login("ann", "x")
        await client.select()
        assert await hangs(client.idle_start())


async def test_a_connection_closed_under_idle():
    """F51. Ours: `test_idle_that_ends_in_the_middle`, `test_a_line_cut_under_idle`."""

    async def close(server: ScriptedServer, step: str, writer: asyncio.StreamWriter) -> None:
        if step == "IDLE":
            writer.close()

    async with library() as (server, client):
        server.then = close
        await client.login("ann", "x")
        await client.select()
        await client.idle_start()
        await server.until("CLOSED") if server.open == 0 else None
        assert await hangs(client.protocol.idle_queue.get())


async def test_xoauth2_that_is_refused_with_a_challenge():
    """The challenge is never answered. Ours: `test_a_token_is_refused_with_a_challenge_and_a_new_one_is_tried_once`."""
    async with library({"AUTHENTICATE": ["+ e30=", "TAG NO no"]}) as (_, client):
        assert await hangs(client.protocol.xoauth2("ann", "token"))


async def test_a_token_in_the_log(caplog: pytest.LogCaptureFixture):
    """H21: what is kept out of the log is the token, while its base64 is what goes over the wire.

    Ours: `test_no_secret_in_any_log`.
    """
    async with library() as (_, client):
        with caplog.at_level(logging.DEBUG):
            await client.xoauth2("ann", "canary")
    assert b64encode(b"user=ann\1auth=Bearer canary\1\1").decode() in caplog.text


async def test_names_of_folders():
    """`* ` is taken away wherever it stands. Ours: `test_names_that_the_library_would_change`."""
    async with library({"LIST": '* LIST () "/" "a * b"\r\nTAG OK'}) as (_, client):
        await client.login("ann", "x")
        response = await client.list('""', "*")
        assert response.lines[0] == b'() "/" "a b"'


async def test_commands_as_they_are_sent():
    """The user's name and a folder's without quotes; a character set with each search.

    Ours: `test_login_as_a_mechanism_and_as_a_command`, `test_folders_with_any_name`,
    `test_deleting_names_its_messages`.
    """
    async with library() as (server, client):
        await client.login("ann smith", "x")
        await client.select("My Box")
        await client.uid_search("ALL")
        assert server.commands[-3:] == ['LOGIN ann smith "x"', "SELECT My Box", "UID SEARCH CHARSET utf-8 ALL"]


async def test_a_folder_opened_read_only():
    """It is not known to be open. Ours: `test_what_opening_tells`."""
    async with library() as (_, client):
        await client.login("ann", "x")
        assert (await client.examine()).result == "OK"
        with pytest.raises(aioimaplib.Abort, match="illegal in state AUTH"):
            await client.uid("fetch", "1", "(UID)")


async def test_parentheses_in_strings():
    """They are counted, and the lines that follow taken for part of the answer.

    Ours: `test_parentheses_and_escapes_in_strings`.
    """
    answer = '* 1 FETCH (UID 1 ENVELOPE ("a ( b"))\r\n* 2 FETCH (UID 2)\r\n* 3 EXISTS\r\nTAG OK'
    async with library({"FETCH": answer}) as (_, client):
        await client.login("ann", "x")
        await client.select()
        response = await client.uid("fetch", "1:2", "(ENVELOPE)")
        assert b"* 2 FETCH (UID 2)" in response.lines


def test_what_the_library_does_not_have():
    """STARTTLS, AUTHENTICATE by anything but XOAUTH2. Ours: `test_every_way_to_connect_and_log_in`."""
    assert not hasattr(aioimaplib.IMAP4, "starttls")
    assert not hasattr(aioimaplib.IMAP4, "authenticate")
