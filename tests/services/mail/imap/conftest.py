"""A Dovecot for the run, accounts for its users, and scripted servers."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from jobrunner.services.mail.imap import Account, Limits, connect
from jobrunner.services.mail.imap.session import Session
from tests.services.mail.imap.scripted_server import ScriptedServer
from tests.support.dovecot import PASSWORD, Dovecot

QUICK = Limits(connect=5, silence=5, command=10, farewell=0.5)
"""For servers that are there; what runs out in a test is set there."""

Accounts = Callable[..., Account]
Connect = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture(scope="session")
def started_dovecot(authority: trustme.CA) -> Iterator[Callable[[Path], Dovecot]]:
    started: list[Dovecot] = []

    def start(program: Path) -> Dovecot:
        if not started:
            started.append(Dovecot.start(program, authority, idle_notify=1))
        return started[0]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def dovecot(require_tool: Callable[..., Path], started_dovecot: Callable[[Path], Dovecot]) -> Dovecot:
    """A real server, the same for all tests; each uses a `new_user`."""
    program = require_tool("dovecot", "dovecot-imapd")
    if not Path("/usr/lib/dovecot/imap").exists():
        require_tool("dovecot's imap", "dovecot-imapd")
    return started_dovecot(program)


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


def make_account(port: int, **options: Any) -> Account:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "username": "ann",
        "password": SecretStr(PASSWORD),
        "security": "none",
        "limits": QUICK,
    } | options
    return Account(port=port, **values)


@pytest.fixture
def account(dovecot: Dovecot, user: str, client_tls: ssl.SSLContext) -> Accounts:
    """Accounts of the test's user at Dovecot."""

    def make(**options: Any) -> Account:
        port = dovecot.tls_port if options.get("security") == "ssl" else dovecot.port
        return make_account(**{"port": port, "username": user, "tls_context": client_tls} | options)

    return make


@pytest.fixture
def opened(account: Accounts) -> Connect:
    """Mailboxes of the test's user, as contexts."""

    @asynccontextmanager
    async def open_one(**options: Any) -> AsyncIterator[Session]:
        mailbox = await connect(account(**options))
        try:
            yield mailbox
        finally:
            await mailbox.logout()

    return open_one


@asynccontextmanager
async def scripted(
    script: Any = None, *, server: dict[str, Any] | None = None, folder: str | None = "INBOX", **options: Any
) -> AsyncIterator[tuple[ScriptedServer, Session]]:
    """A scripted server, and a mailbox at it with a folder open."""
    async with ScriptedServer(script or {}, **(server or {})) as served:
        mailbox = await connect(make_account(served.port, **options))
        try:
            if folder is not None:
                await mailbox.open(folder)
            yield served, mailbox
        finally:
            mailbox.drop()
