"""`jobrunner inbound-email`: the accounts of groups whose mail is fetched."""

from typing import Annotated, Any

import typer

from jobrunner.cli import mailbox_accounts as accounts
from jobrunner.cli import mailbox_options as options
from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson

app = typer.Typer(help="Show, change and test the accounts of groups, whose mail goes to teams.")

Teams = Annotated[
    list[str] | None,
    typer.Option("--team", help="Team that gets its mail, by name or id; may be repeated.", metavar="TEAM"),
]
AllTeamUsers = Annotated[
    bool | None,
    typer.Option("--all-team-users/--not-all-team-users", help="Whether each active user of its teams gets its mail."),
]
GroupFolder = Annotated[
    str | None, typer.Option("--group-folder", help="Group folder in which its mail is found.", metavar="NAME")
]
AssignTo = Annotated[
    str | None,
    typer.Option("--assign-to", help="User who is assigned its mail, and cases by Direct-Assignment.", metavar="USER"),
]
CreateCase = Annotated[bool | None, typer.Option("--create-case/--no-create-case", help="Whether mail opens cases.")]
CaseTeam = Annotated[str | None, typer.Option("--case-team", help="Team of its cases.", metavar="TEAM")]
Distribution = Annotated[
    str | None,
    typer.Option("--distribution", help="Direct-Assignment, Round-Robin or Least-Busy.", metavar="WORD"),
]
Position = Annotated[
    str | None, typer.Option("--position", help="Only members with this position get cases.", metavar="TEXT")
]
Reopen = Annotated[
    bool | None,
    typer.Option("--reopen-on-reply/--no-reopen-on-reply", help="Whether an answer opens a closed case again."),
]
NotifyAssignee = Annotated[
    bool | None,
    typer.Option("--notify-assignee/--no-notify-assignee", help="Whether who is assigned a case is told."),
]
Reply = Annotated[bool | None, typer.Option("--reply/--no-reply", help="Whether mail is answered automatically.")]
ReplyTemplate = Annotated[
    str | None, typer.Option("--reply-template", help="E-mail template of the answer.", metavar="NAME")
]
ReplyFromAddress = Annotated[
    str | None, typer.Option("--reply-from-address", help="Sender's address of the answer.", metavar="ADDRESS")
]
ReplyFromName = Annotated[
    str | None, typer.Option("--reply-from-name", help="Sender's name of the answer.", metavar="NAME")
]
ReplyTo = Annotated[str | None, typer.Option("--reply-to", help="Where answers to it go.", metavar="ADDRESS")]
FromName = Annotated[str | None, typer.Option("--from-name", help="Sender's name of its mail.", metavar="NAME")]
ExcludeFromReply = Annotated[
    bool | None,
    typer.Option(
        "--exclude-from-reply/--no-exclude-from-reply", help="Whether answers of users leave its address out."
    ),
]

