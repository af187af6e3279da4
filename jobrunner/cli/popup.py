"""`jobrunner popup`: what the pages of users show now, and tokens for pages."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from datetime import datetime

app = typer.Typer(help="Show and end the popups of users, and make tokens for pages that show them.")

User = Annotated[str, typer.Argument(help="Id, address or name of the user.", metavar="USER")]

COLUMNS = {
    "id": Column(),
    "seen": Column(),
    "type": Column("Record"),
    "record": Column("Record id", rank=2),
    "name": Column("Of", least=12),
    "start": Column("Starts"),
    "due": Column("Shown since", rank=1),
}


@app.command("list")
def list_all(user: User, json: AsJson = False) -> None:
    """List the popups that a user's pages show now."""
    import json as parser
    from datetime import datetime

    from jobrunner.cli.output import table
    from jobrunner.services.notifications.preferences import find_user
    from jobrunner.services.popups.popups import open_popups
    from jobrunner.services.popups.settings import load_popup_settings

    async def read(line: Any) -> str:
        user_id = await find_user(line, user)
        shown = await open_popups(line, [user_id], (await load_popup_settings(line)).past)
        return shown.get(user_id, "[]")

    rows = parser.loads(with_database(read))
    if not json:
        for row in rows:
            row |= {name: datetime.fromisoformat(row[name]) for name in ("start", "due")}
    table(rows, COLUMNS, json=json)


@app.command()
def dismiss(
    user: User,
    ids: Annotated[list[int] | None, typer.Argument(help="Numbers of the popups.", metavar="POPUP...")] = None,
    all: Annotated[bool, typer.Option("--all", help="All that the user's pages show.")] = False,
    json: AsJson = False,
) -> None:
    """Dismiss popups of a user: they go from every page."""
    from jobrunner.cli.output import print_json
    from jobrunner.errors import InvalidInput, NotFound
    from jobrunner.services.notifications.preferences import find_user
    from jobrunner.services.popups.popups import dismiss as end

    if bool(ids) == all:
        raise InvalidInput("name popups by their numbers, or give --all")

    async def write(line: Any) -> list[int]:
        return await end(line, await find_user(line, user), None if all else ids)

    dismissed = sorted(with_database(write))
    if ids and (missing := sorted(set(ids) - set(dismissed))):
        numbers = ", ".join(map(str, missing))
        others = "; the others are dismissed" if dismissed else ""
        raise NotFound(f"{user} has no open popup {numbers}: `jobrunner popup list USER` shows them{others}")
    if json:
        print_json({"dismissed": dismissed})
    else:
        typer.echo(f"dismissed {len(dismissed)}")


@app.command()
def snooze(
    user: User,
    id: Annotated[int, typer.Argument(help="Number of the popup.", metavar="POPUP")],
    minutes: Annotated[
        int | None, typer.Option(help="5, 10, 15, 30 or 60; else tomorrow at nine where the user is.", metavar="N")
    ] = None,
    json: AsJson = False,
) -> None:
    """Let a popup come again later."""
    from jobrunner.cli.output import cell, print_json
    from jobrunner.errors import NotFound
    from jobrunner.services.notifications.preferences import find_user
    from jobrunner.services.popups.popups import snooze as put_off

    async def write(line: Any) -> "datetime | None":
        return await put_off(line, await find_user(line, user), id, minutes)

    moment = with_database(write)
    if moment is None:
        raise NotFound(f"{user} has no open popup {id}: `jobrunner popup list USER` shows them")
    if json:
        print_json({"id": id, "at": moment})
    else:
        typer.echo(f"popup {id} comes again at {cell(moment)}")


@app.command()
def token(
    user: User,
    valid_for: Annotated[
        str, typer.Option(help="How long it may be used to connect, an hour at most.", metavar="SPAN")
    ] = "60s",
    json: AsJson = False,
) -> None:
    """Print a token with which a page shows a user's popups: whoever has it sees and dismisses them."""
    from jobrunner.cli.output import print_json

    text, _ = _token(user, valid_for)
    if json:
        print_json({"token": text})
    else:
        typer.echo(text)


@app.command()
def demo(user: User) -> None:
    """Print the address of a page of the daemon on this machine that shows a user's popups; it works for an hour."""
    text, address = _token(user, "1h")
    typer.echo(f"{address}/push/demo#token={text}")


def _token(user: str, valid_for: str) -> tuple[str, str]:
    """Return a token, and where the daemon of this machine is."""
    from datetime import timedelta

    from jobrunner.cli.database import opened
    from jobrunner.cli.moments import parse_span
    from jobrunner.cli.output import run
    from jobrunner.cli.session import session
    from jobrunner.db.secrets import Keyring
    from jobrunner.queue.popup_token import popup_token
    from jobrunner.services.notifications.preferences import find_user

    lifetime = timedelta(seconds=parse_span("--valid-for", valid_for))

    async def whole() -> tuple[str, str]:
        async with session() as here, opened(here, "popup") as line:
            keyring = Keyring.from_configuration(here.configuration)
            text = await popup_token(line, keyring, await find_user(line, user), lifetime)
            http = here.configuration.http
            host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(http.host, http.host)  # noqa: S104
            return text, f"http://{host}:{http.port}"

    return run(whole())
