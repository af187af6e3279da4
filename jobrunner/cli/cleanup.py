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

REMOVED = {
    "target": Column(),
    "what": Column(rank=2, least=20),
    "rows": Column("Removed"),
    "octets": Column("Bytes of files", rank=3),
    "seconds": Column("Took (s)", rank=4),
    "note": Column(rank=1, least=12),
}


@app.command()
def targets(only: Only = None, json: AsJson = False) -> None:
    """List what is removed, after how long, by which setting, and how many rows would go now."""
    _show(_preview(only), json=json)


@app.command()
def run(
    only: Only = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, only count.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run it beside one that is running.")] = False,
    json: AsJson = False,
) -> None:
    """Remove what is old, in this process, as the job does by its schedule (`run-job Cleanup`).

    Prints the targets of which something went, or stayed for a reason that concerns somebody.
    """
    from jobrunner.cli.output import table
    from jobrunner.cli.run_job import result_of, run_here, say_how
    from jobrunner.queue.cleanup_targets import choose_targets

    chosen = choose_targets(None if only is None else only.split(","))
    if dry_run:
        _show(_preview(only), json=json)
        return
    data = None if only is None else {"only": [target.name for target in chosen]}
    (ended,) = run_here("Cleanup", data=data, force=force)
    told = (result_of(ended) or {}).get("targets", {})
    whats = {target.name: target.what for target in chosen}
    rows = [
        {"target": name, "what": whats[name], "octets": None, **one, "note": _note(one)}
        for name, one in told.items()
        if json or one["rows"] or _note(one)
    ]
    if rows or json:
        table(rows, REMOVED, json=json)
    elif ended.status == "Success":
        typer.echo("nothing was to be removed", err=True)
    say_how("Cleanup", ended, err=True)
    if ended.status != "Success":
        raise typer.Exit(1)


def _note(one: "dict[str, Any]") -> str | None:
    """Return what is to be said of a target beside its numbers. That it is kept for ever is as somebody wants it."""
    from jobrunner.services.cleanup.run import KEPT_FOR_EVER

    stayed = [f"{count} still referred to by {table}" for table, count in one.get("referred", {}).items()]
    note = one.get("note")
    return ", ".join([*stayed, *([note] if note and note != KEPT_FOR_EVER else [])]) or None


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
    from jobrunner.cli.output import note, table
    from jobrunner.queue.cleanup_target import AT_ONCE
    from jobrunner.queue.cleanup_targets import cleanup_targets, problems_of_targets

    for problem in problems_of_targets():
        note(f"Warning: {problem}")
    settings = {one.name: getattr(one.period, "name", None) for one in cleanup_targets()}
    at_once = {one.name for one in cleanup_targets() if one.period == AT_ONCE}
    rows: list[dict[str, Any]] = [
        {
            "target": one.target,
            "what": one.what,
            "kept": AT_ONCE if one.target in at_once else one.kept or ("unknown" if one.error else "ever"),
            "rows": one.rows,
            "octets": one.octets,
            "setting": settings.get(one.target),
            "note": one.error or one.note,
        }
        for one in report.targets
    ]
    table(rows, COLUMNS, json=json)
