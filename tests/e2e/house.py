"""A database, a daemon that is a process of its own and serves HTTP, and somebody who sends mailings by it."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from jobrunner.config import load
from jobrunner.db.secrets import Keyring
from jobrunner.services.email_templates.rows import add_email_template
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.table import add_account
from jobrunner.services.mail.composing.dkim.key import SigningKey, read_key
from jobrunner.services.massmail.campaigns.rows import Campaign, add_campaign
from jobrunner.services.massmail.campaigns.tracking_urls import add_tracking_url
from jobrunner.services.massmail.lists.members import add_members
from jobrunner.services.massmail.lists.rows import add_target_list
from jobrunner.services.massmail.mass_emails.rows import MassEmail, add_mass_email, find_mass_email
from jobrunner.services.massmail.mass_emails.states import start
from jobrunner.services.records import add_contact, add_lead
from tests.support.daemons import DaemonProcess, until
from tests.support.ports import free_port

DOMAIN = "mail.example.com"
SENDER = f"news@{DOMAIN}"
LIST = "Customers"
KEY = base64.b64encode(bytes(range(32))).decode()
PAGES = {
    "Catalogue": "https://shop.example.com/spring?from=mail&page=1",
    "Garden": "https://www.example.com/garden",
    "Recipes": "https://www.example.com/recipes#top",
}


@dataclass(frozen=True)
class Person:
    """Who gets a mailing."""

    first_name: str
    last_name: str
    email: str
    flower: str = "tulips"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


def make_keys() -> tuple[str, str]:
    """PEM texts of an RSA key and of an ed25519 key."""
    pair = (generate_private_key(65537, 2048), Ed25519PrivateKey.generate())
    rsa, ed25519 = (key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() for key in pair)
    return rsa, ed25519


class House:
    """One site; `open` starts its daemon. Keys by selector sign: the first one, and beside it the second."""

    def __init__(self, database_url: str, smtp_port: int, keys: dict[str, str] | None = None) -> None:
        self.connection: asyncpg.Connection[Any]
        self.http = f"http://127.0.0.1:{free_port()}"
        self.keys: dict[str, SigningKey] = {name: read_key(name, pem) for name, pem in (keys or {}).items()}
        self._pems = keys or {}
        self._url = database_url
        self._smtp_port = smtp_port
        self._daemon: DaemonProcess | None = None

    async def open(self, **account: Any) -> None:
        self.connection = await asyncpg.connect(self._url)
        await self.set("mass_email_site_url", self.http)
        await self.set("mass_email_max_per_hour_count", 0)
        await self._add_account(account)
        self._daemon = DaemonProcess(
            self._url,
            imports="json",
            secret_key=KEY,
            http__enabled=True,
            http__port=self.http.rpartition(":")[2],
        )
        await self._daemon.ready()

    async def close(self) -> None:
        try:
            if self._daemon is not None:
                try:
                    assert self._daemon.stop() == 0, self._daemon.log
                finally:
                    self._daemon.kill()
                assert "Traceback" not in self._daemon.log
        finally:
            await self.connection.close()

    async def set(self, name: str, value: object) -> None:
        await self.connection.execute(
            "INSERT INTO jobrunner.setting (name, value) VALUES ($1, $2)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )

    async def add_list(self, persons: Sequence[Person], name: str = LIST) -> None:
        """Half of them contacts, half leads."""
        id = (await add_target_list(self.connection, name, by="ada")).id
        contacts, leads = persons[::2], persons[1::2]
        for kind, add, some in (("Contact", add_contact, contacts), ("Lead", add_lead, leads)):
            ids = [
                await add(self.connection, one.first_name, one.last_name, one.email, fields={"flower": one.flower})
                for one in some
            ]
            await add_members(self.connection, id, kind, ids)  # type: ignore[arg-type]

    async def add_campaign(self, name: str = "Spring") -> dict[str, str]:
        """Add a campaign and return the placeholders of its links by their names."""
        campaign: Campaign = await add_campaign(self.connection, name, by="ada", type="Newsletter")
        return {
            page: (await add_tracking_url(self.connection, campaign, page, url=url)).placeholder
            for page, url in PAGES.items()
        }

    async def send(
        self, name: str, *, subject: str, html: str, text: str | None = None, campaign: str | None = "Spring"
    ) -> MassEmail:
        """Start a mailing to the list."""
        await add_email_template(self.connection, name, by="ada", subject=subject, body=html, plain_body=text)
        found = await add_mass_email(
            self.connection,
            name,
            by="ada",
            campaign=campaign,
            email_template=name,
            smtp_account="news",
            target_lists=[LIST],
            reply_to_address="answers@example.com",
        )
        return await start(self.connection, found)

    async def completed(self, mailing: MassEmail, limit: float = 30.0) -> dict[str, int]:
        """Wait for its end and return how many items are in each state."""
        ended = "SELECT status NOT IN ('Pending', 'In Process') FROM jobrunner.mass_email WHERE id = $1"
        await until(self.connection, ended, mailing.id, limit=limit)
        now = await find_mass_email(self.connection, mailing.name)
        assert now.status == "Complete", (now.status, now.reason)
        return await self.states(mailing)

    async def states(self, mailing: MassEmail) -> dict[str, int]:
        rows = await self.connection.fetch(
            "SELECT status::text, count(*) FROM jobrunner.queue_item WHERE mass_email_id = $1 GROUP BY status",
            mailing.id,
        )
        return dict(rows)

    async def come(self) -> None:
        """Let the mails have been sent an hour ago."""
        await self.connection.execute("UPDATE jobrunner.queue_item SET sent_at = sent_at - interval '1 hour'")

    async def opted_out(self) -> list[str]:
        """Whoever is opted out, of the list or altogether."""
        rows = await self.connection.fetch(
            "SELECT t.email FROM jobrunner.targets() AS t"
            " JOIN jobrunner.target_list_member AS m USING (target_type, target_id)"
            " LEFT JOIN jobrunner.email_address AS e ON e.key = t.address_key"
            " WHERE m.opted_out OR e.opted_out ORDER BY t.email"
        )
        return [email for (email,) in rows]

    def look_up(self, name: bytes, timeout: float = 5) -> bytes:
        """What the sender's name server answers to dkimpy."""
        selector, _, domain = name.decode().partition("._domainkey.")
        assert domain == f"{DOMAIN}."
        return self.keys[selector].dns_record.encode()

    async def _add_account(self, options: dict[str, Any]) -> None:
        configuration = load(database_url=self._url, secret_key=KEY)
        signing: dict[str, Any] = {}
        if self._pems:
            columns = (("dkim_selector", "dkim_key"), ("dkim_second_selector", "dkim_second_key"))
            pairs = list(zip(columns, self._pems.items(), strict=False))
            signing = {"dkim_domain": DOMAIN, **{names[0]: selector for names, (selector, _) in pairs}}
            signing["secrets"] = {names[1]: SecretStr(pem) for names, (_, pem) in pairs}
        entry = AccountEntry(
            name="news",
            kind="Group",
            host="127.0.0.1",
            port=self._smtp_port,
            security="none",
            from_address=SENDER,
            from_name="Garten & Blüten",
            for_mass_mail=True,
            **{"domain_concurrency": 1000, **signing, **options},
        )
        await add_account(self.connection, Keyring.from_configuration(configuration), entry)
