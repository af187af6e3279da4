"""`jobrunner emit`: tells webhooks of an event."""

from typing import Annotated, Any

import typer

from jobrunner.cli.options import AsJson

app = typer.Typer()


@app.command()
def emit(
    event: Annotated[str, typer.Argument(help="What has happened, such as Account.create.", metavar="EVENT")],
    data: Annotated[
        str,
        typer.Option(
            "--data", help="What is told of it, a JSON object; - reads it from standard input.", metavar="JSON"
        ),
    ] = "{}",
    target_type: Annotated[
        str | None, typer.Option("--target-type", help="Type of the record it is about.", metavar="TYPE")
    ] = None,
    target_id: Annotated[str | None, typer.Option("--target-id", help="Its id.", metavar="ID")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Id of the user who caused it.", metavar="ID")] = None,
    json: AsJson = False,
) -> None:
    """Tell the webhooks that listen of an event. Where none do, nothing is written."""
    from jobrunner.cli.data_option import data_text
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import note, print_json, run

    given = _object(data_text(data))

    async def write() -> int | None:
        from jobrunner.queue.carrier import run as carry
        from jobrunner.queue.emit import emit_event

        async with connected("emit") as connection:
            return await carry(connection, emit_event(event, given, (target_type, target_id), user))

    number = run(write())
    if json:
        print_json({"number": number})
    elif number is None:
        note(f"no webhook listens to {event}: nothing was written")
    else:
        typer.echo(f"event {number}")


def _object(text: str) -> dict[str, Any]:
    import json

    from jobrunner.errors import InvalidInput

    try:
        found = json.loads(text)
    except RecursionError:
        raise InvalidInput("--data is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"--data must be a JSON object: {error.msg.lower()} (column {error.pos + 1})") from None
    except ValueError:  # Python reads no number of more than 4300 digits
        raise InvalidInput("--data may hold numbers up to 1.8e308 only") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"--data must be a JSON object such as '{{\"id\": 1}}', got {text[:40]!r}")
    return found
