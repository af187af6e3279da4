"""`jobrunner app-info`: what this installation consists of."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jobrunner.queue.catalogue import Entry

app = typer.Typer()


@app.command("app-info")
def app_info(
    context: typer.Context,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="List every job definition: kind, schedule, queue, last run.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what this installation consists of; without a flag, which flags there are."""
    if not jobs:
        typer.echo(context.get_help())
        return
    from jobrunner.cli.database import connected
    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import note, run, table
    from jobrunner.cli.session import load_configuration
    from jobrunner.definitions import registry
    from jobrunner.queue.catalogue import list_definitions

    async def look() -> "list[Entry]":
        async with connected("app-info") as connection:
            return await list_definitions(connection, registry)

    registry.load(load_configuration().imports)
    entries = run(look())
    for problem in registry.problems:
        note(f"Warning: {problem}")
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
