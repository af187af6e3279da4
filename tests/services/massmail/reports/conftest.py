"""A mailing that was sent, and the group account that its reports come to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.db.secrets import Keyring, signing_keys
from jobrunner.services.mail.importing.staging import INCOMING
from jobrunner.services.mail.importing.storing import AccountRef, Importer
from jobrunner.services.massmail.reports.claimant import MailingReports
from jobrunner.services.massmail.reports.settling import Settled, settle_report
from jobrunner.services.massmail.tokens import PURPOSE, Tokens
from tests.services.mail.importing.storing.conftest import Office
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.reports.shapes import Sent
from tests.services.massmail.sending.stage import Stage

REPORTS = "SELECT *, kind::text AS what, verdict::text AS judged FROM jobrunner.mailing_report ORDER BY id"


class Returns(Office):
    """Sends mailings, and takes what comes back."""

    def __init__(self, connection: Any, root: Path, stage: Stage, tokens: Tokens) -> None:
        super().__init__(connection, root)
        self.stage = stage
        self.tokens = tokens
        self.account: AccountRef | None = None
        self.importer = Importer(root, claimant=MailingReports(tokens))
        self._uid = 0

    async def send(self, people: int = 1, **options: Any) -> list[Sent]:
        """Send a mailing to so many; what went out, in the order of the addresses."""
        async with ScriptedServer() as server:
            await self.stage.add_mailing(server.port, people, **options)
            await self.stage.run()
        assert len(server.messages) == people
        sent = [
            Sent(m.sender.split(">")[0].strip("<"), m.recipients[0].strip("<>").split(">")[0], m.data)
            for m in server.messages
        ]
        return sorted(sent, key=lambda one: one.recipient)

    async def come(self, source: bytes) -> str:
        """Let a message arrive; what became of it."""
        if self.account is None:
            self.account = await self.group("News")
        self._uid += 1
        (outcome,) = await self.take(self.account, source, first=self._uid)
        return outcome.result

    async def settle(self) -> list[Settled]:
        """Settle what was not."""
        settled = []
        for id in await self.column("SELECT id FROM jobrunner.mailing_report WHERE settled_at IS NULL ORDER BY id"):
            async with self.connection.transaction():
                one = await settle_report(self.connection, id)
            assert one is not None
            settled.append(one)
        return settled

    async def reports(self) -> list[tuple[str, str | None, str]]:
        return [(row["what"], row["judged"], row["evidence"]) for row in await self.connection.fetch(REPORTS)]

    async def is_invalid(self, address: str) -> bool:
        return bool(
            await self.column("SELECT invalid FROM jobrunner.email_address WHERE key = $1 AND invalid", address)
        )

    async def log(self) -> list[tuple[str, str | None]]:
        return [(action, extra) for action, _, extra in await self.stage.log() if action != "Sent"]


@pytest.fixture
async def returns(connection: "asyncpg.Connection[Any]", database_url: str, tmp_path: Path) -> AsyncIterator[Returns]:
    (tmp_path / INCOMING).mkdir()
    async with asyncpg.create_pool(database_url, min_size=0, max_size=10) as pool:
        stage = Stage(pool, database_url)
        keyring = Keyring.from_configuration(stage.configuration)
        yield Returns(connection, tmp_path, stage, Tokens(await signing_keys(connection, keyring, PURPOSE)))
