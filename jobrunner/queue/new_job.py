"""A job that is to be enqueued, and what may stand in its options (failures H03)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from jobrunner.definitions import LONGEST_QUEUE, Definition, Target, registry
from jobrunner.errors import InvalidJobData

LONGEST_NAME = 255
LONGEST_DELAY = 100 * 365 * 86400.0
"""Seconds: a hundred years."""
MOST_ATTEMPTS = 1000
PRIORITIES = range(-(2**31), 2**31)

UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, marks that change the direction of writing, line separators, halves of surrogate pairs."""

NO_DATA: Mapping[str, Any] = {}


@dataclass(slots=True)
class NewJob:
    """A job to enqueue. What is left out is taken from the job's definition, as far as one is known."""

    job: str | Definition
    """The definition, or its name."""
    data: Mapping[str, Any] = field(default_factory=lambda: NO_DATA)
    queue: str | None = None
    group: str | None = None
    """Jobs of one group run one after another, in order of priority, time and id."""
    priority: int = 0
    """The smaller, the sooner."""
    delay: float | timedelta | None = None
    """Seconds for which the job is not started, from `execute_at` or else from the beginning of the transaction."""
    execute_at: datetime | None = None
    """The time, with its zone, before which the job does not start."""
    target: Target | tuple[str | None, str | int | None] | None = None
    """The record that the job is about, also as (type, id)."""
    max_attempts: int | None = None
    unique_key: str | None = None
    """While a Pending or Running job has the same key, nothing is added, and that job's id is returned."""


options_of = attrgetter(
    "job", "queue", "group", "priority", "delay", "execute_at", "target", "max_attempts", "unique_key"
)
"""All of a job but its data: many jobs share the same, which are then checked once."""


class Options(NamedTuple):
    """Checked options of a job, in the order in which the statements take them, and its definition."""

    name: str
    queue: str | None
    group: str | None
    priority: int
    delay: float
    execute_at: datetime | None
    target_type: str | None
    target_id: str | None
    max_attempts: int | None
    unique_key: str | None
    blocking: bool | None
    definition: Definition | None
    """None where this process does not know it; so is then `blocking`."""


def definition_of(job: str | Definition) -> Definition | None:
    """Return the definition if this process knows it."""
    return registry.get(job) if isinstance(job, str) else job if isinstance(job, Definition) else None


def check_options(new_job: NewJob) -> Options:
    """Return the options of a job.

    Raises:
        InvalidJobData: one of them cannot be; which and why.
    """
    definition = definition_of(new_job.job)
    name = definition.name if definition is not None else new_job.job
    queue = new_job.queue
    attempts = new_job.max_attempts
    if attempts is not None and not (_is_whole(attempts) and 1 <= attempts <= MOST_ATTEMPTS):
        raise InvalidJobData(f"max_attempts must be from 1 to {MOST_ATTEMPTS}, got {_shown(attempts)}")
    if definition is not None:
        queue = definition.queue if queue is None else queue
        attempts = definition.max_attempts if attempts is None else attempts
    target_type, target_id = check_target(new_job.target)
    if not _is_whole(new_job.priority) or new_job.priority not in PRIORITIES:
        raise InvalidJobData(
            f"priority must be a whole number from {PRIORITIES[0]} to {PRIORITIES[-1]}, got {_shown(new_job.priority)}"
        )
    group = check_name("a group's name", new_job.group)
    if group is not None and group.startswith("~"):
        raise InvalidJobData(f"a group's name may not begin with ~, got {_shown(group)}")
    return Options(
        name=check_name("a job's name", name, required=True) or "",
        queue=_queue(queue),
        group=group,
        priority=new_job.priority,
        delay=_delay(new_job.delay),
        execute_at=_time(new_job.execute_at),
        target_type=target_type,
        target_id=target_id,
        max_attempts=attempts,
        unique_key=check_name("a unique key", new_job.unique_key),
        blocking=None if definition is None else definition.blocking,
        definition=definition,
    )


def check_name(what: str, value: object, limit: int = LONGEST_NAME, *, required: bool = False) -> str | None:
    """Return a name as it may be kept, or None where there is none.

    Raises:
        InvalidJobData: it is no text, empty, longer than `limit`, or holds what is not shown.
    """
    if value is None and not required:
        return None
    if not isinstance(value, str):
        raise InvalidJobData(f"{what} must be text, got {_shown(value)}")
    if not 1 <= len(value) <= limit:
        raise InvalidJobData(f"{what} must have 1 to {limit} letters, got {len(value)}")
    if UNSHOWN.search(value):
        raise InvalidJobData(
            f"{what} may not contain control characters or marks of writing direction, got {_shown(value)}"
        )
    return value


def _queue(value: object) -> str | None:
    queue = check_name("a queue's name", value, LONGEST_QUEUE)
    if queue is not None and ("," in queue or queue != queue.strip(" ")):
        raise InvalidJobData(f"a queue's name may not contain commas or have blanks around it, got {_shown(queue)}")
    return queue


def check_target(value: object) -> tuple[str | None, str | None]:
    """Return type and id of a record, given as a Target or (type, id).

    Raises:
        InvalidJobData: it is neither, or one of its names cannot be.
    """
    match value:
        case None:
            return None, None
        case Target():
            type_, id_ = value.type, value.id
        case (type_, id_):
            pass
        case _:
            raise InvalidJobData(f"a target must be a Target or (type, id), got {_shown(value)}")
    if _is_whole(id_):
        id_ = str(id_)
    return check_name("a target's type", type_), check_name("a target's id", id_)


def _delay(value: object) -> float:
    if value is None:
        return 0.0
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidJobData(f"delay must be seconds or a timedelta, got {_shown(value)}")
    if math.isnan(seconds) or not 0 <= seconds <= LONGEST_DELAY:
        raise InvalidJobData(f"delay must be from 0 to {LONGEST_DELAY:.0f} s (a hundred years), got {_shown(value)}")
    return float(seconds)


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidJobData(f"execute_at must be a datetime, got {_shown(value)}")
    if value.utcoffset() is None:
        raise InvalidJobData(
            f"execute_at must say its time zone, got {value.isoformat()}: give it one, such as tzinfo=datetime.UTC"
        )
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a longer number"
    return shown if len(shown) <= 80 else shown[:80] + "…"
