"""The client: one POST, and whatever comes of it."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic
from typing import Self

import aiohttp

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import AddressRefused, Guard
from jobrunner.services.webhooks.http.connecting import Answer, Attempt, GuardedConnector, current
from jobrunner.services.webhooks.http.faults import EXPECTED, fault_of
from jobrunner.services.webhooks.http.reply import ANSWER_HEAD, ErrorKind, Reply
from jobrunner.services.webhooks.http.request import Message, Post, message, start_of_head
from jobrunner.services.webhooks.http.resolving import GuardedResolver, LookUp, machine_look_up
from jobrunner.services.webhooks.http.shared_limit import SharedLimit
from jobrunner.services.webhooks.http.url import Target, read_url

LINE_LIMIT = 8190
"""Octets of one line of an answer's head."""
HEADERS_LIMIT = 128
KNOWN_URLS = 1000
LONGEST_LETTER = 4
"""Octets of UTF-8."""
FIELDS = {
    "Content-Type": "application/json",
    "User-Agent": f"jobrunner/{version('jobrunner')}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}
"""Headers of all requests."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a `Poster`."""

    connect: float = 5.0
    """Seconds until there is a connection, with TLS; and for the look-up of its name."""
    total: float = 15.0
    """Seconds for everything, the wait for a free connection and a second try included."""
    connections: int = 200
    per_host: int = 10
    """Connections to one host and port."""
    answer: int = 64 * 1024
    """Octets that are read of an answer's body; where there are more, the connection is closed."""
    keep_alive: float = 15.0
    """Seconds for which an idle connection is kept."""


@dataclass(slots=True)
class _Arrived:
    """What has come of an answer so far."""

    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    body: bytes = b""


class Poster:
    """Posts to the URLs of webhooks, over connections that are kept alive between requests.

    It must be made where a loop runs, and closed (`async with` does). No proxies of the environment, no cookies, no
    redirects, no decompression.

    Args:
        guard: decides on each connection.
        limits: of time, octets and connections.
        tls: what is trusted; None for what the machine trusts.
        look_up: finds the addresses of a name.
    """

    def __init__(
        self,
        guard: Guard,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        look_up: LookUp = machine_look_up,
    ) -> None:
        self._guard = guard
        self._limits = limits or Limits()
        self._total = SharedLimit(self._limits.total)
        self._targets: dict[str, tuple[Target, bytes]] = {}
        connector = GuardedConnector(
            guard,
            self._limits.answer,
            resolver=GuardedResolver(guard, self._limits.connect, look_up),
            limit=self._limits.connections,
            limit_per_host=self._limits.per_host,
            keepalive_timeout=self._limits.keep_alive,
            ssl=tls if tls is not None else True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=Post,
            response_class=Answer,
            auto_decompress=False,
            trust_env=False,
            # The total has one limit over both tries, which is ours.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect),
            read_bufsize=16 * 1024,
            max_line_size=LINE_LIMIT,
            max_field_size=LINE_LIMIT,
            max_headers=HEADERS_LIMIT,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        self._total.close()
        await self._session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a body and return what came of it.

        The headers of `FIELDS` are added. Where a connection that was kept alive ends within a
        second and before any octet of an answer, the same is sent once more at once.

        Raises:
            ValueError: a header holds a line break or another control character, which is never sent.
        """
        started = monotonic()
        arrived = _Arrived()
        try:
            target, start = self._target(url)
        except (AddressRefused, InvalidInput) as refused:
            return _reply(arrived, "guard", str(refused), None, started)
        sent = message(start, headers, body)
        kind: ErrorKind | None = None
        words: str | None = None
        attempt = Attempt(target.host)
        try:
            with self._total.begin():
                try:
                    await self._send(target, sent, attempt, arrived)
                except EXPECTED as error:
                    if arrived.status is not None or not attempt.found_dead(error):
                        raise
                    attempt = Attempt(target.host)
                    await self._send(target, sent, attempt, arrived)
        except TimeoutError as error:
            if isinstance(error, aiohttp.ServerTimeoutError):
                kind, words = fault_of(error, attempt, self._limits.connect)
            else:
                kind, words = "timeout", f"no answer within the limit of {self._limits.total:g} s"
        except EXPECTED as error:
            kind, words = fault_of(error, attempt, self._limits.connect)
        if arrived.status is not None:
            kind = words = None
        peer = attempt.line.peer if attempt.line is not None else None
        return _reply(arrived, kind, words, peer, started)

    async def _send(self, target: Target, sent: Message, attempt: Attempt, arrived: _Arrived) -> None:
        token = current.set(attempt)
        try:
            answer = await self._session.post(target.url, data=sent, allow_redirects=False)
        finally:
            current.reset(token)
        arrived.status = answer.status
        if answer.status >= 300:
            arrived.retry_after = answer.headers.get("Retry-After")
            arrived.location = answer.headers.get("Location")
        try:
            await self._read(answer.content, arrived)
        finally:
            if not answer.closed:  # else all was read, and the connection is back already
                answer.close()

    async def _read(self, content: aiohttp.StreamReader, arrived: _Arrived) -> None:
        """Read the body up to the limit."""
        size = 0
        while size <= self._limits.answer and not content.at_eof():
            chunk = await content.readany()
            size += len(chunk)
            if len(arrived.body) < ANSWER_HEAD:
                arrived.body = (arrived.body + chunk)[:ANSWER_HEAD]

    def _target(self, url: str) -> tuple[Target, bytes]:
        """Return a URL, taken apart, and the start of the head of requests to it."""
        known = self._targets.get(url)
        if known is None:
            target = read_url(url)
            self._guard.check_name(target.host, target.port)
            known = target, start_of_head(target.url, FIELDS)
            if len(self._targets) >= KNOWN_URLS:
                self._targets.clear()
            self._targets[url] = known
        return known


def _reply(arrived: _Arrived, kind: ErrorKind | None, words: str | None, peer: str | None, started: float) -> Reply:
    return Reply(
        status=arrived.status,
        error_kind=kind,
        error=words,
        retry_after=arrived.retry_after,
        location=arrived.location,
        answer_head=_text(arrived.body),
        connected_ip=peer,
        duration_ms=round((monotonic() - started) * 1000),
        answered_at=datetime.now(UTC),
    )


def _text(body: bytes) -> str:
    """Return a body as text that PostgreSQL holds, at most `ANSWER_HEAD` octets of UTF-8."""
    text = body.decode("utf-8", "replace").replace("\0", "\ufffd")
    if len(text) * LONGEST_LETTER <= ANSWER_HEAD:
        return text
    return text.encode()[:ANSWER_HEAD].decode("utf-8", "ignore")
