"""What can go wrong: each is told in one sentence, without the password, and leaves nothing behind."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.imap import Account, Fault, Limits, MailboxError, connect
from jobrunner.services.mail.imap.session import Session
from tests.services.mail.imap.conftest import QUICK, make_account, scripted
from tests.services.mail.imap.scripted_server import CLOSE, SILENT, ScriptedServer, ThenClose
from tests.support.dovecot import PASSWORD
from tests.support.ports import free_port

SHORT = Limits(connect=0.3, silence=0.3, command=5, farewell=0.2)
ServerTls = Callable[..., ssl.SSLContext]


def check_sentence(error: MailboxError) -> None:
    text = str(error)
    assert re.match(r"[a-z]", text), text
    assert "\n" not in text
    assert ("127.0.0.1" in text) or error.fault is Fault.DNS
    assert PASSWORD not in f"{text} {error.words} {error!r} {error.args}"


async def refused(account: Account) -> MailboxError:
    """The error of connecting."""
    with pytest.raises(MailboxError) as caught:
        await connect(account)
    check_sentence(caught.value)
    return caught.value


# Connecting


async def test_nobody_listens():
    error = await refused(make_account(free_port()))
    assert error.fault is Fault.REFUSED
    assert "check host and port" in str(error)


async def test_a_name_that_is_not_there():
    error = await refused(make_account(143, host="no-such-host.invalid"))
    assert error.fault is Fault.DNS
    assert "no-such-host.invalid" in str(error)


async def test_an_address_that_is_not_permitted():
    """The address is judged, after the name was looked up; and nothing is connected to."""
    asked = []

    def permits(address: str, port: int) -> bool:
        asked.append((address, port))
        return False

    async with ScriptedServer() as server:
        error = await refused(make_account(server.port, host="localhost", permits=permits))
        assert error.fault is Fault.FORBIDDEN
        assert ("127.0.0.1", server.port) in asked
        assert server.connections == 0


async def test_one_address_of_several_is_not_there(monkeypatch: pytest.MonkeyPatch):
    """The name leads to ::1 first, where nobody listens."""

    async def both(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("::1", server.port)), (0, 0, 0, "", ("127.0.0.1", server.port))]

    async with ScriptedServer() as server:
        account = make_account(server.port, host="localhost")
        # Only the look-up of the name; that of an address needs none.
        monkeypatch.setattr("jobrunner.services.mail.imap.opening.look_up", both)
        mailbox = await connect(account)
        await mailbox.logout()


async def test_a_server_that_takes_no_connection():
    """Its queue is full, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        error = await refused(make_account(port, limits=SHORT))
        for connection in waiting:
            connection.close()
    assert error.fault is Fault.UNREACHABLE
    assert "limit of 0.3 s" in str(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
async def test_certificates(host: str, server_tls: ServerTls, client_tls: ssl.SSLContext):
    """One that nobody vouches for, and one for another host."""
    trusted = client_tls if host == "other.example" else ssl.create_default_context()
    for security, options in (("ssl", {"tls": server_tls(host)}), ("tls", {"starttls": server_tls(host)})):
        async with ScriptedServer(**options) as server:
            error = await refused(make_account(server.port, security=security, tls_context=trusted))
            assert error.fault is Fault.CERTIFICATE
            assert not any("LOGIN" in command or "AUTHENTICATE" in command for command in server.commands)


async def test_tls_where_none_is_spoken():
    async with ScriptedServer() as server:
        error = await refused(make_account(server.port, security="ssl"))
    assert error.fault is Fault.TLS
    assert "set the account's security to tls" in str(error)


async def test_no_tls_where_only_tls_is_spoken(server_tls: ServerTls):
    """Both wait for the other to begin."""
    async with ScriptedServer(tls=server_tls()) as server:
        error = await refused(make_account(server.port, limits=SHORT))
    assert error.fault is Fault.TIMEOUT
    assert "set the account's security to ssl" in str(error)


GREETINGS = [
    ("* BYE too many connections", Fault.BYE, "too many connections"),
    (ThenClose("* BYE go away\r\n"), Fault.BYE, "go away"),
    ("220 mail.example ESMTP", Fault.NONSENSE, "ESMTP"),
    ("* HELLO", Fault.NONSENSE, "HELLO"),
    (b"\x16\x03\x01\x00\xa5\n", Fault.NONSENSE, ""),
    (CLOSE, Fault.LOST, "closed by the server"),
    (SILENT, Fault.TIMEOUT, "limit of silence"),
]


@pytest.mark.parametrize(("greeting", "fault", "words"), GREETINGS)
async def test_greetings(greeting: Any, fault: Fault, words: str):
    async with ScriptedServer({"GREETING": greeting}) as server:
        error = await refused(make_account(server.port, limits=SHORT if greeting is SILENT else QUICK))
        await server.until("CLOSED") if greeting is not SILENT else None
    assert error.fault is fault
    assert words.partition(" of ")[0] in str(error)


async def test_a_greeting_drop_by_drop_meets_the_limit_for_the_whole():
    """Each octet is a sign of life; that the answer ends has a limit of its own."""

    async def drip(server: ScriptedServer, step: str, writer: asyncio.StreamWriter) -> None:
        while step == "NOOP":
            writer.write(b"* OK wait\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    limits = Limits(connect=5, silence=5, command=0.5)
    async with scripted({"NOOP": "* OK wait"}, server={"then": drip}, limits=limits) as (_, mailbox):
        error = await failing(mailbox.noop())
    assert error.fault is Fault.TIMEOUT
    assert "limit of 0.5 s for a command" in str(error)


# STARTTLS


async def test_starttls_is_demanded(client_tls: ssl.SSLContext):
    async with ScriptedServer() as server:
        error = await refused(make_account(server.port, security="tls", tls_context=client_tls))
        assert error.fault is Fault.TLS
        assert "offers no STARTTLS" in str(error)
        assert server.commands == ["CAPABILITY"]


@pytest.mark.parametrize("answer", ["TAG NO not now", "TAG BAD what", CLOSE])
async def test_starttls_is_refused(answer: Any, server_tls: ServerTls, client_tls: ssl.SSLContext):
    async with ScriptedServer({"STARTTLS": answer}, starttls=server_tls()) as server:
        error = await refused(make_account(server.port, security="tls", tls_context=client_tls))
        assert error.fault is (Fault.LOST if answer is CLOSE else Fault.TLS)
        assert b"AUTHENTICATE" not in server.clear


@pytest.mark.parametrize("injected", ["* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "* CAP", "X OK\r\n"])
async def test_text_injected_behind_the_answer_to_starttls(
    injected: str, server_tls: ServerTls, client_tls: ssl.SSLContext
):
    """Somebody on the way wrote it in clear; taken for part of the TLS conversation it would be believed."""
    script = {"STARTTLS": f"TAG OK go\r\n{injected}".encode()}
    async with ScriptedServer(script, starttls=server_tls()) as server:
        error = await refused(make_account(server.port, security="tls", tls_context=client_tls))
        assert error.fault is Fault.TLS
        assert "in clear behind the answer" in str(error)
        assert b"AUTHENTICATE" not in server.clear


async def test_a_greeting_as_if_logged_in(server_tls: ServerTls, client_tls: ssl.SSLContext):
    """PREAUTH leaves no state in which TLS may begin: so somebody on the way keeps a line in clear."""
    async with ScriptedServer({"GREETING": "* PREAUTH hello"}, starttls=server_tls()) as server:
        error = await refused(make_account(server.port, security="tls", tls_context=client_tls))
        assert error.fault is Fault.TLS
        assert server.commands == []
    async with ScriptedServer({"GREETING": "* PREAUTH hello"}) as server:
        mailbox = await connect(make_account(server.port))
        await mailbox.open("INBOX")
        await mailbox.logout()


async def test_what_was_offered_in_clear_is_forgotten(server_tls: ServerTls, client_tls: ssl.SSLContext):
    greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=CRAM-MD5 IDLE] ready"
    server_options: dict[str, Any] = {"starttls": server_tls(), "capabilities": "IMAP4rev1 AUTH=PLAIN"}
    async with ScriptedServer({"GREETING": greeting}, **server_options) as server:
        mailbox = await connect(make_account(server.port, security="tls", tls_context=client_tls))
        assert "IDLE" not in mailbox.capabilities
        assert b"PLAIN" not in server.clear
        await mailbox.logout()


# An open mailbox


async def failing(call: Any) -> MailboxError:
    """The error of a call."""
    with pytest.raises(MailboxError) as caught:
        await call
    check_sentence(caught.value)
    return caught.value


async def fetch(mailbox: Session, *uids: int, **options: Any) -> dict[int, Any]:
    async with aclosing(mailbox.fetch([list(uids)], **options)) as messages:
        return {message.uid: message async for message in messages}


async def windows(mailbox: Session, size: int = 10, **options: Any) -> bytes:
    async with aclosing(mailbox.windows(1, size, **{"at_most": 1000, "window": 10} | options)) as parts:
        return b"".join([part async for part in parts])


CALLS: dict[str, Callable[[Session], Any]] = {
    "LIST": lambda mailbox: mailbox.folders(),
    "STATUS": lambda mailbox: mailbox.counts("INBOX"),
    "SELECT": lambda mailbox: mailbox.open("INBOX"),
    "EXAMINE": lambda mailbox: mailbox.open("INBOX", read_only=True),
    "CREATE": lambda mailbox: mailbox.create("Box"),
    "SEARCH": lambda mailbox: mailbox.search(after=3),
    "FETCH": lambda mailbox: fetch(mailbox, 1, 2),
    "STORE": lambda mailbox: mailbox.add_flags([1], ["\\Seen"]),
    "APPEND": lambda mailbox: mailbox.append("Sent", b"x"),
    "EXPUNGE": lambda mailbox: mailbox.delete([1]),
    "NOOP": lambda mailbox: mailbox.noop(),
}
BROKEN = {
    "closed": (CLOSE, Fault.LOST),
    "closed in a line": (ThenClose("* OK half a li"), Fault.LOST),
    "closed in a literal": (ThenClose("* 1 FETCH (UID 1 BODY[] {500}\r\nhalf a mess"), Fault.LOST),
    "goodbye": ("* BYE maintenance", Fault.BYE),
    "no IMAP": ("HTTP/1.1 400 Bad Request", Fault.NONSENSE),
    "another tag": ("X99 OK done", Fault.NONSENSE),
    "no word of IMAP": ("TAG YES", Fault.NONSENSE),
    "a line without end": (b"* OK " + b"x" * 2**24, Fault.FLOOD),
    "a literal of 10^12": (b"* 1 FETCH (UID 1 BODY[] {1000000000000}\r\n", Fault.FLOOD),
    "lines without end": (b"* 1 EXISTS\r\n" * 250_000, Fault.FLOOD),
    "blank lines": (b"\r\n" * 2000, Fault.NONSENSE),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", CALLS)
async def test_a_connection_that_breaks_at_any_step(name: str, how: str):
    """F51, H23: told at once, not when a limit runs out; the connection is over, and the next call says so too."""
    action, fault = BROKEN[how]
    async with scripted(folder=None) as (server, mailbox):
        await mailbox.open("Other" if name in ("SELECT", "EXAMINE") else "INBOX")
        server.script = {name: action}
        async with asyncio.timeout(15):  # below any limit of ours, above what a busy machine takes
            error = await failing(CALLS[name](mailbox))
        assert error.fault is fault
        assert not mailbox.usable
        assert not (await failing(mailbox.noop())).fault.keeps_line


@pytest.mark.parametrize("name", CALLS)
async def test_a_server_that_falls_silent_at_any_step(name: str):
    """Each wait has a limit, and the error names it."""
    async with scripted(folder=None) as (server, mailbox):
        await mailbox.open("Other")
        mailbox._protocol.limits = SHORT
        server.script = {name: SILENT}
        error = await failing(CALLS[name](mailbox))
        assert error.fault is Fault.TIMEOUT
        assert "limit of 0.3 s" in str(error)
        assert not mailbox.usable


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("TAG NO no", None),
        ("TAG BAD what", Fault.DENIED),
        ("TAG NO [UNAVAILABLE] later", Fault.BUSY),
        ("TAG NO [INUSE] later", Fault.BUSY),
        ("TAG NO [LIMIT] too much", Fault.BUSY),
        ("TAG NO [OVERQUOTA] full", Fault.BUSY),
        ("TAG NO [NONEXISTENT] where", Fault.FOLDER),
        ("TAG NO [TRYCREATE] where", Fault.FOLDER),
    ],
)
@pytest.mark.parametrize("name", [name for name in CALLS if name != "FETCH"])
async def test_a_refusal_leaves_the_connection(name: str, answer: str, fault: Fault | None):
    """NO and BAD are results to the library, not errors."""
    usual = Fault.FOLDER if name in ("SELECT", "EXAMINE", "STATUS") else Fault.DENIED
    async with scripted(folder="Other") as (server, mailbox):
        server.script = {name: answer}
        error = await failing(CALLS[name](mailbox))
        assert error.fault is (fault or usual)
        assert error.fault.keeps_line
        server.script = {}
        await mailbox.open("INBOX")
        await mailbox.noop()


async def test_goodbye_between_two_calls():
    """Nobody waits for anything; the next call knows."""
    async with scripted() as (server, mailbox):
        server.script = {"NOOP": ThenClose("TAG OK\r\n* BYE inactive\r\n")}
        await mailbox.noop()
        await server.until("CLOSED")
        error = await failing(mailbox.noop())
        assert error.fault is Fault.BYE
        assert "inactive" in str(error)


# Messages


async def test_a_message_that_the_server_will_not_hand_over_does_not_stop_the_others():
    def answer(command: str) -> str:
        asked = command.split()[2]
        if asked == "2":
            return "TAG NO damaged"
        if "," in asked or ":" in asked:
            return "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\nTAG NO some could not be fetched"
        return f"* {asked} FETCH (UID {asked} BODY[] {{1}}\r\nc)\r\nTAG OK"

    async with scripted({"FETCH": answer}) as (_, mailbox):
        found = await fetch(mailbox, 1, 2, 3)
        assert {uid: message.source for uid, message in found.items()} == {1: b"a", 2: b"", 3: b"c"}
        assert found[2].refused == "damaged"
        assert mailbox.usable


async def test_what_was_not_asked_for_is_no_message():
    """Other UIDs, changes of flags, the same again, NIL, quoted strings, the UID behind the text."""
    answer = (
        "* 9 FETCH (UID 99 BODY[] {1}\r\nx)\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 5 EXISTS\r\n* 4 EXPUNGE\r\n"
        "* 1 FETCH (BODY[] {1}\r\na UID 1)\r\n* 1 FETCH (UID 1 BODY[] {1}\r\nb)\r\n"
        '* 2 FETCH (UID 2 BODY[] "q\\"(" FLAGS ())\r\n* 3 FETCH (UID 3 BODY[] NIL)\r\n* OK hm\r\nTAG OK'
    )
    async with scripted({"FETCH": answer}) as (_, mailbox):
        found = await fetch(mailbox, 1, 2, 3)
        assert {uid: message.source for uid, message in found.items()} == {1: b"a", 2: b'q"(', 3: b""}


async def test_text_that_looks_like_answers_is_text():
    text = "A1 OK done\r\n* BYE\r\n)\r\n+ go\r\n* 2 FETCH (UID 2 BODY[] {3}\r\n"
    async with scripted({"FETCH": f"* 1 FETCH (UID 1 BODY[] {{{len(text)}}}\r\n{text})\r\nTAG OK"}) as (_, mailbox):
        assert (await fetch(mailbox, 1))[1].source == text.encode()


async def test_more_than_two_batches_are_not_asked_for_ahead():
    """Two are under way, so that no more than that is in memory however slowly they are taken."""
    async with (
        scripted({"FETCH": lambda c: f"* 1 FETCH (UID {c.split()[2]} BODY[] {{1}}\r\na)\r\nTAG OK"}) as (
            server,
            mailbox,
        ),
        aclosing(mailbox.fetch([[uid] for uid in range(1, 9)])) as messages,
    ):
        taken = 0
        async for _ in messages:
            taken += 1
            asked = sum(command.startswith("UID FETCH") for command in server.commands)
            assert asked <= taken + 1
        assert taken == 8


async def test_a_message_far_larger_than_was_said():
    """H23: the size that was given is what may come, twice; not whatever the server likes."""
    answer = b"* 1 FETCH (UID 1 BODY[] {9000000}\r\n" + b"x" * 9_000_000 + b")\r\nTAG OK\r\n"
    async with scripted({"FETCH": answer}) as (_, mailbox):
        assert (await failing(fetch(mailbox, 1, octets=1000))).fault is Fault.FLOOD


async def test_a_server_that_knows_no_windows():
    """It sends the whole message: refused when it is announced, instead of read into memory."""
    async with scripted({"FETCH": "* 1 FETCH (UID 1 BODY[] {5000000}\r\nxxx"}) as (_, mailbox):
        error = await failing(windows(mailbox))
        assert error.fault is Fault.FLOOD
        assert "5000000" in str(error)


async def test_windows_in_any_order():
    """The next one comes first."""

    def answer(command: str) -> str:
        if "<0." in command:
            return "* OK wait"
        return (
            "* 1 FETCH (UID 1 BODY[]<10> {4}\r\nefgh)\r\n* 1 FETCH (UID 1 BODY[]<0> {10}\r\n0123456789)\r\n"
            f"{tags[0]} OK\r\nTAG OK"
        )

    tags = []

    async def note(server: ScriptedServer, step: str, writer: asyncio.StreamWriter) -> None:
        pass

    async with scripted(server={"then": note}) as (server, mailbox):
        new_tag = mailbox._protocol.new_tag

        def noted() -> str:
            tags.append(new_tag())
            return tags[-1]

        mailbox._protocol.new_tag = noted
        server.script = {"FETCH": answer}
        assert await windows(mailbox, size=14) == b"0123456789efgh"


async def test_a_window_that_is_refused():
    async with scripted({"FETCH": "TAG NO damaged"}) as (_, mailbox):
        error = await failing(windows(mailbox, size=40))
        assert error.fault is Fault.DENIED
        assert "damaged" in str(error)
        await mailbox.noop()


async def test_a_refusal_behind_the_end_is_the_end():
    """Some servers refuse an offset beyond the message."""

    def answer(command: str) -> str:
        return "* 1 FETCH (UID 1 BODY[]<0> {10}\r\n0123456789)\r\nTAG OK" if "<0." in command else "TAG BAD offset"

    async with scripted({"FETCH": answer}) as (_, mailbox):
        assert await windows(mailbox, size=10) == b"0123456789"
        assert mailbox.usable


# Answers that are large, or odd


async def test_a_hundred_thousand_messages_deleted_meanwhile():
    """Servers report them with whatever command comes next; nothing is wrong with that, and nothing is kept of it."""
    async with scripted({"NOOP": b"* 1 EXPUNGE\r\n" * 100_000 + b"TAG OK\r\n"}) as (_, mailbox):
        await mailbox.noop()
        assert mailbox.usable


async def test_half_a_million_uids_in_one_line():
    uids = range(1_000_000, 1_500_000)
    line = b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b"\r\nTAG OK\r\n"
    async with scripted({"SEARCH": line}) as (_, mailbox):
        found = await mailbox.search()
        assert (len(found), found[0], found[-1]) == (500_000, uids[0], uids[-1])


async def test_uids_in_several_lines_with_a_modseq():
    async with scripted({"SEARCH": "* SEARCH 3 1\r\n* SEARCH 2 (MODSEQ 917)\r\n* SEARCH\r\nTAG OK"}) as (_, mailbox):
        assert await mailbox.search() == [1, 2, 3]


async def test_more_folders_than_anybody_has():
    """H23."""
    answer = b'* LIST () "/" a\r\n' * 10_001 + b"TAG OK\r\n"
    async with scripted({"LIST": answer}) as (_, mailbox):
        assert (await failing(mailbox.folders())).fault is Fault.FLOOD


@pytest.mark.parametrize("validity", ["", "* OK [UIDVALIDITY 0] hm\r\n"])
async def test_a_folder_without_uidvalidity(validity: str):
    async with scripted(folder=None) as (server, mailbox):
        server.script = {"SELECT": f"* 3 EXISTS\r\n{validity}TAG OK"}
        assert (await failing(mailbox.open("INBOX"))).fault is Fault.UNSUPPORTED


async def test_deleting_without_uidplus_is_not_done():
    """EXPUNGE alone deletes whatever anybody has marked."""
    async with scripted(server={"capabilities": "IMAP4rev1 AUTH=PLAIN"}) as (server, mailbox):
        assert (await failing(mailbox.delete([1]))).fault is Fault.UNSUPPORTED
        assert not any("EXPUNGE" in command for command in server.commands)


async def test_deleting_names_its_messages():
    async with scripted(server={"capabilities": "IMAP4rev1 AUTH=PLAIN UIDPLUS"}) as (server, mailbox):
        await mailbox.delete([1, 2])
        done = [command for command in server.commands if command.startswith("UID")]
        assert done == ["UID STORE 1:2 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 1:2"]


async def test_storing_that_is_refused_before_the_message_is_sent():
    async with scripted(folder=None) as (server, mailbox):
        line = f"{{{5}}}"
        server.script = {"APPEND": "TAG NO [TRYCREATE] no such folder"}
        assert (await failing(mailbox.append("Sent", b"12345"))).fault is Fault.FOLDER
        assert any(command.endswith(line) for command in server.commands)


async def test_a_message_is_sent_once_the_server_asks_for_it():
    async with scripted(folder=None) as (server, mailbox):
        assert await mailbox.append("Sent", b"a\r\nX LOGOUT\r\n", flags=["\\Seen"]) == 4
        assert server.literals == [b"a\r\nX LOGOUT\r\n"]


async def test_logging_out_of_a_silent_server_takes_no_longer_than_its_limit():
    async with scripted({"LOGOUT": SILENT}) as (_, mailbox):
        async with asyncio.timeout(3):
            await mailbox.logout()
        assert not mailbox.usable


async def test_what_a_server_says_is_one_short_line():
    words = "\u202e\x1b[31m" + "long \x07words " * 200
    async with scripted(folder=None) as (server, mailbox):
        server.script = {"NOOP": f"TAG NO {words}"}
        error = await failing(mailbox.noop())
        assert len(error.words) <= 500
        assert error.words.isprintable() or "\u202e" in error.words


# Accounts


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"host": "mail example"},
        {"host": "mail\r\nexample"},
        {"port": 0},
        {"port": 70000},
        {"username": "a\r\nb"},
        {"password": SecretStr(f"{PASSWORD}\r\nX LOGOUT")},
    ],
)
def test_accounts_are_checked(wrong: dict[str, Any]):
    with pytest.raises(ConfigurationError) as caught:
        Account(**{"host": "mail.example.org", "username": "ann"} | wrong)
    assert PASSWORD not in str(caught.value)


def test_an_account_shows_no_password():
    assert PASSWORD not in repr(make_account(993))
