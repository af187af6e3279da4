"""A mailbox at a real Dovecot."""

import asyncio
import imaplib
import ssl
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import uvloop
from pydantic import SecretStr

from jobrunner.services.mail.imap import Fault, MailboxError, Message, PushKind, connect, plan_batches
from jobrunner.services.mail.imap.session import Session
from tests.services.mail.imap.conftest import Accounts, Connect
from tests.support.dovecot import Dovecot

pytestmark = pytest.mark.filterwarnings('ignore:Overriding the "event_loop_policy" fixture')


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Both event loops: asyncio's, and uvloop as the daemon uses it, whose transports differ."""
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()


def message(number: int, lines: int = 2) -> bytes:
    return b"Subject: number %d\r\nMessage-ID: <%d@example.org>\r\n\r\n" % (number, number) + b"a (line {3}\r\n" * lines


async def deliver(dovecot: Dovecot, user: str, *messages: bytes, folder: str = "INBOX") -> None:
    await asyncio.to_thread(dovecot.deliver, user, messages, folder)


async def fetch_all(mailbox: Session, uids: Any = None, **options: Any) -> dict[int, Message]:
    plan = plan_batches(await mailbox.details(uids or await mailbox.search()), most_messages=7)
    async with aclosing(mailbox.fetch(plan.batches, octets=plan.octets, **options)) as messages:
        return {message.uid: message async for message in messages}


# Connecting


@pytest.mark.parametrize("mechanism", [None, "plain", "login", "cram-md5"])
@pytest.mark.parametrize("security", ["none", "tls", "ssl"])
async def test_every_way_to_connect_and_log_in(opened: Connect, security: str, mechanism: str | None):
    """STARTTLS and AUTHENTICATE PLAIN, LOGIN and CRAM-MD5 are none of the library's."""
    async with opened(security=security, mechanism=mechanism) as mailbox:
        assert {"IDLE", "UIDPLUS", "MOVE"} <= mailbox.capabilities
        await mailbox.noop()
        assert mailbox.usable
    assert not mailbox.usable


async def test_a_wrong_password(account: Accounts):
    with pytest.raises(MailboxError, match=r"refuses the login of user-.*; check user name and password") as caught:
        await connect(account(password=SecretStr("wrong")))
    assert caught.value.fault is Fault.LOGIN
    assert "AUTHENTICATIONFAILED" in caught.value.words


async def test_a_certificate_for_another_host(account: Accounts, server_tls: Any):
    with pytest.raises(MailboxError, match=r"certificate .* cannot be trusted, so nothing was sent") as caught:
        await connect(account(security="ssl", tls_context=ssl.create_default_context()))
    assert caught.value.fault is Fault.CERTIFICATE


# Folders


async def test_folders_with_any_name(opened: Connect):
    """Blanks, quotes, Unicode: the library passes names as they are given, and makes of `My Box` a folder `My`."""
    names = ["My Box", 'with "quotes" \\', "Entwürfe & Müll", "台北/日本語", "a * b"]
    async with opened() as mailbox:
        for name in names:
            await mailbox.create(name)
        found = {folder.name: folder for folder in await mailbox.folders()}
        assert {"INBOX", *names} <= found.keys()
        for name in names:
            assert found[name].selectable
            assert (await mailbox.open(name)).name == name
        assert {folder.name for folder in await mailbox.folders("台北/*")} == {"台北/日本語"}


async def test_a_folder_that_is_not_there(opened: Connect):
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        for wait in (mailbox.open("Müll"), mailbox.counts("Müll"), mailbox.append("Müll", b"x")):
            with pytest.raises(MailboxError, match="has no such folder") as caught:
                await wait
            assert caught.value.fault is Fault.FOLDER
        assert mailbox.usable
        assert (await mailbox.open("INBOX")).exists == 0


async def test_what_opening_tells(opened: Connect, dovecot: Dovecot, user: str):
    """After EXAMINE the library believes that no folder is open, and refuses to fetch."""
    await deliver(dovecot, user, message(1), message(2))
    async with opened() as mailbox:
        folder = await mailbox.open("INBOX", read_only=True)
        assert (folder.exists, folder.uid_next, folder.read_only) == (2, 3, True)
        assert folder.uid_validity > 0
        assert len(await fetch_all(mailbox)) == 2
        counts = await mailbox.counts("INBOX")
        assert (counts.messages, counts.unseen, counts.uid_next) == (2, 2, 3)
        assert counts.uid_validity == folder.uid_validity
        assert not (await mailbox.open("INBOX")).read_only


