"""`jobrunner scheduled-jobs`: what runs when."""

from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.definitions import Registry
    from jobrunner.queue.settings import Settings
    from jobrunner.scheduling.listing import Run, ScheduledJob

app = typer.Typer(help="Show and change what runs when; every daemon follows within a second.")

Result = TypeVar("Result")
Name = Annotated[str, typer.Argument(help="Name or id of the scheduled job.", metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Names or ids of the scheduled jobs.", metavar="NAME...")]
Expression = Annotated[
    str | None,
    typer.Option(help="Crontab: five fields, six with seconds first, or @daily etc. In quotes.", metavar="EXPR"),
]
TimeZone = Annotated[str | None, typer.Option(help="Time zone, such as Europe/Berlin.", metavar="ZONE")]
Data = Annotated[str | None, typer.Option(help="The job's data, a JSON object.", metavar="JSON")]

COLUMNS = {
    "id": Column(),
    "name": Column(),
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
    from jobrunner.cli.output import table
    from jobrunner.scheduling.listing import list_scheduled_jobs

    async def read() -> list["ScheduledJob"]:
        async with _connected() as here:
            return await list_scheduled_jobs(here.connection)

    rows = _run(read())
    table([_as_row(row) for row in rows], COLUMNS, json=json)
    if not json:
        for row in rows:
            _warn(row)


@app.command()
def show(
    name: Name,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How many runs of the log.", metavar="N")] = 20,
    json: AsJson = False,
) -> None:
    """Show one scheduled job: what its crontab means, its next fire times, and the log of its runs."""
    from dataclasses import asdict

    from jobrunner.cli.output import print_json, record, table
    from jobrunner.scheduling.listing import find_scheduled_job, list_runs, look_ahead

    async def read() -> tuple["ScheduledJob", Any, list["Run"]]:
        async with _connected() as here:
            found = await find_scheduled_job(here.connection, name)
            outlook = await look_ahead(here.connection, found, here.settings.crontab_time_zone)
            return found, outlook, await list_runs(here.connection, found.id, limit=runs)

    found, outlook, log = _run(read())
    rows = [{**asdict(run), "duration": run.duration, "target": run.target} for run in log]
    if json:
        print_json({**_as_row(found), "outlook": None if outlook is None else _outlook(outlook), "runs": rows})
        return
    shown = _as_row(found)
    if outlook is not None:
        shown |= {"crontab": f"{found.crontab} ({outlook.words})", "time_zone": outlook.time_zone}
    record(shown)
    if outlook is not None and outlook.next:
        typer.echo(f"\nNext fire times in {outlook.time_zone}")
        for moment in outlook.next:
            typer.echo(f"  {moment.isoformat(sep=' ')}")
    typer.echo("\nRuns")
    table(rows, RUN_COLUMNS)
    _warn(found)


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
    from jobrunner.scheduling.table import add_scheduled_job

    async def write() -> "ScheduledJob":
        async with _connected(with_jobs=True) as here:
            return await add_scheduled_job(
                here.connection,
                here.registry,
                here.settings,
                job=job,
                name=name,
                crontab=crontab,
                time_zone=time_zone,
                status="Inactive" if paused else "Active",
                data=_parse(data),
            )

    _report("added", _run(write()), json=json)


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
    from jobrunner.errors import InvalidInput
    from jobrunner.scheduling.table import UNCHANGED, edit_scheduled_job

    if time_zone is not None and no_time_zone:
        raise InvalidInput("--time-zone and --no-time-zone contradict each other: give one of them")
    if not no_time_zone and all(given is None for given in (new_name, job, crontab, time_zone, data)):
        raise InvalidInput("nothing to change: give --name, --job, --crontab, --time-zone, --no-time-zone or --data")

    async def write() -> "ScheduledJob":
        async with _connected(with_jobs=True) as here:
            return await edit_scheduled_job(
                here.connection,
                here.registry,
                here.settings,
                name,
                name=new_name,
                job=job,
                crontab=crontab,
                time_zone=UNCHANGED if time_zone is None and not no_time_zone else time_zone,
                data=_parse(data),
            )

    _report("changed", _run(write()), json=json)


@app.command()
def pause(names: Names, json: AsJson = False) -> None:
    """Make scheduled jobs Inactive. What they have waiting is cancelled, runs under way go on."""
    from jobrunner.scheduling.table import pause_scheduled_job

    async def write() -> list["ScheduledJob"]:
        async with _connected() as here:
            found = await _each_once(here.connection, names)
            return [await pause_scheduled_job(here.connection, here.settings, name) for name in found]

    _report("paused", *_run(write()), json=json)


@app.command()
def resume(names: Names, json: AsJson = False) -> None:
    """Make scheduled jobs Active. They fire at their next time; what passed meanwhile is not made up for."""
    from jobrunner.scheduling.table import resume_scheduled_job

    async def write() -> list["ScheduledJob"]:
        async with _connected() as here:
            found = await _each_once(here.connection, names)
            return [await resume_scheduled_job(here.connection, here.settings, name) for name in found]

    _report("resumed", *_run(write()), json=json)


@app.command()
def remove(names: Names, json: AsJson = False) -> None:
    """Remove scheduled jobs. What they have waiting is cancelled, runs under way go on."""
    from jobrunner.scheduling.table import remove_scheduled_job

    async def write() -> list["ScheduledJob"]:
        async with _connected() as here:
            found = await _each_once(here.connection, names)
            return [await remove_scheduled_job(here.connection, name) for name in found]

    _report("removed", *_run(write()), json=json)


@app.command("run")
def run_now(names: Names, json: AsJson = False) -> None:
    """Run scheduled jobs now, whatever their crontab and status. Prints the ids of their jobs."""
    from jobrunner.cli.output import print_json
    from jobrunner.scheduling.table import run_scheduled_job

    async def write() -> list[int]:
        async with _connected() as here:
            found = await _each_once(here.connection, names)
            return [await run_scheduled_job(here.connection, name) for name in found]

    job_ids = _run(write())
    if json:
        print_json(job_ids)
        return
    for job_id in job_ids:
        typer.echo(job_id)


@dataclass(frozen=True)
class Here:
    """What a command works with."""

    connection: "Connection"
    settings: "Settings"
    registry: "Registry"
    """The definitions that this process can find; empty unless they were asked for."""


@asynccontextmanager
async def _connected(*, with_jobs: bool = False) -> AsyncIterator[Here]:
    from jobrunner.cli.database import connected
    from jobrunner.definitions import registry
    from jobrunner.queue.settings import load_settings

    async with connected("scheduled-jobs", with_jobs=with_jobs) as connection:
        yield Here(connection, await load_settings(connection), registry)


async def _each_once(connection: "Connection", names: list[str]) -> list[str]:
    """Return the names without those that mean a scheduled job once more.

    All are looked up before the first is changed, so that a misspelt name changes nothing.
    """
    from jobrunner.scheduling.listing import find_scheduled_job

    found: dict[int, str] = {}
    for name in names:
        found.setdefault((await find_scheduled_job(connection, name)).id, name)
    return list(found.values())


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    from jobrunner.cli.output import run

    return run(work)


def _parse(data: str | None) -> Mapping[str, Any] | None:
    from jobrunner.queue.data import parse

    return None if data is None else parse(data)


def _report(verb: str, *scheduled_jobs: "ScheduledJob", json: bool) -> None:
    from jobrunner.cli.output import cell, print_json

    if json:
        rows = [_as_row(scheduled_job) for scheduled_job in scheduled_jobs]
        print_json(rows[0] if verb in ("added", "changed") else rows)
        return
    for scheduled_job in scheduled_jobs:
        coming = ""
        if verb != "removed" and scheduled_job.status == "Active" and scheduled_job.next_fire_at is not None:
            coming = f", next at {cell(scheduled_job.next_fire_at)}"
        typer.echo(f"{verb} {scheduled_job.id} {cell(scheduled_job.name)}{coming}")
        if verb != "removed":
            _warn(scheduled_job)


def _as_row(scheduled_job: "ScheduledJob") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(scheduled_job)


def _outlook(outlook: Any) -> dict[str, Any]:
    from dataclasses import asdict

    # In the zone of the crontab, not in this machine's.
    return {**asdict(outlook), "next": [moment.isoformat() for moment in outlook.next]}


def _warn(scheduled_job: "ScheduledJob") -> None:
    from jobrunner.cli.output import note

    if scheduled_job.problem:
        note(f"Warning: {scheduled_job.name!r} does not fire: {scheduled_job.problem}")
