"""`jobrunner scheduled-jobs`: what runs when."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson
from jobrunner.cli.scheduled_jobs_control import pause, remove, resume, run_now
from jobrunner.cli.scheduled_jobs_shared import Name, as_row, lent_tools, report, warn

if TYPE_CHECKING:
    from jobrunner.scheduling.listing import Run, ScheduledJob

app = typer.Typer(help="Show and change what runs when; every daemon follows within a second.")

Expression = Annotated[
    str | None,
    typer.Option(help="Crontab: five fields, six with seconds first, or @daily etc. In quotes.", metavar="EXPR"),
]
TimeZone = Annotated[str | None, typer.Option(help="Time zone, such as Europe/Berlin.", metavar="ZONE")]
Data = Annotated[str | None, typer.Option(help="The job's data, a JSON object.", metavar="JSON")]

COLUMNS = {
    "id": Column(),
    "name": Column(least=28),
    "job": Column(rank=4),
    "crontab": Column(rank=2),
    "time_zone": Column(rank=6),
    "status": Column(),
    "next_fire_at": Column(rank=1),
    "last_fire_at": Column(rank=5),
    "last_outcome": Column(rank=3),
    "last_duration": Column(rank=7),
}
RUN_COLUMNS = {
    "job_id": Column(),
    "outcome": Column(),
    "attempt": Column(rank=5),
    "started_at": Column(rank=1),
    "duration": Column(rank=4),
    "target": Column(rank=3),
    "firing": Column(rank=6),
    "error": Column(rank=2, least=16),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all scheduled jobs: when they fire next, when they fired last, and how their last run ended."""
    from jobrunner.cli.output import run, table
    from jobrunner.scheduling.listing import list_scheduled_jobs

    async def read() -> list["ScheduledJob"]:
        async with lent_tools() as tools:
            return await list_scheduled_jobs(tools.connection)

    rows = run(read())
    table([as_row(row) for row in rows], COLUMNS, json=json)
    if not json:
        for row in rows:
            warn(row)


@app.command()
def show(
    name: Name,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How many runs of the log.", metavar="N")] = 20,
    json: AsJson = False,
) -> None:
    """Show one scheduled job: what its crontab means, its next fire times, and the log of its runs."""
    from dataclasses import asdict

    from jobrunner.cli.output import print_json, record, run, table
    from jobrunner.scheduling.listing import find_scheduled_job, list_runs, look_ahead

    async def read() -> tuple["ScheduledJob", Any, list["Run"]]:
        async with lent_tools() as tools:
            found = await find_scheduled_job(tools.connection, name)
            outlook = await look_ahead(tools.connection, found, tools.settings.crontab_time_zone)
            return found, outlook, await list_runs(tools.connection, found.id, limit=runs)

    found, outlook, log = run(read())
    rows = [{**asdict(one), "duration": one.duration, "target": one.target} for one in log]
    if json:
        print_json({**as_row(found), "outlook": None if outlook is None else _outlook(outlook), "runs": rows})
        return
    shown = as_row(found)
    if outlook is not None:
        shown |= {"crontab": f"{found.crontab} ({outlook.words})", "time_zone": outlook.time_zone}
    record(shown)
    if outlook is not None and outlook.next:
        typer.echo(f"\nNext fire times in {outlook.time_zone}")
        for moment in outlook.next:
            typer.echo(f"  {moment.isoformat(sep=' ')}")
    typer.echo("\nRuns")
    table(rows, RUN_COLUMNS)
    warn(found)


@app.command()
def add(
    job: Annotated[str, typer.Argument(help="The job to run, such as SendEmailReminders.", metavar="JOB")],
    name: Annotated[str | None, typer.Option(help="Name; the job's own in words by default.", metavar="NAME")] = None,
    crontab: Expression = None,
    time_zone: TimeZone = None,
    data: Data = None,
    paused: Annotated[bool, typer.Option("--paused", help="Add it Inactive.")] = False,
    json: AsJson = False,
) -> None:
    """Add a scheduled job. Without --crontab it gets the job's usual one, else every ten minutes."""
    from jobrunner.cli.output import run
    from jobrunner.scheduling.table import add_scheduled_job

    async def write() -> "ScheduledJob":
        async with lent_tools(with_jobs=True) as tools:
            return await add_scheduled_job(
                tools.connection,
                tools.registry,
                tools.settings,
                job=job,
                name=name,
                crontab=crontab,
                time_zone=time_zone,
                status="Inactive" if paused else "Active",
                data=_parse(data),
            )

    report("added", run(write()), json=json)


@app.command()
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    job: Annotated[str | None, typer.Option(help="Another job to run.", metavar="JOB")] = None,
    crontab: Expression = None,
    time_zone: TimeZone = None,
    no_time_zone: Annotated[
        bool, typer.Option("--no-time-zone", help="Follow the time zone of the installation.")
    ] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Change a scheduled job. What it has waiting is cancelled, a run under way goes on."""
    from jobrunner.cli.output import run
    from jobrunner.errors import InvalidInput
    from jobrunner.scheduling.table import UNCHANGED, edit_scheduled_job

    if time_zone is not None and no_time_zone:
        raise InvalidInput("--time-zone and --no-time-zone contradict each other: give one of them")
    if not no_time_zone and all(given is None for given in (new_name, job, crontab, time_zone, data)):
        raise InvalidInput("nothing to change: give --name, --job, --crontab, --time-zone, --no-time-zone or --data")

    async def write() -> "ScheduledJob":
        async with lent_tools(with_jobs=True) as tools:
            return await edit_scheduled_job(
                tools.connection,
                tools.registry,
                tools.settings,
                name,
                name=new_name,
                job=job,
                crontab=crontab,
                time_zone=UNCHANGED if time_zone is None and not no_time_zone else time_zone,
                data=_parse(data),
            )

    report("changed", run(write()), json=json)


app.command()(pause)
app.command()(resume)
app.command()(remove)
app.command("run")(run_now)


def _parse(data: str | None) -> Mapping[str, Any] | None:
    from jobrunner.queue.data import parse

    return None if data is None else parse(data)


def _outlook(outlook: Any) -> dict[str, Any]:
    from dataclasses import asdict

    # In the zone of the crontab, not in this machine's.
    return {**asdict(outlook), "next": [moment.isoformat() for moment in outlook.next]}
