"""Which mails of notifications a user wants."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, NotFound, nearest
from jobrunner.services.notifications.notify import refusals_in_words
from jobrunner.services.notifications.settings import load_notification_settings

LIST_PREFERENCES = load(__package__, "list_preferences")
SET_PREFERENCES = load(__package__, "set_preferences")
FIND_USERS = load(__package__, "find_users")

NEW_MAIL = "Email"
"""The type that a user ignores who wants to be told of no new mail; who imports mail looks at it."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """One user's. Who has never set any has everything on."""

    user_id: str
    user_name: str
    email: str | None
    is_active: bool
    is_portal_user: bool
    mentions: bool
    stream: bool
    assignments: bool
    ignored_types: tuple[str, ...]
    """Types of records of whose assignment they want no mail; with Email they are told of no new mail."""
    grouping: bool
    """One mail for all that happened to one record within the delay; off: one for each notification."""


async def list_preferences(connection: Queryable, *, limit: int | None = None) -> list[Preferences]:
    """Return those of all users, by name."""
    return [_preferences(row) for row in await connection.fetch(LIST_PREFERENCES, None, limit)]


async def find_preferences(connection: Queryable, user: str) -> Preferences:
    """Return those of the user with that id, address or name.

    Raises:
        NotFound: there is none.
        Conflict: several are called so.
    """
    id = await find_user(connection, user)
    return _preferences((await connection.fetch(LIST_PREFERENCES, id, 1))[0])


async def set_preferences(
    connection: Queryable,
    user: str,
    *,
    mentions: bool | None = None,
    stream: bool | None = None,
    assignments: bool | None = None,
    ignored_types: Sequence[str] | None = None,
    grouping: bool | None = None,
) -> Preferences:
    """Change those of the user with that id, address or name; None leaves one as it is.

    Raises:
        NotFound: there is no such user.
        Conflict: several are called so.
        InvalidInput: assignments of a type are not mailed anyway; with the nearest that are.
    """
    id = await find_user(connection, user)
    types = None
    if ignored_types is not None:
        known = (await load_notification_settings(connection)).assignment_email_notifications_entity_list
        already = (await find_preferences(connection, id)).ignored_types
        types = list(dict.fromkeys(_type(word, [*known, *already, NEW_MAIL]) for word in ignored_types))
    with refusals_in_words():
        await connection.fetch(SET_PREFERENCES, id, mentions, stream, assignments, types, grouping)
    return await find_preferences(connection, id)


def _type(text: str, known: Sequence[str]) -> str:
    """Return the type that is meant, in whatever capitals."""
    for one in known:
        if one.lower() == text.strip().lower():
            return one
    setting, near = "assignment_email_notifications_entity_list", nearest(text[:64], set(known))
    raise InvalidInput(f"assignments of the type {text[:64]!r} are not mailed anyway ({setting}){near}")


async def find_user(connection: Queryable, user: str) -> str:
    """Return the id of the user with that id, address or name; an id comes first.

    Raises:
        NotFound: there is none.
        Conflict: several are called so.
    """
    rows = await connection.fetch(FIND_USERS, user)
    found = [row["id"] for row in rows if row["place"] == rows[0]["place"] and row["place"] < OTHERS]
    if len(found) > 1:
        ids = ", ".join(found[:10])
        raise Conflict(f"several users are called {user[:100]!r}: name one by its id ({ids})")
    if not found:
        hint = nearest(user[:100], [row["name"] for row in rows])
        if not hint.endswith("?"):
            hint = ": name one by id, address or name; `jobrunner notification-preferences list` shows them"
        raise NotFound(f"there is no user {user[:100]!r}{hint}")
    id: str = found[0]
    return id


OTHERS = 4
"""The place of users who are not called so, in the list of those that may have been meant."""


def _preferences(row: "dict[str, object]") -> Preferences:
    values = dict(row)
    return Preferences(**{**values, "ignored_types": tuple(values["ignored_types"])})  # type: ignore[arg-type]
