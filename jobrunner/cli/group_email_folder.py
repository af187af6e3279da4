"""`jobrunner group-email-folder`: where teams find the mails of group accounts."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, done
from jobrunner.cli.mailbox_accounts import MailboxTools, with_accounts
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.mailbox.folders.rows import GroupFolder

app = typer.Typer(help="Show and change the folders of teams, in which group accounts and filters put mails.")

Name = Annotated[str, typer.Argument(help="Name or id of the folder.", metavar="FOLDER")]
Teams = Annotated[
    list[str] | None,
    typer.Option("--team", help="Team whose members have the mails in it; may be repeated.", metavar="TEAM"),
]

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "teams": Column(least=12),
    "mails": Column(rank=1),
    "accounts": Column("From accounts", rank=2, least=12),
    "filters": Column("By filters", rank=3, least=12),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List group folders, their teams, how many mails are in them, and what leads there."""
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.folders.rows import list_group_folders

    table(
        [as_row(one) for one in with_accounts(lambda tools: list_group_folders(tools.connection))], COLUMNS, json=json
    )


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
    teams: Teams = None,
    json: AsJson = False,
) -> None:
    """Add a group folder."""
    from jobrunner.services.mailbox.folders.rows import add_group_folder

    async def write(tools: MailboxTools) -> "GroupFolder":
        return await add_group_folder(tools.connection, name, await _ids(tools, teams or []))

    done("added", with_accounts(write), json=json)


@app.command()
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    teams: Teams = None,
    no_team: Annotated[bool, typer.Option("--no-team", help="It is of no team any more.")] = False,
    json: AsJson = False,
) -> None:
    """Change a group folder. Teams that are given take the place of those it has; what came before stays as it is."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.folders.rows import edit_group_folder, get_group_folder

    if new_name is None and not teams and not no_team:
        raise InvalidInput("give what is to change: --name, --team or --no-team")
    if teams and no_team:
        raise InvalidInput("give either --team or --no-team")

    async def write(tools: MailboxTools) -> "GroupFolder":
        folder = await get_group_folder(tools.connection, name)
        given = [] if no_team else await _ids(tools, teams) if teams else None
        return await edit_group_folder(tools.connection, folder, name=new_name, teams=given)

    done("changed", with_accounts(write), json=json)


@app.command()
def remove(name: Name, json: AsJson = False) -> None:
    """Remove a group folder that nothing leads to. Its mails stay with those who have them."""
    from jobrunner.services.mailbox.folders.rows import get_group_folder, remove_group_folder

    async def write(tools: MailboxTools) -> "GroupFolder":
        folder = await get_group_folder(tools.connection, name)
        await remove_group_folder(tools.connection, folder)
        return folder

    done("removed", with_accounts(write), json=json)


async def _ids(tools: MailboxTools, teams: list[str]) -> list[str]:
    from jobrunner.services.mailbox.names import find_team

    return [await find_team(tools.connection, name) for name in teams]
