"""How an account logs in at its server: the same options whether mail is sent by it or read."""

from pathlib import Path
from typing import Annotated

import typer

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
Guarded = Annotated[
    bool | None,
    typer.Option(
        "--guarded/--not-guarded",
        help="Whether its servers must be outside this network, as for an account that a user has entered.",
    ),
]


class LoginOptions:
    """Password or OAuth 2.0; what is secret is never an argument."""

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
