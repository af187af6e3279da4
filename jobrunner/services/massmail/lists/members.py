"""Members of a target list, and their opt-outs of it."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, nearest
from jobrunner.services.mail.address import parse_address

TargetType = Literal["Account", "Contact", "Lead", "User"]
PORTION = 2000
"""Members that are read at once."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a list with what mass mail knows of it. Names and address are None where it is gone."""

    target_type: TargetType
    target_id: str
    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    language: str | None
    company: str | None
    """Whom a lead works for."""
    fields: Mapping[str, Any]
    """Whatever else a template may say of them."""
    opted_out: bool
    """Of this list."""
    opted_out_at: datetime | None
    address_opted_out: bool
    """Of all mass mail."""
    address_invalid: bool
    is_there: bool
    """False where the person is gone."""
    position: int


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding members."""

    added: int
    """Those that were none before."""
    unknown: list[str]
    """Ids that no person of that type has."""


def target_type(text: str) -> TargetType:
    """Return the type of that name, in any spelling.

    Raises:
        InvalidInput: there is none.
    """
    for known in get_args(TargetType):
        if text.strip().lower().rstrip("s") == known.lower():
            found: TargetType = known
            return found
    names = [name.lower() for name in get_args(TargetType)]
    raise InvalidInput(f"members are accounts, contacts, leads and users, got {text[:60]!r}{nearest(text[:60], names)}")


async def add_members(connection: Queryable, list_id: int, kind: TargetType, ids: Iterable[str]) -> Added:
    """Add persons to a list. Who is a member stays one, opted out or not."""
    (row,) = await connection.fetch(load(__package__, "add_members"), list_id, kind, list(ids))
    return Added(row["added"], list(row["unknown"]))


async def remove_members(connection: Queryable, list_id: int, kind: TargetType, ids: Iterable[str]) -> int:
    """Take persons out of a list and return how many were in it. Opt-outs hold on should they come back."""
    return len(await connection.fetch(load(__package__, "remove_members"), list_id, kind, list(ids)))


async def list_members(connection: Queryable, list_id: int, *, limit: int | None = None) -> AsyncIterator[Member]:
    """Yield the members in the order in which a list is walked, read in portions."""
    after_type: str | None = None
    after_position = 0
    left = limit
    while left is None or left > 0:
        wanted = PORTION if left is None else min(PORTION, left)
        rows = await connection.fetch(load(__package__, "list_members"), list_id, after_type, after_position, wanted)
        for row in rows:
            yield Member(**{**row, "fields": json.loads(row["fields"])})
        if len(rows) < wanted:
            return
        after_type, after_position = rows[-1]["target_type"], rows[-1]["position"]
        if left is not None:
            left -= len(rows)


async def list_fields(connection: Queryable, list_id: int) -> list[str]:
    """Return the names of all fields that members have."""
    return [row["name"] for row in await connection.fetch(load(__package__, "list_fields_of_members"), list_id)]


async def opt_out_of_list(connection: Queryable, list_id: int, email: str) -> tuple[int, bool]:
    """Opt an address out of a list; return how many members have it, and whether anything changed.

    Where no member has it the list remembers the address, should one come.

    Raises:
        InvalidInput: it is no address.
    """
    return await _opt(connection, "opt_out_of_list", list_id, email)


async def opt_in_to_list(connection: Queryable, list_id: int, email: str) -> tuple[int, bool]:
    """Take that back; return how many members have the address, and whether anything changed."""
    return await _opt(connection, "opt_in_to_list", list_id, email)


async def _opt(connection: Queryable, statement: str, list_id: int, email: str) -> tuple[int, bool]:
    parse_address(email)
    (row,) = await connection.fetch(load(__package__, statement), list_id, email)
    return row["members"], row["changed"] > 0
