"""`jobrunner article`: the articles of the knowledge base."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import as_row, done, given, read_text, who, with_database
from jobrunner.cli.options import AsJson
from jobrunner.cli.typed import cleared

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.records.articles import Article, ArticleChange, ArticleStatus

app = typer.Typer(help="Show and change articles of the knowledge base, which are published and archived on their day.")

Id = Annotated[str, typer.Argument(help="Id of the article.", metavar="ARTICLE")]
Why = Annotated[str, typer.Option("--reason", help="Why, for its history.", metavar="TEXT")]
Day = Annotated[
    str | None, typer.Option(help="The day it is to be published, where the installation is.", metavar="DATE")
]
LastDay = Annotated[str | None, typer.Option(help="The day it expires.", metavar="DATE")]
Approved = Annotated[bool | None, typer.Option("--approved/--not-approved", help="Whether it may be published.")]
Language = Annotated[str | None, typer.Option(help="A tag such as en or de_AT.", metavar="TAG")]
Type = Annotated[str | None, typer.Option(help="Article, or another type of yours.", metavar="TYPE")]
Position = Annotated[
    int | None, typer.Option(min=-(2**31), max=2**31 - 1, help="Where it stands among others.", metavar="NUMBER")
]
Category = Annotated[list[str] | None, typer.Option(help="May be repeated.", metavar="NAME")]
Portal = Annotated[list[str] | None, typer.Option(help="Where it is shown; may be repeated.", metavar="NAME")]
Description = Annotated[str | None, typer.Option(help="A summary.", metavar="TEXT")]
Body = Annotated[str | None, typer.Option(help="File with its text, HTML; - for standard input.", metavar="FILE")]
Assigned = Annotated[
    str | None, typer.Option("--user", help="The user whose it is: id, address or name.", metavar="USER")
]

CLEARABLE = {
    "publish_date": ("publish_date",),
    "expiration_date": ("expiration_date",),
    "language": ("language",),
    "category": ("categories",),
    "portal": ("portals",),
    "description": ("description",),
    "user": ("assigned_user_id",),
}
Clear = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What is to be empty: {', '.join(CLEARABLE).replace('_', '-')}; may be repeated.", metavar="WHAT"
    ),
]

COLUMNS = {
    "id": Column(),
    "name": Column(least=20),
    "status": Column(),
    "approved": Column(rank=2),
    "publish_date": Column("Publish", rank=1),
    "expiration_date": Column("Expires", rank=1),
    "language": Column(rank=3),
    "categories": Column(rank=4, least=12),
}
HISTORY = {
    "changed_at": Column("At"),
    "old_status": Column("From"),
    "new_status": Column("To"),
    "changed_by": Column("By", rank=1),
    "reason": Column(rank=2, least=12),
}


@app.command("list")
def list_all(
    status: Annotated[
        str | None, typer.Option(help="Draft, In Review, Published or Archived.", metavar="STATUS")
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were removed.")] = False,
    json: AsJson = False,
) -> None:
    """List articles, in the order in which they are shown."""
    from jobrunner.cli.output import table
    from jobrunner.services.records.articles import list_articles

    wanted = None if status is None else _status(status)
    found = with_database(lambda line: list_articles(line, status=wanted, deleted=deleted))
    table([as_row(article) for article in found], COLUMNS, json=json)


@app.command()
def show(article: Id, json: AsJson = False) -> None:
    """Show an article with its text and how its status has changed."""
    from jobrunner.cli.output import print_json, table
    from jobrunner.services.records.articles import get_article, list_article_history

    async def read(line: "Connection") -> "tuple[Article, list[ArticleChange]]":
        return await get_article(line, article), await list_article_history(line, article)

    found, history = with_database(read)
    if json:
        print_json(dict(as_row(found)) | {"history": [as_row(change) for change in history]})
        return
    table([as_row(found)], COLUMNS)
    typer.echo("")
    table([as_row(change) for change in history], HISTORY)
    if found.body:
        typer.echo("")
        typer.echo(found.body)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name.", metavar="NAME")],
    status: Annotated[str, typer.Option(help="Draft, In Review, Published or Archived.", metavar="STATUS")] = "Draft",
    publish_date: Day = None,
    expiration_date: LastDay = None,
    approved: Approved = None,
    language: Language = None,
    type: Type = None,
    position: Position = None,
    category: Category = None,
    portal: Portal = None,
    description: Description = None,
    body: Body = None,
    user: Assigned = None,
    json: AsJson = False,
) -> None:
    """Add an article. One In Review that is approved is published on its day."""
    from jobrunner.services.records.articles import ArticleEntry, add_article

    values = _values(
        publish_date, expiration_date, approved, language, type, position, category, portal, description, body, user
    )

    async def write(line: "Connection") -> "Article":
        entry = ArticleEntry(name=name, status=_status(status), **await _with_user(line, values))
        return await add_article(line, entry, who())

    done("added", with_database(write), json=json)


@app.command()
def edit(
    article: Id,
    name: Annotated[str | None, typer.Option(help="A new name.", metavar="NAME")] = None,
    publish_date: Day = None,
    expiration_date: LastDay = None,
    approved: Approved = None,
    language: Language = None,
    type: Type = None,
    position: Position = None,
    category: Category = None,
    portal: Portal = None,
    description: Description = None,
    body: Body = None,
    user: Assigned = None,
    clear: Clear = None,
    json: AsJson = False,
) -> None:
    """Change an article; what is not given stays."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.records.articles import edit_article, get_article

    values = given(name=name) | _values(
        publish_date, expiration_date, approved, language, type, position, category, portal, description, body, user
    )
    emptied: dict[str, Any] = dict(cleared(clear or (), CLEARABLE))
    emptied |= {field: [] for field in ("categories", "portals") if field in emptied}
    values = emptied | values
    if not values:
        raise InvalidInput("nothing to change: give an option (`--help` shows all)")

    async def write(line: "Connection") -> "Article":
        found = await get_article(line, article)
        return await edit_article(line, found, who(), **await _with_user(line, values))

    done("changed", with_database(write), json=json)


