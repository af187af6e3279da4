"""The daemons as a person looks at them: who is there, since when, what each holds, how it feels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load

LIST_DAEMONS = load(__package__, "list_daemons")


@dataclass(frozen=True, slots=True)
class DaemonRow:
    """One life of one daemon."""

    id: int
    name: str
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    alive: bool
    """Whether its time has not run out; one that is dead is forgotten by the next sweep."""
    queues: list[str] | None
    """The queues it takes; None for all."""
    definitions: list[str]
    jobs: int
    """Jobs that run under its claims."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """What it says of itself with each heartbeat."""

    def takes(self, queue: str) -> bool:
        """Whether it claims from a queue."""
        return self.queues is None or queue in self.queues

    @property
    def place(self) -> str:
        """Return where it is, as a sentence names it."""
        return f"{self.name} (host {self.host}, process {self.pid})"

    @property
    def unhealthy(self) -> list[str]:
        """The loops of it that do not work."""
        return _words(self.state.get("unhealthy"))

    @property
    def problems(self) -> list[str]:
        """Sentences about what it could not load or read."""
        return _words(self.state.get("problems"))

    @property
    def listening(self) -> bool:
        """Whether notifications reach it; without them it polls."""
        return self.state.get("listening", True) is not False

    @property
    def blocked(self) -> tuple[int | None, str, float] | None:
        """The job, place in the code and seconds of what blocks its event loop."""
        match self.state.get("blocked"):
            case {"job": int() | None as job, "line": str() as line, "seconds": int() | float() as seconds}:
                return job, line, float(seconds)
        return None

    @property
    def healthy(self) -> bool:
        """Whether it lives and everything in it works."""
        return self.alive and self.listening and not self.unhealthy and self.blocked is None

    def counter(self, name: str) -> int:
        """Return one of the numbers it says of itself, 0 where it says nothing."""
        value = self.state.get(name)
        return value if isinstance(value, int) else 0


def _words(value: Any) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


async def list_daemons(connection: Queryable) -> list[DaemonRow]:
    """Return every daemon that has not been forgotten."""
    daemons: list[DaemonRow] = []
    for row in await connection.fetch(LIST_DAEMONS):
        fields = dict(row)
        state = json.loads(fields["state"])
        daemons.append(DaemonRow(**{**fields, "state": state if isinstance(state, dict) else {}}))
    return daemons
