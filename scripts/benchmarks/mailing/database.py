"""Our database: people, lists, the template, two accounts, and settings that hold nothing back."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from pydantic import SecretStr

from jobrunner.db.secrets import Keyring
from jobrunner.db.secrets.key import Key
from jobrunner.definitions import registry
from jobrunner.services.email_templates.rows import add_email_template
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.table import add_account, edit_account
from jobrunner.services.massmail.lists.members import add_members
from jobrunner.services.massmail.lists.rows import add_target_list
from jobrunner.services.massmail.mass_emails import states
from jobrunner.services.massmail.mass_emails.items import ItemCounts, count_items
from jobrunner.services.massmail.mass_emails.rows import MassEmail, add_mass_email, find_mass_email
from scripts.benchmarks.mailing import letter
from scripts.benchmarks.mailing.keys import SELECTOR
from scripts.benchmarks.mailing.recipients import recipients
from scripts.benchmarks.mailing.sizes import CONNECTIONS

UNSIGNED, SIGNED = "unsigned", "signed"
"""The accounts, which differ in the DKIM key only."""
PLACES = {
    "first_name": "{Person.firstName}",
    "last_name": "{Person.lastName}",
    "company": "{Person.accountName}",
    "unsubscribe_url": "{optOutUrl}",
}
TEMPLATE = "November"
WHO = "bench"
FINISHED = ("Complete", "Failed", "Aborted", "Paused")
ADD_LEADS = """
INSERT INTO jobrunner.lead (id, first_name, last_name, account_name, email)
SELECT p.id, p.first_name, p.last_name, p.company, p.email
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS p (id, first_name, last_name, company, email)
"""
NO_HOURLY_LIMIT = """
INSERT INTO jobrunner.setting (name, value, changed_by) VALUES ('mass_email_max_per_hour_count', '0', 'bench')
"""
LEAVE_OUT = """
INSERT INTO jobrunner.seeded_scheduled_job (job) SELECT w.job FROM unnest($1::text[]) AS w (job)
"""


class Database:
    """It, through the services that commands use as well."""

    def __init__(self, url: str, key: str) -> None:
        """`key`: the DKIM key, in PEM."""
        self.url = url
        self.secret_key = Key.new()
        self.connection: Any = None
        self._dkim_key = key
        self._people: list[str] = []
        self._number = 0

    @property
    def keyring(self) -> Keyring:
        """What seals the DKIM key."""
        return Keyring([self.secret_key])

    async def open(self, people: int) -> None:
        """Connect, and put everything in, with so many people."""
        self.connection = await asyncpg.connect(self.url)
        everybody = recipients(people)
        await self.connection.execute(ADD_LEADS, *map(list, zip(*everybody, strict=True)))
        self._people = [one.id for one in everybody]
        await add_email_template(
            self.connection,
            TEMPLATE,
            by=WHO,
            subject=letter.SUBJECT.format(**PLACES),
            body=letter.html_body(PLACES),
            plain_body=letter.text_body(PLACES),
        )
        for name in (UNSIGNED, SIGNED):
            await add_account(self.connection, self.keyring, self._account(name))
        await self.connection.execute(NO_HOURLY_LIMIT)
        # Other jobs' schedules would fire in whoever's turn a minute ends, and load their modules then.
        registry.load()
        others = [one.name for one in registry if one.crontab is not None and one.name != "ProcessMassEmail"]
        await self.connection.execute(LEAVE_OUT, others)
        await self.connection.execute("VACUUM ANALYZE")

    async def close(self) -> None:
        """Disconnect."""
        if self.connection is not None:
            await self.connection.close()

    def _account(self, name: str) -> AccountEntry:
        signing: dict[str, Any] = {}
        if name == SIGNED:
            signing = {
                "dkim_domain": letter.DOMAIN,
                "dkim_selector": SELECTOR,
                "secrets": {"dkim_key": SecretStr(self._dkim_key)},
            }
        return AccountEntry(
            name=name,
            kind="Group",
            host="127.0.0.1",
            port=25,
            security="none",
            local_hostname="bench.example.org",
            from_address=letter.SENDER,
            from_name=letter.SENDER_NAME,
            for_mass_mail=True,
            # No rates, and as many connections as the others have, kept as theirs are.
            max_connections=CONNECTIONS,
            domain_concurrency=CONNECTIONS,
            messages_per_connection=1_000_000,
            **signing,
        )

    async def lead_to(self, port: int) -> None:
        """Let both accounts send to that port."""
        for name in (UNSIGNED, SIGNED):
            await edit_account(self.connection, self.keyring, name, {"port": port})

    async def add_list(self, count: int) -> str:
        """Return the name of a list of so many people; it is made when first asked for."""
        name = f"The first {count}"
        exists = "SELECT EXISTS (SELECT FROM jobrunner.target_list AS l WHERE l.name = $1)"
        if not await self.connection.fetchval(exists, name):
            made = await add_target_list(self.connection, name, by=WHO)
            await add_members(self.connection, made.id, "Lead", self._people[:count])
        return name

    async def draft(self, count: int, account: str) -> MassEmail:
        """Return a mass e-mail to so many people, ready to be started."""
        self._number += 1
        mass_email = await add_mass_email(
            self.connection,
            f"Mailing {self._number}",
            by=WHO,
            target_lists=[await self.add_list(count)],
            email_template=TEMPLATE,
            smtp_account=account,
        )
        await states.check_ready(self.connection, mass_email, site_url=letter.SITE, system_sender=None)
        return mass_email

    async def start(self, mass_email: MassEmail) -> None:
        """Start it, as `jobrunner mass-email start` does; committed at the return."""
        await states.start(self.connection, mass_email)

    async def is_finished(self, mass_email: MassEmail) -> bool:
        """Whether nothing more comes of it."""
        status: str = await self.connection.fetchval(
            "SELECT m.status FROM jobrunner.mass_email AS m WHERE m.id = $1", mass_email.id
        )
        return status in FINISHED

    async def counts(self, mass_email: MassEmail) -> tuple[MassEmail, ItemCounts]:
        """Return what has become of it and of its items."""
        found = await find_mass_email(self.connection, str(mass_email.id))
        return found, await count_items(self.connection, mass_email.id)

    async def fetch(self, statement: str, *values: object) -> Sequence[Any]:
        """Run a statement of the benchmark's own."""
        rows: Sequence[Any] = await self.connection.fetch(statement, *values)
        return rows
