"""Daemons as the database knows them: one row for each life, and the definitions that they publish."""

import json
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from jobrunner.db.connection import Connection
from jobrunner.db.sql import load
from jobrunner.definitions import Definition

REGISTER_DAEMON = load(__package__, "register_daemon")
REMOVE_DAEMON = load(__package__, "remove_daemon")
PUBLISH_DEFINITIONS = load(__package__, "publish_definitions")
FIX_KINDS = load(__package__, "fix_kinds")
MARK_ASLEEP = load(__package__, "mark_asleep")
MARK_AWAKE = load(__package__, "mark_awake")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a daemon is in this life. The id is new at each start, whatever name, host and pid are."""

    id: int
    name: str
    version: str
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)


async def register_daemon(
    connection: Connection,
    identity: Identity,
    *,
    lease: float,
    queues: Sequence[str] | None,
    definitions: Sequence[str],
) -> None:
    """Note the daemon, or note it again where its row was removed meanwhile."""
    await connection.fetch(
        REGISTER_DAEMON,
        identity.id,
        identity.name,
        identity.host,
        identity.pid,
        identity.version,
        lease,
        list(queues) if queues is not None else None,
        list(definitions),
    )


async def remove_daemon(connection: Connection, daemon_id: int) -> None:
    """Remove the row of a daemon that stopped well."""
    await connection.fetch(REMOVE_DAEMON, daemon_id)


async def publish_definitions(connection: Connection, definitions: Iterable[Definition]) -> None:
    """Tell the database what this daemon can run, and correct waiting jobs of what is new or changed."""
    known = list(definitions)
    changed = await connection.fetch(
        PUBLISH_DEFINITIONS,
        [definition.name for definition in known],
        [definition.blocking for definition in known],
        [definition.queue for definition in known],
        [definition.max_attempts for definition in known],
        [definition.deadline for definition in known],
        [definition.often for definition in known],
        [definition.targets is not None for definition in known],
        [definition.crontab for definition in known],
        [json.dumps(definition.parameters_schema()) for definition in known],
    )
    if changed:
        await connection.fetch(FIX_KINDS, [row[0] for row in changed])


async def mark_asleep(connection: Connection, daemon_id: int) -> bool:
    """Ask to be notified. False if the daemon's row is gone: it must register anew."""
    return await connection.fetchval(MARK_ASLEEP, daemon_id) is not None


async def mark_awake(connection: Connection, daemon_id: int) -> None:
    """Say that notifications are not needed for now."""
    await connection.fetch(MARK_AWAKE, daemon_id)
