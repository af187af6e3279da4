"""`jobrunner webhook`: who is told of events."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson
from jobrunner.cli.plain_help import PlainHelp
from jobrunner.cli.webhook_database import Id, WebhookTools, with_webhooks
from jobrunner.cli.webhook_queue import deliveries, replay, send_test

if TYPE_CHECKING:
    from jobrunner.services.webhooks.table import WebhookRecord

app = typer.Typer(help="Show and change webhooks, see what became of events, and send them once more.")

Url = Annotated[str | None, typer.Option("--url", help="Where it is sent to.", metavar="URL")]
Description = Annotated[str | None, typer.Option("--description", help="A note for people.", metavar="TEXT")]
Owner = Annotated[
    str | None,
    typer.Option("--owner", help="User who owns it and is told of troubles, by id or name.", metavar="USER"),
]
SkipOwn = Annotated[bool | None, typer.Option("--skip-own/--tell-own", help="Whether to leave out what the owner did.")]
Format = Annotated[
    str | None,
    typer.Option("--format", help="array: as EspoCRM sends; standard: one event a request.", metavar="array|standard"),
]
StrictOrder = Annotated[
    bool | None,
    typer.Option("--strict-order/--no-strict-order", help="Whether what is refused blocks what comes after it."),
]
XSignature = Annotated[
    bool | None,
    typer.Option("--x-signature/--no-x-signature", help="Whether to send EspoCRM's older header, too."),
]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it gets anything.")]
SecretEnv = Annotated[
    str | None,
    typer.Option("--secret-env", help="Variable that holds the secret, if the receiver has one.", metavar="NAME"),
]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="File that holds it; - for standard input.", metavar="FILE")
]

COLUMNS = {
    "id": Column(),
    "event": Column(),
    "url": Column("URL", least=24),
    "state": Column(),
    "waiting": Column(),
    "failed": Column(),
    "owner": Column(rank=3),
    "format": Column(rank=4),
    "last_success_at": Column("Last success", rank=1),
    "last_error": Column(rank=2, least=16),
}


@app.command("list")
def list_all(json: AsJson = False) -> None:
    """List all webhooks."""
    from jobrunner.cli.output import table
    from jobrunner.services.webhooks.table import list_webhooks

    table([_row(one) for one in with_webhooks(lambda tools: list_webhooks(tools.connection))], COLUMNS, json=json)


@app.command(cls=PlainHelp)
def add(
    event: Annotated[
        str, typer.Option("--event", help="What it listens to: Account.create, Account.* or *.", metavar="EVENT")
    ],
    url: Annotated[str, typer.Option("--url", help="Where it is sent to.", metavar="URL")],
    description: Description = None,
    owner: Owner = None,
    skip_own: SkipOwn = None,
    format: Format = None,
    strict_order: StrictOrder = None,
    x_signature: XSignature = None,
    active: Active = None,
    secret_env: SecretEnv = None,
    secret_file: SecretFile = None,
    json: AsJson = False,
) -> None:
    """Add a webhook and show its secret, this once. One that the receiver has already may be given."""
    from jobrunner.cli.output import note
    from jobrunner.cli.secret_input import read_secret
    from jobrunner.services.webhooks.table import WebhookEntry, add_webhook, list_webhooks

    given = _given(
        description=description,
        skip_own=skip_own,
        format=format,
        strict_order=strict_order,
        x_signature=x_signature,
        active=active,
    )
    secret = read_secret("secret", env=secret_env, file=secret_file)

    async def write(tools: WebhookTools) -> "tuple[WebhookRecord, str, list[int]]":
        if owner is not None:
            given["owner_id"] = await _owner(tools, owner)
        record, made = await add_webhook(
            tools.connection,
            tools.keyring,
            tools.settings,
            WebhookEntry(event=event, url=url, **given),
            secret=None if secret is None else secret.get_secret_value(),
        )
        others = [one for one in await list_webhooks(tools.connection) if one.id != record.id]
        twins = [one.id for one in others if (one.event, one.url) == (record.event, record.url)]
        return record, made, twins

    record, made, twins = with_webhooks(write)
    _done("added", record, secret=made if secret is None else None, json=json)
    _warn(record)
    if twins:
        note(f"Warning: webhook {twins[0]} tells the same URL of the same events: each comes there more than once")


@app.command()
def edit(
    webhook: Id,
    url: Url = None,
    description: Description = None,
    owner: Owner = None,
    skip_own: SkipOwn = None,
    format: Format = None,
    strict_order: StrictOrder = None,
    x_signature: XSignature = None,
    active: Active = None,
    clear: Annotated[
        list[str] | None, typer.Option(help="Take away owner or description; may be repeated.", metavar="WHAT")
    ] = None,
    json: AsJson = False,
) -> None:
    """Change a webhook; what is not given stays. What it listens to cannot be changed: add another one."""
    from jobrunner.errors import InvalidInput, nearest
    from jobrunner.services.webhooks.table import edit_webhook

    clearable = {"owner": "owner_id", "description": "description"}
    changes: dict[str, Any] = {}
    for word in clear or []:
        if word not in clearable:
            raise InvalidInput(f"{word[:100]!r} cannot be taken away{nearest(word, clearable)}")
        changes[clearable[word]] = None
    changes |= _given(
        url=url,
        description=description,
        skip_own=skip_own,
        format=format,
        strict_order=strict_order,
        x_signature=x_signature,
        active=active,
    )
    if not changes and owner is None:
        raise InvalidInput("give what is to change (`jobrunner webhook edit --help` shows how)")

    async def write(tools: WebhookTools) -> "WebhookRecord":
        if owner is not None:
            changes["owner_id"] = await _owner(tools, owner)
        return await edit_webhook(tools.connection, tools.settings, webhook, changes)

    record = with_webhooks(write)
    _done("changed", record, json=json)
    if url is not None:
        _warn(record)


@app.command()
def remove(
    webhooks: Annotated[list[str], typer.Argument(help="Ids of webhooks.", metavar="WEBHOOK...")],
    json: AsJson = False,
) -> None:
    """Remove webhooks with their deliveries; a wrong id removes nothing."""
    from jobrunner.cli.output import print_json
    from jobrunner.services.webhooks.table import find_webhook, remove_webhook

    async def write(tools: WebhookTools) -> "list[WebhookRecord]":
        found = {(await find_webhook(tools.connection, one)).id for one in webhooks}  # one may be named twice
        return [await remove_webhook(tools.connection, str(id)) for id in sorted(found)]

    removed = with_webhooks(write)
    if json:
        print_json([_row(record) for record in removed])
        return
    for record in removed:
        _done("removed", record, json=False)


@app.command()
def enable(webhook: Id, json: AsJson = False) -> None:
    """Let a webhook go on at once: one that is disabled, inactive, or waits after failures."""
    from jobrunner.services.webhooks.table import enable_webhook

    _done("enabled", with_webhooks(lambda tools: enable_webhook(tools.connection, webhook)), json=json)


@app.command("rotate-secret")
def rotate(
    webhook: Id,
    now: Annotated[bool, typer.Option("--now", help="Drop the former secret at once: somebody else has it.")] = False,
    secret_env: SecretEnv = None,
    secret_file: SecretFile = None,
    json: AsJson = False,
) -> None:
    """Give a webhook a new secret and show it, this once. The former one signs beside it for a while."""
    from datetime import timedelta

    from jobrunner.cli.output import note
    from jobrunner.cli.secret_input import read_secret
    from jobrunner.services.webhooks.table import rotate_secret

    secret = read_secret("secret", env=secret_env, file=secret_file)

    async def write(tools: WebhookTools) -> "tuple[WebhookRecord, str, int]":
        hours = 0 if now else tools.settings.webhook_secret_overlap
        record, made = await rotate_secret(
            tools.connection,
            tools.keyring,
            webhook,
            overlap=timedelta(hours=hours),
            secret=None if secret is None else secret.get_secret_value(),
        )
        return record, made, hours

    record, made, hours = with_webhooks(write)
    _done("rotated the secret of", record, secret=made if secret is None else None, json=json)
    if hours and not json:
        note(f"the former secret signs, too, for {hours} h (`webhook_secret_overlap`)")


app.command("test")(send_test)
app.command()(deliveries)
app.command()(replay)


async def _owner(tools: WebhookTools, name: str) -> str:
    from jobrunner.services.mailbox.names import find_user

    return await find_user(tools.connection, name)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _row(record: "WebhookRecord") -> dict[str, Any]:
    from dataclasses import asdict

    state = "inactive" if not record.active else record.health.replace("_", " ")
    return {**asdict(record), "state": state, "last_error": record.disabled_reason or record.last_error}


def _done(verb: str, record: "WebhookRecord", *, secret: str | None = None, json: bool) -> None:
    from jobrunner.cli.output import cell, note, print_json

    if json:
        print_json({**_row(record), **({} if secret is None else {"secret": secret})})
        return
    typer.echo(f"{verb} {cell(record.name)}")
    if secret is not None:
        note("its secret, which is not shown again:")
        typer.echo(secret)


def _warn(record: "WebhookRecord") -> None:
    from jobrunner.cli.output import note

    if record.url.startswith("http://"):
        note("Warning: http:// shows everybody on the way what is sent; use https:// where the receiver can")
