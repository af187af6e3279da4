"""Filters as they are entered, changed and removed; each action only where it is allowed."""

from typing import Any

import pytest

from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.mail.importing.storing.filters import user_filters
from jobrunner.services.mailbox.filters.rows import (
    FilterEntry,
    add_filter,
    edit_filter,
    find_filter,
    list_filters,
    remove_filter,
)

OWNERS: dict[str, dict[str, Any]] = {
    "everybody": {"is_global": True},
    "user": {"user_id": "ann"},
    "personal": {"email_account_id": 1},
    "group": {"inbound_email_id": 1},
}
ACTIONS: dict[str, dict[str, Any]] = {
    "Skip": {},
    "Move to Folder": {"email_folder_id": 1},
    "Move to Group Folder": {"group_email_folder_id": 1},
    "None": {},
}
ALLOWED = {
    *((owner, "Skip") for owner in OWNERS),
    ("user", "Move to Folder"),
    ("user", "None"),
    ("group", "Move to Group Folder"),
}


@pytest.fixture
async def line(connection: Any) -> Any:
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann')")
    await connection.execute("INSERT INTO jobrunner.email_folder (user_id, name) VALUES ('ann', 'Bills')")
    await connection.execute("INSERT INTO jobrunner.group_email_folder (name) VALUES ('Questions')")
    await connection.execute(
        "INSERT INTO jobrunner.email_account (assigned_user_id, name, email_address, use_imap) "
        "VALUES ('ann', 'ann', 'ann@example.org', false)"
    )
    await connection.execute(
        "INSERT INTO jobrunner.inbound_email (name, email_address, use_imap) VALUES ('h', 'h@example.org', false)"
    )
    return connection


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_an_action_is_for_some_owners_only(line: Any, owner: str, action: str):
    entry = FilterEntry(name="f", subject="*", action=action, **OWNERS[owner], **ACTIONS[action])
    if (owner, action) in ALLOWED:
        added = await add_filter(line, entry)
        assert added.entry() == entry
    else:
        with pytest.raises(InvalidInput, match="cannot"):
            await add_filter(line, entry)
        assert await list_filters(line) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"subject": None}, "a filter without a condition never matches"),
        ({"body_contains": ("",)}, "the phrase must not be empty"),
        ({"sender": "x" * 256}, "the sender must be one line of at most 255 letters"),
        ({"is_global": False}, "say which"),
        ({"user_id": "ann"}, "say which"),
        ({"mark_as_read": True}, "only a user's filter can mark as read"),
        ({"name": "12"}, "not a number"),
        ({"is_global": False, "user_id": "nobody"}, "the filter refers to what is not there"),
        ({"is_global": False, "user_id": "ann", "action": "Move to Folder"}, "go together"),
    ],
)
async def test_what_cannot_be_right_is_refused(line: Any, values: dict[str, Any], sentence: str):
    with pytest.raises(InvalidInput, match=sentence):
        await add_filter(line, FilterEntry(**({"name": "f", "subject": "*", "is_global": True} | values)))


async def test_what_is_entered_is_what_imports_see(line: Any):
    entry = FilterEntry(
        name="bills", sender="*@example.org", body_contains=("invoice", "bill"), user_id="ann",
        action="Move to Folder", email_folder_id=1, mark_as_read=True,
    )  # fmt: skip
    added = await add_filter(line, entry)
    assert (added.owner, added.folder) == ("user Ann", "Bills")
    (seen,) = (await user_filters(line, ["ann"]))["ann"]
    assert (seen.sender, seen.body_contains, seen.folder_id, seen.mark_as_read) == (
        "*@example.org", ("invoice", "bill"), 1, True,
    )  # fmt: skip
    changed = await edit_filter(line, "bills", {"action": "None", "email_folder_id": None, "name": "other"})
    assert (changed.id, changed.name, changed.folder) == (added.id, "other", None)
    assert (await remove_filter(line, "other")).id == added.id
    with pytest.raises(NotFound, match="there is no filter 'other'"):
        await find_filter(line, "other")


async def test_a_name_that_several_have_is_not_enough(line: Any):
    first, second = [await add_filter(line, FilterEntry(name="f", subject="*", is_global=True)) for _ in range(2)]
    with pytest.raises(Conflict, match=f"give the id, one of {first.id}, {second.id}"):
        await find_filter(line, "f")
    assert (await find_filter(line, str(second.id))).id == second.id
