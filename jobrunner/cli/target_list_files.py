"""`jobrunner target-list import`, `export`: a list as a CSV file."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, who, with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.lists.importing import Report

Name = Annotated[str, typer.Argument(help="Name or id of the list.", metavar="LIST")]
Type = Annotated[str, typer.Option(help="What they are: account, contact, lead or user.", metavar="TYPE")]
DRY_RUN_LIMIT = 3600.0
"""Seconds that a dry run may take, in its one transaction."""


def import_file(
    name: Name,
    file: Annotated[
        str, typer.Argument(help="CSV in UTF-8; its first line names the columns. - is standard input.", metavar="FILE")
    ],
    type: Type,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything and take it back: see what would come of it.")
    ] = False,
    create: Annotated[bool, typer.Option("--create", help="Add the list if there is none of that name.")] = False,
    json: AsJson = False,
) -> None:
    """Add the persons of a CSV file to a target list; whoever has an address already is not added again.

    A column email is needed; first name, last name, name, company and language are known, others become fields that
    templates can use. Bad lines are reported, and the others count: the code is then 1.
    """
    from jobrunner.cli.output import note, print_json, record, table
    from jobrunner.services.massmail.lists.members import target_type
    from jobrunner.services.massmail.lists.reading import open_csv

    kind = target_type(type)
    with open_csv(file) as opened:
        report = with_database(lambda line: _import(line, name, kind, opened, dry_run=dry_run, create=create))
    counts = {
        "read": report.read,
        "persons_added": report.persons_added,
        "members_added": report.members_added,
        "members_before": report.members_before,
        "bad": report.bad,
    }
    bad_lines = [as_row(line) for line in report.bad_lines]
    if json:
        print_json({**counts, "dry_run": dry_run, "bad_lines": bad_lines})
    else:
        record(counts)
        if bad_lines:
            typer.echo("\nBad lines")
            table(bad_lines, {"line": Column(), "reason": Column()})
        if report.bad > len(bad_lines):
            typer.echo(f"and {report.bad - len(bad_lines):,} more")
        if any(line.reason == "it is not UTF-8" for line in report.bad_lines):
            named = "what came by standard input" if file == "-" else file
            note(f"Save {named} as CSV in UTF-8 and import it again: what is in the list already is not added twice.")
        if dry_run:
            typer.echo("\nNothing was written: this was a dry run.")
    if report.bad:
        raise typer.Exit(1)


class _TakenBack(Exception):
    """Ends the transaction of a dry run."""


async def _import(line: "Connection", name: str, kind: Any, file: TextIO, *, dry_run: bool, create: bool) -> "Report":
    from jobrunner.errors import NotFound
    from jobrunner.services.massmail.lists.importing import Transact, import_members
    from jobrunner.services.massmail.lists.reading import read_records
    from jobrunner.services.massmail.lists.rows import add_target_list, find_target_list

    async def whole(connection: Any, transact: Transact) -> "Report":
        try:
            found = await find_target_list(connection, name)
        except NotFound:
            if not create:
                raise
            file.seek(0)
            next(read_records(file), None)  # one that is refused as a whole leaves no empty list behind
            found = await add_target_list(connection, name, by=who())
        file.seek(0)
        return await import_members(transact, found.id, kind, read_records(file))

    if not dry_run:
        return await whole(line, line.transaction)
    reports: list[Report] = []

    async def work(connection: Any) -> None:
        async def within(portion: Any) -> Any:
            async with connection.transaction():
                return await portion(connection)

        reports.append(await whole(connection, within))
        raise _TakenBack

    try:
        await line.transaction(work, limit=DRY_RUN_LIMIT)
    except _TakenBack:
        pass
    return reports[-1]


def export_file(
    name: Name,
    file: Annotated[str, typer.Argument(help="Where to; - for standard output.", metavar="FILE")] = "-",
) -> None:
    """Write the members of a target list with their fields as CSV, which `import` reads back.

    No cell of it is taken for a formula by a spreadsheet.
    """
    from jobrunner.cli.output import note
    from jobrunner.errors import InvalidInput
    from jobrunner.services.massmail.lists.exporting import export_members
    from jobrunner.services.massmail.lists.members import list_fields, list_members
    from jobrunner.services.massmail.lists.rows import find_target_list

    async def write(line: "Connection", out: TextIO) -> int:
        found = await find_target_list(line, name)
        return await export_members(list_members(line, found.id), out, await list_fields(line, found.id))

    if file == "-":
        sys.stdout.flush()
        with open(sys.stdout.fileno(), "w", encoding="utf-8", newline="", closefd=False) as out:
            with_database(lambda line: write(line, out))
        return
    # A list that is not there leaves a file of that name as it is.
    with_database(lambda line: find_target_list(line, name))
    try:
        with open(file, "w", encoding="utf-8", newline="") as out:
            count = with_database(lambda line: write(line, out))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {(error.strerror or str(error)).lower()}") from None
    note(f"{count:,} members written to {file}")
