"""`jobrunner jobs enqueue`: add a job."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.queryable import Queryable


def enqueue(
    name: Annotated[str, typer.Argument(help="The job, in CamelCase or kebab-case.", metavar="NAME")],
    data: Annotated[
        str | None,
        typer.Option(help="Its data, a JSON object; - reads it from standard input.", metavar="JSON"),
    ] = None,
    queue: Annotated[str | None, typer.Option(help="Queue; the job's own if not given.", metavar="NAME")] = None,
    group: Annotated[
        str | None, typer.Option(help="Group, whose jobs run one after another, in order.", metavar="NAME")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Not before this time (ISO 8601).", metavar="TIME")] = None,
    delay: Annotated[
        str | None, typer.Option(help="Not before so long from now, or after --at: 90s, 15m, 2h, 1d.", metavar="SPAN")
    ] = None,
    priority: Annotated[int, typer.Option(help="The smaller, the sooner.", metavar="N")] = 0,
    target_type: Annotated[str | None, typer.Option(help="Kind of the record it is about.", metavar="TYPE")] = None,
    target_id: Annotated[str | None, typer.Option(help="That record.", metavar="ID")] = None,
    max_attempts: Annotated[
        int | None, typer.Option(help="How often it is tried, 1 to 1000; as the job says if not given.", metavar="N")
    ] = None,
    unique_key: Annotated[
        str | None, typer.Option(help="At most one Pending or Running job has it.", metavar="KEY")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also where neither this process nor any daemon knows the job.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Add a job and print its id; where its unique key is taken, that of the job which has it."""
    from jobrunner.cli.data_option import data_text
    from jobrunner.cli.database import connected
    from jobrunner.cli.moments import parse_moment, parse_span
    from jobrunner.cli.output import print_json, run
    from jobrunner.definitions import Target
    from jobrunner.queue.carrier import run as carry
    from jobrunner.queue.data import parse
    from jobrunner.queue.enqueue import enqueue_one
    from jobrunner.queue.new_job import NewJob

    values = {} if data is None else parse(data_text(data))
    execute_at = None if at is None else parse_moment("--at", at)
    seconds = None if delay is None else parse_span("--delay", delay)
    target = None if target_type is None and target_id is None else Target(target_type, target_id)

    async def add() -> int:
        async with connected("jobs enqueue", with_jobs=True) as connection:
            job = await _known_name(connection, name, force=force)
            new_job = NewJob(
                job,
                values,
                queue=queue,
                group=group,
                priority=priority,
                delay=seconds,
                execute_at=execute_at,
                target=target,
                max_attempts=max_attempts,
                unique_key=unique_key,
            )
            return await carry(connection, enqueue_one(new_job))

    job_id = run(add())
    if json:
        print_json({"id": job_id})
    else:
        typer.echo(job_id)


async def _known_name(connection: "Queryable", name: str, *, force: bool) -> str:
    """Return the job's name as its definition has it, found in this process or among those that daemons published."""
    from jobrunner.definitions import registry
    from jobrunner.errors import UnknownDefinition
    from jobrunner.queue.listing import find_name, list_names

    try:
        return registry.find(name).name
    except UnknownDefinition:
        published = await list_names(connection)
        found = await find_name(connection, name)
        if found in published or force:
            return found
        raise UnknownDefinition(name, {*registry.names(), *published}) from None
