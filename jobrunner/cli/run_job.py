"""`jobrunner run-job`: run one job now, in this process."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jobrunner.cli.session import Session
    from jobrunner.errors import JobrunnerError, UnknownDefinition
    from jobrunner.run_job import Ended

app = typer.Typer()


@app.command("run-job", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_job(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The job, in CamelCase or kebab-case.", metavar="NAME")],
    target_id: Annotated[str | None, typer.Option(help="The record it is about; all of them if not given.")] = None,
    target_type: Annotated[str | None, typer.Option(help="The kind of that record.")] = None,
    data: Annotated[str | None, typer.Option(help="The job's data, a JSON object.", metavar="JSON")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run it beside one that is running.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Run a job in this process, with its log and progress on the terminal; exit 0 if it succeeded, else 1.

    The job's data may be given as options, too: `run-job Cleanup --dry-run`.
    """
    from jobrunner.cli.output import print_json
    from jobrunner.queue.data import parse

    ended = run_here(
        name,
        target_id=target_id,
        target_type=target_type,
        data=None if data is None else parse(data),
        force=force,
        arguments=context.args,
    )
    if json:
        print_json(
            [
                {
                    "job": one.job_id,
                    "target": None if one.target is None else one.target.id,
                    "status": one.status,
                    "seconds": round(one.seconds, 3),
                    "result": result_of(one),
                    "error": one.error,
                }
                for one in ended
            ]
        )
    else:
        for one in ended:
            say_how(name, one)
        if not ended:
            typer.echo(f"{name}: it has no target at present, nothing was to do")
    raise typer.Exit(0 if all(one.status == "Success" for one in ended) else 1)


def say_how(name: str, one: "Ended", *, err: bool = False) -> None:
    """Print how a job ended."""
    about = "" if one.target is None else f" for {one.target.id}"
    typer.echo(f"{name}{about}: {one.status} in {one.seconds:.2f} s (job {one.job_id})", err=err)
    if one.error:
        typer.echo(f"Error: {one.error.partition(chr(10))[0]}", err=True)


def result_of(one: "Ended") -> Any:
    """Return what a job returned."""
    import json

    return None if one.result is None else json.loads(one.result)


def run_here(
    name: str,
    *,
    target_id: str | None = None,
    target_type: str | None = None,
    data: dict[str, Any] | None = None,
    force: bool = False,
    arguments: Sequence[str] = (),
) -> "list[Ended]":
    """Run a job in this process, showing its log and progress, and return how it ended for each target.

    `arguments` are those of the command line that hold its data. A mistake ends the process with its sentence.
    """
    from jobrunner.cli.job_arguments import data_of
    from jobrunner.cli.job_output import Terminal
    from jobrunner.cli.logging_setup import set_up_logging
    from jobrunner.cli.output import run
    from jobrunner.cli.session import session

    async def work() -> "list[Ended]":
        from jobrunner.db import migrations
        from jobrunner.definitions import registry
        from jobrunner.errors import UnknownDefinition
        from jobrunner.queue.refusal import refusals
        from jobrunner.run_job import run_job as run_now

        async with session() as given:
            set_up_logging(given.configuration)
            registry.load(given.configuration.imports)
            given_data = data
            try:
                definition = registry.find(name)
            except UnknownDefinition as unknown:
                raise await _as_daemons_know(given, unknown) from None
            if arguments:
                given_data = data_of(definition, list(arguments)) | (given_data or {})
            with refusals(given.direct_dsn):
                if given.configuration.migrate_on_start:
                    await migrations.upgrade(given.direct_dsn)
                with Terminal() as terminal:
                    return await run_now(
                        dsn=given.dsn,
                        direct_dsn=given.direct_dsn,
                        configuration=given.configuration,
                        registry=registry,
                        name=name,
                        target_type=target_type,
                        target_id=target_id,
                        data=given_data,
                        force=force,
                        on_lines=terminal.lines,
                        on_progress=terminal.progress,
                    )

    return run(work())


async def _as_daemons_know(here: "Session", unknown: "UnknownDefinition") -> "JobrunnerError":
    """Return the error that says what daemons know of a job which is unknown in this process."""
    from jobrunner.cli.database import opened
    from jobrunner.definitions import plain_name, registry
    from jobrunner.errors import InvalidInput, JobrunnerError, UnknownDefinition
    from jobrunner.queue.catalogue import list_definitions
    from jobrunner.queue.wording import listed

    try:
        async with opened(here, "run-job") as connection:
            entries = await list_definitions(connection, registry)
    except JobrunnerError:  # no database, or none with our tables: then there is nothing to add
        return unknown
    for entry in entries:
        if plain_name(entry.name) == plain_name(unknown.name):
            who = f"the daemon{'s' if len(entry.daemons) > 1 else ''} {listed(entry.daemons)}"
            known = f"known to {who}" if entry.daemons else "known to a daemon that no longer runs"
            return InvalidInput(
                f"{entry.name} is {known}, but not to this process, in which it would run: give the module that "
                "defines it with --import MODULE"
            )
    return UnknownDefinition(unknown.name, [entry.name for entry in entries])
