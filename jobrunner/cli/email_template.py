"""`jobrunner email-template`: what mass e-mails say."""

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import (
    all_done,
    as_row,
    changes,
    done,
    in_transaction,
    read_bytes,
    read_text,
    who,
    with_database,
)
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection

app = typer.Typer(help="Show and change what mass e-mails say.")

Name = Annotated[str, typer.Argument(help="Name or id of the template.", metavar="TEMPLATE")]
Names = Annotated[list[str], typer.Argument(help="Names or ids of templates.", metavar="TEMPLATE...")]
Subject = Annotated[str | None, typer.Option(help="The subject, with placeholders.", metavar="TEXT")]
Html = Annotated[str | None, typer.Option(help="File with the HTML; - for standard input.", metavar="FILE")]
Text = Annotated[
    str | None,
    typer.Option(help="File with the text: all there is, or with --html the part beside it.", metavar="FILE"),
]

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "subject": Column(least=16),
    "is_html": Column("HTML", rank=2),
    "modified_at": Column(rank=1),
    "mass_emails": Column(rank=3, least=12),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all templates."""
    from jobrunner.cli.output import table
    from jobrunner.services.email_templates.rows import list_email_templates

    table([as_row(one) for one in with_database(list_email_templates)], COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    subject: Annotated[str, typer.Option(help="The subject, with placeholders.", metavar="TEXT")],
    html: Html = None,
    text: Text = None,
    json: AsJson = False,
) -> None:
    """Add a template from files: HTML, text, or both. One that could not be sent is refused."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.email_templates.rows import EmailTemplate, add_email_template
    from jobrunner.services.massmail.templates.checking import check_template
    from jobrunner.services.massmail.templates.placeholders import dubious_placeholders

    if html is None and text is None:
        raise InvalidInput("a template needs a body: give --html FILE, --text FILE, or both")
    plain = None if text is None else read_text("--text", text)
    body = plain or "" if html is None else read_text("--html", html)

    async def write(line: Any) -> tuple[EmailTemplate, list[str]]:
        added = await add_email_template(
            line,
            name,
            by=who(),
            subject=subject,
            body=body,
            plain_body=None if html is None else plain,
            is_html=html is not None,
        )
        await check_template(added)
        return added, await dubious_placeholders(line, added)

    template, dubious = in_transaction(write)
    done("added", template, json=json)
    _warn(dubious)


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show one template with its text."""
    from jobrunner.cli.output import record
    from jobrunner.services.email_templates.rows import find_email_template

    record(as_row(with_database(lambda line: find_email_template(line, name))), json=json)


@app.command()
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    subject: Subject = None,
    html: Html = None,
    text: Text = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="`text`: the text beside the HTML is made from it from now on.", metavar="WHAT"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Change a template; mails that are not sent yet follow. Of one that is text, --text is the body.

    One that could not be sent any more is refused and stays as it was.
    """
    from jobrunner.services.email_templates.rows import (
        EmailTemplate,
        TemplateChanges,
        edit_email_template,
        find_email_template,
    )
    from jobrunner.services.massmail.templates.checking import check_template
    from jobrunner.services.massmail.templates.placeholders import dubious_placeholders

    changed = changes(clear, {"text": ("plain_body",)}, {}, name=new_name, subject=subject, html=html, text=text)
    page = None if html is None else read_text("--html", html)
    plain = None if text is None else read_text("--text", text)

    async def write(line: Any) -> tuple[EmailTemplate, list[str]]:
        found = await find_email_template(line, name)
        columns = TemplateChanges()
        if new_name is not None:
            columns["name"] = new_name
        if subject is not None:
            columns["subject"] = subject
        if page is not None:
            columns |= {"body": page, "is_html": True}
        if plain is not None:
            if found.is_html or page is not None:
                columns["plain_body"] = plain
            else:
                columns["body"] = plain
        elif "plain_body" in changed:
            columns["plain_body"] = None
        after = await edit_email_template(line, str(found.id), **columns)
        await check_template(after)
        return after, await dubious_placeholders(line, after)

    template, dubious = in_transaction(write)
    done("changed", template, json=json)
    _warn(dubious)


@app.command()
def remove(names: Names, json: AsJson = False) -> None:
    """Remove templates that no mass e-mail under way uses: all of them or none."""
    from jobrunner.services.email_templates.rows import find_email_template, remove_email_template

    async def write(line: Any) -> list[Any]:
        for name in names:  # a misspelt one removes nothing
            await find_email_template(line, name)
        return [await remove_email_template(line, name) for name in names]

    all_done("removed", in_transaction(write), json=json)


@app.command()
def attach(
    name: Name,
    file: Annotated[str, typer.Argument(help="The file.", metavar="FILE")],
    file_name: Annotated[
        str | None, typer.Option("--as", help="Its name in the mail; the file's own by default.", metavar="NAME")
    ] = None,
    content_type: Annotated[
        str | None, typer.Option("--type", help="Its type; by its name by default.", metavar="TYPE")
    ] = None,
    content_id: Annotated[
        str | None, typer.Option("--image", help='It is an image of the text, there src="cid:ID".', metavar="ID")
    ] = None,
) -> None:
    """Attach a file to a template, in place of one of that name."""
    from jobrunner.cli.output import cell
    from jobrunner.services.email_templates.rows import attach_file, find_email_template

    content = read_bytes("FILE", file)
    shown = file_name or Path(file).name
    kind = content_type or mimetypes.guess_type(shown)[0] or "application/octet-stream"

    async def write(line: "Connection") -> None:
        found = await find_email_template(line, name)
        await attach_file(line, found, shown, content, content_type=kind, content_id=content_id)

    with_database(write)
    typer.echo(f"attached {cell(shown)} ({kind}, {len(content):,} bytes)")


@app.command()
def detach(
    name: Name, file_name: Annotated[str, typer.Argument(help="Name of the file in the mail.", metavar="NAME")]
) -> None:
    """Take a file away from a template."""
    from jobrunner.cli.output import cell
    from jobrunner.errors import NotFound, nearest
    from jobrunner.services.email_templates.rows import detach_file, find_email_template

    async def write(line: "Connection") -> None:
        found = await find_email_template(line, name)
        if not await detach_file(line, found, file_name):
            raise NotFound(f"the template has no file {file_name[:100]!r}{nearest(file_name, found.attachments)}")

    with_database(write)
    typer.echo(f"detached {cell(file_name)}")


def _warn(sentences: list[str]) -> None:
    from jobrunner.cli.output import note

    for sentence in sentences:
        note(f"Warning: {sentence}")
