"""The options that commands of mass e-mails have in common."""

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="Name or id of the mass e-mail.", metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Names or ids of mass e-mails.", metavar="NAME...")]
Template = Annotated[str | None, typer.Option(help="Its template.", metavar="TEMPLATE")]
Lists = Annotated[
    list[str] | None, typer.Option("--list", help="Target list that gets it; may be repeated.", metavar="LIST")
]
Excluding = Annotated[
    list[str] | None,
    typer.Option("--excluding", help="List of those that get none; may be repeated.", metavar="LIST"),
]
Account = Annotated[
    str | None, typer.Option(help="SMTP account that sends it; the system's by default.", metavar="ACCOUNT")
]
FromAddress = Annotated[str | None, typer.Option(help="Sender; the account's by default.", metavar="ADDRESS")]
FromName = Annotated[str | None, typer.Option(help="Sender's name.", metavar="NAME")]
ReplyTo = Annotated[str | None, typer.Option(help="Where answers go.", metavar="ADDRESS")]
ReplyToName = Annotated[str | None, typer.Option(help="Whom they are addressed to.", metavar="NAME")]
At = Annotated[
    str | None, typer.Option(help="When it starts, 2026-05-04T09:00; without an offset, here.", metavar="TIME")
]
StoreSent = Annotated[bool | None, typer.Option("--store-sent/--no-store-sent", help="Whether sent mails are kept.")]
OptOutEntirely = Annotated[
    bool | None,
    typer.Option(
        "--opt-out-entirely/--opt-out-of-lists",
        help="Whether who unsubscribes gets no mass mail at all any more, rather than none of its lists.",
    ),
]
Reason = Annotated[str | None, typer.Option(help="Why, for others to see.", metavar="TEXT")]
