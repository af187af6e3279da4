"""`jobrunner app-info`: what this installation consists of."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jobrunner.cli.session import Session
    from jobrunner.errors import JobrunnerError
    from jobrunner.queue.catalogue import Entry

app = typer.Typer()


@app.command("app-info")
def app_info(
    jobs: Annotated[
        bool, typer.Option("--jobs", help="List every job definition: kind, schedule, queue, last run.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what this installation consists of: versions, database, daemons, modules of jobs; with --jobs every job."""
    _list_jobs(json=json) if jobs else _show(json=json)


def _show(*, json: bool) -> None:
    from jobrunner.cli.output import note, print_json, record, run

    facts, fault = run(_facts())
    if json:
        print_json(facts)
    else:
        record(_as_lines(facts))
        note("`jobrunner app-info --jobs` lists every job; with --json either is for programs.")
    if fault is not None:
        raise fault


async def _facts() -> "tuple[dict[str, Any], JobrunnerError | None]":
    """Return what there is to say, and why the database says nothing where that is so."""
    from jobrunner.cli.session import load_configuration, load_jobs, session
    from jobrunner.cli.version import installed
    from jobrunner.errors import DatabaseUnavailable, LimitExceeded

    configuration = load_configuration()
    registry = load_jobs(configuration)
    facts: dict[str, Any] = {
        **installed(),
        "modules": configuration.imports,
        "jobs_here": registry.names(),
        "database": {"embedded": configuration.database_url is None},
    }
    try:
        async with session(configuration) as here:
            await _ask(here, facts)
    except (DatabaseUnavailable, LimitExceeded) as error:
        return facts, error
    return facts, None


async def _ask(here: "Session", facts: dict[str, Any]) -> None:
    from jobrunner.cli.database import opened
    from jobrunner.config import mask_url
    from jobrunner.db.migrations import current
    from jobrunner.db.sql import load
    from jobrunner.queue.fleet import list_daemons

    database = facts["database"]
    database["url"] = mask_url(here.dsn)
    async with opened(here, "app-info") as connection:
        database["version"] = await connection.fetchval(load("jobrunner.cli", "read_server"))
        database["schema"] = await current(here.direct_dsn)
        facts["daemons"] = [
            {"name": one.name, "host": one.host, "pid": one.pid, "version": one.version, "since": one.started_at}
            for one in (await list_daemons(connection) if database["schema"] else [])
            if one.alive
        ]


def _as_lines(facts: dict[str, Any]) -> dict[str, Any]:
    database = facts["database"]
    kind = f"{'embedded ' if database['embedded'] else ''}PostgreSQL {database.get('version', '')}".rstrip()
    return {
        "jobrunner": facts["jobrunner"],
        "python": facts["python"],
        "platform": facts["platform"],
        "database": kind,
        "url": database.get("url"),
        "schema": database.get("schema"),
        "daemons": [
            f"{one['name']} (host {one['host']}, process {one['pid']}, jobrunner {one['version']})"
            for one in facts.get("daemons", ())
        ],
        "modules": facts["modules"],
        "jobs_here": facts["jobs_here"],
    }


def _list_jobs(*, json: bool) -> None:
    from jobrunner.cli.database import connected
    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import run, table
    from jobrunner.definitions import registry
    from jobrunner.queue.catalogue import list_definitions

    async def look() -> "list[Entry]":
        async with connected("app-info", with_jobs=True) as connection:
            return await list_definitions(connection, registry)

    entries = run(look())
    if json:
        _print_json(entries)
        return
    table(
        [
            {
                "name": entry.name,
                "kind": entry.kind,
                "schedules": [
                    f"{one.crontab}{'' if one.status == 'Active' else ' (Inactive)'}" for one in entry.schedules
                ],
                "queue": entry.queue,
                "fans_out": entry.fans_out,
                "last_run": None if entry.last_run is None else entry.last_run.status,
                "ended_at": None if entry.last_run is None else entry.last_run.finished_at,
                "known_to": [*(["this process"] if entry.is_here else []), *entry.daemons],
            }
            for entry in entries
        ],
        {
            "name": Column(),
            "kind": Column(rank=5),
            "schedules": Column(rank=2, least=12),
            "queue": Column(rank=4),
            "fans_out": Column(rank=7),
            "last_run": Column(rank=1),
            "ended_at": Column(rank=6),
            "known_to": Column(rank=3, least=12),
        },
    )


def _print_json(entries: "list[Entry]") -> None:
    from dataclasses import asdict

    from jobrunner.cli.output import print_json

    print_json([{**asdict(entry), "kind": entry.kind} for entry in entries])
