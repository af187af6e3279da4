"""A mailing that was sent to one contact, the pages in front of it on a real port, and clients that keep no cookies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from jobrunner.config import load
from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Key, Keyring, signing_keys
from jobrunner.services.massmail.links import Links
from jobrunner.services.massmail.tokens import PURPOSE, Tokens
from jobrunner.web.service import Web

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
SECRET = Key.new().text


@dataclass
class Mailing:
    """Rows, and the links of the mail that was sent."""

    connection: Any
    links: Links
    id: int
    list_ids: list[int]
    item_id: int
    item: UUID
    urls: list[int] = field(default_factory=list)

    @property
    def unsubscribe(self) -> str:
        return self.links.unsubscribe(self.item)

    @property
    def open(self) -> str:
        return self.links.open(self.item)

    def click(self, number: int = 0) -> str:
        return self.links.click(self.item, self.urls[number])

    async def log(self, *actions: str) -> list[tuple[str, str]]:
        """What was logged of the item: action and who."""
        rows = await self.connection.fetch(
            "SELECT action::text, source::text FROM jobrunner.campaign_log WHERE queue_item_id = $1 ORDER BY id",
            self.item_id,
        )
        return [(row["action"], row["source"]) for row in rows if not actions or row["action"] in actions]

    async def lists_left(self, target_id: str = "c1") -> list[bool]:
        """The flags of a contact in the lists of the mailing, in order."""
        rows = await self.connection.fetch(
            "SELECT opted_out FROM jobrunner.target_list_member WHERE target_list_id = ANY($1) AND target_id = $2"
            " ORDER BY target_list_id",
            self.list_ids,
            target_id,
        )
        return [row["opted_out"] for row in rows]

    async def address_is_out(self) -> bool:
        found = await self.connection.fetchval(
            "SELECT opted_out FROM jobrunner.email_address WHERE key = 'zoe@example.org'"
        )
        return bool(found)

    async def change(self, statement: str) -> None:
        """Change the mailing or its item, whose ids are $1 and $2."""
        await self.connection.execute(f"WITH given AS (SELECT $1::bigint AS mailing, $2::bigint AS item) {statement}")


async def set_up(connection: Any, links: Links) -> Mailing:
    add = connection.fetchval
    campaign = await add("INSERT INTO jobrunner.campaign (name) VALUES ('Spring') RETURNING id")
    template = await add("INSERT INTO jobrunner.email_template (name, subject) VALUES ('News', 'News') RETURNING id")
    lists = [
        await add("INSERT INTO jobrunner.target_list (name) VALUES ($1) RETURNING id", name)
        for name in ("Customers", "Friends")
    ]
    await connection.execute(
        "INSERT INTO jobrunner.contact (id, first_name, last_name, email, language) VALUES"
        " ('c1', 'Zoë', 'Blau', 'Zoe@Example.org', NULL), ('c2', 'Zoë', 'Again', 'zoe@example.ORG', NULL),"
        " ('c3', 'Somebody', 'Else', 'else@example.org', NULL)"
    )
    for id in lists:
        await connection.execute(
            "INSERT INTO jobrunner.target_list_member (target_list_id, target_type, target_id)"
            " SELECT $1, 'Contact', c.id FROM jobrunner.contact AS c",
            id,
        )
    mailing = await add(
        "INSERT INTO jobrunner.mass_email (name, campaign_id, email_template_id) VALUES ('March', $1, $2) RETURNING id",
        campaign,
        template,
    )
    await connection.executemany(
        "INSERT INTO jobrunner.mass_email_list (mass_email_id, target_list_id) VALUES ($1, $2)",
        [(mailing, id) for id in lists],
    )
    item = await connection.fetchrow(
        "INSERT INTO jobrunner.queue_item (mass_email_id, target_type, target_id, email_address, address_key, status,"
        " attempt_count, sent_at, finished_at) VALUES ($1, 'Contact', 'c1', 'Zoe@Example.org', 'zoe@example.org',"
        " 'Sent', 1, now() - interval '1 hour', now() - interval '1 hour') RETURNING id, token",
        mailing,
    )
    urls = [
        await add(
            "INSERT INTO jobrunner.tracking_url (campaign_id, name, url) VALUES ($1, $2, $3) RETURNING id",
            campaign,
            f"link {number}",
            f"https://shop.example.org/{number}?a=1&b=2",
        )
        for number in range(4)
    ]
    return Mailing(connection, links, mailing, lists, item["id"], item["token"], urls)


@dataclass
class Site:
    """The pages on a port of their own."""

    web: Web
    client: httpx.AsyncClient

    @property
    def port(self) -> int:
        assert self.web.server.port is not None
        return self.web.server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hear(self, user: str) -> None:
        """Tell the pages of a user that something has changed, as a listener does."""
        self.web.hub.notified(user)

    async def hits_are_stored(self) -> None:
        """Wait until the hits that were noted are stored."""
        await self.web.hits.passed()
        assert self.web.hits.waiting == 0


@asynccontextmanager
async def serve(
    database_url: str,
    *,
    secret_key: str | None = SECRET,
    secret_key_file: Path | None = None,
    site_url: str | None = "https://crm.example.com",
    **http: Any,
) -> AsyncIterator[Site]:
    configuration = load(
        database_url=database_url,
        secret_key=secret_key,
        secret_key_file=secret_key_file,
        http={"port": 0, **http},
        **({} if site_url is None else {"site_url": site_url}),
    )
    connections = [Connection(database_url, name, limit=10) for name in ("web", "hits", "popups")]
    web = Web(configuration, connections[0], connections[1], list, popups_connection=connections[2])
    async with web, httpx.AsyncClient(headers={"User-Agent": FIREFOX}, timeout=20) as client:
        yield Site(web, client)
    for connection in connections:
        await connection.close()


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with serve(database_url) as running:
        yield running


@pytest.fixture
async def mailing(site: Site, connection: Any) -> Mailing:
    keyring = Keyring([Key.parse(SECRET, "the key")])
    tokens = Tokens(await signing_keys(connection, keyring, PURPOSE))
    return await set_up(connection, Links(f"http://127.0.0.1:{site.port}", tokens))
