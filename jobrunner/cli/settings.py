"""`jobrunner settings`: what the administrator sets while daemons run."""

from typing import Annotated, Any

import typer

app = typer.Typer(help="Show and change the job settings; every daemon follows within a second.")

Name = Annotated[str, typer.Argument(help="The setting, such as jobs_max_portion or queue_q0_weight.", metavar="NAME")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with range, meaning, and who changed it when.")]


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all settings with value, default, unit and range."""
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.output import note, run, table
    from jobrunner.queue.settings import list_settings

    async def read() -> list[Any]:
        async with connected("settings") as connection:
            return await list_settings(connection)

    rows = run(read())
    columns = ["name", "value", "unit", "default", "range", "changed_at", "changed_by"]
    table([asdict(row) for row in rows], columns, json=json)
    if not json:
        for row in rows:
            if row.problem:
                note(f"Warning: {row.problem}")


@app.command()
def get(name: Name, json: AsJson = False) -> None:
    """Print the value of one setting."""
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import run
    from jobrunner.queue.settings import get_setting

    async def read() -> Any:
        async with connected("settings") as connection:
            return await get_setting(connection, name)

    _show(run(read()), json=json)


@app.command("set", context_settings={"ignore_unknown_options": True})  # so that -1 is a value, to be refused as one
def set_value(
    name: Name,
    value: Annotated[str, typer.Argument(help="The new value, in the setting's unit.", metavar="VALUE")],
    json: AsJson = False,
) -> None:
    """Change one setting; it is live on every daemon within a second."""
    import socket

    from jobrunner.cli.database import connected
    from jobrunner.cli.output import run
    from jobrunner.cli.person import user_name
    from jobrunner.queue.settings import set_setting

    who = f"{user_name()}@{socket.gethostname()}"

    async def write() -> Any:
        async with connected("settings") as connection:
            return await set_setting(connection, name, value, who)

    _show(run(write()), json=json)


@app.command()
def reset(name: Name, json: AsJson = False) -> None:
    """Set one setting back to its default."""
    from jobrunner.cli.database import connected
    from jobrunner.cli.output import run
    from jobrunner.queue.settings import reset_setting

    async def write() -> Any:
        async with connected("settings") as connection:
            return await reset_setting(connection, name)

    _show(run(write()), json=json)


def _show(row: Any, *, json: bool) -> None:
    from dataclasses import asdict

    from jobrunner.cli.output import note, print_json

    if json:
        print_json(asdict(row))
        return
    typer.echo(row.value if isinstance(row.value, str) else _text(row.value))
    if row.problem:
        note(f"Warning: {row.problem}")


def _text(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
