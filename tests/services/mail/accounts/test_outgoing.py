"""One account as a run uses it: allowance, connections, results, and refresh tokens that are replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from jobrunner.services.mail import patience
from jobrunner.services.mail.accounts import Outgoing, SendingAccount, keeping_token, load_account, pause
from jobrunner.services.mail.accounts import outgoing as outgoing_module
from jobrunner.services.mail.accounts.limits import NO_LIMITS, Limits
from jobrunner.services.mail.accounts.state import read_states
from jobrunner.services.mail.accounts.table import add_account
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.smtp import Account, Envelope, Outcome, Phase, Pools, Result
from jobrunner.services.mail.smtp.outcome import judge
from tests.services.mail.accounts.books import KEYRING, entry
from tests.services.mail.oauth.test_tokens import Provider, running
from tests.services.mail.smtp.scripted_server import ScriptedServer

MESSAGE = b"Subject: x\r\n\r\n"
ENVELOPE = Envelope(parse_address("a@example.org"), parse_address("b@example.org"))
TAKEN = Result(Outcome.ACCEPTED, Phase.DOT, "ok", 250)
BROKEN = Result(Outcome.CONNECTION, Phase.DATA, "closed")


class Database:
    """Lends one connection, and is away for a while when told so."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.away = 0
        self.lent = 0
        self.asked = asyncio.Event()
        self.lends = asyncio.Event()
        self.lends.set()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        if self.away:
            self.away -= 1
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        self.asked.set()
        await self.lends.wait()
        self.lent += 1
        yield self.connection


@pytest.fixture
def database(connection: Any) -> Database:
    return Database(connection)


def outgoing(database: Database, limits: Limits = NO_LIMITS, **smtp: Any) -> Outgoing:
    account = SendingAccount(
        "system",
        "system",
        "System",
        Account("127.0.0.1", **({"port": 1, "security": "none"} | smtp)),
        Mailbox(parse_address("crm@example.org")),
        limits=limits,
    )
    return Outgoing(account, KEYRING, database.connect, pools=Pools())


async def state(database: Database) -> str:
    found = (await read_states(database.connection, ["system"])).get("system")
    if found is None:
        return "well"
    waits = (found.paused_kind, found.cooling_until and "cooling", found.retry_at and "retry")
    return next((word for word in waits if word), "well")


async def counted(database: Database) -> int:
    number: int = await database.connection.fetchval(
        "SELECT counted FROM jobrunner.mail_rate WHERE account = 'system' AND scope = ''"
    )
    return number


async def test_a_few_are_reserved_at_once_and_what_is_left_is_given_back(database: Database) -> None:
    ours = outgoing(database)
    async with ours.open():
        for _ in range(3):
            assert await ours.may_send()
        assert database.lent == 1
        assert await counted(database) == outgoing_module.STOCK
        ours.put_back()
    assert await counted(database) == 2


async def test_what_is_put_back_while_more_is_reserved_is_not_lost(database: Database) -> None:
    ours = outgoing(database)
    async with ours.open():
        for _ in range(outgoing_module.STOCK):
            assert await ours.may_send()
        database.asked.clear()
        database.lends.clear()
        another = asyncio.create_task(ours.may_send())
        await database.asked.wait()
        ours.put_back()
        database.lends.set()
        assert await another
    assert await counted(database) == outgoing_module.STOCK


async def test_it_says_why_and_for_how_long_nothing_is_to_be_sent(database: Database) -> None:
    ours = outgoing(database, Limits(rate_per_hour=1))
    async with ours.open():
        assert await ours.may_send()
        assert not await ours.may_send()
        assert not await ours.may_send()
        assert ours.held == "as many mails were sent as its rate allows"
        wait = await ours.wait()
        assert wait is not None
        assert timedelta(minutes=55) < wait <= timedelta(hours=1)


async def test_a_pause_holds_it_and_there_is_nothing_to_wait_for(database: Database) -> None:
    await pause(database.connection, "system", "person", "we move house")
    ours = outgoing(database)
    async with ours.open():
        assert not await ours.may_send()
    assert ours.held == "we move house"
    assert await ours.wait() is None


