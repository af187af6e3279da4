"""Access tokens: kept, shared by those who wait for one, fetched in turns."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from jobrunner.services.mail.oauth.client import TURN_LIMIT, OAuth, Store, Turn
from jobrunner.services.mail.oauth.grants import Grant, Turns, find_grant, grant_of, know_latest
from jobrunner.services.mail.oauth.token_endpoint import FETCH_LIMIT, TokenNotFetched, ask

LONGEST = FETCH_LIMIT + 2 * TURN_LIMIT
"""Seconds that no `access_token` exceeds by much."""

log = logging.getLogger("jobrunner.mail")


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
