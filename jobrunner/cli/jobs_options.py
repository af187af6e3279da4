"""The options by which commands say which jobs they mean."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.job_ids import parse_job_id

if TYPE_CHECKING:
    from jobrunner.db.queryable import Queryable
    from jobrunner.queue.listing import JobFilter

Name = Annotated[str | None, typer.Option(help="Jobs of this name, in CamelCase or kebab-case.", metavar="NAME")]
Queue = Annotated[str | None, typer.Option(help="Jobs of this queue.", metavar="NAME")]
ScheduledJob = Annotated[str | None, typer.Option(help="Jobs of this scheduled job, by name or id.", metavar="NAME")]
Since = Annotated[
    str | None,
    typer.Option(
        help="What ended since then or, if it has not ended, began or was created: a time (ISO 8601), `today`, or a "
        "span before now (15m, 2h, 1d).",
        metavar="TIME",
    ),
]
JobId = Annotated[int, typer.Argument(help="The job's id.", metavar="ID", parser=parse_job_id)]


async def wanted_jobs(
    connection: "Queryable",
    *,
    statuses: list[str] | None = None,
    name: str | None = None,
    queue: str | None = None,
    scheduled_job: str | None = None,
    group: str | None = None,
    target: str | None = None,
    since: str | None = None,
) -> "JobFilter":
    """Return which jobs are meant by the options of a command."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.errors import InvalidInput
    from jobrunner.queue.listing import STATUSES, JobFilter, find_name, find_scheduled_job_id

    capitals = {status.lower(): status for status in STATUSES}
    target_type, colon, target_id = (target or "").partition(":")
    if not colon:
        target_type, target_id = "", target or ""
    if target is not None and not (target_type or target_id):
        raise InvalidInput(f"--target is a record's id, or its type and id such as Account:17, got {target!r}")
    return JobFilter(
        statuses=[capitals.get(status.lower(), status) for status in statuses or ()],
        name=None if name is None else await find_name(connection, name),
        queue=queue,
        group=group,
        target_type=target_type or None,
        target_id=target_id or None,
        scheduled_job_id=None if scheduled_job is None else await find_scheduled_job_id(connection, scheduled_job),
        since=None if since is None else parse_moment("--since", since, ago=True),
    )
