"""`jobrunner jobs`: look at jobs, enqueue them, run them again, cancel them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.job_ids import parse_job_id
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.queryable import Queryable
    from jobrunner.errors import JobrunnerError
    from jobrunner.queue.listing import JobFilter

app = typer.Typer(help="List, show, enqueue, retry and cancel jobs.")

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


@app.command("list")
def list_(
    status: Annotated[
        list[str] | None,
        typer.Option(help="Pending, Running, Success, Failed or Cancelled; may be repeated.", metavar="STATUS"),
    ] = None,
    queue: Queue = None,
    name: Name = None,
    scheduled_job: ScheduledJob = None,
    group: Annotated[str | None, typer.Option(help="Jobs of this group.", metavar="NAME")] = None,
    target: Annotated[str | None, typer.Option(help="Jobs about this record.", metavar="[TYPE:]ID")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.", metavar="N")] = 50,
    before: Annotated[
        int | None, typer.Option(min=1, help="Only those with a smaller id: the next page.", metavar="ID")
    ] = None,
    json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import note, run, table
    from jobrunner.queue.listing import MAX_ID, Page, list_jobs

    narrowed = any((status, queue, name, scheduled_job, group, target, since))

    async def read() -> Page:
        async with connected("jobs list") as connection:
            wanted = await _filter(
                connection,
                statuses=status,
                queue=queue,
                name=name,
                scheduled_job=scheduled_job,
                group=group,
                target=target,
                since=since,
            )
            start = None if before is None else min(before, MAX_ID)
            return await list_jobs(connection, wanted, limit=limit, before=start)

    page = run(read())
    rows = [
        {
            **asdict(job),
            "target": job.target,
            "duration": job.duration,
            "tries": f"{job.attempt}/{job.max_attempts}",
            "at": job.finished_at or job.started_at or job.execute_at,
            "seconds": None if job.duration is None else round(job.duration, 3),
            "reason": (job.error or "").partition("\n")[0][:200] or None,
        }
        for job in page.jobs
    ]
    if json:
        for row in rows:
            for shown_only in ("tries", "at", "seconds", "reason"):
                del row[shown_only]
    table(
        rows,
        {
            "id": Column("ID"),
            "name": Column(),
            "status": Column(),
            "queue": Column(rank=4),
            "target": Column(rank=3),
            "tries": Column("Attempt", rank=6),
            "at": Column("Time", rank=2),  # when it ended, else started, else is due
            "seconds": Column(rank=5),
            "reason": Column("Error", rank=1, least=16),
        },
        json=json,
    )
    if not page.jobs and page.next_before is None and before is None and not json:
        note("No job is like that." if narrowed else "There are no jobs.")
    if page.next_before is not None and not json:
        more = f"`--before {page.next_before}` shows more"
        note(more if len(page.jobs) == limit else f"Looked back to job {page.next_before}; {more}.")


@app.command()
def show(job_id: JobId, json: AsJson = False) -> None:
    """Show one job with its data, its attempts and how much it logged."""
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import clean, note, print_json, record, run, table
    from jobrunner.queue.record import MAX_LINES_COUNTED, count_log_lines, find_job, list_attempts

    async def read() -> tuple[Any, Any, int]:
        async with connected("jobs show") as connection:
            job = await find_job(connection, job_id)
            return job, await list_attempts(connection, job), await count_log_lines(connection, job_id)

    job, attempts, lines = run(read())
    tries = [{**asdict(attempt), "duration": attempt.duration} for attempt in attempts]
    fields = {**asdict(job), "duration": job.duration}
    del fields["daemon_id"]
    if json:
        print_json({**fields, "attempts": tries, "log_lines": lines})
        return
    kept = {key: value for key, value in fields.items() if value is not None}
    if job.error is not None:
        kept["error"] = job.error.partition("\n")[0]
    many = f"more than {MAX_LINES_COUNTED:,}" if lines >= MAX_LINES_COUNTED else lines
    record({**kept, "log_lines": many})
    if tries:
        print()
        for attempt in tries:
            attempt["error"] = (attempt["error"] or "").partition("\n")[0] or None
        table(
            tries,
            {
                "attempt": Column(),
                "outcome": Column(),
                "started_at": Column(rank=2),
                "duration": Column(rank=3),
                "daemon": Column(rank=4),
                "error": Column(rank=1, least=16),
            },
        )
    if job.error is not None and "\n" in job.error:
        print(f"\n{clean(job.error.rstrip(), lines=True)}")
    if lines:
        note(f"\n`jobrunner logs {job_id}` shows what it logged.")


@app.command()
def enqueue(
    name: Annotated[str, typer.Argument(help="The job, in CamelCase or kebab-case.", metavar="NAME")],
    data: Annotated[
        str | None,
        typer.Option(help="Its data, a JSON object; - reads it from standard input.", metavar="JSON"),
    ] = None,
    queue: Annotated[str | None, typer.Option(help="Queue; the job's own if not given.", metavar="NAME")] = None,
    group: Annotated[
        str | None, typer.Option(help="Group, whose jobs run one after another, in order.", metavar="NAME")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Not before this time (ISO 8601).", metavar="TIME")] = None,
    delay: Annotated[
        str | None, typer.Option(help="Not before so long from now, or after --at: 90s, 15m, 2h, 1d.", metavar="SPAN")
    ] = None,
    priority: Annotated[int, typer.Option(help="The smaller, the sooner.", metavar="N")] = 0,
    target_type: Annotated[str | None, typer.Option(help="Kind of the record it is about.", metavar="TYPE")] = None,
    target_id: Annotated[str | None, typer.Option(help="That record.", metavar="ID")] = None,
    max_attempts: Annotated[
        int | None, typer.Option(help="How often it is tried, 1 to 1000; as the job says if not given.", metavar="N")
    ] = None,
    unique_key: Annotated[
        str | None, typer.Option(help="At most one Pending or Running job has it.", metavar="KEY")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also where neither this process nor any daemon knows the job.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Add a job and print its id; where its unique key is taken, that of the job which has it."""
    from jobrunner.cli.database import connected
    from jobrunner.cli.moments import parse_moment, parse_span
    from jobrunner.cli.output import print_json, run
    from jobrunner.definitions import Target
    from jobrunner.queue.carrier import run as carry
    from jobrunner.queue.data import parse
    from jobrunner.queue.enqueue import enqueue_one
    from jobrunner.queue.new_job import NewJob

    values = {} if data is None else parse(_standard_input() if data == "-" else data)
    execute_at = None if at is None else parse_moment("--at", at)
    seconds = None if delay is None else parse_span("--delay", delay)
    target = None if target_type is None and target_id is None else Target(target_type, target_id)

    async def add() -> int:
        async with connected("jobs enqueue", with_jobs=True) as connection:
            job = await _known_name(connection, name, force=force)
            new_job = NewJob(
                job,
                values,
                queue=queue,
                group=group,
                priority=priority,
                delay=seconds,
                execute_at=execute_at,
                target=target,
                max_attempts=max_attempts,
                unique_key=unique_key,
            )
            return await carry(connection, enqueue_one(new_job))

    job_id = run(add())
    if json:
        print_json({"id": job_id})
    else:
        typer.echo(job_id)


