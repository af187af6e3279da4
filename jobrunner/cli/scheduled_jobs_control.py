"""Commands that pause, resume, remove and run scheduled jobs."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.options import AsJson
from jobrunner.cli.scheduled_jobs_shared import lent_tools, report

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.scheduling.listing import ScheduledJob

Names = Annotated[list[str], typer.Argument(help="Names or ids of the scheduled jobs.", metavar="NAME...")]


def pause(names: Names, json: AsJson = False) -> None:
    """Make scheduled jobs Inactive. What they have waiting is cancelled, runs under way go on."""
    from jobrunner.cli.output import run
    from jobrunner.scheduling.table import pause_scheduled_job

    async def write() -> list["ScheduledJob"]:
        async with lent_tools() as tools:
            found = await _each_once(tools.connection, names)
            return [await pause_scheduled_job(tools.connection, tools.settings, name) for name in found]

    report("paused", *run(write()), json=json)


def resume(names: Names, json: AsJson = False) -> None:
    """Make scheduled jobs Active. They fire at their next time; what passed meanwhile is not made up for."""
    from jobrunner.cli.output import run
    from jobrunner.scheduling.table import resume_scheduled_job

    async def write() -> list["ScheduledJob"]:
        async with lent_tools() as tools:
            found = await _each_once(tools.connection, names)
            return [await resume_scheduled_job(tools.connection, tools.settings, name) for name in found]

    report("resumed", *run(write()), json=json)


def remove(names: Names, json: AsJson = False) -> None:
    """Remove scheduled jobs. What they have waiting is cancelled, runs under way go on."""
    from jobrunner.cli.output import run
    from jobrunner.scheduling.table import remove_scheduled_job

    async def write() -> list["ScheduledJob"]:
        async with lent_tools() as tools:
            found = await _each_once(tools.connection, names)
            return [await remove_scheduled_job(tools.connection, name) for name in found]

    report("removed", *run(write()), json=json)


def run_now(names: Names, json: AsJson = False) -> None:
    """Run scheduled jobs now, whatever their crontab and status. Prints the ids of their jobs."""
    from jobrunner.cli.output import print_json, run
    from jobrunner.scheduling.table import run_scheduled_job

    async def write() -> list[int]:
        async with lent_tools() as tools:
            found = await _each_once(tools.connection, names)
            return [await run_scheduled_job(tools.connection, name) for name in found]

    job_ids = run(write())
    if json:
        print_json(job_ids)
        return
    for job_id in job_ids:
        typer.echo(job_id)


async def _each_once(connection: "Connection", names: list[str]) -> list[str]:
    """Return the names without those that mean a scheduled job once more.

    All are looked up before the first is changed, so that a misspelt name changes nothing.
    """
    from jobrunner.scheduling.listing import find_scheduled_job

    found: dict[int, str] = {}
    for name in names:
        found.setdefault((await find_scheduled_job(connection, name)).id, name)
    return list(found.values())
