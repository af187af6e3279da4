"""A daemon, and accounts in it."""

from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path

from jobrunner.services.mailbox.accounts.loading import TABLES, place_of
from jobrunner.services.mailbox.fetching import wake_fetch
from scripts.benchmarks import daemon
from tests.support.dovecot import PASSWORD

OWNER = "ann"
ADD_OWNER = """
INSERT INTO jobrunner.app_user (id, name, email) VALUES ($1, 'Ann', 'ann@example.org') ON CONFLICT DO NOTHING
"""
ACCOUNT = """
INSERT INTO jobrunner.email_account AS a (
    assigned_user_id, name, email_address, host, port, security, username, fetch_since, keep_fetched_emails_unread, idle
)
VALUES ($1, $2, $3, '127.0.0.1', $4, 'none', $2, $5, true, $6)
RETURNING a.id
"""


class Daemon(daemon.Daemon):
    """With accounts that are read."""

    @property
    def files(self) -> Path:
        """The folder of files."""
        return self.folder / "data" / "files"

    async def add_account(self, user: str, port: int, *, idle: bool) -> int:
        """Add an account that reads a user's INBOX and changes nothing there; return its id."""
        await self.connection.execute(ADD_OWNER, OWNER)
        async with self.connection.transaction():
            id: int = await self.connection.fetchval(
                ACCOUNT, OWNER, user, f"{user}@example.org", port, date(2020, 1, 1), idle
            )
            sealed = self.keyring.seal(PASSWORD, place=place_of("Personal", id, "password"))
            await self.connection.execute(
                f"UPDATE jobrunner.{TABLES['Personal']} SET password = $2 WHERE id = $1", id, sealed
            )
        return id

    async def wake(self, account: int) -> None:
        """Have it fetched now."""
        await wake_fetch(self.connection, "Personal", account)


def running(url: str) -> AbstractAsyncContextManager[Daemon]:
    """Give a daemon on a database, not started yet, and end it."""
    return daemon.lent(Daemon, url)
