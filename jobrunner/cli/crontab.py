"""`jobrunner crontab`: what an expression means, before it is put to work."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jobrunner.crontab import Explanation

app = typer.Typer(help="Explain crontab expressions.")

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@app.callback()
def _crontab() -> None:
    """Explain crontab expressions."""


@app.command()
def explain(
    expression: Annotated[str, typer.Argument(metavar="EXPR", help="Five or six fields, in quotes; or @daily etc.")],
    time_zone: Annotated[str, typer.Option(help="Time zone, such as Europe/Berlin.", metavar="ZONE")] = "UTC",
    after: Annotated[
        str | None,
        typer.Option(
            help="Show what comes after this time (ISO 8601, without an offset in the time zone); now by default.",
            metavar="TIME",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many fire times.", metavar="N")] = 5,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say in words when an expression fires, when next, how often a day, and what to look out for."""
    from datetime import UTC, datetime

    from jobrunner import crontab
    from jobrunner.errors import InvalidInput

    cron = crontab.Crontab.parse(expression)
    zone = crontab.zone(time_zone)
    start = datetime.now(UTC)
    if after is not None:
        try:
            start = datetime.fromisoformat(after)
        except ValueError:
            raise InvalidInput(f"--after {after[:40]!r} is no time; write it as 2026-03-29T01:30") from None
        if start.tzinfo is None:
            start = start.replace(tzinfo=zone)
    explanation = crontab.explain(cron, zone, start, count)
    if json:
        _print_json(explanation)
    else:
        _print_text(explanation)


def _print_json(explanation: "Explanation") -> None:
    from dataclasses import asdict

    from jobrunner.cli.output import print_json

    fires = [moment.isoformat() for moment in explanation.next]  # in the zone asked for, not in this machine's
    print_json({**asdict(explanation), "next": fires})


def _print_text(explanation: "Explanation") -> None:
    typer.echo(f"{explanation.expression}\n{explanation.words}.\n")
    typer.echo(f"Next fire times in {explanation.time_zone}")
    for moment in explanation.next:
        # The offset is part of it: in the repeated hour nothing else tells the two times apart.
        typer.echo(f"  {WEEKDAYS[moment.weekday()]} {moment.isoformat(sep=' ')}")
    typer.echo(f"\nJobs a day: {_rate(explanation.jobs_per_day)}")
    if explanation.warnings:
        typer.echo("\nLook out")
        for warning in explanation.warnings:
            typer.echo(f"  - {warning}")


def _rate(jobs_per_day: float) -> str:
    """Return the long-run average as a person says it: what is rare is told by the year."""
    if jobs_per_day == round(jobs_per_day):
        return f"{jobs_per_day:,.0f}"
    if jobs_per_day >= 1:
        return f"{jobs_per_day:,.1f} on average"
    per_year = jobs_per_day * 365.2425
    return f"{jobs_per_day:.2g} on average ({per_year:.3g} a year)"
