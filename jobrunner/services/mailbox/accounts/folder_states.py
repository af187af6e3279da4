"""How far the folders of an account are read."""

from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.importing.storing.outcome import Kind

LIST_FOLDER_STATES = load(__package__, "list_folder_states")


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder at the server, as it was read last."""

    folder: str
    last_uid: int
    """All messages up to it are imported, skipped, or among the failures."""
    last_internaldate: datetime | None
    """When the server got the newest that was imported."""
    last_ok_at: datetime | None
    validity_changed_at: datetime | None
    """When the server last numbered its messages anew; it was read from the beginning then."""
    failures: int
    """Messages that could not be fetched or read."""


async def list_folder_states(connection: Queryable, kind: Kind, id: int) -> list[FolderState]:
    """Return the folders of an account that were read, by name."""
    return [FolderState(**dict(row)) for row in await connection.fetch(LIST_FOLDER_STATES, kind, id)]
