"""`jobrunner cleanup`: what is old is removed, and what would be."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobrunner.cli.grid import Column
from jobrunner.cli.options import AsJson

if TYPE_CHECKING:
    from jobrunner.services.cleanup.report import Report

app = typer.Typer(help="Show what the job Cleanup removes, after how long, and remove it.")

Only = Annotated[str | None, typer.Option(help="Only these targets, with commas between them.", metavar="TARGETS")]

COUNTING_LIMIT = 600.0
"""Seconds that it may take to count all that would go."""

COLUMNS = {
    "target": Column(),
    "what": Column(rank=1, least=20),
    "kept": Column("Kept for"),
    "rows": Column("Would go now"),
    "octets": Column("Bytes of files", rank=2),
    "setting": Column(rank=3, least=12),
    "note": Column(rank=4, least=12),
}


@app.command()
def targets(only: Only = None, json: AsJson = False) -> None:
    """List what is removed, after how long, by which setting, and how many rows would go now."""
    _show(_preview(only), json=json)


@app.command()
def run(
    context: typer.Context,
    only: Only = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, only count.")] = False,
    json: AsJson = False,
) -> None:
    """Remove what is old, in this process, as the job does by its schedule (`run-job Cleanup`)."""
    from jobrunner.cli.run_job import run_job

    if dry_run:
        _show(_preview(only), json=json)
        return
    context.args = [] if only is None else [f"--only={only}"]
    run_job(context, "Cleanup", json=json)


def _preview(only: str | None) -> "Report":
    from jobrunner.cli.database import opened
    from jobrunner.cli.output import run
    from jobrunner.cli.session import session
    from jobrunner.queue.cleanup_targets import choose_targets
    from jobrunner.services.cleanup.preview import preview

    chosen = choose_targets(None if only is None else only.split(","))

    async def count() -> "Report":
        async with session() as here, opened(here, "cleanup") as connection:
            return await connection.transaction(
                lambda raw: preview(raw, here.configuration, chosen), limit=COUNTING_LIMIT
            )

    return run(count())


def _show(report: "Report", *, json: bool) -> None:
    from jobrunner.cli.output import table
    from jobrunner.queue.cleanup_targets import cleanup_targets

    settings = {one.name: getattr(one.period, "name", None) for one in cleanup_targets()}
    rows: list[dict[str, Any]] = [
        {
            "target": one.target,
            "what": one.what,
            "kept": one.kept or "ever",
            "rows": one.rows,
            "octets": one.octets,
            "setting": settings.get(one.target),
            "note": one.error or one.note,
        }
        for one in report.targets
    ]
    table(rows, COLUMNS, json=json)
