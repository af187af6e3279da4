"""What becomes of an account while it is read: pauses, back-off; shared by all daemons."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.imap import Fault
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Kind

LIST_DUE = load(__package__, "list_due")
NOTE_FAILURE = load(__package__, "note_failure")
NOTE_SUCCESS = load(__package__, "note_success")
READ_STATES = load(__package__, "read_states")
PAUSE_ACCOUNT = load(__package__, "pause_account")
RESUME_ACCOUNT = load(__package__, "resume_account")

TEXT_LIMIT = 1000
NOTIFY_AGAIN = timedelta(days=1)
WATCHED_INTERVAL = timedelta(minutes=10)
"""How often an account is looked at by the schedule that is told of new mail."""
NETWORK = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 20, 30))
LOGIN = tuple(timedelta(minutes=m) for m in (5, 15, 60))
"""After these it is paused: servers lock accounts that come again and again with a wrong password."""

Pause = Literal["person", "authentication", "server"]


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one account."""

    kind: Kind
    account_id: int
    paused_kind: Pause | None
    pause_reason: str | None
    paused_at: datetime | None
    failures: int
    """In a row."""
    retry_at: datetime | None
    """When it is tried again; None where nothing is waited for."""
    last_trouble: str | None
    last_trouble_folder: str | None
    last_trouble_at: datetime | None
    connected_at: datetime | None
    """The end of the last run that succeeded."""
    watched_at: datetime | None
    """The last sign of life of a watching connection."""

    @property
    def folder_trouble(self) -> str | None:
        """What was wrong with one folder in the last run, which came to its end all the same."""
        if self.last_trouble_folder is None or self.last_trouble_at is None or self.connected_at is None:
            return None
        return self.last_trouble if self.last_trouble_at >= self.connected_at else None


@dataclass(frozen=True, slots=True)
class Held:
    """What a failure led to."""

    retry_at: datetime
    paused: bool
    told: int
    """How many users were told."""


async def list_due(connection: Queryable, kind: Kind, *, even_held: bool = False) -> list[int]:
    """Return the ids of accounts that are to be fetched from now, the longest waiting first.

    With `even_held` also those that wait after a failure, or are watched.
    """
    rows = await connection.fetch(LIST_DUE, kind, even_held, WATCHED_INTERVAL)
    return [row["id"] for row in rows]


async def note_failure(
    connection: Queryable, account: AccountRef, reason: str, *, fault: Fault | None = None, folder: str | None = None
) -> Held | None:
    """Note that an account could not be read, so that it waits; None where there is no such account any more.

    Where it was not read for ten minutes, the owner of a personal account is notified, and of a group account the
    administrators, once a day; in the same statement, so that who is noted as told is.
    """
    delays, pause = delays_for(fault)
    rows = await connection.fetch(
        NOTE_FAILURE, account.kind, account.id, reason[:TEXT_LIMIT], folder, delays, pause, NOTIFY_AGAIN
    )
    if not rows:
        return None
    return Held(rows[0]["retry_at"], rows[0]["paused_kind"] is not None, rows[0]["told"])


def delays_for(fault: Fault | None) -> tuple[tuple[timedelta, ...], Pause | None]:
    """Return how long to wait after each failure in a row, and how the account is paused after the last, if it is."""
    if fault is not None and fault.concerns_login:
        return LOGIN, "authentication"
    if fault is Fault.FLOOD:
        return LOGIN, "server"
    return NETWORK, None


async def note_success(
    connection: Queryable, account: AccountRef, *, trouble: str | None = None, folder: str | None = None
) -> None:
    """Note that a run came to its end; `trouble` is what was wrong with one folder all the same."""
    words = None if trouble is None else trouble[:TEXT_LIMIT]
    await connection.fetch(NOTE_SUCCESS, account.kind, account.id, words, folder)


async def pause(connection: Queryable, kind: Kind, id: int, reason: str, *, by: Pause = "person") -> bool:
    """Pause an account until somebody resumes it; return whether it was not paused before."""
    rows = await connection.fetch(PAUSE_ACCOUNT, kind, id, by, reason[:TEXT_LIMIT])
    return bool(rows and rows[0]["began"])


async def resume(connection: Queryable, kind: Kind, id: int) -> bool:
    """End whatever holds an account back, pause or back-off; return whether anything did."""
    return bool(await connection.fetch(RESUME_ACCOUNT, kind, id))


async def read_states(connection: Queryable, kind: Kind, ids: list[int] | None = None) -> dict[int, State]:
    """Return the state of these accounts, or of all; one that is not in it has not been read yet."""
    rows = await connection.fetch(READ_STATES, kind, ids)
    return {row["account_id"]: State(**dict(row)) for row in rows}
