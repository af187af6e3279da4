"""`jobrunner jobs`: look at jobs, enqueue them, run them again, cancel them."""

from typing import Annotated, Any

import typer

from jobrunner.cli.jobs_control import cancel, retry
from jobrunner.cli.jobs_enqueue import enqueue
from jobrunner.cli.jobs_options import JobId, Name, Queue, ScheduledJob, Since, wanted_jobs
from jobrunner.cli.options import AsJson

app = typer.Typer(help="List, show, enqueue, retry and cancel jobs.")


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
            wanted = await wanted_jobs(
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

    from jobrunner.cli.control_characters import clean
    from jobrunner.cli.database import connected
    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import note, print_json, record, run, table
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


app.command()(enqueue)
app.command()(retry)
app.command()(cancel)
