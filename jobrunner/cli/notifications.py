"""`jobrunner notifications`: what users were notified of, what became of the mails, and why."""

from typing import Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, with_database
from jobrunner.cli.options import AsJson

app = typer.Typer(help="Show notifications, what became of their mails, and why one was not mailed.")

COLUMNS = {
    "number": Column(),
    "created_at": Column("Created", rank=1),
    "user_name": Column("User", least=8),
    "type": Column(),
    "parent_type": Column("Record", rank=3),
    "parent_id": Column("Id", rank=4),
    "read": Column(rank=2),
    "mail": Column(),
    "reason": Column(least=16),
}


@app.command("list")
def list_all(
    user: Annotated[str | None, typer.Option(help="Only those of a user: id, address or name.", metavar="USER")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only those whose mail is in a state, such as Skipped.", metavar="STATE")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.", metavar="N")] = 100,
    json: AsJson = False,
) -> None:
    """List the latest notifications with what became of their mails, the newest first."""
    from jobrunner.cli.output import table
    from jobrunner.services.notifications.listing import list_notifications

    rows = with_database(lambda line: list_notifications(line, user=user, state=state, limit=limit))
    table([as_row(row) for row in rows], COLUMNS, json=json)


@app.command()
def show(
    number: Annotated[int, typer.Argument(help="Number of the notification.", metavar="NUMBER")],
    json: AsJson = False,
) -> None:
    """Show one notification: what it says, what became of its mail, and why."""
    from jobrunner.cli.output import record
    from jobrunner.services.notifications.listing import find_notification

    record(as_row(with_database(lambda line: find_notification(line, number))), json=json)
