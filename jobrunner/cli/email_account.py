"""`jobrunner email-account`: the accounts of users whose mail is fetched."""

from typing import Annotated, Any

import typer

from jobrunner.cli import mailbox_accounts as accounts
from jobrunner.cli import mailbox_options as options
from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson

app = typer.Typer(help="Show, change and test the accounts of users whose mail is fetched.")

User = Annotated[str, typer.Option("--user", help="Id or name of the owner, who gets its mail.", metavar="USER")]
OtherUser = Annotated[str | None, typer.Option("--user", help="Another owner.", metavar="USER")]
Into = Annotated[
    str | None, typer.Option("--into", help="The owner's folder in which its mail is found.", metavar="NAME")
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="For one folder at the server another one of the owner's, such as Invoices=Bills; may be repeated.",
        metavar="FOLDER=NAME",
    ),
]

COLUMNS = {**accounts.COLUMNS, "assigned_user_id": Column("Owner", rank=0)}
CLEARABLE: dict[str, tuple[str, ...]] = {
    "into": ("email_folder_id",),
    "map": ("folder_map",),
}
"""What can be emptied, beside what both kinds have, and the columns that are then."""


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all accounts and what holds them back; of secrets only that they are there."""
    accounts.list_accounts("Personal", COLUMNS, json=json)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
    assigned_user_id: User,
    email_address: options.Address = None,
    host: options.Host = None,
    port: options.Port = None,
    security: options.Security = None,
    username: options.Username = None,
    login: options.Login = None,
    password_env: options.PasswordEnv = None,
    password_file: options.PasswordFile = None,
    ask_password: options.AskPassword = False,
    oauth_token_url: options.TokenUrl = None,
    oauth_client_id: options.ClientId = None,
    oauth_scope: options.Scope = None,
    client_secret_file: options.ClientSecretFile = None,
    client_secret_env: options.ClientSecretEnv = None,
    refresh_token_file: options.RefreshTokenFile = None,
    refresh_token_env: options.RefreshTokenEnv = None,
    monitored_folders: options.Folders = None,
    fetch_since: options.Since = None,
    keep_fetched_emails_unread: options.KeepUnread = None,
    idle: options.Idle = None,
    sent_folder: options.SentFolder = None,
    smtp_account_id: options.SmtpAccount = None,
    use_imap: options.Imap = None,
    email_folder_id: Into = None,
    folder_map: Map = None,
    json: AsJson = False,
) -> None:
    """Add an account. Its password is asked for, unless a file or variable holds it."""
    from jobrunner.services.mailbox.accounts.entry import PersonalEntry

    accounts.add(PersonalEntry, context.params, _resolve)


@app.command()
def edit(
    context: typer.Context,
    name_argument: options.Name,
    new_name: options.NewName = None,
    status: options.Status = None,
    clear: options.Clear = None,
    assigned_user_id: OtherUser = None,
    email_address: options.Address = None,
    host: options.Host = None,
    port: options.Port = None,
    security: options.Security = None,
    username: options.Username = None,
    login: options.Login = None,
    password_env: options.PasswordEnv = None,
    password_file: options.PasswordFile = None,
    ask_password: options.AskPassword = False,
    oauth_token_url: options.TokenUrl = None,
    oauth_client_id: options.ClientId = None,
    oauth_scope: options.Scope = None,
    client_secret_file: options.ClientSecretFile = None,
    client_secret_env: options.ClientSecretEnv = None,
    refresh_token_file: options.RefreshTokenFile = None,
    refresh_token_env: options.RefreshTokenEnv = None,
    monitored_folders: options.Folders = None,
    fetch_since: options.Since = None,
    keep_fetched_emails_unread: options.KeepUnread = None,
    idle: options.Idle = None,
    sent_folder: options.SentFolder = None,
    smtp_account_id: options.SmtpAccount = None,
    use_imap: options.Imap = None,
    email_folder_id: Into = None,
    folder_map: Map = None,
    json: AsJson = False,
) -> None:
    """Change an account. What is not given stays; a change of how it connects ends what held it back.

    With another host or username it is another mailbox, and is read anew.
    """
    accounts.edit("Personal", name_argument, context.params, _resolve, CLEARABLE)


@app.command()
def pause(name: options.Name, reason: options.Reason = "paused by hand") -> None:
    """Pause an account: it is not read until it is resumed."""
    accounts.pause("Personal", name, reason)


@app.command()
def resume(name: options.Name) -> None:
    """End what holds an account back: a pause, the wait after a failure."""
    accounts.resume("Personal", name)


@app.command()
def reset(name: options.Name, since: options.ResetSince) -> None:
    """Begin an account anew from a day: its folders are read as if for the first time. Known mail is not doubled."""
    accounts.reset("Personal", name, since)


@app.command()
def remove(names: options.Names) -> None:
    """Remove accounts with their passwords and filters, and what is known of their reading. Their mails stay."""
    accounts.remove("Personal", names)


@app.command("test")
def try_account(name: options.Name, json: AsJson = False) -> None:
    """Connect, list the folders and count their messages, or say what is wrong and what to do. Nothing is fetched.

    Where it works, what held the account back is over, unless a person paused it.
    """
    accounts.test("Personal", name, json=json)


async def _resolve(here: accounts.Here, values: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Put ids in the place of names."""
    from jobrunner.errors import InvalidInput
    from jobrunner.services.mailbox.names import find_folder, find_user

    values = dict(values)
    if "assigned_user_id" in values:
        owner = values["assigned_user_id"] = await find_user(here.connection, values["assigned_user_id"])
    assert owner is not None
    if "email_folder_id" in values:
        values["email_folder_id"] = await find_folder(here.connection, owner, values["email_folder_id"])
    if "folder_map" in values:
        folders: dict[str, int] = {}
        for text in values["folder_map"]:
            folder, is_pair, name = text.rpartition("=")
            if not is_pair or not folder:
                raise InvalidInput(f"--map {text[:100]!r} must be FOLDER=NAME")
            folders[folder] = await find_folder(here.connection, owner, name)
        values["folder_map"] = folders
    await accounts.resolve_smtp_account(here, values)
    return values
