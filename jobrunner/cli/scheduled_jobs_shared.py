"""What the commands of scheduled jobs have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.definitions import Registry
    from jobrunner.queue.settings import Settings
    from jobrunner.scheduling.listing import ScheduledJob

Name = Annotated[str, typer.Argument(help="Name or id of the scheduled job.", metavar="NAME")]


@dataclass(frozen=True)
class ScheduleTools:
    """What a command works with."""

    connection: "Connection"
    settings: "Settings"
    registry: "Registry"
    """The definitions that this process can find; empty unless they were asked for."""


@asynccontextmanager
async def lent_tools(*, with_jobs: bool = False) -> AsyncIterator[ScheduleTools]:
    """Lend what a command works with; the definitions where it asks for them."""
    from jobrunner.cli.database import connected
    from jobrunner.definitions import registry
    from jobrunner.queue.settings import load_settings

    async with connected("scheduled-jobs", with_jobs=with_jobs) as connection:
        yield ScheduleTools(connection, await load_settings(connection), registry)


def report(verb: str, *scheduled_jobs: "ScheduledJob", json: bool) -> None:
    """Print what was done with which of them, and what hinders those that do not fire."""
    from jobrunner.cli.output import cell, print_json

    if json:
        rows = [as_row(scheduled_job) for scheduled_job in scheduled_jobs]
        print_json(rows[0] if verb in ("added", "changed") else rows)
        return
    for scheduled_job in scheduled_jobs:
        coming = ""
        if verb != "removed" and scheduled_job.status == "Active" and scheduled_job.next_fire_at is not None:
            coming = f", next at {cell(scheduled_job.next_fire_at)}"
        typer.echo(f"{verb} {scheduled_job.id} {cell(scheduled_job.name)}{coming}")
        if verb != "removed":
            warn(scheduled_job)


def as_row(scheduled_job: "ScheduledJob") -> dict[str, Any]:
    """Return it by its columns."""
    from dataclasses import asdict

    return asdict(scheduled_job)


def warn(scheduled_job: "ScheduledJob") -> None:
    """Say so where it does not fire."""
    from jobrunner.cli.output import note

    if scheduled_job.problem:
        note(f"Warning: {scheduled_job.name!r} does not fire: {scheduled_job.problem}")
