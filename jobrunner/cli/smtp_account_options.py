"""The options of `jobrunner smtp-account add` and `edit`."""

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.login_options import Guarded, LoginOptions

Kind = Annotated[
    str | None,
    typer.Option(help="System (the program's own mails), Group or Personal (of one user).", metavar="KIND"),
]
User = Annotated[str | None, typer.Option("--user", help="Id of the user whose personal account it is.", metavar="ID")]
Host = Annotated[str | None, typer.Option(help="The mail server.", metavar="HOST")]
Port = Annotated[int | None, typer.Option(help="Its port: 587 with tls, 465 with ssl, 25 with none.", metavar="N")]
Security = Annotated[
    str | None,
    typer.Option(help="tls: STARTTLS, demanded; ssl: TLS from the first byte; none: in clear.", metavar="WORD"),
]
LocalHostname = Annotated[
    str | None, typer.Option(help="Name given to the server in EHLO; this machine's by default.", metavar="NAME")
]
Username = Annotated[str | None, typer.Option(help="To log in with; without it no login.", metavar="NAME")]
FromAddress = Annotated[
    str | None, typer.Option(help="Sender's address; the username, if that is one.", metavar="ADDRESS")
]
FromName = Annotated[str | None, typer.Option(help="Sender's name.", metavar="NAME")]
ReplyTo = Annotated[str | None, typer.Option("--reply-to", help="Where answers go.", metavar="ADDRESS")]
ForMassMail = Annotated[
    bool | None, typer.Option("--for-mass-mail/--not-for-mass-mail", help="Whether mass mail may go by it.")
]
Shared = Annotated[bool | None, typer.Option("--shared/--not-shared", help="Whether others may send by it.")]
RatePerMinute = Annotated[int | None, typer.Option(help="Most mails a minute.", metavar="N")]
RatePerHour = Annotated[int | None, typer.Option(help="Most mails an hour.", metavar="N")]
DomainRatePerMinute = Annotated[
    int | None, typer.Option(help="Most mails a minute to one receiving domain.", metavar="N")
]
DomainRatePerHour = Annotated[int | None, typer.Option(help="Most mails an hour to one of them.", metavar="N")]
DomainConcurrency = Annotated[
    int | None, typer.Option(help="Most mails at once to one receiving domain; 2 by default.", metavar="N")
]
MaxConnections = Annotated[int | None, typer.Option(help="Most connections at once; 4 by default.", metavar="N")]
MessagesPerConnection = Annotated[
    int | None, typer.Option(help="Mails after which a connection is opened anew; 100 by default.", metavar="N")
]
IdleClose = Annotated[
    float | None, typer.Option(help="Seconds until an idle connection is closed; 25 by default.", metavar="SECONDS")
]
UncertainPolicy = Annotated[
    str | None,
    typer.Option(
        help="What becomes of a mass mail of which it is not known whether it was taken: hold (it waits for a person), "
        "retry or assume_sent.",
        metavar="WORD",
    ),
]
DkimDomain = Annotated[str | None, typer.Option(help="Domain that signs the mails.", metavar="DOMAIN")]
DkimSelector = Annotated[str | None, typer.Option(help="Under which its public key stands in the DNS.", metavar="NAME")]
DkimKeyFile = Annotated[Path | None, typer.Option(help="File with the private key (PEM).", metavar="FILE")]
DkimSecondSelector = Annotated[
    str | None, typer.Option(help="Selector of a second signature, for an ed25519 key.", metavar="NAME")
]
DkimSecondKeyFile = Annotated[Path | None, typer.Option(help="File with its private key.", metavar="FILE")]


class ServerOptions:
    """As who it greets and logs in; host, kind and security are taken differently by each command."""

    local_hostname: LocalHostname = None
    username: Username = None


class SendingOptions:
    """How it sends."""

    from_address: FromAddress = None
    from_name: FromName = None
    reply_to: ReplyTo = None
    for_mass_mail: ForMassMail = None
    shared: Shared = None
    guarded: Guarded = None
    rate_per_minute: RatePerMinute = None
    rate_per_hour: RatePerHour = None
    domain_rate_per_minute: DomainRatePerMinute = None
    domain_rate_per_hour: DomainRatePerHour = None
    domain_concurrency: DomainConcurrency = None
    max_connections: MaxConnections = None
    messages_per_connection: MessagesPerConnection = None
    idle_close: IdleClose = None
    uncertain_policy: UncertainPolicy = None
    dkim_domain: DkimDomain = None
    dkim_selector: DkimSelector = None
    dkim_key_file: DkimKeyFile = None
    dkim_second_selector: DkimSecondSelector = None
    dkim_second_key_file: DkimSecondKeyFile = None


SMTP_ACCOUNT_OPTIONS = (ServerOptions, LoginOptions, SendingOptions)
"""What may be said of an account, when it is added and when it is changed."""
