"""One key in place of another: every sealed value is opened and sealed anew, row by row.

Whatever it is killed at, it can be run again, and both keys work meanwhile: a value is replaced by a single statement,
if it still is what was read; a key file has both keys before the first value changes, and keeps the former one, since
copies of the database from before need it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets.key import Key
from jobrunner.db.secrets.key_file import replace_key_file
from jobrunner.db.secrets.keyring import Keyring, SecretUnreadable, key_of
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError, Conflict

LIST_SEALED = load(__package__, "list_sealed")
RESEAL_VALUE = load(__package__, "reseal_value")

PASSES = 10
"""How often all is looked through: values that somebody changes meanwhile are met in the next pass."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What one rotation did."""

    current: str
    """Id of the key under which the values are now."""
    made: bool
    """Whether that key was made for it."""
    resealed: int
    unreadable: tuple[str, ...]
    """A sentence for each value that no key at hand opens; they stay as they are."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many values are sealed with a key."""

    key: str
    """Its id; empty for texts that are no sealed values."""
    role: Literal["current", "former", "not at hand"]
    values: int


async def rotate(connection: Queryable, keyring: Keyring) -> Rotation:
    """Seal every value with the current key.

    Where the keyring is the file of the embedded server, a new key is made first, unless a rotation that did not end is
    to be ended.

    Raises:
        ConfigurationError: there is no key, or the key file cannot be written.
    """
    made = False
    if keyring.own_file and not await _is_unfinished(connection, keyring):
        _add_key(keyring)
        made = True
    current = keyring.current
    resealed = 0
    for _ in range(PASSES):
        done, missed, unreadable = await _pass(connection, keyring, current)
        resealed += done
        if not done and not missed:
            return Rotation(current.id, made, resealed, tuple(unreadable))
    raise Conflict("secrets are being changed all the time: run `jobrunner secrets rotate` again")


async def key_uses(connection: Queryable, keyring: Keyring) -> list[KeyUse]:
    """Return how many values are sealed with which key: the keys at hand first, also those that none is sealed with."""
    counts = Counter(key_of(row["sealed"]) or "" for row in await connection.fetch(LIST_SEALED))
    known = [key.id for key in keyring.keys]
    uses = [
        KeyUse(id, "former" if place else "current", counts.pop(id, 0)) for place, id in enumerate(dict.fromkeys(known))
    ]
    return [*uses, *(KeyUse(id, "not at hand", number) for id, number in sorted(counts.items()))]


async def _pass(connection: Queryable, keyring: Keyring, current: Key) -> tuple[int, int, list[str]]:
    """Reseal what is not under the current key; return how many were, how many had changed meanwhile, and troubles."""
    resealed = missed = 0
    unreadable: list[str] = []
    for row in await connection.fetch(LIST_SEALED):
        table, row_id, column, sealed = row["table_name"], row["row_id"], row["column_name"], row["sealed"]
        if key_of(sealed) == current.id:
            continue
        place = f"{table}/{row_id}/{column}"
        try:
            secret = keyring.open(sealed, place=place).get_secret_value()
        except SecretUnreadable as error:
            unreadable.append(str(error))
            continue
        anew = current.seal(secret, place)
        if (await connection.fetch(RESEAL_VALUE, table, row_id, column, sealed, anew))[0]["changed"]:
            resealed += 1
        else:
            missed += 1
    return resealed, missed, unreadable


async def _is_unfinished(connection: Queryable, keyring: Keyring) -> bool:
    """Whether values are left under a former key that is at hand."""
    return any(use.role == "former" and use.values for use in await key_uses(connection, keyring))


def _add_key(keyring: Keyring) -> None:
    assert keyring.file is not None
    keyring.current  # noqa: B018  makes the file where there is none
    if (keys := keyring.keys_of_file()) is None:
        raise ConfigurationError(f"the key file {keyring.file} is gone")
    replace_key_file(keyring.file, [Key.new(), *keys])
