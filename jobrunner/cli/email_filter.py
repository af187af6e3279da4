"""`jobrunner email-filter`: what is not imported, and where mails are found."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.mail_records import all_done, as_row, done
from jobrunner.cli.mailbox_accounts import MailboxTools, with_accounts
from jobrunner.cli.mailbox_options import NewName
from jobrunner.cli.options import AsJson
from jobrunner.cli.plain_help import PlainHelp
from jobrunner.cli.shared_options import with_options

app = typer.Typer(help="Show and change filters: what is not imported, and where mails are found.")

Name = Annotated[str, typer.Argument(help="Id of the filter, or its name if no other has that.", metavar="FILTER")]
Names = Annotated[list[str], typer.Argument(help="Ids or names of filters.", metavar="FILTER...")]
Sender = Annotated[
    str | None,
    typer.Option("--from", help="Pattern for the sender's address; * stands for any run.", metavar="PATTERN"),
]
Recipient = Annotated[
    str | None, typer.Option("--to", help="Pattern for one of the addresses it is to.", metavar="PATTERN")
]
Subject = Annotated[str | None, typer.Option("--subject", help="Pattern for the subject.", metavar="PATTERN")]
BodyContains = Annotated[
    list[str] | None,
    typer.Option("--body-contains", help="Phrase of which one must be in the text; may be repeated.", metavar="TEXT"),
]
BodyContainsAll = Annotated[
    list[str] | None,
    typer.Option("--body-contains-all", help="Phrase that must be in the text; may be repeated.", metavar="TEXT"),
]
Action = Annotated[
    str | None,
    typer.Option(
        "--action", help="Skip (the default), Move to Folder, Move to Group Folder, or None.", metavar="ACTION"
    ),
]
Folder = Annotated[
    str | None, typer.Option("--folder", help="The user's folder to move to: the action is that then.", metavar="NAME")
]
GroupFolder = Annotated[
    str | None, typer.Option("--group-folder", help="Group folder to move to: the action is that then.", metavar="NAME")
]
MarkAsRead = Annotated[
    bool | None, typer.Option("--mark-as-read/--leave-unread", help="Whether the user finds it as read.")
]
SkipNotification = Annotated[
    bool | None, typer.Option("--skip-notification/--notify", help="Whether the user is told of it.")
]


class FilterOptions:
    """What may be said of a filter, when it is added and when it is changed."""

    sender: Sender = None
    recipient: Recipient = None
    subject: Subject = None
    body_contains: BodyContains = None
    body_contains_all: BodyContainsAll = None
    action: Action = None
    folder: Folder = None
    group_folder: GroupFolder = None
    mark_as_read: MarkAsRead = None
    skip_notification: SkipNotification = None


COLUMNS = {
    "id": Column(),
    "name": Column(),
    "owner": Column("Of"),
    "action": Column(),
    "folder": Column(rank=5),
    "sender": Column("From", rank=1),
    "recipient": Column("To", rank=2),
    "subject": Column(rank=3, least=12),
    "body_contains": Column(rank=4, least=12),
    "body_contains_all": Column(rank=6, least=12),
}
CLEARABLE: dict[str, tuple[str, Any]] = {
    "from": ("sender", None),
    "to": ("recipient", None),
    "subject": ("subject", None),
    "body-contains": ("body_contains", ()),
    "body-contains-all": ("body_contains_all", ()),
}
"""What can be emptied, and what is there then."""


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all filters."""
    from jobrunner.cli.output import table
    from jobrunner.services.mailbox.filters.rows import list_filters

    table([as_row(one) for one in with_accounts(lambda tools: list_filters(tools.connection))], COLUMNS, json=json)


