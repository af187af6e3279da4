"""`jobrunner why`: why a job is not running."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.job_ids import parse_job_id

if TYPE_CHECKING:
    from jobrunner.queue.why import Why

app = typer.Typer()


@app.command()
def why(
    job_id: Annotated[int, typer.Argument(help="The job's id.", metavar="ID", parser=parse_job_id)],
    json: Annotated[bool, typer.Option("--json", help="As JSON, with the facts behind each sentence.")] = False,
) -> None:
    """Say why a job is not running: each reason in a sentence, the most decisive first."""
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.output import print_json, run, sentence
    from jobrunner.queue.why import why as find_reasons

    async def look() -> "Why":
        async with connected("why") as connection:
            return await find_reasons(connection, job_id)

    answer = run(look())
    if json:
        print_json(asdict(answer))
        return
    first, *others = answer.reasons
    sentence(f"job {answer.job_id} ({answer.name}) is {answer.status}: {first.sentence}")
    for reason in others:
        sentence(f"also: {reason.sentence}", indent=2)