def _standard_input() -> str:
    import sys

    from jobrunner.errors import InvalidInput

    try:
        return sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise InvalidInput(f"--data - reads standard input, which cannot be read: {why}") from None


async def _known_name(connection: "Queryable", name: str, *, force: bool) -> str:
    """Return the job's name as its definition has it, found in this process or among those that daemons published."""
    from jobrunner.definitions import registry
    from jobrunner.errors import UnknownDefinition
    from jobrunner.queue.listing import find_name, list_names

    try:
        return registry.find(name).name
    except UnknownDefinition:
        published = await list_names(connection)
        found = await find_name(connection, name)
        if found in published or force:
            return found
        raise UnknownDefinition(name, {*registry.names(), *published}) from None


@app.command()
def retry(
    job_ids: Annotated[
        list[int] | None, typer.Argument(help="Failed or Cancelled jobs.", metavar="[ID]...", parser=parse_job_id)
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All Failed jobs that the options let through, instead of ids.")
    ] = False,
    name: Name = None,
    queue: Queue = None,
    scheduled_job: ScheduledJob = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="With --failed: really every one that is kept.")] = False,
    json: AsJson = False,
) -> None:
    """Make failed or cancelled jobs Pending again: same id, as many attempts as at first."""
    from jobrunner.errors import InvalidInput

    narrowed = any(option is not None for option in (name, queue, scheduled_job, since))
    if failed:
        if job_ids:
            raise InvalidInput("give either ids or --failed, not both")
        if not narrowed and not every:
            raise InvalidInput(
                "--failed needs --name, --queue, --scheduled-job or --since, or --all for every failed job"
            )
        _retry_failed(name=name, queue=queue, scheduled_job=scheduled_job, since=since, json=json)
        return
    if narrowed or every:
        raise InvalidInput("--name, --queue, --scheduled-job, --since and --all go with --failed")
    if not job_ids:
        raise InvalidInput("give the ids of the jobs, or --failed with --name or --since")
    _retry_these(job_ids, json=json)