@app.command(cls=PlainHelp)
@with_options(FilterOptions)
def add(
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
    everybody: Annotated[bool, typer.Option("--global", help="It is for all accounts.")] = False,
    user: Annotated[
        str | None, typer.Option("--user", help="It is for the mail of this user, by id or name.", metavar="USER")
    ] = None,
    email_account: Annotated[
        str | None, typer.Option("--email-account", help="It is of this personal account.", metavar="ACCOUNT")
    ] = None,
    inbound_email: Annotated[
        str | None, typer.Option("--inbound-email", help="It is of this group account.", metavar="ACCOUNT")
    ] = None,
    json: AsJson = False,
    **options: Any,
) -> None:
    """Add a filter. All conditions that are given must hold; it is for everybody, one user or one account."""
    from jobrunner.services.mailbox.accounts.table import find_account
    from jobrunner.services.mailbox.filters.rows import FilterEntry, FilterRecord, add_filter
    from jobrunner.services.mailbox.names import find_user

    given = _given(options)

    async def write(tools: MailboxTools) -> FilterRecord:
        values = {**given, "is_global": everybody}
        if user is not None:
            values["user_id"] = await find_user(tools.connection, user)
        if email_account is not None:
            values["email_account_id"] = (await find_account(tools.connection, "Personal", email_account)).id
        if inbound_email is not None:
            values["inbound_email_id"] = (await find_account(tools.connection, "Group", inbound_email)).id
        values |= await _folders(tools, values.get("user_id"), options)
        return await add_filter(tools.connection, FilterEntry(name=name, **values))

    done("added", with_accounts(write), json=json)


@app.command(cls=PlainHelp)
@with_options(FilterOptions)
def edit(
    name: Name,
    new_name: NewName = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(help="Take a condition away, such as subject; may be repeated.", metavar="WHAT"),
    ] = None,
    json: AsJson = False,
    **options: Any,
) -> None:
    """Change a filter. What is not given stays; phrases that are given take the place of those it has."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.filters.rows import FilterRecord, edit_filter, find_filter

    given = _given({"name": new_name, **options})
    changes = {**_cleared(clear or []), **given}
    if not changes and options["folder"] is None and options["group_folder"] is None:
        raise InvalidInput("give what is to change (`jobrunner email-filter edit --help` shows how)")

    async def write(tools: MailboxTools) -> FilterRecord:
        found = await find_filter(tools.connection, name)
        moved = await _folders(tools, found.user_id, options)
        if not moved and "action" in changes and changes["action"] != found.action:
            moved = {"email_folder_id": None, "group_email_folder_id": None}
        return await edit_filter(tools.connection, str(found.id), {**changes, **moved})

    done("changed", with_accounts(write), json=json)


@app.command()
def remove(names: Names, json: AsJson = False) -> None:
    """Remove filters; a misspelt name removes nothing."""
    from jobrunner.services.mailbox.filters.rows import FilterRecord, find_filter, remove_filter

    async def write(tools: MailboxTools) -> list[FilterRecord]:
        found = [await find_filter(tools.connection, name) for name in names]
        return [await remove_filter(tools.connection, str(one.id)) for one in found]

    all_done("removed", with_accounts(write), json=json)


async def _folders(tools: MailboxTools, user_id: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is set by naming the folder to move to."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.names import find_folder, find_group_folder

    folder, group_folder = options["folder"], options["group_folder"]
    if folder is not None and group_folder is not None:
        raise InvalidInput("a mail is moved to one folder: give --folder or --group-folder")
    if folder is not None:
        if user_id is None:
            raise InvalidInput("only a user's filter moves to a user's folder")
        id = await find_folder(tools.connection, user_id, folder)
        return {"action": "Move to Folder", "email_folder_id": id, "group_email_folder_id": None}
    if group_folder is not None:
        id = await find_group_folder(tools.connection, group_folder)
        return {"action": "Move to Group Folder", "email_folder_id": None, "group_email_folder_id": id}
    return {}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as columns; the folders are looked up later."""
    from jobrunner.services.mailbox.filters.rows import ACTIONS

    values = {
        name: value
        for name, value in options.items()
        if name not in ("folder", "group_folder") and value is not None and value != []
    }
    for name in ("body_contains", "body_contains_all"):
        if name in values:
            values[name] = tuple(values[name])
    if (word := values.get("action")) is not None:
        plain = word.replace("-", " ").strip().lower()
        values["action"] = next((one for one in ACTIONS if one.lower() == plain), word)
    return values


def _cleared(names: list[str]) -> dict[str, Any]:
    from jobrunner.errors import InvalidInput, nearest

    columns: dict[str, Any] = {}
    for name in names:
        what = name.strip().lower().removeprefix("--")
        if what not in CLEARABLE:
            raise InvalidInput(f"{name[:100]!r} cannot be emptied{nearest(name, CLEARABLE)}")
        column, empty = CLEARABLE[what]
        columns[column] = empty
    return columns