async def test_who_is_to_stop_waits_no_longer(database: Database) -> None:
    ours = outgoing(database, Limits(rate_per_minute=7))
    looks = 0

    def goes_on() -> bool:
        nonlocal looks
        looks += 1
        return looks < 4

    async with ours.open():
        assert await ours.may_send()
        assert not await ours.may_send(goes_on)
    assert ours.held is None


@pytest.mark.parametrize(
    ("result", "after", "held", "back"),
    [
        (TAKEN, "well", False, False),
        (judge(Phase.RCPT, 550, "5.1.1 unknown"), "well", False, False),
        (judge(Phase.RCPT, 450, "4.2.0 later"), "well", False, False),
        (judge(Phase.MAIL, 553, "5.1.8 sender"), "well", False, True),
        (judge(Phase.DOT, 451, "4.7.28 too many"), "cooling", True, True),
        (judge(Phase.DOT, 550, "5.4.5 quota"), "quota", True, True),
        (judge(Phase.LOGIN, 535, "5.7.8 wrong"), "authentication", True, True),
        (judge(Phase.LOGIN, 454, "4.7.0 later"), "retry", True, True),
        (Result(Outcome.CONNECTION, Phase.CONNECT, "refused"), "retry", True, True),
        (BROKEN, "retry", False, True),
        (Result(Outcome.UNKNOWN, Phase.DOT, "closed"), "well", False, False),
        (Result(Outcome.LOCAL, Phase.IDLE, "no address"), "well", False, True),
        (Result(Outcome.UNSUPPORTED, Phase.MAIL, "too large"), "well", False, True),
    ],
)
async def test_what_a_result_means(database: Database, result: Result, after: str, held: bool, back: bool) -> None:
    ours = outgoing(database)
    async with ours.open():
        assert await ours.may_send()
        reason = await ours.observe(result)
    assert await state(database) == after
    assert (reason, ours.held) == ((str(result),) * 2 if held else (None, None))
    assert await counted(database) == (0 if back else 1)


async def test_three_broken_lines_in_a_row_are_enough(database: Database) -> None:
    ours = outgoing(database)
    assert [await ours.observe(result) for result in (BROKEN, BROKEN, TAKEN, BROKEN, BROKEN)] == [None] * 5
    assert await ours.observe(BROKEN) == "3 attempts in a row broke off, the last: closed"
    assert await ours.observe(BROKEN) is None, "it is no news"
    assert not await ours.may_send()


async def test_lines_that_broke_after_the_message_three_times_in_a_row_have_the_account_wait(
    database: Database,
) -> None:
    """One of them says nothing of the server; without a wait nobody would see why the run has given up."""
    ours, broken = outgoing(database), Result(Outcome.UNKNOWN, Phase.DOT, "closed")
    assert [await ours.observe(broken) for _ in range(2)] == [None, None]
    assert await state(database) == "well"
    assert await ours.observe(broken) == "3 attempts in a row broke off, the last: closed"
    assert await state(database) == "retry"
    now = await ours.look()
    assert now.held is not None
    assert "3 attempts in a row broke off" in now.held
    assert now.wait is not None
    assert now.wait <= timedelta(seconds=10)


async def test_of_successes_the_first_one_is_noted_and_that_after_trouble(database: Database) -> None:
    ours = outgoing(database)
    for _ in range(5):
        await ours.observe(TAKEN)
    assert database.lent == 1
    await ours.observe(BROKEN)
    assert await state(database) == "retry"
    await ours.observe(TAKEN)
    assert await state(database) == "well"


async def test_a_refused_login_is_noted_once_the_database_is_back(database: Database) -> None:
    """F11."""
    database.away = 2
    await outgoing(database).observe(judge(Phase.LOGIN, 535, "5.7.8 wrong"))
    assert await state(database) == "authentication"