COLUMNS = {
    **accounts.COLUMNS,
    "teams": Column(rank=7),
    "create_case": Column("Cases", rank=8),
    "reply": Column("Answers", rank=9),
}
CLEARABLE: dict[str, tuple[str, ...]] = {
    "team": ("teams",),
    "group_folder": ("group_email_folder_id",),
    "assign_to": ("assign_to_user_id",),
    "case_team": ("team_id",),
    "distribution": ("case_distribution",),
    "position": ("target_user_position",),
    "reply_template": ("reply_email_template_id",),
    "reply_from_address": ("reply_from_address",),
    "reply_from_name": ("reply_from_name",),
    "reply_to": ("reply_to_address",),
    "from_name": ("from_name",),
}
"""What can be emptied, beside what both kinds have, and the columns that are then."""


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all accounts and what holds them back; of secrets only that they are there."""
    accounts.list_accounts("Group", COLUMNS, json=json)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")],
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
    teams: Teams = None,
    add_all_team_users: AllTeamUsers = None,
    group_email_folder_id: GroupFolder = None,
    assign_to_user_id: AssignTo = None,
    create_case: CreateCase = None,
    team_id: CaseTeam = None,
    case_distribution: Distribution = None,
    target_user_position: Position = None,
    reopen_on_reply: Reopen = None,
    notify_assignee: NotifyAssignee = None,
    reply: Reply = None,
    reply_email_template_id: ReplyTemplate = None,
    reply_from_address: ReplyFromAddress = None,
    reply_from_name: ReplyFromName = None,
    reply_to_address: ReplyTo = None,
    from_name: FromName = None,
    exclude_from_reply: ExcludeFromReply = None,
    json: AsJson = False,
) -> None:
    """Add an account. Its password is asked for, unless a file or variable holds it."""
    from jobrunner.services.mailbox.accounts.entry import GroupEntry

    accounts.add(GroupEntry, context.params, _resolve)


@app.command()
def edit(
    context: typer.Context,
    name_argument: options.Name,
    new_name: options.NewName = None,
    status: options.Status = None,
    clear: options.Clear = None,
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
    teams: Teams = None,
    add_all_team_users: AllTeamUsers = None,
    group_email_folder_id: GroupFolder = None,
    assign_to_user_id: AssignTo = None,
    create_case: CreateCase = None,
    team_id: CaseTeam = None,
    case_distribution: Distribution = None,
    target_user_position: Position = None,
    reopen_on_reply: Reopen = None,
    notify_assignee: NotifyAssignee = None,
    reply: Reply = None,
    reply_email_template_id: ReplyTemplate = None,
    reply_from_address: ReplyFromAddress = None,
    reply_from_name: ReplyFromName = None,
    reply_to_address: ReplyTo = None,
    from_name: FromName = None,
    exclude_from_reply: ExcludeFromReply = None,
    json: AsJson = False,
) -> None:
    """Change an account. What is not given stays; a change of how it connects ends what held it back.

    With another host or username it is another mailbox, and is read anew.
    """
    accounts.edit("Group", name_argument, context.params, _resolve, CLEARABLE)


@app.command()
def pause(name: options.Name, reason: options.Reason = "paused by hand") -> None:
    """Pause an account: it is not read until it is resumed."""
    accounts.pause("Group", name, reason)


@app.command()
def resume(name: options.Name) -> None:
    """End what holds an account back: a pause, the wait after a failure."""
    accounts.resume("Group", name)


@app.command()
def reset(name: options.Name, since: options.ResetSince) -> None:
    """Begin an account anew from a day: its folders are read as if for the first time. Known mail is not doubled."""
    accounts.reset("Group", name, since)


@app.command()
def remove(names: options.Names) -> None:
    """Remove accounts with their passwords and filters, and what is known of their reading. Their mails stay."""
    accounts.remove("Group", names)


@app.command("test")
def try_account(name: options.Name, json: AsJson = False) -> None:
    """Connect, list the folders and count their messages, or say what is wrong and what to do. Nothing is fetched.

    Where it works, what held the account back is over, unless a person paused it.
    """
    accounts.test("Group", name, json=json)


async def _resolve(here: accounts.Here, values: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Put ids in the place of names."""
    from jobrunner.services.mailbox.names import find_email_template, find_group_folder, find_team, find_user

    values = dict(values)
    if "teams" in values:
        values["teams"] = tuple([await find_team(here.connection, name) for name in values["teams"]])
    if "team_id" in values:
        values["team_id"] = await find_team(here.connection, values["team_id"])
    if "assign_to_user_id" in values:
        values["assign_to_user_id"] = await find_user(here.connection, values["assign_to_user_id"])
    if "group_email_folder_id" in values:
        values["group_email_folder_id"] = await find_group_folder(here.connection, values["group_email_folder_id"])
    if "reply_email_template_id" in values:
        values["reply_email_template_id"] = await find_email_template(
            here.connection, values["reply_email_template_id"]
        )
    await accounts.resolve_smtp_account(here, values)
    return values
