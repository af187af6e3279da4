"""Refresh tokens of accounts that are read: kept as those of accounts that send."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from jobrunner.db.secrets import Keyring
from jobrunner.services.mail.accounts.tokens import RowStore, keeping_token_of
from jobrunner.services.mailbox.accounts.loading import TABLES, FetchAccount

Connect = Callable[[], AbstractAsyncContextManager[Any]]
"""Lends a connection to the database (`JobContext.connection`)."""


@asynccontextmanager
async def keeping_token(account: FetchAccount, keyring: Keyring, connect: Connect) -> AsyncIterator[None]:
    """While the context is open, use the account's refresh token in turns with others, and store what replaces it.

    An account without tokens costs nothing.
    """
    oauth = account.imap.oauth
    if oauth is None:
        yield
        return
    store = RowStore(TABLES[account.ref.kind], account.ref.id, keyring, connect)
    async with keeping_token_of(oauth, store, str(account)):
        yield
