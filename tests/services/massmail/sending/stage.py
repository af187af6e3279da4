"""A mass e-mail with all that belongs to it, for tests of sending."""

import asyncio
import base64
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from jobrunner.config import Configuration, load
from jobrunner.db.secrets import Keyring
from jobrunner.services.email_templates.rows import add_email_template
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.table import add_account
from jobrunner.services.massmail.campaigns.rows import add_campaign
from jobrunner.services.massmail.lists.members import add_members
from jobrunner.services.massmail.lists.rows import add_target_list
from jobrunner.services.massmail.mass_emails.rows import add_mass_email
from jobrunner.services.massmail.mass_emails.states import start
from jobrunner.services.massmail.sending.run import Report, Run
from tests.services.mail.smtp.scripted_server import USUAL, ScriptedServer

SITE = "https://crm.example.com"
BODY = "<html><body><p>Dear {Person.name}, good news.</p></body></html>"
ADD_CONTACTS = """
INSERT INTO jobrunner.contact (first_name, last_name, email)
SELECT 'F' || e.place - 1, 'L' || e.place - 1, e.email
FROM unnest($1::text[]) WITH ORDINALITY AS e (email, place)
ORDER BY e.place
RETURNING id
"""
KEY = base64.b64encode(bytes(range(32))).decode()


class Stage:
    """One database. By default a mailing goes to `a0@…`, `a1@…` of different domains over two connections."""

    def __init__(self, pool: Any, url: str = "postgresql://not/used") -> None:
        self.pool = pool
        self.configuration: Configuration = load(database_url=url, secret_key=KEY, site_url=SITE)
        self.mailing = 0
        self.account = 0
        self.list = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            yield connection

    async def set(self, **settings: object) -> None:
        for name, value in settings.items():
            await self.pool.execute(
                "INSERT INTO jobrunner.setting (name, value) VALUES ($1, $2)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                name,
                json.dumps(value) if isinstance(value, str) else str(value).lower(),
            )

    async def add_account(self, port: int, **options: Any) -> int:
        given = {
            "kind": "Group",
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "from_address": "news@example.com",
            "from_name": "The News",
            "for_mass_mail": True,
            "max_connections": 2,
            "domain_concurrency": 1000,
        }
        async with self.connect() as connection:
            keyring = Keyring.from_configuration(self.configuration)
            entry = AccountEntry(**{"name": f"news {port}", **given, **options})
            return (await add_account(connection, keyring, entry)).id

    async def add_mailing(
        self,
        port: int,
        people: int | list[str] = 3,
        *,
        name: str = "May",
        body: str = BODY,
        subject: str = "News for {Person.firstName}",
        campaign: str | None = "Newsletter",
        template: dict[str, Any] | None = None,
        account: dict[str, Any] | None = None,
        starts: bool = True,
        **options: Any,
    ) -> int:
        """Add a mailing with everything, Pending and due; return its id."""
        await self.set(mass_email_max_per_hour_count=0)
        self.account = await self.add_account(port, **(account or {}))
        emails = [f"a{n}@d{n}.example.net" for n in range(people)] if isinstance(people, int) else people
        async with self.connect() as connection:
            ids = await connection.fetch(ADD_CONTACTS, emails)
            self.list = (await add_target_list(connection, f"list of {name}", by="ada")).id
            await add_members(connection, self.list, "Contact", [row["id"] for row in ids])
            await add_email_template(connection, name, by="ada", subject=subject, body=body, **(template or {}))
            if campaign is not None:
                await add_campaign(connection, name, by="ada", type=campaign)
            found = await add_mass_email(
                connection,
                name,
                by="ada",
                campaign=name if campaign is not None else None,
                email_template=name,
                smtp_account=(account or {}).get("name", f"news {port}"),
                target_lists=[f"list of {name}"],
                **options,
            )
            if starts:
                await start(connection, found)
        self.mailing = found.id
        return found.id

    async def run(self, **options: Any) -> Report:
        log = logging.getLogger("jobrunner.test")
        return await Run(self.connect, self.configuration, **{"log": log, **options}).send()

    async def counts(self, mailing: int | None = None) -> dict[str, int]:
        rows = await self.pool.fetch(
            "SELECT status::text FROM jobrunner.queue_item WHERE mass_email_id = $1 AND NOT is_test",
            mailing or self.mailing,
        )
        return dict(Counter(row["status"] for row in rows))

    async def item(self, email: str = "a0@d0.example.net") -> Any:
        return await self.pool.fetchrow(
            "SELECT q.*, status::text AS state FROM jobrunner.queue_item AS q"
            " WHERE email_address = $1 ORDER BY id DESC LIMIT 1",
            email,
        )

    async def state(self) -> tuple[str, str | None]:
        row = await self.pool.fetchrow(
            "SELECT status::text, reason FROM jobrunner.mass_email WHERE id = $1", self.mailing
        )
        return row["status"], row["reason"]

    async def log(self) -> list[tuple[str, str, str | None]]:
        rows = await self.pool.fetch(
            "SELECT action::text, string_data, string_additional_data FROM jobrunner.campaign_log"
            " ORDER BY string_data, id"
        )
        return [tuple(row) for row in rows]

    async def come(self, **time: float) -> None:
        """Let what is deferred be due, as if the time had passed."""
        await self.pool.execute("UPDATE jobrunner.queue_item SET next_attempt_at = now() WHERE status = 'Pending'")
        await self.pool.execute("DELETE FROM jobrunner.smtp_account_state")

    async def wakes(self) -> int:
        return await self.pool.fetchval("SELECT count(*) FROM jobrunner.job WHERE name = 'ProcessMassEmail'")


class HoldingServer(ScriptedServer):
    """Waits at the first answer to one step until it is let go."""

    def __init__(self, step: str, **options: Any) -> None:
        super().__init__(**options)
        self.held = asyncio.Event()
        self.goes_on = asyncio.Event()
        self._step = step

    async def _answer(self, writer: asyncio.StreamWriter, action: Any) -> bool:
        if not self.held.is_set() and action == (self._hello() if self._step == "EHLO" else USUAL[self._step]):
            self.held.set()
            await self.goes_on.wait()
        return await super()._answer(writer, action)


def to(address: str, answer: str) -> Callable[[str], str | None]:
    """A script for RCPT: this answer to that address, the usual one to the others."""
    return lambda command: answer if f"<{address}>" in command else None