async def test_a_folder_that_was_made_anew_says_so(opened: Connect, dovecot: Dovecot, user: str):
    """F52: the same name, other messages: told by its UIDVALIDITY."""
    async with opened() as mailbox:
        await mailbox.create("Box")
        former = (await mailbox.open("Box")).uid_validity
        await mailbox.open("INBOX")

        def make_anew() -> None:
            with dovecot.client(user) as client:
                client.delete("Box")
                client.create("Box")

        while (await mailbox.open("Box")).uid_validity == former:  # it goes by seconds
            await mailbox.open("INBOX")
            await asyncio.to_thread(make_anew)


# Finding and fetching


async def test_searching_by_uid(opened: Connect, dovecot: Dovecot, user: str):
    """`n:*` names the newest message also where its UID is below n. The library cannot search by UID without CHARSET,
    which some servers refuse."""
    await deliver(dovecot, user, *map(message, range(3)))
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        assert await mailbox.search() == [1, 2, 3]
        assert await mailbox.search(after=1) == [2, 3]
        assert await mailbox.search(after=1, until=2) == [2]
        assert await mailbox.search(after=3) == []
        assert await mailbox.search(after=100) == []
        tomorrow = date.today() + timedelta(days=2)
        assert await mailbox.search(since=tomorrow) == []
        assert await mailbox.search(after=2, since=date(2020, 1, 31)) == [3]


async def test_details(opened: Connect, dovecot: Dovecot, user: str):
    received = datetime(2024, 2, 29, 23, 59, 58, tzinfo=UTC)
    async with opened() as mailbox:
        uid = await mailbox.append("INBOX", message(1), flags=["\\Flagged", "$Label"], received=received)
        await mailbox.open("INBOX")
        assert uid is not None
        (details,) = await mailbox.details([uid, 50, 51])
        assert (details.uid, details.size, details.received) == (uid, len(message(1)), received)
        assert {"\\Flagged", "$Label"} <= details.flags


async def test_messages_come_whole_and_stay_unread(opened: Connect, dovecot: Dovecot, user: str):
    sent = [message(number, lines=number * 7) for number in range(40)]
    await deliver(dovecot, user, *sent)
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        found = await fetch_all(mailbox)
        assert [found[uid].source for uid in sorted(found)] == sent
        assert not any("\\Seen" in details.flags for details in await mailbox.details(await mailbox.search()))


async def test_a_section_of_each(opened: Connect, dovecot: Dovecot, user: str):
    await deliver(dovecot, user, message(1), b"Subject: without\r\n\r\n")
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        ids = await fetch_all(mailbox, section="HEADER.FIELDS (MESSAGE-ID)")
        assert [ids[uid].source for uid in (1, 2)] == [b"Message-ID: <1@example.org>\r\n\r\n", b"\r\n"]
        header = await fetch_all(mailbox, section="HEADER")
        assert header[2].source == b"Subject: without\r\n\r\n"


async def test_messages_that_went_meanwhile_are_left_out(opened: Connect, dovecot: Dovecot, user: str):
    """F52: they vanish between search and fetch, which is no fault."""
    await deliver(dovecot, user, *map(message, range(4)))
    async with opened() as mailbox, opened() as other:
        await mailbox.open("INBOX")
        uids = await mailbox.search()
        await other.open("INBOX")
        await other.delete([2, 3])
        assert sorted(await fetch_all(mailbox, uids)) == [1, 4]
        async with aclosing(mailbox.fetch([uids])) as messages:
            assert [message.uid async for message in messages] == [1, 4]
        with pytest.raises(MailboxError, match="no longer") as caught:
            await collect(mailbox, 2, 100)
        assert caught.value.fault is Fault.VANISHED
        with pytest.raises(MailboxError, match="no longer"):
            await mailbox.structure(2)
        assert mailbox.usable


async def collect(mailbox: Session, uid: int, size: int, **options: Any) -> list[bytes]:
    async with aclosing(mailbox.windows(uid, size, **{"at_most": 10_000_000} | options)) as windows:
        return [window async for window in windows]


