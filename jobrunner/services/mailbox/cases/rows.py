"""Cases as people look at them and change them, by their numbers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.refusals import refusals_in_words
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, NotFound
from jobrunner.services.mail.entry_checks import check_choice, check_line
from jobrunner.services.mailbox.cases.opening import DESCRIPTION_LIMIT
from jobrunner.services.notifications import notify

EDIT_CASE = load(__package__, "edit_case")
GIVE_MAILS = load(__package__, "give_mails")
LIST_CASES = load(__package__, "list_cases")
LIST_MAILS_OF_CASE = load(__package__, "list_mails_of_case")
LOCK_CASES = load(__package__, "lock_cases")
READ_CASE = load(__package__, "read_case")
REMOVE_CASE = load(__package__, "remove_case")
SET_TEAMS = load(__package__, "set_teams")

OPEN = ("New", "Assigned", "Pending")
DONE = ("Closed", "Rejected", "Duplicate")
STATUSES = (*OPEN, *DONE)
NAME_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Case:
    """A case in a list."""

    id: str
    """By which records name it; people go by its number."""
    number: int
    name: str
    status: str
    assigned_user_id: str | None
    assigned_user: str | None
    teams: list[str]
    """Their names."""
    emails: int
    """How many mails it has."""
    created_at: datetime
    modified_at: datetime


async def list_cases(
    connection: Queryable,
    *,
    statuses: Collection[str] | None = None,
    user_id: str | None = None,
    unassigned: bool = False,
    team_id: str | None = None,
    subject: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Case]:
    """Return cases, the newest first, that are all that is asked for; `before` is the number that theirs are below.

    Raises:
        InvalidInput: a status is none.
    """
    for status in statuses or ():
        check_choice("status", status, STATUSES)
    wanted = list(statuses) if statuses else None
    rows = await connection.fetch(LIST_CASES, None, wanted, user_id, unassigned, team_id, subject, before, limit)
    return [Case(**row) for row in rows]


async def find_case(connection: Queryable, number: int) -> Case:
    """Return a case; raises NotFound where there is none, or it was deleted."""
    rows = await connection.fetch(LIST_CASES, number, None, None, False, None, None, None, 1)
    if not rows:
        raise _not_found([number])
    return Case(**rows[0])


async def read_case(connection: Queryable, number: int) -> dict[str, Any]:
    """Return what is known of a case beside what a list shows of it; `mails` are its mails, the oldest first."""
    case = await find_case(connection, number)
    rows = await connection.fetch(READ_CASE, number)
    if not rows:  # deleted at this moment
        raise _not_found([number])
    mails = [dict(row) for row in await connection.fetch(LIST_MAILS_OF_CASE, case.id)]
    return {**dict(rows[0]), "mails": mails}


async def edit_case(
    connection: Any,
    number: int,
    changes: Mapping[str, Any],
    *,
    teams: Sequence[str] | None = None,
    told_by: str | None = None,
) -> Case:
    """Change a case and return it; in a transaction of `connection`, one of asyncpg.

    Who gets it now gets its mails too. A case that is New is Assigned when it goes to somebody, and one that is
    Assigned is New when nobody has it any more, unless a status is given.

    Args:
        connection: what runs the statements.
        number: of the case.
        changes: name, description, status and assigned_user_id (None for nobody); what is not there stays.
        teams: ids of its teams from now on; None as they are. Its mails get them too, and keep those that they have.
        told_by: who tells the user that gets it, if that one is to be told.

    Raises:
        NotFound: there is no such case.
        InvalidInput: a value is refused.
    """
    _check(changes)
    (case,) = await _locked(connection, [number])
    before = case["assigned_user_id"]
    assignee = changes.get("assigned_user_id", before)
    name = changes.get("name", case["name"])
    status = changes.get("status") or _status_for(case["status"], assignee)
    with refusals_in_words("case"):
        await connection.fetch(EDIT_CASE, case["id"], name, changes.get("description"), status, assignee)
        if teams is not None:
            await connection.fetch(SET_TEAMS, case["id"], list(teams))
    if assignee is not None and assignee != before:
        await connection.fetch(GIVE_MAILS, case["id"], assignee)
        if told_by is not None:
            data = {"actor_name": told_by}
            await notify(connection, assignee, "Assignment", data, parent=("Case", case["id"]), parent_name=name)
    return await find_case(connection, number)


async def close_cases(connection: Any, numbers: Sequence[int], status: str = "Closed") -> list[Case]:
    """Close cases that are not closed, and return them; all of them or, where one is not there, none.

    Raises:
        NotFound: one of them is not there.
        InvalidInput: the status is none that a case ends with.
    """
    check_choice("status", status, DONE)
    return await _turn(connection, numbers, lambda case: status)


async def reopen_cases(connection: Any, numbers: Sequence[int]) -> list[Case]:
    """Open cases again that are closed, rejected or duplicates, and return them; all of them, or none.

    Raises:
        NotFound: one of them is not there.
    """
    return await _turn(connection, numbers, lambda case: _reopened(case) if case["status"] in DONE else case["status"])


async def remove_cases(connection: Any, numbers: Sequence[int]) -> list[Case]:
    """Delete cases and return them as they were; their mails stay. Cleanup removes them for good later.

    Raises:
        NotFound: one of them is not there; then none is deleted.
    """
    locked = await _locked(connection, numbers)
    cases = [await find_case(connection, case["number"]) for case in locked]
    for case in locked:
        await connection.fetch(REMOVE_CASE, case["id"])
    return cases


async def _turn(connection: Any, numbers: Sequence[int], status_for: Callable[[Any], str]) -> list[Case]:
    cases = await _locked(connection, numbers)
    turned = [(case, status_for(case)) for case in cases]
    for case, status in turned:
        if status != case["status"]:
            await connection.fetch(EDIT_CASE, case["id"], case["name"], None, status, case["assigned_user_id"])
    return [await find_case(connection, case["number"]) for case, status in turned if status != case["status"]]


async def _locked(connection: Any, numbers: Sequence[int]) -> list[Any]:
    cases: list[Any] = await connection.fetch(LOCK_CASES, list(numbers))
    if missing := sorted(set(numbers) - {case["number"] for case in cases}):
        raise _not_found(missing)
    return cases


def _reopened(case: Any) -> str:
    return "New" if case["assigned_user_id"] is None else "Assigned"


def _status_for(status: str, assignee: str | None) -> str:
    if status == "New" and assignee is not None:
        return "Assigned"
    return "New" if status == "Assigned" and assignee is None else status


def _check(changes: Mapping[str, Any]) -> None:
    if "status" in changes:
        check_choice("status", changes["status"], STATUSES)
    if "name" in changes:
        check_line("name", changes["name"], NAME_LIMIT)
        if not changes["name"].strip():
            raise InvalidInput("a case needs a name")
    if len(changes.get("description") or "") > DESCRIPTION_LIMIT:
        raise InvalidInput(f"the description may have {DESCRIPTION_LIMIT:,} characters")
    if "\0" in (changes.get("description") or ""):
        raise InvalidInput("the description must not hold NUL characters")


def _not_found(numbers: Sequence[int]) -> NotFound:
    which = ", ".join(map(str, numbers))
    return NotFound(f"there is no case of the number {which}: `jobrunner case list` shows them")
