"""The options that commands of both kinds of accounts that are read have in common."""

from typing import Annotated

import typer

from jobrunner.cli.login_options import Guarded, LoginOptions

Name = Annotated[str, typer.Argument(help="Name or id of the account.", metavar="ACCOUNT")]
NewAccount = Annotated[str, typer.Argument(help="A name for it.", metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Names or ids of accounts.", metavar="ACCOUNT...")]
NewName = Annotated[str | None, typer.Option("--name", help="A new name.", metavar="NAME")]
Status = Annotated[str | None, typer.Option(help="Active or Inactive.", metavar="WORD")]
Address = Annotated[
    str | None, typer.Option("--address", help="Its address; the username, if that is one.", metavar="ADDRESS")
]
Imap = Annotated[bool | None, typer.Option("--imap/--no-imap", help="Whether it is read at all.")]
Host = Annotated[str | None, typer.Option(help="The IMAP server.", metavar="HOST")]
Port = Annotated[int | None, typer.Option(help="Its port: 993 with ssl, 143 with tls or none.", metavar="N")]
Security = Annotated[
    str | None,
    typer.Option(
        help="ssl: TLS from the first byte, the default; tls: STARTTLS, demanded; none: in clear, to this machine.",
        metavar="WORD",
    ),
]
Username = Annotated[str | None, typer.Option(help="To log in with; the address by default.", metavar="NAME")]
Folders = Annotated[
    list[str] | None,
    typer.Option(
        "--folder",
        help="Folder to read, INBOX by default; * stands for any run of characters; may be repeated.",
        metavar="FOLDER",
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Nothing older than this day is fetched; today by default.", metavar="DATE"),
]
KeepUnread = Annotated[
    bool | None, typer.Option("--keep-unread/--mark-as-read", help="What becomes of fetched mail at the server.")
]
Idle = Annotated[bool | None, typer.Option("--idle/--no-idle", help="Whether new mail is waited for (IMAP IDLE).")]
SentFolder = Annotated[
    str | None,
    typer.Option("--sent-folder", help="Folder at the server in which sent mail is stored.", metavar="FOLDER"),
]
SmtpAccount = Annotated[
    str | None, typer.Option("--smtp-account", help="Name or id of the SMTP account by which it sends.", metavar="NAME")
]
Clear = Annotated[
    list[str] | None,
    typer.Option(help="Empty what may be empty, such as sent-folder; may be repeated.", metavar="WHAT"),
]
Reason = Annotated[str, typer.Option(help="Why, for whoever sees it.", metavar="TEXT")]
ResetSince = Annotated[str, typer.Option("--since", help="The day from which on mail is fetched.", metavar="DATE")]


class AccountChanges:
    """What only an account that is there can have said of it."""

    new_name: NewName = None
    status: Status = None
    clear: Clear = None


class ServerOptions:
    """Where an account of either kind is read, and as who."""

    email_address: Address = None
    host: Host = None
    port: Port = None
    security: Security = None
    username: Username = None


class ReadingOptions:
    """What is read of it, and what belongs to that."""

    guarded: Guarded = None
    monitored_folders: Folders = None
    fetch_since: Since = None
    keep_fetched_emails_unread: KeepUnread = None
    idle: Idle = None
    sent_folder: SentFolder = None
    smtp_account_id: SmtpAccount = None
    use_imap: Imap = None


MAILBOX_OPTIONS = (ServerOptions, LoginOptions, ReadingOptions)
"""What may be said of an account of either kind, when it is added and when it is changed."""
