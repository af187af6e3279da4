"""`jobrunner email-account`: the accounts of users whose mail is fetched."""

from typing import Annotated, Any

import typer

from jobrunner.cli import mailbox_accounts as accounts
from jobrunner.cli import mailbox_commands
from jobrunner.cli import mailbox_options as options
from jobrunner.cli.grid import Column
from jobrunner.cli.mailbox_options import MAILBOX_OPTIONS, AccountChanges
from jobrunner.cli.mailbox_rows import COLUMNS as COMMON_COLUMNS
from jobrunner.cli.options import AsJson
from jobrunner.cli.plain_help import PlainHelp
from jobrunner.cli.shared_options import with_options

app = typer.Typer(help="Show, change and test the accounts of users whose mail is fetched.")

User = Annotated[str, typer.Option("--user", help="Id or name of the owner, who gets its mail.", metavar="USER")]
OtherUser = Annotated[str | None, typer.Option("--user", help="Another owner.", metavar="USER")]
Into = Annotated[
    str | None, typer.Option("--into", help="The owner's folder in which its mail is found.", metavar="NAME")
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="For one folder at the server another one of the owner's, such as Invoices=Bills; may be repeated.",
        metavar="FOLDER=NAME",
    ),
]


class PersonalOptions:
    """What may be said of an account of a user."""

    email_folder_id: Into = None
    folder_map: Map = None


COLUMNS = {**COMMON_COLUMNS, "assigned_user": Column("Owner")}
CLEARABLE: dict[str, tuple[str, ...]] = {
    "into": ("email_folder_id",),
    "map": ("folder_map",),
}
"""What can be emptied, beside what both kinds have, and the columns that are then."""

mailbox_commands.mount(app, "Personal", COLUMNS)


@app.command(cls=PlainHelp)
@with_options(*MAILBOX_OPTIONS, PersonalOptions)
def add(name: options.NewAccount, assigned_user_id: User, json: AsJson = False, **given: Any) -> None:
    """Add an account. Its password is asked for, unless a file or variable holds it."""
    from jobrunner.services.mailbox.accounts.entry import PersonalEntry

    accounts.add(PersonalEntry, {"name": name, "assigned_user_id": assigned_user_id, **given}, _resolve, json=json)


@app.command(cls=PlainHelp)
@with_options(AccountChanges, *MAILBOX_OPTIONS, PersonalOptions)
def edit(account: options.Name, assigned_user_id: OtherUser = None, json: AsJson = False, **given: Any) -> None:
    """Change an account. What is not given stays; a change of how it connects ends what held it back.

    With another host or username it is another mailbox, and is read anew.
    """
    accounts.edit("Personal", account, {"assigned_user_id": assigned_user_id, **given}, _resolve, CLEARABLE, json=json)


async def _resolve(tools: accounts.MailboxTools, values: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Put ids in the place of names."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.names import find_folder, find_user

    values = dict(values)
    if "assigned_user_id" in values:
        owner = values["assigned_user_id"] = await find_user(tools.connection, values["assigned_user_id"])
    assert owner is not None
    if "email_folder_id" in values:
        values["email_folder_id"] = await find_folder(tools.connection, owner, values["email_folder_id"])
    if "folder_map" in values:
        folders: dict[str, int] = {}
        for text in values["folder_map"]:
            folder, is_pair, name = text.rpartition("=")
            if not is_pair or not folder:
                raise InvalidInput(f"--map {text[:100]!r} must be FOLDER=NAME")
            folders[folder] = await find_folder(tools.connection, owner, name)
        values["folder_map"] = folders
    await accounts.resolve_smtp_account(tools, values)
    return values
