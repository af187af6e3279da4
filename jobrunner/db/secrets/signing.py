"""Keys that sign what goes out and comes back: links in mails. The keyring seals them, and is another matter."""

import base64
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets.keyring import Keyring, SecretUnreadable
from jobrunner.db.secrets.presence import check_key_file
from jobrunner.db.sql import load
from jobrunner.errors import Conflict

LIST_SIGNING_KEYS = load(__package__, "list_signing_keys")
ADD_SIGNING_KEY = load(__package__, "add_signing_key")
DRAW_SIGNING_KEY_ID = load(__package__, "draw_signing_key_id")

LENGTH = 32
MOST = 255
"""Keys of one purpose: the number stands in each token, in one byte."""


@dataclass(frozen=True)
class SigningKeys:
    """The keys of one purpose, by number."""

    current: int
    """The number of the one to sign with."""
    keys: Mapping[int, bytes] = field(repr=False)
    """All that ever signed: 32 bytes each."""


async def signing_keys(connection: Queryable, keyring: Keyring, purpose: str) -> SigningKeys:
    """Return the keys of a purpose; the first is made when first asked for, by one daemon for all.

    Former ones that cannot be opened any more are left out: what they have signed is no longer known.

    Raises:
        ConfigurationError: there is no key to seal with.
        SecretUnreadable: the one to sign with cannot be opened.
        Conflict: the caller's transaction is older than the first key, and cannot see it.
    """
    rows = await connection.fetch(LIST_SIGNING_KEYS, purpose)
    if not rows:
        await _add(connection, keyring, purpose, 1)
        rows = await connection.fetch(LIST_SIGNING_KEYS, purpose)
    if not rows:  # only where the caller's transaction cannot see what others commit
        raise Conflict(f"the first signing key for {purpose} was made by somebody else at this moment: try again")
    current = max(row["number"] for row in rows)
    keys: dict[int, bytes] = {}
    for row in rows:
        try:
            keys[row["number"]] = _opened(keyring, row)
        except SecretUnreadable as error:
            if row["number"] == current:
                raise SecretUnreadable(
                    f"{error}: that is `jobrunner secrets new-signing-key {shlex.quote(purpose)}`, and what went out "
                    "before is no longer known"
                ) from None
    return SigningKeys(current, keys)


async def check_signing_key(connection: Queryable, keyring: Keyring, purpose: str) -> None:
    """See that the key to sign with can be opened; none is made.

    Raises:
        ConfigurationError: the key file cannot be read.
        SecretUnreadable: it cannot be opened.
    """
    if await connection.fetch(LIST_SIGNING_KEYS, purpose):
        await signing_keys(connection, keyring, purpose)


async def reading_keys(connection: Queryable, keyring: Keyring, purpose: str) -> Mapping[int, bytes]:
    """Return all keys of a purpose that open, by number, to read what they signed; none is made.

    Raises:
        ConfigurationError: there are keys, and the key file cannot be read.
        SecretUnreadable: there are keys, and no key at all is at hand to open them with.
    """
    rows = await connection.fetch(LIST_SIGNING_KEYS, purpose)
    found: dict[int, bytes] = {}
    for row in rows:
        try:
            found[row["number"]] = _opened(keyring, row)
        except SecretUnreadable:
            if not keyring.keys:
                raise
    return found


def _opened(keyring: Keyring, row: Any) -> bytes:
    return base64.b64decode(keyring.open(row["key"], place=f"signing_key/{row['id']}/key").get_secret_value())


async def renew_signing_key(connection: Queryable, keyring: Keyring, purpose: str) -> int:
    """Add a key that signs from now on, and return its number. What was signed by the others stays valid.

    Raises:
        ConfigurationError: there is no key to seal with.
        Conflict: there are as many as there can be, or somebody else does the same at this moment.
    """
    number = max((row["number"] for row in await connection.fetch(LIST_SIGNING_KEYS, purpose)), default=0) + 1
    if number > MOST:
        raise Conflict(f"there are {MOST} signing keys for {purpose} already, and no more are possible")
    if not await _add(connection, keyring, purpose, number):
        raise Conflict(f"another signing key for {purpose} was added at this moment")
    return number


async def _add(connection: Queryable, keyring: Keyring, purpose: str, number: int) -> bool:
    await check_key_file(connection, keyring)
    key = base64.b64encode(secrets.token_bytes(LENGTH)).decode()
    id = (await connection.fetch(DRAW_SIGNING_KEY_ID))[0]["id"]
    sealed = keyring.seal(key, place=f"signing_key/{id}/key")
    return bool(await connection.fetch(ADD_SIGNING_KEY, id, purpose, number, sealed))
