"""`jobrunner inbound-email`: the accounts of groups whose mail is fetched."""

from typing import Annotated, Any

import typer

from jobrunner.cli import mailbox_accounts as accounts
from jobrunner.cli import mailbox_commands
from jobrunner.cli import mailbox_options as options
from jobrunner.cli.grid import Column
from jobrunner.cli.mailbox_options import MAILBOX_OPTIONS, AccountChanges
from jobrunner.cli.mailbox_rows import COLUMNS as COMMON_COLUMNS
from jobrunner.cli.options import AsJson
from jobrunner.cli.plain_help import PlainHelp
from jobrunner.cli.shared_options import with_options

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
TakesUnsubscriptions = Annotated[
    bool | None,
    typer.Option(
        "--takes-unsubscriptions/--no-unsubscriptions",
        help="Whether mass mail offers its address to unsubscribe by mail.",
    ),
]


class GroupOptions:
    """What may be said of an account of a group."""

    teams: Teams = None
    add_all_team_users: AllTeamUsers = None
    group_email_folder_id: GroupFolder = None
    assign_to_user_id: AssignTo = None
    create_case: CreateCase = None
    team_id: CaseTeam = None
    case_distribution: Distribution = None
    target_user_position: Position = None
    reopen_on_reply: Reopen = None
    notify_assignee: NotifyAssignee = None
    reply: Reply = None
    reply_email_template_id: ReplyTemplate = None
    reply_from_address: ReplyFromAddress = None
    reply_from_name: ReplyFromName = None
    reply_to_address: ReplyTo = None
    from_name: FromName = None
    exclude_from_reply: ExcludeFromReply = None
    takes_unsubscriptions: TakesUnsubscriptions = None


COLUMNS = {
    **COMMON_COLUMNS,
    "teams": Column(rank=1),
    "create_case": Column("Cases", rank=1),
    "reply": Column("Answers", rank=1),
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

mailbox_commands.mount(app, "Group", COLUMNS)


@app.command(cls=PlainHelp)
@with_options(*MAILBOX_OPTIONS, GroupOptions)
def add(name: options.NewAccount, json: AsJson = False, **given: Any) -> None:
    """Add an account. Its password is asked for, unless a file or variable holds it."""
    from jobrunner.services.mailbox.accounts.entry import GroupEntry

    accounts.add(GroupEntry, {"name": name, **given}, _resolve, json=json)


@app.command(cls=PlainHelp)
@with_options(AccountChanges, *MAILBOX_OPTIONS, GroupOptions)
def edit(account: options.Name, json: AsJson = False, **given: Any) -> None:
    """Change an account. What is not given stays; a change of how it connects ends what held it back.

    With another host or username it is another mailbox, and is read anew.
    """
    accounts.edit("Group", account, given, _resolve, CLEARABLE, json=json)


async def _resolve(tools: accounts.MailboxTools, values: dict[str, Any], owner: str | None) -> dict[str, Any]:
    """Put ids in the place of names."""
    from jobrunner.services.mailbox.names import find_email_template, find_group_folder, find_team, find_user

    values = dict(values)
    if "teams" in values:
        values["teams"] = tuple([await find_team(tools.connection, name) for name in values["teams"]])
    if "team_id" in values:
        values["team_id"] = await find_team(tools.connection, values["team_id"])
    if "assign_to_user_id" in values:
        values["assign_to_user_id"] = await find_user(tools.connection, values["assign_to_user_id"])
    if "group_email_folder_id" in values:
        values["group_email_folder_id"] = await find_group_folder(tools.connection, values["group_email_folder_id"])
    if "reply_email_template_id" in values:
        values["reply_email_template_id"] = await find_email_template(
            tools.connection, values["reply_email_template_id"]
        )
    await accounts.resolve_smtp_account(tools, values)
    return values
