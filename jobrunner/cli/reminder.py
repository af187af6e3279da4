"""`jobrunner reminder`: what users are reminded of, by mail and by popups."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, in_transaction, with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.records.events import Reminder
    from jobrunner.services.reminders.listing import ReminderRow

app = typer.Typer(help="Show and change what users are reminded of, by mail and by popups.")

User = Annotated[str, typer.Option("--user", help="Id, address or name of the user.", metavar="USER")]

LONGEST_NAME = 255

COLUMNS = {
    "id": Column(),
    "type": Column(),
    "state": Column(),
    "user_name": Column("User", least=8),
    "entity_type": Column("Record", rank=2),
    "entity_id": Column("Record id", rank=3),
    "record_name": Column("Of", least=12),
    "next_attempt_at": Column("At"),
    "start_at": Column("Starts", rank=1),
    "reason": Column(rank=4, least=12),
}


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What of, in one line.", metavar="NAME")],
    user: User,
    at: Annotated[
        str | None, typer.Option("--at", help="When it is due, such as 2026-05-04T10:00.", metavar="TIME")
    ] = None,
    in_: Annotated[
        str | None, typer.Option("--in", help="When it is due, from now: 20s, 15m, 2h.", metavar="SPAN")
    ] = None,
    before: Annotated[str, typer.Option(help="How long before that the reminder comes.", metavar="SPAN")] = "0s",
    by: Annotated[str, typer.Option("--by", help="Popup or Email.", metavar="TYPE")] = "Popup",
    json: AsJson = False,
) -> None:
    """Remind a user of something: adds a task that is due then, with one reminder."""
    from datetime import UTC, datetime, timedelta

    from jobrunner.cli.moments import parse_moment, parse_span
    from jobrunner.errors import InvalidInput
    from jobrunner.services.notifications.preferences import find_user
    from jobrunner.services.records import add_task
    from jobrunner.services.reminders.listing import list_reminders

    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"what it reminds of must be one line of 1 to {LONGEST_NAME} letters, got {name[:40]!r}")
    if (at is None) == (in_ is None):
        raise InvalidInput("say when: --at 2026-05-04T10:00, or --in 20s")
    due = (
        parse_moment("--at", at)
        if at is not None
        else datetime.now(UTC) + timedelta(seconds=parse_span("--in", in_ or ""))
    )
    kind: Any = by.strip().capitalize()
    reminders: list[Reminder] = [(kind, int(parse_span("--before", before)))]

    async def write(line: Any) -> "ReminderRow":
        user_id = await find_user(line, user)
        task = await add_task(line, name, due, attendees=[user_id], reminders=reminders)
        rows = [row for row in await list_reminders(line, user=user_id) if row.entity_id == task]
        if not rows:
            raise InvalidInput(f"{due:%Y-%m-%d %H:%M} is past: nobody would be reminded, and nothing was added")
        return rows[0]

    _done("added", in_transaction(write), json=json)


@app.command("list")
def list_all(
    user: Annotated[str | None, typer.Option(help="Only those of a user: id, address or name.", metavar="USER")] = None,
    type: Annotated[str | None, typer.Option(help="Only Email, or only Popup.", metavar="TYPE")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in a state, such as Waiting.", metavar="STATE")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.", metavar="N")] = 100,
    json: AsJson = False,
) -> None:
    """List reminders, the latest first: whose, of what, when, what became of each and why."""
    from jobrunner.cli.output import table
    from jobrunner.services.notifications.preferences import find_user
    from jobrunner.services.reminders.listing import list_reminders

    async def read(line: Any) -> "list[ReminderRow]":
        user_id = None if user is None else await find_user(line, user)
        return await list_reminders(line, user=user_id, type=type, state=state, limit=limit)

    table([as_row(row) for row in with_database(read)], COLUMNS, json=json)


@app.command()
def show(
    id: Annotated[int, typer.Argument(help="Number of the reminder.", metavar="REMINDER")], json: AsJson = False
) -> None:
    """Show one reminder."""
    from jobrunner.cli.output import record
    from jobrunner.services.reminders.listing import find_reminder

    record(as_row(with_database(lambda line: find_reminder(line, id))), json=json)


@app.command()
def remove(
    id: Annotated[int, typer.Argument(help="Number of the reminder.", metavar="REMINDER")], json: AsJson = False
) -> None:
    """Take a reminder away from its user. The record stays, and the reminders of others."""
    from jobrunner.services.reminders.listing import remove_reminder

    _done("removed", in_transaction(lambda line: remove_reminder(line, id)), json=json)


def _done(verb: str, row: "ReminderRow", *, json: bool) -> None:
    from jobrunner.cli.output import cell, print_json

    if json:
        print_json(as_row(row))
    else:
        typer.echo(f"{verb} {row.id} {row.type} for {cell(row.user_name)} at {cell(row.next_attempt_at)}")
