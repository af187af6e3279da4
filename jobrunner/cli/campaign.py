"""`jobrunner campaign`: what several mass e-mails are for, and what came of them."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli import campaign_urls as urls
from jobrunner.cli.campaign_urls import URL_COLUMNS, Name
from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import all_done, as_row, changes, done, in_transaction, who, with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.campaigns.figures import Figures
    from jobrunner.services.massmail.campaigns.rows import Campaign
    from jobrunner.services.massmail.campaigns.tracking_urls import TrackingUrl

app = typer.Typer(help="Show and change campaigns, their tracking URLs, and the figures of what came of them.")

Names = Annotated[list[str], typer.Argument(help="Names or ids of campaigns.", metavar="CAMPAIGN...")]
Type = Annotated[
    str | None,
    typer.Option(
        help="email, newsletter, informational-email (goes to who opted out, too), web, television, radio or mail.",
        metavar="TYPE",
    ),
]
Status = Annotated[
    str | None,
    typer.Option(help="planning, active, inactive (holds its mass e-mails back) or complete.", metavar="STATUS"),
]
Start = Annotated[str | None, typer.Option(help="First day, 2026-05-04.", metavar="DATE")]
End = Annotated[str | None, typer.Option(help="Last day.", metavar="DATE")]
Budget = Annotated[str | None, typer.Option(help="Budget, an amount.", metavar="N")]
Team = Annotated[list[str] | None, typer.Option(help="A team that works on it; may be repeated.", metavar="NAME")]
Description = Annotated[str | None, typer.Option(help="What it is for.", metavar="TEXT")]
Lists = Annotated[
    list[str] | None,
    typer.Option("--list", help="Target list of its mass e-mails; may be repeated.", metavar="LIST"),
]
Excluding = Annotated[
    list[str] | None,
    typer.Option("--excluding", help="List of those that get none; may be repeated.", metavar="LIST"),
]

COLUMNS = {
    "id": Column(),
    "name": Column(),
    "status": Column(),
    "type": Column(),
    "start_date": Column(rank=2),
    "end_date": Column(rank=3),
    "mass_emails": Column(rank=1, least=12),
}
COLUMNS_OF_OPTIONS = {
    "start": "start_date",
    "end": "end_date",
    "team": "teams",
    "list": "target_lists",
    "excluding": "excluding_lists",
}
"""What options set that are called otherwise."""
CLEARABLE = {
    "start": ("start_date",),
    "end": ("end_date",),
    "budget": ("budget",),
    "team": ("teams",),
    "description": ("description",),
    "list": ("target_lists",),
    "excluding": ("excluding_lists",),
}
"""What can be emptied, and what is then."""


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all campaigns."""
    from jobrunner.cli.output import table
    from jobrunner.services.massmail.campaigns.rows import list_campaigns

    table([as_row(one) for one in with_database(list_campaigns)], COLUMNS, json=json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    type: Type = None,
    status: Status = None,
    start: Start = None,
    end: End = None,
    budget: Budget = None,
    team: Team = None,
    description: Description = None,
    target_lists: Lists = None,
    excluding: Excluding = None,
    json: AsJson = False,
) -> None:
    """Add a campaign: an Email in Planning, if nothing else is said."""
    from jobrunner.services.massmail.campaigns.rows import add_campaign

    async def write(line: "Connection") -> "Campaign":
        return await add_campaign(
            line,
            name,
            by=who(),
            type=type or "Email",
            status=status or "Planning",
            start_date=_day("--start", start),
            end_date=_day("--end", end),
            budget=_amount(budget),
            teams=team or (),
            description=description,
            target_lists=target_lists or (),
            excluding_lists=excluding or (),
        )

    done("added", with_database(write), json=json)


@app.command()
def edit(
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="Empty what may be empty, such as end or list; may be repeated.", metavar="WHAT"),
    ] = None,
    type: Type = None,
    status: Status = None,
    start: Start = None,
    end: End = None,
    budget: Budget = None,
    team: Team = None,
    description: Description = None,
    target_lists: Lists = None,
    excluding: Excluding = None,
    json: AsJson = False,
) -> None:
    """Change a campaign. What is not given stays; lists and teams that are given take the place of those it has."""
    from jobrunner.services.massmail.campaigns.rows import CampaignChanges, edit_campaign

    columns = changes(
        clear,
        CLEARABLE,
        COLUMNS_OF_OPTIONS,
        name=new_name,
        type=type,
        status=status,
        start=_day("--start", start),
        end=_day("--end", end),
        budget=_amount(budget),
        team=team,
        description=description,
        list=target_lists,
        excluding=excluding,
    )

    async def write(line: Any) -> "Campaign":
        return await edit_campaign(line, name, **CampaignChanges(**columns))  # type: ignore[typeddict-item]

    done("changed", in_transaction(write), json=json)


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show one campaign with its figures and its tracking URLs; what only machines opened or followed stands apart."""
    from jobrunner.cli.campaign_figures import shown_figures
    from jobrunner.cli.output import print_json, record, table
    from jobrunner.services.massmail.campaigns.figures import figures_of_campaign
    from jobrunner.services.massmail.campaigns.rows import find_campaign
    from jobrunner.services.massmail.campaigns.tracking_urls import list_tracking_urls

    async def read(line: "Connection") -> tuple["Campaign", "Figures", list["TrackingUrl"]]:
        found = await find_campaign(line, name)
        return found, await figures_of_campaign(line, found.id), await list_tracking_urls(line, found)

    found, figures, tracking_urls = with_database(read)
    url_rows = [{**as_row(url), "placeholder": url.placeholder} for url in tracking_urls]
    if json:
        print_json({**as_row(found), "figures": as_row(figures), "tracking_urls": url_rows})
        return
    record(as_row(found))
    typer.echo("\nFigures")
    record(shown_figures(figures))
    if tracking_urls:
        typer.echo("\nTracking URLs")
        table(url_rows, URL_COLUMNS)


@app.command()
def remove(names: Names, json: AsJson = False) -> None:
    """Remove campaigns with their tracking URLs and their log: all of them or none. Their mass e-mails stay.

    The tracked links in mails that were sent lead nowhere from then on; links to unsubscribe go on to work.
    """
    from jobrunner.cli.output import note
    from jobrunner.queue.wording import count
    from jobrunner.services.massmail.campaigns.rows import find_campaign, remove_campaign
    from jobrunner.services.massmail.campaigns.tracking_urls import list_tracking_urls

    async def write(line: Any) -> tuple[list["Campaign"], int]:
        found = [await find_campaign(line, name) for name in names]  # a misspelt one removes nothing
        links = sum([len(await list_tracking_urls(line, one)) for one in found])
        return [await remove_campaign(line, name) for name in names], links

    removed, links = in_transaction(write)
    all_done("removed", removed, json=json)
    if links:
        note(f"Warning: links by {count(links, 'tracking URL')} in mails that were sent lead nowhere from now on")


app.command("add-url")(urls.add_url)
app.command("edit-url")(urls.edit_url)
app.command("remove-url")(urls.remove_url)


def _day(option: str, text: str | None) -> date | None:
    from jobrunner.errors import InvalidInput

    if text is None:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{option} {text[:40]!r} is no date; write it as 2026-05-04") from None


def _amount(text: str | None) -> Decimal | None:
    from jobrunner.errors import InvalidInput

    if text is None:
        return None
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < Decimal(10) ** 13:
        raise InvalidInput(f"--budget must be an amount from 0 on, got {text[:40]!r}")
    return amount
