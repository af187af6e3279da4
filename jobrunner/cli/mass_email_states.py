"""`jobrunner mass-email start`, `pause`, `resume`, `abort`, `settle`: the commands that change its state."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import mass_email_options as option
from jobrunner.cli.mail_records import as_row, who, with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.mass_emails.forecast import Forecast
    from jobrunner.services.massmail.mass_emails.holding import Hold
    from jobrunner.services.massmail.mass_emails.rows import MassEmail


def start(
    name: option.Name,
    at: option.At = None,
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
    from jobrunner.cli.output import cell, note
    from jobrunner.errors import InvalidInput
    from jobrunner.services.massmail.mass_emails import states
    from jobrunner.services.massmail.mass_emails.forecast import forecast
    from jobrunner.services.massmail.mass_emails.holding import hold_of_account
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email
    from jobrunner.services.massmail.settings import load_mass_mail_settings

    if rest and everybody:
        raise InvalidInput("--rest and --everybody contradict each other: give one of them")
    moment = None if at is None else parse_moment("--at", at)
    site_url, sender = _configured()

    async def write(line: "Connection") -> tuple[str | None, bool, "MassEmail", "Hold | None", "Forecast | None"]:
        found = await find_mass_email(line, name)
        links = None
        if found.status == "Draft" or found.finished_at is not None:
            links = await states.check_ready(line, found, site_url=site_url, system_sender=sender)
        again: states.Again | None = "rest" if rest else "everybody" if everybody else None
        by_setting = bool((await load_mass_mail_settings(line)).mass_email_site_url)
        expected = await forecast(line, found, at=moment, everybody=everybody)
        started = await states.start(line, found, at=moment, again=again)
        return links, by_setting, started, await hold_of_account(line, started), expected

    links, by_setting, started, hold, expected = with_database(write)
    _report("started", started, hold, json=json)
    if expected is not None:
        note(
            f"{expected.recipients:,} get it, at most {expected.limit:,} in an hour: done at about "
            f"{cell(expected.done_at)} (`jobrunner settings set mass_email_max_per_hour_count N` allows more)"
        )
    if links is not None and links.startswith("http:"):
        place = "the setting mass_email_site_url" if by_setting else "the site_url of the configuration"
        note(f"Warning: links in the mails begin with {links} ({place}), which only this machine can open")


def pause(name: option.Name, reason: option.Reason = None, json: AsJson = False) -> None:
    """Hold a mass e-mail until it is resumed. What is being handed to the mail server at this moment is finished."""
    from jobrunner.services.massmail.mass_emails import states

    text = f"paused by {who()}" + (f": {reason}" if reason else "")
    _change("paused", name, lambda line, found: states.pause(line, found, text), json=json)


def resume(name: option.Name, json: AsJson = False) -> None:
    """Let a mass e-mail go on where it was paused. What it lacks is said, and then it stays paused."""
    from jobrunner.services.massmail.mass_emails import states

    site_url, sender = _configured()

    async def change(line: "Connection", found: "MassEmail") -> "MassEmail":
        if found.status == "Paused":
            await states.check_ready(line, found, site_url=site_url, system_sender=sender)
        return await states.resume(line, found)

    _change("resumed", name, change, json=json)


def abort(name: option.Name, reason: option.Reason = None, json: AsJson = False) -> None:
    """End a mass e-mail: what was not sent is not sent any more."""
    from jobrunner.services.massmail.mass_emails import states

    text = f"aborted by {who()}" + (f": {reason}" if reason else "")
    _change("aborted", name, lambda line, found: states.abort(line, found, text), json=json)


def settle(
    name: option.Name,
    retry: Annotated[bool, typer.Option("--retry", help="Send them once more.")] = False,
    sent: Annotated[bool, typer.Option("--sent", help="Count them as sent.")] = False,
    json: AsJson = False,
) -> None:
    """Settle the Uncertain items, of which it is not known whether the mail server took them."""
    from jobrunner.cli.output import print_json
    from jobrunner.errors import InvalidInput
    from jobrunner.services.massmail.mass_emails.items import settle_items
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    if retry and sent:
        raise InvalidInput("--retry and --sent contradict each other: give one of them")
    if not (retry or sent):
        raise InvalidInput("say what becomes of them: --retry sends them once more, --sent counts them as sent")

    async def write(line: "Connection") -> int:
        return await settle_items(line, await find_mass_email(line, name), retry=retry)

    number = with_database(write)
    if json:
        print_json({"items": number, "retry": retry})
    else:
        typer.echo(f"{number:,} uncertain: " + ("sent once more" if retry else "counted as sent"))


def _change(
    verb: str,
    name: str,
    change: Callable[["Connection", "MassEmail"], Coroutine[Any, Any, "MassEmail"]],
    *,
    json: bool,
) -> None:
    from jobrunner.services.massmail.mass_emails.holding import hold_of_account
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    async def write(line: "Connection") -> tuple["MassEmail", "Hold | None"]:
        changed = await change(line, await find_mass_email(line, name))
        goes_on = changed.status in ("Pending", "In Process")
        return changed, await hold_of_account(line, changed) if goes_on else None

    changed, hold = with_database(write)
    _report(verb, changed, hold, json=json)


def _report(verb: str, mass_email: "MassEmail", hold: "Hold | None", *, json: bool) -> None:
    """Print what became of it, and in one line what holds its account back."""
    from datetime import UTC, datetime

    from jobrunner.cli.output import cell, note, print_json

    if json:
        print_json(as_row(mass_email))
    else:
        coming = ""
        if mass_email.status == "Pending" and mass_email.start_at > datetime.now(UTC):
            coming = f", begins at {cell(mass_email.start_at)}"
        typer.echo(f"{verb} {mass_email.id} {cell(mass_email.name)}{coming}")
        if mass_email.is_held_back and mass_email.finished_at is None:
            note(f"Its campaign {mass_email.campaign!r} is Inactive: nothing is sent while it is.")
    if hold is not None:
        note(f"Warning: {cell(hold.reason)}")


def _configured() -> tuple[str | None, str | None]:
    """Return the base of links where it was set, and who sends by the account of the configuration, if there is one."""
    from jobrunner.cli.session import load_configuration

    configuration = load_configuration()
    smtp = configuration.smtp
    return configuration.given_site_url, smtp.from_address if smtp.host else None
