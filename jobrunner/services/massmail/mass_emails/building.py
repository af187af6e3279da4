"""Builds the queues of mass e-mails whose time has come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load


@dataclass(frozen=True, slots=True)
class Built:
    """A queue that was built."""

    status: Literal["In Process", "Complete"]
    """Complete where nobody is to get it."""
    queued: int
    left_out: Mapping[str, int]
    """Members that were not queued, by reason: `opted out`, `excluded`, `invalid`, `repeated` and so on."""


@dataclass(frozen=True, slots=True)
class Due:
    """A mass e-mail whose queue is to be built."""

    id: int
    name: str


async def list_due(connection: Queryable) -> list[Due]:
    """Return the mass e-mails that are Pending and due, and not held back by their campaign."""
    return [Due(**row) for row in await connection.fetch(load(__package__, "list_due_mass_emails"))]


async def build_mailing(connection: Queryable, mass_email_id: int) -> Built | None:
    """Build the queue of one mass e-mail, in one transaction: all of it, or nothing.

    None where it is not due any more, or somebody else builds it at this moment. A hundred thousand members take
    some seconds; the caller's connection must allow for that.
    """
    rows = await connection.fetch(load(__package__, "build_mailing"), mass_email_id)
    if not rows:
        return None
    return Built(rows[0]["status"], rows[0]["queued"], json.loads(rows[0]["left_out"]))
