"""Access tokens for XOAUTH2, by the grant of a refresh token (RFC 6749, 6).

A token is kept until a minute before it runs out. Who needs one while it is being fetched waits for that one fetch,
and shares its failure too. Nothing is asked of a provider over a line that is not TLS, nor anywhere it redirects to.
"""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from jobrunner.errors import ConfigurationError, JobrunnerError

if TYPE_CHECKING:
    import aiohttp

FETCH_LIMIT = 30.0
"""Seconds for the whole exchange with a provider."""
ANSWER_LIMIT = 64 * 1024
"""Octets of a provider's answer that are read."""
MARGIN = 60.0
"""Seconds before its end from which on a token is not used any more."""
LIFETIME = 600.0
"""Seconds that a token is taken to live whose provider does not say."""
REFUSED_STATUSES = (400, 401, 403)

Keeper = Callable[[], Awaitable[None]]
"""Stores what `rotated_refresh_token` returns."""

log = logging.getLogger("jobrunner.mail")


@dataclass(frozen=True)
class OAuth:
    """How access tokens are had for an account."""

    token_url: str
    """The provider's token endpoint: https, or http on this machine."""
    client_id: str
    refresh_token: SecretStr
    client_secret: SecretStr | None = None
    scope: str | None = None
    tls_context: ssl.SSLContext | None = None
    """Instead of the machine's own certificates."""

    def __post_init__(self) -> None:
        url = urlsplit(self.token_url)
        local = url.hostname in ("localhost", "127.0.0.1", "::1")
        if not url.hostname or url.scheme not in (("https", "http") if local else ("https",)):
            raise ConfigurationError(f"the token endpoint must be an https URL, got {self.token_url[:200]!r}")

    @property
    def place(self) -> str:
        """How a sentence names the provider."""
        return f"the login provider {urlsplit(self.token_url).hostname}"


class TokenNotFetched(JobrunnerError):
    """There is no access token."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        """Whether the provider refuses: to ask again would not help."""


@dataclass
class _Kept:
    token: str
    ends_at: float


class _Fetch:
    """One account's fetches on one event loop: one at a time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.failures = 0
        self.failure: TokenNotFetched | None = None
        self.keepers: list[Keeper] = []


_kept: dict[OAuth, _Kept] = {}
_rotated: dict[OAuth, SecretStr] = {}
_fetches: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[OAuth, _Fetch]]" = WeakKeyDictionary()


async def access_token(oauth: OAuth) -> tuple[str, bool]:
    """Return an access token, and whether it is one kept from before.

    Raises:
        TokenNotFetched: the provider refuses, or is not there; in its own words.
    """
    if (token := _kept_token(oauth)) is not None:
        return token, True
    fetch = _fetch_of(oauth)
    failures = fetch.failures
    async with fetch.lock:
        if (token := _kept_token(oauth)) is not None:
            return token, False
        if fetch.failures != failures and fetch.failure is not None:
            raise TokenNotFetched(str(fetch.failure), refused=fetch.failure.refused)
        try:
            return await _refresh(oauth, fetch), False
        except TokenNotFetched as error:
            fetch.failures += 1
            fetch.failure = error
            raise


def forget_token(oauth: OAuth) -> None:
    """Let the next one be fetched: the mail server does not take this one."""
    _kept.pop(oauth, None)


def rotated_refresh_token(oauth: OAuth) -> SecretStr | None:
    """Return the refresh token that the provider gave in place of the configured one, to be stored, or None."""
    return _rotated.get(oauth)


@contextmanager
def keeping(oauth: OAuth, keeper: Keeper) -> Iterator[None]:
    """While the context is open, have a new refresh token stored as soon as the provider gives it.

    That is before the access token that came with it is used: the former one may be worth nothing from then on.
    """
    keepers = _fetch_of(oauth).keepers
    keepers.append(keeper)
    try:
        yield
    finally:
        keepers.remove(keeper)


def _fetch_of(oauth: OAuth) -> _Fetch:
    return _fetches.setdefault(asyncio.get_running_loop(), {}).setdefault(oauth, _Fetch())


async def _keep(oauth: OAuth, fetch: _Fetch) -> None:
    """Have it stored by one of those who can; where that fails it is stored later, and the mail goes all the same."""
    for keeper in fetch.keepers[-1:]:
        try:
            await keeper()
        except Exception as error:
            log.warning("the new refresh token of %s could not be stored yet: %s", oauth.place, error)


def _kept_token(oauth: OAuth) -> str | None:
    kept = _kept.get(oauth)
    return kept.token if kept is not None and time.monotonic() < kept.ends_at else None


async def _refresh(oauth: OAuth, fetch: _Fetch) -> str:
    asked_at = time.monotonic()
    refresh_token = _rotated.get(oauth, oauth.refresh_token)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token.get_secret_value(),
        "client_id": oauth.client_id,
    }
    if oauth.client_secret is not None:
        form["client_secret"] = oauth.client_secret.get_secret_value()
    if oauth.scope is not None:
        form["scope"] = oauth.scope
    status, body = await _post(oauth, form)
    answer = _read(body)
    if status != 200:
        raise _not_given(oauth, status, answer, form)
    token = answer.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise TokenNotFetched(f"{oauth.place} gave an answer without an access token")
    lifetime = answer.get("expires_in")
    try:
        seconds = float(lifetime) if lifetime is not None else LIFETIME
    except (TypeError, ValueError):
        seconds = LIFETIME
    _kept[oauth] = _Kept(token, asked_at + seconds - MARGIN)
    rotated = answer.get("refresh_token")
    if isinstance(rotated, str) and rotated and rotated != refresh_token.get_secret_value():
        _rotated[oauth] = SecretStr(rotated)
        await _keep(oauth, fetch)
    return token


async def _post(oauth: OAuth, form: Mapping[str, str]) -> tuple[int, bytes]:
    import aiohttp  # takes a while to load, and few accounts need it

    try:
        async with asyncio.timeout(FETCH_LIMIT), aiohttp.ClientSession() as http:
            request = http.post(
                oauth.token_url,
                data=form,
                headers={"Accept": "application/json"},
                allow_redirects=False,
                ssl=oauth.tls_context or True,
                timeout=aiohttp.ClientTimeout(total=None),  # ours has a name
            )
            async with request as response:
                return response.status, await _read_limited(oauth, response)
    except TimeoutError:
        raise TokenNotFetched(f"{oauth.place} gave no answer within the limit of {FETCH_LIMIT:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise TokenNotFetched(f"{oauth.place} cannot be reached: {str(error) or type(error).__name__}") from None


async def _read_limited(oauth: OAuth, response: "aiohttp.ClientResponse") -> bytes:
    body = b""
    async for piece in response.content.iter_chunked(ANSWER_LIMIT):
        body += piece
        if len(body) > ANSWER_LIMIT:
            raise TokenNotFetched(f"{oauth.place} gave an answer of more than {ANSWER_LIMIT} octets")
    return body


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _not_given(oauth: OAuth, status: int, answer: Mapping[str, Any], form: Mapping[str, str]) -> TokenNotFetched:
    words = ": ".join(str(answer[key]) for key in ("error", "error_description") if answer.get(key))
    for key in ("refresh_token", "client_secret"):
        if secret := form.get(key):
            words = words.replace(secret, "***")
    said = f": {words[:500]}" if words else ""
    refused = status in REFUSED_STATUSES
    return TokenNotFetched(
        f"{oauth.place} {'refuses' if refused else 'gives no'} access (HTTP {status}){said}", refused=refused
    )
