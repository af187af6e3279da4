"""`jobrunner emails`: mails that came in, their sources, and reading again what could not be read."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mailbox_accounts import MailboxTools, with_accounts
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobrunner.services.mail.importing.storing.outcome import Kind

app = typer.Typer(help="Show mails that came in and their sources, and read again what could not be read.")

MAX_ID = 2**63 - 1
Id = Annotated[int, typer.Argument(help="Id of the mail.", metavar="ID", min=1, max=MAX_ID)]

COLUMNS = {
    "id": Column(),
    "date_sent": Column(),
    "sender": Column(least=20),
    "subject": Column(least=20),
    "status": Column(rank=3),
    "has_attachments": Column("Files", rank=2),
    "trouble": Column(rank=1, least=20),
}
FAILURE_COLUMNS = {
    "id": Column(),
    "account": Column(),
    "folder": Column(),
    "uid": Column("UID"),
    "stage": Column(rank=2),
    "attempts": Column(rank=3),
    "failed_at": Column(rank=1),
    "error": Column(least=20),
}
HELD_BACK = ("body_plain", "body_html")
NAMED = ("user", "team")
"""What of a mail's are shown by their names."""
PORTION = 100


@app.command("list")
def list_all(
    user: Annotated[str | None, typer.Option(help="Of this user, by id or name.", metavar="USER")] = None,
    email_account: Annotated[
        str | None, typer.Option(help="That came by this personal account.", metavar="ACCOUNT")
    ] = None,
    inbound_email: Annotated[
        str | None, typer.Option(help="That came by this group account.", metavar="ACCOUNT")
    ] = None,
    sender: Annotated[str | None, typer.Option("--from", help="From this address.", metavar="ADDRESS")] = None,
    subject: Annotated[str | None, typer.Option(help="With these words in the subject.", metavar="TEXT")] = None,
    trouble: Annotated[bool, typer.Option("--trouble", help="Only those that could not be read.")] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="Instead messages that could not be fetched or stored.")
    ] = False,
    before: Annotated[
        int | None, typer.Option(help="Only mails with an id below this one.", metavar="ID", min=1, max=MAX_ID)
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", metavar="N", min=1, max=10000)] = PORTION,
    json: AsJson = False,
) -> None:
    """List mails, the newest first."""
    from dataclasses import asdict

    from jobrunner.cli.output import table
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.accounts.table import find_account
    from jobrunner.services.mailbox.emails.rows import list_emails, list_failures
    from jobrunner.services.mailbox.names import find_user

    if email_account is not None and inbound_email is not None:
        raise InvalidInput("give one account: --email-account or --inbound-email")
    narrowed = (user, email_account, inbound_email, sender, subject, before)
    if failures and (trouble or any(one is not None for one in narrowed)):
        raise InvalidInput("--failures lists what is no mail yet: only --limit and --json go with it")

    async def read(tools: MailboxTools) -> list[Any]:
        if failures:
            return await list_failures(tools.connection, limit=limit)
        account: tuple[Kind, int] | None = None
        if email_account is not None:
            account = ("Personal", (await find_account(tools.connection, "Personal", email_account)).id)
        if inbound_email is not None:
            account = ("Group", (await find_account(tools.connection, "Group", inbound_email)).id)
        return await list_emails(
            tools.connection,
            user_id=None if user is None else await find_user(tools.connection, user),
            account=account,
            sender=sender,
            subject=subject,
            in_trouble=trouble,
            before=before,
            limit=limit,
        )

    rows = [asdict(one) for one in with_accounts(read)]
    table(rows, FAILURE_COLUMNS if failures else COLUMNS, json=json)


