"""Refresh tokens that a provider replaces, kept in the account's row."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from pydantic import SecretStr

from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.services.mail.smtp import keeping, rotated_refresh_token
from jobrunner.services.mailbox.accounts.loading import LOAD_ACCOUNTS, FetchAccount, place_of

Connect = Callable[[], AbstractAsyncContextManager[Any]]
"""Lends a connection to the database (`JobContext.connection`)."""

STORE_REFRESH_TOKEN = load(__package__, "store_refresh_token")
LAST_LIMIT = 1.5
"""Seconds that storing may take at the end of a run, which may have been told to stop."""

log = logging.getLogger("jobrunner.mail")


@asynccontextmanager
async def keeping_token(account: FetchAccount, keyring: Keyring, connect: Connect) -> AsyncIterator[None]:
    """While the context is open, store a refresh token as soon as the provider gives it, before its login goes on.

    What could not be stored at that moment, or was given to others in this process, is stored when the context opens
    and when it closes. An account without tokens costs nothing.
    """
    oauth = account.imap.oauth
    if oauth is None:
        yield
        return

    async def keep() -> None:
        if (token := rotated_refresh_token(oauth)) is not None:
            async with connect() as connection:
                await store_refresh_token(connection, keyring, account, token)

    await keep()
    try:
        with keeping(oauth, keep):
            yield
    finally:
        try:
            async with asyncio.timeout(LAST_LIMIT):
                await keep()
        except (*TRANSIENT, TimeoutError) as error:
            log.warning("the new refresh token of %s could not be stored yet: %s", account, error)


async def store_refresh_token(connection: Queryable, keyring: Keyring, account: FetchAccount, token: SecretStr) -> bool:
    """Keep the refresh token that a provider gave in place of the account's; return whether it was still that one."""
    kind, id = account.ref.kind, account.ref.id
    rows = await connection.fetch(LOAD_ACCOUNTS, kind, [id])
    if not rows or account.imap.oauth is None or (sealed := rows[0]["oauth_refresh_token"]) is None:
        return False
    place = place_of(kind, id, "oauth_refresh_token")
    if keyring.open(sealed, place=place) != account.imap.oauth.refresh_token:
        return False
    anew = keyring.seal(token.get_secret_value(), place=place)
    return bool(await connection.fetch(STORE_REFRESH_TOKEN, kind, id, sealed, anew))
