"""`jobrunner mass-email`: mails to many, from the draft to the last of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import mass_email_options as option
from jobrunner.cli import mass_email_states as states
from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import all_done, as_row, changes, done, given, in_transaction, who, with_database
from jobrunner.cli.mass_email_progress import items, status
from jobrunner.cli.mass_email_trial import send_test
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.massmail.mass_emails.rows import MassEmail

app = typer.Typer(help="Show, change, start and stop mails to many.")

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "status": Column(),
    "start_at": Column(rank=1),
    "campaign": Column(rank=4),
    "email_template": Column("Template", rank=3),
    "target_lists": Column(rank=2, least=12),
    "reason": Column(rank=5, least=16),
}
COLUMNS_OF_OPTIONS = {
    "template": "email_template",
    "account": "smtp_account",
    "reply_to": "reply_to_address",
    "at": "start_at",
    "store_sent": "store_sent_emails",
    "list": "target_lists",
    "excluding": "excluding_lists",
}
"""What options set that are called otherwise."""
CLEARABLE = {
    "template": ("email_template",),
    "account": ("smtp_account",),
    "from_address": ("from_address",),
    "from_name": ("from_name",),
    "reply_to": ("reply_to_address",),
    "reply_to_name": ("reply_to_name",),
    "list": ("target_lists",),
    "excluding": ("excluding_lists",),
}
"""What can be emptied, and what is then."""


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all mass e-mails, those that start last first."""
    from jobrunner.cli.output import table
    from jobrunner.services.massmail.mass_emails.rows import list_mass_emails

    table([as_row(one) for one in with_database(list_mass_emails)], COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    template: option.Template = None,
    target_lists: option.Lists = None,
    excluding: option.Excluding = None,
    campaign: Annotated[
        str | None, typer.Option(help="The campaign it belongs to; its lists are taken.", metavar="CAMPAIGN")
    ] = None,
    account: option.Account = None,
    from_address: option.FromAddress = None,
    from_name: option.FromName = None,
    reply_to: option.ReplyTo = None,
    reply_to_name: option.ReplyToName = None,
    at: option.At = None,
    store_sent: option.StoreSent = None,
    opt_out_entirely: option.OptOutEntirely = None,
    json: AsJson = False,
) -> None:
    """Add a draft. Nothing is sent before `jobrunner mass-email start`."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.services.massmail.mass_emails.fitting import check_tracking_urls
    from jobrunner.services.massmail.mass_emails.rows import MassEmailOptions, add_mass_email

    given(template=template, list=target_lists, excluding=excluding, campaign=campaign, account=account)
    options = MassEmailOptions(
        start_at=None if at is None else parse_moment("--at", at),
        email_template=template,
        smtp_account=account,
        from_address=from_address,
        from_name=from_name,
        reply_to_address=reply_to,
        reply_to_name=reply_to_name,
        store_sent_emails=bool(store_sent),
        opt_out_entirely=bool(opt_out_entirely),
    )

    async def write(line: Any) -> "MassEmail":
        added = await add_mass_email(
            line,
            name,
            by=who(),
            campaign=campaign,
            target_lists=target_lists,
            excluding_lists=excluding,
            **options,
        )
        await check_tracking_urls(line, added)
        return added

    done("added", in_transaction(write), json=json)


@app.command()
def show(name: option.Name, json: AsJson = False) -> None:
    """Show one mass e-mail."""
    from jobrunner.cli.output import record
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    record(as_row(with_database(lambda line: find_mass_email(line, name))), json=json)


@app.command()
def edit(
    name: option.Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="Empty what may be empty, such as from-name or excluding; may be repeated.", metavar="WHAT"),
    ] = None,
    template: option.Template = None,
    target_lists: option.Lists = None,
    excluding: option.Excluding = None,
    account: option.Account = None,
    from_address: option.FromAddress = None,
    from_name: option.FromName = None,
    reply_to: option.ReplyTo = None,
    reply_to_name: option.ReplyToName = None,
    at: option.At = None,
    store_sent: option.StoreSent = None,
    opt_out_entirely: option.OptOutEntirely = None,
    json: AsJson = False,
) -> None:
    """Change a mass e-mail that is not being sent. What is not given stays; lists are those given, no others."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.services.massmail.mass_emails.fitting import check_tracking_urls
    from jobrunner.services.massmail.mass_emails.rows import MassEmailChanges, edit_mass_email, find_mass_email

    columns = changes(
        clear,
        CLEARABLE,
        COLUMNS_OF_OPTIONS,
        name=new_name,
        template=template,
        list=target_lists,
        excluding=excluding,
        account=account,
        from_address=from_address,
        from_name=from_name,
        reply_to=reply_to,
        reply_to_name=reply_to_name,
        at=None if at is None else parse_moment("--at", at),
        store_sent=store_sent,
        opt_out_entirely=opt_out_entirely,
    )

    async def write(line: Any) -> "MassEmail":
        found = await find_mass_email(line, name)
        changed = await edit_mass_email(line, found, by=who(), **MassEmailChanges(**columns))  # type: ignore[typeddict-item]
        if "email_template" in columns:
            await check_tracking_urls(line, changed)
        return changed

    done("changed", in_transaction(write), json=json)


app.command()(states.start)
app.command()(states.pause)
app.command()(states.resume)
app.command()(states.abort)
app.command()(states.settle)
app.command("test")(send_test)
app.command()(status)
app.command()(items)


@app.command()
def remove(names: option.Names, json: AsJson = False) -> None:
    """Remove mass e-mails that are not under way, with their items. The links in mails that were sent go on to work."""
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email, remove_mass_email

    async def write(line: Any) -> list["MassEmail"]:
        found = [await find_mass_email(line, name) for name in names]  # a misspelt one removes nothing
        for one in found:
            await remove_mass_email(line, one)
        return found

    all_done("removed", in_transaction(write), json=json)
