"""Every step of a dialogue, every fault: one row each, with and without PIPELINING."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.services.mail.address import Address, parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase, Session
from jobrunner.services.mail.smtp import session as session_module
from tests.services.mail.smtp.scripted_server import CLOSE, SILENT, Action, Late, ScriptedServer

MESSAGE = b"Subject: hello\r\n\r\nHello\r\n"
PASSWORD = "canary-5ecret"
SHORT = 0.2
"""Seconds of a limit that is meant to run out."""
LONG = 30.0
"""Seconds of all others: however busy the machine is, they do not."""

OPENING = {"GREETING": Phase.CONNECT, "EHLO": Phase.HELLO, "STARTTLS": Phase.TLS, "AUTH": Phase.LOGIN}
MESSAGE_STEPS = {"MAIL": Phase.MAIL, "RCPT": Phase.RCPT, "DATA": Phase.DATA, "DOT": Phase.DOT}
STEPS = OPENING | MESSAGE_STEPS

GARBLED = b"\xff\xfe\x00nonsense\r\n"
FAULTS = {
    "silent": SILENT,
    "garbled": GARBLED,
    "not a code": b"999 what\r\n",
    "endless line": b"2" * 100_000,
    "half a reply": b"250-and",
    "closed": CLOSE,
    "half a reply, closed": "half",
    "421": "421 4.3.2 going down",
}

WAITED_FOR = ("silent", "half a reply")
"""Those of the faults that end by a limit."""


def short_limit(step: str, fault: str = "silent") -> dict[str, float]:
    """The limit of a step, if that is what ends it."""
    name = {"GREETING": "connect_limit", "DOT": "data_limit"}.get(step, "command_limit")
    return {name: SHORT} if fault in WAITED_FOR else {}


pipelining = pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "PIPELINING"])

Pair = Callable[..., Any]


def envelope(recipient: str = "ann@example.org", **options: str) -> Envelope:
    return Envelope(parse_address("system@example.com"), parse_address(recipient), **options)


class Halving(ScriptedServer):
    """Knows one more action: half a reply, and the line is closed."""

    async def _answer(self, writer: asyncio.StreamWriter, action: Action) -> bool:
        if action == "half":
            await super()._answer(writer, b"250-and")
            return False
        return await super()._answer(writer, action)


@pytest.fixture
def pair(server_tls: Callable[..., ssl.SSLContext], client_tls: ssl.SSLContext) -> Pair:
    """A server with all that there is to be gone through, and a session with it."""

    @asynccontextmanager
    async def make(script: dict[str, Any], **options: Any) -> AsyncIterator[tuple[ScriptedServer, Session]]:
        limits = {"connect_limit": LONG, "command_limit": LONG, "data_limit": LONG} | options.pop("limits", {})
        async with Halving(script, starttls=server_tls(), auth="PLAIN", **options) as server:
            account = Account(
                "127.0.0.1",
                server.port,
                username="system",
                password=SecretStr(PASSWORD),
                local_hostname="app.example.com",
                tls_context=client_tls,
                **limits,
            )
            session = Session(account)
            try:
                yield server, session
            finally:
                await session.close()

    return make


def recipients(server: ScriptedServer) -> list[str]:
    return [recipient.strip("<>") for message in server.messages for recipient in message.recipients]


@pipelining
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
async def test_a_fault_ends_one_message_and_the_next_one_is_right(step: str, fault: str, pipelining: bool, pair: Pair):
    """F50, F49."""
    limits = short_limit(step, fault)
    async with pair({step: [FAULTS[fault]]}, pipelining=pipelining, limits=limits) as (server, session):
        first = await session.send(MESSAGE, envelope())
        assert not session.connected
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    if fault == "421":
        assert (first.outcome, first.code, first.phase) == (Outcome.RATE, 421, STEPS[step])
    else:
        assert first.outcome is (Outcome.UNKNOWN if step == "DOT" else Outcome.CONNECTION)
        assert first.code is None
        assert first.phase is STEPS[step]
    assert first.text.isprintable()
    assert PASSWORD not in first.text
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 2
    stored = ["ann@example.org"] if step == "DOT" else []
    assert recipients(server) == [*stored, "bob@example.org"]


@pipelining
@pytest.mark.parametrize("step", STEPS)
async def test_a_limit_that_ran_out_is_named(step: str, pipelining: bool, pair: Pair):
    """F50."""
    limits = short_limit(step)
    async with pair({step: [SILENT]}, pipelining=pipelining, limits=limits) as (server, session):
        result = await session.send(MESSAGE, envelope())

    place = f"the mail server 127.0.0.1:{server.port}"
    assert str(result) == f"{place} gave no answer to {STEPS[step].value} within the limit of 0.2 s"


LATE = {
    "GREETING": "220 late",
    "EHLO": "250 late",
    "STARTTLS": "220 late",
    "AUTH": "235 late",
    "MAIL": "250 late",
    "RCPT": "250 late",
    "DATA": "354 late",
    "DOT": "250 late",
}


@pipelining
@pytest.mark.parametrize("step", STEPS)
async def test_an_answer_that_comes_after_its_limit_meets_nobody(step: str, pipelining: bool, pair: Pair):
    """F50: else each later reply would be taken for that of the command before."""

    def refuse_cyd(command: str) -> Action | None:
        return "550 5.1.1 no such user" if "cyd" in command else None

    script: dict[str, Any] = {"RCPT": refuse_cyd, step: [Late(LATE[step], 2)]}
    if step == "RCPT":
        script[step] = [Late(LATE[step], 2), "550 5.1.1 no such user", None]
    limits = short_limit(step)
    async with pair(script, pipelining=pipelining, limits=limits) as (server, session):
        results = [await session.send(MESSAGE, envelope(f"{name}@example.org")) for name in ("ann", "cyd", "dan")]

    assert [result.outcome for result in results] == [
        Outcome.UNKNOWN if step == "DOT" else Outcome.CONNECTION,
        Outcome.BAD_ADDRESS,
        Outcome.ACCEPTED,
    ]
    assert server.connections == 2
    assert recipients(server)[-1] == "dan@example.org"
    assert "cyd@example.org" not in recipients(server)


@pipelining
@pytest.mark.parametrize("fault", [*FAULTS, "refused"])
async def test_rset_that_goes_wrong_costs_a_connection_and_no_message(fault: str, pipelining: bool, pair: Pair):
    """F50."""
    script = {"RCPT": ["550 5.1.1 no such user"], "RSET": [FAULTS.get(fault, "503 5.5.1 no")]}
    async with pair(script, pipelining=pipelining, limits=short_limit("RSET", fault)) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert [first.outcome, second.outcome] == [Outcome.BAD_ADDRESS, Outcome.ACCEPTED]
    assert server.connections == 2
    assert recipients(server) == ["bob@example.org"]


@pipelining
@pytest.mark.parametrize("fault", FAULTS)
async def test_quit_that_goes_wrong_is_over_soon(
    fault: str, pipelining: bool, pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    """F50."""
    monkeypatch.setattr(session_module, "QUIT_LIMIT", SHORT)
    async with pair({"QUIT": [FAULTS[fault]]}, pipelining=pipelining) as (server, session):
        assert (await session.send(MESSAGE, envelope())).outcome is Outcome.ACCEPTED
        async with asyncio.timeout(5):
            await session.close()
        assert not session.connected
        assert (await session.send(MESSAGE, envelope())).outcome is Outcome.ACCEPTED

    assert server.commands.count("QUIT") == 2


@pipelining
@pytest.mark.parametrize("step", STEPS | {"RSET": Phase.RESET})
async def test_a_cancelled_send_leaves_no_line_and_the_next_message_is_right(step: str, pipelining: bool, pair: Pair):
    """F49, F50."""
    script: dict[str, Any] = {step: [SILENT]}
    if step == "RSET":
        script["RCPT"] = ["550 5.1.1 no such user"]
    async with pair(script, pipelining=pipelining) as (server, session):
        if step == "RSET":
            await session.send(MESSAGE, envelope())
        task = asyncio.create_task(session.send(MESSAGE, envelope("cyd@example.org")))
        await server.until(step)
        for _ in range(20):  # replies to the commands before it may still be on their way
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.phase is (STEPS | {"RSET": Phase.RESET})[step]
        assert not session.connected
        last = await session.send(MESSAGE, envelope("bob@example.org"))

    assert last.outcome is Outcome.ACCEPTED
    assert server.connections == 2
    stored = ["cyd@example.org"] if step == "DOT" else []
    assert recipients(server) == [*stored, "bob@example.org"]


# Refusals, and what a pipeline makes of them


@pipelining
@pytest.mark.parametrize("step", MESSAGE_STEPS)
async def test_a_refusal_keeps_the_line(step: str, pipelining: bool, pair: Pair):
    async with pair({step: ["554 5.7.1 no"]}, pipelining=pipelining) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert first.outcome is (Outcome.SENDER_REFUSED if step == "MAIL" else Outcome.REFUSED)
    assert str(first) == f"554 5.7.1 no (answer to {STEPS[step].value})"
    # A server that takes the recipient of a sender it refused, and the message, is left without a word.
    left = pipelining and step == "MAIL"
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == (2 if left else 1)
    assert recipients(server)[-1] == "bob@example.org"


async def test_a_pipeline_is_one_write():
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while piece := await reader.read(65536):
            received.append(piece)
            if piece.startswith(b"EHLO"):
                writer.write(b"250-hello\r\n250 PIPELINING\r\n")
            elif b"DATA" in piece:
                writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
            elif piece.endswith(b"\r\n.\r\n"):
                writer.write(b"250 kept\r\n")
            else:
                writer.write(b"221 bye\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        session = Session(Account("127.0.0.1", server.sockets[0].getsockname()[1], "none"))
        assert (await session.send(MESSAGE, envelope())).text == "kept"
        await session.close()

    assert received[1:] == [
        b"MAIL FROM:<system@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n",
        MESSAGE + b".\r\n",
        b"QUIT\r\n",
    ]


async def test_a_refused_recipient_whose_data_is_welcome_gets_nothing(pair: Pair):
    """RFC 2920: an empty message ends it, and it is no success whatever the answer to that is."""
    async with pair({"RCPT": ["550 5.1.1 no such user"]}, pipelining=True, lenient=True) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert first.outcome is Outcome.BAD_ADDRESS
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 1
    assert [(message.recipients, message.data) for message in server.messages] == [
        ([], b""),
        (["<bob@example.org>"], MESSAGE),
    ]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_refusal_stands_whatever_becomes_of_the_empty_message(fault: str, pair: Pair):
    script = {"RCPT": ["550 5.1.1 no such user"], "DOT": [FAULTS[fault]]}
    limits = short_limit("the empty message", fault)
    async with pair(script, pipelining=True, lenient=True, limits=limits) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert (first.outcome, first.phase) == (Outcome.BAD_ADDRESS, Phase.RCPT)
    assert second.outcome is Outcome.ACCEPTED
    assert recipients(server) == ["bob@example.org"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_refusal_stands_where_the_line_ends_behind_it(fault: str, pair: Pair):
    script = {"RCPT": ["550 5.1.1 no such user"], "DATA": [FAULTS[fault]]}
    async with pair(script, pipelining=True, limits=short_limit("DATA", fault)) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert (first.outcome, first.phase) == (Outcome.BAD_ADDRESS, Phase.RCPT)
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 2


async def test_a_recipient_that_is_taken_after_its_sender_was_refused_gets_no_empty_mail(pair: Pair):
    async with pair({"MAIL": ["550 5.1.8 no"]}, pipelining=True, lenient=True) as (server, session):
        first = await session.send(MESSAGE, envelope())

    assert first.outcome is Outcome.SENDER_REFUSED
    assert server.messages == []


@pipelining
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_two_answers_to_one_command_never_count_as_that_to_the_message(step: str, pipelining: bool, pair: Pair):
    """F50: else a message would pass for accepted before it was sent."""
    doubled = b"354 go\r\n250 kept\r\n" if step == "DATA" else b"250 ok\r\n250 ok\r\n"
    async with pair({step: [doubled]}, pipelining=pipelining) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert first.outcome is Outcome.CONNECTION
    assert second.outcome is Outcome.ACCEPTED
    assert recipients(server) == ["bob@example.org"]


@pipelining
@pytest.mark.parametrize(
    "farewell", [b"250 kept\r\n421 4.4.2 idle\r\n", b"250 kept\r\n250 twice\r\n", b"250 kept\r\nx"]
)
async def test_what_comes_unasked_behind_the_last_answer_ends_the_line(farewell: bytes, pipelining: bool, pair: Pair):
    """F50: an early farewell is seen before the next message is risked on that line."""
    async with pair({"DOT": [farewell]}, pipelining=pipelining) as (server, session):
        first = await session.send(MESSAGE, envelope())
        assert not session.connected
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert (first.outcome, first.text) == (Outcome.ACCEPTED, "kept")
    assert second.outcome is Outcome.ACCEPTED
    assert server.connections == 2


@pipelining
async def test_stored_and_then_closed_is_an_unknown_outcome(pipelining: bool, pair: Pair):
    """F49."""
    async with pair({"DOT": [CLOSE]}, pipelining=pipelining) as (server, session):
        result = await session.send(MESSAGE, envelope())

    assert result.outcome is Outcome.UNKNOWN
    assert not result.final
    assert recipients(server) == ["ann@example.org"]


@pipelining
@pytest.mark.parametrize("farewell", ["421 4.4.2 idle too long", CLOSE])
async def test_a_lost_idle_line_is_opened_anew_without_a_word(farewell: Action, pipelining: bool, pair: Pair):
    async with pair({"MAIL": [None, farewell]}, pipelining=pipelining) as (server, session):
        results = [await session.send(MESSAGE, envelope(f"{name}@example.org")) for name in ("ann", "bob")]

    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert server.connections == 2
    assert recipients(server) == ["ann@example.org", "bob@example.org"]


@pipelining
@pytest.mark.parametrize("step", ["RCPT", "DATA", "DOT"])
async def test_no_second_attempt_once_the_server_has_answered(step: str, pipelining: bool, pair: Pair):
    async with pair({step: [None, CLOSE]}, pipelining=pipelining) as (server, session):
        await session.send(MESSAGE, envelope())
        result = await session.send(MESSAGE, envelope("bob@example.org"))

    assert result.outcome is (Outcome.UNKNOWN if step == "DOT" else Outcome.CONNECTION)
    assert server.connections == 1


async def test_two_tasks_may_not_share_a_connection(pair: Pair):
    async with pair({"MAIL": [SILENT]}, limits=short_limit("MAIL")) as (server, session):
        task = asyncio.create_task(session.send(MESSAGE, envelope()))
        await server.until("MAIL")
        with pytest.raises(RuntimeError, match="one task at a time"):
            await session.send(MESSAGE, envelope())
        assert (await task).outcome is Outcome.CONNECTION


async def test_a_connection_is_replaced_after_so_many_messages(pair: Pair):
    async with pair({}) as (server, first):
        session = Session(first.account, messages_per_connection=3)
        for number in range(7):
            assert (await session.send(MESSAGE, envelope(f"u{number}@example.org"))).outcome is Outcome.ACCEPTED
        await session.close()

    assert [message.connection for message in server.messages] == [1, 1, 1, 2, 2, 2, 3]
    assert server.commands.count("QUIT") == 3
    assert session.connections == 3


# Large messages


@pipelining
async def test_a_large_message_is_written_as_it_is_taken(pipelining: bool, pair: Pair):
    message = b"Subject: large\r\n\r\n" + b"".join(b".%072d\r\n" % number for number in range(20_000))
    limits = {"data_limit": 20.0}
    async with pair({}, offers=["SIZE 0"], pipelining=pipelining, limits=limits) as (server, session):
        result = await session.send(message, envelope())

    assert result.outcome is Outcome.ACCEPTED
    assert server.messages[0].data == message.replace(b"\n.", b"\n..")


@pytest.mark.parametrize("words", [b"452 4.3.1 no room\r\n", b"", b"what?\r\n"])
async def test_a_large_message_that_is_broken_off_was_not_taken(words: bytes):
    """F49: before its end is sent it is certain."""
    message = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await reader.readexactly(1_000_000)
        writer.write(words)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        session = Session(Account("127.0.0.1", server.sockets[0].getsockname()[1], "none"))
        result = await session.send(message, envelope())
        assert not session.connected

    assert result.phase is Phase.DATA
    assert result.outcome in (Outcome.CONNECTION, Outcome.DEFERRED)


# Parameters


async def test_notifications_are_asked_for_where_the_server_offers_them(pair: Pair):
    asked = envelope("a+b=c@example.org", envid="qid 7+8", notify="FAILURE,DELAY")
    async with pair({}, offers=["DSN"]) as (server, session):
        assert (await session.send(MESSAGE, asked)).outcome is Outcome.ACCEPTED
        assert (await session.send(MESSAGE, envelope(notify="NEVER"))).outcome is Outcome.ACCEPTED
        assert (await session.send(MESSAGE, envelope())).outcome is Outcome.ACCEPTED
    assert [command for command in server.commands if command[:4] in ("MAIL", "RCPT")] == [
        "MAIL FROM:<system@example.com> RET=HDRS ENVID=qid+207+2B8",
        "RCPT TO:<a+b=c@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@example.org",
        "MAIL FROM:<system@example.com> RET=HDRS",
        "RCPT TO:<ann@example.org> NOTIFY=NEVER ORCPT=rfc822;ann@example.org",
        "MAIL FROM:<system@example.com>",
        "RCPT TO:<ann@example.org>",
    ]

    async with pair({}, offers=[]) as (server, session):
        assert (await session.send(MESSAGE, asked)).outcome is Outcome.ACCEPTED
    assert "MAIL FROM:<system@example.com>" in server.commands
    assert "RCPT TO:<a+b=c@example.org>" in server.commands


async def test_the_original_recipient_in_another_alphabet(pair: Pair):
    async with pair({}, offers=["DSN", "SMTPUTF8", "8BITMIME"]) as (server, session):
        await session.send(MESSAGE, envelope("用+户@example.org", notify="FAILURE"))

    assert "RCPT TO:<用+户@example.org> NOTIFY=FAILURE ORCPT=utf-8;用\\x{2B}户@example.org" in server.commands


@pytest.mark.parametrize(
    "options",
    [{"notify": "NEVER,DELAY"}, {"notify": "FAILURE\r\nRCPT TO:<x@y>"}, {"envid": "a\r\nb"}, {"envid": "x" * 101}],
)
async def test_parameters_that_may_not_be_sent_are_not(options: dict[str, str], pair: Pair):
    """H04."""
    async with pair({}, offers=["DSN"]) as (server, session):
        first = await session.send(MESSAGE, envelope(**options))
        second = await session.send(MESSAGE, envelope())

    assert [first.outcome, second.outcome] == [Outcome.LOCAL, Outcome.ACCEPTED]
    assert sum(command.startswith("MAIL") for command in server.commands) == 1


async def test_an_address_made_by_hand_injects_no_command(pair: Pair):
    """H04: addresses are checked where they come in; a control in a command is not sent all the same."""
    hostile = Address("a@b>\r\nRCPT TO:<x", "example.org")
    async with pair({}) as (server, session):
        result = await session.send(MESSAGE, Envelope(parse_address("system@example.com"), hostile))

    assert result.outcome is Outcome.LOCAL
    assert not any(command.startswith(("MAIL", "RCPT")) for command in server.commands)


async def test_octets_beyond_ascii_need_8bitmime(pair: Pair):
    message = "Subject: x\r\n\r\nGrüße\r\n".encode()
    async with pair({}, offers=["8BITMIME"]) as (server, session):
        assert (await session.send(message, envelope())).outcome is Outcome.ACCEPTED
    assert "MAIL FROM:<system@example.com> BODY=8BITMIME" in server.commands

    async with pair({}, offers=[]) as (server, session):
        assert (await session.send(message, envelope())).outcome is Outcome.UNSUPPORTED
        assert (await session.send(MESSAGE, envelope())).outcome is Outcome.ACCEPTED
    assert len(server.messages) == 1
