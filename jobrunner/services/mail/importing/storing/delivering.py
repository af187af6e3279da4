"""Who gets the mails: users and teams, each user by its own filters; a merge gives them to those who lack them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from jobrunner.services.mail.importing.storing.batch import Batch, Taken
from jobrunner.services.mail.importing.storing.filters import Filter, first_match, user_filters
from jobrunner.services.mail.importing.storing.outcome import Outcome
from jobrunner.services.mail.importing.storing.parents import set_parents


async def add_folder_members(batch: Batch, taken: Sequence[Taken]) -> None:
    """Give what a filter moves to a group folder to that folder's teams and their users."""
    moved = [one for one in taken if one.filter is not None and one.group_folder_id is not None]
    if not moved:
        return
    rows = await batch.fetch("read_group_folder", sorted({one.group_folder_id for one in moved if one.group_folder_id}))
    members = {row["group_folder_id"]: row for row in rows}
    for one in moved:
        if (row := members.get(one.group_folder_id)) is not None:
            one.user_ids = sorted({*one.user_ids, *row["user_ids"]})
            one.team_ids = sorted({*one.team_ids, *row["team_ids"]})


async def deliver(batch: Batch, taken: Sequence[Taken], owner: Any) -> dict[int, Outcome]:
    """Give the mails to teams and users, with what they are about; return what came of each message by its UID."""
    one_each = {one.email_id: one for one in reversed(taken)}
    copies = await batch.fetch(
        "insert_copies", *batch.place, batch.folder.uid_validity,
        list(one_each), [one.fetched.uid for one in one_each.values()],
    )  # fmt: skip
    first_here = {row["email_id"] for row in copies if row["is_new"]}
    created = [one for one in taken if one.is_new]
    parents = await set_parents(batch, created)
    teams = sorted({(one.email_id, team) for one in taken for team in one.team_ids})
    if teams:
        await batch.fetch("insert_teams", *map(list, zip(*teams, strict=True)))
    if any(one.email_id in parents or one.email_id in batch.replied for one in created):
        await batch.fetch("inherit_teams", [one.email_id for one in created])
    merged = [one for one in taken if not one.is_new and one.group_folder_id is not None]
    if merged:
        await batch.fetch(
            "set_group_folders", [one.email_id for one in merged], [one.group_folder_id for one in merged]
        )
    added, silent = await _add_users(batch, taken, owner)
    outcomes: dict[int, Outcome] = {}
    for one in taken:
        users = tuple(added.pop(one.email_id, ()))
        outcomes[one.fetched.uid] = Outcome(
            one.fetched.uid,
            "Imported" if one.is_new else "Merged",
            one.mail,
            one.email_id,
            one.filter.name if one.filter else None,
            one.email_id in first_here and one_each[one.email_id] is one,
            users,
            tuple(user for user in users if (one.email_id, user) not in silent),
            parents.get(one.email_id),
        )
    return outcomes


async def _add_users(
    batch: Batch, taken: Sequence[Taken], owner: Any
) -> tuple[dict[int, list[str]], set[tuple[int, str]]]:
    """Give the mails to their users by each user's filters; return who is new, and who is not to be told."""
    filters = await user_filters(batch.connection, sorted({user for one in taken for user in one.user_ids}))
    # A large team has many filters, and they may look into long texts: not at the expense of the event loop.
    rows = await asyncio.to_thread(_user_rows, batch, taken, filters, owner)
    added: dict[int, list[str]] = {}
    for row in await batch.insert("insert_users", rows.values()):
        if row["is_new"]:
            added.setdefault(row["email_id"], []).append(row["user_id"])
    silent = {place for place, row in rows.items() if row["skip_notification"] or row["is_read"] or row["in_trash"]}
    return {id: sorted(users) for id, users in added.items()}, silent


def _user_rows(
    batch: Batch, taken: Sequence[Taken], filters: Mapping[str, Sequence[Filter]], owner: Any
) -> dict[tuple[int, str], dict[str, Any]]:
    """Return the rows in the order in which all who import the same mails lock them."""
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    for one in sorted(taken, key=lambda one: one.email_id):
        for user in sorted(one.user_ids):
            if (one.email_id, user) not in rows:
                rows[one.email_id, user] = _user_row(batch, one, user, filters.get(user, ()), owner)
    return rows


def _user_row(batch: Batch, one: Taken, user: str, filters: Sequence[Filter], owner: Any) -> dict[str, Any]:
    filter = first_match(filters, one.mail)
    is_owner = batch.account.kind == "Personal"
    moved = filter is not None and filter.action == "Move to Folder"
    return {
        "email_id": one.email_id,
        "user_id": user,
        "folder_id": filter.folder_id if filter is not None and moved else owner["folder_id"],
        "is_assigned": user == owner["assigned_user_id"],
        "is_read": (is_owner and "\\Seen" in one.fetched.flags) or bool(filter and filter.mark_as_read),
        "is_important": is_owner and "\\Flagged" in one.fetched.flags,
        "in_trash": filter is not None and filter.action == "Skip",
        "skip_notification": bool(filter and filter.skip_notification),
    }
