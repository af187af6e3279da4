"""Target lists as a whole: added, found, removed."""

from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, not_found
from jobrunner.services.massmail.refusal import refusals_in_words


@dataclass(frozen=True, slots=True)
class TargetList:
    """A target list with the counts of its members."""

    id: int
    name: str
    description: str | None
    entry_count: int
    opted_out_count: int
    """Members that unsubscribed from this list."""
    account_count: int
    contact_count: int
    lead_count: int
    user_count: int
    created_at: datetime
    created_by: str


async def add_target_list(connection: Queryable, name: str, description: str | None = None, *, by: str) -> TargetList:
    """Add an empty list and return it; `by` is who does so.

    Raises:
        InvalidInput: the name is none.
        Conflict: there is a list of that name.
    """
    with refusals_in_words("target list"):
        (row,) = await connection.fetch(load(__package__, "add_target_list"), name, description, by)
    return await find_target_list(connection, str(row["id"]))


async def list_target_lists(connection: Queryable) -> list[TargetList]:
    """Return all lists by name."""
    return [TargetList(**row) for row in await connection.fetch(load(__package__, "list_target_lists"), None)]


async def find_target_list(connection: Queryable, name: str) -> TargetList:
    """Return the list of that name or id.

    Raises:
        NotFound: there is none; with the nearest names.
    """
    rows = await connection.fetch(load(__package__, "list_target_lists"), name.strip())
    if rows:
        return TargetList(**rows[0])
    known = await connection.fetch(load(__package__, "list_names_of_lists"))
    raise not_found("target list", name, [row["name"] for row in known])


async def remove_target_list(connection: Queryable, name: str) -> TargetList:
    """Remove a list with its members (the persons stay) and return what it was.

    Raises:
        NotFound: there is none.
        Conflict: a mass e-mail that is not finished uses it.
    """
    found = await find_target_list(connection, name)
    if not await connection.fetch(load(__package__, "remove_target_list"), found.id):
        users = await connection.fetch(load(__package__, "find_mailings_of_list"), found.id)
        names = ", ".join(repr(row["name"]) for row in users) or "a mass e-mail"
        raise Conflict(f"the target list {found.name!r} is used by {names}: take it out there first, or abort it")
    return found
