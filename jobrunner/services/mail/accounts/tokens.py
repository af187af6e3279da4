"""Refresh tokens in the rows of accounts, of those that send and of those that are read: used in turns, kept at once.

A turn is a row of `oauth_turn`, so that no connection is held while a provider is asked. Its holder gives it up, or is
taken to be dead when its time is over.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import SecretStr

from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Connect, Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts.loading import SYSTEM, SendingAccount
from jobrunner.services.mail.oauth import (
    TURN_LIMIT,
    OAuth,
    TokenNotFetched,
    keeping,
    rotated_refresh_token,
    settled,
)

TAKE_OAUTH_TURN = load(__package__, "take_oauth_turn")
END_OAUTH_TURN = load(__package__, "end_oauth_turn")
READ_REFRESH_TOKEN = load(__package__, "read_refresh_token")
REPLACE_REFRESH_TOKEN = load(__package__, "replace_refresh_token")

Table = Literal["smtp_account", "email_account", "inbound_email"]

COLUMN = "oauth_refresh_token"
LAST_LIMIT = 1.5
"""Seconds that storing may take at the end of a run, which may have been told to stop."""
LOOK_INTERVALS = (0.05, 0.3)
"""Seconds between two looks at whether another one's turn is over."""
ROUNDS = 3
"""How often a token is stored that is re-sealed at the same moment (`secrets rotate`)."""

log = logging.getLogger("jobrunner.mail")


@asynccontextmanager
async def keeping_token(account: SendingAccount, keyring: Keyring, connect: Connect) -> AsyncIterator[None]:
    """Keep the refresh token of an account that sends, as `keeping_token_of` does."""
    oauth = account.smtp.oauth
    if oauth is None or account.key == SYSTEM:
        yield
        return
    store = RowStore("smtp_account", int(account.key), keyring, connect)
    async with keeping_token_of(oauth, store, f"the account {account.name}"):
        yield


@asynccontextmanager
async def keeping_token_of(oauth: OAuth, store: "RowStore", name: str) -> AsyncIterator[None]:
    """While the context is open, use the refresh token in turns with others, and store it before its login goes on.

    The former one may be worth nothing from then on. What could not be stored at that moment, or was given to others in
    this process, is stored when the context opens and when it closes.
    """
    await store.catch_up(oauth)
    try:
        with keeping(oauth, store):
            yield
    finally:
        try:
            async with asyncio.timeout(LAST_LIMIT):
                await store.catch_up(oauth)
        except (*TRANSIENT, TimeoutError) as error:
            log.warning("the new refresh token of %s could not be stored yet: %s", name, error)


class RowStore:
    """The refresh token in an account's row (`oauth.Store`)."""

    def __init__(self, table: Table, id: int, keyring: Keyring, connect: Connect) -> None:
        """`connect` lends a connection, for single statements."""
        self._table = table
        self._id = id
        self._keyring = keyring
        self._connect = connect
        self._place = f"{table}/{id}"

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["RowTurn"]:
        """See `Store`."""
        holder = secrets.randbits(63)
        await self._take(holder)
        try:
            async with self._connect() as connection:
                sealed = await self._read(connection)
            if sealed is None:
                raise TokenNotFetched("no access token is fetched: the account has no refresh token any more")
            yield RowTurn(self._open(sealed), self)
        finally:
            await self._end(holder)

    async def keep(self, former: SecretStr, new: SecretStr) -> bool:
        """Store a refresh token in place of the former; false where another one stands there, which stays."""
        for _ in range(ROUNDS):
            async with self._connect() as connection:
                sealed = await self._read(connection)
                if sealed is None or self._open(sealed) != former:
                    return False
                anew = self._keyring.seal(new.get_secret_value(), place=f"{self._place}/{COLUMN}")
                rows = await connection.fetch(REPLACE_REFRESH_TOKEN, self._table, self._id, sealed, anew)
            if rows[0]["replaced"]:
                return True
        return False

    async def catch_up(self, oauth: OAuth) -> None:
        """Store what the provider gave and is not stored yet."""
        if (pair := rotated_refresh_token(oauth)) is not None:
            await self.keep(*pair)
            settled(oauth)

    async def _take(self, holder: int) -> None:
        ends_at = time.monotonic() + 2 * TURN_LIMIT
        while True:
            async with self._connect() as connection:
                if await connection.fetch(TAKE_OAUTH_TURN, self._place, holder, timedelta(seconds=TURN_LIMIT)):
                    return
            if time.monotonic() > ends_at:
                raise TokenNotFetched("no access token is fetched, since others have been asking for one for too long")
            await asyncio.sleep(random.uniform(*LOOK_INTERVALS))

    async def _end(self, holder: int) -> None:
        try:
            async with asyncio.timeout(LAST_LIMIT), self._connect() as connection:
                await connection.fetch(END_OAUTH_TURN, self._place, holder)
        except (*TRANSIENT, TimeoutError):
            pass  # it ends by itself

    async def _read(self, connection: Queryable) -> str | None:
        rows = await connection.fetch(READ_REFRESH_TOKEN, self._table, self._id)
        sealed: str | None = rows[0]["sealed"] if rows else None
        return sealed

    def _open(self, sealed: str) -> SecretStr:
        return self._keyring.open(sealed, place=f"{self._place}/{COLUMN}")


@dataclass(frozen=True)
class RowTurn:
    """One's turn (`oauth.client.Turn`)."""

    refresh_token: SecretStr
    store: RowStore

    async def keep(self, former: SecretStr, new: SecretStr) -> bool:
        """See `Turn`."""
        return await self.store.keep(former, new)
