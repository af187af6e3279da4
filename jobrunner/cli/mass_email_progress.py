"""`jobrunner mass-email status` and `items`: how far it is, and what became of each mail."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import mass_email_options as option
from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.campaigns.figures import Figures
    from jobrunner.services.massmail.mass_emails.holding import Hold
    from jobrunner.services.massmail.mass_emails.items import Item, ItemCounts, Reason
    from jobrunner.services.massmail.mass_emails.rows import MassEmail

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


def status(
    name: option.Name,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show a bar until it is finished, paused or held back.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show how far a mass e-mail is: why nothing goes out, its items by state, who was left out, what came of it."""
    from jobrunner.cli.mass_email_follow import follow as follow_to_its_end
    from jobrunner.cli.output import print_json
    from jobrunner.services.massmail.campaigns.figures import figures_of_mass_email
    from jobrunner.services.massmail.mass_emails.holding import holds_of
    from jobrunner.services.massmail.mass_emails.items import count_items, count_reasons
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email

    async def read(line: "Connection") -> _Seen:
        found = await (follow_to_its_end(line, name) if follow else find_mass_email(line, name))
        counts = await count_items(line, found.id)
        return _Seen(
            found,
            counts,
            await holds_of(line, found, counts),
            await count_reasons(line, found.id),
            await figures_of_mass_email(line, found.id),
        )

    seen = with_database(read)
    if json:
        print_json(
            {
                **as_row(seen.mass_email),
                "held_by": [as_row(hold) for hold in seen.holds],
                "items": seen.items,
                "reasons": [as_row(reason) for reason in seen.reasons],
                "figures": as_row(seen.figures),
            }
        )
    else:
        _print(seen)


@dataclass(frozen=True)
class _Seen:
    mass_email: "MassEmail"
    counts: "ItemCounts"
    holds: list["Hold"]
    reasons: list["Reason"]
    figures: "Figures"

    @property
    def items(self) -> dict[str, Any]:
        return {"total": self.counts.total, **as_row(self.counts)}


def _print(seen: _Seen) -> None:
    from jobrunner.cli.campaign_figures import shown_figures
    from jobrunner.cli.output import record, sentence, table

    found, counts = seen.mass_email, seen.counts
    shown: dict[str, Any] = {"name": found.name, "status": found.status}
    if found.reason and found.status != "Paused":  # of that its hold says it, and what helps
        shown["reason"] = found.reason
    record({**shown, "start_at": found.start_at, "finished_at": found.finished_at})
    for hold in seen.holds:
        typer.echo()
        sentence(_in_words(hold))
    typer.echo("\nItems")
    record(seen.items)
    if counts.uncertain:
        command = f"jobrunner mass-email settle {shlex.quote(found.name)}"
        typer.echo()
        sentence(
            f"{counts.uncertain:,} uncertain: it is not known whether the mail server took them. `{command} --retry` "
            "sends them once more, `--sent` counts them as sent"
        )
    if found.left_out:
        typer.echo("\nLeft out")
        record({reason.replace(" ", "_"): count for reason, count in sorted(found.left_out.items())})
    if seen.reasons:
        typer.echo("\nReasons")
        rows = [as_row(reason) for reason in seen.reasons]
        table(rows, {"status": Column(), "items": Column(), "reason": Column(least=20)})
    typer.echo("\nFigures")
    figures = shown_figures(seen.figures)
    record(figures if found.campaign else {**figures, "sent": f"{counts.sent:,}"})


def _in_words(hold: "Hold") -> str:
    from jobrunner.cli.output import cell

    moment = cell(hold.until)
    until = f" until {moment}" if moment and moment not in hold.reason else ""
    return f"Nothing goes out{until}: {cell(hold.reason)}"


def items(
    name: option.Name,
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