async def test_a_database_that_stays_away_is_told_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """F11."""
    monkeypatch.setattr(patience.persist, "__defaults__", (0.05,))
    database.away = 1000
    with pytest.raises(asyncpg.CannotConnectNowError):
        await outgoing(database).observe(BROKEN)


async def test_it_ends_all_the_same_where_the_database_is_away(database: Database) -> None:
    ours = outgoing(database)
    async with ours.open():
        assert await ours.may_send()
        database.away = 1000


# Refresh tokens


@asynccontextmanager
async def token_account(connection: Any, provider: Provider, port: int) -> AsyncIterator[SendingAccount]:
    given = entry(
        host="127.0.0.1",
        port=port,
        security="none",
        login="xoauth2",
        oauth_token_url=provider.url,
        oauth_client_id="app",
        secrets={"oauth_refresh_token": SecretStr("canary-0")},
    )
    key = (await add_account(connection, KEYRING, given)).key
    yield await load_account(connection, KEYRING, key)


async def stored(connection: Any, account: SendingAccount) -> str:
    oauth = (await load_account(connection, KEYRING, account.key)).smtp.oauth
    assert oauth is not None
    return oauth.refresh_token.get_secret_value()


def rotating() -> Provider:
    return Provider(lambda n: {"access_token": f"token-{n}", "expires_in": 0, "refresh_token": f"canary-{n}"})


async def send(account: SendingAccount) -> Outcome:
    async with Pools().lend(account.smtp) as pool, pool.connection() as transport:
        return (await transport.send(MESSAGE, ENVELOPE)).outcome


async def test_a_refresh_token_that_is_replaced_is_stored_before_it_is_needed(database: Database) -> None:
    """Killed at its very login, the account has the token that is good."""
    here = database.connection
    async with (
        running(rotating(), None) as provider,
        ScriptedServer(auth="XOAUTH2") as server,
        token_account(here, provider, server.port) as account,
    ):
        ours = Outgoing(account, KEYRING, database.connect, pools=Pools())
        reached = server.reached.setdefault("connection 1", asyncio.Event())
        async with ours.open() as pool, pool.connection() as transport:
            sending = asyncio.create_task(transport.send(MESSAGE, ENVELOPE))
            await reached.wait()
            assert await stored(here, account) == "canary-1"
            assert (await sending).outcome is Outcome.ACCEPTED


async def test_what_could_not_be_stored_at_once_is_stored_at_the_end(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """F11, H21."""
    here = database.connection
    async with (
        running(rotating(), None) as provider,
        ScriptedServer(auth="XOAUTH2") as server,
        token_account(here, provider, server.port) as account,
    ):
        async with keeping_token(account, KEYRING, database.connect):
            provider.on_asked = lambda: setattr(database, "away", 2)
            assert await send(account) is Outcome.ACCEPTED
            provider.on_asked = lambda: None
            assert await stored(here, account) == "canary-0"
        assert await stored(here, account) == "canary-1"
    assert "could not be stored yet: the database system is starting up" in caplog.text
    assert "canary" not in caplog.text


async def test_what_others_were_given_meanwhile_is_stored_at_the_beginning(database: Database) -> None:
    here = database.connection
    async with (
        running(rotating(), None) as provider,
        ScriptedServer(auth="XOAUTH2") as server,
        token_account(here, provider, server.port) as account,
    ):
        assert await send(account) is Outcome.ACCEPTED
        async with keeping_token(account, KEYRING, database.connect):
            assert await stored(here, account) == "canary-1"


async def test_where_the_database_stays_away_it_is_kept_for_the_next_time(database: Database) -> None:
    here = database.connection
    async with (
        running(rotating(), None) as provider,
        ScriptedServer(auth="XOAUTH2") as server,
        token_account(here, provider, server.port) as account,
    ):
        async with keeping_token(account, KEYRING, database.connect):
            provider.on_asked = lambda: setattr(database, "away", 3)
            await send(account)
            provider.on_asked = lambda: None
        async with keeping_token(account, KEYRING, database.connect):
            assert await stored(here, account) == "canary-1"