@app.command()
def publish(article: Id, reason: Why = "", json: AsJson = False) -> None:
    """Publish an article now, whatever its day is."""
    _change(article, "Published", "published", reason, json=json)


@app.command()
def archive(article: Id, reason: Why = "", json: AsJson = False) -> None:
    """Archive an article now: it is not shown any more, and stays as it is."""
    _change(article, "Archived", "archived", reason, json=json)


@app.command()
def review(article: Id, reason: Why = "", json: AsJson = False) -> None:
    """Put an article In Review: it is published on its day if it is approved (`edit --approved`)."""
    _change(article, "In Review", "in review", reason, json=json)


@app.command()
def draft(article: Id, reason: Why = "", json: AsJson = False) -> None:
    """Make an article a draft again: it is never published by itself."""
    _change(article, "Draft", "made a draft", reason, json=json)


@app.command()
def remove(article: Id, json: AsJson = False) -> None:
    """Remove an article; until Cleanup removes it for good, `restore` brings it back."""
    from jobrunner.services.records.articles import remove_article

    done("removed", with_database(lambda line: remove_article(line, article, who())), json=json)


@app.command()
def restore(article: Id, json: AsJson = False) -> None:
    """Bring an article back that was removed."""
    from jobrunner.services.records.articles import restore_article

    done("restored", with_database(lambda line: restore_article(line, article, who())), json=json)


def _change(id: str, status: "ArticleStatus", verb: str, reason: str, *, json: bool) -> None:
    from jobrunner.cli.output import note
    from jobrunner.services.records.articles import change_article

    article, changed = with_database(lambda line: change_article(line, id, status, who(), reason))
    if not changed:
        note(f"it was {status} already")
    done(verb, article, json=json)


def _status(given: str) -> "ArticleStatus":
    from jobrunner.errors import InvalidInput
    from jobrunner.services.records.articles import STATUSES

    for status in STATUSES:
        if given.strip().lower().replace("-", " ") == status.lower():
            return status
    raise InvalidInput(f"there is no status {given[:100]!r}: Draft, In Review, Published or Archived")


def _values(
    publish_date: str | None,
    expiration_date: str | None,
    approved: bool | None,
    language: str | None,
    type: str | None,
    position: int | None,
    category: list[str] | None,
    portal: list[str] | None,
    description: str | None,
    body: str | None,
    user: str | None,
) -> dict[str, Any]:
    """Return the fields that were given, by their names."""
    found = given(
        CLEARABLE, language=language, user=user, type=type, category=category, portal=portal, description=description
    )
    columns = {"user": "assigned_user_id", "category": "categories", "portal": "portals"}
    found = {columns.get(name, name): value for name, value in found.items()}
    for name, text in (("publish_date", publish_date), ("expiration_date", expiration_date)):
        if text is not None:
            found[name] = _day(name, text)
    found |= {name: value for name, value in (("approved", approved), ("position", position)) if value is not None}
    return found if body is None else found | {"body": read_text("--body", body)}


async def _with_user(line: "Connection", values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with the id of the user who was named."""
    from jobrunner.services.notifications.preferences import find_user

    user = values.get("assigned_user_id")
    return values if user is None else values | {"assigned_user_id": await find_user(line, user)}


def _day(name: str, text: str) -> Any:
    from datetime import date

    from jobrunner.errors import InvalidInput

    try:
        return date.fromisoformat(text)
    except ValueError:
        option = name.replace("_", "-")
        raise InvalidInput(
            f"--{option} must be a date such as 2026-12-01, got {text[:60]!r} (`edit --clear {option}` takes it away)"
        ) from None
