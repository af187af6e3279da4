"""`jobrunner logs`: what a job logged and printed."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.jobs_options import JobId

if TYPE_CHECKING:
    from jobrunner.queue.joblog import LoggedLine
    from jobrunner.queue.record import JobState

app = typer.Typer()


@app.command()
def logs(
    job_id: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends; exit 0 if it succeeds, else 1.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="As JSON: one array, or an object a line with --follow.")
    ] = False,
) -> None:
    """Print what a job logged, attempt by attempt."""
    from jobrunner.cli.output import run

    if follow:
        raise typer.Exit(run(_follow(job_id, json=json)))
    run(_print(job_id, json=json))


async def _print(job_id: int, *, json: bool) -> None:
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.output import print_json
    from jobrunner.queue.joblog import read_log

    async with connected("logs") as connection:
        lines = []
        async for line in read_log(connection, job_id):
            if json:
                lines.append({**asdict(line), "level": level_name(line.level)})
            else:
                print_line(line)
        if json:
            print_json(lines)


async def _follow(job_id: int, *, json: bool) -> int:
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import note
    from jobrunner.queue.joblog import follow_log
    from jobrunner.queue.record import find_state
    from jobrunner.queue.why import why

    async with connected("logs") as connection:
        if (await find_state(connection, job_id)).status == "Pending":
            note(f"job {job_id} is Pending: {(await why(connection, job_id)).sentence}")
        async for line in follow_log(connection, job_id):
            print_json_line(line) if json else print_line(line)
        state = await find_state(connection, job_id)
    note(f"job {job_id}: {_end(state)}")
    return 0 if state.status == "Success" else 1


def print_line(line: "LoggedLine") -> None:
    """Print one record; what belongs to its message is indented, so that no message looks like another record."""
    from jobrunner.cli.control_characters import clean
    from jobrunner.cli.output import local

    at = local(line.at).isoformat(sep=" ", timespec="milliseconds")
    first, *rest = clean(line.message, lines=True).split("\n")
    print(f"{at} [{line.attempt}] {level_name(line.level)} {clean(line.logger)}: {first}", flush=not rest)
    if rest:
        print("\n".join(f"    {text}" for text in rest), flush=True)


def print_json_line(line: "LoggedLine") -> None:
    """Print one record as JSON in one line."""
    from dataclasses import asdict
    from json import dumps

    from jobrunner.cli.output import local

    print(dumps({**asdict(line), "at": local(line.at).isoformat(), "level": level_name(line.level)}), flush=True)


def level_name(level: int) -> str:
    """Return the name of a level: INFO for 20."""
    import logging

    return logging.getLevelName(level)


def _end(state: "JobState") -> str:
    from jobrunner.queue.wording import span

    took = ""
    if state.started_at is not None and state.finished_at is not None:
        took = f" in {span((state.finished_at - state.started_at).total_seconds())}"
    tries = f", attempt {state.attempt}" if state.attempt else ""
    error = f": {state.error.splitlines()[0]}" if state.error else ""
    return f"{state.status}{took}{tries}{error}"
