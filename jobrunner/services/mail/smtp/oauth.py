"""Access tokens for XOAUTH2 and OAUTHBEARER, by the grant of a refresh token (RFC 6749, 6).

A token is kept until a minute before it runs out. Who needs one while it is being fetched waits for that one fetch,
and shares its failure too. Mail in and mail out go this one way.

Many providers replace the refresh token each time it is used, and the former one is good no more. So where an account
has a `Store`, its refresh token is used in turns, by one process at a time (`Store.turn`): whoever has the turn reads
the token as it is stored at that moment, asks the provider, and stores the new one before the access token that came
with it is used. A process that dies between the answer and that write leaves a token that the provider refuses; that is
told as such, and pauses the account.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.smtp.grants import Grant, Turns, find_grant, grant_of, know_latest
from jobrunner.services.mail.smtp.token_endpoint import FETCH_LIMIT, TokenNotFetched, ask

TURN_LIMIT = 45.0
"""Seconds that another process may have the turn; whoever has it is taken to be dead then."""
LONGEST = FETCH_LIMIT + 2 * TURN_LIMIT
"""Seconds that no `access_token` exceeds by much."""

__all__ = [
    "LONGEST",
    "TURN_LIMIT",
    "OAuth",
    "Store",
    "TokenNotFetched",
    "access_token",
    "forget_token",
    "keeping",
    "known_secrets",
    "rotated_refresh_token",
    "settled",
]

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
    permits: Callable[[str, int], bool] | None = None
    """Asked for each address that the endpoint's name led to, before it is connected to; None permits all."""

    def __post_init__(self) -> None:
        url = urlsplit(self.token_url)
        local = url.hostname in ("localhost", "127.0.0.1", "::1")
        if not url.hostname or url.scheme not in (("https", "http") if local else ("https",)):
            raise ConfigurationError(f"the token endpoint must be an https URL, got {self.token_url[:200]!r}")

    @property
    def place(self) -> str:
        """How a sentence names the provider."""
        return f"the login provider {urlsplit(self.token_url).hostname}"


class Turn(Protocol):
    """The right to use an account's refresh token; nobody else does meanwhile."""

    @property
    def refresh_token(self) -> SecretStr:
        """As it is stored."""
        ...

    async def keep(self, former: SecretStr, new: SecretStr) -> bool:
        """Store a new one in place of the former; return whether that was still there."""
        ...


class Store(Protocol):
    """Where an account's refresh token is kept."""

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Wait for the turn, `TURN_LIMIT` seconds at most.

        Raises:
            TokenNotFetched: there is no account any more.
            Exception: the store cannot be reached.
        """
        ...


async def access_token(oauth: OAuth) -> tuple[str, bool]:
    """Return an access token, and whether it is one kept from before.

    Raises:
        TokenNotFetched: the provider refuses, or is not there; in its own words.
    """
    grant = grant_of(oauth)
    if (token := grant.good_token) is not None:
        return token, True
    turns = grant.turns
    failures = turns.failures
    async with turns.lock:
        if (token := grant.good_token) is not None:
            return token, False
        if turns.failures != failures and turns.failure is not None:
            raise TokenNotFetched(str(turns.failure), refused=turns.failure.refused)
        try:
            return await _refresh(oauth, grant, turns), False
        except TokenNotFetched as error:
            turns.failures += 1
            turns.failure = error
            raise


def forget_token(oauth: OAuth) -> None:
    """Let the next one be fetched: the mail server does not take this one."""
    if (grant := find_grant(oauth)) is not None:
        grant.forget_access()


def rotated_refresh_token(oauth: OAuth) -> tuple[SecretStr, SecretStr] | None:
    """Return a refresh token that is not stored yet, behind the one that it came in place of; None where all are."""
    grant = find_grant(oauth)
    if grant is None or grant.replaced is None:
        return None
    return grant.replaced, grant.refresh_token


def settled(oauth: OAuth) -> None:
    """Note that the refresh token is stored, or that another one was entered in its place."""
    if (grant := find_grant(oauth)) is not None:
        grant.replaced = None


def known_secrets(oauth: OAuth) -> list[str]:
    """Return the tokens that a server may have been shown, to be taken out of its words (failures H21)."""
    secrets = [oauth.refresh_token.get_secret_value()]
    if (grant := find_grant(oauth)) is not None:
        secrets += [*grant.shown, grant.refresh_token.get_secret_value()]
    return list(dict.fromkeys(secrets))


@contextmanager
def keeping(oauth: OAuth, store: Store) -> Iterator[None]:
    """While the context is open, use the refresh token in turns with others, and store what comes in its place."""
    stores = grant_of(oauth).turns.stores
    stores.append(store)
    try:
        yield
    finally:
        stores.remove(store)


async def _refresh(oauth: OAuth, grant: Grant, turns: Turns) -> str:
    if not turns.stores:
        return await _ask(oauth, grant, grant.refresh_token)
    try:
        async with turns.stores[-1].turn() as turn:
            return await _ask(oauth, grant, await _latest(grant, turn), turn)
    except TokenNotFetched:
        raise
    except Exception as error:
        # Not asked, since what it may give could not be stored.
        words = str(error) or type(error).__name__
        raise TokenNotFetched(f"no access token is fetched, since the account cannot be looked up: {words}") from error


async def _latest(grant: Grant, turn: Turn) -> SecretStr:
    """Return the refresh token that is good: the stored one, unless ours came in its place."""
    if grant.replaced is None or turn.refresh_token != grant.replaced:
        return turn.refresh_token
    await turn.keep(grant.replaced, grant.refresh_token)
    grant.replaced = None
    return grant.refresh_token


async def _ask(oauth: OAuth, grant: Grant, refresh_token: SecretStr, turn: Turn | None = None) -> str:
    asked_at = time.monotonic()
    tokens = await ask(oauth, refresh_token)
    grant.take(refresh_token, tokens, asked_at)
    if grant.replaced is not None:
        know_latest(grant, oauth)
        if turn is not None:
            await _keep(oauth, grant, turn)
    return tokens.access_token


async def _keep(oauth: OAuth, grant: Grant, turn: Turn) -> None:
    """Have it stored; where that fails it is stored later, and the mail goes all the same."""
    assert grant.replaced is not None
    try:
        await turn.keep(grant.replaced, grant.refresh_token)
        grant.replaced = None
    except Exception as error:
        log.warning("the new refresh token of %s could not be stored yet: %s", oauth.place, error)
