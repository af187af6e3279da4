"""Accounts at a real Dovecot, and runs for them."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration, load
from jobrunner.db.pool import Pool
from jobrunner.db.secrets import Keyring
from jobrunner.services.mail.importing.storing.outcome import Kind
from jobrunner.services.mailbox.accounts.loading import TABLES, place_of
from jobrunner.services.mailbox.fetching import FetchRun, Report
from tests.services.mail.imap.conftest import QUICK, dovecot, started_dovecot, user
from tests.services.mail.importing.letters import letter
from tests.support.dovecot import PASSWORD, Dovecot

__all__ = ["dovecot", "started_dovecot", "user"]

KEY = "q83vEjRWeJC6qrq6qrq6qrq6qrq6qrq6qrq6qrq6qro="


class PostOffice:
    """Accounts, runs, and what came of them."""

    def __init__(self, connection: Any, pool: Pool, url: str, configuration: Configuration, dovecot: Dovecot) -> None:
        self.url = url
        self.connection = connection
        self.pool = pool
        self.configuration = configuration
        self.keyring = Keyring.from_configuration(configuration)
        self.dovecot = dovecot

    @property
    def connect(self) -> Callable[[], AbstractAsyncContextManager[Any]]:
        return self.pool.connection

    async def account(self, username: str, *, kind: Kind = "Personal", password: str = PASSWORD, **columns: Any) -> int:
        table = TABLES[kind]
        values: dict[str, Any] = {
            "name": f"of {username}",
            "email_address": f"{username}@example.org",
            "host": "127.0.0.1",
            "port": self.dovecot.port,
            "security": "none",
            "username": username,
            "fetch_since": date(2020, 1, 1),
        } | columns
        if kind == "Personal":
            values.setdefault("assigned_user_id", "ann")
            await self.connection.execute(
                "INSERT INTO jobrunner.app_user (id, name, email) VALUES ($1, 'Ann', 'ann@example.org')"
                " ON CONFLICT DO NOTHING",
                values["assigned_user_id"],
            )
        names, places = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        id: int = await self.connection.fetchval(
            f"INSERT INTO jobrunner.{table} ({names}) VALUES ({places}) RETURNING id", *values.values()
        )
        sealed = self.keyring.seal(password, place=place_of(kind, id, "password"))
        await self.connection.execute(f"UPDATE jobrunner.{table} SET password = $2 WHERE id = $1", id, sealed)
        return id

    def run(self, id: int, *, kind: Kind = "Personal", **options: Any) -> FetchRun:
        return FetchRun(self.connect, self.configuration, kind, id, **{"limits": QUICK, **options})

    async def fetch(self, id: int, **options: Any) -> Report:
        return await self.run(id, **options).fetch()

    async def subjects(self) -> list[str]:
        """Of all mails, in the order in which they came in."""
        return [
            row["subject"] for row in await self.connection.fetch("SELECT subject FROM jobrunner.email ORDER BY id")
        ]

    async def state(self, id: int, kind: Kind = "Personal") -> Any:
        return await self.connection.fetchrow(
            "SELECT * FROM jobrunner.mail_account_state WHERE account_kind = $1 AND account_id = $2", kind, id
        )

    def deliver(self, user: str, *subjects: str, folder: str = "INBOX") -> None:
        self.dovecot.deliver(user, letters(subjects), folder)


def letters(subjects: Iterable[str]) -> list[bytes]:
    """A message for each subject, with an id of its own."""
    return [letter(subject=one, message_id=f"<{one.replace(' ', '-')}@example.com>") for one in subjects]


@pytest.fixture
def configuration(database_url: str, tmp_path: Path) -> Configuration:
    return load(database_url=database_url, migrate_on_start=False, data_dir=tmp_path / "data", secret_key=KEY)


@pytest.fixture
async def office(
    connection: "asyncpg.Connection[Any]", database_url: str, configuration: Configuration, dovecot: Dovecot
) -> AsyncIterator[PostOffice]:
    async with Pool(database_url, size=4) as pool:
        yield PostOffice(connection, pool, database_url, configuration, dovecot)
