"""`jobrunner target-list`: who mass mail goes to."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import target_list_files as files
from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import all_done, as_row, done, in_transaction, who, with_database
from jobrunner.cli.options import AsJson
from jobrunner.cli.target_list_files import Name, Type

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection

app = typer.Typer(help="Show and fill the lists of those that mass mail goes to.")

Names = Annotated[list[str], typer.Argument(help="Names or ids of lists.", metavar="LIST...")]
Ids = Annotated[list[str], typer.Argument(help="Ids of the persons.", metavar="ID...")]
Addresses = Annotated[list[str], typer.Argument(help="E-mail addresses.", metavar="ADDRESS...")]

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "entry_count": Column("Members"),
    "opted_out_count": Column("Opted out"),
    "created_at": Column(rank=2),
    "created_by": Column(rank=1),
}
MEMBER_COLUMNS = {
    "target_type": Column("Type"),
    "target_id": Column("Id"),
    "name": Column(rank=1, least=12),
    "email": Column(),
    "opted_out": Column(),
    "address_opted_out": Column(rank=2),
    "address_invalid": Column(rank=3),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all target lists with how many members they have."""
    from jobrunner.cli.output import table
    from jobrunner.services.massmail.lists.rows import list_target_lists

    table([as_row(one) for one in with_database(list_target_lists)], COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    description: Annotated[str | None, typer.Option(help="What it is for.", metavar="TEXT")] = None,
    json: AsJson = False,
) -> None:
    """Add an empty target list."""
    from jobrunner.services.massmail.lists.rows import add_target_list

    done("added", with_database(lambda line: add_target_list(line, name, description, by=who())), json=json)


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show one target list: how many of which type are in it, and how many opted out of it."""
    from jobrunner.cli.output import record
    from jobrunner.services.massmail.lists.rows import find_target_list

    record(as_row(with_database(lambda line: find_target_list(line, name))), json=json)


@app.command()
def remove(names: Names, json: AsJson = False) -> None:
    """Remove target lists: all of them or none. The persons in them stay."""
    from jobrunner.services.massmail.lists.rows import find_target_list, remove_target_list

    async def write(line: Any) -> list[Any]:
        for name in names:  # a misspelt one removes nothing
            await find_target_list(line, name)
        return [await remove_target_list(line, name) for name in names]

    all_done("removed", in_transaction(write), json=json)


@app.command()
def members(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.", metavar="N")] = 100,
    json: AsJson = False,
) -> None:
    """Show the members of a target list in the order in which it is walked."""
    from jobrunner.cli.output import note, table
    from jobrunner.services.massmail.lists.members import Member, list_members
    from jobrunner.services.massmail.lists.rows import find_target_list

    async def read(line: "Connection") -> tuple[int, list[Member]]:
        found = await find_target_list(line, name)
        return found.entry_count, [member async for member in list_members(line, found.id, limit=limit)]

    total, rows = with_database(read)
    table([as_row(row) for row in rows], MEMBER_COLUMNS, json=json)
    if len(rows) < total and not json:
        note(f"{len(rows):,} of {total:,} members; --limit shows more, `jobrunner target-list export` all.")


@app.command("add-members")
def add_members_to(name: Name, ids: Ids, type: Type) -> None:
    """Add persons to a target list by their ids."""
    from jobrunner.cli.output import note
    from jobrunner.services.massmail.lists.members import Added, add_members, target_type
    from jobrunner.services.massmail.lists.rows import find_target_list

    kind = target_type(type)

    async def write(line: "Connection") -> Added:
        return await add_members(line, (await find_target_list(line, name)).id, kind, ids)

    added = with_database(write)
    typer.echo(f"added {added.added}")
    if added.unknown:
        shown = ", ".join(added.unknown[:10])
        note(f"There is no {kind.lower()} of the id {shown}{' …' if len(added.unknown) > 10 else ''}")
        raise typer.Exit(1)


@app.command("remove-members")
def remove_members_from(name: Name, ids: Ids, type: Type) -> None:
    """Take persons out of a target list. That one opted out of it holds, should they come back."""
    from jobrunner.services.massmail.lists.members import remove_members, target_type
    from jobrunner.services.massmail.lists.rows import find_target_list

    kind = target_type(type)

    async def write(line: "Connection") -> int:
        return await remove_members(line, (await find_target_list(line, name)).id, kind, ids)

    typer.echo(f"removed {with_database(write)}")


@app.command("opt-out")
def opt_out(name: Name, addresses: Addresses) -> None:
    """Opt addresses out of a target list: no mass e-mail to it goes to them any more."""
    from jobrunner.services.massmail.lists.members import opt_out_of_list

    _opt(name, addresses, opt_out_of_list, "opted out", "opted out already")


@app.command("opt-in")
def opt_in(name: Name, addresses: Addresses) -> None:
    """Take an opt-out of a target list back."""
    from jobrunner.services.massmail.lists.members import opt_in_to_list

    _opt(name, addresses, opt_in_to_list, "opted in", "had not opted out")


def _opt(name: str, addresses: list[str], change: Any, new: str, old: str) -> None:
    from jobrunner.cli.output import cell
    from jobrunner.services.mail.address import parse_address
    from jobrunner.services.massmail.lists.rows import find_target_list

    for address in addresses:
        parse_address(address)

    async def write(line: "Connection") -> list[tuple[int, bool]]:
        found = await find_target_list(line, name)
        return [await change(line, found.id, address) for address in addresses]

    for address, (members, changed) in zip(addresses, with_database(write), strict=True):
        remark = "" if members else " (no member has it)"
        typer.echo(f"{new if changed else old} {cell(address)}{remark}")


app.command("import")(files.import_file)
app.command("export")(files.export_file)
