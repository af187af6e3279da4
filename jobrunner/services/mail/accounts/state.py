"""What becomes of an account while it is used: pauses, cool-downs, back-off; shared by all daemons."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.wording import moment

PAUSE_ACCOUNT = load(__package__, "pause_account")
RESUME_ACCOUNT = load(__package__, "resume_account")
COOL_ACCOUNT_DOWN = load(__package__, "cool_account_down")
NOTE_FAILURE = load(__package__, "note_failure")
NOTE_SUCCESS = load(__package__, "note_success")
READ_STATES = load(__package__, "read_states")

TEXT_LIMIT = 1000

Pause = Literal["person", "authentication", "quota"]


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one account at one moment of the database's clock."""

    account: str
    paused_kind: Pause | None
    pause_reason: str | None
    paused_at: datetime | None
    paused_until: datetime | None
    """None where only a person ends the pause."""
    cooling_until: datetime | None
    """None where it does not cool down at this moment."""
    retry_at: datetime | None
    """When it is connected to again, after `failures` in a row; None where nothing is waited for."""
    failures: int
    speed: float
    """Share of its rates at which it sends now."""
    last_trouble: str | None
    last_trouble_at: datetime | None

    @property
    def held(self) -> bool:
        """Whether nothing is sent at this moment."""
        return any((self.paused_kind, self.cooling_until, self.retry_at))

    @property
    def is_held_by_fault(self) -> bool:
        """Whether that is so without a person who has ordered it."""
        return self.held and self.paused_kind != "person"

    @property
    def needs_a_person(self) -> bool:
        """Whether it does not end by itself."""
        return self.paused_kind is not None and self.paused_until is None

    @property
    def held_until(self) -> datetime | None:
        """When that ends by itself; None where it does not, or nothing is held."""
        if self.paused_kind is not None:
            return self.paused_until
        return max(filter(None, (self.cooling_until, self.retry_at)), default=None)

    @property
    def why_held(self) -> str | None:
        """Why nothing is sent at this moment and until when, in words; None where that is not so."""
        until = "" if self.held_until is None else moment(self.held_until)
        if self.paused_kind is not None:
            return f"paused{f' until {until}' if until else ''}: {self.pause_reason}"
        if self.cooling_until is not None:
            return f"cools down until {until}: {self.last_trouble}"
        if self.retry_at is not None:
            return f"tried again at {until}: {self.last_trouble}"
        return None


async def pause(
    connection: Queryable, account_key: str, kind: Pause, reason: str, *, lasting: timedelta | None = None
) -> bool:
    """Pause an account, until somebody resumes it or for a time; return whether it was not paused before.

    A pause by a person takes the place of one that the program made, and not the other way round.
    """
    rows = await connection.fetch(PAUSE_ACCOUNT, account_key, kind, reason[:TEXT_LIMIT], lasting)
    return bool(rows and rows[0]["began"])


async def resume(connection: Queryable, account_key: str, *, even_by_person: bool = True) -> bool:
    """End whatever holds an account back: pause, cool-down, back-off, lowered speed; return whether anything did.

    Without `even_by_person` an account that a person paused is left alone.
    """
    return bool(await connection.fetch(RESUME_ACCOUNT, account_key, even_by_person))


async def cool_down(connection: Queryable, account_key: str, reason: str) -> bool:
    """The server said that it was too much: halve the speed and wait, 60 s at first, doubling to an hour.

    Returns whether this began it; what is said while it cools down already is about the same.
    """
    return bool(await connection.fetch(COOL_ACCOUNT_DOWN, account_key, reason[:TEXT_LIMIT]))


async def note_failure(connection: Queryable, account_key: str, reason: str) -> bool:
    """The server was not there, or broke off: wait 5 s at first, doubling to 10 min.

    Returns whether this counted; what several connections meet at once, or within the wait, counts once.
    """
    return bool(await connection.fetch(NOTE_FAILURE, account_key, reason[:TEXT_LIMIT]))


async def note_success(connection: Queryable, account_key: str) -> None:
    """The server took something: what was waited for is over. Cheap where nothing was."""
    await connection.fetch(NOTE_SUCCESS, account_key)


async def read_states(connection: Queryable, account_keys: list[str] | None = None) -> dict[str, State]:
    """Return the state of these accounts, or of all; one that is not in it has never had trouble."""
    rows = await connection.fetch(READ_STATES, account_keys)
    return {row["account"]: State(**dict(row)) for row in rows}
