"""`jobrunner email-folder`: where users find their mails beside the inbox."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, done
from jobrunner.cli.mailbox_accounts import MailboxTools, with_accounts
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.mailbox.folders.rows import Folder

app = typer.Typer(help="Show and change the folders of users, in which accounts and filters put mails.")

User = Annotated[str, typer.Option("--user", help="Name or id of the user whose it is.", metavar="USER")]
Name = Annotated[str, typer.Argument(help="Name or id of the folder.", metavar="FOLDER")]

COLUMNS = {
    "id": Column(),
    "owner": Column("Of"),
    "name": Column(),
    "mails": Column(rank=1),
    "accounts": Column("From accounts", rank=2, least=12),
    "filters": Column("By filters", rank=3, least=12),
}


@app.command("list")
def list_all(
    user: Annotated[str | None, typer.Option(help="Only of this user, by name or id.", metavar="USER")] = None,
    json: AsJson = False,
) -> None:
    """List folders, how many mails are in them, and what leads there."""
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.folders.rows import list_folders
    from jobrunner.services.mailbox.names import find_user

    async def read(tools: MailboxTools) -> "list[Folder]":
        user_id = None if user is None else await find_user(tools.connection, user)
        return await list_folders(tools.connection, user_id)

    table([as_row(folder) for folder in with_accounts(read)], COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")], user: User, json: AsJson = False
) -> None:
    """Add a folder for a user."""
    from jobrunner.services.mailbox.folders.rows import add_folder
    from jobrunner.services.mailbox.names import find_user

    async def write(tools: MailboxTools) -> "Folder":
        return await add_folder(tools.connection, await find_user(tools.connection, user), name)

    done("added", with_accounts(write), json=json)


@app.command()
def edit(
    name: Name,
    user: User,
    new_name: Annotated[str, typer.Option("--name", help="A new name.", metavar="NAME")],
    json: AsJson = False,
) -> None:
    """Give a folder another name."""
    from jobrunner.services.mailbox.folders.rows import get_folder, rename_folder
    from jobrunner.services.mailbox.names import find_user

    async def write(tools: MailboxTools) -> "Folder":
        folder = await get_folder(tools.connection, await find_user(tools.connection, user), name)
        return await rename_folder(tools.connection, folder, new_name)

    done("changed", with_accounts(write), json=json)


@app.command()
def remove(name: Name, user: User, json: AsJson = False) -> None:
    """Remove a folder that nothing leads to. Its mails are found in the inbox then."""
    from jobrunner.services.mailbox.folders.rows import get_folder, remove_folder
    from jobrunner.services.mailbox.names import find_user

    async def write(tools: MailboxTools) -> "Folder":
        folder = await get_folder(tools.connection, await find_user(tools.connection, user), name)
        await remove_folder(tools.connection, folder)
        return folder

    done("removed", with_accounts(write), json=json)
