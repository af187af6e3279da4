"""Processes that share an account at a provider which takes each refresh token once, as the large ones do."""

import asyncio
import signal
import sys
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from jobrunner.services.mail.accounts import load_account
from jobrunner.services.mail.accounts.table import add_account
from tests.services.mail.accounts.books import KEYRING, entry
from tests.services.mail.oauth.test_tokens import Provider, running

LIMIT = 30.0


class Strict(Provider):
    """Gives an access token that is over at once, and a new refresh token; the former one is good no more."""

    def __init__(self) -> None:
        super().__init__()
        self.good = "canary-0"
        self.answers = 0
        self.hold: asyncio.Event | None = None
        """Whose answer is held back until it is set, once the token is replaced."""
        self.replaced = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if form["refresh_token"] != self.good:
            return web.json_response({"error": "invalid_grant", "error_description": "used before"}, status=400)
        self.answers += 1
        self.good = f"canary-{self.answers}"
        self.replaced.set()
        if self.hold is not None:
            await self.hold.wait()
        given = {"access_token": f"token-{self.answers}", "expires_in": 0, "refresh_token": f"canary-{self.answers}"}
        return web.json_response(given)


async def add(connection: Any, provider: Provider) -> str:
    given = entry(
        login="xoauth2",
        oauth_token_url=provider.url,
        oauth_client_id="app",
        secrets={"oauth_refresh_token": SecretStr("canary-0")},
    )
    return (await add_account(connection, KEYRING, given)).key


async def start(url: str, key: str, times: int) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.services.mail.accounts.token_user", url, key, str(times))
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def said(process: asyncio.subprocess.Process) -> list[str]:
    async with asyncio.timeout(LIMIT):
        out, _ = await process.communicate()
    return out.decode().split("\n")[:-1]


async def stored(connection: Any, key: str) -> str:
    oauth = (await load_account(connection, KEYRING, key)).smtp.oauth
    assert oauth is not None
    return oauth.refresh_token.get_secret_value()


async def test_two_processes_use_a_refresh_token_in_turns(connection: Any, database_url: str) -> None:
    """None of the forty logins is refused, though every one has the token replaced."""
    async with running(Strict(), None) as provider:
        assert isinstance(provider, Strict)
        key = await add(connection, provider)
        processes = [await start(database_url, key, 20) for _ in range(2)]
        lines = await said(processes[0]) + await said(processes[1])
        assert sorted(lines) == sorted(f"token-{n}" for n in range(1, 41))
        assert await stored(connection, key) == provider.good == "canary-40"
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.oauth_turn") == 0


@pytest.mark.parametrize("lost", [True, False])
async def test_a_process_dies_between_the_answer_and_the_write(connection: Any, database_url: str, lost: bool) -> None:
    """The provider gave a new token that nobody has: that is told. Where it still takes the former one all is well."""
    async with running(Strict(), None) as provider:
        assert isinstance(provider, Strict)
        key = await add(connection, provider)
        hold = provider.hold = asyncio.Event()
        dying = await start(database_url, key, 1)
        async with asyncio.timeout(LIMIT):
            await provider.replaced.wait()
        dying.send_signal(signal.SIGKILL)
        assert await said(dying) == []
        provider.hold = None
        hold.set()
        if not lost:
            provider.good = "canary-0"
        # Its turn is over in a while; here at once.
        await connection.execute("UPDATE jobrunner.oauth_turn SET expires_at = clock_timestamp() + interval '0.5 s'")
        (line,) = await said(await start(database_url, key, 1))
        if lost:
            assert line.startswith("ERROR the login provider 127.0.0.1 refuses access (HTTP 400): invalid_grant: used")
            assert line.endswith("have the access granted anew, and enter its refresh token")
            assert await stored(connection, key) == "canary-0"
        else:
            assert line == "token-2"
            assert await stored(connection, key) == provider.good
