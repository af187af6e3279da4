"""`jobrunner status`: one sentence, then what is out of the ordinary, then the numbers."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jobrunner.queue.overview import Overview

app = typer.Typer()


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say how jobrunner does; the exit code is made for monitoring.

    0: all well. 1, Warning: somebody should look (paused, no daemon, late schedules, long waits, jobs nobody takes, a
    daemon that polls, is blocked or dead, a transaction open for long, a notification queue that fills up, a service
    that a fault holds up, a scheduled job that fails again and again).
    2, Critical: work that is due does not get done (no daemon while jobs or schedules are due, leases that nobody takes
    back), or the database cannot be used. Other failed jobs are counted, and alarm nobody by themselves.
    """
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import print_json, run
    from jobrunner.cli.session import load_configuration
    from jobrunner.errors import DatabaseUnavailable, LimitExceeded
    from jobrunner.queue.exceptional import LEVELS
    from jobrunner.queue.overview import overview

    async def look() -> "Overview":
        async with connected("status") as connection:
            return await overview(connection, load_configuration())

    try:
        view = run(look())
    except (DatabaseUnavailable, LimitExceeded) as error:
        sentence = f"Critical: {_masked(str(error))}"
        if json:
            print_json({"level": "Critical", "exit_code": 2, "sentence": sentence, "exceptions": []})
        else:
            typer.echo(sentence)
        raise typer.Exit(2) from None
    if json:
        print_json(as_json(view))
    else:
        _print(view)
    raise typer.Exit(LEVELS.index(view.level))


def as_json(view: "Overview") -> dict[str, Any]:
    """Return the overview as programs read it."""
    from dataclasses import asdict

    from jobrunner.queue.exceptional import LEVELS

    jobs = asdict(view.jobs)
    since, estimated = jobs.pop("since"), jobs.pop("estimated")
    paused = None
    if view.paused_since is not None:
        paused = {"by": view.paused_by, "since": view.paused_since}
    return {
        "level": view.level,
        "exit_code": LEVELS.index(view.level),
        "sentence": view.sentence,
        "exceptions": [asdict(one) for one in view.exceptions],
        "jobs": jobs,
        "jobs_finished_since": since,
        "jobs_estimated": estimated,
        "schedules": {**asdict(view.schedules), "on_time": view.schedules.on_time},
        "failures": [asdict(one) for one in view.failures],
        "paused": paused,
        "oldest_due": None if view.oldest_due is None else asdict(view.oldest_due),
        "oldest_transaction": None if view.oldest_transaction is None else asdict(view.oldest_transaction),
        # An id of 63 bits is rounded by many a reader of JSON: as text.
        "daemons": [{**asdict(one), "id": str(one.id), "healthy": one.healthy} for one in view.daemons],
    }


def _print(view: "Overview") -> None:
    from dataclasses import asdict

    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import sentence, table

    sentence(view.sentence)
    for one in view.exceptions[1:]:  # the sentence begins with the first
        sentence(f"{one.level}: {one.sentence}")
    print()
    numbers = {
        name: f"{'about ' if name in view.jobs.estimated else ''}{getattr(view.jobs, name):,}"
        for name in ("Pending", "Running", "Success", "Failed", "Cancelled")
    }
    table(
        [
            {"status": name, "jobs": number, "since": None if place < 2 else view.jobs.since}
            for place, (name, number) in enumerate(numbers.items())
        ],
        ["status", "jobs", "since"],
    )
    if view.failures:
        print()
        table(
            [asdict(one) for one in view.failures],
            {
                "jobs": Column("Failed"),
                "name": Column("Job"),
                "reason": Column(least=16),
                "last_job": Column("Latest"),
            },
        )
    if view.daemons:
        print()
        table(
            [
                {
                    "daemon": one.name,
                    "host": one.host,
                    "pid": one.pid,
                    "since": one.started_at,
                    "running": one.jobs,
                    "held": one.counter("held"),
                    "fenced": one.counter("fenced"),
                    "healthy": one.healthy,
                }
                for one in view.daemons
            ],
            {
                "daemon": Column(),
                "host": Column(rank=2),
                "pid": Column(rank=3),
                "since": Column(rank=1),
                "running": Column(),
                "held": Column(rank=5),
                "fenced": Column(rank=4),
                "healthy": Column(),
            },
        )


def _masked(message: str) -> str:
    from jobrunner.cli.control_characters import clean
    from jobrunner.config import mask_url

    return clean(mask_url(message) if "://" in message else message)
