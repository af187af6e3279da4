"""`jobrunner campaign add-url`, `edit-url`, `remove-url`: the tracking URLs of a campaign."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, changes, done, read_text, with_database
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.campaigns.tracking_urls import TrackingUrl

Name = Annotated[str, typer.Argument(help="Name or id of the campaign.", metavar="CAMPAIGN")]
Url = Annotated[str | None, typer.Option(help="Where readers are sent to, http or https.", metavar="URL")]
Message = Annotated[
    str | None, typer.Option(help="File with the text that is shown instead; - for standard input.", metavar="FILE")
]

URL_COLUMNS = {
    "id": Column(),
    "name": Column(),
    "action": Column(rank=2),
    "placeholder": Column(),
    "url": Column(rank=1, least=20),
    "clicked": Column(),
    "clicked_by_machines": Column("By machines"),
}


def add_url(
    name: Name,
    url_name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    url: Url = None,
    message: Message = None,
    json: AsJson = False,
) -> None:
    """Add a tracking URL and print what stands for it in a template."""
    from jobrunner.services.massmail.campaigns.rows import find_campaign
    from jobrunner.services.massmail.campaigns.tracking_urls import add_tracking_url

    text = None if message is None else read_text("--message", message)

    async def write(line: "Connection") -> "TrackingUrl":
        return await add_tracking_url(line, await find_campaign(line, name), url_name, url=url, message=text)

    _show_url(with_database(write), json=json)


def edit_url(
    name: Name,
    url_name: Annotated[str, typer.Argument(help="Name or id of the tracking URL.", metavar="NAME")],
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")] = None,
    url: Url = None,
    message: Message = None,
    json: AsJson = False,
) -> None:
    """Change a tracking URL; the links of mails that were sent follow."""
    from jobrunner.services.massmail.campaigns.rows import find_campaign
    from jobrunner.services.massmail.campaigns.tracking_urls import TrackingUrlChanges, edit_tracking_url

    text = None if message is None else read_text("--message", message)
    columns = changes(None, {}, {}, name=new_name, url=url, message=text)

    async def write(line: "Connection") -> "TrackingUrl":
        campaign = await find_campaign(line, name)
        return await edit_tracking_url(line, campaign, url_name, **TrackingUrlChanges(**columns))  # type: ignore[typeddict-item]

    _show_url(with_database(write), json=json)


def remove_url(
    name: Name, url_name: Annotated[str, typer.Argument(help="Name or id of the tracking URL.", metavar="NAME")]
) -> None:
    """Remove a tracking URL; its links in mails that were sent lead nowhere from then on."""
    from jobrunner.services.massmail.campaigns.rows import find_campaign
    from jobrunner.services.massmail.campaigns.tracking_urls import remove_tracking_url

    async def write(line: "Connection") -> "TrackingUrl":
        return await remove_tracking_url(line, await find_campaign(line, name), url_name)

    done("removed", with_database(write), json=False)


def _show_url(url: "TrackingUrl", *, json: bool) -> None:
    from jobrunner.cli.output import print_json

    if json:
        print_json({**as_row(url), "placeholder": url.placeholder})
    else:
        typer.echo(url.placeholder)
