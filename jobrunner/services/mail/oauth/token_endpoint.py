"""One question to a login provider's token endpoint: an access token for a refresh token (RFC 6749, 6)."""

import asyncio
import errno
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from jobrunner.errors import JobrunnerError
from jobrunner.imports import imported
from jobrunner.services.mail.oauth.client import OAuth

if TYPE_CHECKING:
    import aiohttp

FETCH_LIMIT = 30.0
"""Seconds for the whole exchange with a provider."""
ANSWER_LIMIT = 64 * 1024
"""Octets of a provider's answer that are read."""
LIFETIME = 600.0
"""Seconds that a token is taken to live whose provider does not say."""
REFUSED_STATUSES = (400, 401, 403)


class TokenNotFetched(JobrunnerError):
    """There is no access token."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        """Whether the provider refuses: to ask again would not help."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gives."""

    access_token: str
    lifetime: float
    """Seconds."""
    refresh_token: SecretStr | None
    """In place of the one that it was asked with; None where that stays."""


async def ask(oauth: OAuth, refresh_token: SecretStr) -> Tokens:
    """Ask once. Nothing is asked over a line that is not TLS, nor anywhere the provider redirects to.

    Raises:
        TokenNotFetched: the provider refuses, or is not there; in its own words, without secrets.
    """
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
    given = answer.get("refresh_token")
    if not isinstance(given, str) or given in ("", refresh_token.get_secret_value()):
        return Tokens(token, seconds, None)
    return Tokens(token, seconds, SecretStr(given))


async def _post(oauth: OAuth, form: Mapping[str, str]) -> tuple[int, bytes]:
    await imported("aiohttp")  # takes a while to load, and few accounts need it
    import aiohttp

    try:
        sockets = None if oauth.permits is None else _permitted_sockets(oauth.place, oauth.permits)
        connector = aiohttp.TCPConnector(socket_factory=sockets)
        async with asyncio.timeout(FETCH_LIMIT), aiohttp.ClientSession(connector=connector) as http:
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


def _permitted_sockets(place: str, permits: Callable[[str, int], bool]) -> Callable[[Any], socket.socket]:
    """Return what makes the socket for the very address that is connected to next, if that is permitted."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        if not permits(address[0], address[1]):
            words = f"{place} is at an internal address that may not be connected to: {address[0]}"
            raise PermissionError(errno.EACCES, words)
        return socket.socket(family, kind, protocol)

    return make


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
    # RFC 6749, 5.2: used up, withdrawn, or replaced by one that got lost.
    what_to_do = (
        "; the refresh token is good no more: have the access granted anew, and enter its refresh token"
        if answer.get("error") == "invalid_grant"
        else ""
    )
    refused = status in REFUSED_STATUSES
    return TokenNotFetched(
        f"{oauth.place} {'refuses' if refused else 'gives no'} access (HTTP {status}){said}{what_to_do}",
        refused=refused,
    )
