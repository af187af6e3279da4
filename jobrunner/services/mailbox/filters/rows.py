"""The table of filters: adding, listing, changing, removing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import refusals_in_words
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, not_found
from jobrunner.services.mail.entry_checks import check_choice, check_line, check_name

ADD_FILTER = load(__package__, "add_filter")
EDIT_FILTER = load(__package__, "edit_filter")
LIST_FILTERS = load(__package__, "list_filters")
REMOVE_FILTER = load(__package__, "remove_filter")

ACTIONS = ("Skip", "Move to Folder", "Move to Group Folder", "None")
ALLOWED = {
    "is_global": ("Skip",),
    "user_id": ("Skip", "Move to Folder", "None"),
    "email_account_id": ("Skip",),
    "inbound_email_id": ("Skip", "Move to Group Folder"),
}
"""What a filter may do, by whose it is."""
WHOSE = {
    "is_global": "everybody",
    "user_id": "a user",
    "email_account_id": "a personal account",
    "inbound_email_id": "a group account",
}
TEXT_LIMIT = 255
PHRASES_LIMIT = 100
PHRASE_LIMIT = 1000


@dataclass(frozen=True, kw_only=True)
class FilterEntry:
    """What is entered about a filter. It is of everybody, a user or an account: of one only."""

    name: str
    sender: str | None = None
    """A pattern, as recipient and subject: `*` stands for any run of characters."""
    recipient: str | None = None
    subject: str | None = None
    body_contains: tuple[str, ...] = ()
    """One of these phrases."""
    body_contains_all: tuple[str, ...] = ()
    is_global: bool = False
    user_id: str | None = None
    email_account_id: int | None = None
    inbound_email_id: int | None = None
    action: str = "Skip"
    email_folder_id: int | None = None
    group_email_folder_id: int | None = None
    mark_as_read: bool = False
    skip_notification: bool = False

    def check(self) -> None:
        """Refuse what cannot be right.

        Raises:
            InvalidInput: says what it must be.
        """
        check_name(self.name, TEXT_LIMIT)
        for column in ("sender", "recipient", "subject"):
            check_line(column, getattr(self, column), TEXT_LIMIT)
        for phrases in (self.body_contains, self.body_contains_all):
            if len(phrases) > PHRASES_LIMIT:
                raise InvalidInput(f"a filter has at most {PHRASES_LIMIT} phrases, got {len(phrases)}")
            for phrase in phrases:
                check_line("phrase", phrase, PHRASE_LIMIT)
        if not any((self.sender, self.recipient, self.subject, self.body_contains, self.body_contains_all)):
            raise InvalidInput("a filter without a condition never matches: give one")
        self._check_action()

    def _check_action(self) -> None:
        owners = [column for column in ALLOWED if getattr(self, column) not in (None, False)]
        if len(owners) != 1:
            raise InvalidInput("a filter is of everybody, of one user or of one account: say which")
        check_choice("action", self.action, ACTIONS)
        if self.action not in ALLOWED[owners[0]]:
            raise InvalidInput(
                f"a filter of {WHOSE[owners[0]]} cannot {self.action!r}, only {' or '.join(ALLOWED[owners[0]])}"
            )
        if (self.action == "Move to Folder") != (self.email_folder_id is not None):
            raise InvalidInput("a user's folder and the action Move to Folder go together")
        if (self.action == "Move to Group Folder") != (self.group_email_folder_id is not None):
            raise InvalidInput("a group folder and the action Move to Group Folder go together")
        if (self.mark_as_read or self.skip_notification) and self.user_id is None:
            raise InvalidInput("only a user's filter can mark as read or skip the notification")


@dataclass(frozen=True, kw_only=True)
class FilterRecord(FilterEntry):
    """A filter as it is stored."""

    id: int
    owner: str
    """Whose it is, in words."""
    folder: str | None
    """Name of the folder that it moves to."""

    def entry(self) -> FilterEntry:
        """Return it as it would be entered."""
        values = asdict(self)
        return FilterEntry(**{field.name: values[field.name] for field in fields(FilterEntry)})


async def add_filter(connection: Queryable, entry: FilterEntry) -> FilterRecord:
    """Add a filter and return it.

    Raises:
        InvalidInput: a value is refused, or refers to what is not there.
    """
    entry.check()
    with refusals_in_words("filter"):
        rows = await connection.fetch(ADD_FILTER, json.dumps(asdict(entry)))
    return await find_filter(connection, str(rows[0]["id"]))


async def edit_filter(connection: Queryable, name: str, changes: Mapping[str, Any]) -> FilterRecord:
    """Change a filter and return it; `changes` are fields of its entry. What is imported from then on is judged by it.

    Raises:
        NotFound: there is no such filter.
        InvalidInput: a value is refused.
    """
    found = await find_filter(connection, name)
    entry = FilterEntry(**(asdict(found.entry()) | dict(changes)))
    entry.check()
    with refusals_in_words("filter"):
        rows = await connection.fetch(EDIT_FILTER, found.id, json.dumps(asdict(entry)))
    if not rows:
        raise Conflict(f"the filter {found.name!r} was removed by somebody else at this moment")
    return await find_filter(connection, str(found.id))


async def find_filter(connection: Queryable, name: str) -> FilterRecord:
    """Return a filter by its id, or by its name where no other has that.

    Raises:
        NotFound: there is none.
        Conflict: several are called like that.
    """
    rows = await connection.fetch(LIST_FILTERS, name)
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows[:5])
        raise Conflict(f"several filters are called {name[:100]!r}: give the id, one of {ids}")
    if rows:
        return _record(rows[0])
    known = {one.name for one in await list_filters(connection)}
    raise not_found("filter", name, known)


async def list_filters(connection: Queryable) -> list[FilterRecord]:
    """Return all filters, the oldest first."""
    return [_record(row) for row in await connection.fetch(LIST_FILTERS, None)]


async def remove_filter(connection: Queryable, name: str) -> FilterRecord:
    """Remove a filter and return it as it was."""
    found = await find_filter(connection, name)
    await connection.fetch(REMOVE_FILTER, found.id)
    return found


def _record(row: Any) -> FilterRecord:
    phrases = {column: tuple(row[column]) for column in ("body_contains", "body_contains_all")}
    return FilterRecord(**{**dict(row), **phrases})
