"""`jobrunner mass-email`: mails to many, from the draft to the last of them."""

import shlex
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import AsJson, as_row, done, given, who, with_database
from jobrunner.cli.mass_email_trial import send_test

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.mass_emails.items import Item, ItemCounts
    from jobrunner.services.massmail.mass_emails.rows import MassEmail

app = typer.Typer(help="Show, change, start and stop mails to many.")

Name = Annotated[str, typer.Argument(help="Name or id of the mass e-mail.", metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Names or ids of mass e-mails.", metavar="NAME...")]
Template = Annotated[str | None, typer.Option(help="Its template.", metavar="TEMPLATE")]
Lists = Annotated[
    list[str] | None, typer.Option("--list", help="Target list that gets it; may be repeated.", metavar="LIST")
]
Excluding = Annotated[
    list[str] | None,
    typer.Option("--excluding", help="List of those that get none; may be repeated.", metavar="LIST"),
]
Account = Annotated[
    str | None, typer.Option(help="SMTP account that sends it; the system's by default.", metavar="ACCOUNT")
]
FromAddress = Annotated[str | None, typer.Option(help="Sender; the account's by default.", metavar="ADDRESS")]
FromName = Annotated[str | None, typer.Option(help="Sender's name.", metavar="NAME")]
ReplyTo = Annotated[str | None, typer.Option(help="Where answers go.", metavar="ADDRESS")]
ReplyToName = Annotated[str | None, typer.Option(help="Whom they are addressed to.", metavar="NAME")]
At = Annotated[
    str | None, typer.Option(help="When it starts, 2026-05-04T09:00; without an offset, here.", metavar="TIME")
]
StoreSent = Annotated[bool | None, typer.Option("--store-sent/--no-store-sent", help="Whether sent mails are kept.")]
OptOutEntirely = Annotated[
    bool | None,
    typer.Option(
        "--opt-out-entirely/--opt-out-of-lists",
        help="Whether who unsubscribes gets no mass mail at all any more, rather than none of its lists.",
    ),
]
Reason = Annotated[str | None, typer.Option(help="Why, for others to see.", metavar="TEXT")]

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
ITEM_COLUMNS = {
    "id": Column(),
    "status": Column(),
    "email_address": Column("Address"),
    "attempt_count": Column("Attempts", rank=4),
    "sent_at": Column(rank=2),
    "next_attempt_at": Column(rank=3),
    "code": Column(rank=5),
    "reason": Column(rank=1, least=16),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all mass e-mails, those that start last first."""
    from jobrunner.cli.output import table
    from jobrunner.services.massmail.mass_emails.rows import list_mass_emails

    table([as_row(one) for one in with_database(list_mass_emails)], COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    template: Template = None,
    target_lists: Lists = None,
    excluding: Excluding = None,
    campaign: Annotated[
        str | None, typer.Option(help="The campaign it belongs to; its lists are taken.", metavar="CAMPAIGN")
    ] = None,
    account: Account = None,
    from_address: FromAddress = None,
    from_name: FromName = None,
    reply_to: ReplyTo = None,
    reply_to_name: ReplyToName = None,
    at: At = None,
    store_sent: StoreSent = None,
    opt_out_entirely: OptOutEntirely = None,
    json: AsJson = False,
) -> None:
    """Add a draft. Nothing is sent before `jobrunner mass-email start`."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.services.massmail.mass_emails.rows import MassEmailOptions, add_mass_email

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

    async def write(line: "Connection") -> "MassEmail":
        return await add_mass_email(
            line,
            name,
            by=who(),
            campaign=campaign,
            target_lists=target_lists,
            excluding_lists=excluding,
            **options,
        )

    done("added", with_database(write), json=json)


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show one mass e-mail."""
    from jobrunner.cli.output import record
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    record(as_row(with_database(lambda line: find_mass_email(line, name))), json=json)


@app.command()
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    template: Template = None,
    target_lists: Lists = None,
    excluding: Excluding = None,
    account: Account = None,
    from_address: FromAddress = None,
    from_name: FromName = None,
    reply_to: ReplyTo = None,
    reply_to_name: ReplyToName = None,
    at: At = None,
    store_sent: StoreSent = None,
    opt_out_entirely: OptOutEntirely = None,
    json: AsJson = False,
) -> None:
    """Change a mass e-mail that is not being sent; an empty text means none. Lists are those given, no others."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.services.massmail.mass_emails.rows import (
        MassEmailChanges,
        edit_mass_email,
        find_mass_email,
        set_lists_of_mass_email,
    )

    options = given(
        name=new_name,
        email_template=template,
        smtp_account=account,
        from_address=from_address,
        from_name=from_name,
        reply_to_address=reply_to,
        reply_to_name=reply_to_name,
        start_at=None if at is None else parse_moment("--at", at),
        store_sent_emails=store_sent,
        opt_out_entirely=opt_out_entirely,
        lists=target_lists,
        excluding=excluding,
    )
    changes = MassEmailChanges(**{k: v for k, v in options.items() if k not in ("lists", "excluding")})  # type: ignore[typeddict-item]

    async def write(line: "Connection") -> "MassEmail":
        found = await find_mass_email(line, name)
        for lists, excludes in ((target_lists, False), (excluding, True)):
            if lists is not None:
                found = await set_lists_of_mass_email(line, found, [one for one in lists if one], excluding=excludes)
        if changes:
            found = await edit_mass_email(line, found, by=who(), **changes)
        return found

    done("changed", with_database(write), json=json)


@app.command()
def start(
    name: Name,
    at: At = None,
    rest: Annotated[
        bool, typer.Option("--rest", help="One that is finished: to those in its lists who have not got it.")
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="One that is finished: to everybody in its lists once more.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Start a mass e-mail, now or at its time. What it lacks is said, and then nothing is started."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.cli.output import note
    from jobrunner.errors import InvalidInput
    from jobrunner.services.massmail.mass_emails import states
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email
    from jobrunner.services.massmail.settings import load_mass_mail_settings

    if rest and everybody:
        raise InvalidInput("--rest and --everybody contradict each other: give one of them")
    moment = None if at is None else parse_moment("--at", at)
    site_url, sender = _configured()

    async def write(line: "Connection") -> tuple[str | None, bool, "MassEmail"]:
        found = await find_mass_email(line, name)
        links = None
        if found.status == "Draft" or found.finished_at is not None:
            links = await states.check_ready(line, found, site_url=site_url, system_sender=sender)
        again: states.Again | None = "rest" if rest else "everybody" if everybody else None
        by_setting = bool((await load_mass_mail_settings(line)).mass_email_site_url)
        return links, by_setting, await states.start(line, found, at=moment, again=again)

    links, by_setting, started = with_database(write)
    _report("started", started, json=json)
    if links is not None and links.startswith("http:"):
        place = "the setting mass_email_site_url" if by_setting else "the site_url of the configuration"
        note(f"Warning: links in the mails begin with {links} ({place}), which only this machine can open")


@app.command()
def pause(name: Name, reason: Reason = None, json: AsJson = False) -> None:
    """Hold a mass e-mail until it is resumed. What is being handed to the mail server at this moment is finished."""
    from jobrunner.services.massmail.mass_emails import states

    text = f"paused by {who()}" + (f": {reason}" if reason else "")
    _change("paused", name, lambda line, found: states.pause(line, found, text), json=json)


@app.command()
def resume(name: Name, json: AsJson = False) -> None:
    """Let a mass e-mail go on where it was paused. What it lacks is said, and then it stays paused."""
    from jobrunner.services.massmail.mass_emails import states

    site_url, sender = _configured()

    async def change(line: "Connection", found: "MassEmail") -> "MassEmail":
        if found.status == "Paused":
            await states.check_ready(line, found, site_url=site_url, system_sender=sender)
        return await states.resume(line, found)

    _change("resumed", name, change, json=json)


@app.command()
def abort(name: Name, reason: Reason = None, json: AsJson = False) -> None:
    """End a mass e-mail: what was not sent is not sent any more."""
    from jobrunner.services.massmail.mass_emails import states

    text = f"aborted by {who()}" + (f": {reason}" if reason else "")
    _change("aborted", name, lambda line, found: states.abort(line, found, text), json=json)


@app.command()
def settle(
    name: Name,
    retry: Annotated[
        bool | None,
        typer.Option("--retry/--sent", help="Send them once more, or count them as sent.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Settle the Uncertain items, of which it is not known whether the mail server took them."""
    from jobrunner.cli.output import print_json
    from jobrunner.errors import InvalidInput
    from jobrunner.services.massmail.mass_emails.items import settle_items
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    if retry is None:
        raise InvalidInput("say what becomes of them: --retry sends them once more, --sent counts them as sent")

    async def write(line: "Connection") -> int:
        return await settle_items(line, await find_mass_email(line, name), retry=retry)

    number = with_database(write)
    if json:
        print_json({"items": number, "retry": retry})
    else:
        typer.echo(f"{number:,} uncertain: " + ("sent once more" if retry else "counted as sent"))


app.command("test")(send_test)


@app.command()
def status(
    name: Name,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show a bar until it is finished, paused or held back.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show how far a mass e-mail is: its items by state, why some are not sent, who was left out, what came of it."""
    from jobrunner.cli.campaign import shown_figures
    from jobrunner.cli.mass_email_follow import follow as follow_to_its_end
    from jobrunner.cli.output import print_json, record, table
    from jobrunner.services.massmail.campaigns.figures import Figures, figures_of_mass_email
    from jobrunner.services.massmail.mass_emails.items import Reason, count_items, count_reasons
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    async def read(line: "Connection") -> tuple["MassEmail", "ItemCounts", list[Reason], Figures]:
        found = await (follow_to_its_end(line, name) if follow else find_mass_email(line, name))
        counts, reasons = await count_items(line, found.id), await count_reasons(line, found.id)
        return found, counts, reasons, await figures_of_mass_email(line, found.id)

    found, counts, reasons, figures = with_database(read)
    items = {"total": counts.total, **as_row(counts)}
    reason_rows = [as_row(reason) for reason in reasons]
    if json:
        print_json({**as_row(found), "items": items, "reasons": reason_rows, "figures": as_row(figures)})
        return
    shown = {"name": found.name, "status": found.status}
    if found.reason:
        shown["reason"] = found.reason
    if found.is_held_back:
        shown["held_back"] = f"its campaign {found.campaign!r} is Inactive"
    record({**shown, "start_at": found.start_at, "finished_at": found.finished_at})
    typer.echo("\nItems")
    record(items)
    if counts.uncertain:
        command = f"jobrunner mass-email settle {shlex.quote(found.name)}"
        typer.echo(
            f"\n{counts.uncertain:,} uncertain: it is not known whether the mail server took them. `{command} --retry` "
            "sends them once more, `--sent` counts them as sent"
        )
    if found.left_out:
        typer.echo("\nLeft out")
        record({reason.replace(" ", "_"): count for reason, count in sorted(found.left_out.items())})
    if reasons:
        typer.echo("\nReasons")
        table(reason_rows, {"status": Column(), "items": Column(), "reason": Column(least=20)})
    typer.echo("\nFigures")
    record(shown_figures(figures) if found.campaign else {**shown_figures(figures), "sent": f"{counts.sent:,}"})


@app.command()
def items(
    name: Name,
    item_status: Annotated[
        str | None,
        typer.Option("--status", help="pending, sending, sent, failed, skipped or uncertain.", metavar="STATUS"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.", metavar="N")] = 100,
    json: AsJson = False,
) -> None:
    """Show the items of a mass e-mail, a mail to one address each, with what became of them."""
    from jobrunner.cli.output import table
    from jobrunner.services.massmail.mass_emails import items as rows
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    wanted = None if item_status is None else rows.item_status(item_status)

    async def read(line: "Connection") -> list["Item"]:
        found = await find_mass_email(line, name)
        return [item async for item in rows.list_items(line, found.id, status=wanted, limit=limit)]

    table([as_row(item) for item in with_database(read)], ITEM_COLUMNS, json=json)


@app.command()
def remove(names: Names, json: AsJson = False) -> None:
    """Remove mass e-mails that are not under way, with their items. The links in mails that were sent go on to work."""
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email, remove_mass_email

    async def write(line: "Connection") -> list["MassEmail"]:
        found = [await find_mass_email(line, name) for name in names]  # a misspelt one removes nothing
        for one in found:
            await remove_mass_email(line, one)
        return found

    for removed in with_database(write):
        done("removed", removed, json=json)


def _change(
    verb: str,
    name: str,
    change: Callable[["Connection", "MassEmail"], Coroutine[Any, Any, "MassEmail"]],
    *,
    json: bool,
) -> None:
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    async def write(line: "Connection") -> "MassEmail":
        return await change(line, await find_mass_email(line, name))

    _report(verb, with_database(write), json=json)


def _report(verb: str, mass_email: "MassEmail", *, json: bool) -> None:
    from datetime import UTC, datetime

    from jobrunner.cli.output import cell, note, print_json

    if json:
        print_json(as_row(mass_email))
        return
    coming = ""
    if mass_email.status == "Pending" and mass_email.start_at > datetime.now(UTC):
        coming = f", begins at {cell(mass_email.start_at)}"
    typer.echo(f"{verb} {mass_email.id} {cell(mass_email.name)}{coming}")
    if mass_email.is_held_back and mass_email.finished_at is None:
        note(f"Its campaign {mass_email.campaign!r} is Inactive: nothing is sent while it is.")


def _configured() -> tuple[str | None, str | None]:
    """Return the base of links where it was set, and who sends by the account of the configuration, if there is one."""
    from jobrunner.cli.session import load_configuration
    from jobrunner.services.massmail.settings import given_site_url

    configuration = load_configuration()
    smtp = configuration.smtp
    return given_site_url(configuration), smtp.from_address if smtp.host else None
