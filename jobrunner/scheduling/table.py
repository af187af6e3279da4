"""What a person does to scheduled jobs: the same functions behind command line, API and console.

Everything is checked before anything is written. An edit is live on every daemon within a second: the table itself
announces it, whoever writes.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal

import asyncpg

from jobrunner.db.clock import database_time
from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.definitions import Registry
from jobrunner.errors import Conflict
from jobrunner.queue.data import encode
from jobrunner.scheduling import entry
from jobrunner.scheduling.listing import ScheduledJob, find_scheduled_job
from jobrunner.scheduling.schedule import ScheduleSettings, read_schedules, settle
from jobrunner.scheduling.seed import in_words

INSERT_SCHEDULED_JOB = load(__package__, "insert_scheduled_job")
UPDATE_SCHEDULED_JOB = load(__package__, "update_scheduled_job")
SET_STATUS = load(__package__, "set_status")
DELETE_SCHEDULED_JOB = load(__package__, "delete_scheduled_job")
RUN_SCHEDULED_JOB = load(__package__, "run_scheduled_job")


class Unchanged(Enum):
    """The type of `UNCHANGED`."""

    token = 0


UNCHANGED: Final = Unchanged.token
"""Leaves a field of an edit as it is, where None has a meaning of its own."""
Kept = Literal[Unchanged.token]


async def add_scheduled_job(
    connection: Queryable,
    registry: Registry,
    settings: ScheduleSettings,
    *,
    job: str,
    name: str | None = None,
    crontab: str | None = None,
    time_zone: str | None = None,
    status: str = "Active",
    data: Mapping[str, Any] | None = None,
) -> ScheduledJob:
    """Add a scheduled job and return it.

    `job` names a definition that this process or a daemon knows. Without a name it gets the definition's in words,
    without a crontab the definition's default, else every ten minutes; without a time zone it follows the
    installation's.

    Raises:
        InvalidInput: names the field and what is allowed.
        Conflict: the name is taken.
    """
    definition = entry.find_definition(job, registry, await entry.read_published(connection))
    checked_name = entry.check_name(in_words(definition.name) if name is None else name)
    if crontab is None:
        crontab = definition.crontab or entry.USUAL_CRONTAB
    rows = await connection.fetch(
        INSERT_SCHEDULED_JOB,
        checked_name,
        definition.name,
        entry.check_crontab(crontab),
        entry.check_zone(time_zone),
        entry.check_status(status),
        entry.check_data(data or {}, definition),
    )
    if not rows:
        raise _taken(checked_name)
    return await _settled(connection, settings, rows[0]["id"])


async def edit_scheduled_job(
    connection: Queryable,
    registry: Registry,
    settings: ScheduleSettings,
    reference: str | int,
    *,
    name: str | None = None,
    job: str | None = None,
    crontab: str | None = None,
    time_zone: str | Kept | None = UNCHANGED,
    status: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> ScheduledJob:
    """Change what is given of a scheduled job and return it; what it had waiting is cancelled, what runs goes on.

    A new name alone cancels nothing. `time_zone` None makes it follow the installation's.

    Raises:
        NotFound: there is none of that name or id.
        InvalidInput: names the field and what is allowed.
        Conflict: the name is taken, or somebody else edited it in the same moment.
    """
    former = await find_scheduled_job(connection, reference)
    checked_job, checked_data = former.job, former.data
    text = encode(former.data)
    if job is not None or data is not None:
        definition = entry.find_definition(job or former.job, registry, await entry.read_published(connection))
        checked_job = definition.name
        checked_data = former.data if data is None else data
        text = entry.check_data(checked_data, definition)
    try:
        rows = await connection.fetch(
            UPDATE_SCHEDULED_JOB,
            former.id,
            former.revision,
            former.name if name is None else entry.check_name(name),
            checked_job,
            former.crontab if crontab is None else entry.check_crontab(crontab),
            former.time_zone if time_zone is UNCHANGED else entry.check_zone(time_zone),
            former.status if status is None else entry.check_status(status),
            text,
        )
    except asyncpg.UniqueViolationError:
        raise _taken(name or former.name) from None
    if not rows:
        raise Conflict(f"the scheduled job {former.name!r} was edited or removed by somebody else in this moment")
    return await _settled(connection, settings, former.id)


async def pause_scheduled_job(connection: Queryable, settings: ScheduleSettings, reference: str | int) -> ScheduledJob:
    """Make a scheduled job Inactive: it does not fire, what it had waiting is cancelled, what runs goes on.

    Raises:
        NotFound: there is none of that name or id.
    """
    return await _set_status(connection, settings, reference, "Inactive")


async def resume_scheduled_job(connection: Queryable, settings: ScheduleSettings, reference: str | int) -> ScheduledJob:
    """Make a scheduled job Active: it fires at its next time from now; what passed meanwhile is not made up for.

    Raises:
        NotFound: there is none of that name or id.
    """
    return await _set_status(connection, settings, reference, "Active")


async def remove_scheduled_job(connection: Queryable, reference: str | int) -> ScheduledJob:
    """Remove a scheduled job and return what it was: what it had waiting is cancelled, what runs goes on.

    Raises:
        NotFound: there is none of that name or id.
    """
    former = await find_scheduled_job(connection, reference)
    await connection.fetch(DELETE_SCHEDULED_JOB, former.id)
    return former


async def run_scheduled_job(connection: Queryable, reference: str | int) -> int:
    """Run a scheduled job now, whatever its crontab and status; return the id of its job.

    Where one of its jobs waits already, that one is returned and none is added; where one runs, the new one waits
    for its end.

    Raises:
        NotFound: there is none of that name or id.
    """
    former = await find_scheduled_job(connection, reference)
    rows = await connection.fetch(RUN_SCHEDULED_JOB, former.id)
    job_id: int | None = rows[0]["job_id"]
    if job_id is None:
        raise Conflict(f"the scheduled job {former.name!r} was removed by somebody else in this moment")
    return job_id


async def _set_status(
    connection: Queryable, settings: ScheduleSettings, reference: str | int, status: str
) -> ScheduledJob:
    former = await find_scheduled_job(connection, reference)
    await connection.fetch(SET_STATUS, former.id, status)
    return await _settled(connection, settings, former.id)


async def _settled(connection: Queryable, settings: ScheduleSettings, id_: int) -> ScheduledJob:
    """Return a scheduled job with its next fire time, which is computed here if no daemon was quicker."""
    schedules = await read_schedules(connection, [id_], settings.crontab_time_zone)
    await settle(connection, schedules.values(), await database_time(connection))
    return await find_scheduled_job(connection, id_)


def _taken(name: str) -> Conflict:
    return Conflict(f"a scheduled job is named {name!r} already: choose another name")
