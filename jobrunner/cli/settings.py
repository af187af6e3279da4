"""`jobrunner settings`: what the administrator sets while daemons run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.queue.setting import Value

app = typer.Typer(help="Show and change the job settings; every daemon follows within a second.")

Name = Annotated[str, typer.Argument(help="The setting, such as jobs_max_portion or queue_q0_weight.", metavar="NAME")]


@app.command("list")
def list_all(
    group: Annotated[
        str | None, typer.Option(help="Only the settings of that group, such as mass-mail.", metavar="GROUP")
    ] = None,
    json: AsJson = False,
) -> None:
    """List all settings by group, with value, default, unit and range."""
    from dataclasses import asdict

    from jobrunner.cli.database import connected
    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import note, run, table
    from jobrunner.queue.settings import list_settings

    async def read() -> list[Any]:
        async with connected("settings") as connection:
            return await list_settings(connection)

    rows = run(read())
    if group is not None:
        rows = _of_group(rows, group)
    table(
        [asdict(row) | ({} if json else {"value": _text(row.value), "default": _text(row.default)}) for row in rows],
        {
            "name": Column(),
            "value": Column(least=20),
            "unit": Column(rank=1),
            "default": Column(rank=4),
            "range": Column(rank=2, least=16),
            "changed_at": Column(rank=5),
            "changed_by": Column(rank=3),
            "group": Column(rank=6),
        },
        json=json,
    )
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


def _of_group(rows: list[Any], group: str) -> list[Any]:
    from jobrunner.errors import InvalidInput, nearest

    def word(text: str) -> str:
        return text.strip().lower().replace(" ", "-")

    found = [row for row in rows if word(row.group) == word(group)]
    if not found:
        names = dict.fromkeys(word(row.group) for row in rows if row.group)
        raise InvalidInput(f"there is no group of settings {group!r}{nearest(group, names)}")
    return found


def _show(row: Any, *, json: bool) -> None:
    from dataclasses import asdict

    from jobrunner.cli.output import note, print_json

    if json:
        print_json(asdict(row))
        return
    typer.echo(_text(row.value))
    if row.problem:
        note(f"Warning: {row.problem}")


def _text(value: "Value") -> str:
    """Return a value as it is typed: true and false are the words of its range."""
    from jobrunner.cli.output import cell

    return str(value).lower() if isinstance(value, bool) else cell(value)
