"""`jobrunner case`: what the mail of group accounts opens, and who takes care of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, changes
from jobrunner.cli.mailbox_accounts import MailboxTools, with_accounts
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobrunner.services.mailbox.cases.rows import Case

app = typer.Typer(help="Show and change cases, which the mail of group accounts opens.")

MAX_NUMBER = 2**63 - 1
Number = Annotated[int, typer.Argument(help="Number of the case.", metavar="NUMBER", min=1, max=MAX_NUMBER)]
Numbers = Annotated[list[int], typer.Argument(help="Numbers of cases.", metavar="NUMBER...", min=1, max=MAX_NUMBER)]

COLUMNS = {
    "number": Column(),
    "name": Column(least=20),
    "status": Column(),
    "assigned_user": Column(rank=1),
    "teams": Column(rank=3, least=12),
    "emails": Column("Mails", rank=4),
    "created_at": Column(rank=2),
    "modified_at": Column(rank=5),
}
MAIL_COLUMNS = {
    "id": Column("Mail"),
    "date_sent": Column(rank=1),
    "sender": Column(least=20),
    "subject": Column(least=20),
    "status": Column(rank=2),
}
CLEARABLE = {"assigned_user": ("assigned_user_id",), "teams": ("teams",), "description": ("description",)}
PEOPLE = ("account", "contact", "lead")


@app.command("list")
def list_all(
    status: Annotated[
        list[str] | None,
        typer.Option(
            help="In this status (New, Assigned, Pending, Closed, Rejected, Duplicate); may be repeated.",
            metavar="STATUS",
        ),
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are new, assigned or pending.")] = False,
    user: Annotated[str | None, typer.Option(help="Assigned to this user, by id or name.", metavar="USER")] = None,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Only those that nobody has.")] = False,
    team: Annotated[str | None, typer.Option(help="Of this team, by id or name.", metavar="TEAM")] = None,
    subject: Annotated[str | None, typer.Option(help="With these words in the name.", metavar="TEXT")] = None,
    before: Annotated[
        int | None, typer.Option(help="Only cases below this number.", metavar="NUMBER", min=1, max=MAX_NUMBER)
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", metavar="N", min=1, max=10000)] = 100,
    json: AsJson = False,
) -> None:
    """List cases, the newest first."""
    from jobrunner.cli.output import table
    from jobrunner.cli.typed import spelt
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.cases.rows import OPEN, STATUSES, list_cases
    from jobrunner.services.mailbox.names import find_team, find_user

    if status and is_open:
        raise InvalidInput("give --status or --open: the open ones are those that are New, Assigned or Pending")
    if user is not None and unassigned:
        raise InvalidInput("give --user or --unassigned")

    async def read(tools: MailboxTools) -> "list[Case]":
        return await list_cases(
            tools.connection,
            statuses=OPEN if is_open else [spelt(word, STATUSES) for word in status or ()],
            user_id=None if user is None else await find_user(tools.connection, user),
            unassigned=unassigned,
            team_id=None if team is None else await find_team(tools.connection, team),
            subject=subject,
            before=before,
            limit=limit,
        )

    table([as_row(case) for case in with_accounts(read)], COLUMNS, json=json)


@app.command()
def show(number: Number, json: AsJson = False) -> None:
    """Show a case with its text, its files and its mails (`jobrunner emails show` shows one of these)."""
    from jobrunner.cli.control_characters import clean
    from jobrunner.cli.output import print_json, record, table
    from jobrunner.services.mailbox.cases.rows import find_case, read_case

    async def read(tools: MailboxTools) -> dict[str, Any]:
        return {
            **as_row(await find_case(tools.connection, number)),
            **await read_case(tools.connection, number),
        }

    row = with_accounts(read)
    if json:
        print_json(row)
        return
    mails, description = row.pop("mails"), row.pop("description")
    for who in PEOPLE:  # an application's own, which we know the id of only
        row[who] = row[who] or row[f"{who}_id"]
    hidden = {"assigned_user_id", *(f"{who}_id" for who in PEOPLE)}
    record({name: value for name, value in row.items() if name not in hidden and value not in (None, [], "")})
    if description := description.strip():
        typer.echo(f"\n{clean(description, lines=True)}")
    if mails:
        typer.echo()
        table(mails, MAIL_COLUMNS)


@app.command()
def edit(
    number: Number,
    name: Annotated[str | None, typer.Option(help="A new name.", metavar="TEXT")] = None,
    status: Annotated[
        str | None, typer.Option(help="New, Assigned, Pending, Closed, Rejected or Duplicate.", metavar="STATUS")
    ] = None,
    assign_to: Annotated[
        str | None, typer.Option(help="The user who takes care of it, by id or name; gets its mails.", metavar="USER")
    ] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(help="A team that it is of, in place of those it has; may be repeated.", metavar="TEAM"),
    ] = None,
    description: Annotated[str | None, typer.Option(help="A new description.", metavar="TEXT")] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="Empty assigned-user, teams or description; may be repeated.", metavar="WHAT"),
    ] = None,
    notify: Annotated[
        bool, typer.Option("--notify/--no-notify", help="Whether the user who gets it now is told.")
    ] = True,
    json: AsJson = False,
) -> None:
    """Change a case. What is not given stays."""
    from jobrunner.cli.output import print_json
    from jobrunner.cli.person import user_name
    from jobrunner.cli.typed import spelt
    from jobrunner.services.mailbox.cases.rows import STATUSES, edit_case
    from jobrunner.services.mailbox.names import find_team, find_user

    given = changes(
        clear,
        CLEARABLE,
        {"assign_to": "assigned_user_id", "team": "teams"},
        name=name,
        status=status,
        assign_to=assign_to,
        team=team or None,
        description=description,
    )
    if "status" in given:
        given["status"] = spelt(given["status"], STATUSES)
    if given.get("description", "") is None:
        given["description"] = ""

    async def write(line: Any) -> "Case":
        changed = {**given}
        if changed.get("assigned_user_id") is not None:
            changed["assigned_user_id"] = await find_user(line, changed["assigned_user_id"])
        teams = None
        if "teams" in changed:
            teams = [await find_team(line, word) for word in changed.pop("teams") or ()]
        return await edit_case(line, number, changed, teams=teams, told_by=user_name() if notify else None)

    changed: Case = _in_transaction(write)
    if json:
        print_json(as_row(changed))
    else:
        _tell("changed", changed)


@app.command()
def close(
    numbers: Numbers,
    as_: Annotated[str, typer.Option("--as", help="Closed, Rejected or Duplicate.", metavar="STATUS")] = "Closed",
    json: AsJson = False,
) -> None:
    """Close cases; a number that is none closes nothing."""
    from jobrunner.cli.typed import spelt
    from jobrunner.services.mailbox.cases.rows import DONE, close_cases

    closed = _in_transaction(lambda line: close_cases(line, numbers, spelt(as_, DONE)))
    _turned("closed", numbers, closed, json=json)


@app.command()
def reopen(numbers: Numbers, json: AsJson = False) -> None:
    """Open cases again: Assigned, or New where nobody has them; a number that is none opens nothing."""
    from jobrunner.services.mailbox.cases.rows import reopen_cases

    _turned("reopened", numbers, _in_transaction(lambda line: reopen_cases(line, numbers)), json=json)


@app.command()
def remove(numbers: Numbers, json: AsJson = False) -> None:
    """Delete cases; a number that is none deletes nothing. Their mails stay; what answers them opens other cases."""
    from jobrunner.services.mailbox.cases.rows import remove_cases

    _turned("removed", numbers, _in_transaction(lambda line: remove_cases(line, numbers)), json=json)


def _in_transaction(work: "Callable[[Any], Awaitable[Any]]") -> Any:
    return with_accounts(lambda tools: tools.connection.transaction(work))


def _turned(verb: str, numbers: list[int], cases: "list[Case]", *, json: bool) -> None:
    from jobrunner.cli.output import note, print_json

    if json:
        print_json([as_row(case) for case in cases])
        return
    for case in cases:
        _tell(verb, case)
    if unchanged := sorted(set(numbers) - {case.number for case in cases}):
        note(f"Was so already: {', '.join(map(str, unchanged))}.")


def _tell(verb: str, case: "Case") -> None:
    from jobrunner.cli.output import cell

    typer.echo(f"{verb} {case.number} {cell(case.name)}")
