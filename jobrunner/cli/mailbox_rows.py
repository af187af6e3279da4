"""How accounts that are read are shown: as rows of a list and one by one, with names in the place of ids."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobrunner.cli.grid import Column

if TYPE_CHECKING:
    from jobrunner.db.queryable import Queryable
    from jobrunner.services.mailbox.accounts.records import MailboxRecord
    from jobrunner.services.mailbox.accounts.state import State

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "status": Column(rank=4),
    "state": Column(least=20),
    "email_address": Column(rank=1),
    "host": Column(rank=2),
    "monitored_folders": Column("Folders", rank=5),
    "fetch_since": Column(rank=6),
    "connected_at": Column(rank=3),
    "watched_at": Column(rank=7),
}
FOLDER_COLUMNS = {
    "folder": Column(least=20),
    "last_internaldate": Column("Newest", rank=2),
    "last_uid": Column("Up to UID", rank=4),
    "last_ok_at": Column("Read at", rank=1),
    "failures": Column(rank=3),
    "validity_changed_at": Column("Numbered anew", rank=5),
}
REFERENCES = {
    "assigned_user_id": "user",
    "assign_to_user_id": "user",
    "team_id": "team",
    "teams": "team",
    "email_folder_id": "folder",
    "folder_map": "folder",
    "group_email_folder_id": "group_folder",
    "reply_email_template_id": "template",
    "smtp_account_id": "smtp_account",
}
"""Columns that hold ids, and of what."""


def as_row(account: "MailboxRecord", state: "State | None") -> dict[str, Any]:
    """Return an account and its state as they are kept, with ids."""
    return {
        **asdict(account),
        "state": in_words(account, state),
        "connected_at": None if state is None else state.connected_at,
        "watched_at": None if state is None else state.watched_at,
        "failures": 0 if state is None else state.failures,
        "last_trouble": None if state is None else state.last_trouble,
        "last_trouble_folder": None if state is None else state.last_trouble_folder,
        "last_trouble_at": None if state is None else state.last_trouble_at,
    }


async def named(connection: "Queryable", rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows for people: names in the place of ids, and columns that are called by what they hold then."""
    from jobrunner.services.mailbox.names import read_names

    wanted = {(what, id) for row in rows for column, what in REFERENCES.items() for id in _ids(row.get(column))}
    names = await read_names(connection, wanted) if wanted else {}

    def name(what: str, value: Any) -> Any:
        match value:
            case Mapping():
                return [f"{folder}={names[what, str(id)]}" for folder, id in value.items()]
            case list() | tuple():
                return [names[what, str(id)] for id in value]
            case None:
                return None
            case _:
                return names[what, str(value)]

    return [
        {
            _word(column): name(REFERENCES[column], value) if column in REFERENCES else value
            for column, value in row.items()
        }
        for row in rows
    ]


def in_words(account: "MailboxRecord", state: "State | None") -> str:
    """Return whether an account is read, and what holds it back."""
    from jobrunner.cli.output import cell

    if account.status != "Active":
        return "not in use"
    if not account.use_imap:
        return "not read"
    if state is None:
        return "not read yet"
    if state.paused_kind is not None:
        return f"paused: {state.pause_reason}"
    if state.retry_at is not None:
        return f"tried again at {cell(state.retry_at)}: {state.last_trouble}"
    if state.folder_trouble is not None:
        return f"read, but {state.folder_trouble}"
    return "ready"


def _word(column: str) -> str:
    return "case_team" if column == "team_id" else column.removesuffix("_id")


def _ids(value: Any) -> Iterator[str]:
    match value:
        case None:
            return
        case Mapping():
            yield from map(str, value.values())
        case list() | tuple():
            yield from map(str, value)
        case _:
            yield str(value)