@app.command()
def show(id: Id, json: AsJson = False) -> None:
    """Show one mail with its text; HTML as it came, and the ids of users and teams, only with --json."""
    from jobrunner.cli.control_characters import clean
    from jobrunner.cli.output import print_json, record
    from jobrunner.services.mailbox.emails.rows import read_email
    from jobrunner.services.mailbox.names import read_names

    async def read(tools: MailboxTools) -> dict[str, Any]:
        row = await read_email(tools.connection, id)
        if not json:
            wanted = {(what, one) for what in NAMED for one in row[f"{what}s"]}
            names = await read_names(tools.connection, wanted) if wanted else {}
            row |= {f"{what}s": [names[what, one] for one in row[f"{what}s"]] for what in NAMED}
        return row

    row = with_accounts(read)
    if json:
        print_json(row)
        return
    record({name: value for name, value in row.items() if name not in HELD_BACK and value not in (None, [], "")})
    typer.echo(f"\n{clean(row['body_plain'], lines=True)}")


@app.command()
def source(
    id: Id,
    out: Annotated[
        Path | None, typer.Option(help="File to write instead of standard output; it must not be there yet.")
    ] = None,
) -> None:
    """Write a mail as it came. What could be read is not kept here: it is fetched from its account once more."""
    from jobrunner.cli.session import load_configuration
    from jobrunner.services.mailbox.emails.source import read_source
    from jobrunner.services.mailbox.fetching.readers import files_root

    root = files_root(load_configuration())

    async def write(tools: MailboxTools) -> None:
        with _opened(out) as file:
            async for piece in read_source(tools.connection, tools.keyring, root, id):
                file.write(piece)

    with_accounts(write)


@app.command()
def retry(
    ids: Annotated[
        list[int] | None,
        typer.Argument(help="Ids of mails that could not be read.", metavar="ID...", min=1, max=MAX_ID),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="All that could not be read; those that could not be fetched are fetched again."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Read again mails that could not be read, from the sources that are kept, as after an upgrade."""
    from jobrunner.cli.output import note, print_json, run
    from jobrunner.cli.session import load_configuration
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mail.importing.reader import MailReader
    from jobrunner.services.mail.importing.storing import list_troubled, read_again
    from jobrunner.services.mailbox.fetching.again import ask_again
    from jobrunner.services.mailbox.fetching.readers import files_root

    if bool(ids) == everything:
        raise InvalidInput("give the ids of mails, or --all (`jobrunner emails list --trouble` shows them)")

    async def work() -> dict[int, str | None]:
        results: dict[int, str | None] = {}
        async with _line() as line, MailReader(files_root(load_configuration())) as reader:
            if not everything:
                return await read_again(line, reader, ids or [])
            while portion := await list_troubled(line, reader.root, after=max(results, default=0), limit=PORTION):
                results |= await read_again(line, reader, [mail.id for mail in portion])
            if asked := await ask_again(line):
                note(f"Messages that could not be fetched, and that the daemon asks for again: {asked}.")
        return results

    results = run(work())
    if json:
        print_json([{"id": id, "read": trouble is None, "trouble": trouble} for id, trouble in results.items()])
    else:
        for id, trouble in results.items():
            typer.echo(f"read {id}" if trouble is None else f"not read {id}: {trouble}")
        if not results:
            note("There is none that could not be read.")
    if any(trouble is not None for trouble in results.values()):
        raise typer.Exit(1)


@contextmanager
def _opened(out: Path | None) -> "Iterator[IO[bytes]]":
    """Give where a source goes to: a new file, which is removed where it does not get whole, or standard output."""
    from jobrunner.errors import InvalidInput

    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise InvalidInput(f"--out: {out} cannot be written: {(error.strerror or str(error)).lower()}") from None
    try:
        with file:
            yield file
    except BaseException:
        out.unlink(missing_ok=True)
        raise


@asynccontextmanager
async def _line() -> AsyncIterator[Any]:
    """Give a connection with transactions of several statements."""
    from jobrunner.cli.session import session
    from jobrunner.db.connection import close, connect
    from jobrunner.queue.refusal import refusals

    async with session() as here:
        with refusals(here.direct_dsn):
            line = await connect(here.direct_dsn, name="mail-in")
            try:
                yield line
            finally:
                await close(line)
