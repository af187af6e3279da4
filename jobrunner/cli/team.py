"""`jobrunner team`: who gets the mail of group accounts, and among whom cases are shared."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import all_done, as_row, done
from jobrunner.cli.mailbox_accounts import MailboxTools, with_accounts
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.mailbox.teams.rows import Member, Team

app = typer.Typer(help="Show and change teams, which get the mail of group accounts, and their members.")

Name = Annotated[str, typer.Argument(help="Name or id of the team.", metavar="TEAM")]
Users = Annotated[list[str], typer.Argument(help="Names or ids of users.", metavar="USER...")]

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "members": Column(rank=1, least=20),
    "inbound_emails": Column("Accounts", rank=2, least=12),
    "group_folders": Column(rank=3, least=12),
}
MEMBER_COLUMNS = {
    "user_id": Column("Id"),
    "name": Column(),
    "position": Column(rank=1),
    "is_default": Column("Default team", rank=2),
    "active": Column(rank=3),
    "email": Column(rank=4),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all teams with their members."""
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.teams.rows import list_teams

    table([as_row(team) for team in with_accounts(lambda tools: list_teams(tools.connection))], COLUMNS, json=json)


@app.command()
def members(name: Name, json: AsJson = False) -> None:
    """List the members of a team and what they are in it."""
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.teams.rows import find_team, list_members

    async def read(tools: MailboxTools) -> "list[Member]":
        return await list_members(tools.connection, await find_team(tools.connection, name))

    table([as_row(member) for member in with_accounts(read)], MEMBER_COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
    id: Annotated[str | None, typer.Option("--id", help="Its id; a number if not given.", metavar="ID")] = None,
    json: AsJson = False,
) -> None:
    """Add a team."""
    from jobrunner.services.mailbox.teams.rows import add_team

    done("added", with_accounts(lambda tools: add_team(tools.connection, name, id=id)), json=json)


@app.command()
def edit(
    name: Name,
    new_name: Annotated[str, typer.Option("--name", help="A new name.", metavar="NAME")],
    json: AsJson = False,
) -> None:
    """Give a team another name."""
    from jobrunner.services.mailbox.teams.rows import find_team, rename_team

    async def write(tools: MailboxTools) -> "Team":
        return await rename_team(tools.connection, await find_team(tools.connection, name), new_name)

    done("changed", with_accounts(write), json=json)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Names or ids of teams.", metavar="TEAM...")], json: AsJson = False
) -> None:
    """Remove teams; a misspelt name removes nothing. Their members stay users."""
    from jobrunner.services.mailbox.teams.rows import find_team, remove_team

    async def write(tools: MailboxTools) -> "list[Team]":
        teams = [await find_team(tools.connection, name) for name in names]
        for team in teams:
            await remove_team(tools.connection, team)
        return teams

    all_done("removed", with_accounts(write), json=json)


@app.command()
def add_members(
    name: Name,
    users: Users,
    position: Annotated[
        str | None,
        typer.Option(help="What they are in it, for accounts whose cases go to one position; '' for nothing."),
    ] = None,
    default: Annotated[
        bool | None,
        typer.Option(
            "--default/--not-default",
            help="It is their default team, which gets the mail of their own accounts, too; a user has one at most.",
        ),
    ] = None,
) -> None:
    """Make users members of a team, or change what members are in it."""
    from jobrunner.services.mailbox.teams import rows

    async def write(tools: MailboxTools) -> "Team":
        team = await rows.find_team(tools.connection, name)
        await tools.connection.transaction(
            lambda line: rows.put_members(line, team, users, position=position, is_default=default)
        )
        return await rows.find_team(tools.connection, team.id)

    _tell(with_accounts(write))


@app.command()
def remove_members(name: Name, users: Users) -> None:
    """Take users out of a team; a misspelt name takes nobody out."""
    from jobrunner.services.mailbox.teams import rows

    async def write(tools: MailboxTools) -> "Team":
        team = await rows.find_team(tools.connection, name)
        await tools.connection.transaction(lambda line: rows.remove_members(line, team, users))
        return await rows.find_team(tools.connection, team.id)

    _tell(with_accounts(write))


def _tell(team: "Team") -> None:
    from jobrunner.cli.output import cell

    typer.echo(f"{cell(team.name)}: {cell(team.members) or 'nobody'}")