@pytest.mark.parametrize("length", [999, 1000, 1001, 2000, 2500])
@pytest.mark.parametrize("told", [0, 700, 2500, 5000])
async def test_windows(opened: Connect, dovecot: Dovecot, user: str, length: int, told: int):
    """Whatever size the server gave before: it may be wrong."""
    text = (b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 200)[: length - 2] + b"\r\n"
    await deliver(dovecot, user, text)
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        windows = await collect(mailbox, 1, told, window=1000)
        assert b"".join(windows) == text
        assert max(map(len, windows)) <= 1000
        assert await collect(mailbox, 1, told, window=1000, section="TEXT") != []
        await mailbox.noop()


async def test_a_message_larger_than_is_accepted(opened: Connect, dovecot: Dovecot, user: str):
    await deliver(dovecot, user, message(1, lines=1000))
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        with pytest.raises(MailboxError, match="a message of more than 5000 octets") as caught:
            await collect(mailbox, 1, 12_000, at_most=5000, window=1000)
        assert caught.value.fault is Fault.FLOOD
        assert not mailbox.usable


async def test_leaving_a_fetch_ends_the_connection(opened: Connect, dovecot: Dovecot, user: str):
    """What is still to come must meet nobody; and a second call while one runs is a fault of the caller's."""
    await deliver(dovecot, user, *map(message, range(30)))
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        messages = mailbox.fetch([[uid] for uid in range(1, 31)])
        async with aclosing(messages):
            assert (await anext(messages)).uid == 1
            with pytest.raises(RuntimeError, match="one call at a time"):
                await mailbox.noop()
        assert not mailbox.usable
        with pytest.raises(MailboxError) as caught:
            await mailbox.noop()
        assert caught.value.fault is Fault.LOST


async def test_the_parts_of_a_message(opened: Connect, dovecot: Dovecot, user: str):
    source = b"""Subject: parts\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="m"\r
\r
--m\r
Content-Type: multipart/alternative; boundary="a"\r
\r
--a\r
Content-Type: text/plain; charset="utf-8"\r
\r
Plain\r
--a\r
Content-Type: text/html; charset=utf-8\r
Content-ID: <one@x>\r
\r
<p>HTML</p>\r
--a--\r
--m\r
Content-Type: application/pdf; name="brackets (1).pdf"\r
Content-Disposition: attachment; filename="brackets (1).pdf"\r
Content-Transfer-Encoding: base64\r
\r
AAAA\r
--m\r
Content-Type: message/rfc822\r
\r
Subject: inner\r
\r
Inner text\r
--m--\r
"""
    await deliver(dovecot, user, source)
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        whole = await mailbox.structure(1)
        assert whole.content_type == "multipart/mixed"
        alternative, attachment, inner = whole.parts
        plain, html = alternative.parts
        assert (plain.section, plain.content_type, plain.charset) == ("1.1", "text/plain", "utf-8")
        assert (html.section, html.content_id) == ("1.2", "<one@x>")
        assert (attachment.section, attachment.disposition) == ("2", "attachment")
        assert (attachment.filename, attachment.encoding) == ("brackets (1).pdf", "base64")
        assert (inner.section, inner.parts[0].section) == ("3", "3.1")
        assert b"".join(await collect(mailbox, 1, plain.size, section="1.1")).strip() == b"Plain"
        assert b"".join(await collect(mailbox, 1, 10, section="3.1")).strip() == b"Inner text"


# Changing


async def test_storing_in_a_folder(opened: Connect, dovecot: Dovecot, user: str):
    large = message(1, lines=300_000)
    async with opened() as mailbox:
        await mailbox.create("Gesendet & mehr")
        uid = await mailbox.append("Gesendet & mehr", large, flags=["\\Seen"])
        await mailbox.open("Gesendet & mehr")
        assert uid is not None
        assert b"".join(await collect(mailbox, uid, len(large))) == large
        assert "\\Seen" in (await mailbox.details([uid]))[0].flags


async def test_flags(opened: Connect, dovecot: Dovecot, user: str):
    await deliver(dovecot, user, *map(message, range(3)))
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        await mailbox.add_flags([1, 2], ["\\Seen", "\\Flagged"])
        found = {d.uid: d.flags & {"\\Seen", "\\Flagged"} for d in await mailbox.details([1, 2, 3])}
        assert found == {1: {"\\Seen", "\\Flagged"}, 2: {"\\Seen", "\\Flagged"}, 3: set()}


