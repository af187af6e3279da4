"""The tables of folders: adding, listing, changing, removing."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import refusals_in_words
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, NotFound
from jobrunner.services.mail.entry_checks import check_name
from jobrunner.services.mailbox.names import find_folder, find_group_folder

ADD_FOLDER = load(__package__, "add_folder")
ADD_GROUP_FOLDER = load(__package__, "add_group_folder")
EDIT_GROUP_FOLDER = load(__package__, "edit_group_folder")
LIST_FOLDERS = load(__package__, "list_folders")
LIST_GROUP_FOLDERS = load(__package__, "list_group_folders")
REMOVE_FOLDER = load(__package__, "remove_folder")
REMOVE_GROUP_FOLDER = load(__package__, "remove_group_folder")
RENAME_FOLDER = load(__package__, "rename_folder")

NAME_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of one user."""

    id: int
    name: str
    user_id: str
    owner: str
    """The user's name."""
    mails: int
    accounts: list[str]
    """The personal accounts that lead into it."""
    filters: list[str]


@dataclass(frozen=True, slots=True)
class GroupFolder:
    """A folder of teams: whoever is in one of them has the mails in it."""

    id: int
    name: str
    teams: list[str]
    team_ids: list[str]
    mails: int
    accounts: list[str]
    """The group accounts that lead into it."""
    filters: list[str]


async def add_folder(connection: Queryable, user_id: str, name: str) -> Folder:
    """Add a folder of a user and return it; raises InvalidInput or Conflict where the name is none or taken."""
    check_name(name, NAME_LIMIT)
    with refusals_in_words("folder of this user"):
        rows = await connection.fetch(ADD_FOLDER, user_id, name)
    return await get_folder(connection, user_id, str(rows[0]["id"]))


async def rename_folder(connection: Queryable, folder: Folder, name: str) -> Folder:
    """Give a user's folder another name and return it; raises InvalidInput or Conflict as `add_folder`."""
    check_name(name, NAME_LIMIT)
    with refusals_in_words("folder of this user"):
        await connection.fetch(RENAME_FOLDER, folder.id, name)
    return await get_folder(connection, folder.user_id, str(folder.id))


async def remove_folder(connection: Queryable, folder: Folder) -> None:
    """Remove a user's folder, whose mails are in the inbox then; raises Conflict where something leads into it."""
    _refuse_used(folder, "email-account")
    await connection.fetch(REMOVE_FOLDER, folder.id)


async def get_folder(connection: Queryable, user_id: str, name: str) -> Folder:
    """Return a user's folder by name or id; raises InvalidInput where there is none."""
    id = await find_folder(connection, user_id, name)
    for folder in await list_folders(connection, user_id):
        if folder.id == id:
            return folder
    raise NotFound(f"the folder {name!r} was removed at this moment")


async def list_folders(connection: Queryable, user_id: str | None = None) -> list[Folder]:
    """Return the folders of a user, or of all."""
    return [Folder(**dict(row)) for row in await connection.fetch(LIST_FOLDERS, user_id)]


async def add_group_folder(connection: Queryable, name: str, teams: Sequence[str] = ()) -> GroupFolder:
    """Add a group folder for teams (their ids) and return it; raises InvalidInput or Conflict as `add_folder`."""
    check_name(name, NAME_LIMIT)
    with refusals_in_words("group folder"):
        rows = await connection.fetch(ADD_GROUP_FOLDER, name, list(teams))
    return await get_group_folder(connection, str(rows[0]["id"]))


async def edit_group_folder(
    connection: Queryable, folder: GroupFolder, *, name: str | None = None, teams: Sequence[str] | None = None
) -> GroupFolder:
    """Change a group folder and return it; what is None stays. Raises InvalidInput or Conflict as `add_folder`."""
    if name is not None:
        check_name(name, NAME_LIMIT)
    with refusals_in_words("group folder"):
        await connection.fetch(
            EDIT_GROUP_FOLDER, folder.id, name or folder.name, folder.team_ids if teams is None else list(teams)
        )
    return await get_group_folder(connection, str(folder.id))


async def remove_group_folder(connection: Queryable, folder: GroupFolder) -> None:
    """Remove a group folder; its mails stay. Raises Conflict where something leads into it."""
    _refuse_used(folder, "inbound-email")
    await connection.fetch(REMOVE_GROUP_FOLDER, folder.id)


async def get_group_folder(connection: Queryable, name: str) -> GroupFolder:
    """Return a group folder by name or id; raises InvalidInput where there is none."""
    id = await find_group_folder(connection, name)
    for folder in await list_group_folders(connection):
        if folder.id == id:
            return folder
    raise NotFound(f"the group folder {name!r} was removed at this moment")


async def list_group_folders(connection: Queryable) -> list[GroupFolder]:
    """Return all group folders."""
    return [GroupFolder(**dict(row)) for row in await connection.fetch(LIST_GROUP_FOLDERS)]


def _refuse_used(folder: Folder | GroupFolder, command: str) -> None:
    for names, what, group in ((folder.accounts, "account", command), (folder.filters, "filter", "email-filter")):
        if names:
            raise Conflict(
                f"the {what} {names[0]!r} leads into the folder {folder.name!r}: change that first "
                f"(`jobrunner {group} edit {shlex.quote(names[0])}`)"
            )
