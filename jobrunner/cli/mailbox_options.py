"""The options that commands of both kinds of accounts that are read have in common."""

from pathlib import Path
from typing import Annotated

import typer

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
Login = Annotated[str | None, typer.Option(help="auto, plain, login, cram-md5 or xoauth2.", metavar="WAY")]
PasswordEnv = Annotated[
    str | None, typer.Option(help="Variable of the environment that holds the password.", metavar="VARIABLE")
]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File that holds the password; - for standard input.", metavar="FILE")
]
AskPassword = Annotated[bool, typer.Option("--ask-password", help="Ask for the password at the terminal.")]
TokenUrl = Annotated[
    str | None, typer.Option("--oauth-token-url", help="Where access tokens are had, for xoauth2.", metavar="URL")
]
ClientId = Annotated[str | None, typer.Option("--oauth-client-id", help="Id given by the provider.", metavar="ID")]
Scope = Annotated[str | None, typer.Option("--oauth-scope", help="Scope to ask for.", metavar="TEXT")]
ClientSecretFile = Annotated[
    Path | None, typer.Option("--oauth-client-secret-file", help="File with the client secret.", metavar="FILE")
]
ClientSecretEnv = Annotated[
    str | None, typer.Option("--oauth-client-secret-env", help="Variable with it instead.", metavar="VARIABLE")
]
RefreshTokenFile = Annotated[
    Path | None, typer.Option("--oauth-refresh-token-file", help="File with the refresh token.", metavar="FILE")
]
RefreshTokenEnv = Annotated[
    str | None, typer.Option("--oauth-refresh-token-env", help="Variable with it instead.", metavar="VARIABLE")
]
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
Guarded = Annotated[
    bool | None,
    typer.Option(
        "--guarded/--not-guarded",
        help="Whether its servers must be outside this network, as for an account that a user has entered.",
    ),
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


class MailboxOptions:
    """What may be said of an account of either kind, when it is added and when it is changed."""

    email_address: Address = None
    host: Host = None
    port: Port = None
    security: Security = None
    username: Username = None
    login: Login = None
    password_env: PasswordEnv = None
    password_file: PasswordFile = None
    ask_password: AskPassword = False
    oauth_token_url: TokenUrl = None
    oauth_client_id: ClientId = None
    oauth_scope: Scope = None
    client_secret_file: ClientSecretFile = None
    client_secret_env: ClientSecretEnv = None
    refresh_token_file: RefreshTokenFile = None
    refresh_token_env: RefreshTokenEnv = None
    guarded: Guarded = None
    monitored_folders: Folders = None
    fetch_since: Since = None
    keep_fetched_emails_unread: KeepUnread = None
    idle: Idle = None
    sent_folder: SentFolder = None
    smtp_account_id: SmtpAccount = None
    use_imap: Imap = None
