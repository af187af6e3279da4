"""Notifying a user, from Python."""

import json
from collections.abc import Mapping
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import Refusals
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput

ADD_NOTIFICATION = load(__package__, "add_notification")

SENTENCES = {
    "notification_type_is_a_word": "the type of a notification is a word such as Post, Mention or Assignment",
    "notification_data_are_an_object": 'the data of a notification must be an object, such as {"post": "Hello"}',
    "parent_type_is_a_word": "the type of a record is a word such as Case",
    "related_type_is_a_word": "the type of a record is a word such as Note",
    "parent_path_is_a_path": "a path begins with /, # or ? and has no blanks: it is put behind the site's URL",
    "parent_is_whole": "a record has a type and an id",
    "related_is_whole": "a record has a type and an id",
    "parent_has_what_is_said_of_it": "a name and a path belong to a record: give its type and id too",
    "assignment_has_a_parent": "an assignment is of a record: give its type and id",
    "ignored_types_are_words": "at most 100 types can be ignored",
    "portal_url_is_http": "the address of a portal begins with https:// and has no blanks",
}

refusals_in_words = Refusals(SENTENCES).in_words


async def notify(
    connection: Queryable,
    user: str,
    type: str,
    data: Mapping[str, Any] | None = None,
    *,
    parent: tuple[str, str] | None = None,
    parent_name: str | None = None,
    parent_path: str | None = None,
    related: tuple[str, str] | None = None,
    actor: str | None = None,
    action_id: str | None = None,
) -> int:
    """Notify a user, in the caller's transaction, and return the notification's number.

    Args:
        connection: whatever runs a statement.
        user: id of whom it concerns, one of `jobrunner.app_user`.
        type: Assignment, Mention, Post, Status or EmailReceived; any other is never mailed.
        data: what it says; docs/notifications.md has the keys of each type.
        parent: type and id of the record that it is about.
        parent_name: what that is called, unless `jobrunner.notified_record()` knows.
        parent_path: where it is behind the site's URL; `/#Type/view/id` if left out.
        related: type and id of the note or e-mail that it tells of.
        actor: id of the user whose act it is; nobody is mailed of their own.
        action_id: what notifications of one mass action have in common.

    Raises:
        InvalidInput: a value is refused, or there is no such user; nothing was written.
    """
    with refusals_in_words():
        rows = await connection.fetch(
            ADD_NOTIFICATION,
            user,
            type,
            json.dumps(data or {}),
            *(parent or (None, None)),
            parent_name,
            parent_path,
            *(related or (None, None)),
            actor,
            action_id,
        )
    number: int | None = rows[0]["number"]
    if number is None:
        raise InvalidInput(
            f"there is no user {user[:100]!r} who could be notified: give the id of one in jobrunner.app_user"
        )
    return number
