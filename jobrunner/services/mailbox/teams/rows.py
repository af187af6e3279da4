"""The tables of teams: adding, listing, renaming, removing, and who is a member."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import refusals_in_words
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, not_found
from jobrunner.services.mail.entry_checks import check_line, check_name
from jobrunner.services.mailbox.names import find_user

ADD_TEAM = load(__package__, "add_team")
CLEAR_DEFAULT_TEAM = load(__package__, "clear_default_team")
LIST_MEMBERS = load(__package__, "list_members")
LIST_TEAMS = load(__package__, "list_teams")
PUT_MEMBER = load(__package__, "put_member")
REMOVE_MEMBER = load(__package__, "remove_member")
REMOVE_TEAM = load(__package__, "remove_team")
RENAME_TEAM = load(__package__, "rename_team")

NAME_LIMIT = 255
ID_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Team:
    """A team, and what it is for."""

    id: str
    name: str
    members: list[str]
    """Their names, with their positions."""
    inbound_emails: list[str]
    """The group accounts whose mail or cases it gets."""
    group_folders: list[str]
    case_accounts: list[str]
    """Those of its accounts that share their cases among its members."""


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a team."""

    user_id: str
    name: str
    email: str | None
    active: bool
    """One who is not gets no mail."""
    position: str | None
    is_default: bool
    """Whether the user's own accounts bring their mail to this team, too."""


async def add_team(connection: Queryable, name: str, *, id: str | None = None) -> Team:
    """Add a team and return it; without an id it gets a number of its own.

    Raises:
        InvalidInput: the name or id is none.
        Conflict: there is one with it.
    """
    check_name(name, NAME_LIMIT)
    if id is not None:
        check_line("id", id, ID_LIMIT)
    rows = await connection.fetch(ADD_TEAM, name, id)
    if not rows:
        raise Conflict(
            f"there is a team {name[:100]!r} already" + ("" if id is None else f", or one with the id {id!r}")
        )
    return await find_team(connection, rows[0]["id"])


async def rename_team(connection: Queryable, team: Team, name: str) -> Team:
    """Give a team another name and return it.

    Raises:
        InvalidInput: the name is none.
        Conflict: there is one of that name, or the team has been removed at this moment.
    """
    check_name(name, NAME_LIMIT)
    if not await connection.fetch(RENAME_TEAM, team.id, name):
        raise Conflict(f"there is a team {name[:100]!r} already, or {team.name!r} was removed at this moment")
    return await find_team(connection, team.id)


async def remove_team(connection: Queryable, team: Team) -> None:
    """Remove a team; its members stay users.

    Raises:
        Conflict: an account shares its cases among its members.
    """
    if team.case_accounts:
        account = team.case_accounts[0]
        raise Conflict(
            f"the cases of the group account {account!r} go to the team {team.name!r}: give it another first "
            f"(`jobrunner inbound-email edit {shlex.quote(account)} --case-team TEAM`)"
        )
    await connection.fetch(REMOVE_TEAM, team.id)


async def find_team(connection: Queryable, name: str) -> Team:
    """Return a team by its id, or by its name where no other has that.

    Raises:
        NotFound: there is none; with the nearest names.
        Conflict: several are called like that.
    """
    rows = await connection.fetch(LIST_TEAMS, name)
    rows = [row for row in rows if row["id"] == name] or rows
    if len(rows) > 1:
        ids = ", ".join(row["id"] for row in rows[:5])
        raise Conflict(f"several teams are called {name[:100]!r}: give the id, one of {ids}")
    if not rows:
        known = [team.name for team in await list_teams(connection)]
        raise not_found("team", name, known)
    return Team(**dict(rows[0]))


async def list_teams(connection: Queryable) -> list[Team]:
    """Return all teams by their names."""
    return [Team(**dict(row)) for row in await connection.fetch(LIST_TEAMS, None)]


async def list_members(connection: Queryable, team: Team) -> list[Member]:
    """Return the members of a team by their names."""
    return [Member(**dict(row)) for row in await connection.fetch(LIST_MEMBERS, team.id)]


async def put_members(
    connection: Any, team: Team, users: Sequence[str], *, position: str | None = None, is_default: bool | None = None
) -> None:
    """Make users members of a team, or change what members are in it; in a transaction of `connection`, one of asyncpg.

    Args:
        connection: what runs the statements.
        team: the team.
        users: their names or ids.
        position: what they are in it; empty for nothing, None as it is.
        is_default: whether it is to be their default team, instead of another one; None as it is.

    Raises:
        InvalidInput: there is no such user, or the position is none.
    """
    if position:
        check_line("position", position, NAME_LIMIT)
    for user in [await find_user(connection, name) for name in users]:
        if is_default:
            await connection.fetch(CLEAR_DEFAULT_TEAM, user, team.id)
        with refusals_in_words("member"):
            await connection.fetch(PUT_MEMBER, team.id, user, position, is_default)


async def remove_members(connection: Any, team: Team, users: Sequence[str]) -> None:
    """Take users out of a team; in a transaction of `connection`, one of asyncpg.

    Raises:
        InvalidInput: there is no such user, or one is no member.
    """
    for user in [await find_user(connection, name) for name in users]:
        if not await connection.fetch(REMOVE_MEMBER, team.id, user):
            raise InvalidInput(f"the user {user!r} is no member of the team {team.name!r}")
