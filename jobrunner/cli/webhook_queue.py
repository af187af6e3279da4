"""`jobrunner webhook test|deliveries|replay`: what became of events, and sending them once more."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson
from jobrunner.cli.webhook_database import Id, WebhookTools, with_webhooks

if TYPE_CHECKING:
    from jobrunner.services.webhooks.table import WebhookRecord
    from jobrunner.services.webhooks.trial import Trial

DELIVERY_COLUMNS = {
    "number": Column("Event no."),
    "event": Column(),
    "target_id": Column("Target", rank=4),
    "status": Column(),
    "attempts": Column(),
    "status_code": Column("Answer"),
    "duration_ms": Column("ms", rank=5),
    "occurred_at": Column("Occurred", rank=6),
    "process_at": Column("Next attempt", rank=2),
    "message_id": Column("webhook-id", rank=3),
    "last_error": Column("Reason", rank=1, least=16),
}


def send_test(webhook: Id, json: AsJson = False) -> None:
    """Send the event webhook.test now, and show request, answer and timings."""
    from jobrunner.cli.output import print_json
    from jobrunner.services.webhooks.table import find_webhook
    from jobrunner.services.webhooks.trial import send_test as try_out

    async def send(tools: WebhookTools) -> "Trial":
        found = await find_webhook(tools.connection, webhook)
        return await try_out(tools.connection, tools.keyring, tools.settings, found)

    trial = with_webhooks(send)
    if json:
        from dataclasses import asdict

        print_json({**asdict(trial), "headers": dict(trial.headers)})
    else:
        _show(trial)
    if not trial.succeeded:
        raise typer.Exit(1)


def deliveries(
    webhook: Id,
    status: Annotated[
        str | None, typer.Option("--status", help="Only those Pending, Success or Failed.", metavar="STATUS")
    ] = None,
    message: Annotated[
        str | None, typer.Option("--webhook-id", help="Only those of this request, as its header says.", metavar="ID")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most that are shown.")] = 50,
    json: AsJson = False,
) -> None:
    """Show what became of events, the newest first, with the last answer to each."""
    from dataclasses import asdict

    from jobrunner.cli.output import table
    from jobrunner.services.webhooks.deliveries import Delivery, list_deliveries
    from jobrunner.services.webhooks.table import find_webhook

    async def read(tools: WebhookTools) -> "list[Delivery]":
        found = await find_webhook(tools.connection, webhook)
        return await list_deliveries(tools.connection, found, status=status, message=message, limit=limit)

    table([asdict(one) for one in with_webhooks(read)], DELIVERY_COLUMNS, json=json)


def replay(
    webhook: Id,
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Numbers of events, as `deliveries` shows them.", metavar="EVENT")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", help="All that occurred since: ISO 8601, today, or 2h before now.", metavar="TIME"),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="And before this time.", metavar="TIME")] = None,
    json: AsJson = False,
) -> None:
    """Send deliveries once more, in the order of their numbers: some, all that have failed, or all since a time."""
    from jobrunner.cli.moments import parse_moment
    from jobrunner.cli.output import note, print_json
    from jobrunner.services.webhooks.deliveries import replay as send_again
    from jobrunner.services.webhooks.table import find_webhook

    async def write(tools: WebhookTools) -> "tuple[WebhookRecord, list[int]]":
        found = await find_webhook(tools.connection, webhook)
        replayed = await send_again(
            tools.connection,
            found,
            numbers=numbers or None,
            since=None if since is None else parse_moment("--since", since, ago=True),
            until=None if until is None else parse_moment("--until", until, ago=True),
            all_failed=failed,
        )
        return found, replayed

    record, replayed = with_webhooks(write)
    if json:
        print_json({"numbers": replayed})
        return
    count = len(replayed)
    typer.echo(f"{count} {'delivery goes' if count == 1 else 'deliveries go'} to {record.name} again")
    if record.health == "disabled" or not record.active:
        note(f"Warning: it gets nothing as it is; `jobrunner webhook enable {record.id}` lets it go on")


def _show(trial: "Trial") -> None:
    from jobrunner.cli.control_characters import clean

    reply = trial.reply
    lines = [f"POST {trial.url}", *(f"{name}: {value}" for name, value in trial.headers.items()), "", trial.body, ""]
    if reply.status is not None:
        address = f" from {reply.connected_ip}" if reply.connected_ip else ""
        lines.append(f"answered with {reply.status}{address} in {reply.duration_ms} ms")
        lines += [f"Location: {reply.location}"] if reply.location else []
        lines += [reply.answer_head] if reply.answer_head else []
    for line in lines:
        typer.echo(clean(line, lines=True))
    verdict = "it works" if trial.succeeded else f"it does not work: {trial.reason}"
    typer.echo(clean(verdict))
