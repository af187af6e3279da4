"""Refresh tokens that a provider replaces, kept in the account's row."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.services.mail.accounts.loading import SendingAccount, store_refresh_token
from jobrunner.services.mail.smtp import keeping, rotated_refresh_token

LAST_LIMIT = 1.5
"""Seconds that storing may take at the end of a run, which may have been told to stop."""

log = logging.getLogger("jobrunner.mail")


@asynccontextmanager
async def keeping_token(account: SendingAccount, keyring: Keyring, connect: Connect) -> AsyncIterator[None]:
    """While the context is open, store a refresh token as soon as the provider gives it, before its login goes on.

    The former one may be worth nothing from then on. What could not be stored at that moment, or was given to others in
    this process, is stored when the context opens and when it closes. An account without tokens costs nothing.
    """
    oauth = account.smtp.oauth
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
            log.warning("the new refresh token of the account %s could not be stored yet: %s", account.name, error)
