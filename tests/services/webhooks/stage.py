"""Webhooks, endpoints at which they arrive, and runs for them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
from aiohttp import web

from jobrunner.config import Configuration, load
from jobrunner.db.pool import prepare
from jobrunner.db.secrets import Keyring
from jobrunner.queue.settings import set_setting
from jobrunner.services.webhooks.sending.run import Report, Run
from jobrunner.services.webhooks.settings import WebhookSettings, load_webhook_settings
from jobrunner.services.webhooks.table import WebhookEntry, add_webhook

KEY = "q83vEjRWeJC6qrq6qrq6qrq6qrq6qrq6qrq6qrq6qro="
LIMIT = 20.0
SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
"""
"""Whether anybody in this database waits for a lock; in pg_locks are those of other tests, too."""


@dataclass
class Arrival:
    """One request at an endpoint."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> list[Any]:
        """What was told, whatever the format."""
        told = json.loads(self.body)
        return told if isinstance(told, list) else [told["data"]]

    @property
    def numbers(self) -> list[int]:
        return [one["n"] for one in self.data]


Answer = Callable[[Arrival], web.Response | Awaitable[web.Response]]


class Endpoints:
    """A server on loopback: each path is an endpoint, which answers 200 unless it was told otherwise."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.answers: dict[str, Answer] = {}
        self.port = 0
        self._arrived = asyncio.Condition()
        self.closing = asyncio.Event()

    def at(self, path: str) -> list[Arrival]:
        return [one for one in self.arrivals if one.path == path]

    def numbers(self, path: str) -> list[int]:
        """What arrived at a path, in order."""
        return [number for one in self.at(path) for number in one.numbers]

    def url(self, path: str = "/a") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def until(self, reached: Callable[[], Any], limit: float = LIMIT) -> None:
        """Wait until something holds that only arrivals can change."""
        async with asyncio.timeout(limit), self._arrived:
            await self._arrived.wait_for(reached)

    async def hang(self, arrival: Arrival) -> web.Response:
        """Never answer."""
        await self.closing.wait()
        return web.Response()

    async def handle(self, request: web.Request) -> web.Response:
        arrival = Arrival(request.path, {k.lower(): v for k, v in request.headers.items()}, await request.read())
        async with self._arrived:
            self.arrivals.append(arrival)
            self._arrived.notify_all()
        answer = self.answers.get(request.path)
        if answer is None:
            return web.Response(text="thanks")
        answered = answer(arrival)
        return answered if isinstance(answered, web.Response) else await answered


@asynccontextmanager
async def serving() -> AsyncIterator[Endpoints]:
    endpoints = Endpoints()
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/{path:.*}", endpoints.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoints.port = runner.addresses[0][1]
    try:
        yield endpoints
    finally:
        endpoints.closing.set()
        await runner.cleanup()


class Stage:
    """A database with webhooks."""

    def __init__(self, pool: Any, url: str, endpoints: Endpoints) -> None:
        self.pool = pool
        self.url = url
        self.endpoints = endpoints
        self.configuration: Configuration = load(database_url=url, secret_key=KEY)
        self.keyring = Keyring.from_configuration(self.configuration)
        self.secrets: dict[int, str] = {}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection:
            yield connection

    async def setting(self, name: str, value: object) -> None:
        async with self.connect() as connection:
            await set_setting(connection, name, value, "test")

    async def settings(self) -> WebhookSettings:
        async with self.connect() as connection:
            return await load_webhook_settings(connection)

    async def user(self, id: str = "ann", **columns: Any) -> str:
        await self.pool.execute(
            "INSERT INTO jobrunner.app_user (id, name, active) VALUES ($1, $1, $2)", id, columns.get("active", True)
        )
        return id

    async def webhook(self, event: str = "E.create", path: str = "/a", **options: Any) -> int:
        secret = options.pop("secret", None)
        url = options.pop("url", None) or self.endpoints.url(path)
        async with self.connect() as connection:
            record, made = await add_webhook(
                connection,
                self.keyring,
                await load_webhook_settings(connection),
                WebhookEntry(event=event, url=url, **options),
                secret=secret,
            )
        self.secrets[record.id] = made
        return record.id

    async def emit(self, *numbers: int, event: str = "E.create", **options: Any) -> None:
        """Tell of an event for each number, in one transaction."""
        async with self.connect() as connection, connection.transaction():
            for number in numbers:
                await connection.fetchval(
                    "SELECT jobrunner.emit($1, $2::text::jsonb, $3, $4, $5)",
                    event,
                    json.dumps({"n": number, **options.get("data", {})}),
                    options.get("target_type"),
                    options.get("target_id"),
                    options.get("user"),
                )

    def new_run(self, **options: Any) -> Run:
        return Run(self.connect, self.configuration, **options)

    async def run(self, **options: Any) -> Report:
        async with asyncio.timeout(options.pop("limit", LIMIT)):
            return await self.new_run(**options).send()

    async def pass_time(self, **time: float) -> None:
        """Let what waits be due so much sooner."""
        back = timedelta(**time)
        await self.pool.execute("UPDATE jobrunner.webhook SET next_attempt_at = next_attempt_at - $1::interval", back)
        await self.pool.execute(
            "UPDATE jobrunner.webhook_delivery SET process_at = process_at - $1::interval WHERE status = 'Pending'",
            back,
        )

    async def deliveries(self, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        wanted, order = ", ".join(columns), "webhook_id, event_number"
        rows = await self.pool.fetch(f"SELECT {wanted} FROM jobrunner.webhook_delivery WHERE {where} ORDER BY {order}")
        return [tuple(row) for row in rows]

    async def statuses(self, webhook: int | None = None) -> list[str]:
        where = "true" if webhook is None else f"webhook_id = {webhook}"
        return [status for (status,) in await self.deliveries("status::text", where=where)]

    async def of(self, webhook: int, *columns: str) -> Any:
        row = await self.pool.fetchrow(f"SELECT {', '.join(columns)} FROM jobrunner.webhook WHERE id = $1", webhook)
        return row[0] if len(columns) == 1 else tuple(row)

    async def attempts(self) -> list[Any]:
        rows: list[Any] = await self.pool.fetch("SELECT * FROM jobrunner.webhook_attempt ORDER BY batch_id, attempt")
        return rows

    async def notices(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch(
            "SELECT user_id, data->>'post' AS post FROM jobrunner.notification ORDER BY number"
        )
        return [tuple(row) for row in rows]


@asynccontextmanager
async def staged(url: str) -> AsyncIterator[Stage]:
    async with asyncpg.create_pool(url, init=prepare, min_size=0, max_size=10) as pool, serving() as endpoints:
        stage = Stage(pool, url, endpoints)
        await stage.setting("webhook_allowed_hosts", "127.0.0.0/8")
        yield stage


def answers(*statuses: int, **options: Any) -> Answer:
    """Answer with these one after the other, and with the last from then on."""
    left = list(statuses)

    def answer(arrival: Arrival) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0], **options)

    return answer