def _retry_these(job_ids: list[int], *, json: bool) -> None:
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import print_json, run
    from jobrunner.queue.control import Retried, retry_jobs

    async def work() -> Retried:
        async with connected("jobs retry") as connection:
            return await retry_jobs(connection, job_ids)

    retried = run(work())
    if json:
        print_json({"retried": retried.ids, "refused": {key: str(error) for key, error in retried.refused.items()}})
    else:
        for job_id in retried.ids:
            typer.echo(f"job {job_id} is Pending again")
    _end_with(list(retried.refused.values()))


def _retry_failed(
    *, name: str | None, queue: str | None, scheduled_job: str | None, since: str | None, json: bool
) -> None:
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import note, print_json, run
    from jobrunner.queue.control import retry_failed
    from jobrunner.queue.wording import count

    async def work() -> tuple[int, int]:
        done = left = 0
        async with connected("jobs retry") as connection:
            wanted = await _filter(connection, name=name, queue=queue, scheduled_job=scheduled_job, since=since)
            async for retried, refused in retry_failed(connection, wanted):
                done, left = done + retried, left + refused
        return done, left

    done, left = run(work())
    if json:
        print_json({"retried": done, "left": left})
        return
    typer.echo(f"{count(done, 'job is', 'jobs are')} Pending again")
    if left:
        note(f"{count(left, 'job stays', 'jobs stay')} Failed: another job has the unique key.")


@app.command()
def cancel(
    job_ids: Annotated[
        list[int], typer.Argument(help="Pending or Running jobs.", metavar="ID...", parser=parse_job_id)
    ],
    json: AsJson = False,
) -> None:
    """Cancel jobs: a Pending one at once; the daemon of a Running one is asked to stop it."""
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import print_json, run
    from jobrunner.cli.person import user_name
    from jobrunner.errors import Conflict, JobrunnerError, NotFound
    from jobrunner.queue.control import cancel_job

    outcomes: dict[int, str] = {}
    refused: dict[int, JobrunnerError] = {}

    async def work() -> None:
        async with connected("jobs cancel") as connection:
            for job_id in dict.fromkeys(job_ids):
                try:
                    outcomes[job_id] = await cancel_job(connection, job_id, by=user_name())
                except (Conflict, NotFound) as error:
                    refused[job_id] = error

    run(work())
    if json:
        print_json({"cancelled": outcomes, "refused": {key: str(error) for key, error in refused.items()}})
    else:
        for job_id, outcome in outcomes.items():
            said = "is Cancelled" if outcome == "Cancelled" else "was asked to stop"
            typer.echo(f"job {job_id} {said}")
    _end_with(list(refused.values()))


def _end_with(errors: "list[JobrunnerError]") -> None:
    """Name each refusal and end with the exit code of the worst: 2 for an unknown id, else 1."""
    from jobrunner.cli.output import note
    from jobrunner.errors import NotFound

    for error in errors:
        note(f"Error: {error}")
    if errors:
        raise typer.Exit(2 if any(isinstance(error, NotFound) for error in errors) else 1)


async def _filter(
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
    from jobrunner.cli.moments import parse_moment
    from jobrunner.queue.listing import STATUSES, JobFilter, find_name, find_scheduled_job_id

    capitals = {status.lower(): status for status in STATUSES}
    target_type, colon, target_id = (target or "").partition(":")
    if not colon:
        target_type, target_id = "", target or ""
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
