"""`jobrunner jobs retry` and `cancel`: run jobs again, and end them."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.job_ids import parse_job_id
from jobrunner.cli.jobs_options import Name, Queue, ScheduledJob, Since, wanted_jobs
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.errors import JobrunnerError


def retry(
    job_ids: Annotated[
        list[int] | None, typer.Argument(help="Failed or Cancelled jobs.", metavar="ID", parser=parse_job_id)
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
            wanted = await wanted_jobs(connection, name=name, queue=queue, scheduled_job=scheduled_job, since=since)
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
