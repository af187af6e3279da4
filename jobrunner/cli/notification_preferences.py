"""`jobrunner notification-preferences`: which mails of notifications users want."""

from typing import Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, changes, with_database
from jobrunner.cli.options import AsJson

app = typer.Typer(help="Show and change which mails of notifications users want.")

User = Annotated[str, typer.Argument(help="Id, address or name of the user.", metavar="USER")]

COLUMNS = {
    "user_id": Column("User"),
    "user_name": Column("Name", least=12),
    "email": Column(rank=2),
    "is_active": Column("Active", rank=1),
    "is_portal_user": Column("Portal", rank=3),
    "mentions": Column(),
    "stream": Column(),
    "assignments": Column(),
    "ignored_types": Column("Ignored", rank=4),
    "grouping": Column(),
}


@app.command("list")
def list_all(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.", metavar="N")] = 100,
    json: AsJson = False,
) -> None:
    """List the users with the mails that they want."""
    from jobrunner.cli.output import note, table
    from jobrunner.services.notifications.preferences import list_preferences

    rows = with_database(lambda line: list_preferences(line, limit=limit + 1))
    table([as_row(row) for row in rows[:limit]], COLUMNS, json=json)
    if len(rows) > limit and not json:
        note(f"The first {limit:,} users; --limit shows more.")


@app.command()
def show(user: User, json: AsJson = False) -> None:
    """Show the mails that one user wants."""
    from jobrunner.cli.output import record
    from jobrunner.services.notifications.preferences import find_preferences

    record(as_row(with_database(lambda line: find_preferences(line, user))), json=json)


@app.command("set")
def change(
    user: User,
    mentions: Annotated[bool | None, typer.Option("--mentions/--no-mentions", help="Posts that mention them.")] = None,
    stream: Annotated[bool | None, typer.Option("--stream/--no-stream", help="What happens to records.")] = None,
    assignments: Annotated[
        bool | None, typer.Option("--assignments/--no-assignments", help="What is assigned to them.")
    ] = None,
    ignore_types: Annotated[
        str | None,
        typer.Option(
            help="Types of records of whose assignment they want no mail, with commas between them. "
            "Email: they are told of no new mail.",
            metavar="TYPES",
        ),
    ] = None,
    grouping: Annotated[
        bool | None,
        typer.Option("--grouping/--no-grouping", help="One mail for all that happened to a record within the delay."),
    ] = None,
    clear: Annotated[
        list[str] | None, typer.Option(help="`ignore-types`: they want mail of all types again.", metavar="WHAT")
    ] = None,
    json: AsJson = False,
) -> None:
    """Change which mails a user wants. What is switched off for all comes to nobody: see `jobrunner settings list`."""
    from jobrunner.cli.output import cell, print_json
    from jobrunner.services.notifications.preferences import set_preferences

    wanted = changes(
        clear,
        {"ignore_types": ("ignored_types",)},
        {"ignore_types": "ignored_types"},
        mentions=mentions,
        stream=stream,
        assignments=assignments,
        ignore_types=ignore_types,
        grouping=grouping,
    )
    if "ignored_types" in wanted:
        words = (wanted["ignored_types"] or "").split(",")
        wanted["ignored_types"] = [word.strip() for word in words if word.strip()]
    changed = with_database(lambda line: set_preferences(line, user, **wanted))
    if json:
        print_json(as_row(changed))
    else:
        typer.echo(f"changed {cell(changed.user_id)} {cell(changed.user_name)}")