async def test_nothing_changes_in_a_folder_opened_read_only(opened: Connect, dovecot: Dovecot, user: str):
    await deliver(dovecot, user, message(1))
    async with opened() as mailbox:
        await mailbox.open("INBOX", read_only=True)
        for change in (mailbox.delete([1]), mailbox.add_flags([1], ["\\Seen"])):
            with pytest.raises(MailboxError, match="read only") as caught:
                await change
            assert caught.value.fault is Fault.DENIED
        assert mailbox.usable


async def test_deleting(opened: Connect, dovecot: Dovecot, user: str):
    """Deleted are those that were named, not what somebody else has marked."""
    await deliver(dovecot, user, *map(message, range(4)))
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        await mailbox.add_flags([4], ["\\Deleted"])
        await mailbox.delete([1, 2])
        assert await mailbox.search() == [3, 4]


# IDLE


async def test_a_new_message_is_told_and_the_line_can_be_used_after_it(opened: Connect, dovecot: Dovecot, user: str):
    async with opened(security="ssl") as mailbox:
        await mailbox.open("INBOX")
        for number in (1, 2):
            async with mailbox.idle() as idle:
                assert (await idle.next()).kind is PushKind.STARTED
                await deliver(dovecot, user, message(number))
                while (push := await idle.next()).kind is not PushKind.CHANGED:
                    pass
                assert push.exists == number
            assert await mailbox.search(after=number - 1) == [number]


async def test_signs_of_life_under_idle(opened: Connect):
    """Dovecot says `* OK Still here`: no reason to search."""
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        async with mailbox.idle() as idle:
            assert (await idle.next()).kind is PushKind.STARTED
            assert (await idle.next()).kind is PushKind.SIGN_OF_LIFE


async def test_idle_is_renewed_and_says_so(opened: Connect, dovecot: Dovecot, user: str):
    """What comes between two of them nobody tells: STARTED asks for a search."""
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        async with mailbox.idle(renew=0.05) as idle:
            kinds = [(await idle.next()).kind for _ in range(3)]
            assert kinds == [PushKind.STARTED] * 3
            await deliver(dovecot, user, message(1))
            assert (await idle.next()).kind is PushKind.STARTED
        assert await mailbox.search() == [1]


async def test_waiting_under_idle_may_be_cancelled_and_gone_on_with(opened: Connect, dovecot: Dovecot, user: str):
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        async with mailbox.idle() as idle:
            await idle.next()
            waiting = asyncio.create_task(idle.next())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await deliver(dovecot, user, message(1))
            while (await idle.next()).kind is not PushKind.CHANGED:
                pass
        await mailbox.noop()


async def test_a_fault_of_the_callers_under_idle_leaves_the_line_in_order(opened: Connect):
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        with pytest.raises(ZeroDivisionError):
            async with mailbox.idle():
                raise ZeroDivisionError
        await mailbox.noop()


async def test_a_cancelled_call_ends_the_connection(opened: Connect):
    """The answer that comes late would be taken for the next command's; the library leaves the command pending."""
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        calling = asyncio.create_task(mailbox.noop())
        await asyncio.sleep(0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert not mailbox.usable


async def test_a_cancellation_under_idle_ends_the_connection(opened: Connect):
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        begun = asyncio.Event()

        async def watch() -> None:
            async with mailbox.idle() as idle:
                await idle.next()
                begun.set()
                while True:
                    await idle.next()

        watching = asyncio.create_task(watch())
        await begun.wait()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert not mailbox.usable


async def test_a_renewal_beyond_what_servers_keep_is_refused(opened: Connect):
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        with pytest.raises(ValueError, match="at most 1740"):
            async with mailbox.idle(renew=1800):
                pass


async def test_what_imaplib_reads_we_read(opened: Connect, dovecot: Dovecot, user: str):
    """Beside the standard library, message by message."""
    sent = [message(number, lines=number**2) for number in range(30)]
    await deliver(dovecot, user, *sent)
    async with opened() as mailbox:
        await mailbox.open("INBOX")
        found = await fetch_all(mailbox)

    def read() -> list[bytes]:
        with dovecot.client(user) as client:
            client.select()
            assert isinstance(client, imaplib.IMAP4)
            return [client.uid("fetch", str(uid), "(BODY.PEEK[])")[1][0][1] for uid in sorted(found)]

    assert [found[uid].source for uid in sorted(found)] == await asyncio.to_thread(read)
