"""What accounts and filters refer to, by name or id: users, teams, folders, templates, accounts that send."""

from collections.abc import Collection
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, nearest


async def find_user(connection: Queryable, name: str) -> str:
    """Return the id of a user; raises InvalidInput where there is none."""
    return await _find(connection, "find_users", "user", name, hint="add one to the table jobrunner.app_user")


async def find_team(connection: Queryable, name: str) -> str:
    """Return the id of a team; raises InvalidInput where there is none."""
    return await _find(connection, "find_teams", "team", name, command="team")


async def find_folder(connection: Queryable, user_id: str, name: str) -> int:
    """Return the id of a user's folder for mail; raises InvalidInput where there is none."""
    what = f"folder for mail of the user {user_id}"
    return int(await _find(connection, "find_folders", what, name, user_id, command="email-folder"))


async def find_group_folder(connection: Queryable, name: str) -> int:
    """Return the id of a group folder for mail; raises InvalidInput where there is none."""
    what = "group folder for mail"
    return int(await _find(connection, "find_group_folders", what, name, command="group-email-folder"))


async def find_email_template(connection: Queryable, name: str) -> int:
    """Return the id of an e-mail template; raises InvalidInput where there is none."""
    return int(await _find(connection, "find_email_templates", "e-mail template", name, command="email-template"))


async def find_smtp_account(connection: Queryable, name: str) -> int:
    """Return the id of an account that sends; raises InvalidInput where there is none."""
    return int(await _find(connection, "find_smtp_accounts", "SMTP account", name, command="smtp-account"))


async def _find(
    connection: Queryable, statement: str, what: str, name: str, *more: Any, command: str = "", hint: str = ""
) -> str:
    """Return the id of what is called like that.

    Where there is none at all, the group of commands `command` is named as what adds one, else the hint.
    """
    rows = await connection.fetch(load(__package__, statement), name, *more)
    rows = [row for row in rows if row["id"] == name] or rows
    if len(rows) > 1:
        ids = ", ".join(row["id"] for row in rows[:5])
        raise Conflict(f"several are called {name[:100]!r} ({what}): give the id, one of {ids}")
    if not rows:
        known = [row["name"] for row in await connection.fetch(load(__package__, statement), None, *more)]
        how = f"`jobrunner {command} add` makes one" if command else hint
        words = nearest(name[:100], known) or f": {how}"
        raise InvalidInput(f"there is no {what} {name[:100]!r}{words}")
    id: str = rows[0]["id"]
    return id


async def read_names(connection: Queryable, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return what ids stand for.

    Args:
        connection: what runs the statement.
        wanted: what each is (user, team, folder, group_folder, template or smtp_account), and its id.

    Returns:
        The names; for what is not there any more, the id.
    """
    pairs = sorted(set(wanted))
    rows = await connection.fetch(load(__package__, "read_names"), [what for what, _ in pairs], [id for _, id in pairs])
    return {(row["what"], row["id"]): row["name"] or row["id"] for row in rows}
